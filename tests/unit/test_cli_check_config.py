"""What a sound configuration comes to: its summary, its warnings, and what is next."""

from pathlib import Path

import pytest

from exporter import cli
from exporter.cli import web as web_flags
from exporter.cli.check_config import MOST_SHOWN
from exporter.web.access.tls import TlsRefused

SOUND = """\
modules:
  edge: {ehlo_name: probe.test, interval: 10s}
  spare: {ehlo: false}
targets:
  - {host: a.test, module: edge}
  - {host: b.test, module: edge}
  - c.test
  - c.test:587
  - {mx: d.test}
"""

SUMMARY = """\
{path} is sound.

4 targets written in the file
      2  module edge
      1  module mx
      1  module submission
1 mail domain; each mail exchanger becomes a target when the exporter runs
         d.test, module mx

warning: no target has the module spare; name it at a target, or leave it out
warning: 2 targets of module edge every 10s with a timeout of 30s: while a server \
hangs, probes are left out; lower `timeout` or raise `interval`
0 problems, 2 warnings.
Next: mailserver-exporter serve --config.file={path}
"""


def checked(
    text: str, folder: Path, capsys: pytest.CaptureFixture[str], name: str = "a.yaml"
) -> str:
    """Give what is said of a sound configuration."""
    path = folder / name
    path.write_text(text)
    assert cli.main(["check-config", "--config.file", str(path)]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    return said.out


def test_a_summary(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Targets by module, domains, warnings, and the command that is next."""
    told = checked(SOUND, tmp_path, capsys)

    assert told == SUMMARY.format(path=tmp_path / "a.yaml")


def test_sources(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Sources are told with module and pace; a file that is not there is warned of."""
    there = tmp_path / "there.json"
    there.write_text("[]")
    told = checked(
        "discovery:\n"
        "  - {files: [there.json, 'not-*.yaml'], module: mx, refresh: 30s}\n"
        "  - {http: 'http://cmdb.test/mx?token=hidden', refresh: 90s}\n",
        tmp_path,
        capsys,
    )

    assert "2 discovery sources, read while the exporter runs\n" in told
    assert f"{there}, {tmp_path}/not-*.yaml, module mx, every 30s\n" in told
    assert "http://cmdb.test/mx, module by port, every 1m30s\n" in told
    assert "hidden" not in told
    assert told.count("warning: ") == 1
    assert f"warning: no file is named {tmp_path}/not-*.yaml yet" in told


def test_discovery_may_name_any_module(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where lists are discovered, a module that nobody names here may still be used."""
    told = checked(
        "modules: {spare: {ehlo: false}}\ndiscovery: [{http: 'http://cmdb.test/mx'}]\n",
        tmp_path,
        capsys,
    )

    assert "warning" not in told.replace("0 warnings", "")


def test_many_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A list longer than a screen is cut, and the rest counted."""
    domains = ", ".join(f"{{mx: d{n}.test}}" for n in range(MOST_SHOWN + 5))
    told = checked(f"targets: [{domains}]\n", tmp_path, capsys)

    assert "         and 5 more\n" in told
    assert told.count(".test, module") == MOST_SHOWN


def test_a_secret_that_everybody_reads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A password file that others may read is warned of, without its path."""
    secret = tmp_path / "word"
    secret.write_text("x")
    text = (
        "modules:\n  login:\n    tls: required\n"
        "    auth: {mechanism: PLAIN, username: u, password_file: word}\n"
        "targets: [{host: a, module: login}]\n"
    )
    secret.chmod(0o644)
    assert "may read the password_file of module login; " in checked(
        text, tmp_path, capsys
    )
    secret.chmod(0o600)
    assert "0 problems, 0 warnings." in checked(text, tmp_path, capsys)


def test_a_path_for_a_shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The next command can be pasted, and no path steers a terminal."""
    told = checked("targets: [a]\n", tmp_path, capsys, name="a b\x1b[2J.yaml")

    assert told.replace("\n", "").isprintable()
    assert f"--config.file='{tmp_path}/a b" in told


def test_problems_are_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is wrong is told all at once, and counted at the end."""
    path = tmp_path / "bad.yaml"
    path.write_text("targets: [{host: a, port: 0}, {host: b, prot: 1}]\n")

    assert cli.main(["check-config", "--config.file", str(path)]) == 1
    assert capsys.readouterr().out.endswith("\n2 problems; mend them and try again.\n")


WEB = "rate_limit: {interval: 1s, burst: 9}\n"
USERS = "basic_auth_users: {a: plain}\n"


def test_a_web_configuration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is told of beside the other, and in the command that is next."""
    path, web = tmp_path / "a.yaml", tmp_path / "web.yml"
    path.write_text("targets: [a.test]\n")
    web.write_text(WEB)
    given = [f"--config.file={path}", f"--web.config.file={web}"]

    assert cli.main(["check-config", *given]) == 0
    told = capsys.readouterr().out
    assert told.startswith(f"{path} is sound.\n{web} is sound.\n")
    assert told.endswith(f"Next: mailserver-exporter serve {' '.join(given)}\n")


@pytest.mark.parametrize(
    ("text", "web", "count"),
    [
        ("targets: [a.test]\n", USERS, "1 problem; mend it"),
        ("targets: 1\n", USERS, "2 problems; mend them"),
        ("targets: 1\n", WEB, "1 problem; mend it"),
    ],
)
def test_problems_of_both(
    text: str,
    web: str,
    count: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What is wrong with either is told at once, each with its file."""
    path, file = tmp_path / "a.yaml", tmp_path / "web.yml"
    path.write_text(text)
    file.write_text(web)
    given = [f"--config.file={path}", f"--web.config.file={file}"]

    assert cli.main(["check-config", *given]) == 1
    told = capsys.readouterr().out
    assert (f"{path}:" in told, f"{file}:" in told) == (text[-2] == "1", web is USERS)
    assert told.endswith(f"{count} and try again.\n")
    assert "plain" not in told.replace(str(tmp_path), "")


def test_a_pair_that_openssl_does_not_take(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What only OpenSSL finds wrong is one more problem."""
    path = tmp_path / "a.yaml"
    path.write_text("targets: [a.test]\n")

    def refuse(_: object) -> None:
        raise TlsRefused("OpenSSL does not take it")

    monkeypatch.setattr(web_flags, "access", refuse)
    given = [f"--config.file={path}", "--web.config.file=web.yml"]
    assert cli.main(["check-config", *given]) == 1
    assert capsys.readouterr().out == (
        "web.yml: OpenSSL does not take it\n1 problem; mend it and try again.\n"
    )
