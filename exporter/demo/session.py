"""One accepted connection: what was said, what was heard, and what was wrong with it.

Holds the judgement of a client's manners (SMTP.md 0.3 and section 5): silent until
one complete greeting, CRLF only, one command at a time, nothing after QUIT. A client
that breaks off may say one courtesy QUIT. Inside TLS all of that holds as outside it.
Refuses to raise for what a client does: faults are collected in `violations`, the whole
course in `story`.
"""

import asyncio
import re
import socket
import ssl
import struct
from collections.abc import Callable
from enum import Enum
from typing import assert_never

from exporter.demo.channel import Channel, End, PlainChannel
from exporter.demo.proxy import Endpoint, Ends
from exporter.demo.record import (
    ALERT,
    HANDSHAKE,
    MAX_RECORD_OCTETS,
    may_begin,
    without_record,
)
from exporter.demo.tls_channel import TlsChannel
from exporter.demo.tls_context import Asked

MAX_COMMAND_OCTETS = 512  # RFC 5321 section 4.5.3.1.4
MAX_RESPONSE_OCTETS = 12288  # of a SASL exchange (RFC 4954 section 4)
# Floods would fill memory; what is judged and printed lies far below.
MAX_KEPT_OCTETS = 64 * 1024
MAX_STORY_LINES = 200
MAX_VIOLATIONS = 200
MAX_SHOWN_OCTETS = 80

_HELLO = frozenset({HANDSHAKE})
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
        self._tls: TlsChannel | None = None
        # Of these types a TLS record may come, and is left unanswered.
        self._records: frozenset[int] = frozenset()
        self.ends: Ends | None = (
            (client, Endpoint(*sock.getsockname()[:2])) if client else None
        )
        self.channel: Channel = PlainChannel(sock)
        self.said_octets = 0
        self.received = bytearray()
        self.line = b""  # the last command, without its line end
        self.left: Left | None = None
        # Seconds since accept; None when it did not happen.
        self.left_at: float | None = None
        self.said_notify: float | None = None  # our close_notify
        self.heard_notify: float | None = None  # the client's
        self.closed = False
        self.violations: list[str] = []
        self.story: list[str] = []

    @property
    def over(self) -> bool:
        """Whether nothing more can be said or heard."""
        return self.closed or self.left is not None

    @property
    def encrypted(self) -> bool:
        """Whether a handshake was completed."""
        return self._tls is not None

    @property
    def _elapsed(self) -> float:
        return asyncio.get_running_loop().time() - self._started

    def note(self, event: str) -> None:
        """Add a line to the story; what is said again and again stands there once."""
        if event != self._last_event and len(self.story) < MAX_STORY_LINES:
            self._last_event = event
            self.story.append(f"{self._elapsed:7.3f} {event}")

    def violate(self, sentence: str) -> None:
        """Record a fault of the client's."""
        self.note(f"VIOLATION: {sentence}")
        if len(self.violations) < MAX_VIOLATIONS:
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
        octets = await self._receive(limit)
        if octets:
            self.note(f"C: {_shown(octets)}")
            self.received += octets[: MAX_KEPT_OCTETS - len(self.received)]
        if octets and self.heard_notify is not None:
            self.violate(f"{_shown(octets)} came behind close_notify")
            return b""
        return octets

    async def _receive(self, limit: float | None) -> bytes:
        if self.over:
            return b""
        try:
            heard = await self.channel.receive(limit)
        except ConnectionError:
            self._leave(Left.RST)
            return b""
        except ssl.SSLError as error:
            if not _is_alert(error):
                self.violate(f"what came is not TLS: {error.reason}")
            await self._give_up(f"TLS is broken: {error.reason}")
            return b""
        if isinstance(heard, End):
            self._note_end(heard)
            return b""
        return heard or b""

    def _note_end(self, end: End) -> None:
        match end:
            case End.FIN:
                self._leave(Left.FIN)
            case End.CLOSE_NOTIFY:
                self.note("C: close_notify")
                self.heard_notify = self._elapsed
            case _:
                assert_never(end)

    def _leave(self, how: Left) -> None:
        self.note(f"C: {how.value}")
        self.left = how
        self.left_at = self._elapsed

    async def _give_up(self, reason: str) -> None:
        """End a session in which nothing that still comes can be judged."""
        self.note(reason)
        self.end_writing()
        await self.watch(None, _ignore)
        self.close()

    async def encrypt(self, context: ssl.SSLContext) -> Asked | None:
        """Shake hands; from then on everything is said and heard inside TLS.

        A handshake that comes to nothing ends the session. Gives what the client asked
        for; None when it did not come that far.
        """
        octets = bytes(self._pending) or await self._receive(None)
        self._pending.clear()
        if not octets:
            return None
        if octets[0] not in _HELLO:
            await self._refuse_for_hello(octets)
            return None
        tls = TlsChannel(self.channel, context)
        try:
            complete = await tls.shake(octets)
        except ConnectionError:
            self._leave(Left.RST)
        except ssl.SSLError as error:
            who = "C: breaks" if _is_alert(error) else "S: breaks"
            await self._give_up(f"{who} the handshake off: {error.reason}")
        else:
            if complete:
                self.note(f"TLS: {tls.agreed}, {_told(tls.asked)}")
                self.channel = self._tls = tls
            else:
                self._leave(Left.FIN)
        return tls.asked

    async def _refuse_for_hello(self, octets: bytes) -> None:
        self.violate(f"{_shown(octets)} came where a ClientHello was expected")
        await self._give_up("S: gives up")

    async def client_hello(self) -> None:
        """Await the first record of a handshake, and leave it unanswered."""
        while not self.over:
            if without_record(self._pending, _HELLO):
                self._records = frozenset({ALERT})
                self.allow_courtesy(b"")  # what came together with it
                return
            if self._pending and not may_begin(self._pending, _HELLO):
                octets = bytes(self._pending)
                self._pending.clear()
                await self._refuse_for_hello(octets)
            self._pending += await self.hear(None)

    def allow_hello(self) -> None:
        """Let a ClientHello come that was on its way, though none is awaited."""
        self._records = _HELLO | {ALERT}

    async def notify(self) -> None:
        """Say close_notify, inside TLS."""
        if self.over:
            return
        if self._tls is None:
            raise TypeError("a script says close_notify inside TLS only")
        self.note("S: close_notify")
        self.said_notify = self._elapsed
        try:
            await self._tls.notify()
        except ConnectionError:
            self._leave(Left.RST)

    async def header(self, octets: int) -> bytes:
        """Await the octets that a client says before the greeting, and none behind."""
        while len(self._pending) < octets and not self.over:
            self._pending += await self.hear(None)
        heard = bytes(self._pending[:octets])
        del self._pending[:octets]
        if self._pending and self._pending[0] not in _HELLO:  # TLS may begin at once
            self.violate(f"{_shown(self._pending)} came before the greeting")
        return heard

    async def command(self, most: int = MAX_COMMAND_OCTETS) -> bytes | None:
        """Await one line, without its CRLF; None when there will be none."""
        while b"\n" not in self._pending[:most]:
            if len(self._pending) >= most:
                self.violate(f"a line has more than {most} octets")
                return None
            if self.over:
                return None
            self._pending += await self.hear(None)
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
        self._pending += octets
        while without_record(self._pending, self._records):
            pass
        if not self._pending or may_begin(self._pending, self._records):
            return
        if not _COMPLETE_GREETING.match(self._said):
            early = _shown(self._pending)
            self.violate(f"{early} came before the greeting was complete")
            self._pending.clear()
        while b"\n" in self._pending:
            line = self._take_line()
            if line.split(b" ")[0] not in verbs:
                self.violate(f"{_shown(line)} came where no command was expected")
        if len(self._pending) > MAX_RECORD_OCTETS:
            self.violate(f"{_shown(self._pending)} is no command, and does not end")
            self._pending.clear()

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


def _is_alert(error: ssl.SSLError) -> bool:
    """Tell what the client says is wrong from what we find wrong."""
    return "ALERT" in (error.reason or "")


def _told(asked: Asked | None) -> str:
    return f"SNI {asked.name!r}" if asked and asked.name is not None else "no SNI"


def _ignore(octets: bytes) -> None:
    """Judge nothing."""
