"""The schedule at work: one timer wakes it, and it starts what is due as tasks.

Holds the tasks and the rules (one probe of a target at a time, every slot either
started or told of as skipped), and refuses to know what a probe is or what becomes of
its result. When is the timetable's business, how many at once that of the places. With
what is due it starts what is about to be (docs/decisions/0018).
"""

import asyncio
import contextvars
import time
from collections.abc import Awaitable, Callable, Iterable
from itertools import islice

from exporter.schedule.ending import end
from exporter.schedule.places import Places
from exporter.schedule.restraint import Restraint
from exporter.schedule.timetable import Slot, Timetable, ahead_of
from exporter.targets import Target
from exporter.vocabulary import Skip

_BATCH = 50  # starts in one turn of the loop: about 5 ms, then others have their turn
_SHORTEST_SLEEP = 0.001  # below, uvloop spins: its timers count milliseconds
_CANCEL_LIMIT = 5.0  # seconds that cancelled probes get to end their sessions


class Schedule:
    """Runs a probe of each target at each of its due times.

    The clocks are read, and the context that every probe starts in is taken, when the
    schedule is made. `replace` and `resize` need the running loop. The observers are
    called on the loop: `on_lag` with the seconds from due to start of each probe,
    `on_skip` with a cause and a number of slots, `on_crash` with whatever came out of
    `run` (which should let nothing out).
    """

    def __init__(
        self,
        run: Callable[[Target], Awaitable[object]],
        *,
        concurrency: int,
        per_host: int,
        on_lag: Callable[[float], object],
        on_skip: Callable[[Skip, int], object],
        on_crash: Callable[[Target, Exception], object],
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """Take the probe, the caps, the observers and the clocks; start nothing yet."""
        self._run = run
        self._on_lag = on_lag
        self._on_skip = on_skip
        self._on_crash = on_crash
        self._monotonic = monotonic
        self._timetable = Timetable(unix_at_zero=wall() - monotonic())
        self._places = Places(concurrency=concurrency, per_host=per_host)
        self._restraint = Restraint()
        self._waiting: dict[str, Slot] = {}  # by name, as is what is in flight
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._timer: asyncio.Handle | None = None
        self._context = contextvars.copy_context()  # not that of whoever reloads us
        self._ahead = 0.0  # seconds; how long before its slot a target may be probed
        self._taken_until = 0.0  # monotonic; no slot up to then is still to be given
        self._started = False
        self._stopped = False

    @property
    def started(self) -> bool:
        """Whether every target has its due time: after the first `replace`."""
        return self._started

    @property
    def targets(self) -> tuple[Target, ...]:
        """Give the targets as they now are."""
        return self._timetable.targets

    @property
    def in_flight(self) -> int:
        """Count the probes that run."""
        return self._places.in_flight

    @property
    def waiting(self) -> int:
        """Count the probes that are due and wait for a place."""
        return self._places.waiting

    def replace(self, targets: Iterable[Target]) -> None:
        """Probe these targets from now on, and no others.

        Who did not change keeps the due time. The running probe of a target that went
        ends by itself; a waiting one is dropped. Raises ValueError, with nothing
        changed, for targets that the timetable refuses.
        """
        # Who went and comes back may have been probed ahead, for a slot still to come.
        taken = max(self._monotonic(), self._taken_until)
        self._timetable.replace(targets, taken)
        self._ahead = ahead_of(self._timetable.targets)
        for name in self._restraint.names:
            if not self._timetable.find(name):
                self._restraint.welcome(name)
        for slot in list(self._waiting.values()):
            self._reconsider(slot)
        self._started = True
        self._arm()

    def told(self, target: Target, *, unavailable: bool) -> None:
        """Hear whether the target's server said 421, which has the next slots wait."""
        if unavailable:
            self._restraint.refused(target)
        else:
            self._restraint.welcome(target.name)

    def resize(self, *, concurrency: int, per_host: int) -> None:
        """Set new caps; running probes above a lower one are left to end."""
        self._places.resize(concurrency=concurrency, per_host=per_host)
        self._arm()

    async def stop(self, grace: float) -> int:
        """Start nothing more and end within `grace`, plus what cancelling takes.

        Probes that run may end within the grace; the rest are cancelled and counted
        in the answer. May be called again, also meanwhile: the shorter grace wins.
        """
        self._stopped = True
        self._disarm()
        for slot in list(self._waiting.values()):
            self._drop(slot)
        return await end(self._tasks.values(), grace=grace, cancelling=_CANCEL_LIMIT)

    def _tick(self) -> None:
        try:
            due = self._timetable.pop_due(self._monotonic(), self._ahead)
            for slot in islice(due, _BATCH):
                self._taken_until = slot.due  # the latest: they come in order
                self._judge(slot)
            for name in islice(iter(self._places.admit, None), _BATCH):
                self._start(name)
        finally:
            self._arm()  # an observer that raises must not be the end of all probes

    def _judge(self, slot: Slot) -> None:
        if slot.missed:
            self._on_skip(Skip.MISSED, slot.missed)
        if slot.target.name in self._tasks:
            self._on_skip(Skip.OVERRUN, 1)
        elif slot.target.name in self._waiting:
            self._on_skip(Skip.CAPPED, 1)
        elif self._restraint.skips(slot.target.name):
            self._on_skip(Skip.BACKOFF, 1)
        else:
            self._ask(slot)

    def _ask(self, slot: Slot) -> None:
        self._waiting[slot.target.name] = slot
        host = slot.target.host.lower().removesuffix(".")  # one host, however spelt
        self._places.ask(slot.target.name, host)

    def _drop(self, slot: Slot) -> None:
        del self._waiting[slot.target.name]
        self._places.leave(slot.target.name)

    def _reconsider(self, slot: Slot) -> None:
        target = self._timetable.find(slot.target.name)
        if target is None:
            self._drop(slot)
        elif target.host == slot.target.host:
            self._waiting[target.name] = slot._replace(target=target)
        else:
            self._drop(slot)
            self._ask(slot._replace(target=target))

    def _start(self, name: str) -> None:
        task = asyncio.create_task(self._carry(self._waiting.pop(name)))
        self._tasks[name] = task
        task.add_done_callback(lambda _: self._ended(name))

    async def _carry(self, slot: Slot) -> None:
        self._on_lag(max(0.0, self._monotonic() - slot.due))
        try:
            await self._run(slot.target)
        except Exception as error:  # noqa: BLE001 -- whatever it is, only this probe fails
            self._on_crash(slot.target, error)

    def _ended(self, name: str) -> None:
        del self._tasks[name]
        self._places.leave(name)
        if self._places.ready:
            self._arm()

    def _arm(self) -> None:
        self._disarm()
        if not self._stopped:
            self._timer = self._timer_for(self._sleep())

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _sleep(self) -> float | None:
        if self._places.ready:
            return 0.0
        due = self._timetable.next_due()
        return None if due is None else due - self._monotonic()

    def _timer_for(self, sleep: float | None) -> asyncio.Handle | None:
        if sleep is None:
            return None
        loop = asyncio.get_running_loop()
        if sleep <= 0:
            return loop.call_soon(self._tick, context=self._context)
        sleep = max(sleep, _SHORTEST_SLEEP)
        return loop.call_later(sleep, self._tick, context=self._context)
