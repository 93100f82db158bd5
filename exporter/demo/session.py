"""One accepted connection: what was said, what was heard, and what was wrong with it.

Holds the judgement of a client's manners (SMTP.md 0.3 and section 5): silent until
one complete greeting, CRLF only, one command at a time, nothing after QUIT. A client
that breaks off may say one courtesy QUIT. Refuses to raise for what a client does:
faults are collected in `violations`, the whole course in `story`.
"""

import asyncio
import re
import socket
import struct
from collections.abc import Callable
from enum import Enum

from exporter.demo.channel import Channel, PlainChannel
from exporter.demo.proxy import Endpoint, Ends

MAX_COMMAND_OCTETS = 512  # RFC 5321 section 4.5.3.1.4
MAX_RESPONSE_OCTETS = 12288  # of a SASL exchange (RFC 4954 section 4)
# Floods would fill memory; what is judged and printed lies far below.
MAX_KEPT_OCTETS = 64 * 1024
MAX_STORY_LINES = 200
MAX_SHOWN_OCTETS = 80

_LINGER_NOT = struct.pack("ii", 1, 0)  # close() sends RST
_COMPLETE_GREETING = re.compile(rb"([2-5][0-9][0-9])(?:-[^\n]*\n\1)*(?: [^\n]*)?\r?\n")


class Left(Enum):
    """How the client ended the connection."""

    FIN = "FIN"
    RST = "RST"


class Session:
    """The server's side of one connection, from accept to close."""

    def __init__(self, sock: socket.socket, client: Endpoint | None = None) -> None:
        """Take over a connected socket, which `close` ends.

        `client` is the other end's address; None on a Unix socket.
        """
        sock.setblocking(False)
        if client:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sock = sock
        self._started = asyncio.get_running_loop().time()
        self._said = bytearray()
        self._pending = bytearray()  # heard, and not yet judged as a line
        self._quit_heard = False
        self._last_event = ""
        self.ends: Ends | None = (
            (client, Endpoint(*sock.getsockname()[:2])) if client else None
        )
        self.channel: Channel = PlainChannel(sock)
        self.said_octets = 0
        self.received = bytearray()
        self.line = b""  # the last command, without its line end
        self.left: Left | None = None
        self.closed = False
        self.violations: list[str] = []
        self.story: list[str] = []

    @property
    def over(self) -> bool:
        """Whether nothing more can be said or heard."""
        return self.closed or self.left is not None

    def note(self, event: str) -> None:
        """Add a line to the story; what is said again and again stands there once."""
        if event != self._last_event and len(self.story) < MAX_STORY_LINES:
            self._last_event = event
            elapsed = asyncio.get_running_loop().time() - self._started
            self.story.append(f"{elapsed:7.3f} {event}")

    def violate(self, sentence: str) -> None:
        """Record a fault of the client's."""
        self.note(f"VIOLATION: {sentence}")
        self.violations.append(sentence)

    async def say(self, octets: bytes) -> None:
        """Send octets, in one send() as long as they fit the socket's buffer."""
        if self.over:
            return
        self.note(f"S: {_shown(octets)}")
        self.said_octets += len(octets)
        self._said += octets[: MAX_KEPT_OCTETS - len(self._said)]
        try:
            await self.channel.send(octets)
        except ConnectionError:
            self._leave(Left.RST)

    async def hear(self, limit: float | None) -> bytes:
        """Give the octets that arrive first; b"" when none came within the limit."""
        if self.over:
            return b""
        try:
            octets = await self.channel.receive(limit)
        except ConnectionError:
            self._leave(Left.RST)
            return b""
        if octets == b"":
            self._leave(Left.FIN)
        elif octets:
            self.note(f"C: {_shown(octets)}")
            self.received += octets[: MAX_KEPT_OCTETS - len(self.received)]
        return octets or b""

    def _leave(self, how: Left) -> None:
        self.note(f"C: {how.value}")
        self.left = how

    async def header(self, octets: int) -> bytes:
        """Await the octets that a client says before the greeting, and none behind."""
        while len(self._pending) < octets and not self.over:
            self._pending += await self.hear(None)
        heard = bytes(self._pending[:octets])
        del self._pending[:octets]
        if self._pending:
            self.violate(f"{_shown(self._pending)} came before the greeting")
        return heard

    async def command(self, most: int = MAX_COMMAND_OCTETS) -> bytes | None:
        """Await one line, without its CRLF; None when there will be none."""
        while b"\n" not in self._pending and not self.over:
            self._pending += await self.hear(None)
            if len(self._pending) > most:
                self.violate(f"a line has more than {most} octets")
                return None
        if b"\n" not in self._pending:
            return None
        self.line = self._take_line()
        if self._pending:
            self.violate(f"{_shown(self._pending)} came behind {_shown(self.line)}")
        return self.line

    def _take_line(self) -> bytes:
        line, _, rest = self._pending.partition(b"\n")
        self._pending = rest
        if not line.endswith(b"\r") or b"\r" in line[:-1]:
            self.violate(f"{_shown(line)} does not end in CRLF")
        if self._quit_heard:
            self.violate(f"{_shown(line)} came after QUIT")
        command = bytes(line.removesuffix(b"\r"))
        self._quit_heard = self._quit_heard or command == b"QUIT"
        return command

    async def watch(
        self, seconds: float | None, judge: Callable[[bytes], None]
    ) -> None:
        """Let time pass, reading; `judge` sees whatever the client says meanwhile."""
        loop = asyncio.get_running_loop()
        end = None if seconds is None else loop.time() + seconds
        while not self.over:
            limit = None if end is None else max(0.0, end - loop.time())
            octets = await self.hear(limit)
            if octets:
                judge(octets)
            elif limit == 0:
                return

    def refuse(self, octets: bytes) -> None:
        """Judge octets where not one may come."""
        self.violate(f"{_shown(octets)} came where the client had to be silent")

    def allow_courtesy(self, octets: bytes) -> None:
        """Judge octets where the client may give up, and say QUIT when it does."""
        self.allow_commands(octets, frozenset({b"QUIT"}))

    def allow_commands(self, octets: bytes, verbs: frozenset[bytes]) -> None:
        """Judge octets where only these commands may come, and none before 220."""
        if not _COMPLETE_GREETING.match(self._said):
            self.violate(f"{_shown(octets)} came before the greeting was complete")
            return
        self._pending += octets
        while b"\n" in self._pending:
            line = self._take_line()
            if line.split(b" ")[0] not in verbs:
                self.violate(f"{_shown(line)} came where no command was expected")

    def judge_leftovers(self) -> None:
        """Judge, at the end, octets that never became a line."""
        if self._pending:
            self.violate(f"{_shown(self._pending)} is not a whole line")

    def end_writing(self) -> None:
        """Send FIN and stay able to read (`shutdown(SHUT_WR)`)."""
        if self.over:
            return
        self.note("S: FIN")
        try:
            self._sock.shutdown(socket.SHUT_WR)
        except OSError:  # ENOTCONN: the client's reset came first
            self._leave(Left.RST)

    def reset(self) -> None:
        """Send RST."""
        if not self.closed:
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
            self.note("S: RST")
            self.close()

    def close(self) -> None:
        """Close plainly; twice does no harm."""
        self.closed = True
        self._sock.close()


def _shown(octets: bytes | bytearray) -> str:
    shown = repr(bytes(octets[:MAX_SHOWN_OCTETS]))
    more = len(octets) - MAX_SHOWN_OCTETS
    return f"{shown} and {more} octets more" if more > 0 else shown
