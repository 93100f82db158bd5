"""All measurements in one run, as a table with their targets, and as JSON.

    python -m bench [--quick] [--json FILE] [PART ...]

Takes some forty minutes; `--quick` is for trying it out, its figures are worth little.
Nothing else should run on the machine meanwhile.
"""

import argparse
import platform
from collections.abc import Callable, Sequence
from pathlib import Path

from bench import (
    cpu_against_blackbox,
    greeting_exactness,
    growth,
    memory,
    schedule,
    scrapes,
    start,
)
from bench.table import Row, as_json, print_table

Part = Callable[[bool], list[Row]]


def _cpu(what: str, *rates: int) -> Part:
    def measure(quick: bool) -> list[Row]:
        rounds = 1 if quick else 5
        return [cpu_against_blackbox.measure(what, rate, rounds) for rate in rates]

    return measure


PARTS: dict[str, Part] = {
    "plain": _cpu("plain", 50, 2000),
    "starttls": _cpu("starttls", 50, 400),
    "starttls-rsa": _cpu("starttls-rsa", 50, 400),
    "exactness": lambda quick: greeting_exactness.measure(10 if quick else 60),
    "scrapes": lambda _: scrapes.measure(),
    "memory": lambda quick: memory.measure(100_000 if quick else 1_000_000),
    "growth": lambda quick: growth.measure(10 if quick else 60),
    "start": lambda _: start.measure(),
    "schedule": lambda quick: schedule.measure(10 if quick else 60),
}


def main(argv: Sequence[str] | None = None) -> None:
    """Measure the parts that are named, or all."""
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], metavar="PART")
    arguments = parser.parse_args(argv)
    print(f"{platform.platform()}, Python {platform.python_version()}, {_processor()}")
    rows: list[Row] = []
    for part in arguments.parts or PARTS:
        rows += print_table(part, PARTS[part](arguments.quick))
    print(f"{sum(row.met for row in rows)} of {len(rows)} targets met")
    if arguments.json:
        arguments.json.write_text(as_json(rows) + "\n")


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(": ")[2]
    return platform.processor()


if __name__ == "__main__":
    main()
