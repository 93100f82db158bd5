"""Sample lines by target and family, rendered when a probe ends, joined at a scrape.

Rendering 200,000 samples through a registry holds the loop for a second or more; here
a scrape only joins octets, one family at a time so that the loop breathes, and scrapes
that arrive together share one body (DESIGN.md section 4).
"""

import asyncio
import gzip
from collections.abc import Iterable
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.openmetrics.exposition import (
    generate_latest as generate_openmetrics,
)
from prometheus_client.registry import Collector

from exporter.exposition.negotiation import Accepted
from exporter.ledger import Account, Ledger
from exporter.metrics.families import (
    MODULE_LATENCY,
    MODULE_LATENCY_HELP,
    MetricFamily,
    histogram_samples,
    target_families,
)
from exporter.metrics.text import Kind, header, labels, number, target_labels

_GZIP_LEVEL = 1  # 23 MB in 60 ms; level 6 takes 150 ms for a tenth less
_MODULE_SAMPLES = tuple(f"{MODULE_LATENCY}{s}" for s in ("_bucket", "_sum", "_count"))


class Page(NamedTuple):
    """A scrape's answer, whole."""

    content_type: str
    gzip: bool
    body: bytes


class Exposition:
    """Everything that a scrape shows, ready to be joined."""

    def __init__(self, ledger: Ledger, own: CollectorRegistry) -> None:
        """Show the ledger's accounts and the exporter's own registry."""
        self._ledger = ledger
        self._own = own
        self._families = target_families(histograms=bool(ledger.target_bucket_phases))
        self._labels: dict[str, str] = {}
        self._lines: dict[str, tuple[bytes, ...]] = {}
        self._under_way: dict[tuple[Accepted, frozenset[str]], asyncio.Task[Page]] = {}

    def update(self, account: Account) -> None:
        """Render a target's lines anew; to be called when its account has changed."""
        name = account.target.name
        prefix = self._labels.get(name)
        if prefix is None:
            prefix = self._labels[name] = target_labels(account.target)
        self._lines[name] = tuple(
            _render(family, account, prefix) for family in self._families
        )

    def reset(self) -> None:
        """Hold the lines of the ledger's present accounts and of no others."""
        self._labels.clear()
        self._lines.clear()
        for account in self._ledger.accounts.values():
            self.update(account)

    async def page(self, accepted: Accepted, names: Iterable[str] = ()) -> Page:
        """Give the exposition; `names` keeps the families that have one of them.

        A caller that arrives while the same page is being joined gets that one.
        """
        key = (accepted, frozenset(names))
        task = self._under_way.get(key)
        if task is None:
            task = asyncio.create_task(self._join(*key))
            self._under_way[key] = task
            task.add_done_callback(lambda _: self._under_way.pop(key))
        return await asyncio.shield(task)

    async def _join(self, accepted: Accepted, names: frozenset[str]) -> Page:
        targets = list(self._lines.values())
        parts: list[bytes] = []
        for index, family in enumerate(self._families):
            if not names or names & family.names:
                lines = b"".join([chunks[index] for chunks in targets])
                if lines:
                    parts += (_header(family, accepted), lines)
                await asyncio.sleep(0)  # a family is a slice: let probes go on
        parts.append(self._module_latency(accepted, names))
        parts.append(self._own_metrics(accepted, names))
        body = b"".join(parts)
        if accepted.gzip:
            body = await asyncio.to_thread(gzip.compress, body, _GZIP_LEVEL, mtime=0)
        return Page(accepted.content_type, accepted.gzip, body)

    def _module_latency(self, accepted: Accepted, names: frozenset[str]) -> bytes:
        wanted = not names or not names.isdisjoint((MODULE_LATENCY, *_MODULE_SAMPLES))
        if not wanted or not self._ledger.modules:
            return b""
        lines = []
        for (module, phase), latency in self._ledger.modules.items():
            prefix = labels((("module", module), ("phase", phase)))
            lines += _sample_lines(
                MODULE_LATENCY, prefix, histogram_samples("", latency)
            )
        top = header(
            MODULE_LATENCY,
            Kind.HISTOGRAM,
            MODULE_LATENCY_HELP,
            openmetrics=accepted.openmetrics,
        )
        return top + "".join(lines).encode()

    def _own_metrics(self, accepted: Accepted, names: frozenset[str]) -> bytes:
        write = generate_openmetrics if accepted.openmetrics else generate_latest
        return bytes(write(_Chosen(self._own, names) if names else self._own))


class _Chosen(Collector):
    """The families of a registry that have one of the names, each of them whole.

    The client's own filter keeps samples, and cuts histograms into pieces.
    """

    def __init__(self, registry: CollectorRegistry, names: frozenset[str]) -> None:
        self._registry = registry
        self._names = names

    def collect(self) -> Iterable[Metric]:
        for metric in self._registry.collect():
            samples = {sample.name for sample in metric.samples}
            if self._names & (samples | {metric.name}):
                yield metric


def _header(family: MetricFamily, accepted: Accepted) -> bytes:
    return header(
        family.name, family.kind, family.help, openmetrics=accepted.openmetrics
    )


def _render(family: MetricFamily, account: Account, prefix: str) -> bytes:
    lines = _sample_lines(family.name, prefix, family.samples(account))
    return "".join(lines).encode()


def _sample_lines(
    name: str, prefix: str, samples: Iterable[tuple[str, str, float]]
) -> list[str]:
    return [
        f"{name}{suffix}{{{prefix}{extra}}} {number(value)}\n"
        for suffix, extra, value in samples
    ]
