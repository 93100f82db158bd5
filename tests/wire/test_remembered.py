"""A whole exporter remembers its sessions, and takes other bounds at a reload."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from exporter.config import load
from exporter.demo.listener import ScriptedServer
from exporter.demo.script import EHL, GRT, QUI, script
from exporter.life import ConfigSource, Exporter
from exporter.outcome import Outcome

InLoop = Callable[[Coroutine[Any, Any, None]], None]

PATIENCE = 15.0
CONFIG = """\
schedule: {{interval: 1s}}
modules: {{mx: {{tls: none}}}}
history: {history}
targets: [{{host: 127.0.0.1, port: {port}, name: a}}]
"""


def test_remembered(in_loop: InLoop, tmp_path: Path) -> None:
    """A session is kept with its transcript until the configuration wants none."""
    path = tmp_path / "config.yaml"

    async def story() -> None:
        async with ScriptedServer(script(GRT, EHL, QUI)) as server:
            path.write_text(CONFIG.format(history="{sessions: 1}", port=server.port))
            exporter = Exporter(load(path), ConfigSource(path), kernel_timestamps=True)
            await exporter.start()
            try:
                sessions: tuple[Outcome, ...] = ()
                async with asyncio.timeout(PATIENCE):
                    while not sessions:
                        await asyncio.sleep(0.02)  # a probe has its own pace
                        sessions = exporter.history.of("a").sessions
                (kept,) = sessions
                assert "QUIT" in [said.text for said in kept.transcript]
                assert exporter.accounts()["a"].latest is kept

                none = "{sessions: 0, failures: 0}"
                path.write_text(CONFIG.format(history=none, port=server.port))
                assert await exporter.reload() == ""
                assert exporter.history.of("a").sessions == ()
                assert exporter.history.octets == 0
            finally:
                await exporter.stop()

    in_loop(story())
