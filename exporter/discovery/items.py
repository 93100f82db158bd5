"""Octets -> the items of a list, one by one, in JSON or YAML; pure.

Holds what may be read at all: bounds, and the words for what cannot be. Refuses to know
what an item means. A text that cannot be read to its end is no list.

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

from exporter.printable import quoted

# PyYAML built without libyaml is slower and gives the same events.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# Room for 200,000 targets with 300 octets each, which a few long labels take.
MAX_OCTETS = 64 * 1024 * 1024
# A group for each target, with four labels, has 14; each costs some 100 octets.
MAX_NODES = 4_000_000
# Targets and labels stand at 3; anything much deeper is another kind of file.
MAX_DEPTH = 32

Octets = bytes | bytearray


class Form(Enum):
    """How the list is written."""

    JSON = auto()
    YAML = auto()


class Unreadable(ValueError):
    """A text that stands for no list at all; the sentence says why."""


class Odd(NamedTuple):
    """Stands where a mapping is that cannot be one."""

    sentence: str


def items_of(octets: Octets, form: Form) -> Iterator[object]:
    """Give the items of a list; scalars are text, None, or what JSON has.

    Holds Python's lock for no longer than one item takes. Raises Unreadable, at the
    latest at the end: only then does the list stand.
    """
    yield from _ITEMS_OF[form](_text(octets))


def _text(octets: Octets) -> str:
    if len(octets) > MAX_OCTETS:
        raise Unreadable(f"it is longer than {MAX_OCTETS} octets")
    try:
        text = octets.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable(f"it is not UTF-8: {error.reason}") from None
    if not text or text.isspace():
        raise Unreadable("it is empty; `[]` would stand for no targets")
    return text


_TOO_MANY = "it has more than {} values and keys"
_NO_LIST = 'it is not a list of groups, as in `[{"targets": ["mx1.example.com:25"]}]`'


def _mapping(keys: list[Any], values: Iterable[Any]) -> dict[str, Any] | Odd:
    if not all(type(key) is str for key in keys):
        return Odd("a key must be plain text")
    made = dict(zip(keys, values, strict=True))
    if len(made) == len(keys):
        return made
    twice = Counter(keys).most_common(1)[0][0]
    return Odd(f"the key {quoted(twice)} is written twice")


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


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any] | Odd:
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
            raise _at(event.start_mark, f"nothing before has the anchor {quoted(name)}")
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
