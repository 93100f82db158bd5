"""What a person sees who waits: one line that says the phase and the seconds so far.

Drawn over and over on standard error, and wiped when the wait is over. Where there is
no terminal nothing is drawn.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TextIO

# Who waits shorter than this sees no line come and go.
PATIENCE = 0.3
# Often enough that no second is skipped, seldom enough to cost nothing.
REDRAW = 0.25
WIPE = "\r\x1b[K"

Now = Callable[[], float]
Sleep = Callable[[float], Awaitable[object]]


def drawn(what: str, seconds: float) -> str:
    """Give the line, drawn over what stood there before."""
    return f"{WIPE}{what} ... {seconds:.0f} s"


@asynccontextmanager
async def progress(
    stream: TextIO | None,
    what: Callable[[], str],
    *,
    now: Now | None = None,
    sleep: Sleep = asyncio.sleep,
) -> AsyncIterator[None]:
    """Draw what is waited for while the block runs; no stream, no line.

    `what` is asked anew for each drawing, and gives printable text.
    """
    if stream is None:
        yield
        return
    clock = now or asyncio.get_running_loop().time
    task = asyncio.create_task(_draw(stream, what, clock, sleep))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _draw(
    stream: TextIO, what: Callable[[], str], now: Now, sleep: Sleep
) -> None:
    start = now()
    await sleep(PATIENCE)
    try:
        while True:
            stream.write(drawn(what(), now() - start))
            stream.flush()
            await sleep(REDRAW)
    finally:
        stream.write(WIPE)
        stream.flush()
