"""Text of others as it may be shown: nothing in it steers a terminal, none is endless.

Holds the one spelling of what is no printable character, for sentences, tables, labels
and logs. Refuses to know whose text it is, and where it will stand.
"""

# A terminal's line: whoever wrote a longer text knows it by its beginning.
SHOWN_CHARACTERS = 80


def printable(text: str) -> str:
    """Escape whatever is no printable character; one line stays one line."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def on_one_line(text: str) -> str:
    """Make text printable and bounded, for the inside of a sentence."""
    cut = "..." if len(text) > SHOWN_CHARACTERS else ""
    return printable(text[:SHOWN_CHARACTERS]) + cut


def quoted(text: str) -> str:
    """Show text inside a sentence: in backticks, on one line, bounded."""
    return f"`{on_one_line(text)}`"
