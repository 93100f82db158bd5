"""The committed dashboards, held against the types that Grafana publishes of them."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import missing_peer
from tests.dashboards import FOLDER

ROOT = Path(__file__).parent.parent.parent
TYPES = Path(__file__).with_name("dashboards.ts")
SCHEMA = ROOT / ".cache/grafana-schema/node_modules"
STRICT = (
    *("--noEmit", "--strict", "--skipLibCheck", "--target", "es2022"),
    *("--module", "esnext", "--moduleResolution", "bundler"),
)

Compiled = Callable[[str], str]


@pytest.fixture
def compiled(peer: Callable[[str], Path], tmp_path: Path) -> Compiled:
    """Give what TypeScript has to say of the types and what stands behind them."""
    node = peer("node")
    compiler = SCHEMA / "typescript/lib/tsc.js"
    if not compiler.exists():
        missing_peer(f"{compiler} is not there: run `make grafana-schema`")
    (tmp_path / "node_modules").symlink_to(SCHEMA)

    def compile_(text: str) -> str:
        (tmp_path / "dashboards.ts").write_text(TYPES.read_text("utf-8") + text)
        return subprocess.run(
            [node, compiler, *STRICT, "dashboards.ts"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        ).stdout

    return compile_


def declared() -> Iterator[str]:
    """Write each committed file as a constant of Grafana's type."""
    for path in sorted(FOLDER.glob("*.json")):
        name = path.stem.replace("-", "_")
        yield f"export const {name}: Written<Board> = {path.read_text('utf-8')};\n"


def test_dashboards_are_what_grafana_reads(compiled: Compiled) -> None:
    """Every key and every value is one that Grafana's own types have."""
    text = "".join(declared())

    assert text.count("export const") == 4
    assert compiled(text) == ""


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ('"showPoints": "never"', '"showPoints": "seldom"'),
        ('"rowHeight": 0.85', '"rowheight": 0.85'),
        ('"type": "stat"', '"type": "singlestat"'),
    ],
    ids=["value", "key", "kind"],
)
def test_types_are_strict(compiled: Compiled, right: str, wrong: str) -> None:
    """A value, a key or a kind of panel that Grafana does not have is refused."""
    one = next(text for text in declared() if right in text)

    assert "error TS" in compiled(one.replace(right, wrong, 1))
