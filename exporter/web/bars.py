"""The phases of a session as bars: where each begins, and how long it is, in percent.

Holds figures for a drawing and refuses to draw: a template does. A phase's record says
how long it took; when it began is read from the transcript where we spoke first in it,
and else it began where the one before ended.
"""

from collections.abc import Iterator, Mapping
from math import floor, log10
from types import MappingProxyType
from typing import NamedTuple

from exporter.outcome import Outcome, PhaseRecord, Speaker
from exporter.vocabulary import Phase
from exporter.web.spans import took

# Thinner is not seen; what is drawn too wide for it is under a pixel on a phone.
MIN_WIDTH = 0.5
MAX_TICKS = 6
_STEPS = (0.2, 0.5, 1.0, 2.0)  # of the power of ten below the end
SHORTEST_AXIS = 1e-6  # seconds; no session is shorter

# Phases that belong together share a colour; each has its own word beside it.
KIND_OF: Mapping[Phase, str] = MappingProxyType(
    {
        Phase.DNS: "net",
        Phase.CONNECT: "net",
        Phase.TLS: "crypto",
        Phase.GREETING: "welcome",
        Phase.HOLD: "welcome",
        Phase.QUIT: "end",
        Phase.CLOSE: "end",
    }
)
TALK = "talk"  # of every other phase


class Bar(NamedTuple):
    """One phase; `x` and `width` are percent of the axis."""

    phase: Phase
    kind: str
    x: float
    width: float
    took: str
    completed: bool
    code: int | None
    status: str | None


class Tick(NamedTuple):
    """A mark on the axis."""

    x: float
    text: str


class Waterfall(NamedTuple):
    """The bars of a session, and the axis of time that they lie on."""

    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]


def waterfall(outcome: Outcome) -> Waterfall:
    """Lay the phases of a session on one axis, from the probe's start to its end."""
    spans = [*_spans(outcome)]
    end = max((start + record.seconds for record, start in spans), default=0.0)
    bars = tuple(_bar(record, start, end) for record, start in spans)
    return Waterfall(bars, tuple(_ticks(end)))


def shares(outcome: Outcome) -> tuple[Bar, ...]:
    """Lay the phases end to end over the whole width: what share each has."""
    records = [r for r in outcome.phases if r.phase is not Phase.CLOSE]
    end, start, bars = sum(record.seconds for record in records), 0.0, []
    for record in records:
        bars.append(_bar(record, start, end))
        start += record.seconds
    return tuple(bars)


def _spans(outcome: Outcome) -> Iterator[tuple[PhaseRecord, float]]:
    cursor, spoke = 0.0, _first_words(outcome)
    for record in outcome.phases:
        start = max(cursor, spoke.get(record.phase, cursor))
        yield record, start
        cursor = start + record.seconds


def _first_words(outcome: Outcome) -> dict[Phase, float]:
    said: dict[Phase, float] = {}
    for line in outcome.transcript:
        if line.speaker is Speaker.CLIENT:
            said.setdefault(line.phase, line.at)
    return said


def _bar(record: PhaseRecord, start: float, end: float) -> Bar:
    x, width = (100 * start / end, 100 * record.seconds / end) if end else (0.0, 0.0)
    width = max(width, MIN_WIDTH)
    return Bar(
        phase=record.phase,
        kind=KIND_OF.get(record.phase, TALK),
        x=round(min(x, 100 - width), 2),
        width=round(width, 2),
        took=took(record.seconds),
        completed=record.completed,
        code=record.code,
        status=record.status,
    )


def _ticks(end: float) -> Iterator[Tick]:
    """Mark the axis at round figures: 1, 2 or 5 of a power of ten."""
    if end < SHORTEST_AXIS:
        return
    power = 10.0 ** floor(log10(end))
    step = next(power * part for part in _STEPS if end / (power * part) < MAX_TICKS)
    for number in range(MAX_TICKS):
        at = number * step
        if at <= end:
            yield Tick(round(100 * at / end, 2), f"{at:g} s")
