"""`healthcheck` without a socket: whom it asks, and what it makes of the answer."""

import argparse
import ssl
import subprocess
import sys
from collections.abc import Callable
from http.client import BadStatusLine
from pathlib import Path

import pytest

from exporter import cli
from exporter.cli import healthcheck
from exporter.cli.healthcheck import Answer, Question, _context, asked, limit


def flags(*argv: str) -> argparse.Namespace:
    """Read a command line."""
    return cli.parsed(["healthcheck", *argv])


# --- whom it asks


@pytest.mark.parametrize(
    ("argv", "url"),
    [
        ([], "http://127.0.0.1:10525/-/healthy"),
        (["--ready"], "http://127.0.0.1:10525/-/ready"),
        (["--web.listen-address", ":80"], "http://127.0.0.1:80/-/healthy"),
        (["--web.listen-address", "0.0.0.0:80"], "http://127.0.0.1:80/-/healthy"),
        (["--web.listen-address", "[::]:80"], "http://[::1]:80/-/healthy"),
        (["--web.listen-address", "[::1]:80"], "http://[::1]:80/-/healthy"),
        (["--web.listen-address", "192.0.2.1:80"], "http://192.0.2.1:80/-/healthy"),
        (
            ["--web.listen-address=:1", "--web.listen-address=:2"],
            "http://127.0.0.1:1/-/healthy",
        ),
        (["--web.route-prefix", "/a/b/"], "http://127.0.0.1:10525/a/b/-/healthy"),
        (["--web.route-prefix", "/"], "http://127.0.0.1:10525/-/healthy"),
        (
            ["--web.external-url", "https://x.test/a/b/"],
            "http://127.0.0.1:10525/a/b/-/healthy",
        ),
        (
            ["--web.external-url", "https://x.test/a/", "--web.route-prefix=/"],
            "http://127.0.0.1:10525/-/healthy",
        ),
        (["--url", "https://mx.test/x?y=1"], "https://mx.test:443/x?y=1"),
        (["--url", "http://[::1]:8/", "--ready"], "http://[::1]:8/"),
        (["--url", "http://mx.test"], "http://mx.test:80/"),
    ],
    ids=" ".join,
)
def test_whom(argv: list[str], url: str) -> None:
    """The exporter's own flags say whom to ask; --url says it instead of them."""
    assert str(asked(flags(*argv))) == url


@pytest.mark.parametrize(
    ("text", "scheme"),
    [
        ("tls_server_config:\n  cert_file: a\n", "https"),
        ("# x\n\ntls_server_config : {cert_file: a}\n", "https"),
        ("'tls_server_config': {}\n", "https"),
        ("basic_auth_users: {a: b}\n", "http"),
        ("# tls_server_config: {}\n", "http"),
        ("", "http"),
    ],
)
def test_https(text: str, scheme: str, tmp_path: Path) -> None:
    """It asks by HTTPS where the web configuration has a certificate."""
    path = tmp_path / "web.yaml"
    path.write_text(text)

    assert str(asked(flags("--web.config.file", str(path)))).startswith(f"{scheme}:")


def test_a_web_configuration_that_is_not_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is told in one line, with exit code 1."""
    argv = ["healthcheck", "--web.config.file", str(tmp_path / "none")]

    assert cli.main(argv) == 1
    assert "give the file that the exporter was given" in capsys.readouterr().err


@pytest.mark.parametrize(
    "argv",
    [
        ["--url", "mx.test"],
        ["--url", "http://a:b/"],
        ["--url", "http://a/\r\nX: y"],
        ["--web.external-url", "http://["],
        ["--timeout", "0"],
        ["--timeout", "-1"],
        ["--web.listen-address", "nonsense"],
        ["--web.route-prefix", "/a\nb"],
    ],
    ids=ascii,
)
def test_flags_that_cannot_be_followed(
    argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """What is wrong on the command line is exit code 2."""
    assert cli.main(["healthcheck", *argv]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "seconds"), [("3s", 3.0), ("3", 3.0), ("0.5s", 0.5), ("120s", 120.0)]
)
def test_seconds(text: str, seconds: float) -> None:
    """The limit is written in seconds."""
    assert limit(text) == seconds


@pytest.mark.parametrize(
    ("host", "verified"),
    [("127.0.0.1", False), ("::1", False), ("localhost", False), ("mx.test", True)],
)
def test_who_is_verified(host: str, verified: bool) -> None:
    """A certificate is verified but on loopback, where it is for another name."""
    context = _context(host)

    assert context.check_hostname is verified
    assert (context.verify_mode is ssl.CERT_REQUIRED) is verified


# --- what it makes of the answer


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Callable[[Answer | Exception], None]:
    """Give a function that fixes the answer."""

    def fix(answer: Answer | Exception) -> None:
        def answered(_: Question, __: float) -> Answer:
            if isinstance(answer, Answer):
                return answer
            raise answer

        monkeypatch.setattr(healthcheck, "answered", answered)

    return fix


HEALTHY = "http://127.0.0.1:10525/-/healthy"
READY = "http://127.0.0.1:10525/-/ready"


def test_well(
    answering: Callable[[Answer], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """200 is one line and exit code 0."""
    answering(Answer(200, "OK"))

    assert cli.main(["healthcheck"]) == 0
    assert capsys.readouterr().out == f"{HEALTHY} is well: OK\n"


def test_alive_behind_a_password(
    answering: Callable[[Answer], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """Who asks for a password is alive; whether it is ready cannot be known."""
    answering(Answer(401, "Unauthorized"))

    assert cli.main(["healthcheck"]) == 0
    assert "is alive" in capsys.readouterr().out
    assert cli.main(["healthcheck", "--ready"]) == 1
    assert "ask without --ready" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("came", "told"),
    [
        (Answer(503, "starting"), "answers 503: starting; it is starting or stopping"),
        (Answer(404, "no"), "--web.route-prefix the same"),
        (Answer(500, "x"), "look into the exporter's log"),
        (ConnectionRefusedError(), "the connection was refused; is it running"),
        (TimeoutError(), "nothing within 3 s; look into its log"),
        (BadStatusLine("x"), "no HTTP came back (BadStatusLine); if it serves HTTPS"),
        (ssl.SSLError(1, "x"), "TLS failed; if it serves no HTTPS"),
        (OSError(101, "Network is unreachable"), "network is unreachable; is the add"),
    ],
    ids=str,
)
def test_not_well(
    came: Answer | Exception,
    told: str,
    answering: Callable[[Answer | Exception], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Everything else is one line with what to do, and exit code 1."""
    answering(came)

    assert cli.main(["healthcheck", "--ready"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert said.err.startswith(f"mailserver-exporter: {READY} ")
    assert told in said.err


def test_it_is_light() -> None:
    """It runs every few seconds beside the exporter, and imports none of its weight."""
    look = (
        "import sys; import exporter.cli.healthcheck; "
        "print(*{'aiohttp', 'asyncio', 'pydantic', 'structlog', 'yaml'} & "
        "{*sys.modules})"
    )
    run = subprocess.run(
        [sys.executable, "-c", look], capture_output=True, text=True, check=True
    )

    assert run.stdout == "\n"
