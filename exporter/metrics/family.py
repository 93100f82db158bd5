"""One family of a target's samples: what it is called, means, and is read from.

Holds the shape that the tables of families share; which families there are stands in
them.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from exporter.ledger import Account
from exporter.metrics.text import Kind
from exporter.outcome import Outcome

# One sample: suffix of the name, labels behind the target's own, value.
Sample = tuple[str, str, float]
NO_SAMPLES: tuple[Sample, ...] = ()

# A gauge of the latest probe: name, extra labels, meaning, samples.
OfLatest = tuple[str, tuple[str, ...], str, Callable[[Outcome], Iterable[Sample]]]


@dataclass(frozen=True, slots=True)
class MetricFamily:
    """A family of one target's samples; `labels` are those behind the target's own.

    A `steady` one is read from the target and the facts of its latest outcome, and from
    nothing else: its lines are the same while they are. One with `own_labels` has them
    from the server's own certificate: hardly two targets have the same.
    """

    name: str
    kind: Kind
    labels: tuple[str, ...]
    help: str
    samples: Callable[[Account], Iterable[Sample]]
    steady: bool = False
    own_labels: bool = False

    @property
    def names(self) -> frozenset[str]:
        """Every name that this family and its lines have, in either format."""
        lines = (self.name + suffix for suffix in _SUFFIXES[self.kind])
        return frozenset((self.name, self.name.removesuffix("_total"), *lines))


_SUFFIXES = {
    Kind.COUNTER: ("",),
    Kind.GAUGE: ("",),
    Kind.SUMMARY: ("_sum", "_count"),
    Kind.HISTOGRAM: ("_bucket", "_sum", "_count"),
}


def value(figure: float | None) -> Iterable[Sample]:
    """Give the one sample of a figure; none for what was not seen."""
    return NO_SAMPLES if figure is None else (("", "", figure),)


def flags(label: str, words: Iterable[str]) -> Iterable[Sample]:
    """Give a 1 for each word; words need no escaping."""
    return [("", f',{label}="{word}"', 1) for word in words]
