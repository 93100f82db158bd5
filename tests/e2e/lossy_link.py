"""A link that loses and delays packets, in a network namespace of its own.

The kernel's TCP is at both ends, and its packets pass through here over a TUN device:
what is sent to FAR comes back as if FAR had sent it, so a server at NEAR is reached
through the link, and retransmits, round trips and time-outs are those of a network.
netem does the same where a kernel has it; this needs none, draws what is lost from a
fixed seed, and notes what passed, which is what a probe's figures are held against.
"""

import fcntl
import heapq
import os
import random
import select
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count

NEAR, FAR = "10.99.0.1", "10.99.0.2"
_MASK = "255.255.255.252"
_TUN = "/dev/net/tun"
_LONGEST = 65535
_IDLE_SECONDS = 0.05

# linux/if_tun.h and linux/sockios.h
_TUNSETIFF, _TUN_WITHOUT_HEADER = 0x400454CA, 0x1001
_SET_FLAGS, _UP_AND_RUNNING = 0x8914, 0x41
_SET_ADDRESS, _SET_MASK = 0x8916, 0x891C
_FLAGS = struct.Struct("16sh22x")
_ADDRESS = struct.Struct("16sHH4s16x")

_IPV4, _TCP = 4, 6
_SYN, _ACK = 0x02, 0x10


@dataclass(frozen=True)
class Segment:
    """What is read of a packet of TCP."""

    ports: tuple[int, int]  # from, to
    number: int
    flags: int
    octets: int  # of what it carries

    @property
    def opens(self) -> bool:
        """Whether a client says it first."""
        return self.flags & (_SYN | _ACK) == _SYN

    @property
    def end(self) -> int:
        """Give the number behind what it carries; SYN has one, FIN is left aside."""
        return self.number + self.octets + bool(self.flags & _SYN)

    @property
    def counts(self) -> bool:
        """Whether it is sent again until it is acknowledged; FIN is left aside."""
        return bool(self.octets or self.flags & _SYN)


def read_segment(packet: bytes) -> Segment | None:
    """Read a packet; None when it is not TCP over IPv4."""
    if packet[0] >> 4 != _IPV4 or packet[9] != _TCP:
        return None
    head = 4 * (packet[0] & 0xF)
    source, target, number = struct.unpack_from("!HHI", packet, head)
    offset, flags = packet[head + 12] >> 4, packet[head + 13]
    octets = int.from_bytes(packet[2:4], "big") - head - 4 * offset
    return Segment((source, target), number, flags, octets)


def mirrored(packet: bytes) -> bytes:
    """Exchange sender and receiver; no checksum changes by that."""
    return packet[:12] + packet[16:20] + packet[12:16] + packet[20:]


@dataclass
class Flow:
    """One connection, as it passed; instants are monotonic."""

    begun: float  # the client's first SYN was taken up
    resent: int = 0  # segments of the client's that came again
    lost: int = 0  # packets, of both sides
    sent: set[int] = field(default_factory=set)  # numbers of the client's segments
    # Where a segment of the server's ends, and when it first came through.
    heard: dict[int, float] = field(default_factory=dict)

    def instant(self, place: int) -> float:
        """Give when what the server said at this place came through; 0 is its SYN.

        By the first segment that reaches so far: one that is sent again may have what
        comes behind it as well.
        """
        end = sorted(self.heard)[place]
        return min(at for reached, at in self.heard.items() if reached >= end)


class Link:
    """What becomes of packets; set `loss` and `delay` (seconds, each way) at any time.

    `flows` are by the server's port, in the order in which they began.
    """

    def __init__(self, loss: float, delay: float, seed: int) -> None:
        """Lose this share of all packets."""
        self.loss = loss
        self.delay = delay
        self.flows: dict[int, list[Flow]] = {}
        self._chance = random.Random(seed)  # noqa: S311 -- losses, not secrets
        self._known: dict[tuple[int, int], Flow] = {}  # by ports, the client's first
        self._coming: list[tuple[float, int, bytes, Segment]] = []
        self._number = count()

    def take(self, packet: bytes) -> None:
        """Take a packet up; it is lost, or comes out later."""
        segment = read_segment(packet)
        if segment is None:
            return
        now = time.monotonic()
        flow = self._flow(segment, now)
        if flow is None:
            return
        if segment.counts and segment.ports in self._known:
            flow.resent += segment.number in flow.sent
            flow.sent.add(segment.number)
        if self._chance.random() < self.loss:
            flow.lost += 1
            return
        entry = (now + self.delay, next(self._number), mirrored(packet), segment)
        heapq.heappush(self._coming, entry)

    def due(self) -> Iterator[bytes]:
        """Give what comes out by now."""
        while self._coming and self._coming[0][0] <= time.monotonic():
            _, _, packet, segment = heapq.heappop(self._coming)
            flow = self._known.get(segment.ports[::-1])
            if flow and segment.counts:
                flow.heard.setdefault(segment.end, time.monotonic())
            yield packet

    @property
    def idle(self) -> float:
        """Give the seconds until the next comes out."""
        if not self._coming:
            return _IDLE_SECONDS
        return min(_IDLE_SECONDS, max(0.0, self._coming[0][0] - time.monotonic()))

    def _flow(self, segment: Segment, now: float) -> Flow | None:
        flow = self._known.get(segment.ports) or self._known.get(segment.ports[::-1])
        if flow is None and segment.opens:
            flow = self._known[segment.ports] = Flow(now)
            self.flows.setdefault(segment.ports[1], []).append(flow)
        return flow


@contextmanager
def lossy_link(loss: float, delay: float, seed: int = 1) -> Iterator[Link]:
    """Make the link between NEAR and FAR, and bring this namespace's loopback up.

    Raises OSError where the machine has no TUN device, or lets nobody use it.
    """
    tun = os.open(_TUN, os.O_RDWR | os.O_NONBLOCK)
    link, over = Link(loss, delay, seed), threading.Event()

    def carry() -> None:
        while not over.is_set():
            ready, _, _ = select.select([tun], [], [], link.idle)
            if ready:
                link.take(os.read(tun, _LONGEST))
            for packet in link.due():
                os.write(tun, packet)

    carrying = threading.Thread(target=carry)
    try:
        _configure(tun)
        carrying.start()
        yield link
    finally:
        over.set()
        if carrying.ident:
            carrying.join()
        os.close(tun)


def _configure(tun: int) -> None:
    name = b"tun0"
    fcntl.ioctl(tun, _TUNSETIFF, _FLAGS.pack(name, _TUN_WITHOUT_HEADER))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for request, address in ((_SET_ADDRESS, NEAR), (_SET_MASK, _MASK)):
            octets = socket.inet_aton(address)
            fcntl.ioctl(sock, request, _ADDRESS.pack(name, socket.AF_INET, 0, octets))
        for interface in (b"lo", name):
            fcntl.ioctl(sock, _SET_FLAGS, _FLAGS.pack(interface, _UP_AND_RUNNING))
