"""`check-config`: every complaint about a configuration, and no socket opened."""

import argparse
from pathlib import Path

from exporter.config import ConfigError, load


def run(arguments: argparse.Namespace) -> int:
    """Print what the configuration comes to, or all that is wrong with it."""
    path = Path(arguments.config_file)
    try:
        config = load(path)
    except ConfigError as error:
        print(error)
        return 1
    counts = (
        (len(config.targets), "target"),
        (len(config.domains), "mail domain"),
        (len(config.discovery), "discovery source"),
    )
    told = (f"{n} {what}{'' if n == 1 else 's'}" for n, what in counts if n)
    print(f"{path} is sound: {', '.join(told)}.")
    return 0
