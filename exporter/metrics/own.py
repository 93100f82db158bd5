"""What the exporter tells of itself, in a prometheus_client registry.

Few series that change at the scrape or with the schedule; the registry's cost does not
matter here, and its process, platform and garbage collectors come with it.
"""

import platform
from collections.abc import Callable, Iterable, Mapping

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    Metric,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from exporter.metrics.on_demand import OnDemandMetrics
from exporter.targets import Target
from exporter.vocabulary import Skip, TargetSource

# What is written in the configuration file is there or not, and never fails later.
_DISCOVERED = tuple(s for s in TargetSource if s is not TargetSource.CONFIG)
_LEVELS = ("debug", "info", "warning", "error", "critical")
_LAG_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class OwnMetrics:
    """The registry and what is counted in it; one per process."""

    def __init__(
        self, version: str, *, kernel_timestamps: bool, revision: str = ""
    ) -> None:
        """Register everything, with every label value known in advance.

        `revision` is the commit that was built, where whoever built it has told.
        """
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the client's own switch
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        GCCollector(registry=registry)
        _info(registry, version, revision)
        self._reload_successful = _gauge(
            registry,
            "config_last_reload_successful",
            "Whether the last attempt to load the configuration succeeded.",
        )
        self._reload_time = _gauge(
            registry,
            "config_last_reload_success_timestamp_seconds",
            "When the configuration was last loaded with success.",
        )
        self._targets = Gauge(
            "mailserver_exporter_targets",
            "Targets that are scheduled, by where they come from.",
            ("source",),
            registry=registry,
        )
        self._in_flight = _gauge(
            registry, "probes_in_flight", "Probes that are running."
        )
        self._waiting = _gauge(
            registry, "probes_waiting", "Probes that are due and wait for a place."
        )
        self._skipped = Counter(
            "mailserver_exporter_probes_skipped",
            "Scheduled probes that were left out, by cause.",
            ("cause",),
            registry=registry,
        )
        for cause in Skip:
            self._skipped.labels(str(cause))
        self._discovery_failures = Counter(
            "mailserver_exporter_discovery_failures",
            "Attempts to find targets that failed; those known before stay.",
            ("source",),
            registry=registry,
        )
        for source in _DISCOVERED:
            self._discovery_failures.labels(str(source))
        self._lag = Histogram(
            "mailserver_exporter_schedule_lag_seconds",
            "How late probes started.",
            buckets=_LAG_BUCKETS,
            registry=registry,
        )
        self._allowed = _gauge(
            registry,
            "probes_in_flight_limit",
            "Probes that may run at a time, by `limits.concurrency`.",
        )
        self._loop_lag = Histogram(
            "mailserver_exporter_loop_lag_seconds",
            "How late the event loop came to a beat that was due, once a second.",
            buckets=_LAG_BUCKETS,
            registry=registry,
        )
        self._log_lines = _LogLines()
        registry.register(self._log_lines)
        _gauge(
            registry,
            "kernel_timestamps",
            "Whether the kernel times what is received; else the interpreter does.",
        ).set(kernel_timestamps)
        self._shard_ordinal = _gauge(
            registry, "shard_ordinal", "Which shard this process is, from 0."
        )
        self._shards = _gauge(
            registry, "shards", "Over how many shards targets are spread."
        )
        self.shard(0, 1)
        self.on_demand = OnDemandMetrics(registry)

    def watch(
        self,
        *,
        in_flight: Callable[[], float],
        waiting: Callable[[], float],
        log_lines: Callable[[], Mapping[str, int]] = dict,
    ) -> None:
        """Read these at each scrape; `log_lines` is by level."""
        self._in_flight.set_function(in_flight)
        self._waiting.set_function(waiting)
        self._log_lines.written = log_lines

    def allow(self, probes: int) -> None:
        """Note how many probes may run at a time."""
        self._allowed.set(probes)

    def loop_lag(self, seconds: float) -> None:
        """Note how late the loop came to a beat."""
        self._loop_lag.observe(seconds)

    def loaded(self, at: float) -> None:
        """Note a configuration loaded with success, in Unix time."""
        self._reload_successful.set(1)
        self._reload_time.set(at)

    def reload_failed(self) -> None:
        """Note that a configuration could not be loaded; an older one stays."""
        self._reload_successful.set(0)

    def shard(self, ordinal: int, count: int) -> None:
        """Note which shard this process is, from 0, and of how many."""
        self._shard_ordinal.set(ordinal)
        self._shards.set(count)

    def discovery_failed(self, source: TargetSource) -> None:
        """Count an attempt to find targets that failed."""
        self._discovery_failures.labels(str(source)).inc()

    def count_targets(self, targets: Iterable[Target]) -> None:
        """Set the number of targets of every source."""
        counts = dict.fromkeys(TargetSource, 0)
        for target in targets:
            counts[target.source] += 1
        for source, count in counts.items():
            self._targets.labels(str(source)).set(count)

    def skip(self, cause: Skip, probes: int) -> None:
        """Count probes that were left out."""
        self._skipped.labels(str(cause)).inc(probes)

    def lag(self, seconds: float) -> None:
        """Note how late a probe started."""
        self._lag.observe(seconds)


class _LogLines(Collector):
    """Lines of the log, read where they are counted.

    A probe that crashed, or a reload that failed, is a line; who watches `error` hears
    of what no family of its own tells.
    """

    def __init__(self) -> None:
        """Start with nothing to read."""
        self.written: Callable[[], Mapping[str, int]] = dict

    def collect(self) -> Iterable[Metric]:
        """Give a count for each level, every one from 0."""
        family = CounterMetricFamily(
            "mailserver_exporter_log_lines",
            "Lines written to the log, by level.",
            labels=("level",),
        )
        written = self.written()
        for level in _LEVELS:
            family.add_metric((level,), written.get(level, 0))
        yield family


def _gauge(registry: CollectorRegistry, name: str, text: str) -> Gauge:
    return Gauge(f"mailserver_exporter_{name}", text, registry=registry)


def _info(registry: CollectorRegistry, version: str, revision: str) -> None:
    facts: Mapping[str, str] = {
        "version": version,
        "revision": revision,
        "pythonversion": platform.python_version(),
    }
    Gauge(
        "mailserver_exporter_build_info",
        "1; the version and commit of the exporter, and the Python that runs it.",
        tuple(facts),
        registry=registry,
    ).labels(**facts).set(1)
