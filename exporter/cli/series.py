"""Session after session with one server, like ping: when to hold the next, when to end.

Holds the loop and its manners: one session at a time, never in a hurry, and fewer of
them for a server that asks for fewer. Refuses to print: what was seen is handed on.
"""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import NamedTuple

from exporter.config import Refusal
from exporter.config.address import is_loopback, is_unix, version
from exporter.config.duration import parse_duration, spell_duration
from exporter.outcome import Outcome
from exporter.targets import Target
from exporter.vocabulary import Reason

# Nobody learns more from a greeting twice a second, and the server's owner pays for it.
SHORTEST_INTERVAL = 1.0
# Postfix allows a client about one connection a second by its usual anvil limits, and
# many operators allow far less; below this a word of warning is due.
GENTLE_INTERVAL = 5.0
# A longer wait after a row of 421 than this would look like a program that hangs.
LONGEST_WAIT = 60.0
# After Ctrl-C a session may end with its QUIT; a good one takes less.
LAST_WORDS = 2.0
# A wait can be no longer than a day: it is a slip of the pen.
LONGEST_INTERVAL = 86400.0

HURRIED = (
    "less than {} between sessions is for servers of your own: others limit how often "
    "a client may connect, and may come to refuse this machine"
)


class Plan(NamedTuple):
    """How many sessions, and how far apart they start, in seconds; 0 is no end."""

    sessions: int
    interval: float


def planned(count: int, interval: str, target: Target) -> Plan:
    """Read the flags.

    Raises Refusal with a sentence that names the remedy.
    """
    if count < 0:
        raise Refusal(f"--count must be 0 (no end) or more, not {count}")
    try:
        seconds = parse_duration(interval)
    except ValueError:
        raise Refusal(
            f"--interval: {interval!a} is no duration; write one as 5s or 1m30s"
        ) from None
    if seconds < SHORTEST_INTERVAL and not is_here(target):
        raise Refusal(
            "--interval must be 1s or more for a server that is not on this machine: "
            "each session costs its owner a process; write --interval 1s"
        )
    if seconds > LONGEST_INTERVAL:
        raise Refusal("--interval must be a day (1d) or less")
    return Plan(count, seconds)


def warning(plan: Plan, target: Target) -> str:
    """Give a word of warning about a plan that is in a hurry; mostly empty."""
    if plan.sessions == 1 or plan.interval >= GENTLE_INTERVAL or is_here(target):
        return ""
    return HURRIED.format(spell_duration(GENTLE_INTERVAL))


def is_here(target: Target) -> bool:
    """Whether a target is on this machine, by the name it is given."""
    host = target.host.rstrip(".").lower()
    if version(host):
        return is_loopback(host)
    return host == "localhost" or is_unix(host)


class Pace:
    """How long to wait for the next session; 421 in a row make it longer."""

    def __init__(self, interval: float) -> None:
        """Start at the interval that was asked for."""
        self._interval = interval
        self._in_a_row = 0

    def after(self, outcome: Outcome) -> float:
        """Give the seconds from the start of this session to that of the next."""
        failure = outcome.failure
        busy = failure is not None and failure.reason is Reason.UNAVAILABLE
        self._in_a_row = self._in_a_row + 1 if busy else 0
        doublings = max(0, self._in_a_row - 1)  # the first may be a restart
        limit = max(self._interval, LONGEST_WAIT)
        return min(self._interval * 2.0 ** min(doublings, 16), limit)


async def hold(
    plan: Plan,
    session: Callable[[], Awaitable[Outcome]],
    told: Callable[[Outcome], object],
    stopping: asyncio.Event,
    *,
    now: Callable[[], float] = time.monotonic,
) -> None:
    """Hold the sessions, and tell each, until all were held or `stopping` is set.

    A session that runs then has a moment to say goodbye, or until `stopping` is set
    anew; one that does not use it is cut off and told of by nobody.
    """
    pace, held = Pace(plan.interval), 0
    while not stopping.is_set():
        start = now()
        outcome = await _unless(stopping, session())
        if outcome is None:
            return
        told(outcome)
        held += 1
        if held == plan.sessions:
            return
        await _wait(stopping, start + pace.after(outcome) - now())


async def _unless(
    stopping: asyncio.Event, session: Awaitable[Outcome]
) -> Outcome | None:
    running = asyncio.ensure_future(session)
    stop = asyncio.ensure_future(stopping.wait())
    try:
        await asyncio.wait({running, stop}, return_when=asyncio.FIRST_COMPLETED)
        if not running.done():
            stopping.clear()
            again = asyncio.ensure_future(stopping.wait())
            await asyncio.wait(
                {running, again},
                timeout=LAST_WORDS,
                return_when=asyncio.FIRST_COMPLETED,
            )
            again.cancel()
            stopping.set()
        return running.result() if running.done() else None
    finally:
        stop.cancel()
        running.cancel()
        await asyncio.wait({running})


async def _wait(stopping: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stopping.wait(), max(0.0, seconds))


def on_interrupt(stop: Callable[[], object]) -> None:
    """Have Ctrl-C and SIGTERM end a series instead of the program."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
