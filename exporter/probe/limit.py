"""How long to wait: until an instant that was fixed when the waiting began.

An absolute limit, because one that starts anew with every octet never ends against a
server that drips them.
"""

import asyncio
import time
from typing import NamedTuple, Self

from exporter.vocabulary import Reason


class Limit(NamedTuple):
    """Until when to wait (monotonic clock), and what it means if that runs out."""

    at: float
    reason: Reason

    @classmethod
    def after(cls, seconds: float, deadline: Self) -> "Limit":
        """Limit a phase: its own seconds, or the probe's deadline if that is nearer."""
        at = time.monotonic() + seconds
        return deadline if deadline.at <= at else cls(at, Reason.TIMEOUT)


async def until(waiter: "asyncio.Future[bool]", limit: Limit) -> bool:
    """Await what the waiter is told; false when the limit runs out first."""
    timer = waiter.get_loop().call_later(
        limit.at - time.monotonic(), settle, waiter, False
    )
    try:
        return await waiter
    finally:
        timer.cancel()


def settle(waiter: "asyncio.Future[bool]", happened: bool) -> None:
    """Tell the waiter, unless it was told already."""
    if not waiter.done():
        waiter.set_result(happened)
