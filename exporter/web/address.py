"""Addresses to listen on, in the ecosystem's spelling.

`:10525` is every address of the machine, `127.0.0.1:10525` and `[::1]:10525` are one.
Imports nothing heavy: `healthcheck` reads them too, every few seconds.
"""

import re
from typing import NamedTuple

# A claim on the port registry of the Prometheus wiki; nothing in /etc/services has it.
DEFAULT_PORT = 10525

_ADDRESS = re.compile(
    r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[^:\[\]]*)):(?P<port>[0-9]{1,5})"
)
_MAX_PORT = 65535


class ListenError(Exception):
    """An address that cannot be read or listened on; the text names the remedy."""


class ListenAddress(NamedTuple):
    """One address to listen on; no host is every address."""

    host: str | None
    port: int

    def __str__(self) -> str:
        """Spell it as it is written on the command line."""
        host = self.host or ""
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"


def parse_listen_address(text: str) -> ListenAddress:
    """Read `:10525`, `host:10525` or `[::1]:10525`.

    Raises ListenError.
    """
    match = _ADDRESS.fullmatch(text)
    if not match or int(match["port"]) > _MAX_PORT:
        raise ListenError(
            f"{text!r} is no listen address; write `:{DEFAULT_PORT}`, "
            f"`127.0.0.1:{DEFAULT_PORT}` or `[::1]:{DEFAULT_PORT}`"
        )
    return ListenAddress(match["v6"] or match["host"] or None, int(match["port"]))
