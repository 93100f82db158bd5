"""Targets that show the same series stand side by side, and a column is one series.

A line of a target differs from its neighbour's by the target's labels and the figure;
the rest is the same for all whose layout it is. So a target keeps its labels once and
its figures, a kilobyte and not seven; and a scrape puts between them what is common,
many targets at a time. Pure: refuses loops and clocks.

    smtp_reply_code{ | target="mx1:25",... | ,phase="quit"} | 221
     head of a cell    the target's labels      its tail      figure
"""

from collections.abc import Iterable, Sequence
from itertools import accumulate, chain
from typing import NamedTuple
from weakref import WeakValueDictionary

from exporter.ledger import Account
from exporter.metrics.family import MetricFamily, Sample
from exporter.metrics.text import figure

# Stands for labels that are each target's own, which it keeps with the figure.
_OWN = "own"
# A sample of these ends what stands together: all of one summary or histogram.
_LAST_OF_ITS_OWN = frozenset({"", "_count"})


class Cell(NamedTuple):
    """What all lines of a column have on either side of the target's labels."""

    head: bytes
    tail: bytes


class Block:
    """The columns of one family; those of a row stay together, target by target."""

    __slots__ = ("__weakref__", "rows", "width")

    def __init__(self, name: str, kinds: Iterable[tuple[str, str]]) -> None:
        """Take the suffix and the labels of each sample."""
        self.rows: list[list[Cell]] = []
        row: list[Cell] = []
        for suffix, extra in kinds:
            tail = f"{extra}}} " if extra is not _OWN else ""
            row.append(Cell(f"{name}{suffix}{{".encode(), tail.encode()))
            if suffix in _LAST_OF_ITS_OWN:
                self.rows.append(row)
                row = []
        self.width = sum(map(len, self.rows))


class Layout:
    """Which series a target has: a block for each family, and where it begins."""

    __slots__ = ("__weakref__", "blocks", "starts")

    def __init__(self, blocks: tuple[Block, ...]) -> None:
        """Take as many blocks as there are families."""
        self.blocks = blocks
        self.starts = (0, *accumulate(block.width for block in blocks))


class Layouts:
    """Each block and layout once, for as long as a target has it."""

    def __init__(self) -> None:
        """Know none."""
        self._blocks: WeakValueDictionary[object, Block] = WeakValueDictionary()
        self._layouts: WeakValueDictionary[object, Layout] = WeakValueDictionary()

    def __len__(self) -> int:
        """Count what is known: the blocks, and the layouts."""
        return len(self._blocks) + len(self._layouts)

    def of(
        self, families: Iterable[MetricFamily], account: Account
    ) -> tuple[Layout, list[bytes]]:
        """Give what series an account has, and their figures."""
        blocks, figures = [], []
        for family in families:
            samples = [*family.samples(account)]
            blocks.append(self._block(family, samples))
            figures += figures_of(family, samples)
        key = tuple(blocks)
        layout = self._layouts.get(key)
        if layout is None:
            layout = self._layouts[key] = Layout(key)
        return layout, figures

    def _block(self, family: MetricFamily, samples: Iterable[Sample]) -> Block:
        kinds = tuple(
            (suffix, _OWN if family.own_labels else extra)
            for suffix, extra, _ in samples
        )
        key = (family.name, kinds)
        block = self._blocks.get(key)
        if block is None:
            block = self._blocks[key] = Block(family.name, kinds)
        return block


def figures_of(family: MetricFamily, samples: Iterable[Sample]) -> list[bytes]:
    """Give what stands behind the tail of each sample's cell."""
    if family.own_labels:
        return [f"{extra}}} ".encode() + figure(value) for _, extra, value in samples]
    return [figure(value) for _, _, value in samples]


class Members(NamedTuple):
    """Targets of one layout: their labels, and a column for each series."""

    layout: Layout
    labels: Sequence[bytes]
    columns: Sequence[Sequence[bytes]]


class Column(NamedTuple):
    """The targets that have a row, and their figures for each of its cells."""

    row: Sequence[Cell]
    labels: Sequence[bytes]
    figures: Sequence[Sequence[bytes]]

    def text(self, start: int, end: int) -> bytes:
        """Write the lines of some of the targets.

        What all have is put together first: a column of equal figures costs no more
        than its labels.
        """
        labels = self.labels[start:end]
        common, own = [b""], []
        for cell, column in zip(self.row, self.figures, strict=True):
            common[-1] += cell.head
            own.append(labels)
            common.append(cell.tail)
            figures = column[start:end]
            if _all_the_same(figures):
                common[-1] += figures[0]
            else:
                own.append(figures)
                common.append(b"")
        first, *between, last = common
        between.append(last + first)  # from the end of a line to the next one's labels
        width = 2 * len(own)
        pieces = [b""] * (width * len(labels))
        for place, figures in enumerate(own):
            pieces[2 * place :: width] = figures
            pieces[2 * place + 1 :: width] = [between[place]] * len(labels)
        pieces[-1] = last
        return first + b"".join(pieces)


def columns_of(place: int, groups: Iterable[Members]) -> Iterable[Column]:
    """Give the columns of a family, of all who have the same block together."""
    together: dict[Block, list[Members]] = {}
    for group in groups:
        together.setdefault(group.layout.blocks[place], []).append(group)
    for block, some in together.items():
        labels = _chained([group.labels for group in some])
        first = 0
        for row in block.rows:
            yield Column(
                row,
                labels,
                [
                    _chained([g.columns[g.layout.starts[place] + cell] for g in some])
                    for cell in range(first, first + len(row))
                ],
            )
            first += len(row)


def _chained(parts: Sequence[Sequence[bytes]]) -> Sequence[bytes]:
    return parts[0] if len(parts) == 1 else [*chain.from_iterable(parts)]


def _all_the_same(figures: Sequence[bytes]) -> bool:
    """Whether all are one object, as figures of small whole numbers are."""
    first = figures[0]
    return first is figures[-1] and figures.count(first) == len(figures)
