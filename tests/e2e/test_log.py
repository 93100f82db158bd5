"""What the installed exporter logs: how it starts, and what no server can forge."""

import json
import signal
import subprocess
from pathlib import Path

from exporter import __version__
from exporter.demo.script import QUI, script
from tests.e2e.programs import EXPORTER, running, running_exporter
from tests.e2e.scripted import scripted_server
from tests.unit.test_news import pairs

# A refusal that would like to be a line of the log, and to steer whoever reads it.
HOSTILE = (
    b'554-x" level=error msg="disk full\r\n'
    b"554-\x1b[2J\x1b]0;owned\x07\xff\xfe time=1 target=other\r\n"
    b"554 \xe2\x80\xa8\xc2\x85 verdict=fine\r\n"
)
CONFIG = """\
schedule: {{interval: 1s}}
targets: [{{host: 127.0.0.1, port: {port}, name: bad}}]
"""


def test_it_says_what_it_serves(tmp_path: Path) -> None:
    """The first line names version, file, addresses and counts."""
    config = tmp_path / "a b.yaml"
    config.write_text("targets: [127.0.0.1:1, 127.0.0.1:2]\n")
    with running_exporter("serve", f"--config.file={config}") as (exporter, address):
        line = exporter.await_line("msg=.serving metrics.*").string

    found = pairs(line.rstrip("\n"))
    assert found["version"] == __version__
    assert found["config"] == f'"{config}"'
    assert (found["listen"], found["targets"]) == (address, "2")
    assert (found["domains"], found["discovery"], found["shard"]) == ("0", "0", "0/1")


def test_no_server_forges_a_line(tmp_path: Path) -> None:
    """Each line, at debug too, is one of ours, whole, printable, with its own keys."""
    config = tmp_path / "config.yaml"
    with scripted_server(script(HOSTILE, QUI)) as port:
        config.write_text(CONFIG.format(port=port))
        flags = (f"--config.file={config}", "--log.level=debug")
        with running_exporter("serve", *flags) as (exporter, _):
            exporter.await_line("target fails")
            exporter.stop()
        told = exporter.log.splitlines()
        json_flags = ("--log.format=json", "--web.listen-address=127.0.0.1:0")
        with running([EXPORTER, "serve", *flags, *json_flags]) as other:
            other.await_line("target fails")
            other.stop()

    lines = [pairs(line) for line in told]
    assert all(line.isprintable() for line in told)
    assert {line["level"] for line in lines} == {"debug", "info", "warning"}
    assert {line.get("target", "bad") for line in lines} == {"bad"}
    assert any("disk full" in line.get("text", "") for line in lines)
    events = [json.loads(line) for line in other.log.splitlines()]
    assert {event["level"] for event in events} == {"debug", "info", "warning"}


def test_the_demo_says_where_to_look() -> None:
    """The demo prints on standard output what runs where, and ends at Ctrl-C with 0."""
    process = subprocess.Popen(
        [EXPORTER, "demo", "--web.listen-address=127.0.0.1:0", "--log.level=error"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    told = ""
    while "nobody listens on" not in told:
        line = process.stdout.readline()
        assert line, process.communicate()
        told += line
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)

    assert (process.returncode, errors) == (0, "")
    assert "/metrics | grep '^smtp_probe_failure{'" in told
    assert "mailserver-exporter probe 127.0.0.1:" in told
