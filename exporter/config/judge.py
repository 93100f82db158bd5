"""The tree held against the model -> a document, or complaints in plain words.

Holds the way from pydantic's errors to places in the file; refuses pydantic's jargon,
and what takes two keys to judge.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from exporter.config.complaint import Complaints, did_you_mean
from exporter.config.kinds import NO_VALUE, noun
from exporter.config.model import (
    NO_TARGETS,
    Dns,
    Document,
    Limits,
    Metrics,
    Schedule,
    TargetItem,
    TargetKeys,
)
from exporter.config.module_keys import (
    AuthKeys,
    ExpectKeys,
    MailKeys,
    ModuleKeys,
    ReplyKeys,
    TimeoutKeys,
)
from exporter.config.reader import Entry, Node
from exporter.config.section import Section

_NAMED = "*"  # a module's name or a target's number
_SECTION_AT: Mapping[tuple[str, ...], type[Section]] = {
    (): Document,
    ("schedule",): Schedule,
    ("limits",): Limits,
    ("dns",): Dns,
    ("metrics",): Metrics,
    ("modules", _NAMED): ModuleKeys,
    ("modules", _NAMED, "timeouts"): TimeoutKeys,
    ("modules", _NAMED, "auth"): AuthKeys,
    ("modules", _NAMED, "mail"): MailKeys,
    ("modules", _NAMED, "expect"): ExpectKeys,
    ("modules", _NAMED, "expect", "reply"): ReplyKeys,
    ("targets", _NAMED): TargetKeys,
}
_NAMING = frozenset(path[0] for path in _SECTION_AT if _NAMED in path)

# pydantic's names for what can go wrong, and ours.
_UNKNOWN = "extra_forbidden"
_MISSING = "missing"
_OURS = "value_error"
_TOO_SHORT = "too_short"
_OF_KEY = "[key]"
_ABOUT_MISSING = {
    "targets": NO_TARGETS,
    "host": "say which server is to be probed",
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
_TARGET: TypeAdapter[TargetKeys] = TypeAdapter(TargetItem)

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


def sound_targets(root: Node) -> Iterator[tuple[int, TargetKeys]]:
    """Give the targets that can be read each by itself, with their numbers."""
    items = root.value.get("targets") if isinstance(root.value, dict) else None
    for number, item in enumerate(items if isinstance(items, list) else ()):
        with suppress(ValidationError):
            yield number, _TARGET.validate_python(item)


def _is_an_echo(error: ErrorDetails) -> bool:
    """Whether a list is called too short because of items that are complained about."""
    return error["type"] == _TOO_SHORT and bool(error["input"])


def _complain(error: ErrorDetails, root: Node, complaints: Complaints) -> None:
    location = error["loc"]
    trail = tuple(_trail(root, location))
    last = trail[-1] if trail else Entry(root.place, root)
    about_name = location[len(trail) :] == (_OF_KEY,)
    complaints.add(
        _sentence(error),
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


def _sentence(error: ErrorDetails) -> str:
    if error["type"] == _UNKNOWN:
        return _about_unknown(error["loc"])
    if error["type"] == _OURS:
        return str(error["ctx"]["error"])
    if error["type"] == _MISSING:
        return _ABOUT_MISSING[str(error["loc"][-1])]
    if error["input"] is None:
        return NO_VALUE
    return _ABOUT_SHAPE[error["type"]].format(
        found=noun(error["input"]), **error.get("ctx", {})
    )


def _about_unknown(location: Location) -> str:
    *above, key = map(str, location)
    if above and above[0] in _NAMING:
        above[1] = _NAMED
    section = _SECTION_AT[tuple(above)]
    if key in section.refused:
        return section.refused[key]
    known = section.keys()
    remedy = did_you_mean(key, known) or f"the keys here are {', '.join(known)}"
    return f"unknown key; {remedy}"
