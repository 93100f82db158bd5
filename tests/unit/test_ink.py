"""When there are colours, and that nothing but ours steers a terminal."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.ink import Ink, Style, is_terminal, wants_colour
from exporter.printable import printable


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


@pytest.mark.parametrize(
    ("environment", "on_terminal", "in_pipe"),
    [
        ({}, True, False),
        ({"TERM": "xterm"}, True, False),
        ({"TERM": "dumb"}, False, False),
        ({"NO_COLOR": "1"}, False, False),
        ({"NO_COLOR": ""}, True, False),
        ({"CLICOLOR": "0"}, False, False),
        ({"CLICOLOR": "1"}, True, False),
        ({"FORCE_COLOR": "1"}, True, True),
        ({"FORCE_COLOR": "0"}, True, False),
        ({"FORCE_COLOR": ""}, True, False),
        ({"CLICOLOR_FORCE": "1"}, True, True),
        ({"CLICOLOR_FORCE": "1", "TERM": "dumb"}, True, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, False),
    ],
    ids=str,
)
def test_when(environment: dict[str, str], on_terminal: bool, in_pipe: bool) -> None:
    """A terminal asks for colours; NO_COLOR has the last word, then who forces them."""
    assert wants_colour(Terminal(), environment) is on_terminal
    assert wants_colour(io.StringIO(), environment) is in_pipe


def test_no_stream_is_no_terminal() -> None:
    """A stream that is closed or not there is none."""
    closed = Terminal()
    closed.close()
    plain = io.StringIO()
    plain.close()

    assert not is_terminal(None, {})
    assert not is_terminal(plain, {})


def test_styles() -> None:
    """A style is put around the text and ends behind it; plain text has none."""
    ink = Ink(colour=True)

    assert ink(Style.GOOD, "OK") == "\x1b[32mOK\x1b[0m"
    assert ink(Style.PLAIN, "OK") == "OK"
    assert ink(Style.BAD, "") == ""


@given(st.text(), st.sampled_from(Style))
def test_without_colours(text: str, style: Style) -> None:
    """Without colours every text is printable and on one line, whatever it was."""
    told = Ink(colour=False)(style, text)

    assert told.isprintable()
    assert told == printable(text)


@given(st.text(min_size=1), st.sampled_from([s for s in Style if s]))
def test_with_colours(text: str, style: Style) -> None:
    """With colours nothing but our own two sequences is unprintable."""
    told = Ink(colour=True)(style, text)
    begin, end = f"\x1b[{style}m", "\x1b[0m"

    assert told == begin + printable(text) + end
