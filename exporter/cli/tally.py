"""What many sessions come to: counts, and figures of each phase; pure and bounded."""

import math
import statistics
from collections import Counter, deque
from collections.abc import Iterable, Iterator

from exporter.outcome import Outcome
from exporter.vocabulary import Close, Phase

# Middle and p95 are of so many; a week of sessions every minute, in 80 kB a phase.
KEPT_FIGURES = 10_000
TOTAL = "total"  # stands behind the phases: to the answer to QUIT


class Figures:
    """Figures of one phase, in milliseconds; only the latest are kept."""

    def __init__(self) -> None:
        """Start with none."""
        self.count = 0
        self.least = float("inf")
        self.most = 0.0
        self._latest: deque[float] = deque(maxlen=KEPT_FIGURES)

    def add(self, milliseconds: float) -> None:
        """Take one more."""
        self.count += 1
        self.least = min(self.least, milliseconds)
        self.most = max(self.most, milliseconds)
        self._latest.append(milliseconds)

    @property
    def median(self) -> float:
        """Give the middle one of the latest."""
        return statistics.median(self._latest)

    @property
    def p95(self) -> float:
        """Give the least that 95 in 100 of the latest do not exceed (nearest rank)."""
        ranked = sorted(self._latest)
        return ranked[math.ceil(len(ranked) * 0.95) - 1]


class Tally:
    """Counts sessions by how they went."""

    def __init__(self) -> None:
        """Start with none."""
        self.sessions = 0
        self.failures: Counter[str] = Counter()
        self.closes: Counter[Close] = Counter()
        self._figures: dict[str, Figures] = {}

    def add(self, outcome: Outcome) -> None:
        """Take one session; a phase that did not complete has no latency."""
        self.sessions += 1
        self.closes[outcome.close] += 1
        if outcome.failure:
            self.failures[str(outcome.failure)] += 1
        for record in outcome.phases:
            if record.completed:
                self._of(record.phase).add(record.seconds * 1000)
        if outcome.success:
            self._of(TOTAL).add(outcome.duration * 1000)

    @property
    def failed(self) -> int:
        """Count the sessions that failed."""
        return self.failures.total()

    def _of(self, name: str) -> Figures:
        return self._figures.setdefault(name, Figures())

    def lines(self, seconds: float) -> Iterator[str]:
        """Sum up, after so many seconds."""
        good = self.sessions - self.failed
        plural = "" if self.sessions == 1 else "s"
        yield (
            f"{self.sessions} session{plural} in {seconds:.0f} s: "
            f"{good} succeeded, {self.failed} failed"
        )
        if self.failures:
            yield f"failed: {_counts(self.failures.most_common())}"
        if self.closes:
            yield f"closed: {_counts(self.closes.most_common())}"
        if self._figures:
            yield ""
            yield f"{'ms':<9} {'min':>9} {'median':>9} {'p95':>9} {'max':>9} {'of':>7}"
        for name in (*Phase, TOTAL):
            if figures := self._figures.get(name):
                yield _row(name, figures)
        if any(f.count > KEPT_FIGURES for f in self._figures.values()):
            yield f"median and p95 are those of the last {KEPT_FIGURES}"


def _counts(pairs: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{name} {count}" for name, count in pairs)


def _row(name: str, figures: Figures) -> str:
    told = (figures.least, figures.median, figures.p95, figures.most)
    return f"{name:<9} {' '.join(f'{x:9.1f}' for x in told)} {figures.count:7}"
