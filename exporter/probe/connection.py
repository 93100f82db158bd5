"""One TCP connection: open, send, receive, drain, close. It owns its bytes.

A non-blocking socket on the loop, so that what was delivered is read before what came
after it (asyncio's streams lose a 221 that is followed by a reset), and FIN and RST are
told apart. It writes nothing by itself but what TLS asks for, and reads what is there
before it closes, so that unread octets do not make the kernel send a reset.

Inside TLS the server's close_notify ends what it says, and not the connection. Ours is
sent only when the server has had time to close first: a server that has closed answers
it with a reset (SMTP.md 3.3).
"""

import asyncio
import socket
import time
from contextlib import suppress
from functools import cached_property
from typing import NamedTuple, Self

from exporter.outcome import TcpFacts
from exporter.probe import clock
from exporter.probe.clock import Tick
from exporter.probe.door import opening, talking
from exporter.probe.encryption import Encryption
from exporter.probe.limit import Alarm, Limit
from exporter.probe.opening import connect, opened
from exporter.probe.resolve import Address
from exporter.smtp.exchange import Interrupted
from exporter.smtp.goodbye import TcpEnd
from exporter.smtp.proxy import Endpoint
from exporter.vocabulary import Family, Reason

# One reply's worth; memory per probe is bounded by this and the reader's own bounds.
READ_OCTETS = 8 * 1024
# Behind a 221 nothing is owed: past this the server is flooding, not closing.
MAX_TRAILING_OCTETS = 64 * 1024
# Read and thrown away before closing, so that unread octets do not become our reset.
MAX_UNREAD_OCTETS = 64 * 1024
# Behind a server's close_notify its FIN is due; Exim waits 2 s for ours before it.
CLOSE_NOTIFY_GRACE = 0.3

_ENDS = {Reason.EOF: TcpEnd.FIN, Reason.RESET: TcpEnd.RESET}
_AF = {
    Family.IPV4: socket.AF_INET,
    Family.IPV6: socket.AF_INET6,
    None: socket.AF_UNIX,
}


class Received(NamedTuple):
    """Octets as one read brought them, and when they arrived."""

    octets: bytes
    at: Tick


class Connection:
    """An established connection; every method that waits takes a Limit.

    All of them raise Interrupted, with the reason that the door gives.
    """

    def __init__(
        self,
        sock: socket.socket,
        established: Tick,
        peer: tuple[str, int] | str,
        alarm: Alarm,
        *,
        reset: bool = False,
    ) -> None:
        """Take over a connected socket and its alarm; close() must be called."""
        self._loop = asyncio.get_running_loop()
        self._alarm = alarm
        self._sock = sock
        self._peer = peer
        self._waiter: asyncio.Future[bool] | None = None
        self._reset = reset
        self._look_first = False
        self._ended = False
        self._tls: Encryption | None = None
        self._unsent = False  # TLS may have something to say by itself
        self._buffer = memoryview(bytearray(READ_OCTETS))  # one for all reads
        self._held: Received | None = None
        self._broken: Interrupted | None = None
        self.established = established
        self._loop.add_reader(sock.fileno(), self._wake)

    @classmethod
    async def open(
        cls, address: Address, port: int, limit: Limit, source: str | None = None
    ) -> Self:
        """Connect to one address, from the `source` address if one is named.

        Raises Interrupted: refused, unreachable, local_error, or the limit's reason.
        """
        sock = opened(_AF[address.family])
        loop = asyncio.get_running_loop()
        alarm = Alarm(loop)
        try:
            # One registration serves connecting and reading: libuv asks the kernel nine
            # times for a new one, and once for a change.
            loop.add_reader(sock.fileno(), _not_yet)
            clock.stamp(sock)
            if source:
                with opening:
                    sock.bind((source, 0))
            start = clock.now()
            name = (address.literal, port) if address.family else address.literal
            reset = await connect(sock, name, alarm, limit)
            established = clock.established(start, clock.tcp_info(sock))
            return cls(sock, established, name, alarm, reset=reset)
        except BaseException:
            alarm.off()
            loop.remove_reader(sock.fileno())
            sock.close()
            raise

    @cached_property
    def ends(self) -> tuple[Endpoint, Endpoint] | None:
        """Our address and port, and the server's; None with a Unix socket."""
        if isinstance(self._peer, str):
            return None
        return self._sock.getsockname()[:2], self._peer

    @property
    def close_notify(self) -> bool | None:
        """Whether the server's close_notify was read; None without TLS."""
        return self._tls.close_notify if self._tls else None

    async def encrypt(self, tls: Encryption, limit: Limit) -> tuple[Tick, Tick]:
        """Carry a handshake; from then on everything is said inside TLS.

        Gives the instant right before the ClientHello, and when the octets arrived that
        completed the handshake. Our last words in it leave with the first line, or
        before the next wait: in one segment, which the server answers with its tickets
        and its reply in one. Raises Interrupted also with plaintext or handshake.
        """
        tls.shake()
        start = self._write(tls.outgoing())
        try:
            while True:
                octets, at = await self.receive(limit)
                tls.shake(octets)
                if tls.ready:
                    break
                self._flush(tls)
        except BaseException:
            self._flush(tls)  # an alert
            raise
        self._tls = tls
        octets = self._decrypt(tls, b"")
        self._held = Received(octets, at) if octets else None
        return start, at

    def send(self, line: bytes) -> Tick:
        """Write one command line; gives the instant right before.

        EPIPE decides nothing, the FIN came first; nor does a peer that does not read:
        what each of them did is read next.
        """
        if self._tls is None:
            return self._write(line)
        start = clock.now()
        self._tls.encrypt(line)
        self._unsent = False
        self._write(self._tls.outgoing())
        return start

    def _write(self, octets: bytes) -> Tick:
        start = clock.now()
        if self._reset:
            raise Interrupted(Reason.RESET)
        try:
            self._sock.send(octets)
        except (BrokenPipeError, BlockingIOError):
            pass  # what the server did is read next
        except OSError as error:
            self._interrupt(error)
            raise
        return start

    def _flush(self, tls: Encryption) -> None:
        """Send what TLS has to say by itself; a reset is told by whoever reads next."""
        self._unsent = False
        octets = tls.outgoing()
        if octets:
            with suppress(Interrupted):
                self._write(octets)

    async def receive(self, limit: Limit) -> Received:
        """Wait for octets; FIN is Interrupted with the reason eof.

        What arrived before the limit counts even when the loop comes late to see it;
        once it is over there is a look, and no turn of the loop in which more may come.
        Behind octets that were read, a look comes before a wait: uvloop tells of a
        reset once, and that may have been together with those octets. Behind the
        server's close_notify nothing is waited for: it may have come with its 221.
        """
        in_time = True
        while True:
            if in_time and not (self._look_first or self.close_notify):
                if self._tls and self._unsent:
                    self._flush(self._tls)
                in_time = time.monotonic() < limit.at and await self._readable(limit)
            received = self._read()
            if received and not received.octets:
                raise Interrupted(Reason.EOF)
            if received:
                return received
            if not in_time:
                raise Interrupted(limit.reason)

    def surplus(self) -> bytes:
        """Take what has already arrived, in one read that does not wait.

        A reset found here is kept for the next call: what was asked is whether more was
        said, and nothing was.
        """
        try:
            received = self._read()
        except Interrupted:
            return b""
        return received.octets if received else b""

    def arrived(self, at: Tick) -> Tick:
        """Give when the last octets arrived, whose stamp `at` may be that of a FIN.

        To be asked after `surplus`, which finds the FIN.
        """
        return clock.before_fin(self._sock, at) if self._ended else at

    async def drain(self, limit: Limit) -> tuple[TcpEnd, int]:
        """Read to the end of the stream, throwing octets away.

        Gives how TCP ended, and how many octets still came. It is OPEN when the limit
        ran out, or when the server would not stop talking.
        """
        trailing, end = await self._to_end(limit)
        if end is TcpEnd.FIN and self._tls and not self._ended:
            end = await self._behind_close_notify(self._tls, limit)
        return end, trailing

    async def _to_end(self, limit: Limit) -> tuple[int, TcpEnd]:
        octets, end = 0, TcpEnd.OPEN
        try:
            while octets <= MAX_TRAILING_OCTETS:
                octets += len((await self.receive(limit)).octets)
        except Interrupted as interrupted:
            end = _ENDS.get(interrupted.reason, TcpEnd.OPEN)
        return octets, end

    async def _behind_close_notify(self, tls: Encryption, limit: Limit) -> TcpEnd:
        """Await TCP's own end; where it does not come, say close_notify as well.

        A reset is then the answer to that, and stands for the FIN of a server that had
        closed.
        """
        self._tls = None  # what still comes is nobody's
        grace = Limit(time.monotonic() + CLOSE_NOTIFY_GRACE, limit.reason)
        _, end = await self._to_end(min(grace, limit))
        if end is TcpEnd.OPEN and grace.at < limit.at:
            tls.end()
            self._flush(tls)
            _, end = await self._to_end(limit)
            end = TcpEnd.FIN if end is TcpEnd.RESET else end
        self._tls = tls
        return end

    def tcp_facts(self) -> TcpFacts | None:
        """What TCP knows of this connection by now; None where the platform is mute."""
        return clock.tcp_info(self._sock)

    def close(self) -> None:
        """Close, having read what is there, so that FIN and not RST is what we send."""
        if self._tls and not (self._ended or self._reset):
            self._tls.end()
            self._flush(self._tls)
        self._alarm.off()
        self._loop.remove_reader(self._sock.fileno())
        unread = 0
        while unread < MAX_UNREAD_OCTETS and not self._ended:
            octets = self.surplus()
            unread += len(octets) or MAX_UNREAD_OCTETS
        self._sock.close()

    def _read(self) -> Received | None:
        """Read once without waiting, through TLS where there is any.

        Without octets it is the end: TCP's, or that of what TLS says.
        """
        if self._held:
            held, self._held = self._held, None
            return held
        if self._broken:
            raise self._broken
        received = self._read_raw()
        tls = self._tls
        if tls is None:
            return received
        if tls.close_notify:
            return received or Received(b"", clock.now())
        if received is None or not received.octets:
            return received
        plain = self._decrypt(tls, received.octets)
        if plain or tls.close_notify:
            return Received(plain, received.at)
        return None

    def _decrypt(self, tls: Encryption, octets: bytes) -> bytes:
        self._unsent = True
        try:
            return tls.decrypt(octets)
        except Interrupted as interrupted:
            self._broken = interrupted
            self._flush(tls)  # an alert
            raise

    def _read_raw(self) -> Received | None:
        """Read once without waiting; None when nothing is there.

        What was delivered comes first. The kernel tells of a reset once, to whichever
        call comes next, and lets later reads look like a FIN; we tell it ever after.
        """
        try:
            count, ancillary, _, _ = self._sock.recvmsg_into(
                (self._buffer,), clock.ANCILLARY_SIZE
            )
        except BlockingIOError:
            self._look_first = False
            return None
        except OSError as error:
            self._interrupt(error)
            raise
        if self._reset and not count:
            raise Interrupted(Reason.RESET)
        self._look_first = True
        self._ended = not count
        return Received(bytes(self._buffer[:count]), clock.received(ancillary))

    def _interrupt(self, error: OSError) -> None:
        """Raise Interrupted for what the server or network did, and nothing else."""
        interrupted = talking.named(error)
        if interrupted is not None:
            self._reset |= interrupted.reason is Reason.RESET
            raise interrupted from error

    async def _readable(self, limit: Limit) -> bool:
        """Wait until there may be something to read; false when the limit ran out."""
        if self._reset:
            return True
        self._waiter = self._loop.create_future()
        try:
            return await self._alarm.until(self._waiter, limit)
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(True)


def _not_yet() -> None:
    """Stand in as the reader of a socket that is not connected."""
