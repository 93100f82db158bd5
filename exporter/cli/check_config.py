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
    count = len(config.targets)
    print(f"{path} is sound: {count} target{'' if count == 1 else 's'}.")
    return 0
