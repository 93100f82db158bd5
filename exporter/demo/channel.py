"""Octets to and from one client, over a non-blocking socket.

Holds no script and no SMTP. Refuses to lose octets: it waits for readiness and reads
only then, so a limit that runs out cannot swallow what was just read. Only
`add_reader` and `add_writer` are asked of the loop; asyncio and uvloop agree on those.
"""

import asyncio
import socket
from enum import Enum, auto
from typing import Protocol

_READ_OCTETS = 64 * 1024


class End(Enum):
    """What a client says when it has no more to say; FIN comes last."""

    CLOSE_NOTIFY = auto()  # inside TLS (RFC 8446 section 6.1)
    FIN = auto()


class Channel(Protocol):
    """What a session talks through; TLS may take the place of plain TCP midway."""

    async def send(self, octets: bytes) -> None:
        """Send all octets. Raises ConnectionError when the client is gone."""

    async def receive(self, limit: float | None) -> bytes | End | None:
        """Give what arrives first: octets or an end; None when the limit ran out.

        Raises ConnectionError when the client reset the connection.
        """


async def readable(sock: socket.socket, limit: float | None = None) -> bool:
    """Wait until the socket can be read; false when the limit (seconds) ran out."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    loop.add_reader(sock, _mark, ready)
    try:
        done, _ = await asyncio.wait((ready,), timeout=limit)
    finally:
        loop.remove_reader(sock)
    return bool(done)


async def _writable(sock: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    loop.add_writer(sock, _mark, ready)
    try:
        await ready
    finally:
        loop.remove_writer(sock)


def _mark(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


class PlainChannel:
    """Plain TCP; one `send` of few octets is one segment."""

    def __init__(self, sock: socket.socket) -> None:
        """Talk through a connected, non-blocking socket that somebody else closes."""
        self._sock = sock

    async def send(self, octets: bytes) -> None:
        """Send all octets, waiting for room as often as it takes."""
        rest = memoryview(octets)
        while rest:
            try:
                rest = rest[self._sock.send(rest) :]
            except BlockingIOError:
                await _writable(self._sock)

    async def receive(self, limit: float | None) -> bytes | End | None:
        """Give octets or the client's FIN; None when the limit (seconds) ran out."""
        while True:
            try:
                return self._sock.recv(_READ_OCTETS) or End.FIN
            except BlockingIOError:
                if limit == 0 or not await readable(self._sock, limit):
                    return None
