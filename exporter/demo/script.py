"""What a scripted server does: frozen steps, and the macros they are combined into.

A script is data, a tuple of steps, played from first to last against each connection
anew; after its last step the server says FIN. Holds the meaning of each step (SMTP.md
section 5) and refuses decisions: no step looks at what came before it, save Answer,
which answers the last command by a function of it.
"""

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from exporter.demo.certificates import Kind
from exporter.demo.proxy import header
from exporter.demo.session import MAX_RESPONSE_OCTETS, Session
from exporter.demo.tls_context import Options, server_context

# A flood must outlast any client's patience, and still end.
FLOOD_OCTETS = 64 * 1024 * 1024
FLOOD_SECONDS = 10.0
FLOOD_CHUNK = 64 * 1024

ANY_NAME = "*"  # no server's name


class Step(Protocol):
    """One thing that a server does."""

    async def play(self, session: Session, /) -> None:
        """Do it; return at once when the session is over."""


Script = tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Say:
    """Say octets in one send()."""

    octets: bytes

    async def play(self, session: Session) -> None:
        """Send them."""
        await session.say(self.octets)


@dataclass(frozen=True, slots=True)
class Dribble:
    """Say octets one at a time, one each `every` seconds."""

    octets: bytes
    every: float

    async def play(self, session: Session) -> None:
        """Send them, reading between."""
        for number, octet in enumerate(self.octets):
            if number:
                await session.watch(self.every, session.allow_courtesy)
            await session.say(bytes((octet,)))


@dataclass(frozen=True, slots=True)
class Repeat:
    """Say the same octets each `every` seconds, until the client goes."""

    octets: bytes
    every: float

    async def play(self, session: Session) -> None:
        """Send them again and again, reading between."""
        while not session.over:
            await session.say(self.octets)
            await session.watch(self.every, session.allow_courtesy)


@dataclass(frozen=True, slots=True)
class Flood:
    """Say the same octets as fast as possible, until the client goes or a bound."""

    octets: bytes
    total: int = FLOOD_OCTETS
    seconds: float = FLOOD_SECONDS

    async def play(self, session: Session) -> None:
        """Send large chunks of them, reading between without waiting."""
        chunk = self.octets * max(1, FLOOD_CHUNK // len(self.octets))
        with suppress(TimeoutError):
            async with asyncio.timeout(self.seconds):
                for _ in range(max(1, self.total // len(chunk))):
                    await session.say(chunk)
                    await session.watch(0, session.allow_courtesy)
                    await asyncio.sleep(0)  # a client that keeps pace starves the loop
                    if session.over:
                        break


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing for some seconds; what the client says stays unread."""

    seconds: float

    async def play(self, session: Session) -> None:
        """Let the time pass."""
        if not session.over:
            await asyncio.sleep(self.seconds)


@dataclass(frozen=True, slots=True)
class Silence:
    """Say nothing for some seconds, in which the client must not say an octet either.

    It must not leave either, unless it `may_leave`: where the silence outlasts a limit.
    """

    seconds: float
    may_leave: bool = False

    async def play(self, session: Session) -> None:
        """Read, and hold every octet against the client."""
        if session.over:
            return
        await session.watch(self.seconds, session.refuse)
        if session.left and not self.may_leave:
            session.violate("the client left while it had to wait")


@dataclass(frozen=True, slots=True)
class Finish:
    """FIN: end the server's half, then read and discard until the client closes.

    Never a plain close: a QUIT on its way would turn it into a reset. Only commands
    that may be `on_their_way` may still come, and a `client_hello` that TLS was allowed
    to begin with. FIN is TCP's: inside TLS it comes without close_notify.
    """

    on_their_way: frozenset[bytes] = frozenset({b"QUIT"})
    client_hello: bool = False

    async def play(self, session: Session) -> None:
        """Shut the sending side down, read to the end, close."""
        if self.client_hello:
            session.allow_hello()
        session.end_writing()
        await session.watch(
            None, lambda octets: session.allow_commands(octets, self.on_their_way)
        )
        session.close()


@dataclass(frozen=True, slots=True)
class Hold:
    """Keep the connection open and say nothing, until the client closes."""

    async def play(self, session: Session) -> None:
        """Read and discard to the end."""
        await session.watch(None, session.allow_courtesy)


@dataclass(frozen=True, slots=True)
class PlainClose:
    """Close at once, unread octets or not; with any, the kernel makes it a reset."""

    async def play(self, session: Session) -> None:
        """Close the socket."""
        session.note("S: close")
        session.close()


@dataclass(frozen=True, slots=True)
class Reset:
    """RST. Never as the first step: connect() itself might report it."""

    async def play(self, session: Session) -> None:
        """Close the socket without lingering."""
        session.reset()


FIN = Finish()
HOLD = Hold()
CLOSE = PlainClose()
RST = Reset()


@dataclass(frozen=True, slots=True)
class Expect:
    """Await exactly this command line, or this verb with `any_argument`.

    Another line is recorded as a violation and answered by FIN.
    """

    command: bytes
    any_argument: bool = False

    async def play(self, session: Session) -> None:
        """Read one line and compare it."""
        line = await session.command()
        if line is not None and not self._is(line):
            session.violate(f"{line!r} came where {self.command!r} was expected")
            await FIN.play(session)

    def _is(self, line: bytes) -> bool:
        if not self.any_argument:
            return line == self.command
        verb, _, argument = line.partition(b" ")
        return verb == self.command and argument != b"" and b" " not in argument


@dataclass(frozen=True, slots=True)
class Response:
    """Await exactly this line of a SASL exchange, which may be longer than a command.

    Another line is recorded as a violation and answered by FIN.
    """

    line: bytes

    async def play(self, session: Session) -> None:
        """Read one line and compare it."""
        line = await session.command(MAX_RESPONSE_OCTETS)
        if line is not None and line != self.line:
            session.violate(f"{line!r} came where {self.line!r} was expected")
            await FIN.play(session)


@dataclass(frozen=True, slots=True)
class Tls:
    """Shake hands; from then on all is said and heard inside TLS.

    The certificate is of this kind, for this name; a client that did not ask for the
    name by SNI gets the `otherwise` kind, where there is one. What it asked for must be
    `sni`; with None it must have asked for nothing. `version` is the only one spoken,
    in place of 1.2 and above. A client that must show a `client_certificate` needs one
    of our authority's. Something else than a ClientHello is recorded as a violation and
    answered by FIN; whoever breaks the handshake off ends the session.
    """

    kind: Kind = Kind.GOOD
    name: str = "mail.test"
    sni: str | None = field(default=ANY_NAME, kw_only=True)
    otherwise: Kind | None = field(default=None, kw_only=True)
    version: ssl.TLSVersion | None = field(default=None, kw_only=True)
    client_certificate: bool = field(default=False, kw_only=True)

    async def play(self, session: Session) -> None:
        """Await the ClientHello, answer it, and compare what it asked for."""
        options = Options(
            self.kind, self.name, self.otherwise, self.version, self.client_certificate
        )
        asked = await session.encrypt(server_context(options))
        if asked and self.sni not in {ANY_NAME, asked.name}:
            session.violate(f"SNI was {asked.name!r} and not {self.sni!r}")


@dataclass(frozen=True, slots=True)
class ClientHello:
    """Await the first record of a handshake, and leave it unanswered.

    Something else is recorded as a violation and answered by FIN. Behind it only an
    alert may come, and the courtesy QUIT of a client that was greeted before.
    """

    async def play(self, session: Session) -> None:
        """Read it; a client that goes away instead has done nothing wrong."""
        await session.client_hello()


@dataclass(frozen=True, slots=True)
class Notify:
    """close_notify: say that nothing more comes inside TLS, and leave TCP open."""

    async def play(self, session: Session) -> None:
        """Send the alert."""
        await session.notify()


NOTIFY = Notify()


@dataclass(frozen=True, slots=True)
class ProxyHeader:
    """Await a PROXY header of this version that says the connection's real addresses.

    It is the first thing on the wire, and nothing comes behind it until the greeting,
    save a ClientHello, which a server without TLS then finds out of place.
    Another header is recorded as a violation and answered by FIN.
    """

    version: int

    async def play(self, session: Session) -> None:
        """Read as many octets as the header has and compare them."""
        expected = header(self.version, session.ends)
        heard = await session.header(len(expected))
        if heard != expected:
            session.violate(f"{heard!r} came where {expected!r} was expected")
            await FIN.play(session)


@dataclass(frozen=True, slots=True)
class CameFrom:
    """Hold the address that the client connected from against this one."""

    host: str

    async def play(self, session: Session) -> None:
        """Compare, without a word to the client."""
        seen = session.ends[0].host if session.ends else None
        if seen != self.host:
            session.violate(f"the client came from {seen} and not {self.host}")


@dataclass(frozen=True, slots=True)
class Answer:
    """Say what a function makes of the last command line."""

    reply_to: Callable[[bytes], bytes]

    async def play(self, session: Session) -> None:
        """Call it and send what it gives."""
        await session.say(self.reply_to(session.line))


def script(*parts: Step | bytes | Script) -> Script:
    """Combine steps and macros into one script; octets alone mean Say."""
    steps: list[Step] = []
    for part in parts:
        match part:
            case bytes():
                steps.append(Say(part))
            case tuple():
                steps += part
            case _:
                steps.append(part)
    return tuple(steps)


GREETING = b"220 mx.test ESMTP ready\r\n"
BYE = b"221 2.0.0 bye\r\n"
OFFER = b"250-mx.test\r\n250-SIZE 1000\r\n250 8BITMIME\r\n"
OFFER_STARTTLS = b"250-mx.test\r\n250-SIZE 1000\r\n250-8BITMIME\r\n250 STARTTLS\r\n"
GO_AHEAD = b"220 2.0.0 go ahead\r\n"

EHLO = Expect(b"EHLO", any_argument=True)
HELO = Expect(b"HELO", any_argument=True)
LHLO = Expect(b"LHLO", any_argument=True)
QUIT = Expect(b"QUIT")

GRT = script(GREETING)
EHL = script(EHLO, OFFER)
QUI = script(QUIT, BYE, FIN)

EHS = script(EHLO, OFFER_STARTTLS)
STARTTLS = script(Expect(b"STARTTLS"), GO_AHEAD)
QUI_TLS = script(QUIT, BYE, NOTIFY, FIN)
