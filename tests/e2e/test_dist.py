"""Wheel and sdist: complete, reproducible, and the one can be made of the other."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

from exporter import __version__

ROOT = Path(__file__).parents[2]
NAME = f"mailserver_exporter-{__version__}"


def built(source: Path, into: Path, *, at: str = "") -> tuple[Path, Path]:
    """Build both out of a folder; gives wheel and sdist."""
    environment = {k: v for k, v in os.environ.items() if k != "SOURCE_DATE_EPOCH"}
    if at:
        environment["SOURCE_DATE_EPOCH"] = at
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--directory", into],
        cwd=source,
        env=environment,
        check=True,
        capture_output=True,
        timeout=50,
    )
    return into / f"{NAME}-py3-none-any.whl", into / f"{NAME}.tar.gz"


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Build what `make dist` builds."""
    return built(ROOT, tmp_path_factory.mktemp("dist"))


def test_the_same_octets(dist: tuple[Path, Path], tmp_path: Path) -> None:
    """A second build, and one out of the sdist, give the same files."""
    wheel, sdist = dist
    again, sdist_again = built(ROOT, tmp_path / "again")
    with tarfile.open(sdist) as tar:
        tar.extractall(tmp_path, filter="data")
    of_sdist, _ = built(tmp_path / NAME, tmp_path / "of-sdist")

    assert sdist_again.read_bytes() == sdist.read_bytes()
    assert again.read_bytes() == wheel.read_bytes()
    assert of_sdist.read_bytes() == wheel.read_bytes()


def test_the_date_can_be_given(tmp_path: Path) -> None:
    """SOURCE_DATE_EPOCH is the time of every file in the wheel."""
    wheel, _ = built(ROOT, tmp_path, at="1795000000")
    with zipfile.ZipFile(wheel) as file:
        assert {entry.date_time[:3] for entry in file.infolist()} == {(2026, 11, 18)}


def test_what_the_wheel_holds(dist: tuple[Path, Path]) -> None:
    """The package with its templates, the command, and no file of anything else."""
    with zipfile.ZipFile(dist[0]) as file:
        names = set(file.namelist())
        told = message_from_bytes(file.read(f"{NAME}.dist-info/METADATA"))
        commands = file.read(f"{NAME}.dist-info/entry_points.txt").decode()

    assert {name.partition("/")[0] for name in names} == {
        "exporter",
        f"{NAME}.dist-info",
    }
    assert "exporter/web/templates/status.html" in names
    assert not any("__pycache__" in name for name in names)
    assert (told["Name"], told["Version"]) == ("mailserver-exporter", __version__)
    assert told["Description-Content-Type"] == "text/markdown"
    assert "mailserver-exporter = exporter.cli:main" in commands


def test_what_the_sdist_holds(dist: tuple[Path, Path]) -> None:
    """Whatever a clone has: tests, documentation, and what builds the image."""
    with tarfile.open(dist[1]) as tar:
        names = {member.name.partition("/")[2] for member in tar if not member.isdir()}

    assert names >= {
        *("Makefile", "Dockerfile", ".dockerignore", ".ci/run", ".ci/peers"),
        *("requirements.lock", "requirements-build.lock", "CHANGELOG.md"),
        *("config.example.yaml", "config.schema.json", "tests/conftest.py"),
        *("docs/metrics.md", "bench/__init__.py", "exporter/web/static/page.js"),
    }
    if shutil.which("git") and (ROOT / ".git").exists():
        assert names - {"PKG-INFO"} == _kept_by_git()


def _kept_by_git() -> set[str]:
    """Tracked files, and new ones that are not ignored; not those that are gone."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=True
    )
    return {name for name in listed.stdout.split("\0") if (ROOT / name).is_file()}
