"""Has probes run that were asked for, at most so many at a time, and ends them.

Shares resolver, trust and policies with the schedule, and neither its places nor its
ledger. A request that is given up takes its probe with it, which still says QUIT.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace

import structlog

from exporter.allow import NOT_LISTED, AllowList
from exporter.config import Config
from exporter.exposition import negotiate
from exporter.metrics.blackbox import Taken
from exporter.metrics.on_demand import OnDemandMetrics
from exporter.on_demand.page import debug_page_of, gauges_of, no_page_of, page_of
from exporter.on_demand.wish import (
    Declined,
    Wish,
    about_address,
    read_wish,
    why_not,
)
from exporter.outcome import Outcome
from exporter.probe.own import is_own
from exporter.probe.reach import NotPermitted
from exporter.probe.resolve import Address, literal
from exporter.probe.run import World, probe
from exporter.schedule.ending import end
from exporter.targets import Target
from exporter.vocabulary import Refused
from exporter.web.on_demand import Answer, Asked

# A cancelled probe writes its QUIT and closes; nothing in it waits.
_CANCEL_SECONDS = 1.0
_IS_STOPPING = "This exporter is stopping."

_log = structlog.get_logger(__name__)


class _CutOff(Declined):
    """A probe that had begun, and is counted as one that was cancelled."""


class OnDemandProbes:
    """Answers requests for probes by the configuration of the hour."""

    def __init__(
        self, config: Config, world: Callable[[], World], counts: OnDemandMetrics
    ) -> None:
        """Probe in the world as it is at each request."""
        self._config = config
        self._world = world
        self._counts = counts
        self._running: set[asyncio.Task[Outcome]] = set()
        self._stopping = False
        counts.watch(lambda: len(self._running))

    def follow(self, config: Config) -> None:
        """Answer by another configuration from now on; probes under way go on."""
        self._config = config

    async def answer(self, asked: Asked) -> Answer:
        """Probe, and tell what was seen; or tell why not."""
        config = self._config
        try:
            wish = read_wish(asked, config)
            begun = time.monotonic()  # uvloop's own counts milliseconds
            outcome = await self._probed(wish, config)
            seconds = time.monotonic() - begun
        except Declined as declined:
            if not isinstance(declined, _CutOff):
                self._counts.refused(declined.cause)
            _log.debug("probe on demand refused", why=str(declined))
            return no_page_of(declined)
        target = wish.target
        gauges = gauges_of(
            target,
            outcome,
            Taken(seconds, target.module.timeout),
            certificate_info=config.certificate_info,
        )
        if asked.debug:
            return debug_page_of(target, outcome, gauges)
        return page_of(gauges, negotiate(asked.accept, asked.accept_encoding))

    async def stop(self, grace: float) -> int:
        """Begin no more, and end within `grace` seconds, plus what cancelling takes.

        Gives how many probes had to be cancelled.
        """
        self._stopping = True
        return await end(self._running, grace=grace, cancelling=_CANCEL_SECONDS)

    async def _probed(self, wish: Wish, config: Config) -> Outcome:
        if self._stopping:
            raise Declined(Refused.BUSY, _IS_STOPPING)
        if len(self._running) >= config.on_demand.concurrency:
            raise Declined(
                Refused.BUSY,
                f"All {config.on_demand.concurrency} places for probes on demand are "
                "taken; ask again, or have `concurrency` of `on_demand` raised.",
            )
        gate = _Gate(wish, config.on_demand.allow)
        itself = literal(wish.target.host)
        if itself and not gate.permits(itself):
            raise gate.declined()
        outcome = await self._run(
            wish.target, replace(self._world(), permit=gate.permits)
        )
        if outcome is None or not gate.is_open:
            raise gate.declined()
        self._counts.ended(success=outcome.success)
        return outcome

    async def _run(self, target: Target, world: World) -> Outcome | None:
        """Probe in a task of its own; None when an address was refused."""
        task = asyncio.create_task(probe(target, world))
        self._running.add(task)
        task.add_done_callback(self._end)
        try:
            await asyncio.wait({task})
        finally:
            task.cancel()  # nothing happens to one that is done
        if task.cancelled():
            raise _CutOff(Refused.BUSY, _IS_STOPPING)
        try:
            return task.result()
        except NotPermitted:
            return None

    def _end(self, task: asyncio.Task[Outcome]) -> None:
        self._running.discard(task)
        if task.cancelled():
            self._counts.cancelled()
        else:
            task.exception()  # a refused address, which nobody may be there to hear of


class _Gate:
    """What one wish may connect to, and whether it could be found out.

    A host that no entry names is allowed by its addresses alone: as long as none was
    seen, it is not.
    """

    def __init__(self, wish: Wish, allow: AllowList) -> None:
        """Judge the addresses of this wish."""
        self._wish = wish
        self._allow = allow
        self._why = NOT_LISTED
        self.is_open = wish.named

    def permits(self, address: Address) -> bool:
        """Judge an address, and remember the verdict."""
        why = why_not(self._allow, self._wish, address.literal, is_own)
        if why is None:
            self.is_open = True
            return True
        _log.debug("address refused", address=address.literal, why=why)
        self._why = why
        return False

    def declined(self) -> Declined:
        """Say that it is closed."""
        return Declined(Refused.FORBIDDEN, about_address(self._wish, self._why))
