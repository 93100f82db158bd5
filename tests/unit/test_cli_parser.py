"""Help that reads well, and complaints that end with a remedy."""

import argparse
import errno
import re
import socket

import pytest

from exporter import cli
from exporter.cli.healthcheck import asked, limit
from exporter.cli.parser import CommandParser, nearest
from exporter.cli.series import planned
from exporter.config import single_target
from exporter.config.source import remedy_of
from exporter.schedule.shard import Shard, ordinal_of
from exporter.web.address import ListenAddress, parse_listen_address
from exporter.web.listen import _why

COMMANDS = [*cli.COMMANDS]


def commands() -> dict[str, CommandParser]:
    """Give the parser of each command."""
    needed = {"probe": ["mx"]}
    parse = cli._parser().parse_args
    return {name: parse([name, *needed.get(name, [])]).parser for name in COMMANDS}


def flags(parser: CommandParser) -> list[argparse.Action]:
    """Give a command's flags, but for --help."""
    return [a for a in parser._actions if a.option_strings and a.dest != "help"]


# --- help


@pytest.mark.parametrize("command", COMMANDS)
def test_help_at_80_columns(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No line is longer than a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    told = commands()[command].format_help()

    assert max(map(len, told.splitlines())) <= 80


@pytest.mark.parametrize("command", COMMANDS)
def test_every_flag_has_words_and_a_default(command: str) -> None:
    """Each flag says what it is for, and what holds without it."""
    for flag in flags(commands()[command]):
        told = str(flag.help)
        assert len(told.split()) > 3, flag.option_strings
        assert "default: " in told, flag.option_strings
        if "%(default)s" in told:
            assert flag.default not in (None, ""), flag.option_strings


def test_flags_stand_in_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Flags are grouped by the beginning of their names."""
    monkeypatch.setenv("COLUMNS", "80")
    told = commands()["serve"].format_help()
    titles = re.findall(r"^([a-z ]+):$", told, re.MULTILINE)

    assert titles == ["options", "configuration", "shard", "web", "log"]
    for title, prefix in (("web", "--web."), ("log", "--log."), ("shard", "--shard.")):
        block = told.partition(f"\n{title}:\n")[2].partition("\n\n")[0]
        named = re.findall(r"^  (--\S+)", block, re.MULTILINE)
        assert named
        assert all(name.startswith(prefix) for name in named)


def test_a_flag_of_no_group_is_an_option() -> None:
    """What begins with no group's name stands among the options."""
    parser = CommandParser(prog="p")
    parser.add_argument("--plain", help="no group")

    assert "options:\n" in parser.format_help()


# --- suggestions


def complained(argv: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Give what a wrong command line is told, behind the usage."""
    with pytest.raises(SystemExit) as left:
        cli.main(argv)
    said = capsys.readouterr()
    assert (left.value.code, said.out) == (2, "")
    assert said.err.startswith("usage: mailserver-exporter")
    return said.err.partition("\nmailserver-exporter")[2]


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["prob"], "there is no command `prob`; did you mean `probe`?"),
        (["chekc-config"], "did you mean `check-config`?"),
        (["xyz"], "the commands are serve, probe, check-config, demo"),
        (["serve", "--confg.file=a"], "no flag `--confg.file`; did you mean"),
        (["probe", "a", "--modul", "b"], "did you mean `--module`?"),
        (["demo", "--web.listen-adress", ":1"], "did you mean `--web.listen-address`?"),
        (["version", "more"], "`more` is one argument too many"),
        (["--versoin"], "there is no flag `--versoin`; did you mean `--version`?"),
        (["probe", "a", "--count", "x"], "invalid int value"),
        (["two\nlines\x1b[2J"], r"`two\nlines\x1b[2J`"),
    ],
    ids=ascii,
)
def test_what_was_meant(
    argv: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A word that is not known is told with the nearest, and where to read on."""
    said = complained(argv, capsys)

    assert told in said
    assert re.search(r"\nSee: mailserver-exporter.* --help\n$", said)


def test_a_complaint_has_the_usage_of_its_command(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """An unknown flag shows how that command is written."""
    with pytest.raises(SystemExit):
        cli.main(["check-config", "--nonsense"])

    assert capsys.readouterr().err.startswith("usage: mailserver-exporter check-config")


def test_a_long_word_is_cut() -> None:
    """A word of any length is compared by its beginning."""
    assert nearest("x" * 100_000, ["xxxx"]) == ""


# --- every error says what to do

HOST = single_target("mx1.example.com")


def health(**flags: object) -> argparse.Namespace:
    """Give the flags of healthcheck, varied."""
    plain = {
        "pid": None,
        "url": None,
        "listen": None,
        "web_config_file": None,
        "route_prefix": None,
        "external_url": "",
        "ready": False,
    }
    return argparse.Namespace(**plain | flags)


ERRORS = [
    (lambda: parse_listen_address("nonsense"), "write `:10525`"),
    (lambda: Shard.checked(0, 0), "must be 1 or more"),
    (lambda: Shard.checked(3, 3), "look at --shard.ordinal"),
    (lambda: ordinal_of("pod"), "say which shard this is with --shard.ordinal"),
    (lambda: single_target("mx", "mxx"), "did you mean `mx`?"),
    (lambda: single_target("mx", "zzz"), "the modules are banner, mx"),
    (lambda: single_target("mx:0"), "the port must be from 1 to 65535"),
    (lambda: planned(-1, "5s", HOST), "must be 0 (no end) or more"),
    (lambda: planned(1, "5", HOST), "write one as 5s"),
    (lambda: planned(1, "500ms", HOST), "write --interval 1s"),
    (lambda: planned(1, "2d", HOST), "a day (1d) or less"),
    (lambda: asked(health(url="ftp://x")), "write one as http://"),
    (lambda: asked(health(url="http://[")), "write one as http://"),
    (lambda: asked(health(route_prefix="/a b")), "percent-encode"),
    (lambda: limit("soon"), "write seconds, as 3s"),
    (lambda: limit("0"), "write seconds, as 3s"),
]


@pytest.mark.parametrize(("cause", "remedy"), ERRORS, ids=[r for _, r in ERRORS])
def test_a_refusal_has_its_remedy(cause: object, remedy: str) -> None:
    """Whatever is refused is told in one line that says how it should be."""
    assert callable(cause)
    with pytest.raises(Exception, match=re.escape(remedy)) as raised:
        cause()
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (FileNotFoundError(errno.ENOENT, "x"), "check the path"),
        (NotADirectoryError(errno.ENOTDIR, "x"), "check the path"),
        (IsADirectoryError(errno.EISDIR, "x"), "give the path of the file in it"),
        (PermissionError(errno.EACCES, "x"), "change its owner or its mode"),
        (OSError(errno.EIO, "I/O error"), "check the disk or mount"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_a_file_that_cannot_be_read(error: OSError, remedy: str) -> None:
    """Each way in which a file is not to be had has its own remedy."""
    assert remedy in remedy_of(error)


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.EADDRINUSE, "choose another with --web.listen-address"),
        (errno.EACCES, "choose another with --web.listen-address"),
        (errno.EMFILE, "raise this machine's limits"),
        (errno.ENOMEM, "raise this machine's limits"),
        (socket.EAI_NONAME, "choose another with --web.listen-address"),
    ],
)
def test_an_address_that_cannot_be_had(number: int, remedy: str) -> None:
    """A port in use, one that is not ours, and a limit of the machine's differ."""
    assert remedy in _why(ListenAddress(None, 25), OSError(number, "x"))


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (OSError(errno.ENOSPC, "No space left"), "make room"),
        (OSError(errno.EMFILE, "Too many open files"), "raise the limit of open files"),
        (OSError(errno.EIO, "I/O error"), "look at the machine's own log"),
        (OSError("no number"), "look at the machine's own log"),
    ],
)
def test_an_error_of_the_machine(
    error: OSError,
    remedy: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What the machine refuses in the middle of a command is one line with a remedy."""

    def fail(_: object) -> int:
        raise error

    monkeypatch.setattr("exporter.cli.version.run", fail)
    assert cli.main(["version"]) == 1
    assert remedy in capsys.readouterr().err
