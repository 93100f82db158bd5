"""The web flags of the whole program: a web config, a prefix, systemd's sockets."""

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.programs import EXPORTER, PATIENCE, Program, running_exporter
from tests.wire.doors import Place

# LISTEN_PID names the process, which only it knows before it becomes the exporter.
_ACTIVATED = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.set_inheritable(3, True); "
    "os.environ |= {'LISTEN_PID': str(os.getpid()), 'LISTEN_FDS': '1'}; "
    "os.execv(sys.argv[2], sys.argv[2:])"
)


@contextmanager
def activated(listener: socket.socket, notify: Path) -> Iterator[Program]:
    """Run the demo as systemd does: with a socket, and with somebody to tell."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-c", _ACTIVATED, str(listener.fileno()), EXPORTER),
            *("demo", "--web.systemd-socket"),
        ],
        stderr=subprocess.PIPE,
        text=True,
        pass_fds=(listener.fileno(),),
        env={**os.environ, "NOTIFY_SOCKET": str(notify)},
    )
    program = Program(process)
    try:
        yield program
    finally:
        process.kill()
        process.wait(PATIENCE)
        assert process.stderr is not None
        process.stderr.close()


def test_systemd(tmp_path: Path) -> None:
    """It serves on the socket that it was given, and tells of each step of its life."""
    notify = tmp_path / "notify"
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager,
    ):
        manager.settimeout(PATIENCE)
        manager.bind(str(notify))
        port = listener.getsockname()[1]
        with activated(listener, notify) as program:
            assert manager.recv(100) == b"READY=1"
            url = f"http://127.0.0.1:{port}/-/healthy"
            with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
                assert answer.status == 200
            program.process.send_signal(signal.SIGHUP)
            assert manager.recv(100).startswith(b"RELOADING=1\nMONOTONIC_USEC=")
            assert manager.recv(100) == b"READY=1"
            assert program.stop() == 0
            assert manager.recv(100) == b"STOPPING=1"


def test_a_web_config_and_a_prefix(tmp_path: Path) -> None:
    """Both flags are kept, and a web config that is changed counts while running."""
    place = Place(tmp_path)
    place.write_tls()
    flags = (
        f"--web.config.file={place.config}",
        "--web.external-url=https://monitor.test/mail",
    )
    with running_exporter("demo", *flags) as (program, address):
        healthy = f"https://{address}/mail/-/healthy"
        with urllib.request.urlopen(healthy, context=place.trusting()) as answer:
            assert answer.status == 200
        place.write_tls("min_version: TLS1")
        with urllib.request.urlopen(healthy, context=place.trusting()) as answer:
            assert answer.status == 200
        program.await_line("web config refused, the old one stays.*min_version")
        assert program.stop() == 0


REFUSED = [
    (["--web.config.file=/nowhere.yml"], 1, "/nowhere.yml: there is no such file"),
    (
        ["--web.route-prefix=/a b"],
        2,
        "/a b: a prefix is made of",
    ),
    (["--web.external-url=x"], 2, "--web.external-url=x: write the URL"),
    (["--web.systemd-socket"], 1, "systemd has handed over no socket"),
    (
        ["--web.systemd-socket", "--web.listen-address=:0"],
        2,
        "both say where to listen",
    ),
]


@pytest.fixture(scope="module")
def refusals() -> dict[str, tuple[int, str]]:
    """Start the demo with each of the flags, all at once; give code and last words."""
    started = {
        said: subprocess.Popen(
            [EXPORTER, "demo", *flags], stderr=subprocess.PIPE, text=True
        )
        for flags, _, said in REFUSED
    }
    words = {
        said: one.communicate(timeout=PATIENCE)[1] for said, one in started.items()
    }
    return {said: (one.returncode, words[said]) for said, one in started.items()}


@pytest.mark.parametrize(("_flags", "code", "said"), REFUSED)
def test_refused(
    _flags: list[str], code: int, said: str, refusals: dict[str, tuple[int, str]]
) -> None:
    """What cannot be kept ends the start in one line."""
    ended, words = refusals[said]

    assert ended == code
    assert said in words
    assert words.count("\n") == 1
