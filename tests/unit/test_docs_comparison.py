"""docs/comparison.md tells what was seen, and counts it."""

import re

import pytest

from docs.comparison import Asked, Compared, Ours, Run, Theirs, comparison, line
from exporter.outcome import Failure
from exporter.vocabulary import Close, Phase, Reason

YES, NO, TOO_LATE = Theirs(True, False), Theirs(False, False), Theirs(False, True)
CLEAN = Ours(None, Close.CLEAN)
REFUSED = Ours(Failure(Phase.GREETING, Reason.REJECTED), Close.CLEAN)
SILENT = Ours(Failure(Phase.QUIT, Reason.DEADLINE), Close.TIMEOUT)


def seen(theirs: Theirs, ours: Ours, does: str = "greets") -> Compared:
    """Make what was seen of one server."""
    return Compared("smtp", "B01", does, theirs, ours)


@pytest.mark.parametrize(
    ("one", "cells"),
    [
        (seen(YES, CLEAN), ["success", "success", "`clean`", ""]),
        (
            seen(TOO_LATE, REFUSED),
            ["failure, whole time", "`greeting_rejected`", "`clean`", ""],
        ),
        (
            seen(YES, SILENT),
            [
                "success",
                "`quit_deadline`",
                "`timeout`",
                "[why](migration.md#where-the-verdicts-differ)",
            ],
        ),
    ],
    ids=["success", "failure", "difference"],
)
def test_a_line(one: Compared, cells: list[str]) -> None:
    """A row has both verdicts, the close class, and whether the verdicts differ."""
    assert line(one).split(" | ") == [
        "| `B01`",
        "greets",
        *cells[:-1],
        f"{cells[-1]} |",
    ]


def test_the_words() -> None:
    """What the server does stays within its cell, and refers to nothing elsewhere."""
    assert r"| a \| b |" in line(seen(YES, CLEAN, "a | b (J7)"))


def test_the_summary() -> None:
    """Every probe is counted once by its verdicts, and late ones by ours."""
    run = Run(
        "1.0",
        2.9,
        {"smtp": Asked({"tcp": {"query_response": [{"expect": "^220 "}]}}, {})},
        [
            *[seen(YES, CLEAN)] * 64,
            *[seen(NO, REFUSED)] * 32,
            *[seen(TOO_LATE, SILENT)] * 16,
            *[seen(TOO_LATE, REFUSED)] * 8,
            *[seen(YES, SILENT)] * 4,
            *[seen(NO, CLEAN)] * 2,
            seen(TOO_LATE, CLEAN),
        ],
    )
    summary, _, module = comparison(run).partition("## Summary")[2].partition("\n## ")

    assert re.findall(r"\| ([0-9]+) \|", summary) == [
        *("127", "120", "4", "3"),
        *("25", "8", "16", "1"),
    ]
    assert module.startswith("`smtp`\n\nblackbox: expect `^220 `. Here: `{}`.\n")
