"""How much memory the exporter holds: idle, for a target, and after many probes.

What the kernel counts as resident, of the installed exporter. Each target's last
sessions are kept for the pages, so a target is measured when those are full; then
probes go on, and what is held after a tenth of them is held against the end.

    python -m bench.memory [PROBES]
"""

import sys
import time

from bench.exporter import exporter, many, resident, scrape, total
from bench.servers import prompt_server
from bench.table import Row, print_table

TARGETS = 10_000
INTERVAL = 5.0
IDLE_MB, OF_TARGET_KB, GROWTH = 80.0, 8.0, 1.05
_SETTLE_SECONDS = 5.0
_MB, _KB = 1e6, 1024.0


def measure(probes: int = 1_000_000) -> list[Row]:
    """Measure an idle exporter, then one that probes."""
    with prompt_server() as port:
        with exporter(many(1, 3600, port)) as (url, pid):
            time.sleep(_SETTLE_SECONDS)
            scrape(url)
            idle = resident(pid)
        with exporter(many(TARGETS, INTERVAL, port)) as (url, pid):
            early = _held_after(url, pid, max(probes // 10, TARGETS * 8))
            late = _held_after(url, pid, probes)
    of_target = (early - idle) / TARGETS
    return [
        Row("memory, idle", idle / _MB, "MB", IDLE_MB),
        Row("memory of a target", of_target / _KB, "KiB", OF_TARGET_KB),
        Row(
            f"memory after {probes:,} probes, by that after a tenth",
            late / early,
            "",
            GROWTH,
            f"{early / _MB:.0f} MB, then {late / _MB:.0f} MB",
        ),
    ]


def _held_after(url: str, pid: int, probes: int) -> int:
    while total(scrape(url), "smtp_probes_total") < probes:
        time.sleep(INTERVAL)
    return resident(pid)


if __name__ == "__main__":
    print_table("Memory", measure(*map(int, sys.argv[1:])))
