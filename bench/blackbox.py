"""blackbox_exporter, as Debian has it: run for a measurement, and asked for probes."""

import asyncio
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp

PEER = "prometheus-blackbox-exporter"
# More than it needs at any pace that it can keep, and few enough that none times out.
_AT_A_TIME = 100
_OK = re.compile(r"^probe_success 1$", re.MULTILINE)


@contextmanager
def blackbox(config: Path) -> Iterator[tuple[str, int]]:
    """Run it; gives its address and its process."""
    process = subprocess.Popen(  # noqa: S603 -- a program of this machine
        [
            *(shutil.which(PEER) or PEER, f"--config.file={config}"),
            "--web.listen-address=127.0.0.1:0",
        ],
        stderr=subprocess.DEVNULL,
    )
    try:
        yield f"http://127.0.0.1:{_port_of(process.pid)}", process.pid
    finally:
        process.terminate()
        process.wait(10)


def drive(url: str, rate: float, seconds: float) -> list[str]:
    """Ask for probes at an even pace, or as fast as it can; gives what each said.

    All must succeed. Ends after `seconds`, whatever pace was kept.
    """
    return asyncio.run(_drive(url, rate, seconds))


async def _drive(url: str, rate: float, seconds: float) -> list[str]:
    loop = asyncio.get_running_loop()
    connector = aiohttp.TCPConnector(limit=0)
    places = asyncio.Semaphore(_AT_A_TIME)
    pages: list[str] = []
    async with aiohttp.ClientSession(connector=connector) as session:

        async def ask() -> None:
            try:
                async with session.get(url) as answer:
                    pages.append(await answer.text())
            finally:
                places.release()

        began, tasks = loop.time(), []
        for number in range(int(rate * seconds)):
            await asyncio.sleep(began + number / rate - loop.time())
            if loop.time() - began > seconds:
                break
            await places.acquire()
            tasks.append(asyncio.create_task(ask()))
        await asyncio.gather(*tasks)
    if not all(map(_OK.search, pages)):
        raise SystemExit("theirs: a probe failed")
    return pages


def _port_of(pid: int) -> int:
    """Find the port that a process listens on: it logs only what it was told."""
    for _ in range(200):
        time.sleep(0.05)
        links = [str(fd.readlink()) for fd in Path(f"/proc/{pid}/fd").iterdir()]
        sockets = {link[8:-1] for link in links if link.startswith("socket:")}
        for table in ("tcp", "tcp6"):
            for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and fields[9] in sockets:
                    return int(fields[1].rpartition(":")[2], 16)
    raise SystemExit("theirs does not listen")
