"""Durations are read and spelt as Prometheus does."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.config.duration import PATTERN, parse_duration, spell_duration

GOOD = [
    ("0", 0.0),
    ("0s", 0.0),
    ("30s", 30.0),
    ("1m30s", 90.0),
    ("500ms", 0.5),
    ("1s500ms", 1.5),
    ("1h", 3600.0),
    ("1d", 86400.0),
    ("1w", 604800.0),
    ("1y", 31536000.0),
    ("1y2w3d4h5m6s7ms", 33019506.007),
    ("90m", 5400.0),
    ("007s", 7.0),
]
BAD = [
    *("", "60", "1.5s", "-1s", "+1s", "1 s", " 1s", "1s ", "1s\n", "s", "ms", "1S"),
    *("1s1m", "1s1s", "1ms1s", "1us", "1m 30s", "00", "٣s", "1" * 19 + "s"),
]


@pytest.mark.parametrize(("text", "seconds"), GOOD)
def test_good(text: str, seconds: float) -> None:
    """Each unit at most once and the largest first is a duration."""
    assert parse_duration(text) == seconds
    assert re.search(PATTERN, text)


@pytest.mark.parametrize("text", BAD)
def test_bad(text: str) -> None:
    """Anything else is not."""
    with pytest.raises(ValueError, match="not a duration"):
        parse_duration(text)


@given(st.integers(0, 10**15))
def test_round_trip(milliseconds: int) -> None:
    """What is spelt is read as the same number of seconds."""
    spelt = spell_duration(milliseconds / 1000)
    assert parse_duration(spelt) == milliseconds / 1000
    assert re.search(PATTERN, spelt)


@given(
    st.from_regex(PATTERN.replace("$", r"\Z"), fullmatch=True).filter(
        lambda text: not re.search("[0-9]{19}", text)  # numbers beyond all measure
    )
)
def test_the_schema_pattern_agrees(text: str) -> None:
    """What the schema lets pass is read."""
    assert parse_duration(text) >= 0
