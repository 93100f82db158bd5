"""A real blackbox_exporter on loopback: what it says of a target. Judges nothing."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp

from tests.e2e.programs import free_port, running

_SUCCESS = re.compile(r"^probe_success ([01])$", re.MULTILINE)


@contextmanager
def running_blackbox(program: Path, config: Path) -> Iterator[str]:
    """Run it with a configuration; gives the URL of its probes."""
    address = f"127.0.0.1:{free_port()}"
    flags = (f"--config.file={config}", f"--web.listen-address={address}")
    with running([program, *flags]) as exporter:
        exporter.await_line("Listening on")
        yield f"http://{address}/probe"


async def success(
    session: aiohttp.ClientSession, url: str, module: str, target: str
) -> bool:
    """Ask for one probe; gives its `probe_success`."""
    asked = {"module": module, "target": target}
    async with session.get(url, params=asked) as answer:
        text = await answer.text()
    verdict = _SUCCESS.search(text)
    assert verdict, text
    return verdict[1] == "1"
