"""Banner patterns: RE2's, searched in the whole text, in linear time."""

import pytest

from exporter.smtp.expectation import PatternError, compiled, matches
from exporter.smtp.reply import Reply


@pytest.mark.parametrize(
    ("pattern", "lines", "found"),
    [
        (r"^mx\d+\.", (b"mx12.example.com ESMTP",), True),
        (r"^mx\d+\.", (b"smtp.example.com mx12.",), False),
        ("Postfix", (b"mx.example.com", b"ESMTP Postfix"), True),
        (r"(?m)^ESMTP", (b"mx.example.com", b"ESMTP Postfix"), True),
        ("^ESMTP", (b"mx.example.com", b"ESMTP Postfix"), False),
        ("com\nESMTP", (b"mx.example.com", b"ESMTP Postfix"), True),
        ("caf\u00e9", ("mx caf\u00e9".encode(),), True),
        ("caf.", (b"mx caf\xe9",), True),
        ("", (b"",), True),
    ],
)
def test_search(pattern: str, lines: tuple[bytes, ...], *, found: bool) -> None:
    """A pattern is looked for anywhere in the text of all lines."""
    assert matches(pattern, Reply(220, lines)) is found


def test_linear() -> None:
    """A pattern that takes Python's own matcher for ever ends at once."""
    banner = b"a" * 10_000 + b"b"

    assert not matches(r"^(a+)+$", Reply(220, (banner,)))


@pytest.mark.parametrize("pattern", ["(", "[", "*", r"(?=a)", r"(a)\1", "a{1001}"])
def test_refused(pattern: str, capfd: pytest.CaptureFixture[str]) -> None:
    """What RE2 does not take is refused in RE2's words, and nothing is printed."""
    with pytest.raises(PatternError, match=r"\w"):
        compiled(pattern)

    assert capfd.readouterr().err == ""
