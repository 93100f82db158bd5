"""The flags of an exporter that runs beside this one, read off its command line.

Holds what is needed to find it. Refuses to guess: a process that is no exporter, or one
that cannot be looked at, has no flags.
"""

import argparse
from pathlib import Path, PurePath

from exporter.cli import PROGRAM, parsed

_WEB = ("listen", "web_config_file", "route_prefix", "external_url")


def add_web_flags(arguments: argparse.Namespace, pid: int) -> None:
    """Set the web flags that were not given to those of the exporter that runs."""
    told = vars(parsed(argv)) if (argv := arguments_of(pid)) else {}
    for name in _WEB:
        if not getattr(arguments, name) and told.get(name):
            setattr(arguments, name, told[name])


def arguments_of(pid: int) -> list[str]:
    """Give the arguments of an exporter; none for a process that is no exporter.

    The name need not come first: the interpreter stands in front of it, and an init, as
    `docker run --init` has one.
    """
    try:
        octets = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return []
    words = octets.decode("utf-8", "surrogateescape").removesuffix("\0").split("\0")
    for place, word in enumerate(words):
        if PurePath(word).name == PROGRAM:
            return words[place + 1 :]
    return []
