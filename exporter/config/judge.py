"""The tree held against the model -> a document, or complaints in plain words.

Holds the way from pydantic's errors to places in the file; refuses pydantic's jargon,
and what takes two keys to judge.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from exporter.config.complaint import Complaints, did_you_mean
from exporter.config.discovery_keys import SourceItem, SourceKeys, source_section
from exporter.config.kinds import NO_VALUE, noun
from exporter.config.model import Dns, Document, History, Limits, Metrics, Schedule
from exporter.config.module_keys import ModuleKeys
from exporter.config.on_demand_keys import OnDemandKeys
from exporter.config.reader import Entry, Node
from exporter.config.section import Section
from exporter.config.talk_keys import (
    AuthKeys,
    ExpectKeys,
    MailKeys,
    ReplyKeys,
    TimeoutKeys,
)
from exporter.config.target_keys import ItemKeys, TargetItem, item_section

T = TypeVar("T")

_NAMED = "*"  # a module's name
_SECTION_AT: Mapping[tuple[str, ...], type[Section]] = {
    (): Document,
    ("schedule",): Schedule,
    ("limits",): Limits,
    ("dns",): Dns,
    ("metrics",): Metrics,
    ("on_demand",): OnDemandKeys,
    ("history",): History,
    ("modules", _NAMED): ModuleKeys,
    ("modules", _NAMED, "timeouts"): TimeoutKeys,
    ("modules", _NAMED, "auth"): AuthKeys,
    ("modules", _NAMED, "mail"): MailKeys,
    ("modules", _NAMED, "expect"): ExpectKeys,
    ("modules", _NAMED, "expect", "reply"): ReplyKeys,
}
# Lists whose items have one shape or another.
_SECTION_OF_ITEM: Mapping[str, Callable[[dict[str, object]], type[Section]]] = {
    "targets": item_section,
    "discovery": source_section,
}

# pydantic's names for what can go wrong, and ours.
_UNKNOWN = "extra_forbidden"
_MISSING = "missing"
_OURS = "value_error"
_TOO_SHORT = "too_short"
_OF_KEY = "[key]"
_ABOUT_MISSING = {
    "host": "say which server is to be probed, or with `mx` which domain's exchangers",
    "username": "say who logs in",
    "rcpt": "say to whom, as in `rcpt: postmaster@example.com`",
}
_ABOUT_SHAPE = {
    "model_type": "must be a mapping, not {found}",
    "dict_type": "must be a mapping, not {found}",
    "list_type": "must be a list, not {found}; begin each item with `- `",
    "tuple_type": "must be a list, not {found}; begin each item with `- `",
    _TOO_SHORT: "must have {min_length} item or more",
    "too_long": "must have {max_length} items or fewer, not {actual_length}",
}
_ITEM: TypeAdapter[ItemKeys] = TypeAdapter(TargetItem)
_SOURCE: TypeAdapter[SourceKeys] = TypeAdapter(SourceItem)

Location = tuple[str | int, ...]


def to_document(root: Node, folder: Path, complaints: Complaints) -> Document | None:
    """Give the document; None, and complaints, when it cannot be one.

    The folder is where relative paths begin.
    """
    if root.value is not None and not isinstance(root.value, dict):
        complaints.stop(
            f"the file must hold keys such as `targets:`, not {noun(root.value)}",
            place=root.place,
        )
    try:
        return Document.model_validate(root.value or {}, context=folder)
    except ValidationError as errors:
        for error in errors.errors(include_url=False):
            if not _is_an_echo(error):
                _complain(error, root, complaints)
    return None


def sound_items(root: Node, folder: Path) -> Iterator[tuple[int, ItemKeys]]:
    """Give the targets and domains that can be read each by itself, numbered."""
    return _sound("targets", _ITEM, root, folder)


def sound_sources(root: Node, folder: Path) -> Iterator[tuple[int, SourceKeys]]:
    """Give the sources of discovery that can be read each by itself, numbered."""
    return _sound("discovery", _SOURCE, root, folder)


def _sound(
    key: str, adapter: TypeAdapter[T], root: Node, folder: Path
) -> Iterator[tuple[int, T]]:
    items = root.value.get(key) if isinstance(root.value, dict) else None
    for number, item in enumerate(items if isinstance(items, list) else ()):
        with suppress(ValidationError):
            yield number, adapter.validate_python(item, context=folder)


def _is_an_echo(error: ErrorDetails) -> bool:
    """Whether a list is called too short because of items that are complained about."""
    return error["type"] == _TOO_SHORT and bool(error["input"])


def _complain(error: ErrorDetails, root: Node, complaints: Complaints) -> None:
    location = error["loc"]
    trail = tuple(_trail(root, location))
    last = trail[-1] if trail else Entry(root.place, root)
    about_name = location[len(trail) :] == (_OF_KEY,)
    complaints.add(
        _sentence(error, root),
        place=last.place
        if about_name or error["type"] == _UNKNOWN
        else last.node.place,
        path=location[:-1] if about_name else location,
    )


def _trail(root: Node, location: Location) -> Iterator[Entry]:
    """Give what stands on the way to a location, as far as the file goes."""
    node = root
    for part in location:
        entry = node.entries.get(part)
        if entry is None:
            return
        yield entry
        node = entry.node


def _sentence(error: ErrorDetails, root: Node) -> str:
    if error["type"] == _UNKNOWN:
        return _about_unknown(error["loc"], root)
    if error["type"] == _OURS:
        return str(error["ctx"]["error"])
    if error["type"] == _MISSING:
        return _ABOUT_MISSING[str(error["loc"][-1])]
    if error["input"] is None:
        return NO_VALUE
    return _ABOUT_SHAPE[error["type"]].format(
        found=noun(error["input"]), **error.get("ctx", {})
    )


def _about_unknown(location: Location, root: Node) -> str:
    *above, key = location
    section = _section_at(above, root)
    if key in section.refused:
        return section.refused[str(key)]
    known = section.keys()
    remedy = did_you_mean(str(key), known) or f"the keys here are {', '.join(known)}"
    return f"unknown key; {remedy}"


def _section_at(above: list[str | int], root: Node) -> type[Section]:
    first = str(above[0]) if above else ""
    if first in _SECTION_OF_ITEM:
        item = root.value[first][above[1]]  # type: ignore[index]  # errors lead there
        return _SECTION_OF_ITEM[first](item)
    path = [str(part) for part in above]
    path[1:2] = [_NAMED] if first == "modules" else path[1:2]
    return _SECTION_AT[tuple(path)]
