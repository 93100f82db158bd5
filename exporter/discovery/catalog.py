"""The targets of all sources as one set in which no name comes twice; pure.

Where two sources name a target alike, the one that stands first in TargetSource has it:
what is written by hand goes before what was found. A target that was there before and
has not changed is the same object again, so that those behind can tell by a look.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from exporter.targets import Target
from exporter.vocabulary import TargetSource


class Chosen(NamedTuple):
    """The targets to probe, and the names of those left out for another's sake."""

    targets: tuple[Target, ...]
    doubles: tuple[str, ...]


class Catalog:
    """What each source names by now."""

    def __init__(self) -> None:
        """Start without targets."""
        self._by_source: dict[TargetSource, tuple[Target, ...]] = dict.fromkeys(
            TargetSource, ()
        )

    def put(self, source: TargetSource, targets: Iterable[Target]) -> None:
        """Take these targets in place of all that the source named before."""
        self._by_source[source] = tuple(targets)

    def all(self) -> Chosen:
        """Join the sources."""
        chosen: dict[str, Target] = {}
        doubles = tuple(
            target.name
            for targets in self._by_source.values()
            for target in targets
            if chosen.setdefault(target.name, target) is not target
        )
        return Chosen(tuple(chosen.values()), doubles)


def choose(
    targets: Iterable[Target],
    owns: Callable[[str], bool],
    before: Iterable[Target],
) -> tuple[Target, ...]:
    """Keep the targets whose names are ours; unchanged ones as they were before.

    Takes some seconds of CPU for 50,000 targets: not for the thread of the loop.
    """
    known = {target.name: target for target in before}
    return tuple(_as_before(target, known) for target in targets if owns(target.name))


def _as_before(target: Target, known: dict[str, Target]) -> Target:
    old = known.get(target.name)
    return old if old is not None and old == target else target
