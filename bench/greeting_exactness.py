"""How exact is `phase="greeting"` while the exporter is busy?

Runs the installed exporter on ten thousand targets, two thousand probes a second, and
on some whose server greets after 50 ms; scrapes it every 5 s, and holds what
`smtp_probe_phase_seconds{phase="greeting"}` says of those against what the server's own
clock saw between accept() and greeting in that very session: a busy machine makes the
server late too, and that is for the exporter to see. Beside it stands what
blackbox_exporter makes of the same server, with nothing else to do: its whole probe,
which ends at the greeting.

    python -m bench.greeting_exactness [SECONDS [PROBES_PER_SECOND]]
"""

import re
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from bench.blackbox import blackbox, drive
from bench.exporter import cpu, exporter, many, scrape, total
from bench.servers import Late, late_server, prompt_server
from bench.table import Row, print_table

DELAY = 0.050
LATE_TARGETS = 100
INTERVAL = 5.0
WARM_UP_SECONDS = 11  # every target was probed, and every line written
TARGET_MS = 0.3
PEER_RATE, PEER_SECONDS = 50, 10

_LATE = "  - {{host: 127.0.0.1, port: {port}, name: late-{number}, module: bench}}\n"
_OF_LATE = r'\{target="late-\d+",host="127\.0\.0\.1",port="(\d+)",module="bench"'
_GREETING = re.compile(
    rf'^smtp_probe_phase_seconds{_OF_LATE},phase="greeting"\}} (\S+)$', re.MULTILINE
)
_ENDED = re.compile(
    rf"^smtp_last_probe_timestamp_seconds{_OF_LATE}\}} (\S+)$", re.MULTILINE
)
_DURATION = re.compile(r"^probe_duration_seconds (\S+)$", re.MULTILINE)
_BLACKBOX = """\
modules:
  greeting:
    prober: tcp
    timeout: 5s
    tcp: {query_response: [{expect: "^220 "}]}
"""


def measure(seconds: int = 60, rate: int = 2000) -> list[Row]:
    """Measure ours under load, and the peer's without any."""
    count = round(rate * INTERVAL)
    with prompt_server() as prompt, late_server(DELAY, LATE_TARGETS) as (late, pipe):
        config = many(count, INTERVAL, prompt) + "".join(
            _LATE.format(port=port, number=number) for number, port in enumerate(late)
        )
        with exporter(config) as (url, pid):
            time.sleep(WARM_UP_SECONDS)
            before = after = scrape(url)
            computed, began = cpu(pid), time.monotonic()
            read: set[tuple[str, float, float]] = set()
            for turn in range(1, round(seconds / INTERVAL) + 1):
                time.sleep(max(0.0, began + turn * INTERVAL - time.monotonic()))
                after = scrape(url)
                ended = dict(_ENDED.findall(after))
                read |= {
                    (port, float(ended[port]), float(took))
                    for port, took in _GREETING.findall(after)
                }
            took = time.monotonic() - began
            share = (cpu(pid) - computed) / took
        pipe.send(1)
        own: list[Late] = pipe.recv()
        theirs = _theirs(late[0])
    probes = total(after, "smtp_probes_total") - total(before, "smtp_probes_total")
    errors = [took - _of_session(own, port, end).took for port, end, took in read]
    return [
        Row(
            f"error of the greeting, p99, {probes / took:.0f} probes/s",
            _at(errors, 0.99) * 1e3,
            "ms",
            TARGET_MS,
            f"median {median(errors) * 1e3:.3f}, worst {_at(errors, 1) * 1e3:.3f}, "
            f"{len(errors)} sessions, {share:.0%} of a core; theirs, idle: "
            f"median {median(theirs) * 1e3:.3f}, p99 {_at(theirs, 0.99) * 1e3:.3f}",
        )
    ]


def _theirs(port: int) -> list[float]:
    """Give the errors of the peer's probes against the delay."""
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
        file.write(_BLACKBOX)
        file.flush()
        with blackbox(Path(file.name)) as (url, _):
            probe = f"{url}/probe?module=greeting&target=127.0.0.1:{port}"
            pages = drive(probe, PEER_RATE, PEER_SECONDS)
    return [float(_DURATION.findall(page)[0]) - DELAY for page in pages]


def _of_session(own: Sequence[Late], port: str, ended: float) -> Late:
    """Find the greeting that the probe which ended then has read."""
    of_port = (late for late in own if late.port == int(port))
    return min(of_port, key=lambda late: abs(ended - late.sent_at))


def _at(errors: Sequence[float], share: float) -> float:
    """Give the error, whatever its sign, that so many are below."""
    ordered = sorted(map(abs, errors))
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


if __name__ == "__main__":
    print_table("Exactness", measure(*map(int, sys.argv[1:])))
