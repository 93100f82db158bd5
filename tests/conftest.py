"""What all rings share: the programs of the machine that some tests need.

A missing program skips by name, so that a laptop can run what it has; where
REQUIRE_PEERS=1 is set (CI), it fails, so that no ring can quietly go empty.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import settings

# Debian keeps servers where an ordinary user's PATH does not look.
_SERVERS = ("/usr/sbin", "/usr/local/sbin", "/sbin")

# How long one example takes says how busy the machine is, and nothing about the code.
settings.register_profile("patient", settings.default, deadline=None)
settings.load_profile("patient")


def find_peer(name: str) -> Path:
    """Find a program of the machine; without it the test skips, or fails in CI."""
    places = os.pathsep.join((os.environ.get("PATH", os.defpath), *_SERVERS))
    found = shutil.which(name, path=places)
    if found is None:
        missing_peer(f"peer {name} is not on this machine")
    return Path(found)


def missing_peer(why: str) -> NoReturn:
    """Skip, or fail where peers are required."""
    if os.environ.get("REQUIRE_PEERS") == "1":
        pytest.fail(why, pytrace=False)
    pytest.skip(why)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Hold a test's `peer(name)` markers against the machine."""
    for marker in item.iter_markers("peer"):
        for name in marker.args:
            find_peer(name)


@pytest.fixture(scope="session")
def peer() -> Callable[[str], Path]:
    """Give the finder, for fixtures: a marker cannot stand on them."""
    return find_peer
