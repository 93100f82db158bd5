"""A pulse of the loop: how late it comes to what is due, once a second.

What is measured is what every probe, scrape and page waits for while something holds
the loop. Holds the beat; refuses to know who counts it.
"""

import asyncio
from collections.abc import Awaitable, Callable

# A beat costs some 20 us, so a second apart it is nothing, and no stall of a scrape's
# length passes between two of them unseen for long.
BEAT_SECONDS = 1.0


async def beat(
    on_lag: Callable[[float], object],
    *,
    now: Callable[[], float] | None = None,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> None:
    """Tell, for each beat, how many seconds it came late; until it is cancelled."""
    clock = now or asyncio.get_running_loop().time
    while True:
        due = clock() + BEAT_SECONDS
        await sleep(BEAT_SECONDS)
        on_lag(max(0.0, clock() - due))
