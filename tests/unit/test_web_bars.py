"""Bars: where each phase lies on the axis, and nothing outside of it."""

from hypothesis import given

from exporter.outcome import Outcome, PhaseRecord, Said, Speaker
from exporter.vocabulary import Phase
from exporter.web.bars import MAX_TICKS, Bar, shares, waterfall
from tests.unit.outcomes import outcome, outcomes


def spans(bars: tuple[Bar, ...]) -> list[tuple[str, float, float]]:
    """Give the phases with their places."""
    return [(str(bar.phase), bar.x, bar.width) for bar in bars]


CONNECT = PhaseRecord(Phase.CONNECT, 1.0, completed=True)
GREETING = PhaseRecord(Phase.GREETING, 2.0, completed=True, code=220)
QUIT = PhaseRecord(Phase.QUIT, 1.0, completed=True, code=221, status="2.0.0")
CLOSE = PhaseRecord(Phase.CLOSE, 3.0, completed=True)
QUIT_SAID = Said(6.0, Phase.QUIT, Speaker.CLIENT, "QUIT")
SESSION = outcome(
    phases=(CONNECT, GREETING, QUIT, CLOSE),
    transcript=(QUIT_SAID,),
    offer=None,
    resolved=None,
)


def test_waterfall() -> None:
    """A phase begins where the last one ended, or where we first spoke in it."""
    drawn = waterfall(SESSION)
    assert spans(drawn.bars) == [
        ("connect", 0.0, 10.0),
        ("greeting", 10.0, 20.0),
        ("quit", 60.0, 10.0),
        ("close", 70.0, 30.0),
    ]
    assert [tick.text for tick in drawn.ticks] == [
        "0 s",
        "2 s",
        "4 s",
        "6 s",
        "8 s",
        "10 s",
    ]
    assert [tick.x for tick in drawn.ticks] == [0, 20, 40, 60, 80, 100]


def test_shares() -> None:
    """In a row, phases lie end to end, and the wait for the close is not latency."""
    assert spans(shares(SESSION)) == [
        ("connect", 0.0, 25.0),
        ("greeting", 25.0, 50.0),
        ("quit", 75.0, 25.0),
    ]


def test_what_a_bar_tells() -> None:
    """It has the reply's code and status, and how long it took in words."""
    quit_bar = waterfall(SESSION).bars[2]
    assert (quit_bar.code, quit_bar.status, quit_bar.took) == (221, "2.0.0", "1.00 s")
    assert [bar.kind for bar in waterfall(SESSION).bars] == [
        *("net", "welcome", "end", "end")
    ]


@given(outcomes())
def test_any_session(seen: Outcome) -> None:
    """Every bar and tick lies within the axis, and each phase has one bar."""
    drawn = waterfall(seen)
    assert [bar.phase for bar in drawn.bars] == [r.phase for r in seen.phases]
    for bar in (*drawn.bars, *shares(seen)):
        assert 0 <= bar.x <= 100
        assert 0 < bar.width <= 100
        assert bar.x + bar.width <= 100.02
    assert len(drawn.ticks) <= MAX_TICKS
    assert all(0 <= tick.x <= 100 for tick in drawn.ticks)
