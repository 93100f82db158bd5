"""`demo`: a newcomer's first minute, with no configuration and no network."""

import argparse

from exporter import app
from exporter.cli.serve import listen_and_run


def run(arguments: argparse.Namespace) -> int:
    """Start the demo's mail servers and serve their metrics."""
    return listen_and_run(arguments, app.serve_demo)
