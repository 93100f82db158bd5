"""One level of keys of a web config, held against a table of what may stand there.

Holds the walk and its complaints; refuses to know any key. The file is not ours but
exporter-toolkit's, so it has no model and no JSON Schema here.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from exporter.config.complaint import Complaints, Refusal, did_you_mean
from exporter.config.kinds import NO_VALUE, noun
from exporter.config.reader import Entry, Node, Path

Judge = Callable[[object], object]


class Each(NamedTuple):
    """A list: each of its items is judged by itself."""

    judge: Judge


class Named(NamedTuple):
    """A mapping of names that the owner chose: each name and each value is judged."""

    name: Judge
    judge: Judge


class Level(NamedTuple):
    """A mapping of keys that are known."""

    keys: "Mapping[str, Judge | Each | Named | Level]"


def walk(node: Node, level: Level, path: Path, complaints: Complaints) -> object:
    """Give what is written by key, as far as it is sound; complain about the rest."""
    if not isinstance(node.value, dict):
        complaints.add(
            f"must be a mapping of keys, not {noun(node.value)}",
            place=node.place,
            path=path,
        )
        return {}
    sound = {}
    for key, entry in node.entries.items():
        here = (*path, key)
        if (known := level.keys.get(str(key))) is None:
            complaints.add(_unknown(str(key), level), place=entry.place, path=here)
        elif entry.node.value is None:
            complaints.add(NO_VALUE, place=entry.node.place, path=here)
        else:
            sound[str(key)] = _value(entry, known, here, complaints)
    return sound


def _unknown(key: str, level: Level) -> str:
    near = did_you_mean(key, level.keys)
    return f"unknown key; {near or 'the keys here are ' + ', '.join(level.keys)}"


def _value(
    entry: Entry,
    known: Judge | Each | Named | Level,
    path: Path,
    complaints: Complaints,
) -> object:
    match known:
        case Level():
            return walk(entry.node, known, path, complaints)
        case Each():
            return _items(entry.node, known, path, complaints)
        case Named():
            return _names(entry.node, known, path, complaints)
        case _:
            return _judged(known, entry.node, path, complaints)


def _items(node: Node, each: Each, path: Path, complaints: Complaints) -> object:
    if not isinstance(node.value, list):
        complaints.add(
            f"must be a list, not {noun(node.value)}", place=node.place, path=path
        )
        return ()
    return tuple(
        _judged(each.judge, entry.node, (*path, index), complaints)
        for index, entry in node.entries.items()
    )


def _names(node: Node, named: Named, path: Path, complaints: Complaints) -> object:
    if not isinstance(node.value, dict):
        complaints.add(
            f"must be a mapping, not {noun(node.value)}", place=node.place, path=path
        )
        return {}
    sound = {}
    for name, entry in node.entries.items():
        key = Node(entry.place, name)
        _judged(named.name, key, path, complaints)
        here = (*path, name)
        sound[name] = _judged(named.judge, entry.node, here, complaints)
    return sound


def _judged(judge: Judge, node: Node, path: Path, complaints: Complaints) -> object:
    try:
        if node.value is None:
            raise Refusal(NO_VALUE)  # noqa: TRY301 -- told where every refusal is told
        return judge(node.value)
    except Refusal as refusal:
        complaints.add(str(refusal), place=node.place, path=path)
        return None
