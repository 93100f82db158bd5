"""Whether a probe costs the same however many targets there are.

Probes at one pace, once with a thousand targets, once with ten and once with fifty
thousand, each due as often as that pace asks for; the last is fifty thousand a minute.

    python -m bench.growth [SECONDS]
"""

import sys
import time
from typing import NamedTuple

from bench.exporter import cpu, exporter, many, scrape, total
from bench.servers import prompt_server
from bench.table import Row, print_table

COUNTS = (1_000, 10_000, 50_000)
RATE = 50_000 / 60
GROWTH, CORES = 1.10, 1.0


class _Seen(NamedTuple):
    microseconds: float  # CPU time of a probe
    share: float  # of a core
    skipped: float


def measure(seconds: int = 60) -> list[Row]:
    """Measure each size."""
    with prompt_server() as port:
        seen = {count: _of(count, port, seconds) for count in COUNTS}
    costs = [one.microseconds for one in seen.values()]
    most = seen[COUNTS[-1]]
    each = ", ".join(f"{n:,}: {one.microseconds:.0f}" for n, one in seen.items())
    return [
        Row(
            "CPU of a probe, dearest by cheapest size",
            max(costs) / min(costs),
            "",
            GROWTH,
            f"us with {each}",
        ),
        Row(
            "cores for 50,000 targets a minute",
            most.share,
            "",
            CORES,
            f"{most.skipped:.0f} probes skipped",
        ),
    ]


def _of(count: int, port: int, seconds: int) -> _Seen:
    interval = count / RATE
    with exporter(many(count, interval, port)) as (url, pid):
        time.sleep(interval * 1.2 + 5)
        before, computed, began = scrape(url), cpu(pid), time.monotonic()
        time.sleep(seconds)
        took, spent = time.monotonic() - began, cpu(pid) - computed
        after = scrape(url)
    probes = total(after, "smtp_probes_total") - total(before, "smtp_probes_total")
    skipped = total(after, "mailserver_exporter_probes_skipped_total")
    return _Seen(spent / probes * 1e6, spent / took, skipped)


if __name__ == "__main__":
    print_table("Growth", measure(*map(int, sys.argv[1:])))
