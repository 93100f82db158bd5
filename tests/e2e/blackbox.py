"""A real blackbox_exporter on loopback: what it says of a target. Judges nothing."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.programs import free_port, running


class Probed(NamedTuple):
    """What it says of one probe."""

    success: bool
    seconds: float


@contextmanager
def running_blackbox(program: Path, config: Path) -> Iterator[str]:
    """Run it with a configuration; gives the URL of its probes."""
    address = f"127.0.0.1:{free_port()}"
    flags = (f"--config.file={config}", f"--web.listen-address={address}")
    with running([program, *flags]) as exporter:
        exporter.await_line("Listening on")
        yield f"http://{address}/probe"


def version(program: Path) -> str:
    """Ask it for its version."""
    said = subprocess.run(
        [program, "--version"], check=True, capture_output=True, text=True
    )
    found = re.search(r"version ([0-9.]+)", said.stdout + said.stderr)
    assert found, said
    return found[1]


async def probe(
    session: aiohttp.ClientSession, url: str, module: str, target: str
) -> Probed:
    """Ask for one probe."""
    asked = {"module": module, "target": target}
    async with session.get(url, params=asked) as answer:
        text = await answer.text()
    gauges = {
        sample.name: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    return Probed(gauges["probe_success"] == 1, gauges["probe_duration_seconds"])
