"""The workflow files: valid, without a right too many, and without a host in them."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
READS = {"contents": "read"}
# A major version, or a commit.
PINNED = re.compile(r"[\w-]+/[\w/-]+@(v\d+|[0-9a-f]{40})")
# A name with a dot and a top-level domain: a host, such as that of a registry.
HOST = re.compile(r"\b[\w-]+\.(?:io|com|dev|org|net)\b")


@pytest.fixture(params=FILES, ids=lambda path: path.name)
def path(request: pytest.FixtureRequest) -> Path:
    """Give each workflow file."""
    found: Path = request.param
    return found


@pytest.fixture
def jobs(path: Path) -> dict[str, dict[str, Any]]:
    """Give the jobs of a workflow."""
    found: dict[str, dict[str, Any]] = yaml.safe_load(path.read_text("utf-8"))["jobs"]
    return found


def steps(jobs: dict[str, dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Give the steps of all jobs."""
    for job in jobs.values():
        yield from job.get("steps", [])


def test_both_are_here() -> None:
    """There is one for a merge and one for a release."""
    assert [path.name for path in FILES] == ["ci.yml", "release.yml"]


def test_they_are_valid(path: Path) -> None:
    """The platform's schema has nothing against them."""
    checked = subprocess.run(
        [
            *(sys.executable, "-m", "check_jsonschema"),
            *("--builtin-schema", "vendor.github-workflows", path),
        ],
        capture_output=True,
        text=True,
        check=False,
    )

    assert checked.returncode == 0, checked.stdout


def test_they_may_read(path: Path, jobs: dict[str, dict[str, Any]]) -> None:
    """Only what makes the release may write, and it runs nothing of the checkout."""
    assert yaml.safe_load(path.read_text("utf-8"))["permissions"] == READS
    writing = {
        name: job
        for name, job in jobs.items()
        if job.get("permissions", READS) != READS
    }
    assert set(writing) <= {"publish"}
    assert not any("checkout" in step.get("uses", "") for step in steps(writing))


def test_a_checkout_keeps_no_token(jobs: dict[str, dict[str, Any]]) -> None:
    """What runs after a checkout finds no credentials in it."""
    for step in steps(jobs):
        if "actions/checkout@" in step.get("uses", ""):
            assert step["with"]["persist-credentials"] is False


def test_actions_are_pinned(jobs: dict[str, dict[str, Any]]) -> None:
    """An action is one major version or one commit, never a branch."""
    for step in steps(jobs):
        if "uses" in step:
            assert PINNED.fullmatch(step["uses"]), step["uses"]


def test_every_job_ends(jobs: dict[str, dict[str, Any]]) -> None:
    """A job that hangs is ended, long before the platform would."""
    for name, job in jobs.items():
        assert "uses" in job or job["timeout-minutes"] <= 60, name


def test_what_others_wrote_is_no_shell(jobs: dict[str, dict[str, Any]]) -> None:
    """Expressions reach a script by its environment, so no tag's name is run."""
    for step in steps(jobs):
        assert "${{" not in step.get("run", "")


def test_no_host_is_named(path: Path) -> None:
    """Registries are variables of the platform."""
    assert HOST.findall(path.read_text("utf-8")) == []


def test_a_merge_runs_what_a_person_runs() -> None:
    """CI calls .ci/run, and a release has gone through the same."""
    merge, release = (yaml.safe_load(path.read_text("utf-8")) for path in FILES)

    assert ".ci/run" in [step.get("run") for step in steps(merge["jobs"])]
    assert release["jobs"]["checks"]["uses"] == "./.github/workflows/ci.yml"
    assert {"notes", "checks"} <= set(release["jobs"]["publish"]["needs"])
    assert release[True] == {"push": {"tags": ["v*"]}}  # YAML 1.1 reads `on` so
