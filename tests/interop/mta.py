"""What every server of the interop ring is to its tests, and where unpacked ones lie.

Holds what a test may know of a server, whichever it is; how one is started stands in
its own file, `running_NAME`.
"""

import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from tests.conftest import find_peer, missing_peer

# What `.ci/mtas` fills: a folder for each server, and its version in a file beside.
_UNPACKED = Path(__file__).parents[2] / ".cache" / "mtas"


class Door(StrEnum):
    """What is spoken at a port."""

    SMTP = "smtp"  # in the clear, STARTTLS offered
    SUBMISSION = "submission"  # STARTTLS, and inside it AUTH where the server has it
    SUBMISSIONS = "submissions"  # TLS at once
    LMTP = "lmtp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mta:
    """A server as Debian ships it, running on loopback."""

    name: str  # as in "Exim" or "Postfix postscreen"
    version: str  # as its package says: "4.96-15+deb12u7"
    host: str
    doors: Mapping[Door, int]  # their ports; a door that it does not have is absent
    certificate_for: str  # the name in its certificate
    authority: bytes  # PEM of whom to trust
    user: str | None  # for AUTH, with the password; None: it has no AUTH
    password: str | None
    refused: str  # a recipient that it refuses with 5yz
    log: Callable[[], str]  # everything logged so far


def unpacked(name: str) -> Path:
    """Find the packages of a server that cannot be installed beside Postfix."""
    place = _UNPACKED / name
    if not _version_file(place).exists():
        missing_peer(f"peer {name} is not unpacked on this machine (.ci/mtas does it)")
    return place


def version(place: Path) -> str:
    """Give the version of an unpacked server, as its package says."""
    return _version_file(place).read_text(encoding="ascii").strip()


def installed_version(package: str) -> str:
    """Give the version of a package that is installed."""
    ask = (find_peer("dpkg-query"), "--show", "--showformat=${Version}", package)
    return subprocess.run(ask, check=True, capture_output=True, text=True).stdout


def _version_file(place: Path) -> Path:
    return place.with_name(f"{place.name}.version")
