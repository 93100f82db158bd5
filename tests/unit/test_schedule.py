"""The schedule at work, on a loop whose time passes only while everybody sleeps."""

import asyncio
import contextlib
import contextvars
import dataclasses
import math
import selectors
from collections import Counter
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any, Never

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.schedule import Schedule
from exporter.schedule.timetable import offset
from exporter.targets import Module, Target
from exporter.vocabulary import Skip

UNIX = 1_700_000_040.0  # a whole number of minutes; where the fake loop's time starts
MX = Module(name="mx")
FOREVER = 1e9


# --- a loop with a clock of its own


class Patience(selectors.BaseSelector):
    """A selector without files: waiting for them passes the time at once."""

    def __init__(self) -> None:
        """Start at zero."""
        self.now = 0.0

    def select(
        self, timeout: float | None = None
    ) -> list[tuple[selectors.SelectorKey, int]]:
        """Let the time pass; without a timer nothing would ever happen again."""
        assert timeout is not None, "everybody waits for somebody else"
        self.now += max(timeout, 0.0)
        return []

    def register(self, *_: object) -> Never:
        """Refuse files."""
        raise NotImplementedError

    def unregister(self, *_: object) -> Never:
        """Refuse files."""
        raise NotImplementedError

    def get_map(self) -> dict[Any, selectors.SelectorKey]:
        """Have no files."""
        return {}


class FakeTimeLoop(asyncio.SelectorEventLoop):
    """asyncio's own loop, without a socket to wake it and without real time."""

    def __init__(self) -> None:
        """Take the time from the selector."""
        self.patience = Patience()
        super().__init__(self.patience)

    def time(self) -> float:
        """Give the seconds that passed."""
        return self.patience.now

    def _make_self_pipe(self) -> None: ...
    def _close_self_pipe(self) -> None: ...
    def _write_to_self(self) -> None: ...


def stall(seconds: float) -> None:
    """Let time pass while nothing can run, as SIGSTOP does."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, FakeTimeLoop)
    loop.patience.now += seconds


def now() -> float:
    """Give the loop's time."""
    return asyncio.get_running_loop().time()


# --- what is scheduled, and what is seen of it


def target(
    name: str = "a", *, interval: float = 60.0, host: str | None = None
) -> Target:
    """Make a target on a host of its own unless one is named."""
    return Target(name=name, host=host or name, port=25, module=MX, interval=interval)


def targets(
    count: int, *, host: str | None = None, interval: float = 60.0
) -> list[Target]:
    """Make many targets."""
    return [
        target(f"mx{number}", host=host, interval=interval) for number in range(count)
    ]


class World:
    """A schedule, probes that sleep as long as they are told, and a record of all."""

    def __init__(self, *, concurrency: int = 100, per_host: int = 100) -> None:
        """Make the schedule on the running loop's time."""
        self.takes: dict[str, float] = {}  # seconds, by name; else a probe ends at once
        self.does: Callable[[Target], Awaitable[None]] = self.take_time
        self.wall_steps = 0.0
        self.refuses_skips = False
        self.clock_reads = 0
        self.started: list[tuple[str, float]] = []
        self.probed: list[Target] = []
        self.ended: list[str] = []
        self.cancelled: list[str] = []
        self.overlapped: list[str] = []
        self.running: Counter[str] = Counter()
        self.lags: list[float] = []
        self.skips: Counter[Skip] = Counter()
        self.crashes: list[tuple[str, Exception]] = []
        self.schedule = Schedule(
            self.probe,
            concurrency=concurrency,
            per_host=per_host,
            on_lag=self.lags.append,
            on_skip=self.on_skip,
            on_crash=lambda target, error: self.crashes.append((target.name, error)),
            monotonic=self.monotonic,
            wall=lambda: UNIX + now() + self.wall_steps,
        )

    def monotonic(self) -> float:
        """Read the clock, and count it."""
        self.clock_reads += 1
        return now()

    def on_skip(self, cause: Skip, slots: int) -> None:
        """Count what was left out, or break."""
        if self.refuses_skips:
            raise LookupError("no such counter")
        self.skips[cause] += slots

    async def probe(self, target: Target) -> None:
        """Keep the record while the probe does what it is told to do."""
        self.started.append((target.name, now()))
        self.probed.append(target)
        if self.running[target.name]:
            self.overlapped.append(target.name)
        self.running[target.name] += 1
        try:
            await self.does(target)
            self.ended.append(target.name)
        except asyncio.CancelledError:
            self.cancelled.append(target.name)
            raise
        finally:
            self.running[target.name] -= 1

    async def take_time(self, target: Target) -> None:
        """Take the time that the target's name takes."""
        await asyncio.sleep(self.takes.get(target.name, 0.0))

    def starts(self, name: str) -> list[float]:
        """Give when the probes of a target started."""
        return [at for who, at in self.started if who == name]

    @property
    def names(self) -> list[str]:
        """Give whose probes started, in order."""
        return [name for name, _ in self.started]


def lived(
    *, concurrency: int = 100, per_host: int = 100
) -> Callable[[Callable[[World], Awaitable[None]]], Callable[[], None]]:
    """Make a test of a story: it is lived in a world, on a loop of its own."""

    def as_test(story: Callable[[World], Awaitable[None]]) -> Callable[[], None]:
        async def whole() -> None:
            world = World(concurrency=concurrency, per_host=per_host)
            try:
                await story(world)
            finally:
                await world.schedule.stop(grace=0.0)
            assert not world.overlapped

        def test() -> None:
            with asyncio.Runner(loop_factory=FakeTimeLoop) as runner:
                runner.run(whole())

        test.__doc__ = story.__doc__
        return test

    return as_test


def on_time(*due: float) -> list[float]:
    """Allow for the two milliseconds that a timer may be late."""
    return pytest.approx(list(due), abs=0.002)  # type: ignore[return-value]  # compares as one


# --- when probes start


@lived()
async def test_each_target_is_probed_at_its_own_place_in_every_interval(
    world: World,
) -> None:
    """Due times are interval and offset in Unix time, from the first interval on."""
    world.schedule.replace([target("a"), target("b", interval=30.0)])
    await asyncio.sleep(119.9)

    a, b = offset("a", 60.0), offset("b", 30.0)
    assert world.starts("a") == on_time(a, a + 60)
    assert world.starts("b") == on_time(b, b + 30, b + 60, b + 90)
    assert world.lags == on_time(*[0.0] * 6)
    assert not world.skips


@lived()
async def test_many_targets_start_together_and_never_late(world: World) -> None:
    """A dozen start in one go, each a quarter of a second early at most, every time."""
    those = targets(500, interval=10.0)
    world.schedule.replace(those)
    await asyncio.sleep(100.0)

    moments = {moment for _, moment in world.started}
    assert len(world.started) == pytest.approx(5_000, abs=20)
    assert len(world.started) / len(moments) > 8
    for one in those:
        place = offset(one.name, 10.0)
        early = [(place - moment) % 10.0 for moment in world.starts(one.name)]
        assert all(0 <= by <= 0.2501 or by > 9.9999 for by in early)
    assert set(world.lags) == {0.0}
    assert not world.skips


@lived()
async def test_who_goes_and_comes_back_is_not_probed_twice(world: World) -> None:
    """A slot that was taken ahead is not given again when its target returns."""
    those = targets(500, interval=10.0)
    world.schedule.replace(those)
    for _ in range(1_000):
        await asyncio.sleep(0.02)
        _, moment = world.started[-1] if world.started else ("", -1.0)
        if now() - moment < 0.1:
            name, _ = world.started[-1]
            world.schedule.replace([t for t in those if t.name != name])
            world.schedule.replace(those)

    for one in those:
        assert all(b - a > 9.0 for a, b in pairwise(world.starts(one.name)))


@lived()
async def test_a_wall_clock_that_steps_moves_nothing(world: World) -> None:
    """Unix time is read once, when the schedule is made."""
    world.schedule.replace([target("a")])
    world.wall_steps = 12_345.0
    await asyncio.sleep(60.0)
    world.schedule.replace([target("a"), target("b")])
    await asyncio.sleep(60.0)

    a, b = offset("a", 60.0), offset("b", 60.0)
    assert world.starts("a") == on_time(a, a + 60.0)
    assert world.starts("b") == on_time(b + 60.0)


@lived()
async def test_a_schedule_without_targets_sleeps(world: World) -> None:
    """It is started all the same, and holds no timer until targets come."""
    assert not world.schedule.started

    world.schedule.replace([])
    await asyncio.sleep(3600.0)
    assert world.schedule.started
    assert world.schedule.targets == ()
    assert world.started == []

    world.schedule.replace([target("a")])
    await asyncio.sleep(60.0)
    assert world.schedule.targets == (target("a"),)
    assert world.names == ["a"]


@lived()
async def test_no_sleep_is_shorter_than_a_millisecond(world: World) -> None:
    """Who is due in a tenth of that is probed after it, in one wake and not in many."""
    stall(offset("a", 60.0) - 0.0001)
    world.schedule.replace([target("a")])
    await asyncio.sleep(1.0)

    assert world.lags == [pytest.approx(0.0009, abs=1e-5)]


@lived(concurrency=1)
async def test_lag_is_the_start_minus_the_due_time(world: World) -> None:
    """The wait for a place is part of the lag."""
    world.takes = dict.fromkeys(["a", "b"], 20.0)
    world.schedule.replace([target("a"), target("b")])
    early, late = sorted([offset("a", 60.0), offset("b", 60.0)])
    assert late - early < 20.0

    await asyncio.sleep(60.0)

    assert world.lags == on_time(0.0, early + 20.0 - late)


# --- what is skipped, and as what


@lived()
async def test_a_probe_that_overruns_skips_its_own_next_slots(world: World) -> None:
    """A target is never probed twice at once: slots during its probe are overrun."""
    world.takes["a"] = 150.0
    world.schedule.replace([target("a")])
    first = offset("a", 60.0)
    await asyncio.sleep(first + 181.0)

    assert world.starts("a") == on_time(first, first + 180.0)
    assert world.skips == {Skip.OVERRUN: 2}


@lived(per_host=1)
async def test_a_probe_that_waits_skips_its_own_next_slots(world: World) -> None:
    """Slots that come due while the previous one waits for a place are capped."""
    slow, waits = sorted(
        [target("a", host="x"), target("b", host="x")],
        key=lambda t: offset(t.name, 60.0),
    )
    world.takes[slow.name] = 200.0
    world.schedule.replace([slow, waits])
    first, second = offset(slow.name, 60.0), offset(waits.name, 60.0)
    await asyncio.sleep(first + 199.0)

    assert world.names == [slow.name]
    assert (world.schedule.in_flight, world.schedule.waiting) == (1, 1)
    capped = sum(second + 60.0 * k < first + 199.0 for k in (1, 2, 3))
    assert world.skips == {Skip.OVERRUN: 3, Skip.CAPPED: capped}

    await asyncio.sleep(2.0)

    assert world.starts(waits.name) == on_time(first + 200.0)
    assert world.lags[1] == pytest.approx(first + 200.0 - second, abs=0.002)


@lived()
async def test_a_stall_is_one_probe_and_the_rest_missed(world: World) -> None:
    """After five intervals without a turn, each target is probed once, late."""
    world.schedule.replace(targets(10))
    await asyncio.sleep(60.0)
    assert len(world.started) == 10

    stall(300.0)
    await asyncio.sleep(0.01)

    assert Counter(world.names) == dict.fromkeys((t.name for t in targets(10)), 2)
    assert world.skips == {Skip.MISSED: 40}
    assert max(world.lags) > 240.0
    assert sorted(world.lags[10:]) == on_time(
        *sorted(300.0 - offset(t.name, 60.0) for t in targets(10))
    )


@lived()
async def test_a_stall_during_a_probe_is_told_slot_by_slot(world: World) -> None:
    """Of the slots that went by in a stall, one finds the probe running."""
    world.takes["a"] = FOREVER
    world.schedule.replace([target("a")])
    await asyncio.sleep(60.0)

    stall(300.0)
    await asyncio.sleep(0.01)

    assert world.skips == {Skip.MISSED: 4, Skip.OVERRUN: 1}
    assert len(world.started) == 1


@given(
    takes=st.lists(st.floats(0.0, 200.0), min_size=1, max_size=8),
    stalls=st.lists(st.floats(0.0, 400.0), max_size=4),
    concurrency=st.integers(1, 4),
    per_host=st.integers(1, 3),
)
def test_every_slot_is_started_skipped_or_waiting(
    takes: list[float], stalls: list[float], concurrency: int, per_host: int
) -> None:
    """Whatever happens, no slot is lost and none is counted twice."""

    @lived(concurrency=concurrency, per_host=per_host)
    async def story(world: World) -> None:
        those = [target(f"mx{k}", host="xy"[k % 2]) for k in range(len(takes))]
        world.takes = {t.name: seconds for t, seconds in zip(those, takes, strict=True)}
        world.schedule.replace(those)
        for seconds in stalls:
            await asyncio.sleep(70.0)
            stall(seconds)
        await asyncio.sleep(100.0)

        told = len(world.started) + world.skips.total() + world.schedule.waiting
        gone_by = [(now() - offset(t.name, 60.0)) / 60.0 for t in those]
        assert told <= sum(1 + math.floor(slots) for slots in gone_by)
        assert told >= sum(1 + math.floor(slots - 1e-4) for slots in gone_by)
        assert len(world.lags) == len(world.started)
        assert world.schedule.in_flight == world.running.total()

    story()


# --- how many at once


@lived(concurrency=7)
async def test_the_cap_over_all_holds(world: World) -> None:
    """With every target due at once, no more run than there are places."""
    world.takes = {t.name: 1.0 for t in targets(20)}
    world.schedule.replace(targets(20, interval=3600.0))
    stall(3599.9)
    await asyncio.sleep(0.5)

    assert (world.schedule.in_flight, world.schedule.waiting) == (7, 13)
    await asyncio.sleep(1.0)
    assert (world.schedule.in_flight, world.schedule.waiting) == (7, 6)
    await asyncio.sleep(2.0)
    assert len(world.ended) == 20
    assert (world.schedule.in_flight, world.schedule.waiting) == (0, 0)


@lived(concurrency=10, per_host=2)
async def test_a_crowded_host_does_not_hold_back_another(world: World) -> None:
    """Many slow targets of one host, and the others are probed on time."""
    crowd = targets(50, host="crowded")
    world.takes = {t.name: FOREVER for t in crowd}
    others = [target(f"other{k}") for k in range(8)]
    world.schedule.replace([*crowd, *others])
    await asyncio.sleep(60.0)

    assert (world.schedule.in_flight, world.schedule.waiting) == (2, 48)
    assert set(world.names) >= {t.name for t in others}
    assert world.lags == on_time(*[0.0] * 10)


@lived(per_host=1)
async def test_within_a_host_the_first_due_starts_first(world: World) -> None:
    """The line of a host is served in the order of the due times."""
    those = targets(10, host="x")
    world.takes = {t.name: 10.0 for t in those}
    world.schedule.replace(those)
    await asyncio.sleep(102.0)

    in_order = sorted((t.name for t in those), key=lambda name: offset(name, 60.0))
    assert world.names[:10] == in_order


@lived(concurrency=1)
async def test_a_resize_takes_effect_at_once(world: World) -> None:
    """Higher caps start who waits; lower ones let who runs end."""
    world.takes = {t.name: 10.0 for t in targets(9)}
    world.schedule.replace(targets(9))
    stall(59.9)
    await asyncio.sleep(0.1)
    assert (world.schedule.in_flight, world.schedule.waiting) == (1, 8)

    world.schedule.resize(concurrency=5, per_host=1)
    await asyncio.sleep(0.1)
    assert (world.schedule.in_flight, world.schedule.waiting) == (5, 4)

    world.schedule.resize(concurrency=2, per_host=1)
    await asyncio.sleep(5.0)
    assert (world.schedule.in_flight, world.schedule.waiting) == (5, 4)
    await asyncio.sleep(5.0)
    assert (world.schedule.in_flight, world.schedule.waiting) == (2, 2)


@lived(concurrency=1000)
async def test_a_crowd_due_at_once_lets_others_have_their_turn(world: World) -> None:
    """No more than fifty probes start between two turns of anybody else."""
    world.schedule.replace(targets(500))
    stall(59.99)
    seen = []
    while len(world.started) < 500:
        seen.append(len(world.started))
        await asyncio.sleep(0)

    steps = [after - before for before, after in pairwise(seen)]
    assert max(steps) == 50
    assert now() < 60.0


# --- another set of targets


@lived()
async def test_a_replace_probes_nobody_twice_in_an_interval(world: World) -> None:
    """Reloads as often as you like: an unchanged target keeps its slots."""
    for _ in range(12):
        world.schedule.replace(targets(20))
        await asyncio.sleep(10.0)

    for known in targets(20):
        place = offset(known.name, 60.0)
        assert world.starts(known.name) == on_time(place, place + 60.0)


@lived()
async def test_many_replaces_leave_one_timer(world: World) -> None:
    """The schedule wakes as often after a hundred replaces as after one."""

    async def reads_in_an_hour() -> int:
        before = world.clock_reads
        await asyncio.sleep(3600.0)
        return world.clock_reads - before

    world.schedule.replace([target("a")])
    after_one = await reads_in_an_hour()
    for _ in range(100):
        world.schedule.replace([target("a")])

    assert await reads_in_an_hour() <= 100 + after_one + 5


@lived()
async def test_a_removed_target_ends_its_probe_and_has_no_other(world: World) -> None:
    """What runs runs on; there is no next time."""
    world.takes["a"] = 30.0
    world.schedule.replace([target("a"), target("b")])
    await asyncio.sleep(offset("a", 60.0) + 1.0)

    world.schedule.replace([target("b")])
    assert world.schedule.targets == (target("b"),)
    await asyncio.sleep(600.0)

    assert world.names.count("a") == 1
    assert world.ended.count("a") == 1
    assert not world.skips


@lived()
async def test_a_target_that_comes_back_does_not_meet_its_own_probe(
    world: World,
) -> None:
    """The old probe still counts as its own: the slot is overrun."""
    world.takes["a"] = 100.0
    world.schedule.replace([target("a")])
    await asyncio.sleep(offset("a", 60.0) + 1.0)

    world.schedule.replace([])
    world.schedule.replace([target("a")])
    await asyncio.sleep(60.0)

    assert len(world.started) == 1
    assert world.skips == {Skip.OVERRUN: 1}


@lived(per_host=1)
async def test_a_waiting_probe_of_a_removed_target_is_dropped(world: World) -> None:
    """It never starts, and its place in the line is the next one's."""
    those = sorted(targets(3, host="x"), key=lambda t: offset(t.name, 60.0))
    world.takes[those[0].name] = 70.0
    world.schedule.replace(those)
    await asyncio.sleep(60.0)
    assert world.schedule.waiting == 2

    world.schedule.replace([those[0], those[2]])
    assert world.schedule.waiting == 1
    await asyncio.sleep(600.0)

    assert world.names[:2] == [those[0].name, those[2].name]
    assert those[1].name not in world.names


@lived(per_host=1)
async def test_a_waiting_probe_starts_as_its_target_then_is(world: World) -> None:
    """A change that comes while it waits is not lost, not even of the host."""
    first, second, third = sorted(
        targets(3, host="x"), key=lambda t: offset(t.name, 60.0)
    )
    world.takes[first.name] = FOREVER
    world.schedule.replace([first, second, third])
    await asyncio.sleep(60.0)
    moved = dataclasses.replace(second, host="y")
    changed = dataclasses.replace(third, port=587)

    world.schedule.replace([first, moved, changed])
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert world.probed[1:] == [moved]

    world.schedule.resize(concurrency=100, per_host=2)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert world.probed[2:] == [changed]


@lived()
async def test_probes_do_not_inherit_the_context_of_a_reload(world: World) -> None:
    """What whoever reloads has bound to its own context stays there."""
    request = contextvars.ContextVar("request", default="none")
    seen: list[str] = []

    async def look(_: Target) -> None:
        seen.append(request.get())

    world.does = look
    request.set("a reload")
    world.schedule.replace([target("a")])
    await asyncio.sleep(60.0)
    stall(60.0)
    world.schedule.replace([target("a")])
    await asyncio.sleep(0.01)

    assert seen == ["none", "none"]


# --- when something breaks


@lived()
async def test_a_crash_is_told_and_stays_alone(world: World) -> None:
    """Whatever comes out of a probe, the others and its own next one go on."""
    broken = RuntimeError("a bug")

    async def crash(target: Target) -> None:
        if target.name == "a":
            raise broken

    world.does = crash
    world.schedule.replace([target("a"), target("b")])
    await asyncio.sleep(120.0)

    assert world.crashes == [("a", broken), ("a", broken)]
    assert Counter(world.names) == {"a": 2, "b": 2}
    assert world.schedule.in_flight == 0


@lived()
async def test_an_observer_that_raises_does_not_end_the_schedule(world: World) -> None:
    """The loop hears of it, and the next probes start."""
    heard: list[object] = []
    asyncio.get_running_loop().set_exception_handler(
        lambda _, context: heard.append(context.get("exception"))
    )

    world.refuses_skips = True
    world.schedule.replace([target("a")])
    stall(200.0)
    await asyncio.sleep(120.0)

    assert [type(error) for error in heard] == [LookupError]
    assert len(world.started) == 2


@lived()
async def test_a_probe_that_is_cancelled_elsewhere_frees_its_place(
    world: World,
) -> None:
    """The next slot of the same target starts as if nothing had been."""

    async def cancel(_: Target) -> None:
        raise asyncio.CancelledError

    world.does = cancel
    world.schedule.replace([target("a")])
    await asyncio.sleep(120.0)

    assert world.cancelled == ["a", "a"]
    assert world.schedule.in_flight == 0


# --- the end


@lived(per_host=1)
async def test_a_stop_lets_probes_end_within_the_grace(world: World) -> None:
    """It returns as soon as the last one ended, and nothing more starts."""
    those = targets(5, host="x")
    world.takes = {t.name: 3.0 for t in those}
    world.schedule.replace(those)
    stall(59.9)
    await asyncio.sleep(1.0)
    assert (world.schedule.in_flight, world.schedule.waiting) == (1, 4)
    at = now()

    assert await world.schedule.stop(grace=30.0) == 0

    assert now() - at == pytest.approx(2.0, abs=0.01)
    assert (world.schedule.in_flight, world.schedule.waiting) == (0, 0)
    assert len(world.ended) == 1
    world.schedule.replace(targets(5))
    world.schedule.resize(concurrency=9, per_host=9)
    await asyncio.sleep(600.0)
    assert len(world.started) == 1


@lived()
async def test_a_stop_cancels_who_does_not_end(world: World) -> None:
    """After the grace, what still runs is cancelled, awaited and counted."""
    world.takes = {"mx0": FOREVER, "mx1": FOREVER, "mx2": 1.0}
    world.schedule.replace(targets(3))
    stall(59.9)
    await asyncio.sleep(0.5)
    at = now()

    assert await world.schedule.stop(grace=10.0) == 2

    assert now() - at == pytest.approx(10.0, abs=0.01)
    assert sorted(world.cancelled) == ["mx0", "mx1"]
    assert world.ended == ["mx2"]
    assert world.schedule.in_flight == 0
    assert not world.crashes
    await asyncio.sleep(600.0)
    assert len(world.started) == 3


@lived()
async def test_a_stop_ends_even_when_a_probe_does_not(world: World) -> None:
    """A probe that shrugs off its cancellation holds the stop for five seconds."""
    let_go = asyncio.Event()

    async def shrug(_: Target) -> None:
        while not let_go.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(FOREVER)

    world.does = shrug
    world.schedule.replace([target("a")])
    await asyncio.sleep(60.0)
    at = now()

    assert await world.schedule.stop(grace=1.0) == 1

    assert now() - at == pytest.approx(6.0, abs=0.01)
    assert world.schedule.in_flight == 1
    let_go.set()


@pytest.mark.parametrize("grace", [0.0, -1.0])
def test_a_stop_without_grace_cancels_at_once(grace: float) -> None:
    """No time passes."""

    @lived()
    async def story(world: World) -> None:
        world.takes["a"] = FOREVER
        world.schedule.replace([target("a")])
        await asyncio.sleep(60.0)
        at = now()

        assert await world.schedule.stop(grace) == 1
        assert now() == at

    story()


@lived()
async def test_a_stop_may_come_twice(world: World) -> None:
    """A shorter one cuts a longer one short, and one afterwards finds nothing to do."""
    world.takes["a"] = FOREVER
    world.schedule.replace([target("a")])
    await asyncio.sleep(60.0)
    at = now()

    patient = asyncio.create_task(world.schedule.stop(grace=30.0))
    await asyncio.sleep(1.0)
    hasty = await world.schedule.stop(grace=2.0)

    assert (await patient, hasty) == (0, 1)
    assert now() - at == pytest.approx(3.0, abs=0.01)
    assert await world.schedule.stop(grace=30.0) == 0
    assert now() - at == pytest.approx(3.0, abs=0.01)


@lived()
async def test_a_schedule_that_never_started_stops(world: World) -> None:
    """There is nothing to wait for."""

    assert await world.schedule.stop(grace=30.0) == 0
    assert now() == 0.0


# --- restraint towards servers that say 421


@lived()
async def test_421_in_a_row_makes_the_pauses_longer(world: World) -> None:
    """After the second 421 in a row one slot is left out, then three, then seven."""
    a = target("a")
    world.schedule.replace([a])
    await asyncio.sleep(offset("a", 60.0) + 1.0)
    for pause in (0, 1, 3, 7, 7):
        world.schedule.told(a, unavailable=True)
        before = len(world.starts("a"))
        await asyncio.sleep(60.0 * pause)
        assert len(world.starts("a")) == before
        await asyncio.sleep(60.0)
        assert len(world.starts("a")) == before + 1

    assert world.skips == {Skip.BACKOFF: 1 + 3 + 7 + 7}


@lived()
async def test_a_welcome_ends_the_pauses(world: World) -> None:
    """Any other answer than 421 brings the usual interval back."""
    a = target("a")
    world.schedule.replace([a])
    world.schedule.told(a, unavailable=True)
    world.schedule.told(a, unavailable=True)
    world.schedule.told(a, unavailable=False)
    await asyncio.sleep(120.0)

    assert len(world.starts("a")) == 2
    assert not world.skips


@lived()
async def test_a_target_that_comes_back_is_not_left_alone(world: World) -> None:
    """What a server said is forgotten with its target."""
    a = target("a")
    world.schedule.replace([a])
    world.schedule.told(a, unavailable=True)
    world.schedule.told(a, unavailable=True)
    world.schedule.replace([])
    world.schedule.replace([a])
    await asyncio.sleep(60.0)

    assert len(world.starts("a")) == 1


@lived()
async def test_no_pause_hides_a_target_for_long(world: World) -> None:
    """A target of a long interval is never left out because of 421."""
    rare = target("rare", interval=400.0)
    world.schedule.replace([rare])
    for _ in range(5):
        world.schedule.told(rare, unavailable=True)
    await asyncio.sleep(1200.0)

    assert len(world.starts("rare")) == 3
