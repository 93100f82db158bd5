"""The places: caps that hold, an order that is fair, and nobody who is forgotten."""

from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
)

from exporter.schedule.places import Places


def places(*asked: str, concurrency: int = 100, per_host: int = 100) -> Places:
    """Make places asked for in this order; a name's first letter is its host."""
    made = Places(concurrency=concurrency, per_host=per_host)
    for name in asked:
        made.ask(name, name[0])
    return made


def admitted(made: Places) -> list[str]:
    """Admit all who may start."""
    return list(iter(made.admit, None))


def in_turn(made: Places) -> Iterator[str]:
    """Give who starts next, when each leaves before the next is asked for."""
    while (name := made.admit()) is not None:
        yield name
        made.leave(name)


def test_who_comes_first_starts_first() -> None:
    """With room for one, names start in the order in which they asked."""
    made = places("a1", "b1", "a2", "c1", concurrency=1)

    assert list(in_turn(made)) == ["a1", "b1", "a2", "c1"]


def test_no_more_run_than_the_cap_over_all() -> None:
    """Who asked after the cap was reached waits until somebody leaves."""
    made = places("a1", "b1", "c1", concurrency=2)

    assert admitted(made) == ["a1", "b1"]
    assert (made.in_flight, made.waiting, made.ready) == (2, 1, False)

    made.leave("b1")

    assert made.ready
    assert admitted(made) == ["c1"]
    assert (made.in_flight, made.waiting) == (2, 0)


def test_a_host_at_its_cap_does_not_hold_back_another() -> None:
    """Many names of one host leave the places of the whole to the other hosts."""
    made = places("a1", "a2", "a3", "a4", "b1", concurrency=3, per_host=2)

    assert admitted(made) == ["a1", "a2", "b1"]
    assert made.waiting == 2


def test_within_a_host_who_comes_first_starts_first() -> None:
    """The line of a host moves up in order, one for each that leaves."""
    made = places("a1", "a2", "a3", per_host=1)

    assert admitted(made) == ["a1"]
    made.leave("a1")
    assert admitted(made) == ["a2"]
    made.leave("a2")
    assert admitted(made) == ["a3"]


def test_a_crowded_host_takes_turns_with_the_others() -> None:
    """A host's line does not come before another host that asked later than it."""
    made = places("a1", "a2", "a3", "b1", "c1", concurrency=1, per_host=1)

    assert list(in_turn(made)) == ["a1", "b1", "c1", "a2", "a3"]


def test_who_waits_may_leave() -> None:
    """Leaving the line or the queue gives up the turn, and the next moves up."""
    made = places("a1", "a2", "a3", "a4", concurrency=1, per_host=2)
    assert admitted(made) == ["a1"]

    made.leave("a2")  # from the queue: a3 gets its place of the host
    made.leave("a4")  # from the line
    made.leave("a1")

    assert admitted(made) == ["a3"]
    assert (made.in_flight, made.waiting) == (1, 0)


def test_nobody_asks_twice() -> None:
    """A name that waits or runs cannot ask again."""
    made = places("a1")

    with pytest.raises(ValueError, match="'a1' has asked already"):
        made.ask("a1", "a")


@pytest.mark.parametrize("caps", [(0, 1), (1, 0), (-1, 1)])
def test_a_cap_that_lets_nobody_in_is_refused(caps: tuple[int, int]) -> None:
    """Caps start at one, at the start and later, and refused caps change nothing."""
    concurrency, per_host = caps
    with pytest.raises(ValueError, match="let nobody in"):
        Places(concurrency=concurrency, per_host=per_host)

    made = places("a1", "b1")
    with pytest.raises(ValueError, match="let nobody in"):
        made.resize(concurrency=concurrency, per_host=per_host)
    assert admitted(made) == ["a1", "b1"]


def test_a_higher_cap_lets_in_who_waits() -> None:
    """After a resize, both kinds of waiting end as far as the new caps allow."""
    made = places("a1", "a2", "a3", "b1", concurrency=1, per_host=1)
    assert admitted(made) == ["a1"]

    made.resize(concurrency=3, per_host=2)

    assert admitted(made) == ["b1", "a2"]
    assert made.waiting == 1


def test_a_lower_cap_binds_who_waits_too() -> None:
    """Names that had a place of their host but had not started get back in line."""
    made = places("a1", "a2", "a3", "b1", concurrency=1, per_host=3)
    assert admitted(made) == ["a1"]

    made.resize(concurrency=9, per_host=1)

    assert admitted(made) == ["b1"]
    assert made.waiting == 2
    made.leave("a1")
    assert admitted(made) == ["a2"]


class PlacesHoldTheirCaps(RuleBasedStateMachine):
    """Any history of asking, admitting, leaving and resizing keeps the promises."""

    def __init__(self) -> None:
        """Start with caps that are soon reached."""
        super().__init__()
        self.caps = Counter(all=3, host=2)
        self.places = Places(concurrency=3, per_host=2)
        self.asked = 0
        self.waiting: dict[str, str] = {}  # name -> host, in the order of asking
        self.in_flight: dict[str, str] = {}

    @rule(host=st.sampled_from("abc"))
    def ask(self, host: str) -> None:
        """One more name asks."""
        self.asked += 1
        name = f"{host}{self.asked}"
        self.places.ask(name, host)
        self.waiting[name] = host

    @rule()
    def admit(self) -> None:
        """The next starts: the first of its host, within both caps."""
        ready = self.places.ready
        name = self.places.admit()
        assert (name is not None) == ready
        if name is None:
            return
        host = self.waiting[name]
        assert name == next(n for n, h in self.waiting.items() if h == host)
        self.in_flight[name] = self.waiting.pop(name)
        assert len(self.in_flight) <= self.caps["all"]
        assert Counter(self.in_flight.values())[host] <= self.caps["host"]

    @precondition(lambda self: self.in_flight)
    @rule(choice=st.data())
    def end(self, choice: st.DataObject) -> None:
        """One that runs leaves."""
        name = choice.draw(st.sampled_from(sorted(self.in_flight)))
        del self.in_flight[name]
        self.places.leave(name)

    @precondition(lambda self: self.waiting)
    @rule(choice=st.data())
    def give_up(self, choice: st.DataObject) -> None:
        """One that waits leaves."""
        name = choice.draw(st.sampled_from(sorted(self.waiting)))
        del self.waiting[name]
        self.places.leave(name)

    @rule(concurrency=st.integers(1, 5), per_host=st.integers(1, 4))
    def resize(self, concurrency: int, per_host: int) -> None:
        """The caps change."""
        self.caps = Counter(all=concurrency, host=per_host)
        self.places.resize(concurrency=concurrency, per_host=per_host)

    @invariant()
    def counts_are_true(self) -> None:
        """The counts are those of the history."""
        assert self.places.in_flight == len(self.in_flight)
        assert self.places.waiting == len(self.waiting)

    @invariant()
    def nobody_waits_without_a_cause(self) -> None:
        """Who waits while nobody may start waits for a cap that is reached."""
        if self.places.ready or len(self.in_flight) >= self.caps["all"]:
            return
        running = Counter(self.in_flight.values())
        assert all(running[h] >= self.caps["host"] for h in self.waiting.values())

    def teardown(self) -> None:
        """Everybody who waits starts in the end, and no trace of anybody stays."""
        for name in self.in_flight:
            self.places.leave(name)
        assert sorted(in_turn(self.places)) == sorted(self.waiting)
        assert (self.places.in_flight, self.places.waiting) == (0, 0)
        assert not self.places._hosts


TestPlacesHoldTheirCaps = PlacesHoldTheirCaps.TestCase
