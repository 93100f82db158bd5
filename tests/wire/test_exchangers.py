"""Mail domains and texts, asked of a DNS server that lives in the test."""

import asyncio
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import NamedTuple

import pytest

from exporter.demo.listener import ScriptedServer
from exporter.demo.script import EHL, GRT, QUI, script
from exporter.discovery.addresses import AddressWatch, Lookup
from exporter.discovery.exchangers import ExchangerWatch, unresolved
from exporter.outcome import Failure
from exporter.probe import resolve
from exporter.probe.resolve import Resolver
from exporter.smtp.exchangers import MailHost, implicit
from exporter.targets import MailDomain, Module, Target, Timeouts
from exporter.vocabulary import Addresses, Family, Phase, Quirk, Reason
from tests.nameserver import CNAME, MX, NXDOMAIN, REFUSED, SERVFAIL, TXT, A, Zone
from tests.scenarios import Port
from tests.wire.asking import asking, reason_of
from tests.wire.neighbours import served_beside

PATIENCE = 10.0  # no test gets near it unless something is broken
WELL = script(GRT, EHL, QUI)
LIMITS = Timeouts(dns=0.5, connect=0.5)
MODULE = Module(name="mx", timeouts=LIMITS)
ALIAS = frozenset({Quirk.MX_CNAME})

on_linux = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux has all of 127.0.0.0/8"
)


def domain(port: int = 25, module: Module = MODULE) -> MailDomain:
    """Make a mail domain."""
    return MailDomain(domain="mail.test", port=port, module=module, interval=60.0)


# --- exchangers


async def test_exchangers() -> None:
    """A domain's exchangers come by preference, and are asked for in one question."""
    mail = Zone(mx=((20, "b.test"), (10, "A.Test")))
    async with asking(mail=mail) as (resolver, server):
        found = await resolver.exchangers("mail.test")

    assert found.hosts == (MailHost("a.test", 10), MailHost("b.test", 20))
    assert [kind for name, kind in server.asked if name == "mail.test"] == [MX]


async def test_absolute() -> None:
    """A mail domain is asked for as it is; no search list is walked."""
    async with asking() as (resolver, server):
        assert await reason_of(resolver.exchangers("mail")) is Reason.NXDOMAIN

    assert server.asked == [("mail", MX)]


@pytest.mark.parametrize("spelling", ["mail.test", "mail.test.", "Mail.TEST"])
@pytest.mark.parametrize(
    "mail", [Zone(), Zone(a=("192.0.2.1",))], ids=["bare", "with an address"]
)
async def test_implicit(mail: Zone, spelling: str) -> None:
    """A domain that exists without MX is its own exchanger, address or no address."""
    async with asking(mail=mail) as (resolver, server):
        found = await resolver.exchangers(spelling)

    assert found == implicit("mail.test")
    assert server.asked == [("mail.test", MX)]


async def test_domain_that_is_an_alias() -> None:
    """A domain that is an alias has the exchangers of what it stands for."""
    mail = Zone(alias_of="real.test")
    async with asking(mail=mail, real=Zone(mx=((10, "a.test"),))) as (resolver, _):
        found = await resolver.exchangers("mail.test")

    assert found.hosts == (MailHost("a.test", 10),)


async def test_alias_of_a_domain_without_mx() -> None:
    """An alias of a name without MX is its own exchanger."""
    async with asking(mail=Zone(alias_of="real.test"), real=Zone()) as (resolver, _):
        assert await resolver.exchangers("mail.test") == implicit("mail.test")


@pytest.mark.parametrize(
    ("mail", "reason"),
    [
        (Zone(mx=((0, ""),)), Reason.NULL_MX),
        (Zone(mx=((0, "192.0.2.1"),)), Reason.NODATA),
        (Zone(rcode=NXDOMAIN), Reason.NXDOMAIN),
        (Zone(rcode=SERVFAIL), Reason.SERVFAIL),
        (Zone(rcode=REFUSED), Reason.SERVFAIL),
        (Zone(mx=((10, "a.test"),), garbled=True), Reason.SERVFAIL),
        (Zone(alias_of="mail.test"), Reason.SERVFAIL),
        (Zone(alias_of="gone.test"), Reason.NXDOMAIN),
    ],
)
async def test_no_exchangers(mail: Zone, reason: Reason) -> None:
    """A lookup without exchangers says why; only no records make the domain its own."""
    async with asking(mail=mail) as (resolver, _):
        assert await reason_of(resolver.exchangers("mail.test")) is reason


async def test_no_server() -> None:
    """A resolver that is not there is a failure, and no answer."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind(("127.0.0.1", 0))
        address = bound.getsockname()
    resolver = Resolver((address,))
    try:
        assert await reason_of(resolver.exchangers("mail.test")) is Reason.SERVFAIL
    finally:
        await resolver.close()


async def test_exchangers_over_tcp() -> None:
    """What does not fit into a datagram is asked for over TCP."""
    many = tuple((n, f"mx{n}.test") for n in range(50))
    async with asking(mail=Zone(mx=many, over_tcp=True)) as (resolver, _):
        found = await resolver.exchangers("mail.test")

    assert [(host.preference, host.name) for host in found.hosts] == [*many]


async def test_exchanger_that_is_an_alias() -> None:
    """An exchanger that is an alias has the quirk, and the others have not."""
    zones = {
        "mail": Zone(mx=((10, "a.test"), (20, "b.test"), (30, "gone.test"))),
        "a": Zone(a=("192.0.2.1",)),
        "b": Zone(alias_of="a.test"),
    }
    async with asking(**zones) as (resolver, _):
        found = await resolver.exchangers("mail.test")

    assert [host.quirks for host in found.hosts] == [frozenset(), ALIAS, frozenset()]


async def test_alias_that_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exchangers are not held up, nor made to fail, by who is an alias."""
    monkeypatch.setattr(resolve, "ALIAS_SECONDS", 0.2)
    zones = {
        "mail": Zone(mx=((10, "a.test"), (20, "b.test"), (30, "c.test"))),
        "a": Zone(alias_of="x.test"),
        "b": Zone(alias_of="x.test", silent_for=CNAME),
        "c": Zone(alias_of="x.test", fails_for=CNAME),
    }
    async with asking(**zones) as (resolver, _):
        found = await resolver.exchangers("mail.test")

    assert [host.quirks for host in found.hosts] == [ALIAS, frozenset(), frozenset()]


# --- texts


async def test_texts() -> None:
    """Each record is its strings, joined; octets are left as they are."""
    texts = ((b"v=STSv1; ", b"id=1"), (b"\xff\0",), (b"x" * 255, b"y" * 255))
    async with asking(name=Zone(txt=texts)) as (resolver, server):
        found = await resolver.texts("name.test")

    assert {*found} == {b"v=STSv1; id=1", b"\xff\0", b"x" * 255 + b"y" * 255}
    assert server.asked == [("name.test", TXT)]


async def test_texts_of_an_alias() -> None:
    """An alias has the texts of what it stands for."""
    zones = {"name": Zone(alias_of="real.test"), "real": Zone(txt=((b"x",),))}
    async with asking(**zones) as (resolver, _):
        assert await resolver.texts("name.test") == (b"x",)


@pytest.mark.parametrize(
    ("zone", "reason"),
    [
        (Zone(), Reason.NODATA),
        (Zone(rcode=NXDOMAIN), Reason.NXDOMAIN),
        (Zone(rcode=SERVFAIL), Reason.SERVFAIL),
        (Zone(alias_of="name.test"), Reason.SERVFAIL),
        (Zone(alias_of="empty.test"), Reason.NODATA),
    ],
)
async def test_no_texts(zone: Zone, reason: Reason) -> None:
    """A lookup without texts says why."""
    async with asking(name=zone, empty=Zone()) as (resolver, _):
        assert await reason_of(resolver.texts("name.test")) is reason


# --- probes


TWO = {
    "mail": Zone(mx=((20, "b.test"), (10, "a.test"))),
    "a": Zone(a=("127.0.0.1",)),
    "b": Zone(a=("127.0.0.2",)),
}


class Served(NamedTuple):
    """A port of 127.0.0.2 that is served, while 127.0.0.1 refuses it."""

    port: int
    server: ScriptedServer


@asynccontextmanager
async def one_of_two() -> AsyncIterator[Served]:
    """Serve it."""
    async with served_beside(WELL, "127.0.0.2", {"127.0.0.1": Port.CLOSED}) as server:
        yield Served(server.port, server)


async def test_domain_that_is_found_by_now() -> None:
    """The probe of a domain goes on with its first exchanger, once there is one."""
    zones = {
        "mail": Zone(mx=((20, "b.test"), (10, "a.test")), a=("127.0.0.9",), delay=0.1),
        "a": Zone(a=("127.0.0.1",), delay=0.1),
    }
    async with ScriptedServer(WELL) as server, asking(**zones) as asked:
        outcome = await asked.probe(unresolved(domain(server.port)))

    record = outcome.record(Phase.DNS)
    assert outcome.success
    assert outcome.address == "127.0.0.1"
    assert outcome.resolved == ((Family.IPV4, 1),)
    assert record is not None
    assert 0.19 <= record.seconds < PATIENCE / 2
    assert outcome.transcript[0].text == (
        "a.test is the first of mail.test's 2 exchangers"
    )
    assert outcome.transcript[1].text == "a.test is 127.0.0.1"


@pytest.mark.parametrize(
    ("mail", "reason", "said"),
    [
        (Zone(mx=((0, ""),)), Reason.NULL_MX, "mail.test"),
        (Zone(rcode=NXDOMAIN), Reason.NXDOMAIN, "mail.test"),
        (Zone(silent=True), Reason.TIMEOUT, "mail.test"),
        (Zone(mx=((10, "gone.test"),)), Reason.NXDOMAIN, "gone.test"),
        (Zone(mx=((10, "dead.test"),)), Reason.TIMEOUT, "dead.test"),
    ],
)
async def test_domain_without(mail: Zone, reason: Reason, said: str) -> None:
    """The probe of a domain fails in phase dns, within its limit, and says whose."""
    dead = Zone(silent=True)
    async with asking(mail=mail, dead=dead) as asked:
        started = time.monotonic()
        outcome = await asked.probe(unresolved(domain()))
        took = time.monotonic() - started

    assert outcome.failure == Failure(Phase.DNS, reason)
    assert outcome.record(Phase.CONNECT) is None
    assert outcome.transcript[-1].text == f"{said}: {reason.meaning}"
    assert took < PATIENCE / 2


# --- watches


class Told:
    """What a watch tells, each time when it does."""

    def __init__(self) -> None:
        """Be told nothing so far."""
        self._changes: asyncio.Queue[tuple[Target, ...]] = asyncio.Queue()
        self._failures: asyncio.Queue[tuple[object, Reason]] = asyncio.Queue()

    def on_change(self, targets: tuple[Target, ...]) -> None:
        """Keep all targets."""
        self._changes.put_nowait(targets)

    def on_failure(self, question: object, reason: Reason) -> None:
        """Keep one failure."""
        self._failures.put_nowait((question, reason))

    async def targets(self) -> tuple[Target, ...]:
        """Await the next change."""
        return await asyncio.wait_for(self._changes.get(), PATIENCE)

    async def names(self) -> list[str]:
        """Await the next change, for the names alone."""
        return [target.name for target in await self.targets()]

    async def failure(self) -> tuple[object, Reason]:
        """Await the next failure."""
        return await asyncio.wait_for(self._failures.get(), PATIENCE)

    @property
    def changed(self) -> bool:
        """Whether there is a change that nobody awaited."""
        return not self._changes.empty()


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    """Keep what is told, of a DNS that is asked anew each time."""
    monkeypatch.setattr(resolve, "FRESH_SECONDS", 0.0)
    return Told()


@asynccontextmanager
async def watching(
    resolver: Resolver, told: Told, *domains: MailDomain
) -> AsyncIterator[None]:
    """Watch mail domains, in quick succession."""
    watch = ExchangerWatch(
        resolver,
        on_change=told.on_change,
        on_failure=told.on_failure,
        refresh=0.02,
        gather=0.0,
    )
    watch.replace(domains)
    watch.start()
    try:
        yield
    finally:
        await watch.stop()


@on_linux
async def test_fan_out(told: Told) -> None:
    """Each exchanger of a domain has a result of its own (J27)."""
    async with one_of_two() as served, asking(**TWO) as asked:
        async with watching(asked.resolver, told, domain(served.port)):
            first, second = await told.targets()
        refused = await asked.probe(first)
        well = await asked.probe(second)

    assert first.name == f"mail.test/a.test:{served.port}"
    assert refused.failure == Failure(Phase.CONNECT, Reason.REFUSED)
    assert second.name == f"mail.test/b.test:{served.port}"
    assert well.success
    assert len(served.server.sessions) == 1


async def test_watch(told: Told) -> None:
    """The list follows the DNS, and a failure keeps it."""
    async with (
        asking(**TWO) as (resolver, server),
        watching(resolver, told, domain()),
    ):
        zones = server.zones
        assert await told.names() == ["mail.test/a.test:25", "mail.test/b.test:25"]

        zones["mail.test"] = Zone(mx=((10, "b.test"), (20, "c.test")))
        assert await told.names() == ["mail.test/b.test:25", "mail.test/c.test:25"]

        zones["mail.test"] = Zone(rcode=SERVFAIL)
        assert await told.failure() == ("mail.test", Reason.SERVFAIL)
        assert not told.changed

        zones["mail.test"] = Zone(mx=((0, ""),))
        assert await told.names() == ["mail.test"]

        zones["mail.test"] = Zone()
        assert await told.names() == ["mail.test/mail.test:25"]

        del zones["mail.test"]
        assert await told.names() == ["mail.test"]


async def test_addresses(told: Told) -> None:
    """A host with ten addresses is ten targets, and follows the DNS."""
    everywhere = Module(name="all", addresses=Addresses.ALL)
    host = Target(
        name="mx.test:25", host="mx.test.", port=25, module=everywhere, interval=60.0
    )
    mx = Zone(a=("192.0.2.2", "192.0.2.1"), aaaa=("2001:db8::1",))
    async with asking(mx=mx) as (resolver, server):
        watch = AddressWatch(
            resolver,
            on_change=told.on_change,
            on_failure=told.on_failure,
            refresh=0.02,
            gather=0.0,
        )
        watch.replace([host])
        watch.start()
        try:
            assert await told.names() == [
                "mx.test:25@192.0.2.1",
                "mx.test:25@192.0.2.2",
                "mx.test:25@2001:db8::1",
            ]

            server.zones["mx.test"] = Zone(a=("192.0.2.2",))
            only = replace(host, name="mx.test:25@192.0.2.2", address="192.0.2.2")
            assert await told.targets() == (only,)

            server.zones["mx.test"] = Zone(fails_for=A)
            question = Lookup("mx.test.", everywhere.ip_family)
            assert await told.failure() == (question, Reason.SERVFAIL)
            assert not told.changed

            server.zones["mx.test"] = Zone()
            assert await told.targets() == (host,)
        finally:
            await watch.stop()


@on_linux
async def test_each_address(told: Told) -> None:
    """Of two addresses, the one that refuses is told from the one that is well."""
    everywhere = replace(MODULE, addresses=Addresses.ALL)
    zone = Zone(a=("127.0.0.1", "127.0.0.2"))
    async with one_of_two() as served, asking(mx=zone) as asked:
        host = Target(
            name="mx", host="mx.test.", port=served.port, module=everywhere, interval=60
        )
        watch = AddressWatch(
            asked.resolver, on_change=told.on_change, on_failure=told.on_failure
        )
        watch.replace([host])
        watch.start()
        first, second = await told.targets()
        await watch.stop()
        refused = await asked.probe(first)
        well = await asked.probe(second)

    assert refused.failure == Failure(Phase.CONNECT, Reason.REFUSED)
    assert well.success
    assert well.address == second.address == "127.0.0.2"
