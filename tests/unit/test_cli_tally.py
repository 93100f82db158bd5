"""What many sessions come to."""

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.cli.tally import KEPT_FIGURES, TOTAL, Figures, Tally
from tests.unit.outcomes import greeting_timeout, outcome, outcomes

SUMMARY = """\
3 sessions in 11 s: 2 succeeded, 1 failed
failed: greeting_timeout 1
closed: clean 2, aborted 1

ms              min    median       p95       max      of
dns             2.0       2.0       2.0       2.0       2
connect         0.5       0.5       0.5       0.5       3
greeting      250.0     250.0     250.0     250.0       2
ehlo            1.0       1.0       1.0       1.0       2
quit            1.5       1.5       1.5       1.5       2
close           0.2       0.2       0.2       0.2       2
total         500.0     500.0     500.0     500.0       2"""


def test_a_summary() -> None:
    """Sessions, failures, ends, and the figures of the phases that completed."""
    tally = Tally()
    for seen in (outcome(), greeting_timeout(), outcome()):
        tally.add(seen)

    assert "\n".join(tally.lines(11.4)) == SUMMARY
    assert (tally.sessions, tally.failed) == (3, 1)


def test_nothing_was_held() -> None:
    """A series that is left at once says so."""
    assert [*Tally().lines(0.1)] == ["0 sessions in 0 s: 0 succeeded, 0 failed"]


def test_one() -> None:
    """One session is not some sessions."""
    tally = Tally()
    tally.add(outcome())

    assert next(tally.lines(1.0)).startswith("1 session in 1 s: 1 succeeded")


@given(st.lists(st.floats(0, 1e6), min_size=1))
def test_figures(values: list[float]) -> None:
    """Least, median, p95 by nearest rank and most are those of the figures."""
    figures = Figures()
    for value in values:
        figures.add(value)
    ranked = sorted(values)

    assert (figures.least, figures.most) == (ranked[0], ranked[-1])
    assert figures.median == statistics.median(values)
    at_most = sum(value <= figures.p95 for value in values)
    below = sum(value < figures.p95 for value in values)
    assert below < 0.95 * len(values) <= at_most


def test_figures_are_bounded() -> None:
    """A series of days keeps the latest figures only, and tells so."""
    tally, seen = Tally(), outcome()
    for _ in range(KEPT_FIGURES + 1):
        tally.add(seen)

    figures = tally._figures[TOTAL]
    assert figures.count == KEPT_FIGURES + 1
    assert len(figures._latest) == KEPT_FIGURES
    assert [*tally.lines(1.0)][-1] == (
        f"median and p95 are those of the last {KEPT_FIGURES}"
    )


@given(st.lists(outcomes(), max_size=5))
def test_any_sessions(seen: list) -> None:  # type: ignore[type-arg]  # of Outcome, drawn
    """Whatever was seen is summed up in lines that fit a terminal."""
    tally = Tally()
    for one in seen:
        tally.add(one)
    lines = [*tally.lines(3.0)]

    assert tally.sessions == tally.closes.total() == len(seen)
    assert all(line.isprintable() for line in lines)


@pytest.mark.parametrize(("count", "rank"), [(1, 1), (19, 19), (20, 19), (100, 95)])
def test_p95(count: int, rank: int) -> None:
    """The nearest rank is rounded up."""
    figures = Figures()
    for value in range(1, count + 1):
        figures.add(float(value))

    assert figures.p95 == rank
