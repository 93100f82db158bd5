"""What signals and cancellation do to the exporter and to its sessions."""

import asyncio
import os
import signal
import subprocess
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exporter.demo.listener import LOOPBACK, ScriptedServer
from exporter.demo.script import EHLO, GRT, HOLD, script
from exporter.demo.session import Session
from exporter.targets import Module, Target
from tests.e2e.programs import EXPORTER, running_exporter
from tests.wire.play import Probing

PATIENCE = 5.0


@dataclass(frozen=True)
class Reached:
    """A step that tells the test that the script came here."""

    event: asyncio.Event

    async def play(self, _: Session) -> None:
        """Tell."""
        self.event.set()


def test_a_cancelled_probe_says_quit(
    probing: Probing, in_loop: Callable[[Coroutine[Any, Any, bytes]], bytes]
) -> None:
    """A probe that is cancelled while it waits leaves with QUIT."""

    async def cancelled() -> bytes:
        waiting = asyncio.Event()
        played = script(GRT, EHLO, Reached(waiting), HOLD)
        async with ScriptedServer(played) as server, probing() as probe:
            module = Module(name="mx", ehlo_name="probe.test")
            target = Target(
                name="t", host=LOOPBACK, port=server.port, module=module, interval=60.0
            )
            task = asyncio.ensure_future(probe(target))
            await waiting.wait()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert task.cancelled()
            assert await server.settled(PATIENCE)
            return bytes(server.sessions[0].received)

    assert in_loop(cancelled()) == b"EHLO probe.test\r\nQUIT\r\n"


def test_sighup_ends_nothing() -> None:
    """Without a file SIGHUP reloads nothing and says so; SIGTERM still ends with 0."""
    with running_exporter("demo") as (exporter, _):
        exporter.process.send_signal(signal.SIGHUP)
        exporter.await_line("there is no configuration file to reload")

        assert exporter.stop() == 0


def test_output_in_a_narrow_code_page(tmp_path: Path) -> None:
    """What no code page can say is escaped, and not a traceback."""
    path = tmp_path / "caf\u00e9.yaml"
    path.write_text("targets: [mx]")
    checked = subprocess.run(
        [EXPORTER, "check-config", f"--config.file={path}"],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=False,
    )

    assert (checked.returncode, checked.stderr) == (0, b"")
    assert b"caf\\xe9.yaml is sound" in checked.stdout


def test_a_full_disk_behind_the_output() -> None:
    """Output that cannot be written is one line and exit code 1."""
    with Path("/dev/full").open("wb") as full:
        told = subprocess.run(
            [EXPORTER, "version"], stdout=full, stderr=subprocess.PIPE, check=False
        )

    assert told.returncode == 1
    assert told.stderr.count(b"\n") == 1
