"""Connections that are slow, idle, too many or wrong: none keeps a scrape waiting."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from exporter.web import connections, listen, routes
from exporter.web.address import ListenAddress
from exporter.web.connections import MAX_OPEN
from exporter.web.listen import Listeners
from exporter.web.prefix import Prefix
from tests.wire.doors import ANY_PORT, BODY, Place, ask, door

InLoop = Callable[[Coroutine[Any, Any, None]], None]
Pair = tuple[asyncio.StreamReader, asyncio.StreamWriter]

PATIENCE = 20.0
CROWD = 200


@pytest.fixture(autouse=True)
def _brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait no second where nothing is to come: on loopback all is there at once."""
    monkeypatch.setattr(connections, "LINGER_SECONDS", 0.1)
    monkeypatch.setattr(listen, "SHUTDOWN_SECONDS", 0.1)


@pytest.fixture
def secure(tmp_path: Path) -> Place:
    """Give a web config with TLS."""
    place = Place(tmp_path)
    place.write_tls()
    return place


@asynccontextmanager
async def crowd(
    address: ListenAddress, count: int, tls: ssl.SSLContext | None = None
) -> AsyncIterator[list[Pair]]:
    """Keep so many connections open."""
    pairs = await asyncio.gather(
        *(
            asyncio.open_connection(address.host, address.port, ssl=tls)
            for _ in range(count)
        )
    )
    try:
        yield pairs
    finally:
        for _, writer in pairs:
            writer.transport.abort()


def open_connections(listeners: Listeners) -> int:
    """Count what the listeners hold open."""
    assert listeners._connections is not None
    return len(listeners._connections)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what no event tells."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 -- no event tells
            await asyncio.sleep(0.01)


async def ended(reader: asyncio.StreamReader) -> bytes:
    """Read until the other end closes, in whatever way."""
    got = b""
    with suppress(ConnectionError, ssl.SSLError):
        async with asyncio.timeout(PATIENCE):
            while octets := await reader.read(1 << 16):
                got += octets
    return got


def test_idle_tls_clients(secure: Place, in_loop: InLoop) -> None:
    """A scrape is answered beside 200 clients of a TLS port that never speak."""

    async def story() -> None:
        async with door(secure.config) as (address, listeners):
            async with crowd(address, CROWD):
                await until(lambda: open_connections(listeners) == CROWD)
                async with asyncio.timeout(2.0):
                    assert (await ask(address, tls=secure.trusting()))[2] == BODY
                assert open_connections(listeners) >= CROWD
            await until(lambda: open_connections(listeners) == 0)

    in_loop(story())


def test_a_tls_client_that_leaves(
    secure: Place, in_loop: InLoop, caplog: pytest.LogCaptureFixture
) -> None:
    """A client that ends its TLS session is let go, and nothing is logged of it."""

    async def story() -> None:
        async with door(secure.config) as (address, listeners):
            assert (await ask(address, tls=secure.trusting()))[2] == BODY
            async with crowd(address, 2, secure.trusting()):
                await until(lambda: open_connections(listeners) == 2)
            await until(lambda: open_connections(listeners) == 0)

    in_loop(story())
    assert [record.getMessage() for record in caplog.records] == []


@pytest.mark.parametrize("secret", [False, True], ids=["clear", "tls"])
def test_an_octet_now_and_then(secret: bool, secure: Place, in_loop: InLoop) -> None:
    """A scrape is answered beside 200 clients that dribble their request."""
    context = secure.trusting() if secret else None

    async def dribble(writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            for octet in b"GET /metrics HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 1000:
                writer.write(bytes((octet,)))
                await asyncio.sleep(0.1)

    async def story() -> None:
        async with (
            door(secure.config if secret else None) as (address, listeners),
            crowd(address, CROWD, context) as pairs,
        ):
            slow = [asyncio.create_task(dribble(writer)) for _, writer in pairs]
            async with asyncio.timeout(3.0):
                for _ in range(5):
                    assert (await ask(address, tls=context))[2] == BODY
            assert open_connections(listeners) >= CROWD
            for task in slow:
                task.cancel()
            await asyncio.gather(*slow, return_exceptions=True)

    in_loop(story())


@pytest.mark.parametrize("start", [b"", b"GET /metr", b"GET / HTTP/1.1\r\nHost: x\r\n"])
def test_a_head_that_does_not_end(
    start: bytes, in_loop: InLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its connection is closed after a while, however often an octet comes."""
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.2)

    async def story() -> None:
        async with door() as (address, listeners), crowd(address, 1) as [pair]:
            reader, writer = pair
            writer.write(start)
            ending = asyncio.create_task(ended(reader))
            async with asyncio.timeout(PATIENCE):
                while not ending.done():
                    if start:
                        writer.write(b"x")
                    await asyncio.sleep(0.05)
            assert await ending == b""
            await until(lambda: open_connections(listeners) == 0)

    in_loop(story())


def test_a_handshake_that_does_not_end(
    secure: Place, in_loop: InLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that connects for TLS and does not speak it is closed."""
    monkeypatch.setattr(connections, "HANDSHAKE_SECONDS", 0.2)

    async def story() -> None:
        async with door(secure.config) as (address, listeners):
            async with crowd(address, 3) as pairs:
                for reader, _ in pairs:
                    assert await ended(reader) == b""
            await until(lambda: open_connections(listeners) == 0)

    in_loop(story())


def test_an_idle_connection_is_kept_and_ends(
    in_loop: InLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection serves request after request, and ends when none has come long."""
    monkeypatch.setattr(connections, "IDLE_SECONDS", 0.3)
    request = b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n"

    async def story() -> None:
        async with door() as (address, listeners), crowd(address, 1) as [pair]:
            reader, writer = pair
            for _ in range(3):
                writer.write(request)
                assert b"200 OK" in await reader.readuntil(b"is healthy.\n")
            assert open_connections(listeners) == 1
            assert await ended(reader) == b""
            await until(lambda: open_connections(listeners) == 0)

    in_loop(story())


def test_too_many(in_loop: InLoop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the most the idlest makes room, and who comes next is served."""
    monkeypatch.setattr(connections, "MAX_OPEN", 20)

    async def story() -> None:
        async with door() as (address, listeners), crowd(address, 50) as pairs:
            for _ in range(5):
                assert (await ask(address))[2] == BODY
            assert open_connections(listeners) <= 20
            assert await ended(pairs[0][0]) == b""

    in_loop(story())
    assert MAX_OPEN == 512


def test_a_reader_that_does_not_read(
    in_loop: InLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page that is small, and asked for over and over, is cut too."""
    monkeypatch.setattr(connections, "SENDING_SECONDS", 0.3)

    async def story() -> None:
        async with door() as (address, listeners), crowd(address, 1) as [pair]:
            reader, writer = pair
            writer.transport.pause_reading()  # type: ignore[attr-defined]  # a read transport
            for _ in range(3000):
                writer.write(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n" * 30)
            await until(lambda: open_connections(listeners) == 0)
            writer.transport.resume_reading()  # type: ignore[attr-defined]  # the same
            await ended(reader)

    in_loop(story())


def test_readers_that_do_not_read_make_room(
    in_loop: InLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clients that ask without end and read nothing keep nobody else out."""
    monkeypatch.setattr(connections, "MAX_OPEN", 2)

    async def story() -> None:
        async with door() as (address, listeners), crowd(address, 2) as pairs:
            for _, writer in pairs:
                writer.transport.pause_reading()  # type: ignore[attr-defined]  # a read transport
                writer.write(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n" * 60_000)
            assert listeners._connections is not None
            held = listeners._connections._open
            await until(lambda: sum(c.serving and c.writing_paused for c in held) == 2)
            for _ in range(4):
                assert (await ask(address))[2] == BODY

    in_loop(story())


def test_requests_ahead_of_their_answers(in_loop: InLoop) -> None:
    """While one is served, no more is read than a few requests that wait."""

    async def story() -> None:
        async with door() as (address, listeners), crowd(address, 1) as [pair]:
            assert listeners._connections is not None
            await until(lambda: open_connections(listeners) == 1)
            [held] = listeners._connections._open
            _, writer = pair
            writer.transport.pause_reading()  # type: ignore[attr-defined]  # a read transport
            writer.write(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n" * 60_000)
            await until(lambda: held.writing_paused)
            wire: Any = held._wire
            await until(lambda: not wire.is_reading())

    in_loop(story())


# --- requests that are refused


@pytest.mark.parametrize(
    ("path", "method", "status", "allow"),
    [
        ("/nothing", "GET", 404, None),
        ("/nothing", "DELETE", 404, None),
        ("/metrics", "DELETE", 405, "GET,HEAD"),
        ("/metrics", "POST", 405, "GET,HEAD"),
        ("/-/reload", "GET", 405, "POST,PUT"),
        ("/metrics", "OPTIONS", 405, "GET,HEAD"),
        ("/metrics", "TRACE", 405, "GET,HEAD"),
        ("/metrics", "PATCH", 405, "GET,HEAD"),
    ],
)
def test_refused(
    path: str, method: str, status: int, allow: str | None, in_loop: InLoop
) -> None:
    """What is not served is said in plain text, with what is."""

    async def story() -> None:
        async with door() as (address, _):
            found, fields, body = await ask(address, path, method=method)

        assert found == status
        assert fields["content-type"] == "text/plain; charset=utf-8"
        assert fields["server"] == "mailserver-exporter"
        assert fields.get("allow") == allow
        assert body.startswith(f"{status} ".encode())
        assert (b"/metrics, " in body) == (status == 404)

    in_loop(story())


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        (["X: " + "y" * 9000], 400),
        ([f"X{n}: {'y' * 700}" for n in range(50)], 431),
        ([f"X{n}: y" for n in range(100)], 400),
        (["Content-Length: 1000000"], 413),
        (["Content-Length: abc"], 400),
    ],
)
def test_too_large(fields: list[str], status: int, in_loop: InLoop) -> None:
    """A request beyond the limits is refused in our words, without its own."""

    async def story() -> None:
        async with door() as (address, _):
            found, answered, body = await ask(address, "/metrics", *fields)

        assert found == status
        assert answered["server"] == "mailserver-exporter"
        assert body.startswith(f"{status} ".encode())
        assert b"yyy" not in body

    in_loop(story())


@pytest.mark.parametrize("value", ["100-continue", "100-Continue", "some\xff", ""])
def test_an_expectation(value: str, in_loop: InLoop) -> None:
    """Whatever a client expects, it gets the answer at once, and nothing before it."""

    async def story() -> None:
        async with door() as (address, _):
            fields = (f"Expect: {value}", "Content-Length: 5")
            status, _, body = await ask(address, "/metrics", *fields)

        assert (status, body) == (200, BODY)

    in_loop(story())


def test_an_old_client(in_loop: InLoop) -> None:
    """HTTP/1.0 is answered, and its connection closed."""

    async def story() -> None:
        async with door() as (address, _), crowd(address, 1) as [pair]:
            reader, writer = pair
            writer.write(b"GET /metrics HTTP/1.0\r\n\r\n")
            assert (await ended(reader)).endswith(BODY)

    in_loop(story())


def test_a_page_that_fails(
    in_loop: InLoop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is 500 in our words, and one line of the log."""

    async def broken(_: web.Request) -> web.Response:
        raise RuntimeError("inside knowledge")

    monkeypatch.setattr(routes, "_healthy", broken)

    async def story() -> None:
        async with door() as (address, _):
            status, fields, body = await ask(address, "/-/healthy")

        assert status == 500
        assert fields["server"] == "mailserver-exporter"
        assert body.startswith(b"500 Internal Server Error: this page could not be")
        assert b"inside" not in body

    in_loop(story())
    assert [record.getMessage() for record in caplog.records] == [
        "a request could not be served"
    ]


# --- a prefix


def test_prefix(in_loop: InLoop) -> None:
    """Under a prefix everything is there and nothing beside it; `/` leads to it."""

    async def story() -> None:
        async with door(prefix=Prefix("/mail/x", "/mail/x")) as (address, _):
            assert (await ask(address, "/mail/x/metrics"))[2] == BODY
            assert (await ask(address, "/mail/x/"))[0] == 200
            assert (await ask(address, "/metrics"))[0] == 404
            assert (await ask(address, "/mail/x/nothing"))[0] == 404
            for path in ("/", "/mail/x"):
                status, fields, _ = await ask(address, path)
                assert (status, fields["location"]) == (302, "/mail/x/")
                assert fields["server"] == "mailserver-exporter"

    in_loop(story())


def test_ipv6(in_loop: InLoop) -> None:
    """An address of IPv6 is served, and told in brackets."""

    async def story() -> None:
        async def nothing(*_: object) -> Any:
            raise AssertionError("nobody asks")

        sources = routes.Sources(nothing, bool, nothing, str, "1")
        listeners = Listeners(routes.application(sources))
        (address,) = await listeners.open([ListenAddress("::1", 0)])
        assert str(address).startswith("[::1]:")
        assert (await ask(address, "/-/healthy"))[0] == 200
        await listeners.close()

    in_loop(story())
    assert ANY_PORT.port == 0
