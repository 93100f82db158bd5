"""The process around the exporter: signals, listeners, the loop, and a probe by itself.

What commands run. With life.py it is what knows every other file; it reads like a day:
open, start, wait, stop.
"""

import asyncio
import gc
import signal
import sys
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any

import structlog

from exporter import __version__
from exporter.config import Config
from exporter.demo.servers import demo_servers
from exporter.life import ConfigSource, Exporter
from exporter.notify import Notifier
from exporter.outcome import Outcome
from exporter.probe.clock import stamping
from exporter.probe.resolve import Resolver
from exporter.probe.run import World, probe
from exporter.probe.timeline import Timeline
from exporter.probe.trust import Trust
from exporter.schedule.shard import ALONE, Shard
from exporter.targets import Target
from exporter.web.address import ListenAddress
from exporter.web.listen import Listeners
from exporter.web.listening import Listening
from exporter.web.routes import Sources, application

Reload = Callable[[], Coroutine[Any, Any, str]]

_log = structlog.get_logger(__name__)

# While a thread computes (targets are made, a page is joined), the loop waits this long
# behind each of its system calls; Python's own 5 ms make a second of that an outage.
SWITCH_SECONDS = 0.0002
# A probe leaves some forty objects in the history and takes as many out: at Python's
# 700, the collector walked half a million of them every few seconds, a fifth of all CPU
# time, and held the loop 100 ms. What is counted are allocations less frees.
GARBAGE_THRESHOLD = 50_000


async def serve(
    config: Config,
    listening: Listening,
    source: ConfigSource | None = None,
    shard: Shard = ALONE,
    on_open: Callable[[Sequence[ListenAddress]], object] | None = None,
) -> None:
    """Serve a configuration until SIGTERM or SIGINT; SIGHUP reloads it.

    `on_open` hears the addresses, with the ports really taken, once they are open.
    Raises ListenError, before anything is probed, for an address that cannot be had.
    """
    stopping = asyncio.Event()
    notifier = Notifier()
    with stamping() as kernel_timestamps:
        exporter = Exporter(config, source, shard, kernel_timestamps=kernel_timestamps)
        reload = partial(notifier.reloading, exporter.reload)
        reloads = _on_signals(reload, stopping)
        listeners = _listeners(exporter, reload, listening)
        try:
            opened = await listeners.open(
                listening.addresses, systemd=listening.systemd
            )
            if on_open:
                on_open(opened)
            await exporter.start()
            notifier.ready()
            _log.info(
                "serving metrics",
                version=__version__,
                config=str(source.path) if source else "",
                listen=", ".join(map(str, opened)),
                targets=exporter.targets,
                domains=len(config.domains),
                discovery=len(config.discovery),
                shard=f"{shard.ordinal}/{shard.total}",
                kernel_timestamps=kernel_timestamps,
            )
            await stopping.wait()
            _log.info("stopping")
        finally:
            notifier.stopping()
            for task in reloads:
                task.cancel()
            await exporter.stop()
            await listeners.close()
            notifier.close()


def _listeners(exporter: Exporter, reload: Reload, where: Listening) -> Listeners:
    """Put the exporter's pages behind listeners, which are not open yet."""
    sources = Sources(
        exporter.metrics,
        exporter.ready,
        reload,
        exporter.shown_config,
        __version__,
        exporter.accounts,
        exporter.history,
        prefix=where.prefix.links,
        probe=exporter.on_demand.answer,
    )
    return Listeners(application(sources), where.access, where.prefix)


def _on_signals(reload: Reload, stopping: asyncio.Event) -> "set[asyncio.Task[str]]":
    """Listen to signals; gives the reloads that are under way, by now and later."""
    loop = asyncio.get_running_loop()
    reloads: set[asyncio.Task[str]] = set()

    def hang_up() -> None:
        task = asyncio.create_task(reload())
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    loop.add_signal_handler(signal.SIGHUP, hang_up)
    return reloads


async def serve_demo(
    listening: Listening,
    tell: Callable[[Sequence[ListenAddress], Sequence[Target]], object],
) -> None:
    """Start local mail servers, good and bad, and serve their metrics.

    `tell` hears where they are, and which addresses are listened on.
    """
    async with demo_servers() as targets:
        modules = {target.module.name: target.module for target in targets}
        config = Config(
            targets=targets, modules=modules, per_host=len(targets), text=""
        )
        await serve(config, listening, on_open=lambda at: tell(at, targets))


async def probe_once(
    target: Target,
    dns_servers: Sequence[tuple[str, int]] = (),
    watch: Callable[[Callable[[], str]], object] | None = None,
) -> Outcome:
    """Probe one target, outside any schedule.

    `watch` is handed what tells, while the probe runs, which phase it is in.
    """
    with stamping():
        # Loaded before the clock runs: the scheduled probes find it loaded, too.
        world = World(resolver=Resolver(dns_servers), trust=Trust.of_this_machine())
        timeline = Timeline()
        if watch:
            watch(lambda: str(timeline.phase_now))
        try:
            return await probe(target, world, timeline)
        finally:
            await world.close()


def run(main: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine to its end on uvloop, or on asyncio where there is none."""
    try:
        import uvloop  # noqa: PLC0415 -- not on every platform
    except ImportError:
        factory = None
    else:
        factory = uvloop.new_event_loop
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.set_threshold(GARBAGE_THRESHOLD)
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main)
