"""The modules that need not be written, and which one a port calls for.

Holds data only.
"""

from types import MappingProxyType

from exporter.targets import Module

BUILT_IN = MappingProxyType(
    {
        module.name: module
        for module in (Module(name="banner", ehlo=False), Module(name="mx"))
    }
)

# A port whose servers speak otherwise than an MX calls for its own module. These are
# not built in yet: a target on such a port says which module it wants.
MODULE_OF_PORT = MappingProxyType({587: "submission", 465: "submissions", 24: "lmtp"})
DEFAULT_MODULE = "mx"
PLANNED = frozenset(MODULE_OF_PORT.values())
