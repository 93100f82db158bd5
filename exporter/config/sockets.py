"""What a Unix socket has no part of: ports, addresses, and a name to verify.

Holds the three laws and their sentences, for targets of the file and for one that is
named on a command line. Refuses to judge a socket's path.
"""

from collections.abc import Iterator

from exporter.config.address import is_unix
from exporter.config.builtin import UNIX_MODULE
from exporter.config.complaint import Complaints
from exporter.config.reader import Node
from exporter.config.relations import Spot, complain
from exporter.config.said import ANY_TLS, said
from exporter.printable import quoted
from exporter.targets import Module
from exporter.vocabulary import Policy, TlsMode


def check_sockets(root: Node, complaints: Complaints) -> None:
    """Complain about each Unix socket that is given a port, an address or no name."""
    for number, node in _unix_sockets(root):
        if node.find("port"):
            message = "a Unix socket has no port; leave this out"
            complain(message, Spot("targets", number, "port"), root, complaints)
        written = node.find("module")
        name = UNIX_MODULE if written is None else written.node.text or ""
        for message in _about_written(name, root):
            complain(message, Spot("targets", number, "module"), root, complaints)


def about_sockets(module: Module) -> str | None:
    """Say why a Unix socket cannot be probed with this module, if so."""
    if module.source_address:
        return _no_source_address(module.name)
    if _names_nobody(module):
        return _no_server_name(module.name)
    return None


def _names_nobody(module: Module) -> bool:
    verified = module.tls is not TlsMode.NONE and module.verify is Policy.ENFORCE
    return verified and module.tls_server_name is None


def _unix_sockets(root: Node) -> Iterator[tuple[int, Node]]:
    """Give the targets that mean a Unix socket, sound or not, with their numbers."""
    targets = root.find("targets")
    for number, item in targets.node.entries.items() if targets else ():
        host = item.node.find("host") or item
        if isinstance(number, int) and is_unix(host.node.text or ""):
            yield number, item.node


def _about_written(name: str, root: Node) -> Iterator[str]:
    """Say what keeps a module, as it is written, from probing a Unix socket."""
    entry = root.find("modules", name)
    node = entry.node if entry else None
    if said(name, node, "source_address"):
        yield _no_source_address(name)
    verified = said(name, node, "verify") == Policy.ENFORCE.value
    has_tls = said(name, node, "tls") in ANY_TLS
    if has_tls and verified and not said(name, node, "tls_server_name"):
        yield _no_server_name(name)


def _no_source_address(module: str) -> str:
    return (
        "a Unix socket is not connected to from an address; choose a module without "
        f"`source_address`, which {quoted(module)} has"
    )


def _no_server_name(module: str) -> str:
    return (
        "a Unix socket has no name to verify; choose a module with `tls_server_name`, "
        f"or without `verify: enforce`, which {quoted(module)} has"
    )
