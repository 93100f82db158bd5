"""What a module says for a key: what is written, or else what is built in.

Holds the one look at both, for whoever judges keys before there is a `Module`. Refuses
to judge: what is written may be nonsense, which is complained about elsewhere.
"""

from enum import Enum

from exporter.config.builtin import BUILT_IN
from exporter.config.reader import Node
from exporter.targets import Module
from exporter.vocabulary import TlsMode

# What `tls` may say, grouped by what it takes.
NO_TLS = TlsMode.NONE.value
STARTTLS = (TlsMode.OPPORTUNISTIC.value, TlsMode.REQUIRED.value)
ANY_TLS = (*STARTTLS, TlsMode.IMPLICIT.value)


def said(name: str, module: Node | None, key: str) -> object:
    """Give what the module of this name says for a key, in the file's own words."""
    written = module.find(key) if module else None
    if written:
        return written.node.value
    value = getattr(BUILT_IN.get(name, Module(name=name)), key)
    return value.value if isinstance(value, Enum) else value
