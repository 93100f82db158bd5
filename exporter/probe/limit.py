"""How long to wait: until an instant that was fixed when the waiting began.

An absolute limit, because one that starts anew with every octet never ends against a
server that drips them.
"""

import asyncio
import math
import time
from collections.abc import Awaitable
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


class Alarm:
    """Ends the waits of one connection, one after another, each at its limit.

    A limit is rarely reached, and the next one is mostly later: the timer of one wait
    serves the next, and is only set anew when it would come too late.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Be set for nothing yet; `off` must be called at the end."""
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at = math.inf
        self._waiter: asyncio.Future[bool] | None = None
        self._limit_at = math.inf

    def until(self, waiter: "asyncio.Future[bool]", limit: Limit) -> Awaitable[bool]:
        """Give what to await: what the waiter is told, or false at the limit."""
        self._waiter, self._limit_at = waiter, limit.at
        if limit.at < self._rings_at:
            self._set(limit.at)
        return waiter

    def off(self) -> None:
        """Ring no more."""
        if self._timer:
            self._timer.cancel()

    def _set(self, at: float) -> None:
        self.off()
        self._rings_at = at
        self._timer = self._loop.call_later(at - time.monotonic(), self._ring)

    def _ring(self) -> None:
        self._rings_at = math.inf
        if self._waiter is None or self._waiter.done():
            return  # nobody waits: the next who does sets it
        if self._limit_at <= time.monotonic():
            self._waiter.set_result(False)
        else:
            self._set(self._limit_at)


def settle(waiter: "asyncio.Future[bool]", happened: bool) -> None:
    """Tell the waiter, unless it was told already."""
    if not waiter.done():
        waiter.set_result(happened)
