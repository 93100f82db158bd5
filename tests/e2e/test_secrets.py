"""A password stays where it belongs: between the exporter and the server."""

import base64
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.demo.script import EHLO, GRT, QUI, Answer, Expect, script
from tests.e2e.programs import EXPORTER, running_exporter
from tests.e2e.scripted import scripted_server

PASSWORD = "hunter2-and-a-half"  # noqa: S105 -- of nobody
TOKEN = "token-of-a-list"  # noqa: S105 -- the same
USER = "probe"
EHA = b"250-mx.test\r\n250-SIZE 1000\r\n250 AUTH PLAIN LOGIN\r\n"
LEAKS = (
    PASSWORD,
    base64.b64encode(PASSWORD.encode()).decode(),
    base64.b64encode(f"\0{USER}\0{PASSWORD}".encode()).decode(),
    TOKEN,
)
AUTH = Expect(b"AUTH PLAIN " + LEAKS[2].encode())
PAGES = (
    *("metrics", "config", "", "?search=echo&state=failing", "targets/echo"),
    *("api/v1/targets", "api/v1/targets/echo"),
)
_CONFIG = """\
schedule: {{interval: 1s}}
modules:
  login:
    auth: {{username: {user}, password_file: {file}, allow_plaintext: true}}
targets:
  - {{host: 127.0.0.1, port: {port}, name: echo, module: login}}
discovery:
  - {{http: "http://127.0.0.1:{closed}/list?token={token}"}}
"""


def _echo(line: bytes) -> bytes:
    """Refuse a login with all that it said, as a careless server might."""
    said = base64.b64decode(line.split()[-1])
    shown = said.replace(b"\0", b" ")
    return (
        b"535 5.7.8 no " + line.strip() + b" (" + shown + b") " + said[-18:] + b"\r\n"
    )


@pytest.fixture
def config(tmp_path: Path) -> Iterator[Path]:
    """Run a server that says every password back, and give a config that names it."""
    (tmp_path / "password").write_text(PASSWORD + "\n")
    with (
        scripted_server(script(GRT, EHLO, EHA, AUTH, Answer(_echo), QUI)) as port,
        socket.socket() as silent,
    ):
        silent.bind(("127.0.0.1", 0))  # and does not listen: no list is there
        path = tmp_path / "config.yaml"
        path.write_text(
            _CONFIG.format(
                user=USER,
                file=tmp_path / "password",
                port=port,
                closed=silent.getsockname()[1],
                token=TOKEN,
            )
        )
        yield path


def assert_nothing_leaks(text: str) -> None:
    for leak in LEAKS:
        assert leak not in text


@pytest.mark.parametrize("output", ["text", "json"])
def test_probe(config: Path, output: str) -> None:
    """The `probe` command shows a login, its refusal and no password."""
    port = config.read_text().split("port: ")[1].split(",")[0]
    probed = subprocess.run(
        [
            *(EXPORTER, "probe", f"127.0.0.1:{port}", "--module=login"),
            *(f"--config.file={config}", f"--output={output}"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )

    assert probed.returncode == 1, probed.stderr
    assert "AUTH PLAIN <secret>" in probed.stdout
    assert "535 5.7.8 no AUTH PLAIN <secret>" in probed.stdout
    assert_nothing_leaks(probed.stdout + probed.stderr)


def test_serve(config: Path) -> None:
    """A whole run at debug level leaves no trace of the password, metrics included."""
    with running_exporter("serve", f"--config.file={config}", "--log.level=debug") as (
        exporter,
        address,
    ):
        exporter.await_line("auth_rejected")
        exporter.await_line(r"http://127.0.0.1:\d+/list")
        exporter.await_line(r'msg=said .*phase=auth who=client text="AUTH PLAIN <sec')
        pages = {}
        for page in PAGES:
            with urllib.request.urlopen(
                f"http://{address}/{page}", timeout=5
            ) as answer:
                pages[page] = answer.read().decode()
        exporter.stop()

    assert 'reason="rejected"' in pages["metrics"]
    assert "password_file: <secret>" in pages["config"]
    assert "/list?<secret>" in pages["config"]
    for page in ("targets/echo", "api/v1/targets/echo"):
        covered = pages[page].replace("&lt;", "<").replace("&gt;", ">")
        assert "AUTH PLAIN <secret>" in covered
        assert "535 5.7.8 no AUTH PLAIN <secret>" in covered
    assert_nothing_leaks(exporter.log + "".join(pages.values()))


def test_a_password_in_the_wrong_place(tmp_path: Path) -> None:
    """A password that is written where its file should be named is not shown either."""
    path = tmp_path / "config.yaml"
    for where in ("password_file", "password_env", "password"):
        path.write_text(
            f"modules: {{m: {{auth: {{username: u, {where}: {PASSWORD}}}}}}}\n"
            "targets: [a]\n"
        )
        checked = subprocess.run(
            [EXPORTER, "check-config", f"--config.file={path}"],
            capture_output=True,
            text=True,
            check=False,
        )

        assert checked.returncode == 1
        assert_nothing_leaks(checked.stdout + checked.stderr)
