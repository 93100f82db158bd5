"""A world with fewer descriptors than probes that want one, until there is room."""

import resource
import time
from pathlib import Path

from exporter.demo.script import EHL, GRT, QUI, Wait, script
from tests.e2e.scripted import scripted_server
from tests.e2e.worlds import POLL, Figures, World, world

DESCRIPTORS = 64
TARGETS = 120
SCRAPES = 20
QUICKLY = 1.0  # seconds; a scrape that waits for a probe to end takes longer
FEW = ("sh", "-c", f'ulimit -Sn {DESCRIPTORS} && exec "$@"', "sh")
# Most of the two seconds between two probes is taken by the greeting.
SLOW_GREETING = script(Wait(1.6), GRT, EHL, QUI)
CONFIG = """\
schedule: {{interval: 2s}}
limits: {{concurrency: 500, per_host: 500}}
modules: {{mx: {{tls: none}}}}
targets:
{targets}
"""


def written(folder: Path, port: int) -> Path:
    """Write a configuration of as many targets, all at one port."""
    targets = "\n".join(
        f"  - {{host: 127.0.0.1, port: {port}, name: t{number}}}"
        for number in range(TARGETS)
    )
    config = folder / "config.yaml"
    config.write_text(CONFIG.format(targets=targets))
    return config


def short(figures: Figures) -> float:
    """Give how many probes had no descriptor."""
    return figures.total(
        "smtp_probe_failures_total", phase="connect", reason="local_error"
    )


def test_descriptors_run_out_and_come_back(tmp_path: Path) -> None:
    """Probes without one blame this machine, and pages are served from the last few."""
    with (
        scripted_server(SLOW_GREETING) as port,
        world(written(tmp_path, port), behind=FEW) as lives,
    ):
        lives.await_figures(lambda now: short(now) and now.well())
        figures = starved(lives)
        assert set(figures.failures().values()) == {"connect_local_error"}
        assert figures.well()  # those that had one
        resource.prlimit(lives.pid, resource.RLIMIT_NOFILE, (1024, 1024))
        there_is_room = lives.await_figures(lambda now: len(now.well()) == TARGETS)
        assert short(lives.await_probes()) == short(there_is_room)


def starved(lives: World) -> Figures:
    """Scrape while there are none left, and give the last scrape."""
    figures = lives.figures()
    for _ in range(SCRAPES):
        time.sleep(POLL)  # a scrape now and then, while probes come and go
        before, figures = figures, lives.figures()
        assert short(figures) >= short(before)
        assert 0 < figures.total("process_open_fds") <= DESCRIPTORS
    assert lives.slowest < QUICKLY
    return figures
