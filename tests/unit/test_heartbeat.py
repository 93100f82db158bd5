"""The pulse of the loop, by a clock of the test's own."""

import asyncio
from contextlib import suppress

from exporter.heartbeat import BEAT_SECONDS, beat


async def test_lateness() -> None:
    """Each beat tells how late it came, and one that came early is not late."""
    clock, late, told = [50.0], iter([0.0, 0.25, -0.1, 3.0]), list[float]()

    async def sleep(seconds: float) -> None:
        assert seconds == BEAT_SECONDS
        try:
            clock[0] += seconds + next(late)
        except StopIteration:
            raise asyncio.CancelledError from None

    with suppress(asyncio.CancelledError):
        await beat(told.append, now=lambda: clock[0], sleep=sleep)

    assert [round(seconds, 6) for seconds in told] == [0.0, 0.25, 0.0, 3.0]
