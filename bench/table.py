"""What was measured, held against its target: rows for a person, and JSON.

Holds no measurement. A figure that has a peer is a ratio, ours by theirs.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One figure; smaller is better, and `target` is the most that will do."""

    what: str
    figure: float
    unit: str
    target: float
    said: str = ""  # the figures behind it, and the peer's beside them

    @property
    def met(self) -> bool:
        """Whether the target is met."""
        return self.figure <= self.target


def print_table(title: str, rows: Iterable[Row]) -> list[Row]:
    """Print a measurement's rows, and give them."""
    told = list(rows)
    print(title, flush=True)
    for row in told:
        verdict = "met   " if row.met else "MISSED"
        figure, target = f"{row.figure:,.4g}", f"{row.target:,.4g}"
        print(
            f"  {verdict} {row.what:52} {figure:>9} {row.unit:5} of {target:>7}"
            f"   {row.said}",
            flush=True,
        )
    return told


def as_json(rows: Iterable[Row]) -> str:
    """Write rows for a program."""
    return json.dumps([asdict(row) | {"met": row.met} for row in rows], indent=1)
