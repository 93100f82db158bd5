"""One TCP connection, both of whose ends are in the test.

The other end is a plain blocking socket with a timeout: on loopback what it does has
happened when the call returns, so that nothing has to be waited for by sleeping. Where
a test sleeps, it keeps the loop busy on purpose.
"""

import asyncio
import errno
import inspect
import resource
import select
import socket
import ssl
import struct
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple

import pytest

from exporter.demo.certificates import Kind, issue
from exporter.outcome import Failure, Outcome
from exporter.probe import clock
from exporter.probe.connection import MAX_TRAILING_OCTETS, READ_OCTETS, Connection
from exporter.probe.encryption import Encryption, context_of
from exporter.probe.limit import Limit
from exporter.probe.resolve import Address, Resolver
from exporter.probe.run import World, probe
from exporter.probe.trust import Trust
from exporter.smtp.exchange import Interrupted
from exporter.smtp.goodbye import TcpEnd
from exporter.targets import Module, Target
from exporter.vocabulary import Close, Family, Phase, Quirk, Reason
from tests.conftest import missing_peer
from tests.wire.ports import filtered_port

HERE = Address("127.0.0.1", Family.IPV4)
HERE_6 = Address("::1", Family.IPV6)
GRT = b"220 mx.test ESMTP ready\r\n"
BYE = b"221 2.0.0 bye\r\n"

PATIENCE = 10.0  # no test gets near it unless something is broken
SOON = 0.2  # a limit that is meant to run out
EARLY = 0.002  # uvloop's timers count milliseconds
BUSY = 0.05  # how long the loop is kept from looking

_NO_LINGER = struct.pack("ii", 1, 0)

on_linux = pytest.mark.skipif(
    sys.platform != "linux", reason="Linux promises this and others may not"
)


def has_ipv6() -> bool:
    """Say whether this machine has ::1."""
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


def on_each_loop(
    test: Callable[..., Coroutine[Any, Any, None]],
) -> Callable[..., None]:
    """Make of a coroutine a test that is run on each kind of loop."""

    def run(in_loop: Callable[[Coroutine[Any, Any, None]], None], **more: Any) -> None:
        in_loop(test(**more))

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    its_own = inspect.signature(run).parameters["in_loop"]
    wanted = inspect.signature(test).parameters.values()
    run.__signature__ = inspect.Signature([its_own, *wanted])  # type: ignore[attr-defined]  # what pytest asks for fixtures
    return run


def within(seconds: float, reason: Reason = Reason.TIMEOUT) -> Limit:
    """Make a limit that starts now."""
    return Limit(time.monotonic() + seconds, reason)


class Pair(NamedTuple):
    """A connection, its other end, and the socket that the connection owns."""

    connection: Connection
    peer: socket.socket
    sock: socket.socket


@asynccontextmanager
async def connected(address: Address = HERE) -> AsyncIterator[Pair]:
    """Connect to a listener of our own, as a probe does."""
    family = socket.AF_INET6 if address.family is Family.IPV6 else socket.AF_INET
    with socket.create_server((address.literal, 0), family=family) as listener:
        port = listener.getsockname()[1]
        connection = await Connection.open(address, port, within(PATIENCE))
        peer, _ = listener.accept()
    peer.settimeout(PATIENCE)
    sock = connection._sock
    try:
        yield Pair(connection, peer, sock)
    finally:
        peer.close()
        if sock.fileno() >= 0:
            connection.close()


def reset(peer: socket.socket) -> None:
    """Send RST."""
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    peer.close()


def arrived(sock: socket.socket, event: int = select.POLLIN) -> None:
    """Wait until the kernel has something for a socket, without running the loop."""
    poll = select.poll()
    poll.register(sock, event)
    assert poll.poll(PATIENCE * 1000), "nothing arrived"


def fill(sock: socket.socket) -> None:
    """Send until the other end's window is full."""
    with suppress(BlockingIOError):
        while True:
            sock.send(bytes(1 << 20))


async def reason_of(waiting: Awaitable[object]) -> Reason:
    """Await what must be interrupted, and give the reason."""
    with pytest.raises(Interrupted) as caught:
        await waiting
    return caught.value.reason


# --- opening


@on_each_loop
async def test_open() -> None:
    """A connection knows its own end, and what TCP measured."""
    async with connected() as (connection, peer, _):
        assert connection.ends == (peer.getpeername(), peer.getsockname())


@on_each_loop
async def test_open_ipv6() -> None:
    """A connection over IPv6 gives its own end without brackets."""
    if not has_ipv6():
        missing_peer("::1 is not on this machine")
    async with connected(HERE_6) as (connection, _, _):
        assert connection.ends is not None
        assert connection.ends[0][0] == "::1"


@on_linux
@on_each_loop
async def test_tcp_facts() -> None:
    """TCP tells a round trip time and that nothing was sent twice."""
    async with connected() as (connection, _, _):
        facts = connection.tcp_facts()

        assert facts is not None
        assert 0.0 < facts.rtt < 1.0
        assert facts.retransmits == 0


@on_linux
@on_each_loop
async def test_established() -> None:
    """A connection stood before the loop was told, and after its SYN left."""
    before = clock.now()
    async with connected() as (connection, _, _):
        took = clock.elapsed(before, connection.established)

        assert 0.0 < took < clock.elapsed(before, clock.now())


@on_each_loop
async def test_refused() -> None:
    """A port that nobody listens on refuses the connection."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]

        refused = await reason_of(Connection.open(HERE, port, within(PATIENCE)))

    assert refused is Reason.REFUSED


@on_linux
@on_each_loop
async def test_unreachable() -> None:
    """An address that no route leads to is unreachable."""
    nobody = Address("255.255.255.255", Family.IPV4)

    found = await reason_of(Connection.open(nobody, 25, within(PATIENCE)))

    assert found is Reason.UNREACHABLE


@on_linux
@on_each_loop
async def test_local_error() -> None:
    """A link-local address without its link is an error of this machine."""
    somewhere = Address("fe80::1", Family.IPV6)

    found = await reason_of(Connection.open(somewhere, 25, within(PATIENCE)))

    assert found is Reason.LOCAL_ERROR


@on_each_loop
async def test_out_of_descriptors() -> None:
    """A prober out of descriptors blames itself."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        found = await reason_of(Connection.open(HERE, 25, within(PATIENCE)))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert found is Reason.LOCAL_ERROR


@on_each_loop
async def test_the_last_descriptors_are_spared() -> None:
    """A prober that has only the last few descriptors left opens no connection."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with socket.socket() as lowest_free:
        few = lowest_free.fileno() + 4
    resource.setrlimit(resource.RLIMIT_NOFILE, (few, hard))
    try:
        found = await reason_of(Connection.open(HERE, 25, within(PATIENCE)))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert found is Reason.LOCAL_ERROR


class Prohibited(socket.socket):
    """A socket to which a router answered that it is administratively prohibited.

    With ICMPv6, Linux makes EACCES of that (net/ipv6/icmp.c).
    """

    def getsockopt(self, level: int, option: int, *_: int) -> Any:
        """Give that error, and all else as it is."""
        if (level, option) == (socket.SOL_SOCKET, socket.SO_ERROR):
            return errno.EACCES
        return super().getsockopt(level, option, *_)


@on_each_loop
async def test_prohibited(monkeypatch: pytest.MonkeyPatch) -> None:
    """A router that prohibits the connection makes the server unreachable."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        monkeypatch.setattr(socket, "socket", Prohibited)

        found = await reason_of(Connection.open(HERE, port, within(PATIENCE)))

    assert found is Reason.UNREACHABLE


@on_linux
@pytest.mark.parametrize("reason", [Reason.TIMEOUT, Reason.DEADLINE])
@on_each_loop
async def test_filtered(reason: Reason) -> None:
    """A SYN that is never answered ends with its limit, by the limit's reason."""
    with filtered_port() as port:
        started = time.monotonic()
        found = await reason_of(Connection.open(HERE, port, within(SOON, reason)))
        took = time.monotonic() - started

    assert found is reason
    assert SOON - EARLY <= took < PATIENCE


@on_linux
@on_each_loop
async def test_opening_cancelled() -> None:
    """A cancelled attempt leaves no socket behind."""
    with filtered_port() as port:
        attempt = asyncio.ensure_future(Connection.open(HERE, port, within(PATIENCE)))
        await asyncio.sleep(0)
        attempt.cancel()

        with pytest.raises(asyncio.CancelledError):
            await attempt


@on_each_loop
async def test_reset_before_anything_was_read() -> None:
    """A connection that is reset as soon as it stands was established, and is reset."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        opening = asyncio.ensure_future(Connection.open(HERE, port, within(PATIENCE)))
        await asyncio.sleep(0)
        arrived(listener)
        reset(listener.accept()[0])
        connection = await opening

    assert await reason_of(connection.receive(within(PATIENCE))) is Reason.RESET
    connection.close()


# --- what is read, and in which order


@on_each_loop
async def test_221_before_a_reset() -> None:
    """A delivered 221 is read although a reset came behind it."""
    async with connected() as (connection, peer, sock):
        peer.sendall(BYE)
        reset(peer)
        arrived(sock, select.POLLHUP)

        assert (await connection.receive(within(PATIENCE))).octets == BYE
        assert await reason_of(connection.receive(within(PATIENCE))) is Reason.RESET


@on_each_loop
async def test_221_before_a_reset_and_a_busy_loop() -> None:
    """A 221 and a reset that both came while the loop was busy are told apart."""
    async with connected() as (connection, peer, _):
        reading = asyncio.ensure_future(connection.receive(within(PATIENCE)))
        await asyncio.sleep(0)
        peer.sendall(BYE)
        reset(peer)
        time.sleep(BUSY)  # noqa: ASYNC251 -- keeps the loop from looking

        assert (await reading).octets == BYE
        assert await reason_of(connection.receive(within(PATIENCE))) is Reason.RESET


@on_each_loop
async def test_reset_behind_octets() -> None:
    """A reset that came together with octets is told at once, and not by the limit."""
    async with connected() as (connection, peer, sock):
        peer.sendall(BYE)
        reset(peer)
        arrived(sock, select.POLLHUP)
        await connection.receive(within(PATIENCE))
        started = time.monotonic()

        assert await reason_of(connection.receive(within(PATIENCE))) is Reason.RESET
        assert time.monotonic() - started < PATIENCE / 2


@on_each_loop
async def test_fin() -> None:
    """A FIN is the end of file, however often it is asked for."""
    async with connected() as (connection, peer, _):
        peer.sendall(GRT)
        peer.shutdown(socket.SHUT_WR)

        assert (await connection.receive(within(PATIENCE))).octets == GRT
        assert await reason_of(connection.receive(within(PATIENCE))) is Reason.EOF
        assert await reason_of(connection.receive(within(PATIENCE))) is Reason.EOF


@on_each_loop
async def test_close_is_a_fin() -> None:
    """A peer that closes having read everything sends FIN."""
    async with connected() as (connection, peer, _):
        peer.close()

        assert await reason_of(connection.receive(within(PATIENCE))) is Reason.EOF


@on_each_loop
async def test_close_with_unread_octets_is_a_reset() -> None:
    """A peer that closes without having read our line sends RST."""
    async with connected() as (connection, peer, _):
        connection.send(b"QUIT\r\n")
        arrived(peer)
        peer.close()

        assert await reason_of(connection.receive(within(PATIENCE))) is Reason.RESET


@on_each_loop
async def test_receive_at_most() -> None:
    """A read is bounded, whatever a server sends."""
    async with connected() as (connection, peer, _):
        peer.setblocking(False)
        fill(peer)

        assert len((await connection.receive(within(PATIENCE))).octets) == READ_OCTETS


@on_each_loop
async def test_waits_for_what_comes_later() -> None:
    """A read waits until something comes."""
    async with connected() as (connection, peer, _):
        reading = asyncio.ensure_future(connection.receive(within(PATIENCE)))
        await asyncio.sleep(0)
        assert not reading.done()
        peer.sendall(GRT)

        assert (await reading).octets == GRT


@on_each_loop
async def test_cancelled_receive() -> None:
    """A cancelled read leaves the connection as it was."""
    async with connected() as (connection, peer, _):
        reading = asyncio.ensure_future(connection.receive(within(PATIENCE)))
        await asyncio.sleep(0)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        peer.sendall(GRT)

        assert (await connection.receive(within(PATIENCE))).octets == GRT


# --- surplus


@on_each_loop
async def test_surplus() -> None:
    """What has already come is surplus, and nothing is waited for."""
    async with connected() as (connection, peer, sock):
        assert connection.surplus() == b""
        peer.sendall(BYE)
        arrived(sock)

        assert connection.surplus() == BYE
        assert connection.surplus() == b""


@on_each_loop
async def test_no_surplus_at_the_end() -> None:
    """A FIN is no surplus, and is there for the next read."""
    async with connected() as (connection, peer, sock):
        peer.shutdown(socket.SHUT_WR)
        arrived(sock)

        assert connection.surplus() == b""
        assert await reason_of(connection.receive(within(PATIENCE))) is Reason.EOF


@pytest.mark.parametrize("call", ["receive", "send", "drain"])
@on_each_loop
async def test_no_surplus_of_a_reset(call: str) -> None:
    """A reset found by looking for surplus is told by whatever is called next."""
    async with connected() as (connection, peer, sock):
        reset(peer)
        arrived(sock, select.POLLHUP)
        assert connection.surplus() == b""

        if call == "receive":
            reason = await reason_of(connection.receive(within(PATIENCE)))
            assert reason is Reason.RESET
        elif call == "send":
            with pytest.raises(Interrupted, match="reset"):
                connection.send(b"QUIT\r\n")
        else:
            assert await connection.drain(within(PATIENCE)) == (TcpEnd.RESET, 0)


# --- sending


@on_each_loop
async def test_send() -> None:
    """A line is sent as it is, and the instant is right before."""
    async with connected() as (connection, peer, _):
        before = clock.now()
        at = connection.send(b"EHLO [127.0.0.1]\r\n")

        assert peer.recv(100) == b"EHLO [127.0.0.1]\r\n"
        assert before.monotonic <= at.monotonic <= time.monotonic()


@on_each_loop
async def test_send_to_who_has_reset() -> None:
    """A write that is told of the reset is a reset."""
    async with connected() as (connection, peer, sock):
        reset(peer)
        arrived(sock, select.POLLHUP)

        with pytest.raises(Interrupted, match="reset"):
            connection.send(b"QUIT\r\n")


@on_linux
@on_each_loop
async def test_epipe_decides_nothing() -> None:
    """A write that fails because the FIN came first leaves the FIN to be read."""
    async with connected() as (connection, peer, sock):
        peer.close()
        connection.send(b"EHLO [127.0.0.1]\r\n")  # answered by RST: nobody is there
        arrived(sock, select.POLLHUP)
        with pytest.raises(BrokenPipeError), sock.dup() as twin:
            twin.send(b"")
        connection.send(b"QUIT\r\n")

        assert await reason_of(connection.receive(within(PATIENCE))) is Reason.EOF


@on_each_loop
async def test_send_to_who_never_reads() -> None:
    """A peer whose window is full is not waited for; what it does is read next."""
    async with connected() as (connection, _, sock):
        fill(sock)

        connection.send(b"QUIT\r\n")

        assert await reason_of(connection.receive(within(SOON))) is Reason.TIMEOUT


# --- limits


@pytest.mark.parametrize("reason", [Reason.TIMEOUT, Reason.DEADLINE])
@on_each_loop
async def test_silence(reason: Reason) -> None:
    """Silence ends with its limit, by the limit's reason."""
    async with connected() as (connection, _, _):
        started = time.monotonic()
        found = await reason_of(connection.receive(within(SOON, reason)))
        took = time.monotonic() - started

    assert found is reason
    assert SOON - EARLY <= took < PATIENCE


@on_each_loop
async def test_dribble() -> None:
    """Octets that keep coming do not stretch a limit."""
    async with connected() as (connection, peer, _):

        async def dribble() -> None:
            while True:
                peer.send(b"2")
                await asyncio.sleep(SOON / 20)

        async def read_on(limit: Limit) -> None:
            while True:
                await connection.receive(limit)

        dribbling = asyncio.ensure_future(dribble())
        started = time.monotonic()
        found = await reason_of(read_on(within(SOON)))
        took = time.monotonic() - started
        dribbling.cancel()
        await asyncio.wait([dribbling])

    assert found is Reason.TIMEOUT
    assert SOON - EARLY <= took < PATIENCE


@on_each_loop
async def test_late_loop() -> None:
    """What came before the limit counts, although the loop looks after it."""
    async with connected() as (connection, peer, _):
        reading = asyncio.ensure_future(connection.receive(within(BUSY / 2)))
        await asyncio.sleep(0)
        peer.sendall(GRT)
        time.sleep(BUSY)  # noqa: ASYNC251 -- keeps the loop from looking

        assert (await reading).octets == GRT


@pytest.mark.parametrize(
    ("end", "reason"), [("fin", Reason.EOF), ("rst", Reason.RESET)]
)
@on_each_loop
async def test_late_loop_and_the_end(end: str, reason: Reason) -> None:
    """An end that came before the limit counts, although the loop looks after it."""
    async with connected() as (connection, peer, _):
        reading = asyncio.ensure_future(connection.receive(within(BUSY / 2)))
        await asyncio.sleep(0)
        if end == "fin":
            peer.close()
        else:
            reset(peer)
        time.sleep(BUSY)  # noqa: ASYNC251 -- keeps the loop from looking

        assert await reason_of(reading) is reason


@on_each_loop
async def test_past_limit() -> None:
    """A limit that has passed still takes what is there, and waits for nothing."""
    async with connected() as (connection, peer, sock):
        peer.sendall(GRT)
        arrived(sock)

        assert (await connection.receive(within(-1.0))).octets == GRT
        assert await reason_of(connection.receive(within(-1.0))) is Reason.TIMEOUT


@on_each_loop
async def test_past_limit_and_an_answer() -> None:
    """What comes when the limit has passed is late, though the loop were quick."""
    async with connected() as (connection, peer, sock):
        reading = asyncio.ensure_future(connection.receive(within(-1.0)))
        await asyncio.sleep(0)
        peer.sendall(GRT)
        arrived(sock)

        assert await reason_of(reading) is Reason.TIMEOUT


@on_each_loop
async def test_late_loop_and_the_handshake() -> None:
    """A connection that stood before the limit counts, however late the loop looks."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        opening = asyncio.ensure_future(Connection.open(HERE, port, within(BUSY / 2)))
        await asyncio.sleep(0)
        time.sleep(BUSY)  # noqa: ASYNC251 -- keeps the loop from looking
        connection = await opening
        connection.close()


@pytest.fixture
def limit_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the loop tell of the limit before it tells of the socket."""

    async def over(*_: object) -> bool:
        return False

    monkeypatch.setattr("exporter.probe.limit.Alarm.until", over)


@on_each_loop
async def test_limit_told_before_octets(limit_first: None) -> None:
    """Octets that are there count, whichever of the two the loop tells first."""
    async with connected() as (connection, peer, _):
        peer.sendall(GRT)

        assert limit_first is None
        assert (await connection.receive(within(PATIENCE))).octets == GRT


@on_linux
@on_each_loop
async def test_limit_told_before_the_handshake(limit_first: None) -> None:
    """A connection that stands counts, whichever of the two the loop tells first."""
    async with connected() as (connection, _, _):
        assert limit_first is None
        assert connection.ends is not None


@on_linux
@on_each_loop
async def test_limit_told_alone(limit_first: None) -> None:
    """Without a connection it is the limit."""
    with filtered_port() as port:
        found = await reason_of(Connection.open(HERE, port, within(PATIENCE)))

    assert limit_first is None
    assert found is Reason.TIMEOUT


@pytest.mark.parametrize(
    ("phase", "deadline", "reason"),
    [(1.0, 2.0, Reason.TIMEOUT), (2.0, 1.0, Reason.DEADLINE)],
)
def test_limit(phase: float, deadline: float, reason: Reason) -> None:
    """The nearer of a phase's limit and the probe's deadline names the reason."""
    started = time.monotonic()
    limit = Limit.after(phase, within(deadline, Reason.DEADLINE))

    assert limit.reason is reason
    assert started + 1.0 <= limit.at <= time.monotonic() + 1.0


# --- the end of a handshake


class Inside:
    """The other end inside TLS, with a handshake that awaits our last words."""

    def __init__(self, peer: socket.socket) -> None:
        """Wait for a ClientHello."""
        issued = issue(Kind.GOOD)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        with tempfile.NamedTemporaryFile(suffix=".pem") as file:
            file.write(issued.pem + issued.key)
            file.flush()
            context.load_cert_chain(file.name)
        self._peer = peer
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)

    def hear(self) -> None:
        """Take what one read brings, and go on with the handshake."""
        self._incoming.write(self._peer.recv(65536))
        with suppress(ssl.SSLWantReadError):
            self.tls.do_handshake()
        self._peer.sendall(self._outgoing.read())

    def say(self, octets: bytes) -> None:
        """Say it inside TLS."""
        self.tls.write(octets)
        self._peer.sendall(self._outgoing.read())

    def end(self, octets: bytes) -> None:
        """Say it, and close_notify in the same segment."""
        self.tls.write(octets)
        with suppress(ssl.SSLWantReadError):
            self.tls.unwrap()
        self._peer.sendall(self._outgoing.read())


async def shaken(pair: Pair) -> Inside:
    """Shake hands, as far as the client is concerned."""
    inside = Inside(pair.peer)
    tls = Encryption(context_of(Module(name="mx")), "mail.test")
    shaking = asyncio.create_task(pair.connection.encrypt(tls, within(PATIENCE)))
    await asyncio.to_thread(inside.hear)
    await shaking
    return inside


@on_each_loop
async def test_last_words_with_the_first_line() -> None:
    """The end of our handshake and the first line inside TLS are one segment."""
    async with connected() as pair:
        inside = await shaken(pair)
        poll = select.poll()
        poll.register(pair.peer, select.POLLIN)
        assert not poll.poll(0)

        pair.connection.send(b"EHLO mx\r\n")
        inside.hear()

        assert inside.tls.read() == b"EHLO mx\r\n"


@on_each_loop
async def test_last_words_before_a_wait() -> None:
    """Who waits for a greeting inside TLS has first said the end of its handshake."""
    async with connected() as pair:
        inside = await shaken(pair)
        greeting = asyncio.create_task(pair.connection.receive(within(PATIENCE)))
        await asyncio.to_thread(inside.hear)
        inside.say(GRT)

        assert (await greeting).octets == GRT


@on_each_loop
async def test_last_words_before_the_end() -> None:
    """Who closes right behind the handshake has said the end of it as well."""
    async with connected() as pair:
        inside = await shaken(pair)
        pair.connection.close()
        inside.hear()

        assert inside.tls.read() == b""  # close_notify; without it, an error


# --- draining


@on_each_loop
async def test_drain_to_fin() -> None:
    """A server that closes after its last word ended by FIN."""
    async with connected() as (connection, peer, _):
        peer.sendall(BYE)
        peer.shutdown(socket.SHUT_WR)

        assert await connection.drain(within(PATIENCE)) == (TcpEnd.FIN, len(BYE))


@on_each_loop
async def test_drain_to_reset() -> None:
    """A server that resets after its last word ended by RST; its octets are counted."""
    async with connected() as (connection, peer, sock):
        peer.sendall(BYE)
        reset(peer)
        arrived(sock, select.POLLHUP)

        assert await connection.drain(within(PATIENCE)) == (TcpEnd.RESET, len(BYE))


@on_each_loop
async def test_drain_behind_a_close_notify_that_was_read() -> None:
    """A server that ends TLS with its last word waits for our end of it, and has it."""
    async with connected() as pair:
        inside = await shaken(pair)
        pair.connection.send(b"QUIT\r\n")
        inside.hear()
        assert inside.tls.read() == b"QUIT\r\n"
        inside.end(BYE)
        assert (await pair.connection.receive(within(PATIENCE))).octets == BYE
        assert pair.connection.surplus() == b""
        draining = asyncio.create_task(pair.connection.drain(within(PATIENCE)))
        await asyncio.to_thread(inside.hear)
        pair.peer.shutdown(socket.SHUT_WR)

        assert await draining == (TcpEnd.FIN, 0)
        assert pair.connection.close_notify is True


@pytest.mark.parametrize("reason", [Reason.TIMEOUT, Reason.DEADLINE])
@on_each_loop
async def test_drain_to_the_limit(reason: Reason) -> None:
    """A server that stays is open when the limit runs out, whichever it is."""
    async with connected() as (connection, _, _):
        started = time.monotonic()
        assert await connection.drain(within(SOON, reason)) == (TcpEnd.OPEN, 0)
        took = time.monotonic() - started

    assert SOON - EARLY <= took < PATIENCE


@on_each_loop
async def test_drain_of_a_flood() -> None:
    """A server that will not stop talking is open, long before the limit."""
    async with connected() as (connection, peer, _):
        peer.setblocking(False)
        loop = asyncio.get_running_loop()
        flood = asyncio.ensure_future(loop.sock_sendall(peer, bytes(1 << 24)))
        end, trailing = await connection.drain(within(PATIENCE))
        flood.cancel()
        await asyncio.wait([flood])

    assert end is TcpEnd.OPEN
    assert MAX_TRAILING_OCTETS < trailing <= MAX_TRAILING_OCTETS + READ_OCTETS


# --- closing


@on_each_loop
async def test_close_writes_nothing() -> None:
    """What the other end sees of close() is FIN, and not one octet."""
    async with connected() as (connection, peer, _):
        connection.send(b"QUIT\r\n")
        connection.close()
        assert peer.recv(100) == b"QUIT\r\n"
        assert peer.recv(100) == b""


@pytest.mark.parametrize("octets", [1, 100, 60_000])
@on_each_loop
async def test_close_with_unread_octets(octets: int) -> None:
    """Octets that nobody read do not turn our FIN into a reset."""
    async with connected() as (connection, peer, sock):
        peer.sendall(bytes(octets))
        arrived(sock)
        connection.close()

        assert peer.recv(100) == b""


@on_each_loop
async def test_close_after_a_reset() -> None:
    """A connection that was reset is closed without a word."""
    async with connected() as (connection, peer, sock):
        reset(peer)
        arrived(sock, select.POLLHUP)
        connection.close()

        assert sock.fileno() == -1


# --- what the kernel says


@pytest.fixture
def stamped() -> Iterator[None]:
    """Have the kernel stamp, which begins a moment after the first socket asked."""
    with clock.stamping() as has_timestamps:
        if not has_timestamps:
            pytest.skip("this platform does not stamp what it receives")
        with socket.create_server(("127.0.0.1", 0)) as listener:
            asking = socket.create_connection(listener.getsockname())
            peer, _ = listener.accept()
        with asking, peer:
            clock.stamp(asking)
            patience = time.monotonic() + PATIENCE
            while time.monotonic() < patience:
                peer.send(b"?")
                if asking.recvmsg(1, clock.ANCILLARY_SIZE)[1]:
                    break
        yield


@on_each_loop
async def test_kernel_timestamp(stamped: None) -> None:
    """The instant of octets is that of their arrival, however late the loop looks."""
    async with connected() as (connection, peer, _):
        before = clock.now()
        peer.sendall(GRT)
        time.sleep(BUSY)  # noqa: ASYNC251 -- keeps the loop from looking
        received = await connection.receive(within(PATIENCE))
        after = clock.now()

    assert stamped is None
    assert clock.elapsed(before, received.at) < BUSY / 2
    assert clock.elapsed(before, after) >= BUSY


@on_each_loop
async def test_no_kernel_timestamp(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without timestamps the instant of octets is that of the loop's look."""
    monkeypatch.setattr(clock, "stamp", lambda _: False)
    async with connected() as (connection, peer, _):
        before = clock.now()
        peer.sendall(GRT)
        time.sleep(BUSY)  # noqa: ASYNC251 -- keeps the loop from looking
        received = await connection.receive(within(PATIENCE))

    assert clock.elapsed(before, received.at) >= BUSY


@on_linux
def test_stamping() -> None:
    """Linux stamps what it receives."""
    with clock.stamping() as has_timestamps:
        assert has_timestamps


# --- and a probe over it


async def probed(
    talk: Callable[[socket.socket], Awaitable[None]],
    module: Module = Module(name="banner", ehlo=False),  # noqa: B008 -- it is frozen
) -> Outcome:
    """Probe a listener of our own, whose end of the connection `talk` plays."""
    world = World(resolver=Resolver(), trust=Trust())
    try:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.setblocking(False)
            target = Target(
                name="here",
                host="127.0.0.1",
                port=listener.getsockname()[1],
                module=module,
                interval=60.0,
            )
            probing = asyncio.ensure_future(probe(target, world))
            loop = asyncio.get_running_loop()
            peer, _ = await loop.sock_accept(listener)
        with peer:
            peer.setblocking(False)
            await talk(peer)
            return await probing
    finally:
        await world.close()


async def say_goodbye(peer: socket.socket) -> None:
    """Wait for QUIT, answer it, and close as a server should."""
    loop = asyncio.get_running_loop()
    assert await loop.sock_recv(peer, 100) == b"QUIT\r\n"
    peer.send(BYE)
    peer.shutdown(socket.SHUT_WR)


async def greet_a_busy_loop(peer: socket.socket) -> None:
    """Greet, keep the loop from looking for a while, and say goodbye."""
    peer.send(GRT)
    time.sleep(BUSY)  # noqa: ASYNC251 -- keeps the loop from looking
    await say_goodbye(peer)


@on_each_loop
async def test_probe_of_a_busy_loop(stamped: None) -> None:
    """A busy loop lengthens neither the first octet's time nor the greeting's."""
    outcome = await probed(greet_a_busy_loop)
    greeting = outcome.record(Phase.GREETING)

    assert stamped is None
    assert outcome.success
    assert outcome.banner_first_byte is not None
    assert outcome.banner_first_byte < BUSY / 2
    assert greeting is not None
    assert outcome.banner_first_byte <= greeting.seconds < BUSY / 2


@on_each_loop
async def test_probe_without_kernel_timestamps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without timestamps a busy loop lengthens both, and nothing else changes."""
    monkeypatch.setattr(clock, "stamp", lambda _: False)
    outcome = await probed(greet_a_busy_loop)
    greeting = outcome.record(Phase.GREETING)

    assert outcome.success
    assert outcome.banner_first_byte is not None
    assert outcome.banner_first_byte >= BUSY
    assert greeting is not None
    assert greeting.seconds >= BUSY


@on_each_loop
async def test_probe_of_a_221_and_a_reset() -> None:
    """A probe reads the 221 before the reset that followed at once."""

    async def talk(peer: socket.socket) -> None:
        peer.send(GRT)
        loop = asyncio.get_running_loop()
        await loop.sock_recv(peer, 100)
        peer.send(BYE)
        reset(peer)
        time.sleep(BUSY)  # noqa: ASYNC251 -- keeps the loop from looking

    outcome = await probed(talk)

    assert outcome.success
    assert outcome.close is Close.RESET_AFTER_221
    assert outcome.quit_acknowledged


@on_each_loop
async def test_probe_of_a_reset_at_once() -> None:
    """A server that resets as soon as it accepts has reset while owing a greeting."""

    async def talk(peer: socket.socket) -> None:
        reset(peer)

    outcome = await probed(talk)

    assert outcome.failure == Failure(Phase.GREETING, Reason.RESET)
    assert outcome.close is Close.RESET_WITHOUT_221
    assert outcome.address == "127.0.0.1"
    assert outcome.completed(Phase.CONNECT)


@on_each_loop
async def test_probe_of_octets_behind_the_221() -> None:
    """Octets that come a while behind the 221 are a quirk of the session."""

    async def talk(peer: socket.socket) -> None:
        peer.send(GRT)
        await say_goodbye_slowly(peer)

    async def say_goodbye_slowly(peer: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        await loop.sock_recv(peer, 100)
        peer.send(BYE)
        await asyncio.sleep(BUSY)
        peer.send(b"and one thing more\r\n")
        peer.shutdown(socket.SHUT_WR)

    outcome = await probed(talk)

    assert outcome.success
    assert outcome.close is Close.CLEAN
    assert outcome.quirks == {Quirk.TRAILING_DATA}


@on_each_loop
async def test_probe_that_crashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug of ours before QUIT comes back as internal_error."""

    async def crash(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Connection, "receive", crash)
    outcome = await probed(hear_nothing)

    assert outcome.failure == Failure(Phase.GREETING, Reason.INTERNAL_ERROR)
    assert outcome.close is Close.ABORTED


async def hear_nothing(_: socket.socket) -> None:
    """Say nothing and let the client go."""


@on_each_loop
async def test_probe_that_crashes_behind_the_221(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A bug of ours behind the 221 comes back as internal_error too."""

    async def crash(*_: object) -> None:
        raise ZeroDivisionError

    async def talk(peer: socket.socket) -> None:
        peer.send(GRT)
        await say_goodbye(peer)

    monkeypatch.setattr(Connection, "drain", crash)
    outcome = await probed(talk)

    assert outcome.failure == Failure(Phase.CLOSE, Reason.INTERNAL_ERROR)
    assert outcome.close is Close.ABORTED
    assert not outcome.graceful
