"""What is wrong only when two keys are held side by side.

Holds three laws: no two targets have one name, a target's module is there, and a hold
ends before the probe's deadline. Refuses to judge a key by itself.
"""

from collections.abc import Collection, Iterable, Mapping

from exporter.config.builtin import BUILT_IN, DEFAULT_MODULE, PLANNED
from exporter.config.complaint import Complaints, did_you_mean, quoted
from exporter.config.duration import spell_duration
from exporter.config.model import ModuleKeys, TargetKeys
from exporter.config.reader import Entry, Node

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


def check_holds(
    modules: Mapping[str, ModuleKeys], root: Node, complaints: Complaints
) -> None:
    """Complain about each hold that no probe could see the end of."""
    for name, keys in modules.items():
        if keys.hold >= keys.timeout and keys.hold:
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
