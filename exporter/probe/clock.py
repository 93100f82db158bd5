"""When it happened: by the kernel where it says so, by the interpreter elsewhere.

A Tick is one instant read on two clocks. The end of a phase is the kernel's receive
timestamp (SO_TIMESTAMPNS, wall clock) of the octets that completed it, so a busy event
loop does not lengthen the figure. The wall clock can step; then the monotonic one
decides.
"""

import socket
import struct
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from math import nan
from typing import NamedTuple

from exporter.outcome import TcpFacts

# Not named by Python's socket module; the same number on every Linux we know of but
# SPARC and PA-RISC, where setting it fails or yields nothing and the fallback serves.
SO_TIMESTAMPNS = 35
_TIMESPEC = struct.Struct("@ll")  # its longs have 4 octets on a 32-bit system
ANCILLARY_SIZE = socket.CMSG_SPACE(_TIMESPEC.size)

_LINUX = sys.platform == "linux"
_TCP_INFO_SIZE = 104
_JIFFIES = 0.010  # two at 250 Hz, and what rounding to milliseconds adds
_TCPI_RTT = struct.Struct("@68xI")  # microseconds, smoothed
_TCPI_LAST_DATA_RECV = struct.Struct("@52xI")  # milliseconds ago, by the jiffy
_TCPI_TOTAL_RETRANS = struct.Struct("@100xI")


class Tick(NamedTuple):
    """One instant; `realtime` is NaN where the kernel did not say when."""

    monotonic: float
    realtime: float


def now() -> Tick:
    """Read both clocks; the monotonic first, so that it never sees less."""
    monotonic = time.monotonic()
    return Tick(monotonic, time.time())


def elapsed(start: Tick, end: Tick) -> float:
    """Seconds from start to end.

    By the wall clock that the kernel stamps with, unless that difference is negative,
    unknown, or larger than what the monotonic clock saw: then the clock was stepped.
    """
    kernel = end.realtime - start.realtime
    seen = end.monotonic - start.monotonic
    return kernel if 0 <= kernel <= seen else max(seen, 0.0)


def stamp(sock: socket.socket) -> bool:
    """Ask the kernel for receive timestamps; false where it has none."""
    if not _LINUX:
        return False
    try:
        sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    except OSError:
        return False
    return True


def received(ancillary: list[tuple[int, int, bytes]]) -> Tick:
    """Turn what recvmsg brought beside the octets into the instant they arrived."""
    monotonic = time.monotonic()
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
            seconds, nanoseconds = _TIMESPEC.unpack_from(data)
            return Tick(monotonic, seconds + nanoseconds / 1e9)
    return Tick(monotonic, nan)


def before_fin(sock: socket.socket, at: Tick) -> Tick:
    """Correct the stamp of octets that were read together with a FIN.

    Linux joins a waiting FIN to the octets before it and keeps the FIN's stamp: a later
    one, or an earlier one where the octets were lost on the way and sent again. When
    the last octets came is known besides, to some milliseconds: that counts where the
    stamp is further off than its own error could explain.
    """
    raw = _raw_tcp_info(sock)
    if raw is None:
        return at
    (milliseconds,) = _TCPI_LAST_DATA_RECV.unpack_from(raw)
    arrived = time.time() - milliseconds / 1e3
    is_of_fin = abs(at.realtime - arrived) > _JIFFIES
    return at._replace(realtime=arrived) if is_of_fin else at


def tcp_info(sock: socket.socket) -> TcpFacts | None:
    """Read TCP_INFO; None where the platform or the socket has none."""
    raw = _raw_tcp_info(sock)
    if raw is None:
        return None
    (microseconds,) = _TCPI_RTT.unpack_from(raw)
    (resent,) = _TCPI_TOTAL_RETRANS.unpack_from(raw)
    return TcpFacts(microseconds / 1e6, resent)


def _raw_tcp_info(sock: socket.socket) -> bytes | None:
    if not _LINUX:
        return None
    try:
        raw = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_SIZE)
    except OSError:
        return None
    return raw if len(raw) == _TCP_INFO_SIZE else None


def established(start: Tick, info: TcpFacts | None) -> Tick:
    """When a connection stood whose SYN left at `start`; to be asked at once.

    The first round trip sample is the handshake's own. With a SYN sent twice it is not,
    and the interpreter's clock serves.
    """
    if info is None or info.retransmits or not info.rtt:
        return now()
    return Tick(start.monotonic + info.rtt, start.realtime + info.rtt)


@contextmanager
def stamping() -> Iterator[bool]:
    """Keep the kernel's stamping switched on; gives whether this platform has it.

    The kernel patches its own code when the first socket asks and the last one goes,
    and stamps nothing in between: one socket that stays spares every probe both.
    """
    with socket.socket() as sock:
        yield stamp(sock)
