"""What the exporter tells of probes that were asked for over HTTP.

On /metrics alone: /probe shows one probe and counts nothing.
"""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge

from exporter.vocabulary import Refused

_PREFIX = "mailserver_exporter_on_demand"


class OnDemandMetrics:
    """Counts of probes on demand, in a registry of others."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register everything, with every label value known in advance."""
        self._probes = Counter(
            f"{_PREFIX}_probes",
            "Probes on demand that have ended, well or not.",
            registry=registry,
        )
        self._failures = Counter(
            f"{_PREFIX}_probe_failures",
            "Probes on demand that have ended in a failure.",
            registry=registry,
        )
        self._cancelled = Counter(
            f"{_PREFIX}_probes_cancelled",
            "Probes on demand that were cut off: the client hung up, or we stopped.",
            registry=registry,
        )
        self._refused = Counter(
            f"{_PREFIX}_refused",
            "Requests for a probe that were refused, by cause.",
            ("cause",),
            registry=registry,
        )
        for cause in Refused:
            self._refused.labels(str(cause))
        self._in_flight = Gauge(
            f"{_PREFIX}_probes_in_flight",
            "Probes on demand that are running.",
            registry=registry,
        )

    def watch(self, in_flight: Callable[[], float]) -> None:
        """Read this at each scrape."""
        self._in_flight.set_function(in_flight)

    def ended(self, *, success: bool) -> None:
        """Count a probe that came to its end."""
        self._probes.inc()
        if not success:
            self._failures.inc()

    def cancelled(self) -> None:
        """Count a probe that was cut off."""
        self._cancelled.inc()

    def refused(self, cause: Refused) -> None:
        """Count a request that came to no probe."""
        self._refused.labels(str(cause)).inc()
