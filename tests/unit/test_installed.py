"""Which exporter the tests have before them: the checkout's, or that of a wheel."""

import os
from importlib.metadata import distribution, version
from pathlib import Path

import pytest

import exporter

ROOT = Path(__file__).parents[2]
PACKAGE = Path(exporter.__file__).parent


def test_one_version() -> None:
    """What is installed says the same version as the package."""
    assert version("mailserver-exporter") == exporter.__version__


def test_where_it_comes_from() -> None:
    """With a wheel to be tested it is the installed one, else that of the checkout."""
    if os.environ.get("TESTED_WHEEL"):
        installed = Path(str(distribution("mailserver-exporter").locate_file("")))
        assert installed / "exporter" == PACKAGE
        assert not PACKAGE.is_relative_to(ROOT / "exporter")
    else:
        assert PACKAGE == ROOT / "exporter"


@pytest.mark.parametrize(
    "kind", ["*.py", "*.html", "*.css", "*.js", "*.svg", "*.typed"]
)
def test_nothing_was_forgotten(kind: str) -> None:
    """Every file of the checkout's package is in the one that is tested."""
    there, here = (
        {str(path.relative_to(folder)) for path in folder.rglob(kind)}
        for folder in (PACKAGE, ROOT / "exporter")
    )

    assert here
    assert there == here
