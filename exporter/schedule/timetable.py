"""Which target is due when; pure.

Holds one heap of due times and refuses clocks, timers and tasks: `now` comes in as an
argument. A target's slots are the Unix times `k * interval + offset`, and the offset
comes from its name alone, so a restart keeps every slot and the load is even from the
first minute. Unix time is translated to the monotonic clock once, when the timetable
is made: a wall clock that steps later moves nothing.
"""

import heapq
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from itertools import count
from typing import NamedTuple

from exporter.targets import Target

_DIGEST_SIZE = 8
# The heap may hold this many entries for each target, those of gone ones included.
_MOST_STALE = 2
_FRACTION_BITS = 53  # of a float, so that the largest fraction stays below 1
# Probes that start together find code and data in the processor's caches, and cost up
# to half as much as one by one (decision 18); more together gain little.
_TOGETHER = 16
# Fewer than two that would ever start together are left at their times.
_FEWEST_TOGETHER = 2
_MOST_AHEAD = 0.25  # seconds; and no more than a quarter of the shortest interval


class Slot(NamedTuple):
    """A target that is due."""

    target: Target
    due: float  # monotonic
    missed: int  # whole slots that went by after this one


def offset(name: str, interval: float) -> float:
    """Give the target's place within every interval: from 0 up to, without, interval.

    Never by Python's own hash, which differs from one process to the next.
    """
    digest = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_SIZE)
    number = int.from_bytes(digest.digest(), "big")
    fraction = (number >> (8 * _DIGEST_SIZE - _FRACTION_BITS)) / (1 << _FRACTION_BITS)
    return fraction * interval


def ahead_of(targets: Iterable[Target]) -> float:
    """Give how many seconds before its slot a target may be probed.

    So many that about _TOGETHER start in one go; 0 where hardly two ever would.
    """
    intervals = [target.interval for target in targets]
    if not intervals:
        return 0.0
    rate = sum([1 / interval for interval in intervals])
    ahead = min(_TOGETHER / rate, _MOST_AHEAD, min(intervals) / 4)
    return ahead if rate * ahead >= _FEWEST_TOGETHER else 0.0


@dataclass(slots=True)
class _Row:
    target: Target
    offset: float
    slot: int  # the k of its next due time; the truth, the heap follows it


class Timetable:
    """The due times of a set of targets; every `now` and every due is monotonic."""

    def __init__(self, *, unix_at_zero: float) -> None:
        """Take the Unix time at which the monotonic clock stood at zero."""
        self._unix_at_zero = unix_at_zero
        self._rows: dict[str, _Row] = {}
        # Due times with a number each, no two alike: rows are never compared.
        self._heap: list[tuple[float, int, _Row]] = []
        self._number = count()

    def __len__(self) -> int:
        """Count the targets."""
        return len(self._rows)

    @property
    def targets(self) -> tuple[Target, ...]:
        """Give the targets, in the order in which they were given."""
        return tuple(row.target for row in self._rows.values())

    def find(self, name: str) -> Target | None:
        """Find the target of this name as it now is."""
        row = self._rows.get(name)
        return None if row is None else row.target

    def replace(self, targets: Iterable[Target], now: float) -> None:
        """Take these targets in place of all earlier ones.

        A target known by name and interval keeps its next due time, whatever else of
        it changed; any other gets its first slot after now. Raises ValueError, with
        nothing changed, for a name that comes twice or an interval that cannot pass.
        """
        known, rows, new = self._rows, {}, []
        for target in targets:
            name = target.name
            if name in rows:
                raise ValueError(f"target {name!r} comes twice")
            row = known.get(name)
            if row is None or row.target is not target:
                row = self._row(target, now)
                new.append((self._due(row), next(self._number), row))
            rows[name] = row
        self._rows = rows
        for entry in new:
            heapq.heappush(self._heap, entry)
        if len(self._heap) > _MOST_STALE * len(rows):
            self._heap = [e for e in self._heap if rows.get(e[2].target.name) is e[2]]
            heapq.heapify(self._heap)

    def pop_due(self, now: float, ahead: float = 0.0) -> Iterator[Slot]:
        """Yield each target that is due, moved on to its first slot after now.

        If any is, so are those that will be within `ahead` seconds. Of several slots
        gone by, the first is yielded (its lateness is the true one) and the rest are
        told as missed. May be left off at any point.
        """
        until = now
        while (due := self.next_due()) is not None and due <= until:
            until = now + ahead
            _, number, row = self._heap[0]
            slot, seen = row.slot, max(now, due)
            row.slot = self._first_after(seen, row.target.interval, row.offset)
            heapq.heapreplace(self._heap, (self._due(row), number, row))
            yield Slot(row.target, due, row.slot - slot - 1)

    def next_due(self) -> float | None:
        """Give the earliest due time; None without targets."""
        while self._heap:
            due, _, row = self._heap[0]
            if self._rows.get(row.target.name) is row:
                return due
            heapq.heappop(self._heap)  # its target is gone, or another one
        return None

    def _row(self, target: Target, now: float) -> _Row:
        known = self._rows.get(target.name)
        if known is not None and known.target.interval == target.interval:
            return _Row(target, known.offset, known.slot)
        if not 0 < target.interval < math.inf:
            raise ValueError(f"target {target.name!r}: interval {target.interval}")
        place = offset(target.name, target.interval)
        return _Row(target, place, self._first_after(now, target.interval, place))

    def _due(self, row: _Row) -> float:
        return row.slot * row.target.interval + row.offset - self._unix_at_zero

    def _first_after(self, now: float, interval: float, place: float) -> int:
        unix = now + self._unix_at_zero
        slot = math.floor((unix - place) / interval)
        while slot * interval + place - self._unix_at_zero <= now:  # once, or rounding
            slot += 1
        return slot
