"""What a scrape of ten thousand targets costs, and how long it holds the loop.

The exporter runs in this process, with its server; whoever scrapes is another process.
Each target was probed once, at a real server, and nothing is due for an hour. A
heartbeat in the same loop tells the longest time that nothing else could run. A target
has more series than the thirty that the targets of this table were set for: CPU time is
told for thirty, and beside it for all.

    python -m bench.scrapes
"""

import asyncio
import os
import socket
import statistics
import tempfile
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

from bench.exporter import many
from bench.hold import watched
from bench.servers import process, prompt_server
from bench.table import Row, print_table
from exporter import log
from exporter.app import run
from exporter.config import load
from exporter.life import Exporter
from exporter.web.address import ListenAddress
from exporter.web.listen import Listeners
from exporter.web.routes import Sources, application

TARGETS, SERIES = 10_000, 30
PLAIN_MS, GZIP_MS, STALL_MS = 60.0, 150.0, 5.0
ROUNDS, AT_ONCE = 9, 20
BEAT = 0.0005
_REQUEST = (
    "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    "Accept-Encoding: {}\r\n\r\n"
)


class _Cost(NamedTuple):
    cpu: float  # seconds, of all threads
    held: float  # seconds, the longest


async def _measure(port: int) -> list[Row]:
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(many(TARGETS, 3600, port))
        file.flush()
        config = await asyncio.to_thread(load, Path(file.name))
    exporter = Exporter(config, kernel_timestamps=True)
    await exporter.start()
    for start in range(0, TARGETS, AT_ONCE):
        some = config.targets[start : start + AT_ONCE]
        await asyncio.gather(*map(exporter._probe, some))
    with process(_scraper) as pipe:
        async with _served(exporter) as at:
            fetch = partial(_fetched, pipe, at)
            await fetch("identity", 1)  # renders what is due
            body = (await exporter.metrics("", "", ())).body
            size, samples = len(body), body.count(b"\nsmtp_")
            plain = [await fetch("identity", 1) for _ in range(ROUNDS)]
            packed = [await fetch("gzip", 1) for _ in range(ROUNDS)]
            crowd = [await fetch(e, AT_ONCE) for e in ("identity", "gzip")]
    await exporter.stop()
    series = samples / TARGETS
    return [
        _cpu_row("CPU of a scrape", plain, PLAIN_MS, series, size),
        _cpu_row("CPU of a scrape with gzip", packed, GZIP_MS, series, size),
        Row(
            "longest hold of the loop, one scrape",
            max(one.held for one in (*plain, *packed)) * 1e3,
            "ms",
            STALL_MS,
        ),
        Row(
            f"longest hold of the loop, {AT_ONCE} scrapes at once",
            max(one.held for one in crowd) * 1e3,
            "ms",
            STALL_MS,
        ),
    ]


def _cpu_row(
    what: str, costs: list[_Cost], target: float, series: float, size: int
) -> Row:
    whole = statistics.median(one.cpu for one in costs) * 1e3
    return Row(
        f"{what}, {TARGETS:,} targets x {SERIES}",
        whole * SERIES / series,
        "ms",
        target,
        f"{whole:.0f} ms with all {series:.0f} series a target, {size / 1e6:.0f} MB",
    )


@asynccontextmanager
async def _served(exporter: Exporter) -> AsyncIterator[int]:
    async def reload() -> str:
        return ""

    sources = Sources(exporter.metrics, exporter.ready, reload, str, "1")
    listeners = Listeners(application(sources))
    (address,) = await listeners.open([ListenAddress("127.0.0.1", 0)])
    yield address.port
    await listeners.close()


async def _fetched(pipe: Connection, port: int, encoding: str, at_once: int) -> _Cost:
    async with watched(BEAT) as hold:
        before = time.process_time()
        pipe.send((port, encoding, at_once))
        await asyncio.to_thread(pipe.recv)
        spent = time.process_time() - before
    return _Cost(spent, hold.longest)


def _scraper(pipe: Connection) -> None:
    """Fetch the page as often at once as is asked for, and tell when all have it.

    Behind whoever is measured: elsewhere a scraper has a machine of its own.
    """
    os.nice(19)

    def fetch(port: int, encoding: str) -> None:
        with socket.create_connection(("127.0.0.1", port)) as sock:
            sock.sendall(_REQUEST.format(encoding).encode())
            while sock.recv(1 << 20):
                pass

    while True:
        port, encoding, at_once = pipe.recv()
        all_of_them = [
            threading.Thread(target=fetch, args=(port, encoding))
            for _ in range(at_once)
        ]
        for one in all_of_them:
            one.start()
        for one in all_of_them:
            one.join()
        pipe.send(True)


def measure() -> list[Row]:
    """Measure scrapes, one by one and at once."""
    log.configure("error", "logfmt")
    with prompt_server() as port:
        rows: list[Row] = run(_measure(port))
    return rows


if __name__ == "__main__":
    print_table("Scrapes", measure())
