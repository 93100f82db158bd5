"""The file on disk -> its text.

Holds what can go wrong before the first character is understood: no such file, not
readable, too large, not UTF-8. Refuses to look into the text.
"""

import os
from pathlib import Path

from exporter.config.complaint import Complaints, Place

# A target written with labels takes about 110 octets: room for 150,000 of them, far
# more than one process should probe, while a wrong path (a log, a disk image) is
# noticed before it fills the memory.
MAX_OCTETS = 16 * 1024 * 1024

_REMEDY_OF: dict[type[OSError], str] = {
    FileNotFoundError: "there is no such file; check the path",
    NotADirectoryError: "there is no such file; check the path",
    IsADirectoryError: "this is a directory; give the path of the file in it",
    # With the number: in a container it is not the user who wrote the file.
    PermissionError: f"this user (uid {os.getuid()}) may not read it; change its owner "
    "or its mode",
}


def read_text(path: Path, complaints: Complaints) -> str:
    """Read the whole file; stops at whatever keeps it from being text."""
    octets = _read(path, complaints)
    if len(octets) > MAX_OCTETS:
        complaints.stop(
            f"the file is larger than {MAX_OCTETS} octets; is it a configuration?"
        )
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError as error:
        before = octets[: error.start].decode("utf-8")
        complaints.stop(
            f"octet 0x{octets[error.start]:02x} is not UTF-8; save the file as UTF-8",
            place=place_behind(before),
        )


def _read(path: Path, complaints: Complaints) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_OCTETS + 1)
    except OSError as error:
        complaints.stop(remedy_of(error))


def remedy_of(error: OSError) -> str:
    """Say why a file cannot be read, and what to do about it."""
    told = f"it cannot be read: {error.strerror}; check the disk or mount it is on"
    return _REMEDY_OF.get(type(error), told)


def place_behind(before: str) -> Place:
    """Give the place that comes right after a beginning of the text."""
    return Place(before.count("\n") + 1, len(before) - before.rfind("\n"))
