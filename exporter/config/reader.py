"""YAML text -> one tree of plain values in which each knows its place.

Holds the guards, which judge the parser's events before anything is built of them; the
rules that YAML leaves open (one document, keys are text and stand once, no tags beyond
the core ones); and the tree. Refuses to know what any key means.

The tree is built here and not by PyYAML's composer, because that one recurses (its C
form ends the process on deep nesting), lets duplicate keys pass, and reads YAML 1.1.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple, Protocol

import yaml

from exporter.config.complaint import Complaints, Place
from exporter.config.scalar import resolve
from exporter.config.source import MAX_OCTETS, place_behind
from exporter.printable import quoted

# PyYAML built without libyaml is four times slower and gives the same events.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# The deepest key (targets, one, labels, site) stands at 4; anything else is a mistake.
MAX_DEPTH = 32
# 100,000 targets with labels are about two million nodes, ten times what one process
# should probe; each costs some 300 octets of memory. Counted as written out, so that
# aliases of aliases cannot multiply past it.
MAX_NODES = 2_000_000
# An alias saves a few lines in a module. A hundred are more than there are keys.
MAX_ALIASES = 100

# What YAML 1.2, 5.1, leaves out of a stream, and byte order marks inside the text.
_UNPRINTABLE = re.compile(
    "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
_SURROGATE = re.compile("[\ud800-\udfff]")
_CORE_TAG = "tag:yaml.org,2002:"


class Node(NamedTuple):
    """A value, its place, and the same of everything inside it."""

    place: Place
    value: object  # str, int, float, bool, None, list or dict, all the way down
    entries: Mapping[str | int, "Entry"] = {}
    size: int = 1  # nodes inside it and itself, aliases written out
    text: str | None = None  # a scalar's text, whatever it means; None: not a scalar

    def find(self, first: str | int, *rest: str | int) -> "Entry | None":
        """Give what stands at a path inside this value, if anything does."""
        entry = self.entries.get(first)
        return entry.node.find(*rest) if entry and rest else entry


class Entry(NamedTuple):
    """One item of a list, or one key of a mapping with its value."""

    place: Place  # the key's own; of a list's item, the item's
    node: Node


Path = tuple[str | int, ...]


def read(text: str, complaints: Complaints) -> Node | None:
    """Read one document; None when there is nothing in it.

    Stops at what isn't YAML or goes over a guard; notes the rest and goes on.
    """
    text = text.removeprefix("\ufeff")
    if len(text) > MAX_OCTETS:
        complaints.stop(f"the text is longer than {MAX_OCTETS} characters")
    if strange := _UNPRINTABLE.search(text):
        complaints.stop(
            f"the character U+{ord(strange[0]):04X} may not stand in YAML; leave it "
            r'out, or write it inside double quotes as in "\x07"',
            place=place_behind(text[: strange.start()]),
        )
    composer = _Composer(complaints)
    try:
        for event in _guarded(yaml.parse(text, Loader=_Loader), complaints):
            composer.take(event)
    except yaml.MarkedYAMLError as error:
        complaints.stop(_problem(error), place=_place(error.problem_mark))
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        # The parser in Python lets a few of its own conversions raise.
        complaints.stop(f"this is not YAML: {error}")
    return composer.root


def _problem(error: yaml.MarkedYAMLError) -> str:
    said = ", ".join(part for part in (error.context, error.problem) if part)
    remedies = (remedy for words, remedy in _REMEDY_OF.items() if words in said)
    return "; ".join((f"this is not YAML: {said}", *remedies))


_TOO_DEEP = f"nested more than {MAX_DEPTH} deep"
_QUOTE_ALL = "text that begins with `[`, `{` or a quote goes into quotes as a whole"
# By words of either parser.
_REMEDY_OF: Final[Mapping[str, str]] = {
    "that cannot start any token": "indent with spaces, not tabs, and put text that "
    "begins with a special character in quotes",
    "mapping values are not allowed": "text that holds `: ` needs quotes",
    "did not find expected key": _QUOTE_ALL,
    "did not find expected '-' indicator": _QUOTE_ALL,
    "expected <block end>": _QUOTE_ALL,
    "node content": _QUOTE_ALL,
    "maximum nesting depth": _TOO_DEEP,  # the bound of libyaml itself, since 0.2.6
}


class _Mark(Protocol):
    """A mark of either of PyYAML's parsers; both count from 0."""

    @property
    def line(self) -> int: ...
    @property
    def column(self) -> int: ...


def _place(mark: _Mark | None) -> Place:
    return Place(1, 1) if mark is None else Place(mark.line + 1, mark.column + 1)


def _guarded(
    events: Iterable[yaml.Event], complaints: Complaints
) -> Iterator[yaml.Event]:
    """Hand on the events, and stop before the first that goes over a guard."""
    guards = (
        (MAX_DEPTH, _TOO_DEEP),
        (MAX_NODES, f"more than {MAX_NODES} values and keys"),
        (MAX_ALIASES, f"more than {MAX_ALIASES} aliases (`*name`)"),
        (1, "a second document begins here; keep one to a file"),
    )
    depth = nodes = aliases = documents = 0
    for event in events:
        depth += _DEPTH_OF.get(type(event), 0)
        nodes += isinstance(event, yaml.NodeEvent)
        aliases += isinstance(event, yaml.AliasEvent)
        documents += isinstance(event, yaml.DocumentStartEvent)
        counted = (depth, nodes, aliases, documents)
        for count, (limit, message) in zip(counted, guards, strict=True):
            if count > limit:
                complaints.stop(message, place=_place(event.start_mark))
        yield event


_DEPTH_OF: Final[Mapping[type, int]] = {
    yaml.SequenceStartEvent: 1,
    yaml.MappingStartEvent: 1,
    yaml.SequenceEndEvent: -1,
    yaml.MappingEndEvent: -1,
}


class _List:
    """A list while it is read."""

    def __init__(self, place: Place, path: Path) -> None:
        self.place = place
        self.path = path
        self._entries: dict[str | int, Entry] = {}

    @property
    def here(self) -> Path:
        """Where the next value will stand."""
        return (*self.path, len(self._entries))

    def add(self, node: Node) -> None:
        self._entries[len(self._entries)] = Entry(node.place, node)

    def node(self) -> Node:
        value = [entry.node.value for entry in self._entries.values()]
        return _collection(self.place, value, self._entries)


class _Mapping:
    """A mapping while it is read: a key, its value, a key, its value."""

    def __init__(self, place: Place, path: Path, complaints: Complaints) -> None:
        self.place = place
        self.path = path
        self._complaints = complaints
        self._entries: dict[str | int, Entry] = {}
        self._key: Node | None = None  # the one whose value comes next

    @property
    def here(self) -> Path:
        """Where the next value will stand."""
        return self.path if self._key is None else (*self.path, self._key.text or "")

    def add(self, node: Node) -> None:
        if self._key is None:
            self._key = node
            return
        key, self._key = self._key, None
        if key.text is None:
            self._complain(key, "a key must be plain text, not a list or a mapping")
        elif key.text == "<<":
            self._complain(key, "merge keys are not supported; write the keys out")
        elif first := self._entries.get(key.text):
            self._complain(
                key,
                f"this key is written twice, first on line {first.place.line}; "
                "leave one of them out",
            )
        else:
            self._entries[key.text] = Entry(key.place, node)

    def _complain(self, key: Node, message: str) -> None:
        path = self.path if key.text is None else (*self.path, key.text)
        self._complaints.add(message, place=key.place, path=path)

    def node(self) -> Node:
        value = {key: entry.node.value for key, entry in self._entries.items()}
        return _collection(self.place, value, self._entries)


def _collection(
    place: Place, value: object, entries: Mapping[str | int, Entry]
) -> Node:
    size = 1 + sum(entry.node.size for entry in entries.values())
    return Node(place, value, entries, size)


class _Composer:
    """Turns events into nodes without recursion."""

    def __init__(self, complaints: Complaints) -> None:
        self.root: Node | None = None
        self._complaints = complaints
        self._open: list[tuple[_List | _Mapping, str | None]] = []  # with its anchor
        self._anchored: dict[str, Node] = {}
        self._written_out = 0  # nodes that aliases stand for

    def take(self, event: yaml.Event) -> None:
        """Add what one event brings."""
        match event:
            case yaml.ScalarEvent():
                self._add(self._scalar(event), event.anchor)
            case yaml.AliasEvent():
                self._add(self._alias(event), None)
            case yaml.SequenceStartEvent():
                self._check_tag(event, "seq")
                opened = _List(_place(event.start_mark), self._here)
                self._open.append((opened, event.anchor))
            case yaml.MappingStartEvent():
                self._check_tag(event, "map")
                place = _place(event.start_mark)
                mapping = _Mapping(place, self._here, self._complaints)
                self._open.append((mapping, event.anchor))
            case yaml.CollectionEndEvent():
                closed, anchor = self._open.pop()
                self._add(closed.node(), anchor)
            case _:
                pass  # the beginnings and ends of the stream and of the document

    @property
    def _here(self) -> Path:
        return self._open[-1][0].here if self._open else ()

    def _add(self, node: Node, anchor: str | None) -> None:
        if anchor is not None:
            self._anchored[anchor] = node
        if self._open:
            self._open[-1][0].add(node)
        else:
            self.root = node

    def _scalar(self, event: yaml.ScalarEvent) -> Node:
        text: str = event.value
        place = _place(event.start_mark)
        if _SURROGATE.search(text):
            self._complaints.add(
                "half of a surrogate pair is no character; write it as in \\U0001F600",
                place=place,
                path=self._here,
            )
        plain, value = resolve(text)
        if event.tag is None:
            return Node(place, text if event.style else value, text=text)
        tag = self._check_tag(event, plain, "str")
        return Node(place, text if tag == "str" else value, text=text)

    def _check_tag(
        self, event: yaml.ScalarEvent | yaml.CollectionStartEvent, *fitting: str
    ) -> str:
        """Give the tag's short name; complain when it doesn't fit what it stands at."""
        if event.tag is None:
            return fitting[0]
        tag: str = event.tag.removeprefix(_CORE_TAG)
        if tag == event.tag or tag not in fitting:
            shown = event.tag.replace(_CORE_TAG, "!!", 1)
            self._complaints.add(
                f"the tag {quoted(shown)} may not stand here; leave it out",
                place=_place(event.start_mark),
                path=self._here,
            )
        return tag

    def _alias(self, event: yaml.AliasEvent) -> Node:
        place = _place(event.start_mark)
        name = event.anchor or ""
        node = self._anchored.get(name)
        if node is None:
            self._complaints.stop(
                f"the alias {quoted('*' + name)} has no anchor {quoted('&' + name)} "
                "before it",
                place=place,
            )
        self._written_out += node.size
        if self._written_out > MAX_NODES:
            self._complaints.stop(
                f"aliases stand for more than {MAX_NODES} values and keys", place=place
            )
        return node._replace(place=place)
