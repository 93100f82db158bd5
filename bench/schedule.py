"""Whether probes start when they are due, and spread evenly over their interval.

How late is what the exporter's own histogram says; the spread is that of the ends of
all targets' last probes, by the second, over one interval.

    python -m bench.schedule [SECONDS]
"""

import re
import sys
import time
from collections import Counter

from bench.exporter import exporter, many, scrape, total
from bench.servers import prompt_server
from bench.table import Row, print_table

TARGETS, INTERVAL = 10_000, 5.0
LAG_MS, PEAK = 20.0, 1.3
SHARE = 0.99
_LAG = "mailserver_exporter_schedule_lag_seconds"
_ENDED = re.compile(r"^smtp_last_probe_timestamp_seconds\{[^}]*\} (\S+)$", re.MULTILINE)


def measure(seconds: int = 60) -> list[Row]:
    """Measure both at two thousand probes a second."""
    with prompt_server() as port, exporter(many(TARGETS, INTERVAL, port)) as (url, _):
        time.sleep(INTERVAL * 2 + 1)
        before, began = scrape(url), time.monotonic()
        time.sleep(seconds)
        after, took = scrape(url), time.monotonic() - began
    probes = total(after, "smtp_probes_total") - total(before, "smtp_probes_total")
    bound, within = _lag(before, after)
    ends = sorted(map(float, _ENDED.findall(after)))
    bins = Counter(int(ends[-1] - end) for end in ends)
    whole = [bins[second] for second in range(int(INTERVAL))]
    return [
        Row(
            f"start of a probe, late by, p99, {probes / took:.0f}/s",
            bound * 1e3,
            "ms",
            LAG_MS,
            f"{within:.2%} are within it",
        ),
        Row(
            "starts in the fullest second by the mean",
            max(whole) / (TARGETS / INTERVAL),
            "",
            PEAK,
            f"{whole} by the second",
        ),
    ]


def _lag(before: str, after: str) -> tuple[float, float]:
    """Give the least bucket that has the share, in seconds, and what share it has."""
    count = total(after, f"{_LAG}_count") - total(before, f"{_LAG}_count")
    at_start = dict(_buckets(before))
    for bound, number in _buckets(after):
        share = (number - at_start[bound]) / count
        if share >= SHARE:
            return bound, share
    raise SystemExit("no bucket holds 99 % of the starts")


def _buckets(text: str) -> list[tuple[float, float]]:
    found = re.findall(rf'^{_LAG}_bucket\{{le="([^"]+)"\}} (\S+)$', text, re.MULTILINE)
    return [(float(bound), float(number)) for bound, number in found]


if __name__ == "__main__":
    print_table("Schedule", measure(*map(int, sys.argv[1:])))
