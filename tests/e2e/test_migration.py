"""Whoever follows docs/migration.md from blackbox_exporter: what becomes of verdicts.

Where two exporters disagree, that page says so and why, and nowhere else. What each of
them says of every server stands in docs/comparison.md.
"""

import asyncio
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from docs.comparison import COMPARISON, Compared, Run, comparison, line
from exporter.config import parse
from exporter.outcome import Failure
from exporter.vocabulary import Reason
from tests.e2e.guide import (
    Difference,
    blocks,
    configurations,
    counts,
    differences,
    modules,
    section,
)
from tests.e2e.migrated import both_probe
from tests.scenarios import LIMITS, SCENARIOS

BLACKBOX = "prometheus-blackbox-exporter"
# `make comparison` writes the page; then only the guide and the table are believed.
WRITE = os.environ.get("WRITE_COMPARISON") == "1"
ROWS = {row.id: row for row in SCENARIOS}


@pytest.fixture(scope="module")
def run(peer: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Let both probe all servers, once."""
    folder = tmp_path_factory.mktemp("migrated")
    return asyncio.run(both_probe(peer(BLACKBOX), folder, _is_told))


def test_the_guide_migrates_every_module() -> None:
    """Each of the old modules has a new one of the same name, and there is no other."""
    old, new = configurations()

    assert modules(old).keys() == modules(new).keys()


def test_the_other_configurations(tmp_path: Path) -> None:
    """Whom strangers may have probed, and where targets are, is written soundly."""
    (on_demand,), (*_, scheduled) = blocks("on_demand"), blocks("modules")
    keys = yaml.safe_load(on_demand)
    keys["modules"] = {name: {"tls": "none"} for name in keys["on_demand"]["modules"]}

    assert parse(json.dumps(keys), path=tmp_path / "a.yaml").on_demand.enabled
    assert parse(scheduled, path=tmp_path / "b.yaml").discovery


@pytest.mark.peer("promtool")
def test_scrape_configurations(peer: Callable[[str], Path], tmp_path: Path) -> None:
    """Prometheus takes both ways to scrape."""
    both = blocks("scrape_configs")
    for number, text in enumerate(both):
        file = tmp_path / f"{number}.yml"
        file.write_text(text)
        subprocess.run([peer("promtool"), "check", "config", file], check=True)

    assert len(both) == 2


@pytest.mark.timeout(240)
@pytest.mark.peer(BLACKBOX)
def test_verdicts(run: Run) -> None:
    """Both say the same of every server, but for those that the page lists."""
    differing = [
        Difference(one.module, one.row, one.theirs.success, one.ours.success)
        for one in run.seen
        if one.differ
    ]

    assert {one.module for one in run.seen} == run.modules.keys()
    assert [one for one in run.seen if not _is_right(one)] == []
    assert sorted(differing) == sorted(differences())
    assert counts() == (len(run.seen), len(differing))


@pytest.mark.timeout(240)
@pytest.mark.peer(BLACKBOX)
def test_comparison(run: Run) -> None:
    """The page of both verdicts is what was seen of every server."""
    page = comparison(run)
    if WRITE:
        COMPARISON.write_text(page, encoding="utf-8")

    assert COMPARISON.read_text("utf-8") == page


def _is_told(one: Compared) -> bool:
    """Whether the pages say what the two have said of a server."""
    listed = {(told.module, told.row): told for told in differences()}
    told = listed.get((one.module, one.row))
    verdicts = (one.theirs.success, one.ours.success)
    as_listed = (told.theirs, told.ours) == verdicts if told else not one.differ
    return as_listed and _is_right(one) and (WRITE or _is_on_its_page(one))


def _is_on_its_page(one: Compared) -> bool:
    lines = section(f"`{one.module}`", COMPARISON).splitlines()
    return line(one) in lines


def _is_right(one: Compared) -> bool:
    """Whether ours is the table's verdict, where that is one for usual limits.

    A step that has more time than there, and none that it needs, ends by the deadline.
    """
    row = ROWS[one.row]
    if row.module.timeouts != LIMITS or row.module.timeout != 12.0:
        return True
    expected = row.failure
    if expected and expected.reason is Reason.TIMEOUT:
        expected = Failure(expected.phase, Reason.DEADLINE)
    return one.ours.failure == expected and one.ours.close in row.closes
