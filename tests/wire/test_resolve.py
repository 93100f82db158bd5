"""Names to addresses, asked of a DNS server that lives in the test.

Names end in a dot, so that no search list of this machine is walked.
"""

import asyncio
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

import aiodns
import pycares
import pytest

from exporter.outcome import Failure, Outcome, Speaker
from exporter.probe import resolve
from exporter.probe.resolve import MAX_CHANNELS, Address, Resolver, literal
from exporter.smtp.exchange import Interrupted
from exporter.targets import Module, Target, Timeouts
from exporter.vocabulary import Close, Family, IpFamily, Phase, Reason
from tests.conftest import missing_peer
from tests.nameserver import (
    AAAA,
    NOERROR,
    NOTIMP,
    NXDOMAIN,
    REFUSED,
    SERVFAIL,
    A,
    Zone,
)
from tests.wire.asking import asking, asking_at, probed, reason_of
from tests.wire.ports import filtered_port

PATIENCE = 10.0  # no test gets near it unless something is broken

V4 = "192.0.2.1"
V4_TOO = "192.0.2.2"
V6 = "2001:db8::1"


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
    async with asking(name=Zone(alias_of="real.test"), real=Zone(a=(V4,))) as (
        resolver,
        _,
    ):
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
        assert await reason_of(resolver.addresses("name.test.", family)) is reason


@pytest.mark.parametrize(
    ("zone", "family"),
    [(Zone(aaaa=(V6,)), IpFamily.IPV4), (Zone(a=(V4,)), IpFamily.IPV6)],
)
async def test_other_family_only(zone: Zone, family: IpFamily) -> None:
    """A name that has only the other family has no usable record."""
    async with asking(name=zone) as (resolver, _):
        assert (
            await reason_of(resolver.addresses("name.test.", family)) is Reason.NODATA
        )


async def test_unknown_name() -> None:
    """A name that nobody knows does not exist."""
    async with asking() as (resolver, _):
        found = await reason_of(resolver.addresses("nobody.test.", IpFamily.ANY))

    assert found is Reason.NXDOMAIN


async def test_server_over_ipv6() -> None:
    """A server may be asked over IPv6."""
    try:
        async with asking_at("::1", name=Zone(a=(V4,))) as (resolver, _):
            found = await resolver.addresses("name.test.", IpFamily.IPV4)
    except OSError as error:
        missing_peer(f"::1 is not on this machine: {error}")

    assert found == (Address(V4, Family.IPV4),)


async def test_failure_ahead_of_an_empty_answer() -> None:
    """A family that fails is not taken for one without records."""
    zone = Zone(fails_for=A, delay_for={AAAA: 0.1})
    async with asking(name=zone) as (resolver, _):
        found = await reason_of(resolver.addresses("name.test.", IpFamily.ANY))

    assert found is Reason.SERVFAIL


CHAIN = {f"name{n}": Zone(alias_of=f"name{n + 1}.test") for n in range(40)}
CHAIN["name40"] = Zone()


@pytest.mark.parametrize("family", [IpFamily.ANY, IpFamily.IPV4, IpFamily.IPV6])
@pytest.mark.parametrize(
    ("zones", "reason"),
    [
        ({"name0": Zone(alias_of="name0.test")}, Reason.SERVFAIL),
        (
            {
                "name0": Zone(alias_of="name1.test"),
                "name1": Zone(alias_of="name2.test"),
                "name2": Zone(alias_of="name1.test"),
            },
            Reason.SERVFAIL,
        ),
        (CHAIN, Reason.SERVFAIL),
        ({"name0": Zone(alias_of="name1.test"), "name1": Zone()}, Reason.NODATA),
        ({"name0": Zone(alias_of="name1.test")}, Reason.NXDOMAIN),
        (
            {"name0": Zone(alias_of="name1.test"), "name1": Zone(rcode=SERVFAIL)},
            Reason.SERVFAIL,
        ),
    ],
    ids=["itself", "circle", "endless", "empty", "absent", "fails"],
)
async def test_alias_of_nothing(
    zones: dict[str, Zone], reason: Reason, family: IpFamily
) -> None:
    """Aliases in a circle, or in too long a chain, are a failure of the resolver."""
    async with asking(**zones) as (resolver, _):
        assert await reason_of(resolver.addresses("name0.test.", family)) is reason


@pytest.mark.parametrize("family", [IpFamily.ANY, IpFamily.IPV4])
async def test_circle_told_step_by_step(family: IpFamily) -> None:
    """A circle is found of which each answer tells one alias."""
    zones = {
        "name": Zone(alias_of="other.test", one_step=True),
        "other": Zone(alias_of="name.test", one_step=True),
    }
    async with asking(**zones) as (resolver, _):
        found = await reason_of(resolver.addresses("name.test.", family))

    assert found is Reason.SERVFAIL


async def test_over_tcp() -> None:
    """What does not fit into a datagram is asked for over TCP."""
    many = tuple(f"192.0.2.{n}" for n in range(1, 200))
    async with asking(name=Zone(a=many, over_tcp=True)) as (resolver, _):
        found = await resolver.addresses("name.test.", IpFamily.IPV4)

    assert {address.literal for address in found} == {*many}


# --- again and again


@pytest.fixture
def asking_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no channel last; a second would have to pass between two lookups."""
    monkeypatch.setattr(resolve, "FRESH_SECONDS", 0.0)


@pytest.mark.usefixtures("asking_anew")
@pytest.mark.parametrize("ttl", [0, 60])
async def test_asked_anew(ttl: int) -> None:
    """Every lookup asks, however long an answer may be kept."""
    async with asking(name=Zone(a=(V4,), ttl=ttl)) as (resolver, server):
        for _ in range(3):
            await resolver.addresses("name.test.", IpFamily.IPV4)

    assert server.asked == [("name.test", A)] * 3


@pytest.mark.usefixtures("asking_anew")
@pytest.mark.parametrize("before", [Zone(a=(V4_TOO,)), Zone(), Zone(rcode=NXDOMAIN)])
async def test_change(before: Zone) -> None:
    """A change is seen by the next lookup, also of a name that had no address."""
    async with asking(name=before) as (resolver, server):
        with suppress(Interrupted):
            await resolver.addresses("name.test.", IpFamily.ANY)
        server.zones["name.test"] = Zone(a=(V4,))
        found = await resolver.addresses("name.test.", IpFamily.ANY)

    assert found == (Address(V4, Family.IPV4),)


async def test_at_the_same_time() -> None:
    """Of lookups within a second, only those of an answer without TTL ask anew."""
    async with asking(kept=Zone(a=(V4,)), gone=Zone(a=(V4,), ttl=0)) as (
        resolver,
        server,
    ):
        for name in ("kept.test.", "gone.test.") * 3:
            await resolver.addresses(name, IpFamily.IPV4)

    assert server.asked.count(("kept.test", A)) == 1
    assert server.asked.count(("gone.test", A)) == 3


class Counted(aiodns.DNSResolver):
    """A channel that is counted while it is open."""

    opened = 0
    open_now = 0

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """Count one."""
        super().__init__(*arguments, **options)
        Counted.opened += 1
        Counted.open_now += 1

    async def close(self) -> None:
        """Count one less."""
        Counted.open_now -= 1
        await super().close()


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> type[Counted]:
    """Count the channels of a test."""
    Counted.opened = Counted.open_now = 0
    monkeypatch.setattr(aiodns, "DNSResolver", Counted)
    return Counted


@pytest.mark.usefixtures("asking_anew")
async def test_given_up(counted: type[Counted]) -> None:
    """Lookups that were given up are ended by those that follow."""
    async with asking(dead=Zone(silent=True), name=Zone(a=(V4,))) as (resolver, _):
        for _ in range(3):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await resolver.addresses("dead.test.", IpFamily.ANY)
            await resolver.addresses("name.test.", IpFamily.IPV4)
        assert (counted.opened, counted.open_now) == (6, 1)

    assert counted.open_now == 0


@pytest.mark.usefixtures("asking_anew")
async def test_many_channels(counted: type[Counted]) -> None:
    """There is a bound to the channels that lookups wait for."""
    async with asking(name=Zone(silent=True)) as (resolver, _):
        lookups = [
            asyncio.create_task(resolver.addresses("name.test.", IpFamily.ANY))
            for _ in range(MAX_CHANNELS + 3)
        ]
        await asyncio.sleep(0)  # each of them is under way now
        assert counted.open_now == MAX_CHANNELS
        for lookup in lookups:
            lookup.cancel()
        await asyncio.gather(*lookups, return_exceptions=True)

    assert counted.open_now == 0


async def test_no_channel(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that gives no channel any more is the prober's own failure."""

    def refuse(*_: Any, **__: Any) -> None:
        raise pycares.AresError("out of everything")

    monkeypatch.setattr(pycares, "Channel", refuse)
    async with asking(name=Zone(a=(V4,))) as (resolver, _):
        found = await reason_of(resolver.addresses("name.test.", IpFamily.ANY))

    assert found is Reason.LOCAL_ERROR


async def test_closed_meanwhile() -> None:
    """Who waits for a resolver that is closed is told so."""
    async with asking(name=Zone(silent=True)) as (resolver, _):
        lookup = asyncio.create_task(resolver.addresses("name.test.", IpFamily.ANY))
        await asyncio.sleep(0)  # it is under way now
        await resolver.close()
        assert await reason_of(lookup) is Reason.SERVFAIL


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
        outcome = await probed(target("name.test.", module=module), resolver)

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
        outcome = await probed(target("name.test."), resolver)

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
            outcome = await probed(here, resolver)

    assert outcome.failure == Failure(Phase.CONNECT, Reason.REFUSED)
    assert 0.15 - 0.01 <= dns_seconds(outcome) < PATIENCE / 2
    assert outcome.resolved == ((Family.IPV4, 1),)


async def test_literal_target() -> None:
    """A literal is never looked up, and phase dns has no record."""
    async with asking() as (resolver, server):
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            here = target("127.0.0.1", bound.getsockname()[1])
            outcome = await probed(here, resolver)

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
        outcome = await probed(
            target("name.test.", port), Canned("127.0.0.1", "127.0.0.2")
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
        outcome = await probed(
            target("name.test.", port), Canned("127.0.0.2", "127.0.0.1")
        )

    assert outcome.success
    assert outcome.addresses_failed == 0


@on_linux
async def test_no_address_connects() -> None:
    """When no address connects, the last one's reason is the probe's."""
    with filtered_port() as port:
        in_order = Canned("127.0.0.1", "127.0.0.2")
        outcome = await probed(target("name.test.", port), in_order)
        reversed_order = Canned("127.0.0.2", "127.0.0.1")
        other = await probed(target("name.test.", port), reversed_order)

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
        outcome = await probed(
            target("name.test.", port, module), Canned("127.0.0.1", "127.0.0.2")
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
        outcome = await probed(target("name.test.", port, module), Canned("127.0.0.1"))

    assert outcome.failure == Failure(Phase.CONNECT, Reason.DEADLINE)
    assert 0.19 <= outcome.duration < PATIENCE / 2


@on_linux
async def test_address_of_its_own() -> None:
    """A target with an address is that address, and its host is not looked up."""
    async with one_of_two() as port, asking() as (resolver, server):
        here = replace(target("name.test.", port), address="127.0.0.2")
        outcome = await probed(here, resolver)

    assert outcome.success
    assert outcome.address == "127.0.0.2"
    assert outcome.record(Phase.DNS) is None
    assert outcome.resolved is None
    assert server.asked == []


@on_linux
async def test_address_of_its_own_refuses() -> None:
    """A target with an address has no other address to go to."""
    async with one_of_two() as port, asking() as (resolver, _):
        here = replace(target("name.test.", port), address="127.0.0.1")
        outcome = await probed(here, resolver)

    assert outcome.failure == Failure(Phase.CONNECT, Reason.REFUSED)
    assert outcome.addresses_failed == 1
