"""Whose flags a health check takes: those of the exporter that runs, and no guess."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from exporter import cli
from exporter.cli.healthcheck import asked
from exporter.cli.running import arguments_of

_WAIT = "import sys; print(flush=True); sys.stdin.read()"


@contextmanager
def process(*arguments: str) -> Iterator[int]:
    """Run Python with these words behind its own; gives its number."""
    with subprocess.Popen(
        [sys.executable, "-c", _WAIT, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as running:
        assert running.stdout is not None
        running.stdout.readline()
        yield running.pid


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (
            ["/opt/venv/bin/mailserver-exporter", "serve", "--x=a b"],
            ["serve", "--x=a b"],
        ),
        (["mailserver-exporter"], []),
        (["--", "mailserver-exporter", "demo"], ["demo"]),
        (["blackbox_exporter", "serve"], []),
        (["/mailserver-exporter/serve"], []),
    ],
)
def test_arguments(words: list[str], found: list[str]) -> None:
    """What stands behind the exporter's name is its arguments; another has none."""
    with process(*words) as pid:
        assert arguments_of(pid) == found


def test_nobody() -> None:
    """A process that is gone has no flags."""
    with process() as pid:
        pass

    assert arguments_of(pid) == []


@pytest.mark.parametrize(
    ("theirs", "ours", "url"),
    [
        (["demo"], [], "http://127.0.0.1:10525/-/healthy"),
        (
            ["serve", "--web.listen-address=:81", "--web.route-prefix=/x"],
            [],
            "http://127.0.0.1:81/x/-/healthy",
        ),
        (
            ["serve", "--web.external-url=https://x.test/y/"],
            ["--ready"],
            "http://127.0.0.1:10525/y/-/ready",
        ),
        (
            ["serve", "--web.listen-address=:81"],
            ["--web.listen-address=:82"],
            "http://127.0.0.1:82/-/healthy",
        ),
        (["version"], [], "http://127.0.0.1:10525/-/healthy"),
    ],
)
def test_whom(theirs: list[str], ours: list[str], url: str) -> None:
    """The flags of the one that runs count where none of our own was given."""
    with process("mailserver-exporter", *theirs) as pid:
        arguments = cli.parsed(["healthcheck", f"--pid={pid}", *ours])
        assert str(asked(arguments)) == url


def test_another_process() -> None:
    """Beside a process that is no exporter, the defaults hold."""
    arguments = cli.parsed(["healthcheck", f"--pid={os.getpid()}"])

    assert str(asked(arguments)) == "http://127.0.0.1:10525/-/healthy"
