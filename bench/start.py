"""How soon the exporter is ready, with ten thousand targets from a list of file_sd.

The targets are addresses of loopback where nobody listens. `version` is the median of
some runs, from the start of the process to its end.

    python -m bench.start
"""

import json
import statistics
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from bench.exporter import EXPORTER, exporter
from bench.table import Row, print_table

TARGETS = 10_000
READY_SECONDS, VERSION_MS = 2.0, 150.0
ROUNDS = 5
_CONFIG = """\
schedule: {{interval: 60s}}
discovery: [{{files: [{file}], refresh: 1h}}]
"""


def measure() -> list[Row]:
    """Measure both."""
    ready = statistics.median(_ready() for _ in range(ROUNDS))
    version = statistics.median(_version() for _ in range(ROUNDS))
    return [
        Row(f"ready with {TARGETS:,} targets", ready, "s", READY_SECONDS),
        Row("`version`", version * 1e3, "ms", VERSION_MS),
    ]


def _ready() -> float:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "targets.json"
        names = [f"127.1.{n // 250}.{n % 250 + 1}:2525" for n in range(TARGETS)]
        file.write_text(json.dumps([{"targets": names}]))
        began = time.perf_counter()
        with exporter(_CONFIG.format(file=file)) as (url, _):
            address = url.removesuffix("metrics") + "-/ready"
            while not _answers(address):
                time.sleep(0.01)
            return time.perf_counter() - began


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:  # noqa: S310 -- our own, on loopback
            return bool(answer.status == 200)
    except urllib.error.HTTPError:
        return False


def _version() -> float:
    began = time.perf_counter()
    subprocess.run([EXPORTER, "version"], check=True, stdout=subprocess.DEVNULL)  # noqa: S603 -- our own program
    return time.perf_counter() - began


if __name__ == "__main__":
    print_table("Start", measure())
