"""A plain socket client sees what each step promises, on both kinds of loop."""

import asyncio
import socket
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

from exporter.demo.listener import LOOPBACK, UNIX, ScriptedServer, closed_port
from exporter.demo.script import (
    BYE,
    CLOSE,
    EHLO,
    FIN,
    GREETING,
    GRT,
    HOLD,
    QUI,
    QUIT,
    RST,
    Answer,
    CameFrom,
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
    Wait,
    script,
)
from exporter.demo.session import Left, Session
from tests.wire.ports import filtered_port

T = TypeVar("T")
InLoop = Callable[[Coroutine[Any, Any, T]], T]
Client = Callable[[socket.socket], T]
Part = Step | bytes | Script

PATIENCE = 5.0


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
