"""How many probes may run at once: over all, and towards one host; pure.

Holds names and counts, and refuses tasks: the caller asks for a place, starts whom
`admit` names and tells who left. A name takes a place of its host first, or waits in
its host's line; then a place of the whole, or waits in the common queue. A host at
its cap therefore never holds back another, and every step is O(1).
"""

from collections import OrderedDict
from dataclasses import dataclass, field


@dataclass(slots=True)
class _Host:
    taken: int = 0  # places, by names that are in the queue or in flight
    line: OrderedDict[str, None] = field(default_factory=OrderedDict)


class Places:
    """Two caps and the fair order before them: first come, first served in each."""

    def __init__(self, *, concurrency: int, per_host: int) -> None:
        """Raise ValueError for a cap that would let nobody in."""
        self._set_caps(concurrency, per_host)
        self._host_of: dict[str, str] = {}
        self._hosts: dict[str, _Host] = {}  # only hosts somebody asked for
        self._queue: OrderedDict[str, None] = OrderedDict()
        self._in_flight: set[str] = set()

    @property
    def in_flight(self) -> int:
        """Count the names that were admitted and have not left."""
        return len(self._in_flight)

    @property
    def waiting(self) -> int:
        """Count the names that have not been admitted yet."""
        return len(self._host_of) - len(self._in_flight)

    @property
    def ready(self) -> bool:
        """Tell whether `admit` would name somebody."""
        return bool(self._queue) and len(self._in_flight) < self._concurrency

    def ask(self, name: str, host: str) -> None:
        """Ask for a place towards a host; ValueError when the name already did."""
        if name in self._host_of:
            raise ValueError(f"{name!r} has asked already")
        self._host_of[name] = host
        self._hosts.setdefault(host, _Host()).line[name] = None
        self._promote(host)

    def admit(self) -> str | None:
        """Name the next that may start; None while all places are taken."""
        if not self.ready:
            return None
        name, _ = self._queue.popitem(last=False)
        self._in_flight.add(name)
        return name

    def leave(self, name: str) -> None:
        """Give up what the name has: its place, or its turn if it still waits."""
        host = self._host_of.pop(name)
        at_host = self._hosts[host]
        if name in at_host.line:
            del at_host.line[name]
            return
        self._queue.pop(name, None)
        self._in_flight.discard(name)
        at_host.taken -= 1
        self._promote(host)

    def resize(self, *, concurrency: int, per_host: int) -> None:
        """Set new caps; who is in flight stays, who waits asks again, in order."""
        self._set_caps(concurrency, per_host)
        lines = (name for at_host in self._hosts.values() for name in at_host.line)
        waiting = [(name, self._host_of[name]) for name in (*self._queue, *lines)]
        for name, _ in waiting:
            self.leave(name)
        for name, host in waiting:
            self.ask(name, host)

    def _set_caps(self, concurrency: int, per_host: int) -> None:
        if concurrency < 1 or per_host < 1:
            raise ValueError(f"caps {concurrency} and {per_host} let nobody in")
        self._concurrency = concurrency
        self._per_host = per_host

    def _promote(self, host: str) -> None:
        at_host = self._hosts[host]
        while at_host.line and at_host.taken < self._per_host:
            name, _ = at_host.line.popitem(last=False)
            at_host.taken += 1
            self._queue[name] = None
        if at_host.taken == 0:
            del self._hosts[host]  # nobody waits either: a place was free for them
