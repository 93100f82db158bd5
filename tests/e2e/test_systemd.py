"""The unit of deploy/systemd: systemd takes it, it is tight, and it is ours."""

import json
import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from exporter.cli import DEFAULT_CONFIG, DEFAULT_LISTEN, USAGE_ERROR, parsed
from exporter.config.config import DEFAULT_CONCURRENCY
from exporter.web.connections import MAX_OPEN
from tests.e2e.programs import EXPORTER

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy/systemd"
SERVICE = DEPLOY / "mailserver-exporter.service"
DOCS = ROOT / "docs/deployment.md"
# What it is for, and what the documentation says is left: the network, Unix sockets,
# and /proc/stat. ProtectClock itself lets the clock's device be read.
LEFT_OPEN = {
    "DeviceAllow=",
    "IPAddressDeny=",
    "PrivateNetwork=",
    "ProcSubset=",
    "RestrictAddressFamilies=~AF_(INET|INET6)",
    "RestrictAddressFamilies=~AF_UNIX",
    "RootDirectory=/RootImage=",
}
PROGRAM = "/opt/mailserver-exporter/bin/mailserver-exporter"


def settings(path: Path) -> dict[str, list[str]]:
    """Read a unit's settings; one may be given more than once."""
    found: dict[str, list[str]] = {}
    for name, value in re.findall(
        r"^(\w+)=(.*)$", path.read_text("utf-8"), re.MULTILINE
    ):
        found.setdefault(name, []).append(value)
    return found


def only(name: str) -> str:
    """Give a setting of the service that is there once."""
    (value,) = settings(SERVICE)[name]
    return value


def run(*command: str | Path) -> "subprocess.CompletedProcess[str]":
    """Run a program to its end."""
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", ["service", "socket"])
def test_systemd_takes_it(
    peer: Callable[[str], Path], tmp_path: Path, name: str
) -> None:
    """systemd knows each section and each setting of the units."""
    for unit in ("service", "socket"):
        text = (DEPLOY / f"mailserver-exporter.{unit}").read_text("utf-8")
        # The only thing that is not on this machine.
        text = text.replace(PROGRAM, str(EXPORTER))
        (tmp_path / f"mailserver-exporter.{unit}").write_text(text)
    unit_file = tmp_path / f"mailserver-exporter.{name}"
    verified = run(peer("systemd-analyze"), "verify", "--man=no", unit_file)

    assert [ln for ln in verified.stderr.splitlines() if str(tmp_path) in ln] == []
    assert "mailserver-exporter" not in verified.stderr


def test_it_is_as_tight_as_told(peer: Callable[[str], Path]) -> None:
    """systemd finds no more exposure than the documentation says."""
    (told,) = re.findall(r"exposure level of (\d+\.\d)", DOCS.read_text("utf-8"))
    threshold = f"--threshold={round(float(told) * 10)}"
    judged = run(
        peer("systemd-analyze"), "security", "--offline=true", threshold, SERVICE
    )

    assert judged.returncode == 0, judged.stdout


def test_nothing_else_is_left_open(peer: Callable[[str], Path]) -> None:
    """Whatever systemd would have tighter is what an exporter cannot do without."""
    judged = run(
        peer("systemd-analyze"), "security", "--offline=true", "--json=short", SERVICE
    )
    found = {one["name"] for one in json.loads(judged.stdout) if one["set"] is False}

    assert found == LEFT_OPEN


def test_its_user_is_made(peer: Callable[[str], Path], tmp_path: Path) -> None:
    """The user that the service runs as is the one that systemd-sysusers makes."""
    (tmp_path / "etc").mkdir()
    made = run(
        peer("systemd-sysusers"),
        f"--root={tmp_path}",
        DEPLOY / "mailserver-exporter.sysusers",
    )

    assert made.returncode == 0, made.stderr
    (user,) = (tmp_path / "etc/passwd").read_text("utf-8").splitlines()
    name, *_, shell = user.split(":")
    assert name == only("User") == only("Group")
    assert shell.endswith("nologin")


def test_its_command_line_is_ours() -> None:
    """What is started is a command line that the exporter takes, with $ARGS empty."""
    program, *arguments, rest = shlex.split(only("ExecStart"))

    assert program == PROGRAM
    assert rest == "$ARGS"
    assert parsed(arguments).config_file == DEFAULT_CONFIG
    assert only("ExecReload") == "/bin/kill -HUP $MAINPID"


def test_its_flags_are_ours() -> None:
    """Every line of the environment file, the commented ones too, has our flags."""
    text = (DEPLOY / "mailserver-exporter.default").read_text("utf-8")
    lines = re.findall(r'^(?:# )?ARGS="(.*)"$', text, re.MULTILINE)

    assert len(lines) == 4
    for line in lines:
        parsed(["serve", *shlex.split(line)])


def test_its_limits_are_ours() -> None:
    """It may open what probes and clients need, and is not started on a wrong flag."""
    assert int(only("LimitNOFILE")) > 2 * (DEFAULT_CONCURRENCY + MAX_OPEN)
    assert only("RestartPreventExitStatus") == str(USAGE_ERROR)
    assert only("Type") == "notify"


def test_its_socket_is_the_default_one() -> None:
    """The socket unit opens the port that the exporter has by default."""
    socket = settings(DEPLOY / "mailserver-exporter.socket")

    assert socket["ListenStream"] == [DEFAULT_LISTEN[1:]]
