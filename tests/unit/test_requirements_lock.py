"""The lock files of the image: all that is needed, each at one version, with hashes."""

import re
import tomllib
from importlib.metadata import PackageNotFoundError, requires
from itertools import product
from pathlib import Path
from typing import NamedTuple

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
WANTED = {
    "requirements.lock": PROJECT["project"]["dependencies"],
    "requirements-build.lock": PROJECT["build-system"]["requires"],
}
ENVIRONMENTS = [
    {
        "implementation_name": "cpython",
        "platform_machine": machine,
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "python_full_version": f"{python}.0",
        "python_version": python,
        "sys_platform": "linux",
        "extra": "",
    }
    for python, machine in product(("3.11", "3.13"), ("x86_64", "aarch64"))
]


class Locked(NamedTuple):
    """One package of a lock file."""

    requirement: Requirement
    hashes: list[str]

    @property
    def version(self) -> str:
        """The only version that it may have."""
        (pin,) = self.requirement.specifier
        assert pin.operator == "=="
        assert "*" not in pin.version
        return pin.version


def locked(name: str) -> dict[str, Locked]:
    """Read a lock file."""
    text = (ROOT / name).read_text("utf-8")
    found: dict[str, Locked] = {}
    for line in re.sub(r"#.*", "", text).replace("\\\n", " ").splitlines():
        words = line.partition(" --hash")
        if not words[0].strip():
            continue
        requirement = Requirement(words[0])
        hashes = re.findall(r"--hash=sha256:([0-9a-f]{64})(?=\s|$)", line)
        found[canonicalize_name(requirement.name)] = Locked(requirement, hashes)
    return found


@pytest.fixture(params=WANTED)
def lock(request: pytest.FixtureRequest) -> str:
    """Give the name of each lock file."""
    name: str = request.param
    return name


def test_every_package_has_one_version_and_hashes(lock: str) -> None:
    """No package may be another than the one whose files were hashed."""
    for name, one in locked(lock).items():
        assert one.version, name
        assert one.hashes, name
        assert one.requirement.url is None, name


def test_every_dependency_is_there(lock: str) -> None:
    """What pyproject.toml asks for is locked, at a version that it allows."""
    found = locked(lock)
    for text in WANTED[lock]:
        wanted = Requirement(text)
        one = found[canonicalize_name(wanted.name)]
        assert wanted.specifier.contains(one.version), text
        for environment in ENVIRONMENTS:
            if wanted.marker is None or wanted.marker.evaluate(environment):
                marker = one.requirement.marker
                assert marker is None or marker.evaluate(environment), text


def test_nothing_is_missing(lock: str) -> None:
    """What a locked package needs is locked too: nothing else is installed."""
    found = locked(lock)
    missing = []
    for name in found:
        try:
            needed = requires(name) or []
        except PackageNotFoundError:  # of another Python or machine than this one
            continue
        for text in needed:
            requirement = Requirement(text)
            for environment in ENVIRONMENTS:
                if requirement.marker is None or requirement.marker.evaluate(
                    environment
                ):
                    one = found.get(canonicalize_name(requirement.name))
                    if one is None or not (
                        one.requirement.marker is None
                        or one.requirement.marker.evaluate(environment)
                    ):
                        missing.append(f"{name} needs {text}")

    assert missing == []


def test_no_registry_is_named(lock: str) -> None:
    """The files say what is installed, and not from where."""
    text = (ROOT / lock).read_text("utf-8")

    assert "//" not in text
    assert re.findall(r"^\s*-(?!-hash=)\S+", text, re.MULTILINE) == []
