"""The installed `probe` on each of the demo's servers: what an operator is told."""

import asyncio
import json
import subprocess
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from exporter.demo.certificates import authority
from exporter.demo.servers import DEMO, demo_servers
from exporter.targets import Target
from exporter.vocabulary import Close
from tests.e2e.programs import EXPORTER
from tests.wire.test_demo import SHOWN

PATIENCE = 20.0
AT_A_TIME = 8  # several of them only wait

# A server that says nothing is left soon, and a busy machine has time for the others.
CONFIG = """\
modules:
  mx: {timeouts: {greeting: 2s, command: 2s, quit: 1s, close: 1s}}
  demo-hold: {hold: 500ms, timeouts: {greeting: 2s, command: 2s, quit: 1s, close: 1s}}
  submission: {tls_server_name: mail.test, ca_file: authority.pem}
  submissions: {tls_server_name: mail.test, ca_file: authority.pem}
targets: [127.0.0.1]
"""

BAD = [name for name, (failure, _) in SHOWN.items() if failure]
GOOD = [name for name in SHOWN if name not in BAD]

# What the server itself said to fail the probe.
QUOTED = {
    "refuses-554": '"554 mx.test no SMTP service here"',
    "busy-421": '"421 4.3.2 mx.test too busy, try later"',
    "unsolicited-221": '"221 2.0.0 mx.test shutting down"',
    "idle-221": '"221 2.0.0 mx.test you are idle"',
    "not-smtp": '"SSH-2.0-OpenSSH_9.6"',
}


class Told(NamedTuple):
    """What one run of the command left behind."""

    code: int
    text: str
    errors: str


@contextmanager
def _running_servers() -> Iterator[tuple[Target, ...]]:
    """Run the demo's servers on a loop of their own; the programs are not in it."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    servers = demo_servers()
    try:
        enter = asyncio.run_coroutine_threadsafe(servers.__aenter__(), loop)
        yield enter.result(PATIENCE)
        leave = servers.__aexit__(None, None, None)
        asyncio.run_coroutine_threadsafe(leave, loop).result(PATIENCE)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(PATIENCE)
        loop.close()


def _probe(target: Target, config: Path, output: str) -> Told:
    command: list[str | Path] = [EXPORTER, "probe", f"{target.host}:{target.port}"]
    command += ["--module", target.module.name, "--config.file", config]
    done = subprocess.run(
        [*command, "--output", output],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return Told(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def told(
    tmp_path_factory: pytest.TempPathFactory,
) -> Mapping[tuple[str, str], Told]:
    """Probe every server of the demo for people, and the bad ones for programs."""
    config = tmp_path_factory.mktemp("probe") / "config.yaml"
    config.with_name("authority.pem").write_bytes(authority())
    config.write_text(CONFIG)
    with _running_servers() as targets, ThreadPoolExecutor(AT_A_TIME) as pool:
        runs = {
            (target.name, output): pool.submit(_probe, target, config, output)
            for target in targets
            for output in (("text", "json") if target.name in BAD else ("text",))
        }
        return {which: run.result() for which, run in runs.items()}


def test_every_server_is_bad_or_good() -> None:
    """No server of the demo is left out."""
    assert sorted([*BAD, *GOOD]) == sorted(server.name for server in DEMO)


@pytest.mark.parametrize("name", BAD)
def test_a_bad_server(told: Mapping[tuple[str, str], Told], name: str) -> None:
    """The last line names the failure, what it usually means, and what to do."""
    failure, close = SHOWN[name]
    code, text, errors = told[name, "text"]
    line = text.splitlines()[-1]
    seen, _, advice = line.partition(" Usually: ")
    means, _, remedy = advice.partition(". Try: ")

    assert (code, errors) == (1, "")
    assert seen.startswith(f"FAILED: {failure}: ")
    assert QUOTED.get(name, "") in seen
    for sentence in (seen, means, remedy):
        assert len(sentence.split()) > 3
    assert ("The session still ended" in remedy) == (close is Close.CLEAN)


@pytest.mark.parametrize("name", GOOD)
def test_a_good_server(told: Mapping[tuple[str, str], Told], name: str) -> None:
    """The last line tells how it greeted and ended, and names an end that is odd."""
    _, close = SHOWN[name]
    code, text, errors = told[name, "text"]
    line = text.splitlines()[-1]

    assert (code, errors) == (0, "")
    assert line.startswith("OK: greeted with 220 and said goodbye with 221")
    assert (f"({close})" in line) == (close is not Close.CLEAN)


@pytest.mark.parametrize("name", BAD)
def test_for_programs(told: Mapping[tuple[str, str], Told], name: str) -> None:
    """The document holds the same verdict, and the failure's words by themselves."""
    failure, close = SHOWN[name]
    code, text, errors = told[name, "json"]
    document = json.loads(text)

    assert failure
    assert (code, errors) == (1, "")
    assert document["success"] is False
    assert document["failure"] == {"phase": failure.phase, "reason": failure.reason}
    assert document["close"] == close
    line = told[name, "text"].text.splitlines()[-1]
    assert f"FAILED: {document['verdict']}" == line
