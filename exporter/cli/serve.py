"""`serve`: the exporter itself, until SIGTERM."""

import argparse
import sys
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from exporter import app, log
from exporter.cli import DEFAULT_LISTEN, USAGE_ERROR, fail
from exporter.config import ConfigError, load
from exporter.web.listen import ListenAddress, ListenError, parse_listen_address


def run(arguments: argparse.Namespace) -> int:
    """Load the configuration and serve it."""
    try:
        config = load(Path(arguments.config_file))
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    return listen_and_run(arguments, lambda where: app.serve(config, where))


def listen_and_run(
    arguments: argparse.Namespace,
    serve: Callable[[Sequence[ListenAddress]], Coroutine[Any, Any, None]],
) -> int:
    """Read the web and log flags and serve by them; gives the exit code."""
    log.configure(arguments.log_level, arguments.log_format)
    try:
        listen = [parse_listen_address(a) for a in arguments.listen or [DEFAULT_LISTEN]]
    except ListenError as error:
        return fail(str(error), USAGE_ERROR)
    try:
        app.run(serve(listen))
    except ListenError as error:
        return fail(str(error))
    return 0
