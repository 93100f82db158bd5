"""`version`: the versions that a bug report needs, on one line."""

import argparse
import platform

from exporter import __version__


def run(_: argparse.Namespace) -> int:
    """Print the version of the exporter and of Python."""
    print(f"mailserver-exporter {__version__} (Python {platform.python_version()})")
    return 0
