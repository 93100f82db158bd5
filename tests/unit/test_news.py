"""What the log tells of targets, and that nothing a server says can forge a line."""

import dataclasses
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.log import is_debug, lines_written
from exporter.news import FLAPPING_SECONDS, MOST_CHANGES, Difference, News, difference
from exporter.outcome import Failure, Outcome, Said, Speaker
from exporter.probe.timeline import display
from exporter.vocabulary import Close, Phase, Reason
from tests.unit.outcomes import greeting_timeout, outcome, target
from tests.unit.test_log import lines, logged

TARGET = target()
GOOD, BAD = outcome(), greeting_timeout()
ODD = outcome(close=Close.RESET_AFTER_221)

# One key and its value, as logfmt has them.
PAIR = re.compile(r'([a-z_]+)=("(?:[^"\\]|\\.)*"|[^ "=]*)(?: |$)')


def pairs(line: str) -> dict[str, str]:
    """Read a line of logfmt; every character belongs to a pair."""
    found = list(PAIR.finditer(line))
    assert "".join(match[0] for match in found) == line
    keys = [match[1] for match in found]
    assert len({*keys}) == len(keys)
    return {match[1]: match[2] for match in found}


class Life:
    """A target that is probed again and again, and what the log tells of it."""

    def __init__(self, *, dialogues: bool = False) -> None:
        """Begin at second 0."""
        self.now = 0.0
        self.news = News(dialogues=dialogues, monotonic=lambda: self.now)
        self.before: Outcome | None = None
        self.log: list[str] = []

    def sees(self, *seen: Outcome, every: float = 60.0, level: str = "info") -> None:
        """Hold sessions, one after the other."""
        with logged(level) as written:
            for one in seen:
                self.news.told(TARGET, self.before, one)
                self.before = one
                self.now += every
        self.log += lines(written)

    @property
    def told(self) -> list[str]:
        """Give the messages."""
        return [pairs(line)["msg"].strip('"') for line in self.log]


@pytest.fixture
def life() -> Life:
    """Give a target that nobody has probed yet."""
    return Life()


# --- changes


def test_a_first_success_is_no_news(life: Life) -> None:
    """Who succeeds from the start is not told of."""
    life.sees(GOOD, GOOD, GOOD)

    assert life.log == []


def test_a_first_failure_is_news(life: Life) -> None:
    """Who fails from the start is told of once, with what to do."""
    life.sees(BAD, BAD, BAD)

    (line,) = life.log
    found = pairs(line)
    assert (found["level"], found["msg"]) == ("warning", '"target fails"')
    assert (found["target"], found["failure"], found["close"]) == (
        "mx1.example.com:25",
        "greeting_timeout",
        "aborted",
    )
    assert "Try: " in found["verdict"]


def test_a_recovery(life: Life) -> None:
    """A target that succeeds again says how long and how often it did not."""
    life.sees(GOOD, BAD, BAD, BAD, GOOD, GOOD)

    assert life.told == ["target fails", "target succeeds"]
    found = pairs(life.log[1])
    assert (found["level"], found["failed_probes"]) == ("info", "3")
    assert found["failed_seconds"] == "180.0"


def test_another_failure(life: Life) -> None:
    """One failure after another names both."""
    reset = dataclasses.replace(BAD, failure=Failure(Phase.GREETING, Reason.RESET))
    life.sees(BAD, reset, reset)

    assert life.told == ["target fails", "target fails"]
    found = pairs(life.log[1])
    assert (found["before"], found["failure"]) == ("greeting_timeout", "greeting_reset")


def test_another_goodbye(life: Life) -> None:
    """A success that closes otherwise than before is told at info."""
    life.sees(GOOD, ODD, ODD, GOOD)

    assert life.told == ["target succeeds", "target succeeds"]
    assert [pairs(line)["close"] for line in life.log] == [
        "reset_after_221",
        "clean",
    ]
    assert "failed_probes" not in life.log[0]


# --- flapping


def test_flapping_is_one_thing_to_know(life: Life) -> None:
    """A target that flaps is told of so often, and then once more."""
    life.sees(GOOD, *[BAD, GOOD] * 100, every=5.0)

    messages = life.told
    assert len(messages) == MOST_CHANGES + 1
    assert messages[-1].startswith("target flaps; silent until")


def test_flapping_ends(life: Life) -> None:
    """Once it has stayed as it is, that is told, with how much was not."""
    life.sees(GOOD, *[BAD, GOOD] * 10, every=5.0)
    life.sees(*[GOOD] * 13)
    life.sees(BAD)

    *_, flaps, no_more, fails = life.log
    assert pairs(flaps)["changes"] == str(MOST_CHANGES + 1)
    assert pairs(no_more)["msg"] == '"target flaps no more"'
    assert pairs(no_more)["changes_unsaid"] == str(20 - MOST_CHANGES - 1)
    assert pairs(no_more)["level"] == "info"
    assert pairs(fails)["msg"] == '"target fails"'


def test_flapping_that_ends_badly(life: Life) -> None:
    """A target that flapped and now fails for good is a warning."""
    life.sees(GOOD, *[BAD, GOOD] * 10, every=5.0)
    life.sees(*[BAD] * 13)

    last = pairs(life.log[-1])
    assert (last["msg"], last["level"]) == ('"target flaps no more"', "warning")
    assert last["failure"] == "greeting_timeout"


def test_slow_changes_do_not_flap(life: Life) -> None:
    """Changes further apart than the window are each told."""
    life.sees(GOOD, *[BAD, GOOD] * 20, every=FLAPPING_SECONDS / 3)

    assert len(life.told) == 40


def test_who_is_gone_is_forgotten(life: Life) -> None:
    """Of a target that left nothing is kept."""
    life.sees(BAD)
    life.news.keep({TARGET.name})
    assert life.news._stories
    life.news.keep(set())

    assert not life.news._stories
    assert len(life.log) == 1


# --- dialogues

SAID = (
    Said(0.25, Phase.GREETING, Speaker.SERVER, "220-mx1\n220 ready"),
    Said(0.2513, Phase.QUIT, Speaker.CLIENT, "QUIT"),
)


def test_a_dialogue() -> None:
    """At debug each entry of a transcript is a line: when, where, who, what."""
    with logged("debug"):
        assert is_debug()
    life = Life(dialogues=True)
    life.sees(outcome(transcript=SAID), level="debug")

    greeting, quit_ = map(pairs, life.log)
    assert (greeting["msg"], greeting["level"]) == ("said", "debug")
    assert (greeting["at_ms"], greeting["phase"], greeting["who"]) == (
        "250.0",
        "greeting",
        "server",
    )
    assert greeting["text"] == r'"220-mx1\n220 ready"'
    assert (quit_["who"], quit_["text"]) == ("client", "QUIT")


def test_no_dialogue_above_debug(life: Life, monkeypatch: pytest.MonkeyPatch) -> None:
    """Above debug no transcript is even looked at."""
    with logged("info"):
        assert not is_debug()
    monkeypatch.setattr("exporter.news._tell_dialogue", pytest.fail)
    life.sees(outcome(transcript=SAID))

    assert life.log == []


FORGED = (
    b'220 x" level=error msg="disk full\r\n'
    b"220-\x1b[2J\x1b]0;owned\x07 time=1 target=other\r\n"
    b'220 \xff\xfe\xc2\x85\xe2\x80\xa8\\" verdict=fine\r\n'
)


@pytest.mark.parametrize("spelling", ["logfmt", "json"])
@pytest.mark.parametrize("octets", [FORGED, b"=" * 50, b'"', b"\\", b"\\n\n=", b""])
def test_nobody_forges_a_line(octets: bytes, spelling: str) -> None:
    """Quotes, line ends and escapes of a server's stay inside the value they are in."""
    said = Said(0.1, Phase.GREETING, Speaker.SERVER, display(octets))
    with logged("debug", spelling) as written:
        News(dialogues=True).told(TARGET, None, outcome(transcript=(said,)))

    (line,) = lines(written)
    assert line.isprintable()
    found = pairs(line) if spelling == "logfmt" else json.loads(line)
    assert [*found] == [
        *("time", "level", "msg", "target", "at_ms", "phase", "who", "text")
    ] or spelling == "json"
    assert (found["level"], found["target"]) == ("debug", "mx1.example.com:25")


@given(st.binary(max_size=300))
def test_nothing_forges_a_line(octets: bytes) -> None:
    """Whatever octets a server sends, there is one line, with its keys and no other."""
    said = Said(0.1, Phase.GREETING, Speaker.SERVER, display(octets))
    with logged("debug") as written:
        News(dialogues=True).told(TARGET, None, outcome(transcript=(said,)))

    (line,) = lines(written)
    assert line.isprintable()
    assert {*pairs(line)} == {
        *("time", "level", "msg", "target", "at_ms", "phase", "who", "text")
    }


def test_a_secret_is_covered() -> None:
    """What the timeline covers is covered in the log's dialogue."""
    said = Said(0.1, Phase.AUTH, Speaker.CLIENT, display(b"AUTH PLAIN abc", (b"abc",)))
    with logged("debug") as written:
        News(dialogues=True).told(TARGET, None, outcome(transcript=(said,)))

    assert "abc" not in written.getvalue()
    assert "<secret>" in written.getvalue()


# --- what is counted


def test_lines_are_counted() -> None:
    """Each line that is written counts for its level, and none that is not."""
    before = dict(lines_written())
    life = Life(dialogues=True)
    life.sees(BAD, outcome(transcript=SAID))
    after = lines_written()

    assert len(life.log) == 2
    assert after["warning"] - before["warning"] == 1
    assert after["info"] - before["info"] == 1
    assert after["debug"] == before["debug"]


def test_a_difference() -> None:
    """What came, what went, and what is probed otherwise under its name."""
    before = [target("a"), target("b"), target("c")]
    after = [target("b"), target("c", port=26), target("d"), target("e")]

    assert difference(before, after) == Difference(added=2, removed=1, changed=1)
    assert difference(before, before) == Difference(0, 0, 0)
    assert difference([], after) == Difference(4, 0, 0)
