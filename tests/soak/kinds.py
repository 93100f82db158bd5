"""Who is probed in the soak, how, and what every probe of it must come to.

A table: a kind of server, how many targets it has, the module, and the only verdict
that is right.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tests.soak.servers import GOOD_AND_SILENT

SUCCESS = ""
PACE = 500.0  # probes a second, of all targets

_BRIEF = {"greeting": "300ms", "command": "300ms", "quit": "300ms", "close": "300ms"}

MODULES: dict[str, dict[str, Any]] = {
    "plain": {"tls": "none"},
    "brief": {"tls": "none", "ehlo": False, "timeouts": _BRIEF},
    "brief-ehlo": {"tls": "none", "timeouts": _BRIEF},
    "brief-tls": {
        "tls": "implicit",
        "verify": "off",
        "tls_server_name": "mail.test",
        "ehlo": False,
        "timeouts": _BRIEF | {"tls": "300ms"},
    },
}


class Kind(NamedTuple):
    """Servers of one sort."""

    server: str
    targets: int
    module: str
    failure: str  # `PHASE REASON`, or SUCCESS
    close: str
    host: str = "127.0.0.1"


# Those of tests/wire/hostile.py whose verdict does not hang on how busy the machine is.
_ATTACKS = (
    ("lines", "brief", "greeting reply_too_long", "aborted"),
    ("short lines", "brief", "greeting reply_too_long", "aborted"),
    ("a line without end", "brief", "greeting reply_too_long", "aborted"),
    ("NULs", "brief", "greeting protocol_error", "aborted"),
    ("TLS garbage", "brief", "greeting protocol_error", "aborted"),
    ("a greeting that restarts", "brief", "greeting unsolicited_reply", "aborted"),
    ("lines for EHLO", "brief-ehlo", "ehlo reply_too_long", "aborted"),
    ("lines for QUIT", "brief", "quit reply_too_long", "malformed"),
    ("a flood behind the 221", "brief", SUCCESS, "open_after_221"),
    ("lines inside TLS", "brief-tls", "greeting reply_too_long", "aborted"),
    ("garbage for a handshake", "brief-tls", "tls handshake", "aborted"),
    ("warnings for a handshake", "brief-tls", "tls handshake", "aborted"),
    ("a dripped greeting", "brief", "greeting timeout", "aborted"),
    ("dripped lines", "brief-ehlo", "ehlo timeout", "aborted"),
    ("a drip for QUIT", "brief", "quit timeout", "timeout"),
    ("a drip behind the 221", "brief", SUCCESS, "open_after_221"),
)

WRITTEN = (
    Kind("steady", 1700, "plain", SUCCESS, "clean"),
    Kind("steady", 100, "plain", SUCCESS, "clean", "localhost"),
    Kind("slow", 150, "plain", SUCCESS, "clean"),
    Kind("dead", 150, "plain", "connect refused", "none"),
    Kind("silent", 100, "brief", "greeting timeout", "aborted"),
    *(
        Kind(name, 5, module, failure, close)
        for name, module, failure, close in _ATTACKS
    ),
)
# Brought by every second reload, and taken by the next.
EXTRA = Kind("extra", 60, "plain", SUCCESS, "clean")
# In a file that changes all the time: half of them at once. Their names are addresses.
FOUND = Kind("found", 1, "plain", SUCCESS, "clean")
FOUND_NAMES = tuple(name for name in GOOD_AND_SILENT if name.startswith("found "))

_IN_ALL = sum(k.targets for k in (*WRITTEN, EXTRA)) + len(FOUND_NAMES) // 2
INTERVAL = round(_IN_ALL / PACE, 1)  # seconds


def kind_of(target: str) -> Kind:
    """Find the kind of a target by its name: `SERVER@HOST/NUMBER`, or an address."""
    for kind in (*WRITTEN, EXTRA):
        if target.startswith(f"{kind.server}@{kind.host}/"):
            return kind
    return FOUND


def configuration(
    ports: Mapping[str, int], file: Path, *, extra: bool, interval: float = INTERVAL
) -> dict[str, Any]:
    """Write the configuration, with or without the targets that come and go."""
    kinds = (*WRITTEN, EXTRA) if extra else WRITTEN
    return only_found(file) | {
        "schedule": {"interval": f"{round(interval * 1000)}ms"},
        "targets": [
            {
                "name": f"{kind.server}@{kind.host}/{number}",
                "host": kind.host,
                "port": ports[kind.server],
                "module": kind.module,
            }
            for kind in kinds
            for number in range(kind.targets)
        ],
    }


def only_found(file: Path) -> dict[str, Any]:
    """Write a configuration of which all targets are in a file."""
    return {
        "modules": MODULES,
        "limits": {"concurrency": 1000, "per_host": 1000},
        "discovery": [{"files": [str(file)], "module": "plain", "refresh": "1s"}],
    }


def found(ports: Mapping[str, int], names: Iterable[str]) -> list[dict[str, Any]]:
    """Write the file of targets, as Prometheus reads it too."""
    return [{"targets": [f"127.0.0.1:{ports[name]}" for name in names]}]
