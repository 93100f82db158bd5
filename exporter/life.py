"""The exporter's life: built of a configuration, started, reloaded, stopped.

Holds everything between a configuration and its metrics, and who hears of what: it
knows every room but the pages and the demo. Refuses the process around it: signals,
listeners and the loop are those of app.py.
"""

import asyncio
import gc
import os
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

import structlog

from exporter import __version__
from exporter.config import Config, ConfigError, discovered_target, load, redacted
from exporter.discovery.catalog import Chosen, choose
from exporter.discovery.lists import Make
from exporter.discovery.supply import Supply, Wanted
from exporter.exposition import Exposition, Page, negotiate
from exporter.heartbeat import beat
from exporter.history import History
from exporter.ledger import Account, Ledger
from exporter.log import is_debug, lines_written
from exporter.metrics.own import OwnMetrics
from exporter.news import Difference, News, difference
from exporter.on_demand import OnDemandProbes
from exporter.outcome import Outcome
from exporter.probe.policies import Policies
from exporter.probe.resolve import Resolver
from exporter.probe.run import World, probe
from exporter.probe.trust import Trust
from exporter.schedule import Schedule
from exporter.schedule.shard import ALONE, Shard
from exporter.targets import Target
from exporter.vocabulary import IpFamily, Reason, TargetSource

_log = structlog.get_logger(__name__)

# Running probes may end by themselves this long; a container gets 10 s to stop in.
DRAIN_SECONDS = 3.0
# How often `--config.auto-reload` looks; a file of a megabyte is read in 2 ms.
AUTO_RELOAD_SECONDS = 10.0
# How long figures may be due before they are written, many in a row; a scrape writes
# those that are. Longer, and a scrape has more to do; shorter, and a target that is
# probed each second has figures written that nobody will see.
RENDER_SECONDS = 2.0
# Set where it is built: the revision of the source.
REVISION = "MAILSERVER_EXPORTER_REVISION"
NO_SOURCE = "there is no configuration file to reload"
# A name that two sources give is told of, and not ten thousand of them.
MOST_DOUBLES_TOLD = 10


class ConfigSource(NamedTuple):
    """Where a configuration is read again."""

    path: Path
    auto_reload: bool = False  # whenever the content has changed
    known: bytes = b""  # the digest of what was there right before it was loaded

    @classmethod
    def before_loading(cls, path: Path, *, auto_reload: bool) -> "ConfigSource":
        """Look at a file that is about to be loaded: no change is missed since."""
        return cls(path, auto_reload, _digest(path))


class Exporter:
    """Everything that is needed between a configuration and its metrics."""

    def __init__(
        self,
        config: Config,
        source: ConfigSource | None = None,
        shard: Shard = ALONE,
        *,
        kernel_timestamps: bool,
    ) -> None:
        """Build it on the running loop; nothing is probed before `start`.

        Without a `source` there is nothing to reload.
        """
        self._source = source
        self._shard = shard
        self._world = _world(config)
        self._ledger = Ledger(config.latency_buckets, config.target_bucket_phases)
        self.history = History(config.history)
        self._own = OwnMetrics(
            __version__,
            kernel_timestamps=kernel_timestamps,
            revision=os.environ.get(REVISION, ""),
        )
        self._own.shard(shard.ordinal, shard.total)
        self._own.allow(config.concurrency)
        self._news = News(dialogues=is_debug())
        self._schedule = schedule = Schedule(
            self._probe,
            concurrency=config.concurrency,
            per_host=config.per_host,
            on_lag=self._own.lag,
            on_skip=self._own.skip,
            on_crash=_log_crash,
        )
        self._own.watch(
            in_flight=lambda: schedule.in_flight,
            waiting=lambda: schedule.waiting,
            log_lines=lines_written,
        )
        self._exposition = Exposition(
            self._ledger, self._own.registry, certificate_info=config.certificate_info
        )
        self._config = config
        self._supply = Supply(
            self._world.resolver,
            _wanted(config),
            make=_make(config),
            on_change=self._take,
            on_trouble=self._trouble,
        )
        self.on_demand = OnDemandProbes(
            config, lambda: self._world, self._own.on_demand
        )
        self._chosen = Chosen((), ())  # the latest set that was told
        self._changed = asyncio.Event()
        self._reloading = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []
        self._rendering: asyncio.TimerHandle | None = None
        self._stopping = False

    async def start(self) -> None:
        """Put every target that is known by now on the schedule."""
        self._own.loaded(time.time())
        if not self._world.trust.has_system_trust():
            _log.warning(
                "this machine trusts nobody: certificates are untrusted but for "
                "modules with `ca_file`; install ca-certificates"
            )
        await self._supply.start()
        await self._put_on_schedule()
        self._tasks.append(asyncio.create_task(self._follow()))
        self._tasks.append(asyncio.create_task(beat(self._own.loop_lag)))
        if self._source and self._source.auto_reload:
            self._tasks.append(
                asyncio.create_task(self._look(self._source.path, self._source.known))
            )

    async def stop(self) -> None:
        """Start no more probes, and let the running ones end within a bound."""
        self._stopping = True
        if self._rendering:
            self._rendering.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._supply.stop()
        cancelled = sum(
            await asyncio.gather(
                self._schedule.stop(DRAIN_SECONDS), self.on_demand.stop(DRAIN_SECONDS)
            )
        )
        if cancelled:
            _log.warning("probes cancelled while stopping", probes=cancelled)
        await self._world.close()

    def ready(self) -> bool:
        """Whether every target has been scheduled, and the exporter is not stopping."""
        return self._schedule.started and not self._stopping

    @property
    def targets(self) -> int:
        """Count the targets that are scheduled."""
        return len(self._schedule.targets)

    async def metrics(
        self, accept: str, accept_encoding: str, names: Iterable[str]
    ) -> Page:
        """Give the exposition in what the client accepts."""
        return await self._exposition.page(negotiate(accept, accept_encoding), names)

    def accounts(self) -> Mapping[str, Account]:
        """Give what has been seen of each target, by its name."""
        return self._ledger.accounts

    def shown_config(self) -> str:
        """Give the configuration that runs, as it may be shown."""
        return redacted(self._config.text)

    async def reload(self) -> str:
        """Read the configuration again and go on with it.

        A bad one changes nothing; gives what is wrong with it, or an empty text.
        """
        if self._source is None:
            _log.warning(NO_SOURCE)
            return NO_SOURCE
        async with self._reloading:
            try:
                config = await asyncio.to_thread(load, self._source.path)
            except ConfigError as error:
                self._own.reload_failed()
                _log.error(
                    "reload failed, the old configuration stays", error=str(error)
                )
                return str(error)
            await self._go_on_with(config)
        return ""

    async def _go_on_with(self, config: Config) -> None:
        before, self._config = self._config, config
        self.on_demand.follow(config)
        self._schedule.resize(concurrency=config.concurrency, per_host=config.per_host)
        self._own.allow(config.concurrency)
        trust = await asyncio.to_thread(Trust.of_this_machine)
        self._world = replace(self._world, trust=trust)
        if config.dns_servers != before.dns_servers:
            self._world.resolver.ask(config.dns_servers)
        self.history.resize(config.history)
        self._ledger.rebucket(config.latency_buckets, config.target_bucket_phases)
        self._exposition.reshape(certificate_info=config.certificate_info)
        same = (config.modules, config.intervals) == (before.modules, before.intervals)
        await self._supply.replace(_wanted(config), None if same else _make(config))
        differs = await self._put_on_schedule()
        self._own.loaded(time.time())
        _log.info("configuration reloaded", targets=self.targets, **differs._asdict())

    async def _look(self, path: Path, known: bytes) -> None:
        """Reload when the content of the configuration is another."""
        while True:
            await asyncio.sleep(AUTO_RELOAD_SECONDS)
            found = await asyncio.to_thread(_digest, path)
            if found != known:
                known = found
                try:
                    await self.reload()
                except Exception:  # noqa: BLE001 -- later changes must be seen
                    _log.exception("a reload failed; the file is still looked at")

    def _take(self, chosen: Chosen) -> None:
        before, self._chosen = self._chosen, chosen
        if chosen.doubles and chosen.doubles != before.doubles:
            shown = ", ".join(chosen.doubles[:MOST_DOUBLES_TOLD])
            _log.warning(
                "targets named more than once", count=len(chosen.doubles), names=shown
            )
        self._changed.set()

    async def _follow(self) -> None:
        while True:
            await self._changed.wait()
            try:
                async with self._reloading:
                    differs = await self._put_on_schedule()
                if any(differs):
                    _log.info(
                        "targets changed", targets=self.targets, **differs._asdict()
                    )
            except Exception:  # noqa: BLE001 -- whatever it is, later sets must be taken
                _log.exception("targets that were found could not be taken")

    async def _put_on_schedule(self) -> Difference:
        """Probe the targets that were told last; counters of those that stay go on."""
        self._changed.clear()
        found, before = self._chosen.targets, self._schedule.targets
        targets = await asyncio.to_thread(choose, found, self._shard.owns, before)
        for take in (
            self._ledger.open,
            self.history.open,
            self._schedule.replace,
            self._own.count_targets,
        ):
            take(targets)
            await asyncio.sleep(0)  # 50,000 take each of them 20 ms: probes go on
        await self._exposition.follow()
        self._news.keep(self._ledger.accounts)
        _settle_memory()
        return await asyncio.to_thread(difference, before, targets)

    def _trouble(
        self, source: TargetSource, where: str, sentence: str, *, counts: bool
    ) -> None:
        if counts:
            self._own.discovery_failed(source)
        _log.warning("discovery", source=str(source), where=where, trouble=sentence)

    def _render_in(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self._rendering = loop.call_later(seconds, self._render)

    def _render(self) -> None:
        self._rendering = None
        if self._exposition.catch_up():
            self._render_in(0)

    async def _probe(self, target: Target) -> None:
        outcome = await probe(target, self._world)
        before = self._ledger.accounts.get(target.name)
        known = before.latest if before else None
        account = self._ledger.record(target, outcome)
        if account:
            self.history.record(target.name, outcome)
            self._exposition.changed(account)
            if self._rendering is None:
                self._render_in(RENDER_SECONDS)
            self._news.told(account.target, known, outcome)
            self._schedule.told(target, unavailable=_asks_for_less(outcome))


def _log_crash(target: Target, error: Exception) -> None:
    _log.error("probe crashed", target=target.name, exc_info=error)


def _world(config: Config) -> World:
    resolver = Resolver(config.dns_servers)
    return World(
        resolver=resolver,
        trust=Trust(),
        policies=Policies(
            texts=resolver.texts,
            addresses=partial(resolver.addresses, family=IpFamily.ANY),
        ),
    )


def _wanted(config: Config) -> Wanted:
    return Wanted(config.targets, config.domains, config.discovery)


def _make(config: Config) -> Make:
    return partial(
        discovered_target, modules=config.modules, intervals=config.intervals
    )


def _settle_memory() -> None:
    """Keep what stands out of the collector's walks.

    A full one through 50,000 targets holds the loop for half a second, and finds
    nothing: targets and accounts have no cycles. What is young is walked once before.
    """
    gc.collect(1)
    gc.freeze()


def _asks_for_less(outcome: Outcome) -> bool:
    return outcome.failure is not None and outcome.failure.reason is Reason.UNAVAILABLE


def _digest(path: Path) -> bytes:
    """Tell one content of a file from the next; nothing for one that is not there."""
    with suppress(OSError):
        return blake2b(path.read_bytes()).digest()
    return b""
