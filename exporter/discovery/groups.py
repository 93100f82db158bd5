"""Octets -> target groups: the format of Prometheus's file_sd and http_sd; pure.

A list of `{"targets": ["host:port", ...], "labels": {"name": "value", ...}}`, in JSON
or YAML. Of the ecosystem's own labels `__param_module` names the module; all others
that begin with `__` are for Prometheus's relabeling and are dropped without a word. One
bad group or target is told of and the others stand; a text that cannot be read to its
end stands for nothing. Whether an address, a module or a label will do is not judged
here.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple

from exporter.discovery.items import Form, Octets, Odd, Unreadable, items_of
from exporter.printable import quoted

# What twenty shards of one fleet would share; each reads the whole list. As many
# groups may there be: often each has one target.
MAX_TARGETS = 200_000
# Each label is written in each of a target's hundred series.
MAX_LABELS = 50

_MODULE = "__param_module"
_THEIRS = "__"
_KEYS = ("targets", "labels")


class Found(NamedTuple):
    """One target as it is written, not yet judged."""

    address: str  # `host` or `host:port`, if it is what it should be
    module: str | None
    labels: tuple[tuple[str, str], ...]  # without those that begin with `__`


def read_groups(
    octets: Octets, form: Form, complain: Callable[[str], object]
) -> Iterator[Found]:
    """Give the targets one by one, and a sentence for each thing that is left out.

    Holds Python's lock for no longer than one group takes. Raises Unreadable, at the
    latest at the end: only then does the list stand.
    """
    reading = _Reading(complain)
    for number, group in enumerate(items_of(octets, form)):
        if number == MAX_TARGETS:
            raise Unreadable(f"it has more than {MAX_TARGETS} groups")
        yield from reading.found(f"[{number}]", group)


class _Reading:
    """The groups of one text, while they are read."""

    def __init__(self, complain: Callable[[str], object]) -> None:
        self._on_complaint = complain
        self._seen = 0  # targets, good or bad; aliases may repeat long lists

    def found(self, place: str, group: object) -> Iterator[Found]:
        """Give what one group names."""
        if not isinstance(group, dict):
            self._complain(place, _must_be("a mapping", group))
            return
        self._check_keys(place, group)
        labels = self._labels(f"{place}.labels", group.get("labels"))
        if labels is None:
            return
        own = tuple(pair for pair in labels if not pair[0].startswith(_THEIRS))
        module = next((value for name, value in labels if name == _MODULE), None)
        for address in self._targets(f"{place}.targets", group.get("targets")):
            yield Found(address, module, own)

    def _check_keys(self, place: str, group: Mapping[str, object]) -> None:
        strange = next((key for key in group if key not in _KEYS), None)
        if strange is not None:
            self._complain(
                place, f"{quoted(strange)} means nothing in a group; it is ignored"
            )

    def _targets(self, place: str, targets: object) -> Iterator[str]:
        if not isinstance(targets, list):
            self._complain(place, _must_be("a list", targets))
            return
        self._seen += len(targets)
        if self._seen > MAX_TARGETS:
            raise Unreadable(f"it names more than {MAX_TARGETS} targets")
        for number, target in enumerate(targets):
            if isinstance(target, str):
                yield target
            else:
                self._complain(f"{place}[{number}]", _must_be("text", target))

    def _labels(self, place: str, labels: object) -> list[tuple[str, str]] | None:
        """Give the labels; None when a group cannot be told without its bad ones.

        One without a value is one that isn't there, as everywhere in Prometheus.
        """
        if labels is None:
            return []
        if not isinstance(labels, dict):
            self._complain(place, _must_be("a mapping", labels))
            return None
        if len(labels) > MAX_LABELS:
            self._complain(place, f"there are more than {MAX_LABELS}")
            return None
        for name, value in labels.items():
            if not isinstance(value, str | None) and not name.startswith(_THEIRS):
                self._complain(f"{place}.{quoted(name)}", _must_be("text", value))
                return None
        return [pair for pair in labels.items() if pair[1] and isinstance(pair[1], str)]

    def _complain(self, place: str, sentence: str) -> None:
        self._on_complaint(f"{place}: {sentence}")


def _must_be(what: str, value: object) -> str:
    if isinstance(value, Odd):
        return value.sentence
    return f"must be {what}, not {_NOUN_OF.get(type(value), 'a number')}"


_NOUN_OF: Final[Mapping[type, str]] = {
    str: "text",
    bool: "a truth value",
    type(None): "nothing",
    list: "a list",
    dict: "a mapping",
}
