"""How long a server that says 421 is left alone; pure.

421 asks for fewer sessions. The first one changes nothing, since it may be a restart;
from the second in a row on, the pauses double: 1 slot is left out, then 3, then 7.
Never is a target left unwatched for longer than LONGEST_PAUSE because of it.
"""

from exporter.targets import Target

MOST_SLOTS = 7
# An operator waits for the recovery to be seen; two of Prometheus's 5 min look-backs.
LONGEST_PAUSE = 600.0


class Restraint:
    """Counts refusals in a row, and the slots that are left out for them."""

    def __init__(self) -> None:
        """Start with nobody refused."""
        self._in_a_row: dict[str, int] = {}
        self._to_skip: dict[str, int] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """Give whose servers said 421 at last."""
        return tuple(self._in_a_row)

    def refused(self, target: Target) -> None:
        """Note that the target's server said 421."""
        times = self._in_a_row.get(target.name, 0) + 1
        self._in_a_row[target.name] = times
        slots = min(2 ** (times - 1) - 1, MOST_SLOTS)
        in_time = int(LONGEST_PAUSE / target.interval) - 1
        self._to_skip[target.name] = max(0, min(slots, in_time))

    def welcome(self, name: str) -> None:
        """Note that the target's server did not say 421, or that the target is gone."""
        self._in_a_row.pop(name, None)
        self._to_skip.pop(name, None)

    def skips(self, name: str) -> bool:
        """Whether this slot is left out; each is asked for once."""
        left = self._to_skip.get(name, 0)
        if left:
            self._to_skip[name] = left - 1
        return left > 0
