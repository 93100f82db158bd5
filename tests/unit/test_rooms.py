"""Each room is covered by tests as far as it owes, or the gate does not open."""

import json
import runpy
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / ".ci" / "rooms.py"
_NAMES = runpy.run_path(str(PROGRAM))
pure_rooms, rooms = _NAMES["pure_rooms"], _NAMES["rooms"]
PURE = pure_rooms(tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8")))


def report(files: dict[str, tuple[int, int, int, int]]) -> dict[str, object]:
    """Give coverage's JSON: lines run, lines, branches taken, branches."""
    names = ("covered_lines", "num_statements", "covered_branches", "num_branches")
    return {
        "files": {
            path: {"summary": dict(zip(names, figures, strict=True))}
            for path, figures in files.items()
        }
    }


def test_pure_rooms() -> None:
    """The pure rooms are those that reach no loop, socket, clock or log."""
    assert {"vocabulary", "smtp", "ledger"} <= PURE
    assert PURE.isdisjoint({"probe", "schedule", "app"})
    assert all(
        (ROOT / "exporter" / f"{name}.py").exists()
        or (ROOT / "exporter" / name).is_dir()
        for name in PURE
    )


def test_files_add_up() -> None:
    """A room's files count together, lines and branches alike, wherever installed."""
    told = report(
        {
            "exporter/smtp/reply.py": (8, 8, 2, 2),
            "/venv/lib/exporter/smtp/sasl.py": (9, 10, 0, 0),
            "exporter/news.py": (19, 20, 0, 0),
            "exporter/web/__init__.py": (0, 0, 0, 0),
        }
    )
    assert [*rooms(told, PURE)] == [("news", 95.0, 95.0), ("smtp", 95.0, 100.0)]


@pytest.mark.parametrize(
    ("figures", "code", "said"),
    [
        ((10, 10, 2, 2), 0, "1 of 1 rooms are covered\n"),
        (
            (10, 10, 1, 2),
            1,
            "ledger: 91.67 % covered, 100 % owed\n0 of 1 rooms are covered\n",
        ),
    ],
)
def test_gate(figures: tuple[int, int, int, int], code: int, said: str) -> None:
    """A branch of a pure room that no test takes is told of, and fails."""
    told = subprocess.run(
        [sys.executable, PROGRAM],
        input=json.dumps(report({"exporter/ledger.py": figures})),
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert (told.returncode, told.stdout) == (code, said)
