"""Holds what the tests have covered, by line and branch, against what each room owes.

A pure room owes all of it: it has nothing that a test could not reach. Which rooms are
pure, import-linter's contract in pyproject.toml says. Reads coverage's JSON.

    coverage json --quiet -o - | python .ci/rooms.py
"""

import json
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

PACKAGE = "exporter"
OWED_BY_PURE, OWED_BY_ALL = 100.0, 95.0

_PURE_CONTRACT = "The pure rooms reach no loop, socket, clock or log"


class Room(NamedTuple):
    """A file or folder of the package: how much of it was run, in percent."""

    name: str
    covered: float
    owed: float

    @property
    def pays(self) -> bool:
        """Whether it has what it owes."""
        return self.covered >= self.owed


def pure_rooms(project: Mapping[str, Any]) -> frozenset[str]:
    """Give the rooms that `pyproject.toml` calls pure."""
    contracts = project["tool"]["importlinter"]["contracts"]
    (contract,) = (c for c in contracts if c["name"] == _PURE_CONTRACT)
    return frozenset(name.split(".")[1] for name in contract["source_modules"])


def rooms(report: Mapping[str, Any], pure: frozenset[str]) -> Iterator[Room]:
    """Add coverage's files up to rooms; one without a statement owes nothing."""
    run: Counter[str] = Counter()
    there: Counter[str] = Counter()
    for path, told in report["files"].items():
        name = _room_of(PurePosixPath(path))
        summary = told["summary"]
        run[name] += summary["covered_lines"] + summary["covered_branches"]
        there[name] += summary["num_statements"] + summary["num_branches"]
    for name, count in sorted(there.items()):
        if count:
            owed = OWED_BY_PURE if name in pure else OWED_BY_ALL
            yield Room(name, 100 * run[name] / count, owed)


def _room_of(path: PurePosixPath) -> str:
    """Give what comes behind the package in a path, which may be an installed one's."""
    parts = path.parts
    last = len(parts) - 1 - parts[::-1].index(PACKAGE)
    return PurePosixPath(parts[last + 1]).stem


def main() -> int:
    """Tell of the rooms that owe something; gives the exit code."""
    project = tomllib.loads(Path("pyproject.toml").read_text("utf-8"))
    all_rooms = [*rooms(json.load(sys.stdin), pure_rooms(project))]
    owing = [room for room in all_rooms if not room.pays]
    for room in owing:
        print(f"{room.name}: {room.covered:.2f} % covered, {room.owed:g} % owed")
    print(f"{len(all_rooms) - len(owing)} of {len(all_rooms)} rooms are covered")
    return 1 if owing else 0


if __name__ == "__main__":
    sys.exit(main())
