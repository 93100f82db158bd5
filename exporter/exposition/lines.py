"""The figures of each target, written when a probe ends, joined to lines at a scrape.

Rendering 200,000 samples through a registry holds the loop for a second or more; here
a scrape only joins octets, some targets of a series at a time so that others have their
turn, and scrapes that arrive together share what was joined (DESIGN.md section 4).
"""

import asyncio
from collections.abc import Iterable
from itertools import islice
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.openmetrics.exposition import (
    generate_latest as generate_openmetrics,
)
from prometheus_client.registry import Collector

from exporter.exposition.columns import (
    Layout,
    Layouts,
    Members,
    columns_of,
    figures_of,
)
from exporter.exposition.negotiation import Accepted
from exporter.exposition.packing import packed
from exporter.ledger import Account, Group, Ledger
from exporter.metrics.families import (
    CERTIFICATES_DISTINCT,
    CERTIFICATES_DISTINCT_HELP,
    MODULE_LATENCY,
    MODULE_LATENCY_HELP,
    histogram_samples,
    target_families,
)
from exporter.metrics.family import MetricFamily
from exporter.metrics.text import Kind, header, labels, number, target_labels
from exporter.targets import Target
from exporter.vocabulary import Phase

_SLICE = 50  # targets written between two turns of the loop: a millisecond or two
_TOGETHER = 1000  # targets whose lines of a series are joined in one go: 0.2 MB
_MODULE_SAMPLES = tuple(f"{MODULE_LATENCY}{s}" for s in ("_bucket", "_sum", "_count"))


class Page(NamedTuple):
    """A scrape's answer, in parts: to make them one costs as much as to send them."""

    content_type: str
    gzip: bool
    parts: tuple[bytes, ...]

    @property
    def body(self) -> bytes:
        """Give all octets in one."""
        return b"".join(self.parts)


class _Shape(NamedTuple):
    """What decides how an account is rendered, beside the account."""

    families: tuple[MetricFamily, ...]  # always as many, in one order
    unsteady: tuple[tuple[int, MetricFamily], ...]  # those of them, by their place
    buckets: tuple[float, ...]
    bucket_phases: frozenset[Phase]


class _Shown(NamedTuple):
    """What the lines of one target are made of, and what that was made of."""

    account: Account
    target: Target
    shape: _Shape
    facts: tuple[object, ...]  # of the latest outcome
    labels: bytes
    layout: Layout
    figures: list[bytes]  # never changed: a page that is being joined has them


class Exposition:
    """Everything that a scrape shows, ready to be joined."""

    def __init__(
        self, ledger: Ledger, own: CollectorRegistry, *, certificate_info: bool = True
    ) -> None:
        """Show the ledger's accounts and the exporter's own registry."""
        self._ledger = ledger
        self._own = own
        self._shape = _shape(ledger, certificate_info)
        self._shown: dict[str, _Shown] = {}
        self._layouts = Layouts()
        self._changed: dict[str, Account] = {}  # since their lines were rendered
        self._group_labels: dict[Group, str] = {}
        self._under_way: dict[tuple[Accepted, frozenset[str]], asyncio.Task[Page]] = {}

    def changed(self, account: Account) -> None:
        """Hear that a probe was recorded; its lines are due at `catch_up`."""
        self._changed[account.target.name] = account

    def catch_up(self) -> bool:
        """Render what has changed, at most a slice; true when there is more.

        Lines rendered in a row cost a third of those rendered between two replies.
        """
        for name in list(islice(self._changed, _SLICE)):
            self.update(self._changed.pop(name))
        return bool(self._changed)

    def update(self, account: Account) -> None:
        """Render a target's lines anew; to be called when its account has changed."""
        target, shape, latest = account.target, self._shape, account.latest
        facts = latest.facts if latest else ()
        shown = self._shown.get(target.name)
        known = shown if shown and shown.target is target else None
        labels = known.labels if known else target_labels(target).encode()
        kept = None
        if known and known.shape is shape and known.facts == facts:
            kept = _with_unsteady(known, account)
        layout, figures = kept or self._layouts.of(shape.families, account)
        self._shown[target.name] = _Shown(
            account, target, shape, facts, labels, layout, figures
        )

    def reshape(self, *, certificate_info: bool) -> None:
        """Take the ledger's buckets as they are by now, and that family or not.

        A target whose lines were made otherwise shows them until its next probe, or
        until `follow` comes to it.
        """
        shape = _shape(self._ledger, certificate_info)
        if shape != self._shape:
            self._shape = shape

    async def follow(self) -> None:
        """Hold the lines of the ledger's present accounts and of no others.

        Accounts that went are gone at once. New ones, and those of which anything but
        a probe has changed, are rendered slice by slice, so that the loop breathes.
        """
        accounts, shown = self._ledger.accounts, self._shown
        self._changed = {
            name: account
            for name, account in self._changed.items()
            if accounts.get(name) is account
        }
        self._group_labels.clear()
        self._shown = {
            name: shown[name]
            for name, account in accounts.items()
            if name in shown and shown[name].account is account
        }
        for seen, account in enumerate(list(accounts.values())):
            if seen % _SLICE == 0:
                await asyncio.sleep(0)
            if self._is_due(account):
                self.update(account)

    def _is_due(self, account: Account) -> bool:
        """Whether an account, if it is still kept, has no lines or others than now."""
        target = account.target
        if self._ledger.accounts.get(target.name) is not account:
            return False
        shown = self._shown.get(target.name)
        if shown is None:
            return True
        return shown.target is not target or shown.shape is not self._shape

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
        # What is due by now, and not what comes meanwhile: that might never end.
        for _ in range(0, len(self._changed), _SLICE):
            self.catch_up()
            await asyncio.sleep(0)
        families = self._shape.families
        groups = await _grouped(list(self._shown.values()))
        parts: list[bytes] = []
        for place, family in enumerate(families):
            if not names or names & family.names:
                lines = await _lines_of(place, groups)
                if lines:
                    parts += (_header(family, accepted), *lines)
        for rest in (
            self._certificates_distinct,
            self._module_latency,
            self._own_metrics,  # some 3 ms by itself
        ):
            parts.append(rest(accepted, names))
            await asyncio.sleep(0)
        if accepted.gzip:
            made = await asyncio.to_thread(packed, parts)
        else:
            made = tuple(filter(None, parts))
        return Page(accepted.content_type, accepted.gzip, made)

    def _certificates_distinct(
        self, accepted: Accepted, names: frozenset[str]
    ) -> bytes:
        seen = self._ledger.leaf_keys.seen
        if (names and CERTIFICATES_DISTINCT not in names) or not seen:
            return b""
        lines = [
            f"{CERTIFICATES_DISTINCT}{{{self._labels_of(group)}}} {len(keys)}\n"
            for group, keys in seen.items()
        ]
        top = header(
            CERTIFICATES_DISTINCT,
            Kind.GAUGE,
            CERTIFICATES_DISTINCT_HELP,
            openmetrics=accepted.openmetrics,
        )
        return top + "".join(lines).encode()

    def _labels_of(self, group: Group) -> str:
        written = self._group_labels.get(group)
        if written is None:
            written = self._group_labels[group] = labels(group)
        return written

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


def _shape(ledger: Ledger, certificate_info: bool) -> _Shape:
    phases = ledger.target_bucket_phases
    families = target_families(
        histograms=bool(phases), certificate_info=certificate_info
    )
    unsteady = tuple((n, f) for n, f in enumerate(families) if not f.steady)
    return _Shape(families, unsteady, ledger.buckets, phases)


def _with_unsteady(
    known: _Shown, account: Account
) -> tuple[Layout, list[bytes]] | None:
    """Keep the layout, and give the figures with those anew that no facts hold still.

    None where there is a series more: several probes may have ended since, and what one
    of them brought stays, such as a reason in a counter, when the facts are as before.
    """
    figures, starts = known.figures.copy(), known.layout.starts
    for place, family in known.shape.unsteady:
        anew = figures_of(family, family.samples(account))
        if len(anew) != starts[place + 1] - starts[place]:
            return None
        figures[starts[place] : starts[place + 1]] = anew
    return known.layout, figures


async def _grouped(all_shown: list[_Shown]) -> list[Members]:
    """Put those together that have the same series; takes them as they are by now."""
    by_layout: dict[Layout, list[_Shown]] = {}
    for shown in all_shown:
        by_layout.setdefault(shown.layout, []).append(shown)
    groups = []
    for layout, members in by_layout.items():
        columns: list[list[bytes]] = [[] for _ in range(layout.starts[-1])]
        for start in range(0, len(members), _TOGETHER):
            some = [s.figures for s in members[start : start + _TOGETHER]]
            for column, figures in zip(columns, zip(*some, strict=True), strict=True):
                column.extend(figures)
            await asyncio.sleep(0)
        groups.append(Members(layout, [s.labels for s in members], columns))
    return groups


async def _lines_of(place: int, groups: list[Members]) -> list[bytes]:
    """Join the lines of one family; between any two joins others have their turn."""
    joined = []
    for column in columns_of(place, groups):
        for start in range(0, len(column.labels), _TOGETHER):
            joined.append(column.text(start, start + _TOGETHER))
            await asyncio.sleep(0)
    await asyncio.sleep(0)
    return joined


def _header(family: MetricFamily, accepted: Accepted) -> bytes:
    return header(
        family.name, family.kind, family.help, openmetrics=accepted.openmetrics
    )


def _sample_lines(
    name: str, prefix: str, samples: Iterable[tuple[str, str, float]]
) -> list[str]:
    return [
        f"{name}{suffix}{{{prefix}{extra}}} {number(value)}\n"
        for suffix, extra, value in samples
    ]
