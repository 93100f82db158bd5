"""Colours, where a terminal asks for them: one small table, and when it is used.

Colour says nothing that words do not say as well. Whatever is printed through here is
made printable first, so that nobody but us steers a terminal.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import TextIO

from exporter.printable import printable


class Style(StrEnum):
    """What a piece of text is, and how it is shown (ECMA-48, SGR parameters)."""

    GOOD = "32"
    BAD = "1;31"
    ODD = "33"  # tolerated, or not as it should be
    FAINT = "2"
    STRONG = "1"
    PHASE = "36"
    PLAIN = ""


class Ink:
    """Writes pieces of text in a style, or plainly."""

    def __init__(self, *, colour: bool) -> None:
        """Decide once."""
        self._colour = colour

    def __call__(self, style: Style, text: str) -> str:
        """Give the text as it may be shown."""
        text = printable(text)
        if not (self._colour and style and text):
            return text
        return f"\x1b[{style.value}m{text}\x1b[0m"


PLAIN = Ink(colour=False)


def wants_colour(stream: TextIO | None, environment: Mapping[str, str]) -> bool:
    """Whether what is written to a stream should have colours.

    NO_COLOR (no-color.org) has the last word, then those that force it, as Python's
    own tools have it; else a terminal that is not dumb is asked for.
    """
    if environment.get("NO_COLOR"):
        return False
    if any(environment.get(name, "0") not in _OFF for name in _FORCING):
        return True
    if environment.get("CLICOLOR") == "0":
        return False
    return is_terminal(stream, environment)


_FORCING = ("FORCE_COLOR", "CLICOLOR_FORCE")
_OFF = frozenset({"", "0"})


def is_terminal(stream: TextIO | None, environment: Mapping[str, str]) -> bool:
    """Whether a stream leads to a terminal that can go back on its line."""
    if stream is None or environment.get("TERM") == "dumb":
        return False
    try:
        return stream.isatty()
    except ValueError:  # closed
        return False
