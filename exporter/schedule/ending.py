"""How tasks end when the exporter stops: by themselves for a while, then cancelled."""

import asyncio
from collections.abc import Iterable
from typing import TypeVar

_T = TypeVar("_T")


async def end(
    tasks: Iterable[asyncio.Task[_T]], *, grace: float, cancelling: float
) -> int:
    """Let tasks end by themselves for so many seconds, then cancel them.

    Those that are cancelled may take `cancelling` seconds for it; gives how many.
    """
    late = await _late_after(grace, set(tasks))
    for task in late:
        task.cancel()
    await _late_after(cancelling, late)
    return len(late)


async def _late_after(
    seconds: float, tasks: set[asyncio.Task[_T]]
) -> set[asyncio.Task[_T]]:
    if not tasks:
        return tasks
    _, late = await asyncio.wait(tasks, timeout=seconds)
    return late
