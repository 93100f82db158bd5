"""The installed `probe --count` on the demo's servers, in a pipe and on a terminal."""

import asyncio
import json
import os
import pty
import re
import select
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from exporter.demo.script import EHL, GRT, HOLD, QUI, script
from exporter.demo.servers import demo_servers
from exporter.targets import Target
from tests.e2e.programs import EXPORTER
from tests.e2e.scripted import scripted_server

PATIENCE = 20.0
LINE = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)  (OK|FAILED) +([0-9.]+) ms  (\w+)(?:  (.+))?"
)
ESCAPE = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
# Whatever the machine that tests has set.
PLAIN_ENVIRONMENT = {
    name: value
    for name, value in os.environ.items()
    if name not in ("NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "CLICOLOR", "TERM")
}
GREETS = script(GRT, EHL, QUI)
# What a server says, against the terminal of whoever looks.
STEERS = script(b"554 \x1b[2J\x1b]0;owned\x07\xff\r\n", QUI)


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, Target]]:
    """Run the demo's servers on a loop of their own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    demo = demo_servers()
    try:
        enter = asyncio.run_coroutine_threadsafe(demo.__aenter__(), loop)
        yield {target.name: target for target in enter.result(PATIENCE)}
        leave = demo.__aexit__(None, None, None)
        asyncio.run_coroutine_threadsafe(leave, loop).result(PATIENCE)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(PATIENCE)
        loop.close()


def command(port: int, *flags: str) -> list[str]:
    """Give a command line that probes a port of this machine."""
    return [
        *(str(EXPORTER), "probe", f"127.0.0.1:{port}", "--module", "mx"),
        *("--interval", "0", *flags),
    ]


def probed(port: int, *flags: str) -> "subprocess.CompletedProcess[str]":
    """Run it in pipes."""
    return subprocess.run(
        command(port, *flags),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        env=PLAIN_ENVIRONMENT,
    )


# --- in a pipe


def test_a_good_server(servers: dict[str, Target]) -> None:
    """Each session is a line, the sum follows, and the code is 0."""
    done = probed(servers["graceful"].port, "--count", "3")
    head, *lines = done.stdout.splitlines()

    assert (done.returncode, done.stderr) == (0, "")
    assert head.endswith(", module mx, every 0s, 3 sessions")
    for line in lines[:3]:
        match = LINE.fullmatch(line)
        assert match
        assert (match[2], match[4], match[5]) == ("OK", "clean", None)
    assert lines[3] == ""
    assert re.fullmatch(r"3 sessions in \d+ s: 3 succeeded, 0 failed", lines[4])
    assert lines[5] == "closed: clean 3"
    table = {line.split()[0]: line.split()[1:] for line in lines[7:]}
    assert table["ms"] == ["min", "median", "p95", "max", "of"]
    for phase in ("connect", "greeting", "quit", "close", "total"):
        least, median, p95, most, of = map(float, table[phase])
        assert 0 <= least <= median <= p95 <= most
        assert of == 3


@pytest.mark.parametrize(
    ("name", "failure", "close"),
    [
        ("refuses-554", "greeting_rejected", "clean"),
        ("resets", "greeting_reset", "reset_without_221"),
        ("refused", "connect_refused", "none"),
    ],
)
def test_a_bad_server(
    servers: dict[str, Target], name: str, failure: str, close: str
) -> None:
    """Each line says what failed, in words, and the code is 1."""
    done = probed(servers[name].port, "--count", "2")
    lines = done.stdout.splitlines()[1:3]

    assert (done.returncode, done.stderr) == (1, "")
    for line in lines:
        match = LINE.fullmatch(line)
        assert match
        assert (match[2], match[4]) == ("FAILED", close)
        assert match[5].startswith(f"{failure}: ")
        assert len(match[5].split()) > 3
    assert f"failed: {failure} 2\n" in done.stdout


def test_for_programs(servers: dict[str, Target]) -> None:
    """Standard output has one document a line and no sum, which is beside it."""
    done = probed(servers["refuses-554"].port, "--count", "2", "--output", "json")
    documents = [json.loads(line) for line in done.stdout.splitlines()]

    assert done.returncode == 1
    assert [d["failure"]["reason"] for d in documents] == ["rejected"] * 2
    assert "2 sessions in" in done.stderr


def test_ctrl_c_sums_up() -> None:
    """Ctrl-C in an endless series still tells the sum, and the code is by outcome."""
    with scripted_server(GREETS) as port:
        process = subprocess.Popen(
            command(port, "--count", "0"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=PLAIN_ENVIRONMENT,
        )
        assert process.stdout
        assert process.stdout.readline().rstrip().endswith("until Ctrl-C")
        assert LINE.fullmatch(process.stdout.readline().rstrip())
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=PATIENCE)

    assert (process.returncode, errors) == (0, "")
    assert re.search(
        r"^\d+ sessions? in \d+ s: \d+ succeeded, 0 failed$", out, re.MULTILINE
    )


def test_ctrl_c_before_anything() -> None:
    """Who leaves before a session has ended gets the code of an interrupt."""
    with scripted_server(script(HOLD)) as port:
        process = subprocess.Popen(
            command(port, "--count", "0"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=PLAIN_ENVIRONMENT,
        )
        assert process.stdout
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=PATIENCE)

    assert (process.returncode, errors) == (130, "")
    assert "0 sessions in" in out


def test_a_reader_that_leaves() -> None:
    """`| head -2` ends an endless series without a traceback."""
    with scripted_server(GREETS) as port:
        process = subprocess.Popen(
            command(port, "--count", "0"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=PLAIN_ENVIRONMENT,
        )
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(PATIENCE) == 128 + signal.SIGPIPE
        assert process.stderr.read() == ""
        process.stderr.close()


# --- on a terminal


@contextmanager
def _terminal() -> Iterator[tuple[int, int]]:
    ours, theirs = pty.openpty()
    try:
        yield ours, theirs
    finally:
        os.close(ours)


def on_terminal(line: Sequence[str], **environment: str) -> tuple[int, str]:
    """Run a command on a terminal of its own; gives the code and all it wrote."""
    with _terminal() as (ours, theirs):
        process = subprocess.Popen(
            line,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**PLAIN_ENVIRONMENT, "TERM": "xterm", **environment},
        )
        os.close(theirs)
        written, deadline = b"", time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if not select.select([ours], [], [], 0.5)[0]:
                continue
            try:
                octets = os.read(ours, 65536)
            except OSError:  # Linux: nobody holds the other end any more
                break
            if not octets:
                break
            written += octets
        return process.wait(PATIENCE), written.decode()


def test_colours_on_a_terminal(servers: dict[str, Target]) -> None:
    """A terminal gets colours, and without them the words are the same."""
    line = command(servers["graceful"].port, "--count", "2")
    code, told = on_terminal(line)
    _, plain = on_terminal(line, NO_COLOR="1")
    _, dumb = on_terminal(line, TERM="dumb")

    assert code == 0
    assert "\x1b[32mOK" in told
    for without in (plain, dumb):
        assert "\x1b[" not in without.replace("\r\x1b[K", "")
        assert " OK " in without
    assert "OK" in ESCAPE.sub("", told)


def test_colours_of_a_session(servers: dict[str, Target]) -> None:
    """A failed session is red, and says FAILED."""
    code, told = on_terminal(command(servers["refuses-554"].port))

    assert code == 1
    assert "\x1b[1;31mFAILED\x1b[0m: greeting_rejected" in told


def test_progress(servers: dict[str, Target]) -> None:
    """Who waits sees the phase and the seconds, and the line is gone in the end."""
    _, told = on_terminal(command(servers["slow"].port), NO_COLOR="1")
    assert "127.0.0.1 port" in told

    with scripted_server(script(HOLD)) as port:
        code, waited = _interrupted_after(command(port), "greeting ... 1 s")
    assert code == 130
    assert waited.index("greeting ... 0 s") < waited.index("greeting ... 1 s")
    assert waited.rpartition("greeting")[2].endswith("\r\x1b[K")


def _interrupted_after(line: Sequence[str], text: str) -> tuple[int, str]:
    """Run a command on a terminal until it shows a text, then interrupt it."""
    with _terminal() as (ours, theirs):
        process = subprocess.Popen(
            line,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**PLAIN_ENVIRONMENT, "TERM": "xterm"},
        )
        os.close(theirs)
        written = ""
        while text not in written:
            written += os.read(ours, 65536).decode()
        process.send_signal(signal.SIGINT)
        while True:
            try:
                written += os.read(ours, 65536).decode()
            except OSError:
                break
        return process.wait(PATIENCE), written


@pytest.mark.parametrize("flags", [[], ["--count", "2"], ["--output", "json"]])
def test_no_server_steers_a_terminal(flags: list[str]) -> None:
    """Escapes that a server sends are shown as text, on a terminal too."""
    with scripted_server(STEERS) as port:
        _, told = on_terminal(command(port, *flags))

    ours = re.sub(r"\x1b\[[0-9;]*m|\r\x1b\[K|\r\n", "", told)
    assert ours.isprintable()
    assert "owned" in ours
