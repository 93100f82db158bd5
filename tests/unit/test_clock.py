"""When it happened: two clocks, and which of them to believe."""

import socket
import struct
import sys
import time
from collections.abc import Iterator
from math import inf, isnan, nan
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.outcome import TcpFacts
from exporter.probe import clock
from exporter.probe.clock import SO_TIMESTAMPNS, Tick

START = Tick(monotonic=100.0, realtime=1_700_000_000.0)

only_linux = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux stamps what it receives"
)


@pytest.fixture
def pair() -> Iterator[socket.socket]:
    """Give one end of a connection that leads nowhere else."""
    one, other = socket.socketpair()
    with one, other:
        yield one


class FakeSocket:
    """A socket that answers getsockopt with what it was given, or raises it."""

    def __init__(self, answer: bytes | OSError) -> None:
        """Keep the answer."""
        self._answer = answer

    def getsockopt(self, _level: int, _option: int, _size: int) -> bytes:
        """Give the answer."""
        if isinstance(self._answer, OSError):
            raise self._answer
        return self._answer


def info_of(answer: bytes | OSError) -> TcpFacts | None:
    """Read TCP_INFO where the kernel answers this."""
    return clock.tcp_info(cast(socket.socket, FakeSocket(answer)))


# --- now and elapsed


def test_now() -> None:
    """Now is one instant on both clocks."""
    before = time.monotonic(), time.time()
    tick = clock.now()
    after = time.monotonic(), time.time()

    assert before[0] <= tick.monotonic <= after[0]
    assert before[1] <= tick.realtime <= after[1]


def test_now_favours_the_monotonic_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The monotonic clock is read first, so that it never sees less."""
    readings = iter((1.0, 2.0))
    monkeypatch.setattr(time, "monotonic", lambda: next(readings))
    monkeypatch.setattr(time, "time", lambda: next(readings))

    assert clock.now() == Tick(monotonic=1.0, realtime=2.0)


@pytest.mark.parametrize(
    ("monotonic", "realtime", "seconds"),
    [
        pytest.param(2.0, 1.5, 1.5, id="the loop came late"),
        pytest.param(2.0, 2.0, 2.0, id="both agree"),
        pytest.param(2.0, 0.0, 0.0, id="at once"),
        pytest.param(2.0, -0.001, 2.0, id="the wall clock went back"),
        pytest.param(2.0, -3600.0, 2.0, id="the wall clock went back an hour"),
        pytest.param(2.0, 2.001, 2.0, id="the wall clock went forward"),
        pytest.param(2.0, 3600.0, 2.0, id="the wall clock went forward an hour"),
        pytest.param(2.0, nan, 2.0, id="the kernel did not say"),
        pytest.param(2.0, inf, 2.0, id="never"),
        pytest.param(0.0, 0.0, 0.0, id="no time"),
        pytest.param(-1.0, 0.5, 0.0, id="an end before the start"),
        pytest.param(-1.0, nan, 0.0, id="an end before the start, unstamped"),
    ],
)
def test_elapsed(monotonic: float, realtime: float, seconds: float) -> None:
    """The kernel's difference counts within what the monotonic clock saw."""
    end = Tick(START.monotonic + monotonic, START.realtime + realtime)

    assert clock.elapsed(START, end) == pytest.approx(seconds)


def test_elapsed_since_an_unstamped_start() -> None:
    """A start that the kernel did not stamp leaves the monotonic clock."""
    assert clock.elapsed(Tick(1.0, nan), Tick(3.0, 50.0)) == 2.0


TIMES = st.floats(-1e10, 1e10) | st.just(nan)


@given(st.floats(-1e10, 1e10), TIMES, st.floats(-1e10, 1e10), TIMES)
def test_elapsed_is_never_absurd(m1: float, r1: float, m2: float, r2: float) -> None:
    """No time is negative, or more than the monotonic clock saw."""
    seconds = clock.elapsed(Tick(m1, r1), Tick(m2, r2))

    assert 0.0 <= seconds <= max(m2 - m1, 0.0)


# --- what the kernel says of octets


def stamped(seconds: int, nanoseconds: int) -> tuple[int, int, bytes]:
    """Make the ancillary item that the kernel sends."""
    timespec = struct.pack("@ll", seconds, nanoseconds)
    return socket.SOL_SOCKET, SO_TIMESTAMPNS, timespec


def test_received() -> None:
    """The kernel's timestamp is the instant, on the wall clock."""
    before = time.monotonic()
    tick = clock.received([stamped(1_700_000_000, 250_000_000)])

    assert tick.realtime == 1_700_000_000.25
    assert before <= tick.monotonic <= time.monotonic()


@pytest.mark.parametrize(
    "ancillary",
    [
        [],
        [(socket.SOL_SOCKET, SO_TIMESTAMPNS + 1, bytes(16))],
        [(socket.IPPROTO_TCP, SO_TIMESTAMPNS, bytes(16))],
    ],
)
def test_received_unstamped(ancillary: list[tuple[int, int, bytes]]) -> None:
    """Without a timestamp of this kind the kernel did not say when."""
    tick = clock.received(ancillary)

    assert isnan(tick.realtime)
    assert tick.monotonic <= time.monotonic()


def test_received_among_others() -> None:
    """The timestamp is found wherever it stands."""
    other = (socket.SOL_SOCKET, socket.SCM_RIGHTS, b"\0\0\0\0")

    assert clock.received([other, stamped(5, 0), stamped(6, 0)]).realtime == 5.0


@only_linux
def test_stamp(pair: socket.socket) -> None:
    """The kernel stamps what a socket receives, once asked."""
    assert clock.stamp(pair)
    assert pair.getsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS) == 1


@pytest.mark.parametrize("linux", [True, False])
def test_no_stamp(linux: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket that cannot be stamped is no failure, and no other system is asked."""
    monkeypatch.setattr(clock, "_LINUX", linux)
    closed = socket.socket(socket.AF_UNIX)
    closed.close()

    assert not clock.stamp(closed)


def test_ancillary_room(pair: socket.socket) -> None:
    """The room for ancillary octets holds one timespec."""
    assert socket.CMSG_SPACE(struct.calcsize("@ll")) == clock.ANCILLARY_SIZE
    assert pair.family == socket.AF_UNIX


# --- what TCP says of itself

# struct tcp_info of linux/tcp.h: eight octets, then these, of four octets each.
TCP_INFO = (
    *("rto", "ato", "snd_mss", "rcv_mss", "unacked", "sacked", "lost", "retrans"),
    *("fackets", "last_data_sent", "last_ack_sent", "last_data_recv", "last_ack_recv"),
    *("pmtu", "rcv_ssthresh", "rtt", "rttvar", "snd_ssthresh", "snd_cwnd", "advmss"),
    *("reordering", "rcv_rtt", "rcv_space", "total_retrans"),
)


def tcp_info(**values: int) -> bytes:
    """Make the first octets of a struct tcp_info, its other fields full of ones."""
    fields = (values.get(name, 0xFFFFFFFF) for name in TCP_INFO)
    return b"\xff" * 8 + struct.pack(f"={len(TCP_INFO)}I", *fields)


@only_linux
def test_tcp_info() -> None:
    """The round trip is read in seconds, and retransmits since the first SYN."""
    assert info_of(tcp_info(rtt=1500, total_retrans=2)) == TcpFacts(0.0015, 2)


@only_linux
def test_tcp_info_of_an_older_kernel() -> None:
    """A struct that ends before the last field tells nothing."""
    assert info_of(tcp_info(rtt=1500, total_retrans=2)[:-1]) is None


@pytest.mark.parametrize("linux", [True, False])
def test_no_tcp_info(linux: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket or a system without TCP_INFO tells nothing."""
    monkeypatch.setattr(clock, "_LINUX", linux)

    assert info_of(OSError("no such option")) is None


def test_no_tcp_info_of_a_local_pair(pair: socket.socket) -> None:
    """A socket that is not TCP tells nothing."""
    assert clock.tcp_info(pair) is None


# --- octets that came with a FIN


@only_linux
@pytest.mark.parametrize(
    ("off", "counts"),
    [
        pytest.param(0.5, False, id="the FIN came later"),
        pytest.param(-0.5, False, id="the FIN came first"),
        pytest.param(0.005, True, id="within the error, later"),
        pytest.param(-0.005, True, id="within the error, earlier"),
    ],
)
def test_before_fin(off: float, counts: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stamp counts unless octets came at another time than it says."""
    monkeypatch.setattr(time, "time", lambda: START.realtime + 0.25)
    sock = cast(socket.socket, FakeSocket(tcp_info(last_data_recv=250)))
    stamp = START._replace(realtime=START.realtime + off)

    seen = clock.before_fin(sock, stamp)

    assert seen.monotonic == stamp.monotonic
    expected = stamp.realtime if counts else START.realtime
    assert seen.realtime == pytest.approx(expected, abs=0.001)


# --- when a connection stood


def test_established() -> None:
    """Without a retransmit the connection stood one round trip after the SYN."""
    tick = clock.established(START, TcpFacts(rtt=0.025, retransmits=0))

    assert tick == Tick(100.025, START.realtime + 0.025)


@pytest.mark.parametrize(
    "info", [None, TcpFacts(0.025, 1), TcpFacts(0.0, 0), TcpFacts(0.0, 3)]
)
def test_established_by_our_own_clock(
    info: TcpFacts | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A SYN sent twice, or no figure, leaves the instant of asking."""
    asked = Tick(101.0, 1_700_000_001.0)
    monkeypatch.setattr(clock, "now", lambda: asked)

    assert clock.established(START, info) is asked
