"""The timetable: even, stable, exact, and no dearer per target when there are many."""

import dataclasses
import math
import sys
from collections import Counter
from collections.abc import Callable
from itertools import islice
from types import FrameType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.schedule.timetable import Slot, Timetable, ahead_of, offset
from exporter.targets import Module, Target

UNIX = 1_700_000_040.0  # a whole number of minutes
MX = Module(name="mx")


def target(name: str, interval: float = 60.0, host: str = "mx") -> Target:
    """Make a target of which only the name and the interval matter."""
    return Target(name=name, host=host, port=25, module=MX, interval=interval)


def targets(count: int) -> list[Target]:
    """Make as many targets as a provider would name."""
    return [target(f"mx{number}.example.com:25") for number in range(count)]


def timetable(*those: Target, now: float = 0.0) -> Timetable:
    """Make a timetable whose monotonic clock stood at zero on a whole minute."""
    made = Timetable(unix_at_zero=UNIX)
    made.replace(those, now)
    return made


def popped(table: Timetable, now: float) -> list[tuple[str, float, int]]:
    """Pop all that is due, in a form that is easily compared."""
    return [(s.target.name, s.due, s.missed) for s in table.pop_due(now)]


def close_to(seconds: float) -> float:
    """Allow for the precision that Unix time has as a float."""
    return pytest.approx(seconds, abs=1e-5)  # type: ignore[return-value]  # compares as one


# --- where a target's slots are


def test_the_offset_of_a_name_is_the_same_in_every_process() -> None:
    """The offset is the name's blake2b: `printf NAME | b2sum -l 64` gives the same."""
    assert offset("mx1.example.com:25", 1.0) == (0x5B2654B296CFE880 >> 11) / 2**53
    assert offset("mx1.example.com:25", 60.0) == 21.36321794133321


@given(st.text(), st.floats(min_value=0.001, max_value=1e6))
def test_every_name_has_an_offset_within_its_interval(
    name: str, interval: float
) -> None:
    """Any text is a name, and its offset is at least zero and below the interval."""
    assert 0 <= offset(name, interval) < interval


def test_a_name_of_half_a_character_has_an_offset() -> None:
    """A lone surrogate, which JSON can spell, is a name like any other."""
    assert 0 <= offset("\ud800", 60.0) < 60.0


def test_ten_thousand_targets_are_spread_evenly() -> None:
    """The fullest second of the minute holds less than 1.3 times the mean."""
    seconds = Counter(int(offset(t.name, t.interval)) for t in targets(10_000))

    assert len(seconds) == 60
    assert max(seconds.values()) < 1.3 * 10_000 / 60


def test_the_first_minute_is_as_even_as_any_other() -> None:
    """Every target's first slot is in its first interval, at its own offset."""
    table = timetable(*targets(500), now=17.0)

    due = {name: due for name, due, _ in popped(table, 17.0 + 60.0)}

    assert due == {
        t.name: close_to(place if place > 17.0 else place + 60.0)
        for t in targets(500)
        for place in [offset(t.name, 60.0)]
    }


def test_a_restart_keeps_the_slots() -> None:
    """Another process, with another monotonic zero, has the same due times in Unix."""
    before, after = Timetable(unix_at_zero=UNIX), Timetable(unix_at_zero=UNIX + 1234.5)

    before.replace([target("a")], 2000.0)
    after.replace([target("a")], 2000.0 - 1234.5)

    due_before, due_after = before.next_due(), after.next_due()
    assert due_before is not None
    assert due_after is not None
    assert due_before + UNIX == close_to(due_after + UNIX + 1234.5)


# --- what is due


def test_nothing_is_due_before_its_time() -> None:
    """A target is due at its due time, not a moment earlier."""
    table = timetable(target("a"))
    due = table.next_due()
    assert due is not None

    assert popped(table, math.nextafter(due, 0.0)) == []
    assert popped(table, due) == [("a", due, 0)]
    assert table.next_due() == close_to(due + 60.0)


def test_an_empty_timetable_is_never_due() -> None:
    """Without targets there is no next due time."""
    table = timetable()

    assert (table.next_due(), len(table), popped(table, 1e9)) == (None, 0, [])


def test_the_due_come_in_the_order_of_their_due_times() -> None:
    """Whatever the order of the targets, the earliest due time comes first."""
    due = [due for _, due, _ in popped(timetable(*targets(100)), 60.0)]

    assert len(due) == 100
    assert due == sorted(due)


def test_slots_gone_by_are_told_as_missed() -> None:
    """Of four slots gone by, the first is given and three are missed."""
    table = timetable(target("a"))
    first = offset("a", 60.0)

    assert popped(table, first + 3.5 * 60.0) == [("a", close_to(first), 3)]
    assert table.next_due() == close_to(first + 4 * 60.0)


def test_popping_may_be_left_off() -> None:
    """What was not taken is still due, and what was taken is not due again."""
    table = timetable(*targets(5))

    some = list(islice(table.pop_due(60.0), 2))
    rest = list(table.pop_due(60.0))

    assert [len(some), len(rest)] == [2, 3]
    assert {s.target.name for s in some + rest} == {t.name for t in targets(5)}


@given(
    interval=st.floats(min_value=0.01, max_value=1e5),
    start=st.floats(min_value=0, max_value=1e7),
    sleeps=st.lists(st.floats(min_value=0, max_value=1e6), max_size=20),
)
def test_every_slot_is_given_or_missed_once(
    interval: float, start: float, sleeps: list[float]
) -> None:
    """However late anybody asks, given plus missed slots are all there were."""
    table = timetable(target("a", interval), now=start)
    first = table.next_due()
    assert first is not None
    assert start < first <= start + interval + 1e-5
    now, slots = start, 0
    for sleep in sleeps:
        now += sleep
        for slot in table.pop_due(now):
            assert slot.due == close_to(first + slots * interval)
            slots += 1 + slot.missed

        upcoming = table.next_due()
        assert upcoming is not None
        assert upcoming > now
        assert upcoming == close_to(first + slots * interval)


# --- what starts together


def test_with_the_due_come_those_that_soon_are() -> None:
    """They come only beside one that is due, at their own slots, and once."""
    table = timetable(*targets(600))  # ten a second
    first = table.next_due()
    assert first is not None
    assert not list(table.pop_due(math.nextafter(first, 0.0), 5.0))

    some = popped_ahead(table, first, 5.0)
    upcoming = table.next_due()

    assert some == sorted(some)
    assert all(due <= first + 5.0 and missed == 0 for due, missed in some)
    assert upcoming is not None
    assert upcoming > first + 5.0
    rest = popped_ahead(table, first + 59.9, 0.0)
    assert len(some) + len(rest) == 600


def popped_ahead(table: Timetable, now: float, ahead: float) -> list[tuple[float, int]]:
    """Pop ahead, in a form that is easily compared."""
    return [(slot.due, slot.missed) for slot in table.pop_due(now, ahead)]


@given(
    interval=st.floats(min_value=0.01, max_value=1e5),
    sleeps=st.lists(st.floats(min_value=0, max_value=1e5), max_size=20),
)
def test_who_comes_early_loses_no_slot(interval: float, sleeps: list[float]) -> None:
    """However early it comes, the next slot is the very next one."""
    table = timetable(target("a", interval), target("b", interval))
    ahead, now = interval / 4, 0.0
    seen: dict[str, int] = {}
    for sleep in sleeps:
        now += sleep
        for slot in table.pop_due(now, ahead):
            place = offset(slot.target.name, interval)
            slots = seen.get(slot.target.name, 0)
            assert slot.due <= now + ahead
            assert slot.due + UNIX == pytest.approx(
                math.ceil((UNIX - place) / interval) * interval
                + place
                + slots * interval,
                abs=1e-3,
            )
            seen[slot.target.name] = slots + 1 + slot.missed


@pytest.mark.parametrize(
    ("count", "interval", "ahead"),
    [
        (0, 60.0, 0.0),
        (400, 60.0, 0.0),  # 7 a second: two within a quarter of one are chance
        (500, 10.0, 0.25),  # 12 at a time
        (10_000, 60.0, 0.096),
        (10_000, 5.0, 0.008),
        (10, 0.5, 0.125),
    ],
)
def test_how_far_ahead(count: int, interval: float, ahead: float) -> None:
    """As far as some sixteen start together, a quarter of a second at most."""
    those = [dataclasses.replace(t, interval=interval) for t in targets(count)]

    assert ahead_of(those) == pytest.approx(ahead)


# --- another set of targets


def test_a_target_that_did_not_change_keeps_its_due_time() -> None:
    """A replace with the same targets changes no due time, not even one gone by."""
    due = timetable(*targets(50)).next_due()
    table = timetable(*targets(50))

    table.replace(targets(50), 1.0)
    assert table.next_due() == due

    table.replace(targets(50), 61.0)
    assert table.next_due() == due


def test_a_replace_probes_nobody_twice_in_an_interval() -> None:
    """A target that was due is not due again because of a replace."""
    table = timetable(*targets(50))
    list(table.pop_due(30.0))

    table.replace(reversed(targets(50)), 30.0)
    again = [name for name, _, _ in popped(table, 60.0)]

    assert sorted(again) == sorted(
        t.name for t in targets(50) if offset(t.name, 60.0) > 30.0
    )


def test_a_target_that_went_and_came_back_keeps_its_slots() -> None:
    """Slots come from the name, so who went and came back is not probed early."""
    table = timetable(target("a"))
    due = table.next_due()
    assert due is not None
    list(table.pop_due(due))

    table.replace([], due + 1.0)
    table.replace([target("a")], due + 2.0)

    assert table.next_due() == close_to(due + 60.0)


def test_a_changed_interval_anchors_the_target_anew() -> None:
    """The first slot of the new interval after now is the next due time."""
    table = timetable(target("a", 60.0))

    table.replace([target("a", 3600.0)], 100.0)

    due = table.next_due()
    assert due is not None
    assert 100.0 < due <= 3700.0
    assert (due + UNIX) % 3600.0 == close_to(offset("a", 3600.0))


def test_a_change_of_anything_else_keeps_the_due_time() -> None:
    """What is popped later is the target as it then is, at its old due time."""
    table = timetable(target("a", host="old"))
    due = table.next_due()

    table.replace([target("a", host="new")], 0.5)

    assert list(table.pop_due(60.0)) == [Slot(target("a", host="new"), due or -1.0, 0)]


def test_targets_come_and_go() -> None:
    """Only the targets of the last replace are known, and only they come due."""
    table = timetable(target("stays"), target("goes"))

    table.replace([target("comes"), target("stays")], 0.0)

    assert {name for name, _, _ in popped(table, 60.0)} == {"comes", "stays"}
    assert table.targets == (target("comes"), target("stays"))
    assert (table.find("stays"), table.find("goes")) == (target("stays"), None)
    assert len(table) == 2


@pytest.mark.parametrize(
    ("refused", "why"),
    [
        ([target("new"), target("new")], "comes twice"),
        ([target("new"), target("b", 0.0)], "interval 0.0"),
        ([target("new"), target("b", -60.0)], "interval -60.0"),
        ([target("new"), target("b", math.inf)], "interval inf"),
        ([target("new"), target("b", math.nan)], "interval nan"),
    ],
)
def test_a_refused_replace_changes_nothing(refused: list[Target], why: str) -> None:
    """A name that comes twice or an impossible interval leaves all as it was."""
    table = timetable(target("a"))
    due = table.next_due()

    with pytest.raises(ValueError, match=why):
        table.replace(refused, 0.0)

    assert (table.targets, table.next_due()) == ((target("a"),), due)


# --- fifty thousand targets


def calls(of: Callable[[], object]) -> int:
    """Count the function calls, into Python and into C, that one call leads to."""
    count = 0

    def counted(_frame: FrameType, event: str, _arg: object) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(counted)
    try:
        of()
    finally:
        sys.setprofile(before)
    return count


class CountedName(str):
    """A name that counts how often it is compared with another."""

    __slots__ = ()
    compared = 0

    def __eq__(self, other: object) -> bool:
        """Compare, and count it."""
        type(self).compared += 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__


def test_a_replace_costs_the_same_per_target_whatever_their_number() -> None:
    """Twenty times the targets take twenty times the calls; comparisons are few."""

    def cost(count: int) -> tuple[float, float]:
        those = [
            dataclasses.replace(t, name=CountedName(t.name)) for t in targets(count)
        ]
        table = timetable(*those)
        CountedName.compared = 0
        spent = calls(lambda: table.replace(reversed(those), 1.0))
        return spent / count, CountedName.compared / count

    few, many = cost(2_500), cost(50_000)

    assert many[0] == pytest.approx(few[0], rel=0.1)
    assert many[1] <= 4


def test_popping_costs_the_same_per_target_whatever_their_number() -> None:
    """Twenty times the targets take twenty times the calls."""

    def cost(count: int) -> float:
        table = timetable(*targets(count))
        return calls(lambda: list(table.pop_due(60.0))) / count

    assert cost(50_000) == pytest.approx(cost(2_500), rel=0.1)


def test_a_replace_hashes_only_the_new(monkeypatch: pytest.MonkeyPatch) -> None:
    """One new target among many known ones is hashed, and the known ones are not."""
    table = timetable(*targets(1_000))
    hashed: list[str] = []

    def counted(name: str, _interval: float) -> float:
        hashed.append(name)
        return 0.0

    monkeypatch.setattr("exporter.schedule.timetable.offset", counted)
    table.replace([*targets(1_000), target("new")], 1.0)

    assert hashed == ["new"]
