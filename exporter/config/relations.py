"""What is wrong only when two keys are held side by side.

Holds four laws: no two targets have one name, a target's module is there, a Unix socket
has no part of TCP, and a hold ends before the probe's deadline. Refuses to judge a key
by itself, and what the keys of one module need of each other.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping

from exporter.config.address import is_unix
from exporter.config.builtin import BUILT_IN, DEFAULT_MODULE, PLANNED, UNIX_MODULE
from exporter.config.complaint import Complaints, did_you_mean, quoted
from exporter.config.duration import spell_duration
from exporter.config.model import TargetKeys
from exporter.config.module_keys import ModuleKeys
from exporter.config.reader import Entry, Node

# Seconds that a probe needs beside its hold: a connect, a greeting, two commands.
_ROOM = 1.0

Numbered = Iterable[tuple[int, TargetKeys]]


def check_names(targets: Numbered, root: Node, complaints: Complaints) -> None:
    """Complain about each target whose name another target before it has."""
    first_of: dict[str, int] = {}
    for number, target in targets:
        first = first_of.setdefault(target.full_name, number)
        if first != number:
            line = _item(root, first).place.line
            _complain(
                f"{quoted(target.full_name)} is already the name of the target on line "
                f"{line}; give this one its own with `name:`",
                (number, "name"),
                root,
                complaints,
            )


def check_modules(targets: Numbered, root: Node, complaints: Complaints) -> None:
    """Complain about each target whose module is neither built in nor written."""
    written = root.entries.get("modules")
    added = map(str, written.node.entries) if written else ()
    modules = dict.fromkeys((*BUILT_IN, *added))
    for number, target in targets:
        if target.module_name not in modules:
            message = _about_module(target, modules)
            _complain(message, (number, "module"), root, complaints)


def check_sockets(root: Node, complaints: Complaints) -> None:
    """Complain about each Unix socket that is given a port or an address."""
    for number, node in _unix_sockets(root):
        if node.find("port"):
            message = "a Unix socket has no port; leave this out"
            _complain(message, (number, "port"), root, complaints)
        written = node.find("module")
        module = UNIX_MODULE if written is None else written.node.text or ""
        if root.find("modules", module, "source_address"):
            message = no_source_address(module)
            _complain(message, (number, "module"), root, complaints)


def _unix_sockets(root: Node) -> Iterator[tuple[int, Node]]:
    """Give the targets that mean a Unix socket, sound or not, with their numbers."""
    targets = root.find("targets")
    for number, item in targets.node.entries.items() if targets else ():
        host = item.node.find("host") or item
        if isinstance(number, int) and is_unix(host.node.text or ""):
            yield number, item.node


def no_source_address(module: str) -> str:
    """Say why a Unix socket cannot be probed with this module."""
    return (
        "a Unix socket is not connected to from an address; choose a module without "
        f"`source_address`, which {quoted(module)} has"
    )


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


def _about_module(target: TargetKeys, modules: Collection[str]) -> str:
    module = quoted(target.module_name)
    if target.module is None:
        return (
            f"port {target.port} calls for the module {module}, which is not supported "
            "by this version; choose one with `module:`, as in "
            f"{{host: {target.host}, port: {target.port}, module: {DEFAULT_MODULE}}}"
        )
    known = f"the modules are {', '.join(modules)}"
    if target.module in PLANNED:
        return f"the module {module} is not supported by this version; {known}"
    remedy = did_you_mean(target.module, modules) or known
    return f"there is no module {module}; {remedy}"


def _complain(
    message: str, location: tuple[int, str], root: Node, complaints: Complaints
) -> None:
    """Complain at a target's key, or at the target where it has no such key."""
    number, key = location
    item = _item(root, number)
    written = item.node.entries.get(key)
    complaints.add(
        message,
        place=(written or item).node.place,
        path=("targets", number, key) if written else ("targets", number),
    )


def _item(root: Node, number: int) -> Entry:
    return root.entries["targets"].node.entries[number]
