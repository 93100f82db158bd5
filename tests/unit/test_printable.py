"""Text of others is shown so that it steers no terminal and fills no page."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.printable import SHOWN_CHARACTERS, on_one_line, printable, quoted


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("plain, \N{GREEK SMALL LETTER PI}", "plain, \N{GREEK SMALL LETTER PI}"),
        ("a\nb\r\tc", r"a\nb\r\tc"),
        ("\x1b[2J\x07\x7f", r"\x1b[2J\x07\x7f"),
        ("\x85\u200b\u202e", r"\x85\u200b\u202e"),
        ("\ud800\U000e0001", r"\ud800\U000e0001"),
    ],
)
def test_escapes(text: str, shown: str) -> None:
    """What is no printable character is spelt as Python spells it."""
    assert printable(text) == shown


@given(st.text())
def test_bounded(text: str) -> None:
    """Inside a sentence no text is long, unprintable, or without its backticks."""
    line = on_one_line(text)

    assert line.isprintable()
    assert len(line) <= SHOWN_CHARACTERS * len(r"\U000e0001") + len("...")
    assert quoted(text) == f"`{line}`"


def test_cut() -> None:
    """A text that is cut says so."""
    assert quoted("a\nb\ud800") == r"`a\nb\ud800`"
    assert quoted("x" * SHOWN_CHARACTERS) == f"`{'x' * 80}`"
    assert quoted("x" * 81) == f"`{'x' * 80}...`"
