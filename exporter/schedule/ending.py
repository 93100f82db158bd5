"""How long tasks may go on by themselves when the exporter stops."""

import asyncio
from collections.abc import Iterable
from typing import TypeVar

_T = TypeVar("_T")


async def ended_within(
    seconds: float, tasks: Iterable[asyncio.Task[_T]]
) -> set[asyncio.Task[_T]]:
    """Wait for the tasks; give those that did not end in time."""
    running = set(tasks)
    if not running:
        return running
    _, late = await asyncio.wait(running, timeout=seconds)
    return late
