"""The last sessions of each target and, kept apart, its last failed ones.

Bounded by count for each target, and by octets over all: past the budget the oldest
sessions go first, whoever's they are. Holds outcomes as they came, and looks at no more
of them than their size and whether they failed: keeping one is on the path of every
probe. Not for more than one thread.
"""

from collections import OrderedDict
from collections.abc import Iterable
from sys import getsizeof
from typing import NamedTuple

from exporter.ledger import same_series
from exporter.outcome import Outcome
from exporter.targets import Target

# What an outcome takes beside its transcript: measured at 2.2 KB for plain SMTP, and
# at 3.6 KB with the facts of a certificate.
OUTCOME_OCTETS = 3600
# A line of the transcript beside its text: the tuple, its time, the reference to it.
LINE_OCTETS = 120


class Bounds(NamedTuple):
    """How much is kept."""

    sessions: int  # of each target
    failures: int  # of each target, of those that failed
    max_bytes: int  # of all targets


class Remembered(NamedTuple):
    """What is kept of one target, the newest first."""

    sessions: tuple[Outcome, ...] = ()
    failures: tuple[Outcome, ...] = ()


NOTHING = Remembered()


def octets_of(outcome: Outcome) -> int:
    """Estimate the memory that an outcome takes, in octets."""
    lines = outcome.transcript
    return (
        OUTCOME_OCTETS
        + LINE_OCTETS * len(lines)
        + sum([getsizeof(line.text) for line in lines])
    )


class _Entry:
    """One outcome that is kept, by one ring or by both."""

    __slots__ = ("holders", "name", "octets", "outcome")

    def __init__(self, name: str, outcome: Outcome) -> None:
        self.name = name
        self.outcome = outcome
        self.octets = octets_of(outcome)
        self.holders = 0


class _Rings:
    """A target's entries, the oldest first."""

    __slots__ = ("failures", "sessions", "target")

    def __init__(self, target: Target) -> None:
        self.target = target
        # Lists: a deque takes 760 octets when it is empty, and these are short.
        self.sessions: list[_Entry] = []
        self.failures: list[_Entry] = []


class History:
    """The rings of all targets, and their entries in the order in which they came."""

    def __init__(self, bounds: Bounds) -> None:
        """Keep nothing yet."""
        self.bounds = bounds
        self._rings: dict[str, _Rings] = {}
        self._entries: OrderedDict[_Entry, None] = OrderedDict()
        self.octets = 0  # of all entries, as estimated

    def open(self, targets: Iterable[Target]) -> None:
        """Make the rings those of `targets`, by the rule of the ledger's accounts."""
        old, self._rings = self._rings, {}
        for target in targets:
            rings = old.get(target.name)
            if rings is None or not same_series(rings.target, target):
                rings = _Rings(target)
            rings.target = target
            self._rings[target.name] = rings
        for name, rings in old.items():
            if self._rings.get(name) is not rings:
                self._shorten(rings.sessions, 0)
                self._shorten(rings.failures, 0)

    def resize(self, bounds: Bounds) -> None:
        """Go on with these bounds; what is over them goes at once."""
        self.bounds = bounds
        for rings in self._rings.values():
            self._shorten(rings.sessions, bounds.sessions)
            self._shorten(rings.failures, bounds.failures)
        self._keep_within_budget()

    def record(self, name: str, outcome: Outcome) -> None:
        """Keep an outcome of a target; of one that is not open, nothing is kept."""
        rings = self._rings.get(name)
        if rings is None:
            return
        entry = _Entry(name, outcome)
        self._entries[entry] = None
        self.octets += entry.octets
        entry.holders = 1  # ours, while the rings are asked
        self._add(rings.sessions, entry, self.bounds.sessions)
        if outcome.failure is not None:
            self._add(rings.failures, entry, self.bounds.failures)
        self._release(entry)
        if self.octets > self.bounds.max_bytes:
            self._keep_within_budget()

    def of(self, name: str) -> Remembered:
        """Give what is kept of a target; nothing of one that is not open."""
        rings = self._rings.get(name)
        if rings is None:
            return NOTHING
        return Remembered(_newest_first(rings.sessions), _newest_first(rings.failures))

    def last_failure(self, name: str) -> Outcome | None:
        """Give the newest failed session that is kept of a target."""
        rings = self._rings.get(name)
        return rings.failures[-1].outcome if rings and rings.failures else None

    def _add(self, ring: list[_Entry], entry: _Entry, most: int) -> None:
        ring.append(entry)
        entry.holders += 1
        self._shorten(ring, most)

    def _shorten(self, ring: list[_Entry], most: int) -> None:
        while len(ring) > most:
            self._release(ring.pop(0))

    def _release(self, entry: _Entry) -> None:
        entry.holders -= 1
        if not entry.holders:
            del self._entries[entry]
            self.octets -= entry.octets

    def _keep_within_budget(self) -> None:
        """Drop the oldest of all; it is also the first of the rings that hold it."""
        while self.octets > self.bounds.max_bytes:
            oldest, _ = self._entries.popitem(last=False)
            self.octets -= oldest.octets
            rings = self._rings[oldest.name]
            for ring in (rings.sessions, rings.failures):
                if ring and ring[0] is oldest:
                    ring.pop(0)


def _newest_first(ring: list[_Entry]) -> tuple[Outcome, ...]:
    return tuple(entry.outcome for entry in reversed(ring))
