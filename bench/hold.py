"""How long a loop was held: the longest time in which nothing else on it could run."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

# By then the beat is even: what began the task, and what was due, has had its turn.
_SETTLE_SECONDS = 0.05


class Hold:
    """What was seen so far."""

    def __init__(self) -> None:
        """See nothing yet."""
        self.longest = 0.0  # seconds


@asynccontextmanager
async def watched(beat: float) -> AsyncIterator[Hold]:
    """Watch the loop while the block runs, by a beat each so many seconds.

    The last beat is waited for, so that what held the loop at the end counts as well.
    """
    hold, ended = Hold(), False

    async def watch() -> None:
        before = time.perf_counter()
        while not ended:
            await asyncio.sleep(beat)
            now = time.perf_counter()
            hold.longest = max(hold.longest, now - before - beat)
            before = now

    watching = asyncio.create_task(watch())
    await asyncio.sleep(_SETTLE_SECONDS)
    try:
        yield hold
    finally:
        ended = True
        await watching
