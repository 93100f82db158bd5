"""The modules that need not be written, and which one a target calls for.

Holds data, and the one way to look it up.
"""

from types import MappingProxyType

from exporter.config.address import is_unix
from exporter.targets import Module
from exporter.vocabulary import Protocol

BUILT_IN = MappingProxyType(
    {
        module.name: module
        for module in (
            Module(name="banner", ehlo=False),
            Module(name="mx"),
            Module(name="lmtp", protocol=Protocol.LMTP),
        )
    }
)

# A port whose servers speak otherwise than an MX calls for its own module. Those that
# are not built in yet are planned: a target on such a port says which module it wants.
MODULE_OF_PORT = MappingProxyType({587: "submission", 465: "submissions", 24: "lmtp"})
DEFAULT_MODULE = "mx"
UNIX_MODULE = "lmtp"  # what mail servers speak over Unix sockets
PLANNED = frozenset(MODULE_OF_PORT.values()) - BUILT_IN.keys()


def default_module(host: str, port: int) -> str:
    """Give the name of the module that a target calls for when it names none."""
    return UNIX_MODULE if is_unix(host) else MODULE_OF_PORT.get(port, DEFAULT_MODULE)
