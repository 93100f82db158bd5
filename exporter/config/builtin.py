"""The modules that need not be written, and which one a target calls for.

Holds data, the one way to look it up, and what is said of a name that is not there.
"""

from collections.abc import Collection
from types import MappingProxyType

from exporter.config.address import is_unix
from exporter.config.complaint import did_you_mean
from exporter.printable import quoted
from exporter.targets import Module
from exporter.vocabulary import Policy, Protocol, TlsMode

BUILT_IN = MappingProxyType(
    {
        module.name: module
        for module in (
            Module(name="banner", ehlo=False),
            Module(name="mx", tls=TlsMode.OPPORTUNISTIC, verify=Policy.REPORT),
            Module(name="submission", tls=TlsMode.REQUIRED, verify=Policy.ENFORCE),
            Module(name="submissions", tls=TlsMode.IMPLICIT, verify=Policy.ENFORCE),
            Module(name="lmtp", protocol=Protocol.LMTP),
        )
    }
)

# A port whose servers speak otherwise than an MX calls for its own module.
MODULE_OF_PORT = MappingProxyType({587: "submission", 465: "submissions", 24: "lmtp"})
DEFAULT_MODULE = "mx"
UNIX_MODULE = "lmtp"  # what mail servers speak over Unix sockets


def default_module(host: str, port: int) -> str:
    """Give the name of the module that a target calls for when it names none."""
    return UNIX_MODULE if is_unix(host) else MODULE_OF_PORT.get(port, DEFAULT_MODULE)


def no_module(name: str, modules: Collection[str]) -> str:
    """Say that there is no module of this name, and which one was meant."""
    known = f"the modules are {', '.join(modules)}"
    remedy = did_you_mean(name, modules) or known
    return f"there is no module {quoted(name)}; {remedy}"
