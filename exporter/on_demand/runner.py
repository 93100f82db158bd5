"""Has probes run that were asked for, at most so many at a time, and ends them.

Shares resolver, trust and policies with the schedule, and neither its places nor its
ledger. A request that is given up takes its probe with it, which still says QUIT.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import replace

import structlog

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
from exporter.probe.reach import NotPermitted, Permit
from exporter.probe.resolve import Address
from exporter.probe.run import World, probe
from exporter.vocabulary import Refused
from exporter.web.on_demand import Answer, Asked

# A cancelled probe writes its QUIT and closes; nothing in it waits.
_CANCEL_SECONDS = 1.0

_log = structlog.get_logger(__name__)


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
        config, loop = self._config, asyncio.get_running_loop()
        try:
            wish = read_wish(asked, config)
            begun = loop.time()
            outcome = await self._probed(wish, config)
            seconds = loop.time() - begun
        except Declined as declined:
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
        late = await _ended_within(grace, self._running)
        for task in late:
            task.cancel()
        await _ended_within(_CANCEL_SECONDS, late)
        return len(late)

    async def _probed(self, wish: Wish, config: Config) -> Outcome:
        if self._stopping:
            raise Declined(Refused.BUSY, "This exporter is stopping.")
        if len(self._running) >= config.on_demand.concurrency:
            raise Declined(
                Refused.BUSY,
                f"All {config.on_demand.concurrency} places for probes on demand are "
                "taken; ask again, or have `concurrency` of `on_demand` raised.",
            )
        world = replace(self._world(), permit=_permit(wish, config))
        task = asyncio.create_task(probe(wish.target, world))
        self._running.add(task)
        task.add_done_callback(self._end)
        try:
            await asyncio.wait({task})
        finally:
            task.cancel()  # nothing happens to one that is done
        if task.cancelled():
            raise Declined(Refused.BUSY, "This exporter is stopping.")
        try:
            return task.result()
        except NotPermitted as refused:
            why = _why_not(wish, config, refused.address)
            _log.debug("address refused", address=refused.address.literal, why=why)
            sentence = about_address(wish, why or "it was refused")
            raise Declined(Refused.FORBIDDEN, sentence) from None

    def _end(self, task: asyncio.Task[Outcome]) -> None:
        self._running.discard(task)
        if task.cancelled():
            self._counts.cancelled()
        elif task.exception() is None:
            self._counts.ended(success=task.result().success)


def _permit(wish: Wish, config: Config) -> Permit:
    return lambda address: _why_not(wish, config, address) is None


def _why_not(wish: Wish, config: Config, address: Address) -> str | None:
    return why_not(config.on_demand.allow, wish, address.literal, is_own)


async def _ended_within(
    seconds: float, tasks: Iterable[asyncio.Task[Outcome]]
) -> set[asyncio.Task[Outcome]]:
    """Wait for the tasks; give those that did not end in time."""
    running = set(tasks)
    if not running:
        return running
    _, late = await asyncio.wait(running, timeout=seconds)
    return late
