"""A row: what is told of a target in one line."""

import pytest

from exporter.targets import Target
from exporter.web.rows import MAX_WORDS, row, trouble, where, where_beside_name
from exporter.web.selection import State
from tests.unit.accounts import NOW, book
from tests.unit.outcomes import greeting_timeout, outcome, refused, target


@pytest.mark.parametrize(
    ("to", "dialled", "beside"),
    [
        (target("mx1.example.com:25"), "mx1.example.com:25", ""),
        (target("example.com/mx1.example.com:25"), "mx1.example.com:25", ""),
        (target("edge-7"), "mx1.example.com:25", "mx1.example.com:25"),
        (target("six", host="::1"), "[::1]:25", "[::1]:25"),
        (target("unix:/run/l", host="unix:/run/l", port=0), "unix:/run/l", ""),
    ],
)
def test_where(to: Target, dialled: str, beside: str) -> None:
    """Host and port are spelt as they are dialled, and not twice."""
    assert where(to) == dialled
    assert where_beside_name(to) == beside


def test_not_probed() -> None:
    """Of a target that was not probed there is nothing to tell."""
    told = row(book({}, [target()]).account("mx1.example.com:25"), None, NOW)
    assert (told.state, told.banner, told.close) == (State.PENDING, None, "")
    assert (told.bars, told.trouble, told.last_probe) == ((), None, None)


def test_failing() -> None:
    """The trouble of a failing target is that of now, whatever is remembered."""
    made = book({"a": [refused()]}, [target("a")])
    told = row(made.account("a"), greeting_timeout(), NOW)
    assert told.trouble
    assert told.trouble.code == "connect_refused"
    assert (told.close, told.graceful, told.last_success) == ("none", False, None)


def test_well() -> None:
    """The trouble of a well target is what is remembered."""
    made = book({"a": [outcome()]}, [target("a")])
    told = row(made.account("a"), greeting_timeout(), NOW)
    assert told.trouble
    assert told.trouble.code == "greeting_timeout"
    assert (told.banner, told.close, told.graceful) == (220, "clean", True)
    assert row(made.account("a"), None, NOW).trouble is None


def test_trouble_of_a_success() -> None:
    """There is none."""
    assert trouble(outcome(), NOW) is None


def test_words_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long diagnosis is cut for a row, and says so."""
    monkeypatch.setattr("exporter.web.rows.MAX_WORDS", 20)
    told = trouble(greeting_timeout(), NOW)
    assert told
    assert len(told.words) == 20
    assert told.words.endswith("\N{HORIZONTAL ELLIPSIS}")
    assert MAX_WORDS > 20
