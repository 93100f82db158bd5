"""docs/migration.md, read by a program: the old modules, the new ones, the differences.

What is compared is what the page says and nothing else, so nothing is added here but
what belongs to the place: names, files, and the shorter limits of a test.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

MIGRATION = Path(__file__).parents[2] / "docs/migration.md"

_FENCED = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_VERDICTS = {"1": True, "0": False}


class Difference(NamedTuple):
    """Two verdicts that are not the same."""

    module: str
    row: str
    theirs: bool
    ours: bool


def section(title: str, page: Path = MIGRATION) -> str:
    """Give what stands under a heading of the second level."""
    _, _, rest = page.read_text().partition(f"\n## {title}\n")
    return rest.partition("\n## ")[0]


def configurations() -> tuple[str, str]:
    """Give blackbox_exporter's configuration and ours, as they stand in the page."""
    old, new = _FENCED.findall(section("Modules"))
    return old, new


def counts() -> tuple[int, int]:
    """Give how many probes, and how many differences, the page speaks of."""
    probes, listed = re.findall(
        r"same ([0-9]+) probes|\[([0-9]+) that", MIGRATION.read_text()
    )
    return int(probes[0]), int(listed[1])


def blocks(kind: str) -> list[str]:
    """Give the YAML of the page that begins with this key."""
    found = _FENCED.findall(MIGRATION.read_text())
    return [text for text in found if text.startswith(f"{kind}:")]


def modules(text: str, here: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Read the modules of a configuration, with the words of this place in it."""
    for word, other in (here or {}).items():
        text = text.replace(word, other)
    loaded: dict[str, Any] = yaml.safe_load(text)["modules"]
    return loaded


def differences() -> list[Difference]:
    """Read the table; the last column is `module`: ROW ROW; `module`: ROW."""
    return [*_differences()]


def _differences() -> Iterator[Difference]:
    for line in section("Where the verdicts differ").splitlines():
        if not line.startswith("| ") or line.startswith("| what"):
            continue
        _, theirs, ours, because, rows = line.strip("| ").split(" | ")
        assert because
        for some in rows.split("; "):
            module, _, ids = some.partition(": ")
            for one in ids.split():
                yield Difference(
                    module.strip("`"), one, _VERDICTS[theirs], _VERDICTS[ours]
                )
