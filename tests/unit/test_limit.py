"""How waits end: by what they wait for, or at their limit."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from exporter.probe.limit import Alarm, Limit, settle
from exporter.vocabulary import Reason

LONG = 60.0


def within(seconds: float) -> Limit:
    """Limit a wait from now on."""
    return Limit(time.monotonic() + seconds, Reason.TIMEOUT)


class Timers:
    """A loop of which it is known how often a timer was set."""

    def __init__(self) -> None:
        """Start with none."""
        self.loop = asyncio.get_running_loop()
        self.seconds: list[float] = []

    def call_later(self, seconds: float, *call: object) -> asyncio.TimerHandle:
        """Set one."""
        self.seconds.append(seconds)
        return self.loop.call_later(seconds, *call)  # type: ignore[arg-type]  # handed on


@pytest.fixture
async def timers() -> Timers:
    """Watch the running loop."""
    return Timers()


@pytest.fixture
async def alarm(timers: Timers) -> AsyncIterator[Alarm]:
    """Make an alarm, and switch it off at the end."""
    made = Alarm(timers)  # type: ignore[arg-type]  # all that it needs of a loop
    yield made
    made.off()


def waiter(*, told: bool = False) -> "asyncio.Future[bool]":
    """Make something to wait for, which happens in the loop's next turn or never."""
    loop = asyncio.get_running_loop()
    made: asyncio.Future[bool] = loop.create_future()
    if told:
        loop.call_soon(settle, made, True)
    return made


async def test_what_happens(alarm: Alarm) -> None:
    """A wait ends with what it waits for."""
    assert await alarm.until(waiter(told=True), within(LONG))


@pytest.mark.parametrize("seconds", [0.01, 0.0, -5.0])
async def test_what_does_not(alarm: Alarm, seconds: float) -> None:
    """A wait ends at its limit, also when that is over."""
    assert not await alarm.until(waiter(), within(seconds))


async def test_one_timer_serves_many_waits(alarm: Alarm, timers: Timers) -> None:
    """A later limit needs no timer of its own, an earlier one does."""
    for seconds in (LONG, LONG + 1, LONG + 2, LONG / 2):
        await alarm.until(waiter(told=True), within(seconds))

    assert timers.seconds == pytest.approx([LONG, LONG / 2], abs=1)


async def test_a_later_wait_is_not_cut_short(alarm: Alarm) -> None:
    """The timer of a wait that ended does not end the next one."""
    await alarm.until(waiter(told=True), within(0.01))
    began = time.monotonic()

    assert not await alarm.until(waiter(), within(0.1))
    assert time.monotonic() - began >= 0.1


async def test_a_wait_behind_the_ringing(alarm: Alarm) -> None:
    """An alarm that rang while nobody waited is set anew."""
    await alarm.until(waiter(told=True), within(0.001))
    ringing: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_later(0.02, settle, ringing, True)
    await ringing

    assert not await alarm.until(waiter(), within(0.01))


async def test_off(alarm: Alarm) -> None:
    """Switched off, it ends no wait."""
    waits = asyncio.ensure_future(alarm.until(waiting := waiter(), within(0.01)))
    await asyncio.sleep(0)
    alarm.off()
    done, _ = await asyncio.wait([waits], timeout=0.05)

    assert not done
    settle(waiting, True)
    assert await waits
