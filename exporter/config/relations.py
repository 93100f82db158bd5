"""What is wrong only when two keys are held side by side.

Holds the laws of items: there is one, no two have one name, no domain stands twice at
one port, and the module of each is there; and one of modules: a hold ends before the
probe's deadline. Refuses to judge a key by itself, what the keys of one module need of
each other, and what a Unix socket has no part of.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from exporter.config.builtin import BUILT_IN, no_module
from exporter.config.complaint import Complaints
from exporter.config.discovery_keys import SourceKeys
from exporter.config.duration import spell_duration
from exporter.config.module_keys import ModuleKeys
from exporter.config.reader import Node
from exporter.config.target_keys import DomainKeys, ItemKeys, TargetKeys
from exporter.printable import quoted

# Seconds that a probe needs beside its hold: a connect, a greeting, two commands.
_ROOM = 1.0
_WHERE_TARGETS_ARE = ("targets", "discovery")

Numbered = Iterable[tuple[int, ItemKeys]]


class Spot(NamedTuple):
    """A key of an item, as in `targets[5].port`."""

    section: str
    number: int
    key: str


def check_any(root: Node, complaints: Complaints) -> None:
    """Complain when nothing is named that could be probed."""
    asked_for = root.find("on_demand", "enabled")
    if asked_for and asked_for.node.value is True:
        return  # its targets are named over HTTP
    written = [root.find(key) for key in _WHERE_TARGETS_ARE]
    if all(entry is None or entry.node.value == [] for entry in written):
        place = written[0].node.place if written[0] else root.place
        complaints.add(
            "name at least one mail server, or under `discovery` where they are found",
            place=place,
            path=_WHERE_TARGETS_ARE[:1],
        )


def check_names(items: Numbered, root: Node, complaints: Complaints) -> None:
    """Complain about each target whose name another target before it has."""
    first_of: dict[str, int] = {}
    for number, target in items:
        if not isinstance(target, TargetKeys):
            continue
        first = first_of.setdefault(target.full_name, number)
        if first != number:
            complain(
                f"{quoted(target.full_name)} is already the name of the target on line "
                f"{_line(root, first)}; give this one its own with `name:`",
                Spot("targets", number, "name"),
                root,
                complaints,
            )


def check_domains(items: Numbered, root: Node, complaints: Complaints) -> None:
    """Complain about each domain that stands there twice at one port."""
    first_of: dict[tuple[str, int], int] = {}
    for number, keys in items:
        if not isinstance(keys, DomainKeys):
            continue
        domain = keys.domain.lower().removesuffix(".")  # the DNS knows no difference
        first = first_of.setdefault((domain, keys.port), number)
        if first != number:
            complain(
                f"the mail exchangers of {quoted(keys.domain)} are probed on port "
                f"{keys.port} already, by line {_line(root, first)}; leave one of them "
                "out",
                Spot("targets", number, "mx"),
                root,
                complaints,
            )


def check_modules(
    items: Numbered,
    sources: Iterable[tuple[int, SourceKeys]],
    root: Node,
    complaints: Complaints,
) -> None:
    """Complain about each module that is neither built in nor written."""
    written = root.entries.get("modules")
    added = map(str, written.node.entries) if written else ()
    modules = dict.fromkeys((*BUILT_IN, *added))
    wanted = [
        *((item.module, Spot("targets", number, "module")) for number, item in items),
        *(
            (keys.module, Spot("discovery", number, "module"))
            for number, keys in sources
        ),
    ]
    for module, spot in wanted:
        if module is not None and module not in modules:
            complain(no_module(module, modules), spot, root, complaints)


def check_holds(
    modules: Mapping[str, ModuleKeys], root: Node, complaints: Complaints
) -> None:
    """Complain about each hold that no probe could see the end of."""
    for name, keys in modules.items():
        if keys.hold and keys.hold + _ROOM > keys.timeout:
            hold, timeout = spell_duration(keys.hold), spell_duration(keys.timeout)
            module = root.entries["modules"].node.entries[name].node
            complaints.add(
                f"a hold of `{hold}` never ends before the probe's deadline; set "
                f"`timeout`, which is `{timeout}`, well above it",
                place=module.entries["hold"].node.place,
                path=("modules", name, "hold"),
            )


def complain(message: str, spot: Spot, root: Node, complaints: Complaints) -> None:
    """Complain at an item's key, or at the item where it has no such key."""
    item = root.entries[spot.section].node.entries[spot.number]
    written = item.node.entries.get(spot.key)
    complaints.add(
        message,
        place=(written or item).node.place,
        path=spot if written else spot[:2],
    )


def _line(root: Node, number: int) -> int:
    return root.entries["targets"].node.entries[number].place.line
