"""Octets -> target groups: the format of Prometheus's file_sd and http_sd; pure.

A list of `{"targets": ["host:port", ...], "labels": {"name": "value", ...}}`, in JSON
or YAML. Of the ecosystem's own labels `__param_module` names the module; all others
that begin with `__` are for Prometheus's relabeling and are dropped without a word. One
bad group or target is told of and the others stand; a text that cannot be read to its
end stands for nothing. Whether an address, a module or a label will do is not judged
here.

YAML is read from the parser's events, without recursion and without PyYAML's loaders:
the C one ends the process on deep nesting, and takes five times as long. Every scalar
is its text, as Prometheus takes it: `no`, `025` and `22:30` are what they look like.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum, auto
from typing import Any, Final, NamedTuple

import yaml

# PyYAML built without libyaml is slower and gives the same events.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# What twenty shards of one fleet would share; each reads the whole list. As many
# groups may there be: often each has one target.
MAX_TARGETS = 200_000
# Room for that many with 300 octets each, which a few long labels take.
MAX_OCTETS = 64 * 1024 * 1024
# A group for each target, with four labels, has 14; each costs some 100 octets.
MAX_NODES = 4_000_000
# Targets and labels stand at 3; anything much deeper is another kind of file.
MAX_DEPTH = 32
# Each label is written in each of a target's hundred series.
MAX_LABELS = 50

_MODULE = "__param_module"
_THEIRS = "__"
_KEYS = ("targets", "labels")
_SHOWN_CHARACTERS = 80  # a terminal's line: who wrote it knows it by its beginning


class Form(Enum):
    """How the list is written."""

    JSON = auto()
    YAML = auto()


class Found(NamedTuple):
    """One target as it is written, not yet judged."""

    address: str  # `host` or `host:port`, if it is what it should be
    module: str | None
    labels: tuple[tuple[str, str], ...]  # without those that begin with `__`


class Unreadable(ValueError):
    """A text that stands for no list at all; the sentence says why."""


def read_groups(
    octets: bytes | bytearray, form: Form, complain: Callable[[str], object]
) -> Iterator[Found]:
    """Give the targets one by one, and a sentence for each thing that is left out.

    Holds Python's lock for no longer than one group takes. Raises Unreadable, at the
    latest at the end: only then does the list stand.
    """
    reading = _Reading(complain)
    for number, group in enumerate(_ITEMS_OF[form](_text(octets))):
        if number == MAX_TARGETS:
            raise Unreadable(f"it has more than {MAX_TARGETS} groups")
        yield from reading.found(f"[{number}]", group)


def _text(octets: bytes | bytearray) -> str:
    if len(octets) > MAX_OCTETS:
        raise Unreadable(f"it is longer than {MAX_OCTETS} octets")
    try:
        text = octets.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable(f"it is not UTF-8: {error.reason}") from None
    if not text or text.isspace():
        raise Unreadable("it is empty; `[]` would stand for no targets")
    return text


def shown(text: str) -> str:
    """Show text inside a sentence: in backticks, on one line, bounded."""
    cut = "..." if len(text) > _SHOWN_CHARACTERS else ""
    return f"`{''.join(map(_printable, text[:_SHOWN_CHARACTERS]))}{cut}`"


def _printable(character: str) -> str:
    return (
        character
        if character.isprintable()
        else character.encode("unicode_escape").decode("ascii")
    )


class _Odd(NamedTuple):
    """Stands where a mapping is that cannot be one."""

    sentence: str


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
                place, f"{shown(strange)} means nothing in a group; it is ignored"
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
                self._complain(f"{place}.{shown(name)}", _must_be("text", value))
                return None
        return [pair for pair in labels.items() if pair[1] and isinstance(pair[1], str)]

    def _complain(self, place: str, sentence: str) -> None:
        self._on_complaint(f"{place}: {sentence}")


def _must_be(what: str, value: object) -> str:
    if isinstance(value, _Odd):
        return value.sentence
    return f"must be {what}, not {_NOUN_OF.get(type(value), 'a number')}"


_NOUN_OF: Final[Mapping[type, str]] = {
    str: "text",
    bool: "a truth value",
    type(None): "nothing",
    list: "a list",
    dict: "a mapping",
}
_TOO_MANY = "it has more than {} values and keys"
_NO_LIST = 'it is not a list of groups, as in `[{"targets": ["mx1.example.com:25"]}]`'


def _mapping(keys: list[Any], values: Iterable[Any]) -> dict[str, Any] | _Odd:
    if not all(type(key) is str for key in keys):
        return _Odd("a key must be plain text")
    made = dict(zip(keys, values, strict=True))
    if len(made) == len(keys):
        return made
    twice = Counter(keys).most_common(1)[0][0]
    return _Odd(f"the key {shown(twice)} is written twice")


# --- JSON, one group after the other: a whole list at once would hold Python's lock

_BLANK = re.compile(r"[ \t\n\r]*")


def _json_items(text: str) -> Iterator[object]:
    # Never fewer than there are values, and found out before any of them is made.
    if sum(map(text.count, "[{,")) > MAX_NODES:
        raise Unreadable(_TOO_MANY.format(MAX_NODES))
    start = _behind_blank(text, 0)
    if not text.startswith("[", start):
        raise Unreadable(_NO_LIST)
    try:
        yield from _json_list(text, start)
    except json.JSONDecodeError as error:
        raise Unreadable(
            f"line {error.lineno}, column {error.colno}: this is not JSON: {error.msg}"
        ) from None
    except RecursionError:
        raise Unreadable("it is nested too deep") from None
    except ValueError as error:  # an integer of thousands of digits
        raise Unreadable(f"this is not JSON: {error}") from None


def _json_list(text: str, start: int) -> Iterator[object]:
    decode = json.JSONDecoder(object_pairs_hook=_pairs).raw_decode
    at = _behind_blank(text, start + 1)
    more = not text.startswith("]", at)
    while more:
        item, at = decode(text, at)
        yield item
        at = _behind_blank(text, at)
        if more := text.startswith(",", at):
            at = _behind_blank(text, at + 1)
    if not text.startswith("]", at):
        raise json.JSONDecodeError("Expecting ',' or ']'", text, at)
    if _behind_blank(text, at + 1) != len(text):
        raise json.JSONDecodeError("Extra data", text, at + 1)


def _behind_blank(text: str, at: int) -> int:
    match = _BLANK.match(text, at)
    return match.end() if match else at


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any] | _Odd:
    made = dict(pairs)
    if len(made) == len(pairs):
        return made
    return _mapping([key for key, _ in pairs], [value for _, value in pairs])


# --- YAML


def _yaml_items(text: str) -> Iterator[object]:
    builder = _Builder()
    try:
        for event in yaml.parse(text, Loader=_Loader):
            builder.take(event)
            if builder.items:
                yield builder.items.pop()
    except yaml.MarkedYAMLError as error:
        said = ", ".join(part for part in (error.context, error.problem) if part)
        raise _at(error.problem_mark, f"this is not YAML: {said}") from None
    except Unreadable:
        raise
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        # The parser in Python lets a few of its own conversions raise.
        said = " ".join(str(error).split())
        raise Unreadable(f"this is not YAML: {said}") from None
    if not builder.documents:
        raise Unreadable(_NO_LIST)


def _at(mark: Any, sentence: str) -> Unreadable:
    place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    return Unreadable(place + sentence)


class _Builder:
    """Turns events into lists, mappings and text.

    The items of the outermost list are for taking away as soon as they are complete.
    """

    def __init__(self) -> None:
        self.items: list[Any] = []
        self.documents = 0
        self._open: list[tuple[list[Any], str | None]] = []  # with the anchor
        self._inner: list[Any] | None = None  # of the last: keys and values in turn
        self._anchored: dict[str, object] = {}
        self._nodes = 0
        self._take: dict[type, Callable[[Any], None]] = {
            yaml.ScalarEvent: self._scalar,
            yaml.SequenceStartEvent: self._start,
            yaml.MappingStartEvent: self._start,
            yaml.SequenceEndEvent: self._end_list,
            yaml.MappingEndEvent: self._end_mapping,
            yaml.AliasEvent: self._alias,
            yaml.DocumentStartEvent: self._document,
        }

    def take(self, event: yaml.Event) -> None:
        """Add what one event brings."""
        take = self._take.get(type(event))
        if take:
            take(event)

    def _document(self, event: yaml.DocumentStartEvent) -> None:
        self.documents += 1
        if self.documents > 1:
            raise _at(event.start_mark, "a second document begins; keep one to a file")

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        text: str = event.value
        self._add(None if text in _NULL and not event.style else text, event.anchor)

    def _alias(self, event: yaml.AliasEvent) -> None:
        name = event.anchor or ""
        if name not in self._anchored:
            raise _at(event.start_mark, f"nothing before has the anchor {shown(name)}")
        self._add(self._anchored[name], None)

    def _start(self, event: yaml.CollectionStartEvent) -> None:
        if len(self._open) >= MAX_DEPTH:
            raise _at(event.start_mark, f"nested more than {MAX_DEPTH} deep")
        if not self._open and not isinstance(event, yaml.SequenceStartEvent):
            raise Unreadable(_NO_LIST)
        self._inner = [] if self._open else self.items
        self._open.append((self._inner, event.anchor))

    def _end_list(self, _: yaml.SequenceEndEvent) -> None:
        inner, anchor = self._close()
        if self._open:
            self._add(inner, anchor)

    def _end_mapping(self, _: yaml.MappingEndEvent) -> None:
        inner, anchor = self._close()
        self._add(_mapping(inner[::2], inner[1::2]), anchor)

    def _close(self) -> tuple[list[Any], str | None]:
        closed = self._open.pop()
        self._inner = self._open[-1][0] if self._open else None
        return closed

    def _add(self, value: object, anchor: str | None) -> None:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise Unreadable(_TOO_MANY.format(MAX_NODES))
        if anchor is not None:
            self._anchored[anchor] = value
        if self._inner is None:
            raise Unreadable(_NO_LIST)
        self._inner.append(value)


_NULL = frozenset({"", "~", "null", "Null", "NULL"})  # YAML 1.2, 10.3.2
_ITEMS_OF: Final[Mapping[Form, Callable[[str], Iterator[object]]]] = {
    Form.JSON: _json_items,
    Form.YAML: _yaml_items,
}
