"""What is remembered: by count, by octets, and no longer than its target is there."""

from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.history import NOTHING, Bounds, History, Remembered, octets_of
from exporter.outcome import Outcome, Said, Speaker
from exporter.targets import Target
from exporter.vocabulary import Phase
from tests.unit.outcomes import greeting_timeout, outcome, outcomes, target

A, B = target("a"), target("b", host="b")
PLENTY = 2**30
WELL = outcome()
FAILED = greeting_timeout()


def opened(*targets: Target, **bounds: int) -> History:
    """Give a history of these targets."""
    plain = {"sessions": 3, "failures": 2, "max_bytes": PLENTY}
    history = History(Bounds(**plain | bounds))
    history.open(targets)
    return history


def starts(kept: Iterable[Outcome]) -> list[float]:
    """Tell outcomes by when they started."""
    return [one.started_at for one in kept]


def talk(octets: int, at: float = 0.0) -> Outcome:
    """Give a success whose transcript has a line of this length."""
    said = Said(0.1, Phase.GREETING, Speaker.SERVER, "x" * octets)
    return outcome(transcript=(said,), started_at=at)


def test_the_newest_come_first() -> None:
    """The last few are kept, and what came before is not."""
    history = opened(A)
    for at in range(5):
        history.record("a", outcome(started_at=float(at)))

    assert starts(history.of("a").sessions) == [4.0, 3.0, 2.0]
    assert history.of("a").failures == ()
    assert history.last_failure("a") is None


def test_successes_do_not_drive_out_failures() -> None:
    """A failed session stays among the failed ones, however many succeed after it."""
    history = opened(A)
    history.record("a", FAILED)
    for _ in range(10):
        history.record("a", WELL)

    assert history.of("a") == Remembered((WELL,) * 3, (FAILED,))
    assert history.last_failure("a") is FAILED


def test_an_outcome_in_both_rings_counts_once() -> None:
    """What two rings hold is one object, and is counted until both have let it go."""
    history = opened(A, sessions=1)
    history.record("a", FAILED)
    assert history.octets == octets_of(FAILED)

    history.record("a", WELL)
    assert history.octets == octets_of(FAILED) + octets_of(WELL)
    assert history.of("a").failures[0] is FAILED


def test_the_oldest_of_all_goes_first() -> None:
    """Past the budget a target loses its oldest session to the newest of another."""
    size = octets_of(talk(1000))
    history = opened(A, B, max_bytes=3 * size)
    for at, name in enumerate("aabb"):
        history.record(name, talk(1000, float(at)))

    assert starts(history.of("a").sessions) == [1.0]
    assert starts(history.of("b").sessions) == [3.0, 2.0]
    assert history.octets == 3 * size


def test_a_session_larger_than_the_budget() -> None:
    """It is not kept, and takes everything else with it."""
    history = opened(A, max_bytes=8000)
    history.record("a", WELL)
    history.record("a", talk(9000))

    assert (history.of("a"), history.octets) == (NOTHING, 0)


def test_a_target_that_goes_is_forgotten() -> None:
    """Its sessions go with it, and do not come back with its name."""
    history = opened(A, B)
    history.record("a", FAILED)
    history.record("b", WELL)

    history.open([B])
    assert (history.of("a"), history.octets) == (NOTHING, octets_of(WELL))

    history.open([A, B])
    assert history.of("a") == NOTHING
    assert history.of("b").sessions == (WELL,)


def test_a_target_that_stays_is_remembered() -> None:
    """Another interval changes nothing; another label makes it another target."""
    history = opened(A)
    history.record("a", WELL)

    history.open([target("a", interval=5.0)])
    assert history.of("a").sessions == (WELL,)

    history.open([target("a", labels=(("site", "fra"),))])
    assert (history.of("a"), history.octets) == (NOTHING, 0)


def test_a_target_that_nobody_opened() -> None:
    """Nothing is kept of it."""
    history = opened(A)
    history.record("b", WELL)

    assert (history.of("b"), history.octets) == (NOTHING, 0)


def test_nothing_is_kept_where_nothing_is_asked_for() -> None:
    """Bounds of zero switch it off."""
    history = opened(A, sessions=0, failures=0)
    history.record("a", FAILED)

    assert (history.of("a"), history.octets) == (NOTHING, 0)


def test_smaller_bounds_hold_at_once() -> None:
    """After a reload, what is over the new bounds is gone without another probe."""
    history = opened(A, B)
    for at in range(3):
        history.record("a", replace(FAILED, started_at=float(at)))
        history.record("b", WELL)

    history.resize(Bounds(sessions=2, failures=1, max_bytes=PLENTY))
    assert starts(history.of("a").sessions) == [2.0, 1.0]
    assert starts(history.of("a").failures) == [2.0]

    history.resize(Bounds(sessions=2, failures=1, max_bytes=octets_of(WELL)))
    assert history.of("a") == NOTHING
    assert history.of("b").sessions == (WELL,)


_BOUNDS = st.builds(
    Bounds,
    sessions=st.integers(0, 4),
    failures=st.integers(0, 4),
    max_bytes=st.integers(0, 40_000),
)
_STEPS = st.lists(
    st.tuples(st.sampled_from("abc"), outcomes())
    | st.lists(st.sampled_from([A, B, target("a", port=26)]), max_size=2)
    | _BOUNDS,
    max_size=30,
)


@given(bounds=_BOUNDS, steps=_STEPS)
def test_never_above_its_bounds(bounds: Bounds, steps: list[object]) -> None:
    """Whatever comes in whichever order, counts and octets stay within their bounds."""
    history = History(bounds)
    history.open([A, B])
    for step in steps:
        if isinstance(step, Bounds):
            history.resize(bounds := step)
        elif isinstance(step, tuple):
            history.record(*step)
        elif isinstance(step, list):
            history.open(step)
        kept = [history.of(name) for name in "abc"]
        distinct = {id(o): o for both in kept for ring in both for o in ring}
        assert all(len(both.sessions) <= bounds.sessions for both in kept)
        assert all(len(both.failures) <= bounds.failures for both in kept)
        assert all(o.failure for both in kept for o in both.failures)
        assert history.octets <= bounds.max_bytes
        # The same object may have been recorded more than once.
        assert sum(map(octets_of, distinct.values())) <= history.octets


@pytest.mark.parametrize("made", [WELL, FAILED])
def test_the_estimate_grows_with_the_text(made: Outcome) -> None:
    """Each octet of a transcript counts, and a character that takes four counts so."""
    assert octets_of(talk(2000)) - octets_of(talk(1000)) == 1000
    wide = Said(0.1, Phase.GREETING, Speaker.SERVER, "\N{ENVELOPE}" * 1000)
    assert octets_of(outcome(transcript=(wide,))) > octets_of(talk(2000))
    assert octets_of(made) > 0
