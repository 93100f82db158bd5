"""`schema`: the JSON Schema of the configuration, for editors."""

import argparse
import json

from exporter.config import schema


def run(_: argparse.Namespace) -> int:
    """Print the schema as `config.schema.json` holds it."""
    print(json.dumps(schema(), indent=2))
    return 0
