"""What is wrong with `on_demand` only when two keys are held side by side.

Holds its laws: whoever switches it on says whom it is for, its modules are there, and
one that logs in has a host that it may be used for.
"""

from exporter.config.allow import to_allow_list
from exporter.config.builtin import BUILT_IN, no_module
from exporter.config.complaint import Complaints
from exporter.config.model import Document
from exporter.config.reader import Node
from exporter.printable import quoted

_SECTION = "on_demand"


def check_on_demand(document: Document, root: Node, complaints: Complaints) -> None:
    """Complain about whom nobody could probe, and by what."""
    keys = document.on_demand
    if keys.enabled and not keys.allow:
        _complain(
            'say who may be probed, as in `allow: ["*.example.com", 192.0.2.0/24]`',
            ("allow",) if root.find(_SECTION, "allow") else ("enabled",),
            root,
            complaints,
        )
    modules = dict.fromkeys((*BUILT_IN, *document.modules))
    exact = to_allow_list(keys.allow).has_exact
    for number, name in enumerate(keys.modules):
        spot = ("modules", number)
        if name not in modules:
            _complain(no_module(name, modules), spot, root, complaints)
        elif name in document.modules and document.modules[name].auth and not exact:
            _complain(
                f"{quoted(name)} logs in, and a secret is shown only to hosts that "
                "`allow` names exactly; name one there, or leave this module out",
                spot,
                root,
                complaints,
            )


def _complain(
    message: str, spot: tuple[str | int, ...], root: Node, complaints: Complaints
) -> None:
    entry = root.find(_SECTION, *spot)
    place = entry.node.place if entry else root.place
    complaints.add(message, place=place, path=(_SECTION, *spot))
