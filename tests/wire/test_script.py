"""A client of few lines sees what each step promises, on both kinds of loop."""

import asyncio
import socket
import ssl
import warnings
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import pytest

from exporter.demo.certificates import Kind, authority, issue
from exporter.demo.listener import LOOPBACK, UNIX, ScriptedServer, closed_port
from exporter.demo.script import (
    BYE,
    CLOSE,
    EHL,
    EHLO,
    EHS,
    FIN,
    GO_AHEAD,
    GREETING,
    GRT,
    HOLD,
    NOTIFY,
    OFFER,
    OFFER_STARTTLS,
    QUI,
    QUI_TLS,
    QUIT,
    RST,
    STARTTLS,
    Answer,
    CameFrom,
    ClientHello,
    Dribble,
    Expect,
    Finish,
    Flood,
    ProxyHeader,
    Repeat,
    Response,
    Script,
    Silence,
    Step,
    Tls,
    Wait,
    script,
)
from exporter.demo.session import (
    MAX_KEPT_OCTETS,
    MAX_VIOLATIONS,
    Left,
    Session,
)
from tests.wire.ports import filtered_port

T = TypeVar("T")
InLoop = Callable[[Coroutine[Any, Any, T]], T]
Client = Callable[[socket.socket], T]
Part = Step | bytes | Script

PATIENCE = 5.0
# Made before there are threads, which would each make one of their own.
TRUSTED = authority().decode()
HANDSHAKE_FAILURE = bytes.fromhex("15 03 03 00 02 02 28")  # an alert


def _call(port: int, client: Client[T]) -> T:
    with socket.create_connection((LOOPBACK, port), timeout=PATIENCE) as sock:
        return client(sock)


def _meet(
    in_loop: InLoop[tuple[T, Session]], client: Client[T], *parts: Part
) -> tuple[T, Session]:
    """Run a client against a script; give what it returned and the server's record."""

    async def meet() -> tuple[T, Session]:
        async with ScriptedServer(script(*parts)) as server:
            seen = await asyncio.to_thread(_call, server.port, client)
            assert await server.settled(PATIENCE)
            return seen, server.sessions[0]

    return in_loop(meet())


def _read_all(sock: socket.socket) -> bytes:
    pieces = []
    while piece := sock.recv(65536):
        pieces.append(piece)
    return b"".join(pieces)


def _say(*lines: bytes) -> Client[None]:
    """Make a client that reads the greeting, says lines at once, and reads to EOF."""

    def client(sock: socket.socket) -> None:
        assert sock.recv(1000)
        sock.sendall(b"".join(lines))
        _read_all(sock)

    return client


def test_say(in_loop: InLoop[tuple[bytes, Session]]) -> None:
    """What is said in one write arrives in one piece."""
    piece, _ = _meet(in_loop, lambda sock: sock.recv(1000), GRT, FIN)

    assert piece == GREETING


def test_dribble(in_loop: InLoop[tuple[list[bytes], Session]]) -> None:
    """A dribble arrives in pieces, and whole."""

    def client(sock: socket.socket) -> list[bytes]:
        pieces = []
        while piece := sock.recv(1000):
            pieces.append(piece)
        return pieces

    pieces, _ = _meet(in_loop, client, Dribble(b"220 x\r\n", 0.02), FIN)

    assert b"".join(pieces) == b"220 x\r\n"
    assert len(pieces) > 1


def test_repeat(in_loop: InLoop[tuple[bytes, Session]]) -> None:
    """A repetition goes on until the client goes."""

    def client(sock: socket.socket) -> bytes:
        said = b""
        while len(said) < 20:
            said += sock.recv(1000)
        return said

    said, session = _meet(in_loop, client, Repeat(b"220-x\r\n", 0.01))

    assert said.startswith(b"220-x\r\n220-x\r\n")
    assert session.left is not None


def test_flood_bounded(in_loop: InLoop[tuple[int, Session]]) -> None:
    """A flood ends at its bound in octets even when the client takes them all."""
    size, _ = _meet(
        in_loop, lambda sock: len(_read_all(sock)), Flood(b"x", total=1 << 20), FIN
    )

    assert size == 1 << 20


def test_flood_in_time(in_loop: InLoop[tuple[int, Session]]) -> None:
    """A flood ends at its bound in time however many octets it still had to say."""
    endless = Flood(b"x", total=1 << 40, seconds=0.2)

    size, _ = _meet(in_loop, lambda sock: len(_read_all(sock)), endless, FIN)

    assert 0 < size < 1 << 40


def test_flood_left(in_loop: InLoop[tuple[bytes, Session]]) -> None:
    """A flood ends when the client goes."""
    _, session = _meet(in_loop, lambda sock: sock.recv(10), Flood(b"x"), HOLD)

    assert session.left is not None


def test_wait(in_loop: InLoop[tuple[None, Session]]) -> None:
    """A server that waits reads nothing, so a plain close then resets."""

    def client(sock: socket.socket) -> None:
        sock.sendall(b"hello\r\n")
        with pytest.raises(ConnectionResetError):
            sock.recv(1000)

    _, session = _meet(in_loop, client, Wait(0.2), CLOSE)

    assert session.received == b""


def test_silence_kept(in_loop: InLoop[tuple[bytes, Session]]) -> None:
    """A silence that is kept is no violation, and what follows it is said."""
    said, session = _meet(in_loop, _read_all, Silence(0.1), GRT, FIN)

    assert said == GREETING
    assert session.violations == []


def test_silence_broken(in_loop: InLoop[tuple[None, Session]]) -> None:
    """One octet during a silence is a violation."""

    def client(sock: socket.socket) -> None:
        sock.sendall(b"E")
        _read_all(sock)

    _, session = _meet(in_loop, client, Silence(0.2), FIN)

    assert len(session.violations) == 1
    assert session.received == b"E"


@pytest.mark.parametrize(("may_leave", "violations"), [(False, 1), (True, 0)])
def test_silence_left(
    in_loop: InLoop[tuple[bytes, Session]], may_leave: bool, violations: int
) -> None:
    """A client may leave during a silence only where the script says so."""
    _, session = _meet(
        in_loop, lambda sock: sock.recv(1000), GRT, Silence(2.0, may_leave=may_leave)
    )

    assert len(session.violations) == violations


def test_conversation(in_loop: InLoop[tuple[bytes, Session]]) -> None:
    """A client that keeps to the script is told all of it, and breaks no rule."""

    def client(sock: socket.socket) -> bytes:
        assert sock.recv(1000) == GREETING
        sock.sendall(b"EHLO [127.0.0.1]\r\n")
        answer = sock.recv(1000)
        sock.sendall(b"QUIT\r\n")
        return answer + _read_all(sock)

    said, session = _meet(
        in_loop, client, GRT, EHLO, Answer(lambda line: b"250 " + line + b"\r\n"), QUI
    )

    assert said == b"250 EHLO [127.0.0.1]\r\n" + BYE
    assert session.received == b"EHLO [127.0.0.1]\r\nQUIT\r\n"
    assert session.violations == []
    assert session.left is Left.FIN


@dataclass(frozen=True)
class Rude:
    """Lines that break one rule, after a greeting and where QUIT is expected."""

    rule: str
    lines: bytes
    expected: Expect = QUIT


RUDE = (
    Rude("another line than expected", b"HELO x\r\n"),
    Rude("an argument to QUIT", b"QUIT now\r\n"),
    Rude("a bare LF", b"QUIT\n"),
    Rude("a CR inside a line", b"QU\rIT\r\n"),
    Rude("a second command at once", b"QUIT\r\nNOOP\r\n"),
    Rude("QUIT twice", b"QUIT\r\nQUIT\r\n"),
    Rude("octets behind QUIT", b"QUIT\r\nx"),
    Rude("a line too long", b"A" * 600 + b"\r\n"),
    Rude("EHLO without its argument", b"EHLO\r\n", EHLO),
    Rude("EHLO with two arguments", b"EHLO a b\r\n", EHLO),
)


@pytest.mark.parametrize("rude", RUDE, ids=lambda rude: rude.rule)
def test_violations(in_loop: InLoop[tuple[None, Session]], rude: Rude) -> None:
    """A client that breaks a rule is recorded as doing so."""
    _, session = _meet(in_loop, _say(rude.lines), GRT, rude.expected, BYE, FIN)

    assert session.violations


@pytest.mark.parametrize(("octets", "violations"), [(4096, 0), (4097, 1), (20000, 1)])
def test_response(
    in_loop: InLoop[tuple[None, Session]], octets: int, violations: int
) -> None:
    """A line of a SASL exchange may be long, and must be the one expected."""
    line = b"A" * octets + b"\r\n"

    _, session = _meet(in_loop, _say(line), GRT, Response(b"A" * 4096), FIN)

    assert len(session.violations) >= violations
    assert bool(session.violations) is bool(violations)


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        (b"PROXY TCP4 127.0.0.1 127.0.0.1 %d %d\r\n", True),
        (b"PROXY TCP4 127.0.0.2 127.0.0.1 %d %d\r\n", False),
        (b"PROXY TCP4 127.0.0.1 127.0.0.1 %d 0%d\r\n", False),
        (b"PROXY TCP4 127.0.0.1 127.0.0.1 %d %d\r\nEHLO x\r\n", False),
    ],
)
def test_proxy_header(
    in_loop: InLoop[tuple[bytes, Session]], line: bytes, kept: bool
) -> None:
    """A PROXY header must tell the connection's real addresses, and nothing more."""

    def client(sock: socket.socket) -> bytes:
        ports = (sock.getsockname()[1], sock.getpeername()[1])
        sock.sendall(line % ports)
        return _read_all(sock)

    _, session = _meet(in_loop, client, ProxyHeader(1), GRT, FIN)

    assert (session.violations == []) is kept


def test_no_proxy_header(in_loop: InLoop[tuple[bytes, Session]]) -> None:
    """A client that leaves without the header is recorded."""

    def client(sock: socket.socket) -> bytes:
        sock.shutdown(socket.SHUT_WR)
        return sock.recv(1000)

    _, session = _meet(in_loop, client, ProxyHeader(2), GRT, FIN)

    assert len(session.violations) == 1


@pytest.mark.parametrize(("host", "violations"), [(LOOPBACK, 0), ("127.0.0.2", 1)])
def test_came_from(
    in_loop: InLoop[tuple[bytes, Session]], host: str, violations: int
) -> None:
    """A script can ask from which address the client came."""
    said, session = _meet(in_loop, _read_all, CameFrom(host), GRT, FIN)

    assert said == GREETING
    assert len(session.violations) == violations


def test_unix_socket(in_loop: InLoop[tuple[bytes, Session]], tmp_path: Path) -> None:
    """A server on a Unix socket plays its script like any other, without addresses."""
    path = str(tmp_path / "socket")

    def client() -> bytes:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(PATIENCE)
            sock.connect(path)
            sock.sendall(b"PROXY UNKNOWN\r\n")
            return _read_all(sock)

    async def meet() -> tuple[bytes, Session]:
        async with ScriptedServer(
            script(ProxyHeader(1), GRT, FIN), UNIX + path
        ) as server:
            assert server.port == 0
            seen = await asyncio.to_thread(client)
            assert await server.settled(PATIENCE)
            return seen, server.sessions[0]

    said, session = in_loop(meet())

    assert said == GREETING
    assert session.ends is None
    assert session.violations == []


def test_window(in_loop: InLoop[int]) -> None:
    """A server with a small window that reads nothing soon takes nothing more."""

    def client(port: int) -> int:
        with socket.create_connection((LOOPBACK, port), PATIENCE) as sock:
            sock.setblocking(False)
            sent = 0
            try:
                while sent < 1 << 26:
                    sent += sock.send(b"x" * 65536)
            except BlockingIOError:
                return sent
        return sent

    async def meet() -> int:
        quiet = script(Wait(PATIENCE))
        async with ScriptedServer(quiet, window=1) as server:
            return await asyncio.to_thread(client, server.port)

    assert in_loop(meet()) < 1 << 26


def test_closed_unix_socket(tmp_path: Path) -> None:
    """A Unix socket that nobody listens on refuses, and its file is there."""
    path = tmp_path / "socket"

    with closed_port(f"{UNIX}{path}") as port, socket.socket(socket.AF_UNIX) as sock:
        assert port == 0
        assert path.is_socket()
        with pytest.raises(ConnectionRefusedError):
            sock.connect(str(path))


@pytest.mark.parametrize("host", ["192.0.2.1", "unix:/no/such/folder/socket"])
def test_no_place(host: str) -> None:
    """A host that is not this machine's is told at once."""
    with pytest.raises(OSError, match=r"."), closed_port(host):
        pass


@pytest.mark.parametrize("lines", [b"", b"QUIT\r\n"])
def test_courtesy(in_loop: InLoop[tuple[None, Session]], lines: bytes) -> None:
    """A client that gives up may say QUIT once the greeting was complete."""
    _, session = _meet(in_loop, _say(lines), GRT, FIN)

    assert session.violations == []
    assert session.received == lines


@pytest.mark.parametrize(
    "greeting",
    [b"220-a\r\n", b"220 a", b"220-a\r\n250 b\r\n", b"SSH-2.0-x\r\n", b"620 a\r\n"],
)
def test_courtesy_too_early(
    in_loop: InLoop[tuple[None, Session]], greeting: bytes
) -> None:
    """Without one complete greeting even a courtesy QUIT is a violation."""
    _, session = _meet(in_loop, _say(b"QUIT\r\n"), greeting, FIN)

    assert len(session.violations) == 1


@pytest.mark.parametrize("lines", [b"QUI", b"NOOP\r\n", b"QUIT\r\nQUIT\r\n"])
def test_courtesy_exceeded(in_loop: InLoop[tuple[None, Session]], lines: bytes) -> None:
    """Anything but one whole QUIT is no courtesy."""
    _, session = _meet(in_loop, _say(lines), b"220-a\r\n220 b\r\n", FIN)

    assert session.violations


def test_commands_on_their_way(in_loop: InLoop[tuple[None, Session]]) -> None:
    """A script may allow for a command that crosses the server's FIN."""
    finish = Finish(frozenset({b"EHLO"}))

    _, session = _meet(in_loop, _say(b"EHLO x\r\n"), GRT, finish)

    assert session.violations == []


def test_fin(in_loop: InLoop[tuple[bytes, Session]]) -> None:
    """After FIN the client sees the end, and what it still says is no reset."""

    def client(sock: socket.socket) -> bytes:
        said = _read_all(sock)
        sock.sendall(b"QUIT\r\n")
        sock.shutdown(socket.SHUT_WR)
        return said + sock.recv(1000)

    said, session = _meet(in_loop, client, GRT, FIN)

    assert said == GREETING
    assert session.received == b"QUIT\r\n"
    assert session.left is Left.FIN


def test_end_of_script(in_loop: InLoop[tuple[bytes, Session]]) -> None:
    """A script without an end of its own ends in FIN."""
    said, _ = _meet(in_loop, _read_all, GRT)

    assert said == GREETING


def test_close(in_loop: InLoop[tuple[bytes, Session]]) -> None:
    """A plain close with nothing unread looks like FIN."""
    said, session = _meet(in_loop, _read_all, GRT, CLOSE)

    assert said == GREETING
    assert session.closed


def test_reset(in_loop: InLoop[tuple[bytes, Session]]) -> None:
    """What was said before a reset arrives, and then the reset."""

    def client(sock: socket.socket) -> bytes:
        said = sock.recv(1000)
        with pytest.raises(ConnectionResetError):
            sock.recv(1000)
        return said

    said, _ = _meet(in_loop, client, GRT, Silence(0.1), RST)

    assert said == GREETING


def test_hold(in_loop: InLoop[tuple[bytes, Session]]) -> None:
    """A server that holds says nothing and does not close."""

    def client(sock: socket.socket) -> bytes:
        said = sock.recv(1000)
        sock.settimeout(0.2)
        with pytest.raises(TimeoutError):
            sock.recv(1000)
        return said

    _, session = _meet(in_loop, client, GRT, HOLD)

    assert session.left is Left.FIN


def test_client_reset(in_loop: InLoop[tuple[bytes, Session]]) -> None:
    """A client that closes with octets unread is recorded as having reset."""
    _, session = _meet(in_loop, lambda sock: sock.recv(1), GRT, HOLD)

    assert session.left is Left.RST


def test_connections_at_once(in_loop: InLoop[list[bytes]]) -> None:
    """Every connection is played the script from its start, however many there are."""

    def client(port: int) -> list[bytes]:
        address = (LOOPBACK, port)
        socks = [socket.create_connection(address, PATIENCE) for _ in range(20)]
        greetings = [sock.recv(1000) for sock in socks]
        for sock in socks:
            sock.close()
        return greetings

    async def meet() -> list[bytes]:
        async with ScriptedServer(script(GRT, HOLD)) as server:
            return await asyncio.to_thread(client, server.port)

    assert in_loop(meet()) == [GREETING] * 20


def test_server_left(in_loop: InLoop[bytes]) -> None:
    """Leaving a server ends the sessions that still run."""

    async def meet() -> bytes:
        async with ScriptedServer(script(GRT, HOLD)) as server:
            address = (LOOPBACK, server.port)
            sock = await asyncio.to_thread(socket.create_connection, address, PATIENCE)
            greeting = await asyncio.to_thread(sock.recv, 1000)
        with sock:
            return greeting + await asyncio.to_thread(sock.recv, 1000)

    assert in_loop(meet()) == GREETING


def test_fault_in_script(in_loop: InLoop[None]) -> None:
    """A fault of a script's own is raised when its server is left."""

    def stumble(line: bytes) -> bytes:
        raise LookupError(line)

    async def meet() -> None:
        async with ScriptedServer(script(Answer(stumble))) as server:
            await asyncio.to_thread(_call, server.port, _read_all)

    with pytest.raises(LookupError):
        in_loop(meet())


def test_closed_port() -> None:
    """A connection to a closed port is refused."""
    with closed_port() as port, pytest.raises(ConnectionRefusedError):
        socket.create_connection((LOOPBACK, port), PATIENCE)


def test_filtered_port() -> None:
    """A connection to a filtered port is neither made nor refused."""
    with filtered_port() as port, pytest.raises(TimeoutError):
        socket.create_connection((LOOPBACK, port), 0.2)


class Secure:
    """A client inside TLS, which tells a server's close_notify from its FIN."""

    def __init__(
        self, sock: socket.socket, context: ssl.SSLContext, name: str | None
    ) -> None:
        """Prepare; `name` is asked for by SNI."""
        self.sock = sock
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self.tls = context.wrap_bio(
            self._incoming, self._outgoing, server_hostname=name
        )

    def shake(self) -> None:
        """Shake hands, to the end."""
        self._carry(self.tls.do_handshake)

    def read(self) -> bytes:
        """Give one record's content; b"" is close_notify, and FIN an EOFError."""
        try:
            return self._carry(lambda: self.tls.read(65536))
        except ssl.SSLZeroReturnError:  # instead of b"" behind a close_notify of ours
            return b""

    def read_all(self) -> bytes:
        """Read to the server's FIN, with close_notify before it or without."""
        said = b""
        try:
            while octets := self.read():
                said += octets
        except EOFError:
            return said
        assert _read_all(self.sock) == b""
        return said

    def say(self, *records: bytes, plain: bytes = b"") -> None:
        """Send each as a record of its own, and what is not inside TLS, all at once."""
        for octets in records:
            self.tls.write(octets)
        self.sock.sendall(self._outgoing.read() + plain)

    def notify(self) -> None:
        """Say close_notify, and await none."""
        with suppress(ssl.SSLWantReadError):
            self.tls.unwrap()
        self._flush()

    def _carry(self, call: Callable[[], T]) -> T:
        while True:
            try:
                return call()
            except ssl.SSLWantReadError:
                pass
            finally:
                self._flush()
            octets = self.sock.recv(65536)
            if not octets:
                raise EOFError
            self._incoming.write(octets)

    def _flush(self) -> None:
        octets = self._outgoing.read()
        if octets:
            self.sock.sendall(octets)

    def hello(self) -> bytes:
        """Give the first octets of a handshake, unsent."""
        with pytest.raises(ssl.SSLWantReadError):
            self.tls.do_handshake()
        return self._outgoing.read()


@cache
def _trusting() -> ssl.SSLContext:
    """Make a client that takes what the authority stands for, and nothing else."""
    return ssl.create_default_context(cadata=TRUSTED)


def _gullible(
    lowest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2,
    highest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
) -> ssl.SSLContext:
    """Make a client that takes whatever it is shown."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with warnings.catch_warnings():  # 1.0 is deprecated, and asked for
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = lowest
        context.maximum_version = highest
    return context


def _inside(
    client: Callable[[Secure], T],
    context: ssl.SSLContext | None = None,
    name: str | None = "mail.test",
) -> Client[T]:
    """Make a client that shakes hands before all else."""

    def outside(sock: socket.socket) -> T:
        secure = Secure(sock, context or _trusting(), name)
        secure.shake()
        return client(secure)

    return outside


def _say_inside(*records: bytes) -> Client[None]:
    """Make a client that reads the greeting inside TLS, says records, reads to EOF."""

    def client(secure: Secure) -> None:
        assert secure.read()
        secure.say(*records)
        secure.read_all()

    return _inside(client)


def _refused(sock: socket.socket, context: ssl.SSLContext) -> str:
    """Shake hands in vain, hang up, and give the client's reason."""
    client = _inside(Secure.read, context)
    with pytest.raises(ssl.SSLError) as caught:
        client(sock)
    sock.shutdown(socket.SHUT_WR)
    _read_all(sock)
    return caught.value.reason


def test_tls(in_loop: InLoop[tuple[bytes, Session]]) -> None:
    """All is said inside TLS, and a goodbye there is 221, close_notify and FIN."""

    def client(secure: Secure) -> bytes:
        said = secure.read()
        secure.say(b"EHLO x\r\n")
        said += secure.read()
        secure.say(b"QUIT\r\n")
        said += secure.read()
        assert secure.read() == b""
        assert secure.sock.recv(1000) == b""
        return said

    said, session = _meet(in_loop, _inside(client), Tls(), GRT, EHL, QUI_TLS)

    assert said == GREETING + OFFER + BYE
    assert session.violations == []
    assert session.encrypted
    assert session.received == b"EHLO x\r\nQUIT\r\n"
    assert session.said_octets == len(said)
    assert session.said_notify is not None
    assert session.heard_notify is None
    assert session.left is Left.FIN


def test_starttls(in_loop: InLoop[tuple[bytes, Session]]) -> None:
    """After STARTTLS a client shakes hands and says EHLO again."""

    def client(sock: socket.socket) -> bytes:
        said = sock.recv(1000)
        for line in (b"EHLO x\r\n", b"STARTTLS\r\n"):
            sock.sendall(line)
            said += sock.recv(1000)
        secure = Secure(sock, _trusting(), "mail.test")
        secure.shake()
        for line in (b"EHLO x\r\n", b"QUIT\r\n"):
            secure.say(line)
            said += secure.read()
        return said + secure.read_all()

    said, session = _meet(in_loop, client, GRT, EHS, STARTTLS, Tls(), EHL, QUI_TLS)

    assert said == GREETING + OFFER_STARTTLS + GO_AHEAD + OFFER + BYE
    assert session.violations == []


def test_no_second_ehlo(in_loop: InLoop[tuple[None, Session]]) -> None:
    """A client that takes up inside TLS where it was before breaks the script."""

    def client(sock: socket.socket) -> None:
        assert sock.recv(1000)
        sock.sendall(b"STARTTLS\r\n")
        assert sock.recv(1000)
        secure = Secure(sock, _trusting(), "mail.test")
        secure.shake()
        secure.say(b"MAIL FROM:<>\r\n")
        secure.read_all()

    _, session = _meet(in_loop, client, GRT, STARTTLS, Tls(), EHL, QUI_TLS)

    assert len(session.violations) == 1


@pytest.mark.parametrize(
    ("step", "octets"),
    [
        (Tls(), b"EHLO x\r\n"),
        (Tls(), b"Q"),
        (ClientHello(), b"EHLO x\r\n"),
        (ClientHello(), b"Q"),
        (ClientHello(), b"\x16\x03\x01\xff\xff"),
    ],
)
def test_no_client_hello(
    in_loop: InLoop[tuple[bytes, Session]], step: Step, octets: bytes
) -> None:
    """A client that says anything but a ClientHello is recorded, and hung up on."""

    def client(sock: socket.socket) -> bytes:
        sock.sendall(octets)
        return _read_all(sock)

    said, session = _meet(in_loop, client, step, GRT, HOLD)

    assert said == b""
    assert len(session.violations) == 1


def test_bad_client_hello(in_loop: InLoop[tuple[bytes, Session]]) -> None:
    """A handshake that is none is broken off by an alert and FIN."""

    def client(sock: socket.socket) -> bytes:
        sock.sendall(b"\x16\x03\x01\xff\xff")
        return _read_all(sock)

    said, session = _meet(in_loop, client, Tls(), GRT, HOLD)

    assert said[:1] == HANDSHAKE_FAILURE[:1]
    assert not session.encrypted
    assert any("S: breaks the handshake off" in line for line in session.story)


@pytest.mark.parametrize("step", [Tls(), ClientHello()])
def test_plain_client_at_a_tls_port(
    in_loop: InLoop[tuple[None, Session]], step: Step
) -> None:
    """A client that waits in vain for a greeting, and goes, has done nothing wrong."""

    def client(sock: socket.socket) -> None:
        sock.settimeout(0.2)
        with pytest.raises(TimeoutError):
            sock.recv(1000)

    _, session = _meet(in_loop, client, step, HOLD)

    assert session.violations == []
    assert session.left is Left.FIN


def test_octets_before_the_client_hello(in_loop: InLoop[tuple[bytes, Session]]) -> None:
    """Between STARTTLS and the ClientHello not one octet may come."""

    def client(sock: socket.socket) -> bytes:
        assert sock.recv(1000)
        sock.sendall(b"STARTTLS\r\n")
        assert sock.recv(1000)
        sock.sendall(b"NOOP\r\n")
        return _read_all(sock)

    _, session = _meet(in_loop, client, GRT, STARTTLS, Tls(), HOLD)

    assert len(session.violations) == 1


def test_client_hello_too_early(in_loop: InLoop[tuple[None, Session]]) -> None:
    """A ClientHello right behind STARTTLS is understood, and a violation."""

    def client(sock: socket.socket) -> None:
        assert sock.recv(1000)
        secure = Secure(sock, _trusting(), "mail.test")
        sock.sendall(b"STARTTLS\r\n" + secure.hello())
        assert sock.recv(len(GO_AHEAD)) == GO_AHEAD
        secure.shake()
        secure.say(b"QUIT\r\n")
        secure.read_all()

    _, session = _meet(in_loop, client, GRT, STARTTLS, Tls(), QUI_TLS)

    assert len(session.violations) == 1
    assert session.encrypted


def test_proxy_header_before_tls(in_loop: InLoop[tuple[bytes, Session]]) -> None:
    """A ClientHello may come together with the PROXY header ahead of it."""

    def client(sock: socket.socket) -> bytes:
        ports = (sock.getsockname()[1], sock.getpeername()[1])
        secure = Secure(sock, _trusting(), "mail.test")
        line = b"PROXY TCP4 127.0.0.1 127.0.0.1 %d %d\r\n" % ports
        sock.sendall(line + secure.hello())
        secure.shake()
        return secure.read_all()

    said, session = _meet(in_loop, client, ProxyHeader(1), Tls(), GRT, NOTIFY)

    assert said == GREETING
    assert session.violations == []


def test_proxy_header_and_tls_for_nobody(
    in_loop: InLoop[tuple[None, Session]],
) -> None:
    """A ClientHello behind the PROXY header is out of place where no TLS begins."""

    def client(sock: socket.socket) -> None:
        ports = (sock.getsockname()[1], sock.getpeername()[1])
        line = b"PROXY TCP4 127.0.0.1 127.0.0.1 %d %d\r\n" % ports
        sock.sendall(line + Secure(sock, _gullible(), None).hello())
        _read_all(sock)

    _, session = _meet(in_loop, client, ProxyHeader(1), GRT, FIN)

    assert session.violations


@dataclass(frozen=True)
class Asking:
    """What a client asks for by SNI, and what a server wants it to."""

    asked: str | None
    sni: str | None
    right: bool


@pytest.mark.parametrize(
    "asking",
    [
        Asking("mail.test", "mail.test", right=True),
        Asking("mail.test", "mx.test", right=False),
        Asking("mail.test", None, right=False),
        Asking(None, None, right=True),
        Asking(None, "mail.test", right=False),
        Asking("127.0.0.1", None, right=True),
    ],
    ids=str,
)
def test_sni(in_loop: InLoop[tuple[bytes, Session]], asking: Asking) -> None:
    """A script can ask which name the client asked for, and that it asked for none."""
    said, session = _meet(
        in_loop,
        _inside(Secure.read_all, _gullible(), asking.asked),
        Tls(sni=asking.sni),
        GRT,
        NOTIFY,
    )

    assert said == GREETING
    assert (session.violations == []) is asking.right


def test_sni_of_nobody(in_loop: InLoop[tuple[str, Session]]) -> None:
    """What a client asked for is not judged where its ClientHello came to nothing."""
    _, session = _meet(
        in_loop,
        lambda sock: _refused(sock, _gullible()),
        Tls(sni="mx.test", version=ssl.TLSVersion.TLSv1),
        GRT,
    )

    assert session.violations == []


@pytest.mark.parametrize(
    ("asked", "kind"),
    [
        ("mail.test", Kind.GOOD),
        ("mx.test", Kind.OTHER_NAME),
        (None, Kind.OTHER_NAME),
    ],
)
def test_certificate_by_sni(
    in_loop: InLoop[tuple[bytes | None, Session]], asked: str | None, kind: Kind
) -> None:
    """A server may show its certificate only to who asked for the name."""
    leaf, _ = _meet(
        in_loop,
        _inside(lambda secure: secure.tls.getpeercert(True), _gullible(), asked),
        Tls(otherwise=Kind.OTHER_NAME),
        HOLD,
    )

    assert leaf == issue(kind).chain[0]


@pytest.mark.parametrize("kind", Kind)
def test_certificates(
    in_loop: InLoop[tuple[bytes | None, Session]], kind: Kind
) -> None:
    """A server shows any kind of certificate, and a gullible client takes it."""
    leaf, session = _meet(
        in_loop,
        _inside(lambda secure: secure.tls.getpeercert(True), _gullible()),
        Tls(kind),
        HOLD,
    )

    assert leaf == issue(kind).chain[0]
    assert session.encrypted


@pytest.mark.parametrize(
    ("version", "name"),
    [
        (ssl.TLSVersion.TLSv1, "TLSv1"),
        (ssl.TLSVersion.TLSv1_2, "TLSv1.2"),
        (ssl.TLSVersion.TLSv1_3, "TLSv1.3"),
    ],
)
def test_version(
    in_loop: InLoop[tuple[str | None, Session]], version: ssl.TLSVersion, name: str
) -> None:
    """A server can speak one version only, however old it is."""
    agreed, _ = _meet(
        in_loop,
        _inside(lambda secure: secure.tls.version(), _gullible(ssl.TLSVersion.TLSv1)),
        Tls(version=version),
        HOLD,
    )

    assert agreed == name


def test_no_common_version(in_loop: InLoop[tuple[str, Session]]) -> None:
    """A client that does not speak the server's version is told so by an alert."""
    reason, session = _meet(
        in_loop,
        lambda sock: _refused(sock, _gullible()),
        Tls(version=ssl.TLSVersion.TLSv1),
        GRT,
    )

    assert reason == "TLSV1_ALERT_PROTOCOL_VERSION"
    assert session.violations == []
    assert any("S: breaks the handshake off" in line for line in session.story)


BOTH = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@pytest.mark.parametrize("version", BOTH)
def test_no_client_certificate(
    in_loop: InLoop[tuple[str, Session]], version: ssl.TLSVersion
) -> None:
    """A server that demands a client's certificate refuses who has none."""
    reason, session = _meet(
        in_loop,
        lambda sock: _refused(sock, _gullible()),
        Tls(version=version, client_certificate=True),
        GRT,
    )

    assert "ALERT" in reason
    assert session.violations == []
    assert session.said_octets == 0


@pytest.mark.parametrize("version", BOTH)
@pytest.mark.parametrize(
    ("kind", "taken"), [(Kind.CLIENT_ONLY, True), (Kind.UNKNOWN_CA, False)]
)
def test_client_certificate(
    in_loop: InLoop[tuple[bytes, Session]],
    tmp_path: Path,
    version: ssl.TLSVersion,
    kind: Kind,
    taken: bool,
) -> None:
    """A server that demands a client's certificate takes its authority's only."""
    issued, file = issue(kind, "client.test"), tmp_path / "client.pem"
    file.write_bytes(issued.key + issued.pem)
    context = _gullible()
    context.load_cert_chain(file)

    def client(sock: socket.socket) -> bytes:
        secure = Secure(sock, context, "mail.test")
        try:
            secure.shake()
            return secure.read_all()
        except ssl.SSLError:
            return b""

    said, session = _meet(
        in_loop, client, Tls(version=version, client_certificate=True), GRT, NOTIFY
    )

    assert said == (GREETING if taken else b"")
    assert session.encrypted is taken


def test_records(in_loop: InLoop[tuple[list[bytes], Session]]) -> None:
    """Each piece that is said inside TLS is a record of its own."""

    def client(secure: Secure) -> list[bytes]:
        records = []
        while octets := secure.read():
            records.append(octets)
        return records

    records, _ = _meet(
        in_loop, _inside(client), Tls(), Dribble(b"220 x\r\n", 0), GRT, NOTIFY
    )

    assert records == [bytes((octet,)) for octet in b"220 x\r\n"] + [GREETING]


def test_flood_inside(in_loop: InLoop[tuple[int, Session]]) -> None:
    """A flood inside TLS arrives whole, in as many records as it takes."""
    size, _ = _meet(
        in_loop,
        _inside(lambda secure: len(secure.read_all())),
        Tls(),
        Flood(b"x", total=1 << 20),
        FIN,
    )

    assert size == 1 << 20


def test_fin_without_close_notify(in_loop: InLoop[tuple[bytes, Session]]) -> None:
    """FIN inside TLS is TCP's alone, and what the client still says is heard."""

    def client(secure: Secure) -> bytes:
        said = secure.read()
        with pytest.raises(EOFError):
            secure.read()
        secure.say(b"QUIT\r\n")
        return said

    said, session = _meet(in_loop, _inside(client), Tls(), GRT, FIN)

    assert said == GREETING
    assert session.said_notify is None
    assert session.received == b"QUIT\r\n"
    assert session.violations == []
    assert session.left is Left.FIN


def test_reset_inside(in_loop: InLoop[tuple[bytes, Session]]) -> None:
    """A reset inside TLS is TCP's, and what was said before it arrives."""

    def client(secure: Secure) -> bytes:
        assert secure.read() == GREETING
        secure.say(b"QUIT\r\n")
        said = secure.read()
        with pytest.raises(ConnectionResetError):
            secure.read()
        return said

    said, session = _meet(
        in_loop, _inside(client), Tls(), GRT, QUIT, BYE, Silence(0.1), RST
    )

    assert said == BYE
    assert session.said_notify is None


def test_hold_behind_close_notify(in_loop: InLoop[tuple[None, Session]]) -> None:
    """A client's close_notify is recorded, and when it came, apart from its FIN."""

    def client(secure: Secure) -> None:
        assert secure.read() == GREETING
        assert secure.read() == b""
        secure.sock.settimeout(0.2)
        with pytest.raises(TimeoutError):
            secure.sock.recv(1000)
        secure.notify()
        with pytest.raises(TimeoutError):
            secure.sock.recv(1000)

    _, session = _meet(in_loop, _inside(client), Tls(), GRT, NOTIFY, HOLD)

    assert session.said_notify is not None
    assert session.heard_notify is not None
    assert session.left_at is not None
    assert session.heard_notify - session.said_notify > 0.1
    assert session.left_at - session.heard_notify > 0.1
    assert session.left is Left.FIN


def test_octets_behind_close_notify(in_loop: InLoop[tuple[None, Session]]) -> None:
    """Whoever said close_notify has no more to say."""

    def client(secure: Secure) -> None:
        assert secure.read() == GREETING
        secure.notify()
        secure.say(plain=b"QUIT\r\n")

    _, session = _meet(in_loop, _inside(client), Tls(), GRT, HOLD)

    assert len(session.violations) == 1
    assert session.left is Left.FIN


@pytest.mark.parametrize("rude", RUDE, ids=lambda rude: rude.rule)
def test_violations_inside(in_loop: InLoop[tuple[None, Session]], rude: Rude) -> None:
    """A client that breaks a rule inside TLS is recorded as doing so."""
    _, session = _meet(
        in_loop, _say_inside(rude.lines), Tls(), GRT, rude.expected, BYE, FIN
    )

    assert session.violations


def test_commands_in_records(in_loop: InLoop[tuple[None, Session]]) -> None:
    """Two commands at once are a violation though each has a record to itself."""
    client = _say_inside(b"EHLO x\r\n", b"NOOP\r\n")

    _, session = _meet(in_loop, client, Tls(), GRT, EHL, FIN)

    assert session.violations


def test_early_talker_inside(in_loop: InLoop[tuple[bytes, Session]]) -> None:
    """Who has shaken hands keeps silent until the greeting."""

    def client(secure: Secure) -> bytes:
        secure.say(b"QUIT\r\n")
        return secure.read_all()

    _, session = _meet(in_loop, _inside(client), Tls(), Silence(0.1), GRT, FIN)

    assert len(session.violations) == 1


def test_courtesy_too_early_inside(in_loop: InLoop[tuple[bytes, Session]]) -> None:
    """Inside TLS too a courtesy QUIT needs one complete greeting."""

    def client(secure: Secure) -> bytes:
        secure.say(b"QUIT\r\n")
        return secure.read_all()

    _, session = _meet(in_loop, _inside(client), Tls(), FIN)

    assert len(session.violations) == 1


def test_greeting_before_starttls_counts(
    in_loop: InLoop[tuple[None, Session]],
) -> None:
    """Who was greeted before STARTTLS may say a courtesy QUIT inside TLS."""

    def client(sock: socket.socket) -> None:
        assert sock.recv(1000)
        sock.sendall(b"STARTTLS\r\n")
        assert sock.recv(1000)
        secure = Secure(sock, _trusting(), "mail.test")
        secure.shake()
        secure.say(b"QUIT\r\n")
        secure.read_all()

    _, session = _meet(in_loop, client, GRT, STARTTLS, Tls(), FIN)

    assert session.violations == []


def test_plaintext_inside(in_loop: InLoop[tuple[bytes, Session]]) -> None:
    """Octets that cannot be TLS are a violation, and end the session."""

    def client(secure: Secure) -> bytes:
        assert secure.read() == GREETING
        secure.say(plain=b"QUIT\r\n")
        return _read_all(secure.sock)

    _, session = _meet(in_loop, _inside(client), Tls(), GRT, QUI_TLS)

    assert len(session.violations) == 1
    assert session.left is Left.FIN


def test_plaintext_behind_a_command(
    in_loop: InLoop[tuple[bytes, Session]],
) -> None:
    """A command is heard though what comes behind it breaks TLS; nobody is answered."""

    def client(secure: Secure) -> bytes:
        assert secure.read() == GREETING
        secure.say(b"EHLO x\r\n", plain=b"QUIT\r\n")
        with pytest.raises(ssl.SSLError, match="ALERT"):
            secure.read()
        return _read_all(secure.sock)

    behind, session = _meet(in_loop, _inside(client), Tls(), GRT, EHL, QUI_TLS)

    assert behind == b""
    assert session.line == b"EHLO x"
    assert len(session.violations) == 1


def test_client_breaks_the_handshake_off(
    in_loop: InLoop[tuple[str, Session]],
) -> None:
    """A client that does not like the certificate ends the session by its alert."""
    reason, session = _meet(
        in_loop,
        lambda sock: _refused(sock, _trusting()),
        Tls(Kind.SELF_SIGNED),
        GRT,
    )

    assert reason == "CERTIFICATE_VERIFY_FAILED"
    assert session.violations == []
    assert not session.encrypted
    assert any("C: breaks the handshake off" in line for line in session.story)


@pytest.mark.parametrize("left", Left)
def test_client_leaves_the_handshake(
    in_loop: InLoop[tuple[None, Session]], left: Left
) -> None:
    """A client that goes in the middle of a handshake is recorded by how it went."""

    def client(sock: socket.socket) -> None:
        sock.sendall(Secure(sock, _trusting(), "mail.test").hello())
        assert sock.recv(1)
        if left is Left.FIN:
            sock.shutdown(socket.SHUT_WR)
            _read_all(sock)

    _, session = _meet(in_loop, client, Tls(), GRT)

    assert session.left is left
    assert session.violations == []


@pytest.mark.parametrize("octets", [HANDSHAKE_FAILURE, b"500 what\r\n", b""])
def test_client_hello(in_loop: InLoop[tuple[bytes, Session]], octets: bytes) -> None:
    """A ClientHello may be answered by whatever a script likes, or by nothing."""

    def client(sock: socket.socket) -> bytes:
        hello = Secure(sock, _trusting(), "mail.test").hello()
        sock.sendall(hello[:20])
        sock.sendall(hello[20:])
        said = _read_all(sock)
        sock.sendall(HANDSHAKE_FAILURE)
        return said

    said, session = _meet(in_loop, client, ClientHello(), octets, FIN)

    assert said == octets
    assert session.violations == []


@pytest.mark.parametrize(
    ("greeted", "octets", "kept"),
    [
        (True, b"QUIT\r\n", True),
        (True, b"EHLO x\r\n", False),
        (False, b"QUIT\r\n", False),
        (False, b"\x16\x03\x01\x00\x01\x01", False),
    ],
)
def test_behind_client_hello(
    in_loop: InLoop[tuple[bytes, Session]], greeted: bool, octets: bytes, kept: bool
) -> None:
    """Behind a ClientHello only an alert may come, and QUIT of who was greeted."""

    def client(sock: socket.socket) -> bytes:
        said = sock.recv(1000) if greeted else b""
        hello = Secure(sock, _trusting(), "mail.test").hello()
        sock.sendall(hello + HANDSHAKE_FAILURE + octets)
        return said + _read_all(sock)

    greeting = (GRT,) if greeted else ()

    _, session = _meet(in_loop, client, *greeting, ClientHello(), FIN)

    assert (session.violations == []) is kept


@pytest.mark.parametrize(
    ("finish", "kept"), [(Finish(client_hello=True), True), (FIN, False)]
)
@pytest.mark.parametrize("greeted", [True, False])
def test_client_hello_on_its_way(
    in_loop: InLoop[tuple[None, Session]], finish: Finish, kept: bool, greeted: bool
) -> None:
    """A script may allow for a ClientHello that crosses the server's FIN."""

    def client(sock: socket.socket) -> None:
        if greeted:
            assert sock.recv(1000)
        hello = Secure(sock, _trusting(), "mail.test").hello()
        assert _read_all(sock) == b""
        for part in (hello[:7], hello[7:], HANDSHAKE_FAILURE):
            sock.sendall(part)

    greeting = (GRT,) if greeted else ()

    _, session = _meet(in_loop, client, *greeting, finish)

    assert (session.violations == []) is kept


def test_notify_outside_tls(in_loop: InLoop[None]) -> None:
    """A script that says close_notify where there is no TLS is at fault."""

    async def meet() -> None:
        async with ScriptedServer(script(NOTIFY)) as server:
            await asyncio.to_thread(_call, server.port, _read_all)

    with pytest.raises(TypeError):
        in_loop(meet())


@pytest.mark.parametrize("lines", [b"x" * (1 << 20), b"x\r\n" * 100_000])
def test_client_flood(in_loop: InLoop[tuple[None, Session]], lines: bytes) -> None:
    """A client that talks without end is recorded, and not all of what it said."""
    _, session = _meet(in_loop, _say(lines), GRT, FIN)

    assert 0 < len(session.violations) <= MAX_VIOLATIONS
    assert len(session.received) == MAX_KEPT_OCTETS
