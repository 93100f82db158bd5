"""Prints the section of CHANGELOG.md that belongs to a tag: the notes of a release.

Refuses, with 1 and one line, a tag that is not the version in exporter/__init__.py, and
a version whose section is missing, empty or without its date.
"""

import re
import sys
from pathlib import Path

_VERSION = re.compile(r'^__version__ = "([^"]+)"$', re.MULTILINE)
_HEADING = re.compile(r"^## \[([^\]]+)\](.*)$", re.MULTILINE)
_DATE = re.compile(r" - \d{4}-\d{2}-\d{2}")


class Refused(Exception):
    """The release is not ready; the text says what is missing, and where."""


def notes(tag: str, package: str, changelog: str) -> str:
    """Give the section of the tag's version.

    `package` and `changelog` are texts: exporter/__init__.py and CHANGELOG.md. Raises
    Refused.
    """
    found = _VERSION.search(package)
    if not found or tag != f"v{found[1]}":
        version = found[1] if found else "no version"
        raise Refused(
            f"the tag is {tag}, and exporter/__init__.py says {version}; "
            "a release of it is tagged with a v and that version"
        )
    for heading in _HEADING.finditer(changelog):
        if heading[1] == found[1]:
            return _section(heading, changelog)
    raise Refused(
        f"CHANGELOG.md has no section [{found[1]}]; give that name to [Unreleased]"
    )


def _section(heading: re.Match[str], changelog: str) -> str:
    if not _DATE.fullmatch(heading[2]):
        raise Refused(f"CHANGELOG.md: `{heading[0]}` ends in no date, as - 2026-01-31")
    after = _HEADING.search(changelog, heading.end())
    section = changelog[heading.end() : after.start() if after else None].strip()
    if not section:
        raise Refused(f"CHANGELOG.md: nothing stands under `{heading[0]}`")
    return section


def main(tag: str) -> int:
    """Print the notes of a tag; gives the exit code."""
    root = Path(__file__).parents[1]
    try:
        print(
            notes(
                tag,
                (root / "exporter" / "__init__.py").read_text("utf-8"),
                (root / "CHANGELOG.md").read_text("utf-8"),
            )
        )
    except Refused as refused:
        print(refused, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
