"""The web flags of `serve` and `demo`: how they are written, and what they say."""

import argparse
from functools import partial
from pathlib import Path

from exporter.cli import DEFAULT_LISTEN
from exporter.config import ConfigError
from exporter.config.web_file import load_web
from exporter.web.access.current import Access
from exporter.web.address import ListenError, parse_listen_address
from exporter.web.listening import Listening
from exporter.web.prefix import read_prefix


def listening(arguments: argparse.Namespace) -> Listening:
    """Read the web flags.

    Raises ListenError or PrefixError for a flag, ConfigError or TlsRefused for the web
    config.
    """
    if arguments.systemd_socket and arguments.listen:
        raise ListenError(
            "--web.systemd-socket and --web.listen-address both say where to listen; "
            "leave one of them out"
        )
    return Listening(
        [parse_listen_address(a) for a in arguments.listen or [DEFAULT_LISTEN]],
        access(arguments.web_config_file),
        read_prefix(arguments.route_prefix, arguments.external_url),
        arguments.systemd_socket,
    )


def access(file: str | None) -> Access | None:
    """Read a web config, if there is one.

    Raises ConfigError or TlsRefused.
    """
    if not file:
        return None
    read = partial(load_web, Path(file))
    return Access(read(), read, ConfigError)
