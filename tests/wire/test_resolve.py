"""Names to addresses, asked of a DNS server that lives in the test.

Names end in a dot, so that no search list of this machine is walked.
"""

import asyncio
import socket
import struct
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import NamedTuple, cast

import pytest

from exporter.outcome import Failure, Outcome, Speaker
from exporter.probe.resolve import Address, Resolver, literal
from exporter.probe.run import probe
from exporter.smtp.exchange import Interrupted
from exporter.targets import Module, Target, Timeouts
from exporter.vocabulary import Close, Family, IpFamily, Phase, Reason
from tests.conftest import missing_peer
from tests.wire.ports import filtered_port

PATIENCE = 10.0  # no test gets near it unless something is broken

NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED = range(6)
A, CNAME, AAAA = 1, 5, 28
_HEADER = struct.Struct("!6H")
_RECORD = struct.Struct("!HHHIH")
_AT_QUESTION = 0xC000 | _HEADER.size  # a pointer to the name that was asked for
_RESPONSE = 0x8180

V4 = "192.0.2.1"
V4_TOO = "192.0.2.2"
V6 = "2001:db8::1"


class Zone(NamedTuple):
    """What a name server knows of one name, and how it tells it."""

    a: tuple[str, ...] = ()
    aaaa: tuple[str, ...] = ()
    rcode: int = NOERROR
    alias_of: str | None = None
    delay: float = 0.0
    silent: bool = False
    fails_for: int | None = None  # a record type
    ttl: int = 60


class NameServer(asyncio.DatagramProtocol):
    """Answers from a table; a name that is not in it does not exist."""

    def __init__(self, zones: Mapping[str, Zone]) -> None:
        """Know the zones."""
        self._zones = zones
        self.asked: list[tuple[str, int]] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer one question, at once or later or not at all."""
        name, after = _name_in(data, _HEADER.size)
        (kind,) = struct.unpack_from("!H", data, after)
        self.asked.append((name, kind))
        zone = self._zones.get(name, Zone(rcode=NXDOMAIN))
        if not zone.silent:
            answer = _answer(data, after, kind, zone)
            loop = asyncio.get_running_loop()
            loop.call_later(zone.delay, self._transport.sendto, answer, addr)


def _name_in(message: bytes, at: int) -> tuple[str, int]:
    labels = []
    while octets := message[at]:
        labels.append(message[at + 1 : at + 1 + octets].decode())
        at += 1 + octets
    return ".".join(labels).lower(), at + 1


def _answer(question: bytes, after: int, kind: int, zone: Zone) -> bytes:
    if kind == zone.fails_for:
        zone = Zone(rcode=SERVFAIL)
    owner = _AT_QUESTION
    records = b""
    answers = {A: zone.a, AAAA: zone.aaaa}.get(kind, ())
    if zone.alias_of is not None:
        name = b"".join(bytes([len(x)]) + x.encode() for x in zone.alias_of.split("."))
        records += _RECORD.pack(owner, CNAME, 1, zone.ttl, len(name) + 1) + name + b"\0"
        owner = 0xC000 | (after + 4 + _RECORD.size)
    family = socket.AF_INET if kind == A else socket.AF_INET6
    for address in answers:
        packed = socket.inet_pton(family, address)
        records += _RECORD.pack(owner, kind, 1, zone.ttl, len(packed)) + packed
    number = struct.unpack_from("!H", question)[0]
    counts = (1, len(answers) + (zone.alias_of is not None), 0, 0)
    header = _HEADER.pack(number, _RESPONSE | zone.rcode, *counts)
    return header + question[_HEADER.size : after + 4] + records


class Asking(NamedTuple):
    """A resolver, and the server that it asks."""

    resolver: Resolver
    server: NameServer


@asynccontextmanager
async def asking(host: str = "127.0.0.1", **zones: Zone) -> AsyncIterator[Asking]:
    """Run a name server that knows these names under `test.`."""
    server = NameServer({f"{name}.test": zone for name, zone in zones.items()})
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: server, local_addr=(host, 0)
    )
    try:
        port = transport.get_extra_info("sockname")[1]
        resolver = Resolver(((host, port),))
        try:
            yield Asking(resolver, server)
        finally:
            await resolver.close()
    finally:
        transport.close()


async def reason_of(resolver: Resolver, name: str, family: IpFamily) -> Reason:
    """Look up what cannot be found, and give the reason."""
    with pytest.raises(Interrupted) as caught:
        await resolver.addresses(name, family)
    return caught.value.reason


# --- literals


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("192.0.2.1", Family.IPV4),
        ("127.0.0.1", Family.IPV4),
        ("2001:db8::1", Family.IPV6),
        ("::1", Family.IPV6),
        ("::ffff:192.0.2.1", Family.IPV6),
        ("fe80::1%eth0", Family.IPV6),
        ("fe80::1%2", Family.IPV6),
        ("2001:DB8::1", Family.IPV6),
    ],
)
def test_literal(host: str, expected: Family) -> None:
    """An address is used as it is written, its zone included."""
    assert literal(host) == Address(host, expected)


NAMES = ("", "mx.example.com", "localhost", "192.0.2.1.", "[::1]", "::g", "fe80::1%")
NOT_QUITE_IPV4 = ("192.0.2", "1.2.3.4.5", "192.0.2.256", "010.0.0.1", "1", "0x7f.1")


@pytest.mark.parametrize("host", [*NAMES, *NOT_QUITE_IPV4, "192.0.2.1%eth0"])
def test_name(host: str) -> None:
    """What is no address is a name."""
    assert literal(host) is None


# --- addresses


async def test_a_only() -> None:
    """A name with A records has IPv4 addresses, all of them."""
    async with asking(name=Zone(a=(V4, V4_TOO))) as (resolver, server):
        found = await resolver.addresses("name.test.", IpFamily.ANY)

    assert {*found} == {Address(V4, Family.IPV4), Address(V4_TOO, Family.IPV4)}
    assert {*server.asked} == {("name.test", A), ("name.test", AAAA)}


async def test_aaaa_only() -> None:
    """A name with an AAAA record has an IPv6 address."""
    async with asking(name=Zone(aaaa=(V6,))) as (resolver, _):
        found = await resolver.addresses("name.test.", IpFamily.ANY)

    assert found == (Address(V6, Family.IPV6),)


async def test_both() -> None:
    """A name with both has both."""
    async with asking(name=Zone(a=(V4,), aaaa=(V6,))) as (resolver, _):
        found = await resolver.addresses("name.test.", IpFamily.ANY)

    assert {*found} == {Address(V4, Family.IPV4), Address(V6, Family.IPV6)}


async def test_alias() -> None:
    """A name that is an alias has the addresses of what it stands for."""
    zone = Zone(a=(V4,), alias_of="real.test")
    async with asking(name=zone) as (resolver, _):
        found = await resolver.addresses("name.test.", IpFamily.IPV4)

    assert found == (Address(V4, Family.IPV4),)


@pytest.mark.parametrize(
    ("family", "expected", "kind"),
    [
        (IpFamily.IPV4, Address(V4, Family.IPV4), A),
        (IpFamily.IPV6, Address(V6, Family.IPV6), AAAA),
    ],
)
async def test_one_family(family: IpFamily, expected: Address, kind: int) -> None:
    """A module of one family asks for no other."""
    async with asking(name=Zone(a=(V4,), aaaa=(V6,))) as (resolver, server):
        found = await resolver.addresses("name.test.", family)

    assert found == (expected,)
    assert server.asked == [("name.test", kind)]


@pytest.mark.parametrize(
    ("family", "first"),
    [(IpFamily.PREFER_IPV4, Family.IPV4), (IpFamily.PREFER_IPV6, Family.IPV6)],
)
async def test_preferred_family(family: IpFamily, first: Family) -> None:
    """A preferred family comes first, and the other one is there for later."""
    async with asking(name=Zone(a=(V4, V4_TOO), aaaa=(V6,))) as (resolver, _):
        found = await resolver.addresses("name.test.", family)

    in_order = [address.family for address in found]
    assert in_order == sorted(in_order, key=lambda one: one is not first)
    assert len(found) == 3


@pytest.mark.parametrize("family", [IpFamily.PREFER_IPV4, IpFamily.PREFER_IPV6])
async def test_preferred_family_absent(family: IpFamily) -> None:
    """A preference is no demand."""
    async with asking(four=Zone(a=(V4,)), six=Zone(aaaa=(V6,))) as (resolver, _):
        four = await resolver.addresses("four.test.", family)
        six = await resolver.addresses("six.test.", family)

    assert four == (Address(V4, Family.IPV4),)
    assert six == (Address(V6, Family.IPV6),)


async def test_one_family_fails() -> None:
    """A server that fails for the one family still tells the other."""
    async with asking(name=Zone(a=(V4,), fails_for=AAAA)) as (resolver, _):
        found = await resolver.addresses("name.test.", IpFamily.ANY)

    assert found == (Address(V4, Family.IPV4),)


@pytest.mark.parametrize("family", IpFamily)
@pytest.mark.parametrize(
    ("rcode", "reason"),
    [
        (NOERROR, Reason.NODATA),
        (NXDOMAIN, Reason.NXDOMAIN),
        (SERVFAIL, Reason.SERVFAIL),
        (REFUSED, Reason.SERVFAIL),
        (NOTIMP, Reason.SERVFAIL),
    ],
)
async def test_nothing_found(rcode: int, reason: Reason, family: IpFamily) -> None:
    """A lookup without an address says why, whatever family was asked for."""
    async with asking(name=Zone(rcode=rcode)) as (resolver, _):
        assert await reason_of(resolver, "name.test.", family) is reason


@pytest.mark.parametrize(
    ("zone", "family"),
    [(Zone(aaaa=(V6,)), IpFamily.IPV4), (Zone(a=(V4,)), IpFamily.IPV6)],
)
async def test_other_family_only(zone: Zone, family: IpFamily) -> None:
    """A name that has only the other family has no usable record."""
    async with asking(name=zone) as (resolver, _):
        assert await reason_of(resolver, "name.test.", family) is Reason.NODATA


async def test_unknown_name() -> None:
    """A name that nobody knows does not exist."""
    async with asking() as (resolver, _):
        found = await reason_of(resolver, "nobody.test.", IpFamily.ANY)

    assert found is Reason.NXDOMAIN


async def test_server_over_ipv6() -> None:
    """A server may be asked over IPv6."""
    try:
        async with asking("::1", name=Zone(a=(V4,))) as (resolver, _):
            found = await resolver.addresses("name.test.", IpFamily.IPV4)
    except OSError as error:
        missing_peer(f"::1 is not on this machine: {error}")

    assert found == (Address(V4, Family.IPV4),)


@pytest.mark.parametrize(("ttl", "questions"), [(0, 3), (60, 1)])
async def test_ttl(ttl: int, questions: int) -> None:
    """The server is asked again when the TTL of its last answer is over."""
    async with asking(name=Zone(a=(V4,), ttl=ttl)) as (resolver, server):
        for _ in range(3):
            found = await resolver.addresses("name.test.", IpFamily.IPV4)
            assert found == (Address(V4, Family.IPV4),)

    assert server.asked == [("name.test", A)] * questions


# --- and a probe that has to look up

LIMITS = Timeouts(dns=0.3, connect=0.3)
MODULE = Module(name="lookup", ehlo=False, timeouts=LIMITS, timeout=PATIENCE)


def target(host: str, port: int = 25, module: Module = MODULE) -> Target:
    """Make a target of this host."""
    return Target(name="lookup", host=host, port=port, module=module, interval=60.0)


def dns_seconds(outcome: Outcome) -> float:
    """Give how long the lookup took."""
    record = outcome.record(Phase.DNS)
    assert record is not None
    return record.seconds


@pytest.mark.parametrize(
    ("deadline", "reason"), [(PATIENCE, Reason.TIMEOUT), (0.2, Reason.DEADLINE)]
)
async def test_silence(deadline: float, reason: Reason) -> None:
    """A silent server ends with the phase's limit, or with the deadline before it."""
    module = Module(name="lookup", timeouts=LIMITS, timeout=deadline)
    async with asking(name=Zone(silent=True)) as (resolver, _):
        outcome = await probe(target("name.test.", module=module), resolver=resolver)

    assert outcome.failure == Failure(Phase.DNS, reason)
    assert outcome.close is Close.NONE
    assert outcome.resolved is None
    assert outcome.record(Phase.CONNECT) is None
    assert min(0.3, deadline) - 0.01 <= dns_seconds(outcome) < PATIENCE / 2


@pytest.mark.parametrize(
    ("rcode", "reason"),
    [
        (NOERROR, Reason.NODATA),
        (NXDOMAIN, Reason.NXDOMAIN),
        (SERVFAIL, Reason.SERVFAIL),
    ],
)
async def test_failed_lookup(rcode: int, reason: Reason) -> None:
    """A failed lookup is the phase dns, and nothing is connected."""
    async with asking(name=Zone(rcode=rcode)) as (resolver, _):
        outcome = await probe(target("name.test."), resolver=resolver)

    assert outcome.failure == Failure(Phase.DNS, reason)
    assert outcome.close is Close.NONE
    assert [record.phase for record in outcome.phases] == [Phase.DNS]
    assert not outcome.phases[0].completed
    assert outcome.addresses_failed == 0


async def test_late_answer() -> None:
    """The time of a late answer is the time of phase dns."""
    zone = Zone(a=("127.0.0.1",), delay=0.15)
    async with asking(name=zone) as (resolver, _):
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            here = target("name.test.", bound.getsockname()[1])
            outcome = await probe(here, resolver=resolver)

    assert outcome.failure == Failure(Phase.CONNECT, Reason.REFUSED)
    assert 0.15 - 0.01 <= dns_seconds(outcome) < PATIENCE / 2
    assert outcome.resolved == ((Family.IPV4, 1),)


async def test_literal_target() -> None:
    """A literal is never looked up, and phase dns has no record."""
    async with asking() as (resolver, server):
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            here = target("127.0.0.1", bound.getsockname()[1])
            outcome = await probe(here, resolver=resolver)

    assert outcome.failure == Failure(Phase.CONNECT, Reason.REFUSED)
    assert outcome.record(Phase.DNS) is None
    assert outcome.resolved is None
    assert server.asked == []


# --- and one that has to choose

on_linux = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux has all of 127.0.0.0/8"
)


class Canned(Resolver):
    """Knows the same addresses for every name."""

    def __init__(self, *literals: str) -> None:
        """Keep them in this order."""
        self._found = tuple(Address(one, Family.IPV4) for one in literals)

    async def addresses(self, host: str, family: IpFamily) -> tuple[Address, ...]:
        """Give them."""
        assert (host, family) == ("name.test.", IpFamily.ANY)
        return self._found


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Be a server that is well."""
    writer.write(b"220 mx.test ready\r\n")
    assert await reader.readline() == b"QUIT\r\n"
    writer.write(b"221 bye\r\n")
    writer.close()
    await writer.wait_closed()


@asynccontextmanager
async def one_of_two() -> AsyncIterator[int]:
    """Serve a port of 127.0.0.2 that 127.0.0.1 refuses."""
    with socket.socket() as refusing:
        refusing.bind(("127.0.0.1", 0))
        port = refusing.getsockname()[1]
        async with await asyncio.start_server(serve, "127.0.0.2", port):
            yield port


@on_linux
async def test_next_address() -> None:
    """An address that refuses is followed by the next, and counted."""
    async with one_of_two() as port:
        outcome = await probe(
            target("name.test.", port), resolver=Canned("127.0.0.1", "127.0.0.2")
        )

    assert outcome.success
    assert outcome.address == "127.0.0.2"
    assert outcome.addresses_failed == 1
    assert outcome.resolved == ((Family.IPV4, 2),)
    assert outcome.transcript[0].speaker is Speaker.NETWORK
    assert outcome.transcript[0].text == "name.test. is 127.0.0.1, 127.0.0.2"


@on_linux
async def test_first_address() -> None:
    """Addresses behind the one that connects are not tried."""
    async with one_of_two() as port:
        outcome = await probe(
            target("name.test.", port), resolver=Canned("127.0.0.2", "127.0.0.1")
        )

    assert outcome.success
    assert outcome.addresses_failed == 0


@on_linux
async def test_no_address_connects() -> None:
    """When no address connects, the last one's reason is the probe's."""
    with filtered_port() as port:
        in_order = Canned("127.0.0.1", "127.0.0.2")
        outcome = await probe(target("name.test.", port), resolver=in_order)
        reversed_order = Canned("127.0.0.2", "127.0.0.1")
        other = await probe(target("name.test.", port), resolver=reversed_order)

    assert outcome.failure == Failure(Phase.CONNECT, Reason.REFUSED)
    assert other.failure == Failure(Phase.CONNECT, Reason.TIMEOUT)
    assert outcome.close is other.close is Close.NONE
    assert outcome.addresses_failed == other.addresses_failed == 2
    assert outcome.address is None


@on_linux
async def test_share_of_the_deadline() -> None:
    """An address may take its share of what is left until the deadline, and no more."""
    module = Module(
        name="lookup", timeout=0.4, timeouts=Timeouts(dns=PATIENCE, connect=PATIENCE)
    )
    with filtered_port() as port:
        started = time.monotonic()
        outcome = await probe(
            target("name.test.", port, module),
            resolver=Canned("127.0.0.1", "127.0.0.2"),
        )
        took = time.monotonic() - started

    assert outcome.failure == Failure(Phase.CONNECT, Reason.REFUSED)
    assert outcome.transcript[1].text == f"127.0.0.1: {Reason.TIMEOUT.meaning}"
    assert 0.19 <= took < PATIENCE / 2


@on_linux
async def test_deadline_while_connecting() -> None:
    """The last address has all that is left, and then the deadline is the reason."""
    module = Module(name="lookup", timeout=0.2, timeouts=Timeouts(connect=PATIENCE))
    with filtered_port() as port:
        outcome = await probe(
            target("name.test.", port, module), resolver=Canned("127.0.0.1")
        )

    assert outcome.failure == Failure(Phase.CONNECT, Reason.DEADLINE)
    assert 0.19 <= outcome.duration < PATIENCE / 2
