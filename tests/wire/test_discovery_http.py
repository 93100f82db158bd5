"""Addresses that name targets: what of an answer counts, and what is kept without."""

import asyncio
import json
import ssl
import threading
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Mapping,
)
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiohttp import web

from exporter import __version__
from exporter.discovery import http
from exporter.discovery.http import HttpWatch
from exporter.targets import HttpSource, Module, Target
from exporter.vocabulary import TargetSource
from tests.wire.ports import filtered_port

InLoop = Callable[[Coroutine[Any, Any, None]], None]
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]

QUERY = "?token=s3cret"
PATIENT = 60.0  # seconds from look to look, so that an answer has its full time
HASTY = 0.3  # seconds; an answer has no more


def make(
    address: str,
    module: str | None,
    labels: Mapping[str, str],
    *,
    source: TargetSource,
) -> Target:
    """Make a target of any address."""
    return Target(
        name=address,
        host=address,
        port=25,
        module=Module(name=module or "mx"),
        interval=60.0,
        labels=tuple(labels.items()),
        source=source,
    )


def listed(*addresses: str) -> str:
    """Write a list of one group."""
    return json.dumps([{"targets": addresses}])


def says(
    text: str, status: int = 200, kind: str = "application/json", **headers: str
) -> Answer:
    """Answer with a text."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(
            body=text.encode(),
            status=status,
            headers={"Content-Type": kind}
            | {name.replace("_", "-"): value for name, value in headers.items()},
        )

    return answer


class Inventory:
    """A server that answers as it is told, and a watch on it."""

    def __init__(self) -> None:
        """Answer with an empty list."""
        self.answer: Answer = says("[]")
        self.requests: list[web.Request] = []
        self.changes: list[list[str]] = []
        self.failures: list[str] = []
        self.complaints: list[tuple[str, str]] = []
        self.sleeper: asyncio.Future[None] | None = None
        self.asleep = asyncio.Event()
        self.where = ""
        self.watch = HttpWatch(
            make=make,
            on_change=self.changed,
            on_failure=self.failed,
            on_complaint=self.complained,
            sleep=self.sleep,
        )

    async def respond(self, request: web.Request) -> web.StreamResponse:
        """Note the request and answer it."""
        self.requests.append(request)
        return await self.answer(request)

    async def sleep(self, _: float) -> None:
        """Sleep until the test has another look."""
        self.sleeper = asyncio.get_running_loop().create_future()
        self.asleep.set()
        await self.sleeper

    async def look(self, answer: Answer) -> None:
        """Have the address looked at again, with this answer."""
        self.answer = answer
        (await self.sleeping()).set_result(None)
        await self.sleeping()

    async def sleeping(self) -> asyncio.Future[None]:
        """Wait until there is a look to wait for."""
        while self.sleeper is None or self.sleeper.done():
            self.asleep.clear()
            await self.asleep.wait()
        return self.sleeper

    def source(self, **keys: Any) -> HttpSource:
        """Give the address as a source; there is a token in it."""
        keys = {"url": self.where + QUERY, "module": None, "refresh": PATIENT} | keys
        return HttpSource(**keys)

    def changed(self, targets: tuple[Target, ...]) -> None:
        """Note the names."""
        assert {target.source for target in targets} <= {TargetSource.HTTP}
        self.changes.append([target.name for target in targets])

    def failed(self, source: TargetSource, where: str, sentence: str) -> None:
        """Note the sentence, in which there is nothing of the query."""
        assert source is TargetSource.HTTP
        assert where == self.where
        assert "s3cret" not in sentence
        self.failures.append(sentence)

    def complained(self, source: TargetSource, where: str, sentence: str) -> None:
        """Note where, and what."""
        assert source is TargetSource.HTTP
        self.complaints.append((where, sentence))


@asynccontextmanager
async def inventory(tls: ssl.SSLContext | None = None) -> AsyncIterator[Inventory]:
    """Serve an inventory on a free port, and stop its watch in the end."""
    here = Inventory()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", here.respond)
    runner = web.AppRunner(application, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    port = runner.addresses[0][1]
    here.where = f"{'https' if tls else 'http'}://127.0.0.1:{port}/list"
    try:
        yield here
    finally:
        await here.watch.stop()
        await runner.cleanup()


# --- what counts


def test_a_list(in_loop: InLoop) -> None:
    """The list of an answer is what is known, and its request says how often."""

    async def story() -> None:
        async with inventory() as here:
            here.answer = says(
                '[{"targets": ["a", "b"], '
                '"labels": {"__param_module": "lmtp", "__meta_x": "1", "x": "y"}}]'
            )
            await here.watch.replace([here.source(refresh=90.5)])
            await here.look(here.answer)
            request = here.requests[0]
            targets = here.watch.targets

        assert here.changes == [["a", "b"]]
        assert {target.module.name for target in targets} == {"lmtp"}
        assert {target.labels for target in targets} == {(("x", "y"),)}
        assert (request.method, request.path_qs) == ("GET", "/list" + QUERY)
        assert request.headers["Accept"] == "application/json"
        assert request.headers["X-Prometheus-Refresh-Interval-Seconds"] == "90.5"
        assert request.headers["User-Agent"] == f"mailserver-exporter/{__version__}"
        assert len(here.requests) == 2
        assert here.failures == []
        assert here.complaints == []

    in_loop(story())


@pytest.mark.parametrize(
    ("refresh", "header"), [(60.0, "60"), (86400.0, "86400"), (1.25, "1.25")]
)
def test_the_refresh_header(refresh: float, header: str) -> None:
    """Seconds are written as Prometheus writes them."""
    assert http._headers(refresh)[http.REFRESH_HEADER] == header


def test_changes(in_loop: InLoop) -> None:
    """Each look brings the whole list; an empty one lets all targets go."""

    async def story() -> None:
        async with inventory() as here:
            here.answer = says(listed("a"))
            await here.watch.replace([here.source()])
            await here.look(says(listed("b", "c"), kind="Application/JSON; charset=x"))
            await here.look(says(" " + listed("b", "c")))
            await here.look(says("[]"))

        assert here.changes == [["a"], ["b", "c"], []]
        assert here.failures == []

    in_loop(story())


def test_bad_groups(in_loop: InLoop) -> None:
    """What is bad in a list is told of, and the rest of it stands."""

    async def story() -> None:
        async with inventory() as here:
            here.answer = says('[{"targets": ["a", 1]}, 2]')
            await here.watch.replace([here.source()])

        assert here.changes == [["a"]]
        assert [where for where, _ in here.complaints] == [here.where] * 2

    in_loop(story())


# --- what does not


async def hangs(_: web.Request) -> web.StreamResponse:
    """Do not answer."""
    await asyncio.Event().wait()
    raise AssertionError


async def hangs_within(request: web.Request) -> web.StreamResponse:
    """Answer with the beginning of a list."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    await response.write(listed("b")[:-1].encode())
    await asyncio.Event().wait()
    return response


async def breaks_within(request: web.Request) -> web.StreamResponse:
    """Announce more than is sent."""
    response = web.StreamResponse(
        headers={"Content-Type": "application/json", "Content-Length": "1000"}
    )
    await response.prepare(request)
    await response.write(listed("b").encode())
    assert request.transport
    request.transport.close()
    return response


async def breaks(request: web.Request) -> web.StreamResponse:
    """Close the connection."""
    assert request.transport
    request.transport.close()
    return web.Response()


def leads(number: int, last: Answer) -> Answer:
    """Redirect so many times, and then answer."""

    async def answer(request: web.Request) -> web.StreamResponse:
        step = int(request.query.get("step", "0"))
        if step == number:
            return await last(request)
        raise web.HTTPFound(f"/elsewhere?step={step + 1}&token=s3cret")

    return answer


def leads_to(url: str) -> Answer:
    """Redirect to an address."""
    return says("", status=307, Location=url)


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (says(listed("b"), 500), "it answered with the status 500, not 200"),
        (says(listed("b"), 201), "it answered with the status 201, not 200"),
        (says("", 204), "it answered with the status 204, not 200"),
        (
            says(listed("b"), kind="text/html; charset=utf-8"),
            "it answered with the type `text/html; charset=utf-8`, not "
            "`application/json`",
        ),
        (
            says(listed("b"), Content_Encoding="gzip"),
            "it answered with a compressed text, which was not asked for",
        ),
        (says("[{"), "line 1, column 3: this is not JSON: "),
        (says("{}"), "it is not a list of groups"),
        (says(""), "it is empty; `[]` would stand for no targets"),
        (says(listed("b" * 1000)), "the answer is longer than 1000 octets"),
        (hangs, "no whole answer within 0.3 s"),
        (hangs_within, "no whole answer within 0.3 s"),
        (breaks, "the connection ended before an answer"),
        (breaks_within, "the connection ended within the answer"),
        (leads(6, says("[]")), "it redirects more than 5 times"),
        (leads(2, says("[]", 404)), "it answered with the status 404, not 200"),
        (leads_to("ftp://127.0.0.1/s3cret"), "it leads to what is no address of http"),
        (leads_to("http://[s3cret/"), "it leads to what is no address of http"),
        (leads_to("http://127.0.0.1:1/s3cret"), "cannot connect: "),
    ],
)
def test_no_list(
    answer: Answer, sentence: str, in_loop: InLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last list stands, and each look that brings none is told of."""
    monkeypatch.setattr(http, "MAX_OCTETS", 1000)

    async def story() -> None:
        async with inventory() as here:
            here.answer = says(listed("a"))
            await here.watch.replace([here.source()])
            refresh = HASTY if answer in (hangs, hangs_within) else PATIENT * 2
            await here.watch.replace([here.source(refresh=refresh)])
            await here.look(answer)
            await here.look(answer)
            here.answer = says(listed("c"))
            await here.watch.replace([here.source()])

        assert here.changes == [["a"], ["c"]]
        assert len(here.failures) == 2
        assert all(said.startswith(sentence) for said in here.failures), here.failures

    in_loop(story())


def test_redirects(in_loop: InLoop) -> None:
    """Up to five are followed."""

    async def story() -> None:
        async with inventory() as here:
            here.answer = leads(5, says(listed("a")))
            await here.watch.replace([here.source()])

        assert here.changes == [["a"]]
        assert len(here.requests) == 6

    in_loop(story())


def test_nobody_there(in_loop: InLoop) -> None:
    """A port that refuses is told of at each look, and a start comes back from it."""

    async def story() -> None:
        async with inventory() as here:
            here.where = "http://127.0.0.1:1/list"  # tcpmux, which nobody has
            await here.watch.replace([here.source()])
            await here.look(here.answer)

        assert len(here.failures) == 2
        assert here.failures[0].startswith("cannot connect: ")
        assert here.changes == []

    in_loop(story())


def test_a_firewall(in_loop: InLoop) -> None:
    """A port that does not answer at all costs no more than an answer may take."""

    async def story(port: int) -> None:
        async with inventory() as here:
            here.where = f"http://127.0.0.1:{port}/list"
            await here.watch.replace([here.source(refresh=HASTY)])

        assert here.failures == ["no whole answer within 0.3 s"]

    with filtered_port() as port:
        in_loop(story(port))


def test_a_certificate_that_is_not_trusted(in_loop: InLoop) -> None:
    """It is told as such."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)

    async def story() -> None:
        async with inventory(context) as here:
            await here.watch.replace([here.source()])

        assert len(here.failures) == 1
        assert here.failures[0].startswith("its certificate is not trusted")
        assert here.requests == []

    in_loop(story())


# --- what it leaves alone, and the end


def test_no_proxy(in_loop: InLoop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment does not say where requests go."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")

    async def story() -> None:
        async with inventory() as here:
            here.answer = says(listed("a"))
            await here.watch.replace([here.source()])

        assert here.changes == [["a"]]

    in_loop(story())


def test_a_reload(in_loop: InLoop) -> None:
    """A source that stays is not asked for it; an address keeps its list elsewhere."""

    async def story() -> None:
        async with inventory() as here:
            here.answer = says(listed("a"))
            await here.watch.replace([here.source()])
            here.answer = says("", 500)
            await here.watch.replace([here.source()])
            assert len(here.requests) == 1
            await here.watch.replace([here.source(module="lmtp")])
            assert len(here.requests) == 2
            assert [t.module.name for t in here.watch.targets] == ["lmtp"]
            await here.watch.replace([], partial(make))

        assert here.changes == [["a"], ["a"], []]
        assert len(here.failures) == 1

    in_loop(story())


def test_a_reload_while_it_is_asked(in_loop: InLoop) -> None:
    """An answer that comes after a reload is made into targets as of the reload."""

    async def story() -> None:
        begun, may_end = asyncio.Event(), asyncio.Event()

        async def slow(request: web.Request) -> web.StreamResponse:
            begun.set()
            await may_end.wait()
            return await says(listed("b"))(request)

        def other(*args: Any, **keys: Any) -> Target:
            return make(f"other-{args[0]}", *args[1:], **keys)

        async with inventory() as here:
            here.answer = says(listed("a"))
            await here.watch.replace([here.source()])
            looking = asyncio.create_task(here.look(slow))
            await begun.wait()
            await here.watch.replace([here.source()], other)
            may_end.set()
            await looking

        assert here.changes == [["a"], ["other-a"], ["other-b"]]

    in_loop(story())


@pytest.mark.parametrize("answer", [says(listed("a")), hangs])
def test_stopped(answer: Answer, in_loop: InLoop) -> None:
    """Nothing is left of it, also when it is asking: no task, thread or descriptor."""

    def descriptors() -> int:
        return len([*Path("/proc/self/fd").iterdir()])

    def started_threads() -> list[threading.Thread]:
        prefix = "discovery-http"
        return [one for one in threading.enumerate() if one.name.startswith(prefix)]

    async def story() -> None:
        async with inventory():
            pass  # what the loop opens for its first server, and keeps, is not counted
        tasks, before = asyncio.all_tasks(), descriptors()
        async with inventory() as here:
            here.answer = answer
            # By its name, so that the lookup leaves nothing either.
            here.where = here.where.replace("127.0.0.1", "localhost")
            starting = asyncio.create_task(here.watch.replace([here.source()]))
            while not here.requests:  # noqa: ASYNC110 -- until the server has heard of it
                await asyncio.sleep(0.001)
            if answer is not hangs:
                await starting
            threads = started_threads()
            await here.watch.stop()
            await starting
        for thread in threads:
            await asyncio.to_thread(thread.join, 30)
            assert not thread.is_alive()
        while descriptors() > before or asyncio.all_tasks() > tasks:  # noqa: ASYNC110 -- what is closed goes in the loop's next turns
            await asyncio.sleep(0.001)

        assert here.changes == ([] if answer is hangs else [["a"]])
        assert here.failures == []

    in_loop(story())
