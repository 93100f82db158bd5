"""Patterns and keywords that a module may ask for."""

import time

import pytest

from exporter.config.complaint import Refusal
from exporter.config.expectation import check_keyword, check_pattern


@pytest.mark.parametrize(
    "pattern", [r"^mx\d+\.", "(?i)postfix", "ESMTP$", "ä|ö", r"\pL+", "\t", "x" * 1000]
)
def test_good_patterns(pattern: str) -> None:
    """What RE2 takes is kept as written."""
    assert check_pattern(pattern) == pattern


@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [
        ("", "1 to 1000 characters, not 0"),
        ("x" * 1001, "1 to 1000 characters, not 1001"),
        ("(", r"`\(` is not an RE2 pattern: missing \): \("),
        ("a**", "bad repetition operator"),
        (r"(a)\1", "invalid escape sequence"),
        ("(?<!a)b", "is not an RE2 pattern"),
        (r"(\pL{9}){99}", "pattern too large"),
        ("\ud800", "is not an RE2 pattern"),
        ("(\n", r"missing \): \(\\n"),
    ],
)
def test_bad_patterns(pattern: str, sentence: str) -> None:
    """What RE2 doesn't take is refused in its own words, on one line."""
    with pytest.raises(Refusal, match=sentence) as raised:
        check_pattern(pattern)
    assert str(raised.value).isprintable()


def test_patterns_are_refused_soon() -> None:
    """No pattern keeps whoever reads the configuration waiting."""
    before = time.monotonic()
    with pytest.raises(Refusal):
        check_pattern(r"(\pL{30}){30}" * 70)
    assert time.monotonic() - before < 5


@pytest.mark.parametrize(
    ("word", "keyword"),
    [("PIPELINING", "PIPELINING"), ("8bitmime", "8BITMIME"), ("X-a-", "X-A-")],
)
def test_good_keywords(word: str, keyword: str) -> None:
    """A keyword has no case; it is kept in upper case."""
    assert check_keyword(word) == keyword


@pytest.mark.parametrize("word", ["", "-A", "A B", "AUTH=PLAIN", "A_B", "ß", "A\n"])
def test_bad_keywords(word: str) -> None:
    """Parameters and other characters are no part of a keyword."""
    with pytest.raises(Refusal, match="is not an EHLO keyword"):
        check_keyword(word)
