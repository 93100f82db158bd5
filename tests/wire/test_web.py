"""The pages over a real socket: headers, methods, and addresses that cannot be had."""

import asyncio
import re
import socket
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Iterable,
    Mapping,
)
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pytest
from aiohttp import ClientSession

from exporter.exposition import Page
from exporter.exposition.negotiation import OPENMETRICS, TEXT
from exporter.web import routes
from exporter.web.address import ListenAddress, ListenError
from exporter.web.listen import Listeners
from exporter.web.routes import Sources, application

InLoop = Callable[[Coroutine[Any, Any, None]], None]

ANY_PORT = ListenAddress("127.0.0.1", 0)
BODY = '# HELP x X.\n# TYPE x gauge\nx{target="ü"} 1\n'.encode()
PAGE = Page(TEXT, gzip=False, parts=(BODY,))
PATHS = ["/", "/metrics", "/config", "/-/healthy", "/-/ready"]


class Answer(NamedTuple):
    """What came back for a request."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Site:
    """An application that is served, with sources of its own."""

    page: Page = PAGE
    before: Callable[[], Awaitable[None]] | None = None  # awaited before a page
    is_ready: bool = True
    asked: list[tuple[str, str, list[str]]] = field(default_factory=list)
    complaint: str = ""  # about a configuration that is to be reloaded
    reloads: int = 0
    session: ClientSession = field(init=False)
    url: str = ""

    async def metrics(
        self, accept: str, accept_encoding: str, names: Iterable[str]
    ) -> Page:
        """Give the page, and remember what was asked for."""
        self.asked.append((accept, accept_encoding, [*names]))
        if self.before:
            await self.before()
        return self.page

    async def reload(self) -> str:
        """Reload, and say what is wrong."""
        self.reloads += 1
        return self.complaint

    async def ask(
        self,
        path: str,
        method: str = "GET",
        headers: Iterable[tuple[str, str]] = (),
    ) -> Answer:
        """Send a request with these headers, and none that a client adds by itself."""
        async with self.session.request(
            method,
            self.url + path,
            headers=[*headers],
            skip_auto_headers=["Accept", "Accept-Encoding"],
        ) as response:
            return Answer(response.status, response.headers, await response.read())


@asynccontextmanager
async def served(site: Site) -> AsyncIterator[Listeners]:
    """Serve a site on a free port of this machine."""
    sources = Sources(
        site.metrics,
        lambda: site.is_ready,
        site.reload,
        lambda: "targets: [a]\n",
        "1.2<3>",
    )
    listeners = Listeners(application(sources))
    (opened,) = await listeners.open([ANY_PORT])
    site.url = f"http://{opened}"
    try:
        async with ClientSession(auto_decompress=False) as site.session:
            yield listeners
    finally:
        await listeners.close()


# --- metrics


def test_metrics(in_loop: InLoop) -> None:
    """The page has its exact type, tells caches what it depends on, and its octets."""

    async def story() -> None:
        site = Site()
        async with served(site):
            answer = await site.ask("/metrics")

        assert (answer.status, answer.body) == (200, BODY)
        assert answer.headers["Content-Type"] == TEXT
        assert answer.headers["Vary"] == "Accept, Accept-Encoding"
        assert "Content-Encoding" not in answer.headers
        assert site.asked == [("", "", [])]

    in_loop(story())


def test_metrics_compressed(in_loop: InLoop) -> None:
    """A compressed page is announced as such, and its octets are passed on."""

    async def story() -> None:
        site = Site(Page(OPENMETRICS, gzip=True, parts=(b"\x1f\x8b octets",)))
        async with served(site):
            answer = await site.ask("/metrics", headers=[("Accept-Encoding", "gzip")])

        assert (answer.status, answer.body) == (200, b"\x1f\x8b octets")
        assert answer.headers["Content-Type"] == OPENMETRICS
        assert answer.headers["Content-Encoding"] == "gzip"
        assert answer.headers["Vary"] == "Accept, Accept-Encoding"

    in_loop(story())


def test_a_large_page(in_loop: InLoop) -> None:
    """A page of ten thousand targets' size arrives whole."""

    async def story() -> None:
        site = Site(Page(TEXT, gzip=False, parts=(BODY * 200_000,)))
        async with served(site):
            answer = await site.ask("/metrics")

        assert answer.status == 200
        assert answer.body == site.page.body

    in_loop(story())


def test_what_the_client_accepts_is_passed_on(in_loop: InLoop) -> None:
    """A header that came in two lines is one list, and every `name[]` is heard."""
    headers = [
        ("Accept", "text/plain;q=0.5"),
        ("Accept-Encoding", "br"),
        ("Accept", "*/*"),
        ("Accept-Encoding", "gzip;q=0.1"),
    ]

    async def story() -> None:
        site = Site()
        async with served(site):
            await site.ask("/metrics?name[]=a&x=y&name%5B%5D=b", headers=headers)

        assert site.asked == [("text/plain;q=0.5,*/*", "br,gzip;q=0.1", ["a", "b"])]

    in_loop(story())


def test_a_page_that_cannot_be_made(
    in_loop: InLoop, caplog: pytest.LogCaptureFixture
) -> None:
    """It is 500, without a word of what went wrong inside; the log has that."""

    async def broken() -> None:
        raise RuntimeError("inside knowledge")

    async def story() -> None:
        site = Site(before=broken)
        async with served(site):
            answer = await site.ask("/metrics")
            assert answer.status == 500
            assert b"inside" not in answer.body
            assert (await site.ask("/-/healthy")).status == 200

    in_loop(story())
    assert "inside knowledge" in caplog.text


# --- the others


def test_ready(in_loop: InLoop) -> None:
    """Readiness is 503 until it is 200; health is 200 throughout."""

    async def story() -> None:
        site = Site(is_ready=False)
        async with served(site):
            before, alive = await site.ask("/-/ready"), await site.ask("/-/healthy")
            site.is_ready = True
            after = await site.ask("/-/ready")

        assert (before.status, alive.status, after.status) == (503, 200, 200)
        assert before.body == b"mailserver-exporter is not ready.\n"
        assert alive.body == b"mailserver-exporter is healthy.\n"
        assert after.body == b"mailserver-exporter is ready.\n"

    in_loop(story())


def test_landing(in_loop: InLoop) -> None:
    """The first page is HTML that names the version, and all its links lead on."""

    async def story() -> None:
        site = Site()
        async with served(site):
            page = await site.ask("/")
            links = re.findall('(?:href|src)="(/[^"]*)"', page.body.decode())
            followed = [(await site.ask(link)).status for link in links]

        assert page.headers["Content-Type"] == "text/html; charset=utf-8"
        assert b"<!doctype html>" in page.body
        assert b"Version 1.2&lt;3&gt;." in page.body
        assert {*PATHS} <= {*links}
        assert followed == [200] * len(links)

    in_loop(story())


@pytest.mark.parametrize("path", PATHS)
def test_head(path: str, in_loop: InLoop) -> None:
    """HEAD is answered as GET is, without the body."""

    async def story() -> None:
        site = Site()
        async with served(site):
            get, head = await site.ask(path), await site.ask(path, "HEAD")

        assert (get.status, head.status, head.body) == (200, 200, b"")
        same = ("Content-Type", "Content-Length", "Vary")
        for name in same:
            assert head.headers.get(name) == get.headers.get(name)
        assert int(head.headers["Content-Length"]) == len(get.body)

    in_loop(story())


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_other_methods(path: str, method: str, in_loop: InLoop) -> None:
    """What would change something is 405, and the answer says what is allowed."""

    async def story() -> None:
        site = Site()
        async with served(site):
            answer = await site.ask(path, method)

        assert answer.status == 405
        assert answer.headers["Allow"] == "GET,HEAD"
        assert site.asked == []

    in_loop(story())


@pytest.mark.parametrize("path", ["/metric", "/metrics/", "/-/", "/favicon.ico", "//"])
def test_nothing_there(path: str, in_loop: InLoop) -> None:
    """Any other path is 404."""

    async def story() -> None:
        site = Site()
        async with served(site):
            assert (await site.ask(path)).status == 404

    in_loop(story())


# --- listening


def test_a_port_that_is_taken(in_loop: InLoop) -> None:
    """It is told in one sentence, and what was opened before is closed again."""

    async def story(taken: int) -> None:
        listeners = Listeners(
            application(Sources(Site().metrics, bool, Site().reload, str, "1"))
        )
        with pytest.raises(ListenError) as raised:
            await listeners.open([ANY_PORT, ListenAddress("127.0.0.1", taken)])
        free = listeners.addresses[0].port
        await listeners.close()

        assert str(raised.value) == (
            f"cannot listen on 127.0.0.1:{taken}: address already in use; "
            "choose another with --web.listen-address"
        )
        with socket.socket() as sock:
            assert sock.connect_ex(("127.0.0.1", free)) != 0

    with socket.create_server(("127.0.0.1", 0)) as holder:
        in_loop(story(holder.getsockname()[1]))


def test_an_address_that_is_not_ours(in_loop: InLoop) -> None:
    """An address of another machine is told in one sentence too."""

    async def story() -> None:
        listeners = Listeners(
            application(Sources(Site().metrics, bool, Site().reload, str, "1"))
        )
        with pytest.raises(ListenError, match=r"^cannot listen on 192\.0\.2\.1:0: \w+"):
            await listeners.open([ListenAddress("192.0.2.1", 0)])
        await listeners.close()

    in_loop(story())


def test_several_addresses(in_loop: InLoop) -> None:
    """Each is opened, and told with the port that was really taken."""

    async def story() -> None:
        site = Site()
        listeners = Listeners(
            application(Sources(site.metrics, bool, site.reload, str, "1"))
        )
        opened = await listeners.open([ANY_PORT, ANY_PORT])
        async with ClientSession() as site.session:
            for address in opened:
                site.url = f"http://{address}"
                assert (await site.ask("/-/healthy")).status == 200
        await listeners.close()

        assert len({*opened}) == 2
        assert {address.host for address in opened} == {"127.0.0.1"}
        assert 0 not in {address.port for address in opened}

    in_loop(story())


def test_an_answer_under_way_is_finished(in_loop: InLoop) -> None:
    """Who asked before the listeners close still gets the page."""

    async def story() -> None:
        begun, may_end = asyncio.Event(), asyncio.Event()

        async def slow() -> None:
            begun.set()
            await may_end.wait()

        site = Site(before=slow)
        async with served(site) as listeners:
            asking = asyncio.create_task(site.ask("/metrics"))
            await begun.wait()
            closing = asyncio.create_task(listeners.close())
            await asyncio.sleep(0)
            may_end.set()
            assert (await asking).body == BODY
            await closing

    in_loop(story())


# --- pages that are larger than what a socket takes at once

BIG = Page(TEXT, gzip=False, parts=(BODY * 700_000,))  # 30 MB, above any socket's room


def test_a_big_page(in_loop: InLoop) -> None:
    """A big page arrives whole, with its length, and HEAD tells that length alone."""

    async def look() -> None:
        site = Site(page=BIG)
        async with served(site):
            got = await site.ask("/metrics")
            told = await site.ask("/metrics", "HEAD")

        assert got.body == BIG.body
        assert told.body == b""
        for answer in (got, told):
            assert answer.headers["Content-Length"] == str(len(BIG.body))
            assert answer.headers["Content-Type"] == TEXT

    in_loop(look())


def test_a_client_that_does_not_read(
    in_loop: InLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that does not read loses its connection when its time is over."""
    monkeypatch.setattr(routes, "_SENDING_SECONDS", 0.2)

    async def look() -> None:
        site = Site(page=BIG)
        async with served(site):
            host, port = site.url.removeprefix("http://").split(":")
            reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
            writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            writer.transport.pause_reading()  # type: ignore[attr-defined]  # a read transport
            assert (await site.ask("/metrics")).body == BIG.body  # others are served
            await asyncio.sleep(0.4)  # time itself is what ends it
            writer.transport.resume_reading()  # type: ignore[attr-defined]  # a read transport
            got = 0
            with suppress(ConnectionResetError):
                while octets := await reader.read(1 << 16):
                    got += len(octets)
            writer.close()

        assert got < len(BIG.body)

    in_loop(look())


# --- reload


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_reload(in_loop: InLoop, method: str) -> None:
    """A reload is asked for, and its end is told."""

    async def story() -> None:
        site = Site()
        async with served(site):
            good = await site.ask("/-/reload", method)
            site.complaint = "config.yaml:1:1: targets: name a <server>"
            bad = await site.ask("/-/reload", method)

        assert (good.status, site.reloads) == (200, 2)
        assert bad.status == 500
        assert site.complaint in bad.body.decode()
        assert bad.headers["Content-Type"].startswith("text/plain")

    in_loop(story())


def test_reload_is_not_read(in_loop: InLoop) -> None:
    """A reload that is only looked at is none."""

    async def story() -> None:
        site = Site()
        async with served(site):
            answer = await site.ask("/-/reload", "GET")

        assert (answer.status, site.reloads) == (405, 0)

    in_loop(story())


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"Origin": "http://evil.test"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": ""}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "http://evil.test"}, 403),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "https://mail.test:9"}, 200),
    ],
)
def test_reload_from_elsewhere(
    fields: dict[str, str], status: int, in_loop: InLoop
) -> None:
    """A browser that shows a page of another site cannot reload, with any login."""

    async def story() -> None:
        site = Site()
        async with served(site):
            headers = {"Host": "mail.test:9", **fields}
            answer = await site.ask("/-/reload", "POST", headers.items())

        assert (answer.status, site.reloads) == (status, int(status == 200))

    in_loop(story())
