"""Every expression that the pages show is one that Prometheus takes."""

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from exporter.demo.servers import DEMO
from tests.e2e.conftest import Scraping

ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(r"^```promql\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
# What is code in a sentence, and compares a metric with something.
_SAYS = re.compile(r"\b(?:smtp|probe|mailserver_exporter)_\w+|\bup\b")
_COMPARES = re.compile(r" [=!<>]=? ")


def expressions(text: str) -> Iterator[str]:
    """Find the expressions of a page, in blocks of their own and in sentences."""
    yield from _BLOCK.findall(text)
    for code in _CODE.findall(_FENCED.sub("", text)):
        if _SAYS.search(code) and _COMPARES.search(code):
            yield code


def pages() -> list[Path]:
    """Find the pages that show any."""
    found = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    return [page for page in sorted(found) if [*expressions(page.read_text())]]


@pytest.mark.peer("promtool")
@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_expressions(page: Path, peer: Callable[[str], Path], tmp_path: Path) -> None:
    """promtool takes each expression of a page for a rule's."""
    rules = [
        {"record": f"page:expression:{number}", "expr": expression}
        for number, expression in enumerate(expressions(page.read_text()))
    ]
    file = tmp_path / "rules.yml"
    file.write_text(json.dumps({"groups": [{"name": "page", "rules": rules}]}))
    checked = subprocess.run(
        [peer("promtool"), "check", "rules", file],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (checked.returncode, checked.stderr) == (0, "")


def test_expressions_run(demo_metrics: str, scraping: Scraping) -> None:
    """Each expression is answered by a Prometheus that scrapes the demo."""
    with scraping(demo_metrics) as prometheus:
        prometheus.await_value("count(smtp_probe_success)", len(DEMO))
        for page in pages():
            for expression in expressions(page.read_text()):
                prometheus.query(expression)  # raises where it cannot be run


def test_expressions_are_found() -> None:
    """Blocks and comparisons in a sentence are expressions; names alone are not."""
    text = "`up == 0` and `smtp_quirk`, `a == 1`\n```promql\nrate(x[5m])\n```\n"

    assert [*expressions(text)] == ["rate(x[5m])\n", "up == 0"]
