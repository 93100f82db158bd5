"""A release has the version's tag and its section of the changelog, or is refused."""

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from exporter import __version__

PROGRAM = Path(__file__).parents[2] / ".ci" / "release_notes.py"
_NAMES = runpy.run_path(str(PROGRAM))
notes, Refused = _NAMES["notes"], _NAMES["Refused"]

PACKAGE = '"""It probes."""\n\n__version__ = "1.2.0"\n'
CHANGELOG = """\
# Changelog

## [Unreleased]

### Added

- A thing to come.

## [1.2.0] - 2026-11-28

### Added

- A thing, see [there](docs/there.md).

## [1.1.0] - 2026-10-01

- An older thing.
"""


def test_the_section() -> None:
    """What stands under the version's heading is given, and no more."""
    told = notes("v1.2.0", PACKAGE, CHANGELOG)

    assert told == "### Added\n\n- A thing, see [there](docs/there.md)."


def test_the_last_section() -> None:
    """The oldest version's section ends with the file."""
    package = PACKAGE.replace("1.2.0", "1.1.0")

    assert notes("v1.1.0", package, CHANGELOG) == "- An older thing."


@pytest.mark.parametrize(
    ("tag", "package", "changelog", "part"),
    [
        ("1.2.0", PACKAGE, CHANGELOG, "exporter/__init__.py says 1.2.0"),
        ("v1.2.1", PACKAGE, CHANGELOG, "the tag is v1.2.1"),
        ("v1.2.0", "", CHANGELOG, "says no version"),
        ("v1.2.0", PACKAGE, "# Changelog\n", "no section [1.2.0]"),
        ("v1.2.0", PACKAGE, CHANGELOG.replace("[1.2.0]", "[11210]"), "no section"),
        ("v1.2.0", PACKAGE, "## [1.2.0]\n\n- A thing.\n", "ends in no date"),
        ("v1.2.0", PACKAGE, "## [1.2.0] - soon\n\n- A thing.\n", "ends in no date"),
        ("v1.2.0", PACKAGE, "## [1.2.0] - 2026-11-28\n", "nothing stands"),
    ],
)
def test_what_is_refused(tag: str, package: str, changelog: str, part: str) -> None:
    """A release that is not ready is told what is missing."""
    with pytest.raises(Refused) as refused:
        notes(tag, package, changelog)

    assert part in str(refused.value)


def test_the_program() -> None:
    """It leaves with 1 for a tag that is not this version's, and prints nothing."""
    run = subprocess.run(
        [sys.executable, PROGRAM, f"v{__version__}-of-another"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (run.returncode, run.stdout) == (1, "")
    assert f"exporter/__init__.py says {__version__}" in run.stderr
