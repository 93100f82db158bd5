"""Malformed requests by the thousand: none breaks anything, and none leaves a trace.

MALFORMED_REQUESTS says how many; 10,000 take a minute.
"""

import asyncio
import os
import re
import socket
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from typing import Any

import bcrypt
import pytest

from exporter.access import WebConfig
from exporter.exposition import Page
from exporter.exposition.negotiation import TEXT
from exporter.web import connections
from exporter.web.access.current import Access
from exporter.web.address import ListenAddress
from exporter.web.listen import Listeners
from exporter.web.routes import Sources, application
from tests.wire.malformed import requests

COUNT = int(os.environ.get("MALFORMED_REQUESTS", "420"))
AT_ONCE = 32
PATIENCE = 20.0
SEED = 20_26
STATUS = re.compile(rb"(?m)^HTTP/1\.[01] (\d{3}) ")
SECURE = {"alice": bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode()}

InLoop = Callable[[Coroutine[Any, Any, None]], None]


def served(users: dict[str, str]) -> Listeners:
    """Serve one small page, to these users."""

    async def metrics(*_: object) -> Page:
        return Page(TEXT, gzip=False, parts=(b"x 1\n",))

    async def reload() -> str:
        return ""

    sources = Sources(metrics, lambda: True, reload, lambda: "{}\n", "1")
    return Listeners(application(sources), Access(WebConfig(users=users)))


async def answers(address: ListenAddress, request: bytes) -> bytes:
    """Send a request, say that it was all, and read until the other end closes."""
    reader, writer = await asyncio.open_connection(address.host, address.port)
    answered = bytearray()
    with suppress(ConnectionError):
        async with asyncio.timeout(PATIENCE):
            writer.write(request)
            await writer.drain()
            writer.write_eof()
            while octets := await reader.read(1 << 16):
                answered += octets
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()
    return bytes(answered)


async def all_answers(address: ListenAddress, seed: int) -> Counter[int]:
    """Send every request; gives how often each status was answered."""
    made: Iterator[bytes] = requests(seed, COUNT)
    statuses: Counter[int] = Counter()

    async def send() -> None:
        for request in made:
            answered = await answers(address, request)
            found = [
                int(n) for n in re.findall(rb"(?m)^HTTP/1\.[01] (\d{3}) ", answered)
            ]
            statuses.update(found or [0])
            assert not [n for n in found if n >= 500], (request, answered)
            assert b"Traceback" not in answered
            assert b"aiohttp" not in answered
            assert b"Python" not in answered

    await asyncio.gather(*(send() for _ in range(AT_ONCE)))
    return statuses


@pytest.mark.timeout(600)
@pytest.mark.parametrize("users", [{}, SECURE], ids=["anybody", "alice"])
def test_malformed_requests(
    users: dict[str, str],
    in_loop: InLoop,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """None is answered with 5xx, logged with a traceback, or leaves a task behind."""
    monkeypatch.setattr(connections, "LINGER_SECONDS", 0.2)
    told: Counter[int] = Counter()

    async def story() -> None:
        unhandled: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(
            lambda _, context: unhandled.append(context)
        )
        listeners = served(users)
        (address,) = await listeners.open([ListenAddress("127.0.0.1", 0)])
        resting = len(asyncio.all_tasks())
        told.update(await all_answers(address, SEED))
        async with asyncio.timeout(PATIENCE):
            while len(asyncio.all_tasks()) > resting:  # noqa: ASYNC110 -- no event tells
                await asyncio.sleep(0.05)
        assert listeners._connections is not None
        assert len(listeners._connections) == 0
        await listeners.close()
        assert unhandled == []

    in_loop(story())

    assert "Traceback" not in caplog.text
    assert "Traceback" not in capfd.readouterr().err
    assert told[400] > COUNT // 10
    assert (told[200] == 0) == bool(users)
    if COUNT > 420:
        print("\nanswers by status:", dict(sorted(told.items())))  # noqa: T201 -- asked for


def test_a_socket_that_sends_nothing_is_closed_at_the_end(in_loop: InLoop) -> None:
    """Listeners that close leave no connection open, whatever its client does."""

    async def story() -> None:
        listeners = served({})
        (address,) = await listeners.open([ListenAddress("127.0.0.1", 0)])
        with socket.create_connection((address.host, address.port)) as idle:
            assert await answers(address, b"GET / HTTP/1.0\r\n\r\n")
            await listeners.close()
            idle.settimeout(PATIENCE)
            assert await asyncio.to_thread(idle.recv, 1) == b""

    in_loop(story())
