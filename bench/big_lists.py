"""How long do big lists of targets take, and how long do they hold the loop?

Loads a file_sd file of so many targets into an exporter in this process, then touches
it (the same targets again), changes a tenth of it, and reloads the configuration. A
heartbeat in the same loop tells the longest time that nothing else could run. Targets
are due once an hour, so that probes hardly count.

    python -m bench.big_lists [TARGETS ...]
"""

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bench.hold import watched
from exporter import app, log
from exporter.config import load
from exporter.life import ConfigSource, Exporter

BEAT = 0.001
_CONFIG = """\
schedule: {interval: 1h}
discovery:
  - {files: [targets.json], refresh: 1s}
"""


@asynccontextmanager
async def _timed(what: str, count: int) -> AsyncIterator[None]:
    async with watched(BEAT) as hold:
        began = time.perf_counter()
        yield
        took = time.perf_counter() - began
    print(f"{count:7} {what:28} {took:7.2f} s   held {hold.longest * 1e3:7.1f} ms")


def _write(path: Path, hosts: int, *, changed: int = 0) -> None:
    names = [f"mx{n}.example.com:25" for n in range(changed, hosts + changed)]
    new = path.with_suffix(".new")
    new.write_text(json.dumps([{"targets": names, "labels": {"site": "fra"}}]))
    new.replace(path)


def _written(folder: Path, count: int) -> tuple[Path, Path]:
    config, targets = folder / "config.yaml", folder / "targets.json"
    config.write_text(_CONFIG)
    _write(targets, count)
    return config, targets


async def measure(count: int) -> None:
    """Measure one size."""
    with tempfile.TemporaryDirectory() as folder:
        config, targets = _written(Path(folder), count)
        exporter = Exporter(load(config), ConfigSource(config), kernel_timestamps=True)
        async with _timed("start", count):
            await exporter.start()
        assert exporter.targets == count  # noqa: S101 -- or the rest means nothing
        async with _timed("reload of the same", count):
            await exporter.reload()
        async with _timed("the same file again", count):
            _write(targets, count)
            await asyncio.sleep(3.0)
        async with _timed("a tenth is others", count):
            _write(targets, count, changed=count // 10)
            await asyncio.sleep(3.0)
        async with _timed("a scrape", count):
            await exporter.metrics("", "", ())
        await exporter.stop()


def main(counts: list[int]) -> None:
    """Measure every size."""
    log.configure("error", "logfmt")  # the hosts do not exist
    for count in counts:
        app.run(measure(count))


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]] or [10_000, 50_000])
