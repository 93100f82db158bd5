"""Seconds in words."""

import pytest

from exporter.web.spans import ago, machine_moment, moment, took


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0, "0.00 ms"),
        (0.000042, "0.04 ms"),
        (0.0123, "12.3 ms"),
        (0.25, "250 ms"),
        (1.5, "1.50 s"),
        (61.0, "61.00 s"),
    ],
)
def test_took(seconds: float, words: str) -> None:
    """Three digits or so, in the unit that suits."""
    assert took(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "now"),
        (0.9, "now"),
        (1, "1 s ago"),
        (119, "119 s ago"),
        (120, "2 min ago"),
        (7200, "2 h ago"),
        (86400 * 3, "3 days ago"),
    ],
)
def test_ago(seconds: float, words: str) -> None:
    """A unit is used from two of it on."""
    assert ago(seconds) == words


def test_moments() -> None:
    """A time is UTC, for people and for machines."""
    assert moment(1_700_000_000.0) == "2023-11-14 22:13:20 UTC"
    assert machine_moment(1_700_000_000.0) == "2023-11-14T22:13:20Z"
