"""The only file that knows every other; it reads like a day: build, run, stop."""

import asyncio
import signal
import time
from collections.abc import Coroutine, Iterable, Sequence
from typing import Any

import structlog

from exporter import __version__
from exporter.config import Config
from exporter.demo.servers import demo_servers
from exporter.diagnosis import verdict
from exporter.exposition import Exposition, Page, negotiate
from exporter.ledger import Account, Ledger
from exporter.metrics.own import OwnMetrics
from exporter.outcome import Outcome
from exporter.probe.clock import stamping
from exporter.probe.resolve import Resolver
from exporter.probe.run import probe
from exporter.schedule import Schedule
from exporter.targets import Target
from exporter.web.listen import ListenAddress, Listeners
from exporter.web.routes import Sources, application

_log = structlog.get_logger(__name__)

# Running probes may end by themselves this long; a container gets 10 s to stop in.
DRAIN_SECONDS = 3.0


class Exporter:
    """Everything that is needed between a configuration and its metrics."""

    def __init__(self, config: Config, *, kernel_timestamps: bool) -> None:
        """Build it on the running loop; nothing is probed before `start`."""
        self._resolver = Resolver(config.dns_servers)
        self._ledger = Ledger(config.latency_buckets, config.target_bucket_phases)
        self._own = OwnMetrics(__version__, kernel_timestamps=kernel_timestamps)
        self._schedule = schedule = Schedule(
            self._probe,
            concurrency=config.concurrency,
            per_host=config.per_host,
            on_lag=self._own.lag,
            on_skip=self._own.skip,
            on_crash=_log_crash,
        )
        self._own.watch(
            in_flight=lambda: schedule.in_flight, waiting=lambda: schedule.waiting
        )
        self._exposition = Exposition(self._ledger, self._own.registry)
        self._config = config
        self._stopping = False

    def start(self) -> None:
        """Put every target of the configuration on the schedule."""
        targets = self._config.targets
        self._ledger.open(targets)
        self._exposition.reset()
        self._own.count_targets(targets)
        self._own.loaded(time.time())
        self._schedule.replace(targets)

    async def stop(self) -> None:
        """Start no more probes, and let the running ones end within a bound."""
        self._stopping = True
        cancelled = await self._schedule.stop(DRAIN_SECONDS)
        if cancelled:
            _log.warning("probes cancelled while stopping", probes=cancelled)
        await self._resolver.close()

    def ready(self) -> bool:
        """Whether every target has been scheduled, and the exporter is not stopping."""
        return self._schedule.started and not self._stopping

    async def metrics(
        self, accept: str, accept_encoding: str, names: Iterable[str]
    ) -> Page:
        """Give the exposition in what the client accepts."""
        return await self._exposition.page(negotiate(accept, accept_encoding), names)

    async def _probe(self, target: Target) -> None:
        outcome = await probe(target, resolver=self._resolver)
        before = self._ledger.accounts.get(target.name)
        known = before.latest if before else None
        account = self._ledger.record(target, outcome)
        if account:
            self._exposition.update(account)
            _log_change(account, known, outcome)


async def serve(config: Config, addresses: Sequence[ListenAddress]) -> None:
    """Serve a configuration until SIGTERM or SIGINT.

    Raises ListenError, before anything is probed, for an address that cannot be had.
    """
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    loop.add_signal_handler(
        signal.SIGHUP, _log.warning, "SIGHUP ignored: this version does not reload"
    )
    with stamping() as kernel_timestamps:
        exporter = Exporter(config, kernel_timestamps=kernel_timestamps)
        listeners = Listeners(
            application(Sources(exporter.metrics, exporter.ready, __version__))
        )
        try:
            opened = await listeners.open(addresses)
            exporter.start()
            _log.info(
                "serving metrics",
                listen=", ".join(map(str, opened)),
                targets=len(config.targets),
                kernel_timestamps=kernel_timestamps,
            )
            await stopping.wait()
            _log.info("stopping")
        finally:
            await exporter.stop()
            await listeners.close()


async def serve_demo(addresses: Sequence[ListenAddress]) -> None:
    """Start local mail servers, good and bad, and serve their metrics."""
    async with demo_servers() as targets:
        modules = {target.module.name: target.module for target in targets}
        config = Config(
            targets=targets, modules=modules, per_host=len(targets), text=""
        )
        await serve(config, addresses)


async def probe_once(
    target: Target, dns_servers: Sequence[tuple[str, int]] = ()
) -> Outcome:
    """Probe one target, outside any schedule."""
    with stamping():
        resolver = Resolver(dns_servers)
        try:
            return await probe(target, resolver=resolver)
        finally:
            await resolver.close()


def run(main: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine to its end on uvloop, or on asyncio where there is none."""
    try:
        import uvloop  # noqa: PLC0415 -- not on every platform
    except ImportError:
        factory = None
    else:
        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main)


def _log_change(account: Account, before: Outcome | None, now: Outcome) -> None:
    """Write one line when a target's state changes, and none while it stays.

    The first success of a target is no news; ten thousand lines at a start would be.
    """
    if before and (before.failure, before.close) == (now.failure, now.close):
        return
    facts = {"target": account.target.name, "close": str(now.close)}
    if now.failure:
        facts |= {"failure": str(now.failure), "verdict": verdict(now)}
        _log.warning("target fails", **facts)
    elif before:
        _log.info("target succeeds", **facts, verdict=verdict(now))


def _log_crash(target: Target, error: Exception) -> None:
    _log.error("probe crashed", target=target.name, exc_info=error)
