"""How exact is `phase="greeting"` while the exporter is busy?

Runs the installed exporter on a thousand targets that it probes every second, and on
twenty whose server greets after 50 ms. Once a second it scrapes, and holds what
`smtp_probe_phase_seconds{phase="greeting"}` says of the twenty against the 50 ms, and
against what the server's own clock saw in that very session: a busy machine makes the
server late too, and that is for the exporter to see.

    python -m bench.greeting_exactness [SECONDS [PROBES_PER_SECOND]]
"""

import re
import sys
import time
from collections.abc import Sequence

from bench.exporter import exporter, scrape
from bench.servers import Late, late_server, prompt_server

DELAY = 0.050
LATE_TARGETS = 20
WARM_UP_SECONDS = 4

_CONFIG = """\
schedule: {{interval: 1s}}
limits: {{concurrency: 4000, per_host: 4000}}
targets:
{targets}
"""
_LATE = r'\{target="late-\d+",host="127\.0\.0\.1",port="(\d+)",module="mx"'
_GREETING = re.compile(
    rf'^smtp_probe_phase_seconds{_LATE},phase="greeting"\}} (\S+)$', re.MULTILINE
)
_ENDED = re.compile(
    rf"^smtp_last_probe_timestamp_seconds{_LATE}\}} (\S+)$", re.MULTILINE
)
_PROBES = re.compile(r"^smtp_probes_total\{[^}]*\} (\S+)$", re.MULTILINE)
_SUCCESS = re.compile(r"^smtp_probe_success\{[^}]*\} (\S+)$", re.MULTILINE)
_CPU = re.compile(r"^process_cpu_seconds_total (\S+)$", re.MULTILINE)


def main(seconds: int = 20, rate: int = 1000) -> None:
    """Measure, and print a table."""
    with prompt_server() as prompt, late_server(DELAY, LATE_TARGETS) as (late, pipe):
        ports = {**{f"p-{i}": prompt for i in range(rate)}}
        ports |= {f"late-{i}": port for i, port in enumerate(late)}
        with exporter(_CONFIG.format(targets=_targets(ports))) as (url, _):
            time.sleep(WARM_UP_SECONDS)
            before = after = scrape(url)
            began = time.monotonic()
            read: set[tuple[str, float, float]] = set()
            for second in range(1, seconds + 1):
                time.sleep(max(0.0, began + second - time.monotonic()))
                after = scrape(url)
                ended = dict(_ENDED.findall(after))
                read |= {
                    (port, float(ended[port]), float(took))
                    for port, took in _GREETING.findall(after)
                }
            took = time.monotonic() - began
        pipe.send(1)
        own: list[Late] = pipe.recv()
    probes = _total(_PROBES, after) - _total(_PROBES, before)
    cpu = _total(_CPU, after) - _total(_CPU, before)
    succeed = _total(_SUCCESS, after)
    print(f"probes a second        {probes / took:9.0f}")
    print(f"CPU of the exporter    {cpu / took:9.1%} of a core, scrapes included")
    print(f"CPU a probe            {cpu / probes * 1e6:9.0f} us")
    print(f"targets that succeed   {succeed:9.0f} of {rate + LATE_TARGETS}")
    print(f"sessions compared      {len(read):9}")
    pairs = [(took, _of_session(own, port, end).took) for port, end, took in read]
    _print_errors("server's own clock - 50 ms", [theirs - DELAY for _, theirs in pairs])
    _print_errors("exporter - 50 ms          ", [ours - DELAY for ours, _ in pairs])
    _print_errors("exporter - server's clock ", [ours - own for ours, own in pairs])


def _targets(ports: dict[str, int]) -> str:
    return "\n".join(
        f"  - {{host: 127.0.0.1, port: {port}, name: {name}}}"
        for name, port in ports.items()
    )


def _of_session(own: Sequence[Late], port: str, ended: float) -> Late:
    """Find the greeting that the probe which ended then has read."""
    of_port = (late for late in own if late.port == int(port))
    return min(of_port, key=lambda late: abs(ended - late.sent_at))


def _print_errors(who: str, errors: Sequence[float]) -> None:
    ordered = sorted(errors)

    def at(share: float) -> float:
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1e3

    print(
        f"{who}  p1 {at(0.01):+.3f}, median {at(0.5):+.3f}, "
        f"p99 {at(0.99):+.3f}, worst {max(map(abs, ordered)) * 1e3:.3f} ms"
    )


def _total(pattern: re.Pattern[str], text: str) -> float:
    return sum(map(float, pattern.findall(text)))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
