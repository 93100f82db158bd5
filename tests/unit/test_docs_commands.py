"""Each command stands in its page, with output that is what the command prints."""

import platform
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from exporter import __version__, cli
from exporter.cli import check_config, healthcheck
from exporter.cli.demo import where_to_look
from exporter.cli.healthcheck import Answer, Question
from exporter.cli.probe import session_line
from exporter.cli.tally import Tally
from exporter.config import load
from exporter.demo.servers import DEMO
from exporter.diagnosis.session import timeline
from exporter.ink import PLAIN
from exporter.outcome import Outcome, Said, Speaker
from exporter.vocabulary import Phase
from tests.unit.outcomes import greeting_timeout, outcome, target

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs/commands.md"
EXAMPLE = Path("config.example.yaml")


def examples() -> dict[str, str]:
    """Read the page: what is printed, by the command line above it."""
    found = re.findall(
        r"^```console\n\$ (.+)\n((?:.*\n)*?)```$", PAGE.read_text(), re.MULTILINE
    )
    return dict(found)


def _said(at: float, phase: Phase, who: Speaker, text: str) -> Said:
    return Said(at / 1000, phase, who, text)


NET, US, THEM = Speaker.NETWORK, Speaker.CLIENT, Speaker.SERVER
SAID = (
    _said(2.0, Phase.DNS, NET, "mx1.example.com is 192.0.2.1"),
    _said(2.5, Phase.CONNECT, NET, "connected to 192.0.2.1 port 25"),
    _said(252.5, Phase.GREETING, THEM, "220 mx1.example.com ESMTP"),
    _said(252.6, Phase.EHLO, US, "EHLO [192.0.2.9]"),
    _said(253.6, Phase.EHLO, THEM, "250-mx1.example.com\n250 SIZE"),
    _said(253.7, Phase.QUIT, US, "QUIT"),
    _said(255.2, Phase.QUIT, THEM, "221 2.0.0 bye"),
    _said(255.4, Phase.CLOSE, NET, "the server closed the connection"),
)


def _session(greeting: float, at: float = 0.0) -> Outcome:
    """Give a success whose greeting took so many seconds."""
    plain = outcome()
    return outcome(
        started_at=plain.started_at + at,
        duration=greeting + 0.0052,
        phases=tuple(
            r._replace(seconds=greeting) if r.phase is Phase.GREETING else r
            for r in plain.phases
        ),
        transcript=SAID,
    )


def _one() -> Iterator[str]:
    yield from timeline(target(), _session(0.25))


TIMED_OUT = replace(greeting_timeout(), started_at=1_700_000_010.0)
SERIES = (_session(0.25), _session(0.0312, at=5.0), TIMED_OUT)


def _series() -> Iterator[str]:
    yield "mx1.example.com port 25, module mx, every 5s, 3 sessions"
    tally = Tally()
    for seen in SERIES:
        tally.add(seen)
        yield session_line(seen, PLAIN)
    yield ""
    yield from tally.lines(25.5)


def _checked() -> Iterator[str]:
    yield from check_config.summary(EXAMPLE, load(ROOT / EXAMPLE))


def _demo() -> Iterator[str]:
    ports = [
        target(server.name, host="127.0.0.1", port=40001 + n)
        for n, server in enumerate(DEMO)
    ]
    told = [*where_to_look(["http://localhost:10525"], ports)]
    yield from told[: -len(DEMO) + 3]
    yield "  ..."


def _version() -> Iterator[str]:
    yield f"mailserver-exporter {__version__} (Python {platform.python_version()})"


OUTPUTS: dict[str, Callable[[], Iterator[str]]] = {
    "mailserver-exporter probe mx1.example.com": _one,
    "mailserver-exporter probe mx1.example.com --count 3": _series,
    "mailserver-exporter check-config --config.file config.example.yaml": _checked,
    "mailserver-exporter demo": _demo,
}


@pytest.mark.parametrize("line", OUTPUTS)
def test_an_example_is_current(line: str) -> None:
    """What the page shows below a command line is what that prints."""
    assert examples()[line].splitlines() == [*OUTPUTS[line]()]


def test_the_healthcheck_is_current(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both answers that the page shows are those that are given."""

    def answered(_: Question, __: float) -> Answer:
        return Answer(200, "mailserver-exporter is healthy.")

    monkeypatch.setattr(healthcheck, "answered", answered)
    assert cli.main(["healthcheck"]) == 0
    assert examples()["mailserver-exporter healthcheck"] == capsys.readouterr().out

    def refused(_: Question, __: float) -> Answer:
        raise ConnectionRefusedError

    monkeypatch.setattr(healthcheck, "answered", refused)
    assert cli.main(["healthcheck", "--ready"]) == 1
    shown = examples()["mailserver-exporter healthcheck --ready"]
    assert shown == capsys.readouterr().err


def test_the_version_is_current() -> None:
    """The line shown is the one printed, but for the versions."""
    numbers = re.compile(r"[0-9][0-9.]+")
    (printed,) = _version()
    shown = examples()["mailserver-exporter version"].removesuffix("\n")

    assert numbers.sub("N", shown) == numbers.sub("N", printed)


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_every_command_is_told(command: str) -> None:
    """Each command has a part of its own, which names each of its flags."""
    text = PAGE.read_text()
    _, _, part = text.partition(f"\n## {command}\n")
    part = part.partition("\n## ")[0]
    needed = {"probe": ["mx"]}
    parser = cli.parsed([command, *needed.get(command, [])]).parser
    shared = ("--web.", "--log.", "--config.file")
    flags = [f for f in parser._option_string_actions if f.startswith("--")]

    assert part
    for flag in flags:
        if flag != "--help" and not flag.startswith(shared):
            assert f"`{flag}" in part, flag


def test_examples_are_all_held() -> None:
    """No example of the page is one that nothing compares."""
    held = {*OUTPUTS} | {
        "mailserver-exporter healthcheck",
        "mailserver-exporter healthcheck --ready",
        "mailserver-exporter version",
    }

    assert {*examples()} == held


def test_an_outcome_is_what_a_line_is_of() -> None:
    """A line tells when, whether, how long, how it closed, and why not."""
    seen: Outcome = greeting_timeout()

    assert session_line(seen, PLAIN) == (
        "2023-11-14T22:14:20Z  FAILED   15500.0 ms  aborted  greeting_timeout: the "
        "connection stood, but no complete greeting came within the limit"
    )
