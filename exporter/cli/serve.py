"""`serve`: the exporter itself, until SIGTERM."""

import argparse
import socket
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from exporter import app, log
from exporter.cli import USAGE_ERROR, fail
from exporter.cli.web import listening
from exporter.config import ConfigError, load
from exporter.life import ConfigSource
from exporter.schedule.shard import Shard, ShardError, ordinal_of
from exporter.web.access.tls import TlsRefused
from exporter.web.address import ListenError
from exporter.web.listening import Listening
from exporter.web.prefix import PrefixError

_WITHOUT_ONE = """\
Write one, and give its path with --config.file; into a container, mount it there.
To see it work without one: mailserver-exporter demo"""


def run(arguments: argparse.Namespace) -> int:
    """Load the configuration and serve it."""
    path = Path(arguments.config_file)
    try:
        shard = _shard(arguments.shard_ordinal, arguments.shard_count)
        source = ConfigSource.before_loading(path, auto_reload=arguments.auto_reload)
        config = load(path)
    except ShardError as error:
        return fail(str(error), USAGE_ERROR)
    except ConfigError as error:
        print(error, file=sys.stderr)
        if not path.exists():
            print(_WITHOUT_ONE, file=sys.stderr)
        return 1
    return listen_and_run(
        arguments, lambda where: app.serve(config, where, source, shard)
    )


def _shard(ordinal: int | None, total: int) -> Shard:
    if ordinal is None:
        ordinal = ordinal_of(socket.gethostname()) if total > 1 else 0
    return Shard.checked(ordinal, total)


def listen_and_run(
    arguments: argparse.Namespace,
    serve: Callable[[Listening], Coroutine[Any, Any, None]],
) -> int:
    """Read the web and log flags and serve by them; gives the exit code."""
    log.configure(arguments.log_level, arguments.log_format)
    try:
        where = listening(arguments)
    except (ListenError, PrefixError) as error:
        return fail(str(error), USAGE_ERROR)
    except TlsRefused as error:
        return fail(f"{arguments.web_config_file}: {error}")
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    try:
        app.run(serve(where))
    except ListenError as error:
        return fail(str(error))
    return 0
