"""`probe --count` without a server: what is printed where, and which code is left."""

import json
import logging
import signal
from collections.abc import Callable, Iterator

import pytest
import structlog

from exporter import app, cli
from exporter.cli import series
from exporter.cli.probe import _Onlooker, session_line
from exporter.ink import Ink
from exporter.outcome import Outcome
from exporter.vocabulary import Close
from tests.unit.outcomes import greeting_timeout, outcome


@pytest.fixture(autouse=True)
def _nothing_of_the_process_stays_changed() -> Iterator[None]:
    """Put back what a command sets for its whole process."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers.clear()
    signals = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in signals.items():
        signal.signal(number, handler)
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[Outcome]:
    """Fix what sessions come to, one after the other."""
    coming: list[Outcome] = []

    async def probe_once(
        _: object, __: object, watch: Callable[[Callable[[], str]], object]
    ) -> Outcome:
        watch(lambda: "greeting")
        return coming.pop(0)

    monkeypatch.setattr(app, "probe_once", probe_once)
    return coming


SERIES = ["probe", "127.0.0.1", "--interval", "0", "--count"]


def test_all_succeed(seen: list[Outcome], capsys: pytest.CaptureFixture[str]) -> None:
    """A line each, then the sum; 0 when all succeeded."""
    seen += [outcome(), outcome()]

    assert cli.main([*SERIES, "2"]) == 0
    head, one, two, empty, total, *_ = capsys.readouterr().out.splitlines()
    assert head == "127.0.0.1 port 25, module mx, every 0s, 2 sessions"
    assert one == two == "2023-11-14T22:13:20Z  OK         500.0 ms  clean"
    assert (empty, total.startswith("2 sessions in ")) == ("", True)


def test_some_fail(seen: list[Outcome], capsys: pytest.CaptureFixture[str]) -> None:
    """One failure makes the code 1."""
    seen += [outcome(), greeting_timeout(), outcome()]

    assert cli.main([*SERIES, "3"]) == 1
    assert "2 succeeded, 1 failed" in capsys.readouterr().out


def test_for_programs(seen: list[Outcome], capsys: pytest.CaptureFixture[str]) -> None:
    """Standard output has a document a line, standard error the sum."""
    seen += [outcome(), greeting_timeout()]

    assert cli.main([*SERIES, "2", "--output", "json"]) == 1
    said = capsys.readouterr()
    assert [json.loads(line)["success"] for line in said.out.splitlines()] == [
        True,
        False,
    ]
    assert "2 sessions in " in said.err


def test_interrupted(seen: list[Outcome], capsys: pytest.CaptureFixture[str]) -> None:
    """Who leaves before a session ended is told so, with the code of an interrupt."""
    seen += [outcome()]

    def at_once(stop: Callable[[], object]) -> None:
        stop()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("exporter.cli.probe.on_interrupt", at_once)
        assert cli.main([*SERIES, "0"]) == 130
    assert "0 sessions in 0 s" in capsys.readouterr().out


def test_hurry_is_warned_of(
    seen: list[Outcome],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Sessions in a hurry with a server elsewhere begin with a word of warning."""
    monkeypatch.setattr(series, "SHORTEST_INTERVAL", 0.0)
    seen += [outcome(), outcome()]
    argv = ["probe", "mx1.example.com", "--interval", "0", "--count", "2"]

    assert cli.main(argv) == 0
    assert "less than 5s between sessions" in capsys.readouterr().err


@pytest.mark.parametrize("interval", ["0", "soon", "1"])
def test_no_flood(interval: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A flood of somebody else's server is a wrong command line."""
    argv = ["probe", "mx1.example.com", "--count", "9", "--interval", interval]

    assert cli.main(argv) == 2
    assert capsys.readouterr().err.startswith("mailserver-exporter: --interval")


def test_an_odd_end_has_a_colour() -> None:
    """A success that closes oddly is green, and its end is not."""
    line = session_line(outcome(close=Close.RESET_AFTER_221), Ink(colour=True))

    assert "\x1b[32mOK    \x1b[0m" in line
    assert line.endswith("\x1b[33mreset_after_221\x1b[0m")


def test_who_looks_on() -> None:
    """Before there is a session its start is what is waited for."""
    onlooker = _Onlooker()
    assert onlooker() == "start"
    onlooker.follow(lambda: "ehlo")
    assert onlooker() == "ehlo"
