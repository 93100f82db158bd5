"""Commands and flags, as far as no socket is needed: what is said, and which code."""

import dataclasses
import json
import logging
import platform
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import structlog
from hypothesis import given, settings

from exporter import __version__, app, cli
from exporter.config import ConfigError, load
from exporter.diagnosis import verdict
from exporter.diagnosis.document import document
from exporter.diagnosis.session import timeline
from exporter.log import FORMATS, LEVELS
from exporter.outcome import DaneFacts, Outcome, Said, Speaker, StsFacts
from exporter.targets import Target
from exporter.vocabulary import Phase, Quirk, Reason, StsMode
from tests.unit.outcomes import (
    CERTIFICATE,
    DAY,
    TLS,
    encrypted,
    greeting_timeout,
    outcome,
    outcomes,
    target,
)

ROOT = Path(__file__).parent.parent.parent
BAD = sorted(ROOT.glob("tests/bad_configs/*.yaml"))
COMMANDS = [
    *("serve", "probe", "check-config", "demo", "healthcheck", "schema", "version")
]


@pytest.fixture(autouse=True)
def _nothing_of_the_process_stays_changed() -> Iterator[None]:
    """Put back what a command sets for its whole process."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers.clear()  # whose they are: a command would close them
    pipe = signal.getsignal(signal.SIGPIPE)
    yield
    signal.signal(signal.SIGPIPE, pipe)
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def left_by(argv: Sequence[str]) -> object:
    """Give the code that a command line leaves with through argparse."""
    with pytest.raises(SystemExit) as left:
        cli.main(argv)
    return left.value.code


def one_line(text: str) -> str:
    """Give the only line of a text."""
    assert text.count("\n") == 1
    assert text.endswith("\n")
    return text.removesuffix("\n")


# --- the command line


@pytest.mark.parametrize("command", [None, *COMMANDS])
def test_help(
    command: str | None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Help fits a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    assert left_by([command, "--help"] if command else ["--help"]) == 0

    said = capsys.readouterr()
    assert said.err == ""
    assert said.out.startswith("usage: mailserver-exporter")
    assert [line for line in said.out.splitlines() if len(line) > 80] == []


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    """The commands stand in the help, each with what it does."""
    left_by(["--help"])

    out = capsys.readouterr().out
    assert [*cli.COMMANDS] == COMMANDS
    for name, (text, _) in cli.COMMANDS.items():
        assert f"    {name}" in out
        assert " ".join(text.split()) in " ".join(out.split())


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["nonsense"],
        ["--nonsense"],
        ["version", "--nonsense"],
        ["version", "more"],
        ["probe"],
        ["probe", "a", "b"],
        ["probe", "a", "--output", "xml"],
        ["serve", "--log.level", "loud"],
        ["serve", "--log.format", "xml"],
        ["serve", "--config.file"],
        ["demo", "--config.file", "a"],
    ],
    ids=" ".join,
)
def test_a_wrong_command_line(
    argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """It leaves with 2, and says how it should have been on standard error."""
    assert left_by(argv) == 2

    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("usage: mailserver-exporter")


def test_flags_are_not_guessed(capsys: pytest.CaptureFixture[str]) -> None:
    """A flag that is cut short is refused: a later version may have a longer one."""
    assert left_by(["check-config", "--config", "a"]) == 2
    assert "--config" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["serve", "demo"])
def test_log_flags_offer_what_the_log_has(command: str) -> None:
    """Every level and every spelling of the log can be asked for."""
    parse = cli._parser().parse_args

    assert (parse([command]).log_level, parse([command]).log_format) == (
        "info",
        "logfmt",
    )
    for level in LEVELS:
        assert parse([command, "--log.level", level]).log_level == level
    for spelling in FORMATS:
        assert parse([command, "--log.format", spelling]).log_format == spelling


def test_addresses_add_up() -> None:
    """A listen address may be given more than once, and none is the default."""
    parse = cli._parser().parse_args
    twice = ["--web.listen-address", ":1", "--web.listen-address=[::1]:2"]

    assert parse(["demo", *twice]).listen == [":1", "[::1]:2"]
    assert parse(["demo"]).listen is None
    assert cli.DEFAULT_LISTEN == ":10525"
    assert parse(["serve"]).config_file == "/etc/mailserver-exporter/config.yaml"


def test_an_interrupt_is_no_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C leaves with 130, as a shell expects."""

    def interrupt(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("exporter.cli.version.run", interrupt)
    assert cli.main(["version"]) == 130


# --- version, schema


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """The version of the exporter and of Python stand on one line."""
    assert cli.main(["version"]) == 0
    assert one_line(capsys.readouterr().out) == (
        f"mailserver-exporter {__version__} (Python {platform.python_version()})"
    )
    assert left_by(["--version"]) == 0
    assert one_line(capsys.readouterr().out) == __version__


def test_version_is_quick() -> None:
    """What a command does not need is not imported for it."""
    look = (
        "import sys; from exporter.cli import main; main(['version']); "
        "print(*{'aiohttp', 'pydantic', 'structlog', 'yaml'} & {*sys.modules})"
    )
    run = subprocess.run(
        [sys.executable, "-c", look], capture_output=True, text=True, check=True
    )

    assert run.stdout.splitlines()[1:] == [""]


def test_the_package_is_the_command() -> None:
    """`python -m exporter` is the console script, exit code included."""
    run = subprocess.run(
        [sys.executable, "-m", "exporter", "nonsense"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 2
    assert run.stderr.startswith("usage: mailserver-exporter")


def test_the_first_process_of_a_container(monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGTERM ends PID 1 by 143 from the beginning on, and others as ever."""
    handled: dict[int, Callable[[int, object], None]] = {}
    monkeypatch.setattr(signal, "signal", handled.__setitem__)
    cli.main(["version"])
    assert handled == {}

    monkeypatch.setattr("os.getpid", lambda: 1)
    cli.main(["version"])
    with pytest.raises(SystemExit) as left:
        handled[signal.SIGTERM](signal.SIGTERM, None)

    assert left.value.code == 143


def test_schema(capsys: pytest.CaptureFixture[str]) -> None:
    """The schema printed is the file in the repository, octet for octet."""
    assert cli.main(["schema"]) == 0
    assert capsys.readouterr().out == (ROOT / "config.schema.json").read_text("utf-8")


# --- check-config


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("targets: [a]\n", "1 target written"),
        ("targets: [a, b, {mx: c.test}]\n", "1 mail domain; "),
        ("discovery: [{files: [x.json]}]\n", "1 discovery source, "),
    ],
)
def test_a_sound_configuration(
    text: str, count: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is said to be sound, with how much is in it."""
    path = tmp_path / "config.yaml"
    path.write_text(text)

    assert cli.main(["check-config", "--config.file", str(path)]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert count in said.out


def test_the_example_is_sound() -> None:
    """The configuration that the repository shows is a sound one."""
    path = ROOT / "config.example.yaml"

    assert cli.main(["check-config", "--config.file", str(path)]) == 0


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_bad_configuration(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every complaint is printed, a line each."""
    with pytest.raises(ConfigError) as raised:
        load(path)

    assert cli.main(["check-config", "--config.file", str(path)]) == 1
    said = capsys.readouterr()
    assert said.err == ""
    *told, count = said.out.splitlines()
    assert told == [str(c) for c in raised.value.complaints]
    assert re.fullmatch(
        rf"{len(told)} problems?; mend (it|them) and try again\.", count
    )


@pytest.mark.parametrize(
    "argv",
    [["check-config"], ["serve"], ["probe", "mx1.example.com"]],
    ids=lambda argv: argv[0],
)
@pytest.mark.parametrize("name", ["missing.yaml", "."])
def test_a_configuration_that_cannot_be_read(
    argv: list[str], name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is one line with the path and the remedy, and exit code 1."""
    path = tmp_path / name

    assert cli.main([*argv, "--config.file", str(path)]) == 1
    said = capsys.readouterr()
    complaint, *_ = (said.out + said.err).splitlines()
    assert complaint.startswith(f"{path}: ")
    assert "; " in complaint


def test_serve_without_a_configuration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who has no configuration yet is led to the demo."""
    assert cli.main(["serve", "--config.file", str(tmp_path / "none.yaml")]) == 1
    assert capsys.readouterr().err.endswith("mailserver-exporter demo\n")


def test_complaints_of_serve_stay_off_standard_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where complaints are not what was asked for, they are on standard error."""
    path = tmp_path / "config.yaml"
    path.write_text("targets: [{host: a, port: 0}, {host: b, prot: 1}]\n")

    assert cli.main(["serve", "--config.file", str(path)]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.splitlines()) == 2


# --- serve, demo: what is refused before anything is opened


@pytest.mark.parametrize("address", ["10525", ":70000", "::1:10525", ""])
@pytest.mark.parametrize("command", ["serve", "demo"])
def test_a_listen_address_that_is_none(
    command: str, address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is refused in one line that shows how one is written."""
    path = tmp_path / "config.yaml"
    path.write_text("targets: [a]\n")
    config = ["--config.file", str(path)] if command == "serve" else []
    argv = [command, *config, "--web.listen-address", address]

    assert cli.main(argv) != 0
    line = one_line(capsys.readouterr().err)
    assert line.startswith(f"mailserver-exporter: {address!r} is no listen address")
    assert "[::1]:10525" in line


def test_a_listen_address_that_is_none_is_a_wrong_command_line() -> None:
    """What is wrong is the command line, so the code is 2."""
    assert cli.main(["demo", "--web.listen-address", "nonsense"]) == 2


# --- probe


@pytest.mark.parametrize(
    "argv",
    [
        [""],
        ["a b"],
        ["a\nb"],
        ["mx1.example.com:"],
        ["mx1.example.com:0"],
        ["mx1.example.com:70000"],
        ["mx1.example.com:smtp"],
        ["[::1"],
        ["a\udcffb"],
        ["mx1.example.com", "--module", "nonsense"],
        ["mx1.example.com", "--module", "two\nlines"],
    ],
    ids=ascii,
)
def test_no_target(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """What names no target, or no module, is told in one line, with exit code 2."""
    assert cli.main(["probe", *argv]) == 2

    said = capsys.readouterr()
    assert said.out == ""
    assert one_line(said.err).startswith("mailserver-exporter: ")


SAID = (
    Said(0.0004, Phase.DNS, Speaker.NETWORK, "mx1.example.com is 192.0.2.1"),
    Said(0.001, Phase.CONNECT, Speaker.NETWORK, "connected to 192.0.2.1 port 25"),
    Said(0.25, Phase.GREETING, Speaker.SERVER, "220 mx1.example.com ESMTP"),
    Said(0.2501, Phase.EHLO, Speaker.CLIENT, "EHLO [192.0.2.9]"),
    Said(0.2512, Phase.EHLO, Speaker.SERVER, "250-mx1.example.com\n250 SIZE"),
    Said(0.2513, Phase.QUIT, Speaker.CLIENT, "QUIT"),
    Said(1.5, Phase.QUIT, Speaker.SERVER, "221 2.0.0 bye"),
    Said(12.345678, Phase.CLOSE, Speaker.NETWORK, "the server closed the connection"),
)

TIMELINE = """
mx1.example.com port 25, module mx

      0.4 ms  dns       -- mx1.example.com is 192.0.2.1
      1.0 ms  connect   -- connected to 192.0.2.1 port 25
    250.0 ms  greeting  S: 220 mx1.example.com ESMTP
    250.1 ms  ehlo      C: EHLO [192.0.2.9]
    251.2 ms            S: 250-mx1.example.com
                        S: 250 SIZE
    251.3 ms  quit      C: QUIT
   1500.0 ms            S: 221 2.0.0 bye
  12345.7 ms  close     -- the server closed the connection

dns 2.0 ms   connect 0.5 ms   greeting 250.0 ms   ehlo 1.0 ms   quit 1.5 ms

OK: greeted with 220 and said goodbye with 221 and closed cleanly, in 500.0 ms.
"""
TIMELINE_OF_A_FAILURE = """
mx1.example.com port 25, module mx

  15000.5 ms  greeting  -- the phase's own limit ran out

connect 0.5 ms   greeting 15000.0 ms

FAILED: greeting_timeout: the connection stood, but no complete greeting came within the limit. """  # noqa: E501 -- one line of output

DOCUMENT = {
    "target": "mx1.example.com:25",
    "host": "mx1.example.com",
    "port": 25,
    "module": "mx",
    "address": "192.0.2.1",
    "addresses_failed": 0,
    "resolved": None,
    "started_at": 1_700_000_000.0,
    "duration_seconds": 0.5,
    "success": True,
    "failure": None,
    "verdict": "",  # that of the diagnosis room, put in by the test
    "banner_present": True,
    "banner_first_byte_seconds": 0.125,
    "quit_code": 221,
    "quit_acknowledged": True,
    "close": "clean",
    "graceful_close": True,
    "unsolicited": [],
    "quirks": ["bare_lf", "no_text"],
    "phases": [
        {
            "phase": "connect",
            "seconds": 0.0005,
            "completed": True,
            "code": None,
            "status": None,
        },
        {
            "phase": "greeting",
            "seconds": 0.25,
            "completed": True,
            "code": 220,
            "status": None,
        },
        {
            "phase": "ehlo",
            "seconds": 0.001,
            "completed": True,
            "code": 250,
            "status": None,
        },
        {
            "phase": "quit",
            "seconds": 0.0015,
            "completed": True,
            "code": 221,
            "status": "2.0.0",
        },
    ],
    "extensions": ["PIPELINING", "SIZE", "AUTH"],
    "auth_mechanisms": ["PLAIN", "LOGIN"],
    "message_size_limit_bytes": 35_882_577,
    "starttls_offered": False,
    "tls": None,
    "dane": None,
    "mta_sts": None,
    "tcp": {"rtt": 0.0005, "retransmits": 0},
    "transcript": [
        {
            "at": 0.25,
            "phase": "greeting",
            "speaker": "server",
            "text": "220 mx1.example.com ESMTP",
        }
    ],
}
SHORT = outcome().phases[1:-1]  # without dns and close
SUCCESS = outcome(
    phases=SHORT,
    resolved=None,
    quirks=frozenset({Quirk.NO_TEXT, Quirk.BARE_LF}),
)
LIMIT = Said(15.0005, Phase.GREETING, Speaker.NETWORK, "the phase's own limit ran out")


@pytest.fixture
def probing(monkeypatch: pytest.MonkeyPatch) -> Callable[[Outcome], list[Target]]:
    """Give a function that fixes what a probe comes to; it gives what was probed."""

    def fix(seen: Outcome) -> list[Target]:
        probed = []

        async def probe_once(to: Target, dns_servers: object, _: object) -> Outcome:
            assert dns_servers == ()
            probed.append(to)
            return seen

        monkeypatch.setattr(app, "probe_once", probe_once)
        return probed

    return fix


def test_timeline(
    probing: Callable[[Outcome], list[Target]], capsys: pytest.CaptureFixture[str]
) -> None:
    """A session is told line by line: when, in which phase, who, what."""
    probed = probing(
        outcome(
            phases=(*outcome().phases[:1], *SHORT),
            transcript=SAID,
        )
    )

    assert cli.main(["probe", "mx1.example.com"]) == 0
    assert "\n" + capsys.readouterr().out == TIMELINE
    assert [(to.host, to.port, to.module.name) for to in probed] == [
        ("mx1.example.com", 25, "mx")
    ]


def test_timeline_of_a_failure(
    probing: Callable[[Outcome], list[Target]], capsys: pytest.CaptureFixture[str]
) -> None:
    """A failed probe ends with what failed, and leaves with 1."""
    probing(dataclasses.replace(greeting_timeout(), transcript=(LIMIT,)))

    assert cli.main(["probe", "mx1.example.com"]) == 1
    told = "\n" + capsys.readouterr().out
    assert told.startswith(TIMELINE_OF_A_FAILURE)
    assert told.count("\n") == TIMELINE_OF_A_FAILURE.count("\n") + 1


def test_document(
    probing: Callable[[Outcome], list[Target]], capsys: pytest.CaptureFixture[str]
) -> None:
    """For programs a session is one JSON document, in the vocabulary's words."""
    probing(SUCCESS)

    assert cli.main(["probe", "mx1.example.com:25", "--output", "json"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out) == DOCUMENT | {"verdict": verdict(SUCCESS)}
    assert [*json.loads(said.out)] == [*DOCUMENT]
    assert said.err == ""


def test_document_of_a_failure(
    probing: Callable[[Outcome], list[Target]], capsys: pytest.CaptureFixture[str]
) -> None:
    """What was not seen is null, and the exit code is 1."""
    probing(greeting_timeout())

    assert cli.main(["probe", "[2001:db8::1]:2525", "--output", "json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["host"], told["port"]) == ("2001:db8::1", 2525)
    assert told["failure"] == {"phase": "greeting", "reason": "timeout"}
    assert (told["success"], told["banner_present"]) == (False, False)
    assert (told["close"], told["quit_acknowledged"]) == ("aborted", False)
    for absent in ("extensions", "starttls_offered", "banner_first_byte_seconds"):
        assert told[absent] is None


INSIDE_TLS = encrypted(
    TLS._replace(
        problems=frozenset({Reason.NAME_MISMATCH, Reason.CERT_EXPIRED}),
        certificate=CERTIFICATE._replace(not_after=CERTIFICATE.not_after - 65 * DAY),
        verified=False,
    ),
    dane=DaneFacts(secure=True, usable=2, unusable=1, verified=True),
    sts=StsFacts(StsMode.TESTING, 1_700_604_800.0, verified=False),
)


def test_timeline_inside_tls(
    probing: Callable[[Outcome], list[Target]], capsys: pytest.CaptureFixture[str]
) -> None:
    """Under the phases one line tells what the certificate says and what is wrong."""
    probing(INSIDE_TLS)

    assert cli.main(["probe", "mx1.example.com"]) == 0
    *_, phases, certificate, empty, end = capsys.readouterr().out.splitlines()
    assert phases.startswith("dns 2.0 ms   connect 0.5 ms   tls 3.0 ms   greeting ")
    assert certificate == (
        'certificate: "mx1.example.com, mail.example.com", issued by "CN=Example R1,'
        'O=Example Trust,C=DE", EC-P-256, expired 3 days ago, name mismatch'
    )
    assert empty == ""
    assert end.startswith("OK: ")
    assert "certificate: expired 3 days ago, name mismatch." in end


def test_document_inside_tls(
    probing: Callable[[Outcome], list[Target]], capsys: pytest.CaptureFixture[str]
) -> None:
    """What was seen of TLS, DANE and MTA-STS is there, in the vocabulary's words."""
    probing(INSIDE_TLS)

    assert cli.main(["probe", "mx1.example.com", "--output", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["tls"] == {
        "version": "TLSv1.3",
        "cipher": "TLS_AES_256_GCM_SHA384",
        "certificate": {
            "subject": "CN=mx1.example.com",
            "issuer": "CN=Example R1,O=Example Trust,C=DE",
            "serial": "4f2a",
            "fingerprint_sha256": "f1" * 32,
            "key": "EC-P-256",
            "key_sha256": "5e" * 32,
            "not_before": 1_697_580_800.0,
            "not_after": 1_699_740_800.0,
            "names": ["mx1.example.com", "mail.example.com"],
        },
        "chain_not_after": 1_705_356_800.0,
        "problems": ["cert_expired", "name_mismatch"],
        "verified": False,
        "close_notify": True,
    }
    assert told["dane"] == {
        "secure": True,
        "usable": 2,
        "unusable": 1,
        "verified": True,
    }
    assert told["mta_sts"] == {
        "mode": "testing",
        "expires": 1_700_604_800.0,
        "verified": False,
    }


def test_document_of_an_unreadable_certificate(
    probing: Callable[[Outcome], list[Target]], capsys: pytest.CaptureFixture[str]
) -> None:
    """What cannot be read is null beside what is known of the session."""
    probing(encrypted(TLS._replace(certificate=None, chain_not_after=None)))

    assert cli.main(["probe", "mx1.example.com", "--output", "json"]) == 0
    told = json.loads(capsys.readouterr().out)["tls"]
    assert (told["certificate"], told["chain_not_after"]) == (None, None)
    assert told["version"] == "TLSv1.3"


def test_a_module_of_a_configuration(
    probing: Callable[[Outcome], list[Target]], tmp_path: Path
) -> None:
    """`--module` names one of the configuration's modules, or a built-in one."""
    path = tmp_path / "config.yaml"
    path.write_text("targets: [a]\nmodules: {mine: {ehlo: false}}\n")
    probed = probing(outcome())
    argv = ["probe", "b", "--config.file", str(path), "--module"]

    assert [cli.main([*argv, name]) for name in ("mine", "banner")] == [0, 0]
    assert [(to.host, to.module.name) for to in probed] == [
        ("b", "mine"),
        ("b", "banner"),
    ]


@given(outcomes())
@settings(max_examples=50)
def test_any_session_can_be_told(seen: Outcome) -> None:
    """Whatever was seen, the document is JSON and the timeline is text."""
    written = json.dumps(document(target(), seen), allow_nan=False)
    told = json.loads(written)
    lines = [*timeline(target(), seen)]

    assert [*told] == [*DOCUMENT]
    assert told["success"] is seen.success
    assert [phase["phase"] for phase in told["phases"]] == [
        r.phase for r in seen.phases
    ]
    assert all(type(line) is str and "\n" not in line for line in lines)
    assert lines[-1].startswith("OK: " if seen.success else "FAILED: ")
