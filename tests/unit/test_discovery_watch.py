"""Names that are looked up again and again, on a loop whose time passes by itself."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace

from exporter.discovery.exchangers import ExchangerWatch, expand, unresolved
from exporter.discovery.watch import (
    GATHER_SECONDS,
    LOOKUP_SECONDS,
    LOOKUPS_AT_ONCE,
    REFRESH_SECONDS,
)
from exporter.smtp.exchange import Interrupted
from exporter.smtp.exchangers import MailExchangers, MailHost
from exporter.targets import MailDomain, Module, Target
from exporter.vocabulary import Reason
from tests.unit.test_schedule import FakeTimeLoop, now

MODULE = Module(name="mx")


def domain(name: str, *, interval: float = 600.0) -> MailDomain:
    """Make a mail domain that is probed rarely."""
    return MailDomain(domain=name, port=25, module=MODULE, interval=interval)


A, B, C = (domain(f"{name}.test") for name in "abc")


def found(*names: str) -> MailExchangers:
    """Make exchangers of these names, in this order."""
    return MailExchangers(tuple(MailHost(name, n) for n, name in enumerate(names)))


class World:
    """A watch, a DNS that says what it is told to say, and a record of all."""

    def __init__(self) -> None:
        """Know an exchanger for every domain."""
        self.says: dict[str, MailExchangers | Reason | Exception] = {}
        self.takes: dict[str, float] = {}
        self.asked: list[tuple[str, float]] = []
        self.under_way: Counter[str] = Counter()
        self.most_at_once = 0
        self.told: list[tuple[float, tuple[Target, ...]]] = []
        self.failures: list[tuple[str, Reason]] = []
        self.refuses_failures = False
        self.watch = ExchangerWatch(
            self, on_change=self.on_change, on_failure=self.on_failure
        )

    async def exchangers(self, domain: str) -> MailExchangers:
        """Say what there is to say, after the time that it takes."""
        self.asked.append((domain, now()))
        self.under_way[domain] += 1
        self.most_at_once = max(self.most_at_once, self.under_way.total())
        try:
            await asyncio.sleep(self.takes.get(domain, 0.0))
        finally:
            self.under_way[domain] -= 1
        said = self.says.get(domain, found(f"mx.{domain}"))
        if isinstance(said, Reason):
            raise Interrupted(said)
        if isinstance(said, Exception):
            raise said
        return said

    def on_change(self, targets: tuple[Target, ...]) -> None:
        """Keep what is told, and when."""
        self.told.append((now(), targets))

    def on_failure(self, domain: str, reason: Reason) -> None:
        """Keep the failure, or break."""
        self.failures.append((domain, reason))
        if self.refuses_failures:
            raise LookupError("no such counter")

    def watching(self, *domains: MailDomain) -> None:
        """Start to watch these."""
        self.watch.replace(domains)
        self.watch.start()

    def asked_for(self, domain: MailDomain) -> list[float]:
        """Give when a domain was asked for."""
        return [at for name, at in self.asked if name == domain.domain]

    @property
    def names(self) -> list[list[str]]:
        """Give the names of the targets each time that they were told."""
        return [[target.name for target in targets] for _, targets in self.told]


def lived(story: Callable[[World], Awaitable[None]]) -> Callable[[], None]:
    """Make a test of a story: it is lived in a world, on a loop of its own."""

    async def whole() -> None:
        world = World()
        try:
            await story(world)
        finally:
            await world.watch.stop()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert not world.under_way.total()

    def test() -> None:
        with asyncio.Runner(loop_factory=FakeTimeLoop) as runner:
            runner.run(whole())

    test.__doc__ = story.__doc__
    return test


async def gathered() -> None:
    """Let as much time pass as it takes to be told."""
    await asyncio.sleep(GATHER_SECONDS + 0.01)


async def refreshed() -> None:
    """Let as much time pass as it takes to be asked for again, and told."""
    await asyncio.sleep(REFRESH_SECONDS + GATHER_SECONDS + 0.01)


@lived
async def test_told(world: World) -> None:
    """The exchangers of all domains are told at once, in the domains' order."""
    world.watching(B, A)
    await gathered()

    assert world.names == [["b.test/mx.b.test:25", "a.test/mx.a.test:25"]]
    assert world.watch.targets == world.told[0][1]


@lived
async def test_asked_at_once(world: World) -> None:
    """A domain is asked for at once, and then as often as an answer may get old."""
    world.watching(A)
    await asyncio.sleep(2.5 * REFRESH_SECONDS)

    assert world.asked_for(A) == [0.0, REFRESH_SECONDS, 2 * REFRESH_SECONDS]


@lived
async def test_asked_as_often_as_probed(world: World) -> None:
    """A domain that is probed more often than that is asked for as often."""
    world.watching(domain("a.test", interval=10.0), replace(A, port=2525))
    await asyncio.sleep(25.0)

    assert world.asked_for(A) == [0.0, 10.0, 20.0]


@lived
async def test_shared_question(world: World) -> None:
    """Two entries of one domain are one lookup, and each has its targets."""
    world.watching(A, replace(A, port=2525), replace(A, domain="A.Test.", port=26))
    await gathered()

    assert len(world.asked) == 1
    assert world.names == [
        ["a.test/mx.a.test:25", "a.test/mx.a.test:2525", "A.Test./mx.a.test:26"]
    ]


@lived
async def test_same_again(world: World) -> None:
    """What is the same as before is not told again."""
    world.watching(A)
    await asyncio.sleep(5 * REFRESH_SECONDS)

    assert len(world.told) == 1


@lived
async def test_change(world: World) -> None:
    """An exchanger that is new is told, and one that is gone vanishes."""
    world.watching(A)
    await gathered()
    world.says["a.test"] = found("mx2.test", "mx3.test")
    await refreshed()

    assert world.names[1:] == [["a.test/mx2.test:25", "a.test/mx3.test:25"]]
    assert world.told[1][0] <= REFRESH_SECONDS + GATHER_SECONDS


@lived
async def test_failure_keeps(world: World) -> None:
    """A lookup that fails for now keeps the last answer, and is counted."""
    world.watching(A)
    await gathered()
    for reason in (Reason.SERVFAIL, Reason.TIMEOUT, Reason.LOCAL_ERROR):
        world.says["a.test"] = reason
        await refreshed()

    assert len(world.told) == 1
    assert world.failures == [
        ("a.test", Reason.SERVFAIL),
        ("a.test", Reason.TIMEOUT),
        ("a.test", Reason.LOCAL_ERROR),
    ]


@lived
async def test_failure_at_first(world: World) -> None:
    """Where no lookup ever succeeded, the domain stands for itself."""
    world.says["a.test"] = Reason.SERVFAIL
    world.watching(A, B)
    await gathered()

    assert world.told[0][1] == (unresolved(A), *expand(B, found("mx.b.test")))
    assert world.failures == [("a.test", Reason.SERVFAIL)]


@lived
async def test_failure_passes(world: World) -> None:
    """A domain that stood for itself gives way to its exchangers."""
    world.says["a.test"] = Reason.SERVFAIL
    world.watching(A)
    await gathered()
    del world.says["a.test"]
    await refreshed()

    assert world.names == [["a.test"], ["a.test/mx.a.test:25"]]


@lived
async def test_what_the_dns_says_for_good(world: World) -> None:
    """No such domain, null MX and no possible host replace the last answer."""
    world.watching(A, B, C)
    await gathered()
    world.says["a.test"] = Reason.NULL_MX
    world.says["b.test"] = Reason.NXDOMAIN
    world.says["c.test"] = Reason.NODATA
    await refreshed()

    assert world.names[1:] == [["a.test", "b.test", "c.test"]]
    assert world.failures == []


@lived
async def test_failure_behind_what_was_said_for_good(world: World) -> None:
    """A failure keeps also that there are no exchangers."""
    world.says["a.test"] = Reason.NULL_MX
    world.watching(A)
    await gathered()
    world.says["a.test"] = Reason.SERVFAIL
    await refreshed()

    assert world.names == [["a.test"]]
    assert world.failures == [("a.test", Reason.SERVFAIL)]


@lived
async def test_silence(world: World) -> None:
    """A lookup has so long, and then it is a timeout."""
    world.takes["a.test"] = 1e6
    world.watching(A)
    await asyncio.sleep(LOOKUP_SECONDS + GATHER_SECONDS + 0.01)

    assert world.failures == [("a.test", Reason.TIMEOUT)]
    assert world.names == [["a.test"]]


@lived
async def test_not_looked_up_yet(world: World) -> None:
    """What was not looked up yet is no target, and does not hold up the others."""
    world.takes["a.test"] = LOOKUP_SECONDS / 2
    world.watching(A, B)
    await asyncio.sleep(LOOKUP_SECONDS)

    assert world.names == [
        ["b.test/mx.b.test:25"],
        ["a.test/mx.a.test:25", "b.test/mx.b.test:25"],
    ]


@lived
async def test_gathered(world: World) -> None:
    """What is found in quick succession is told at once, and nothing waits long."""
    many = [domain(f"d{n}.test") for n in range(20)]
    world.takes = {one.domain: n / 10 for n, one in enumerate(many)}
    world.watching(*many)
    await asyncio.sleep(4.0)

    assert len(world.told) == 2
    assert len(world.told[-1][1]) == len(many)


@lived
async def test_bound(world: World) -> None:
    """There is a bound to the lookups at a time, and every domain has its turn."""
    many = [domain(f"d{n}.test") for n in range(3 * LOOKUPS_AT_ONCE)]
    world.takes = {one.domain: 1.0 for one in many}
    world.watching(*many)
    await asyncio.sleep(3.5)

    assert world.most_at_once == LOOKUPS_AT_ONCE
    assert len(world.asked) == len(many)


@lived
async def test_crash(world: World) -> None:
    """A bug in a lookup is counted, and the name is asked for again."""
    world.watching(A)
    await gathered()
    world.says["a.test"] = LookupError("a bug")
    await refreshed()
    world.says["a.test"] = found("mx2.test")
    await refreshed()

    assert world.failures == [("a.test", Reason.INTERNAL_ERROR)]
    assert world.names[-1] == ["a.test/mx2.test:25"]


@lived
async def test_observer_that_breaks(world: World) -> None:
    """An observer that raises is not the end of the lookups."""
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(
        lambda _, context: complaints.append(context["exception"])
    )
    world.refuses_failures = True
    world.says["a.test"] = Reason.SERVFAIL
    world.watching(A)
    await asyncio.sleep(2.5 * REFRESH_SECONDS)

    assert len(world.asked_for(A)) == 3
    assert [type(one) for one in complaints] == [LookupError] * 3


@lived
async def test_replace(world: World) -> None:
    """New domains are asked for at once, gone ones vanish, others keep their answer."""
    world.watching(A, B)
    await gathered()
    world.watch.replace([B, C])
    await gathered()

    assert world.names[1:] == [["b.test/mx.b.test:25", "c.test/mx.c.test:25"]]
    assert world.asked_for(B) == [0.0]
    assert len(world.asked_for(C)) == 1


@lived
async def test_replace_with_other_facts(world: World) -> None:
    """A domain with another module keeps its answer, and has new targets."""
    world.watching(A)
    await gathered()
    banner = replace(A, module=Module(name="banner"), labels=(("site", "fra"),))
    world.watch.replace([banner])
    await gathered()

    assert world.told[-1][1] == expand(banner, found("mx.a.test"))
    assert world.asked_for(A) == [0.0]


@lived
async def test_replace_with_nothing(world: World) -> None:
    """Without domains there are no targets, and nobody is asked any more."""
    world.watching(A)
    await gathered()
    world.watch.replace([])
    await refreshed()

    assert world.told[-1][1] == ()
    assert world.asked_for(A) == [0.0]


@lived
async def test_gone_while_it_is_asked_for(world: World) -> None:
    """The lookup of a domain that is gone is given up, and a new one may begin."""
    world.takes["a.test"] = 1.0
    world.watching(A)
    await asyncio.sleep(0.5)
    world.watch.replace([])
    await asyncio.sleep(0.1)
    world.watch.replace([A])
    await asyncio.sleep(3.0)

    assert world.asked_for(A) == [0.0, 0.6]
    assert world.names == [["a.test/mx.a.test:25"]]


@lived
async def test_forgotten(world: World) -> None:
    """A domain that comes back has no answer from before."""
    world.watching(A)
    await gathered()
    world.watch.replace([])
    await gathered()
    world.says["a.test"] = Reason.SERVFAIL
    world.watch.replace([A])
    await gathered()

    assert world.names == [["a.test/mx.a.test:25"], [], ["a.test"]]


@lived
async def test_stop(world: World) -> None:
    """Behind the stop nothing is asked and nothing is told."""
    world.takes["b.test"] = 2.0
    world.watching(A, B)
    await asyncio.sleep(0.5)
    await world.watch.stop()
    await refreshed()

    assert world.told == []
    assert len(world.asked) == 2


@lived
async def test_not_started(world: World) -> None:
    """Ahead of the start nobody is asked."""
    world.watch.replace([A])
    await refreshed()

    assert world.asked == []
    assert world.told == []
