"""CPU of one probe, ours beside blackbox_exporter's, on the same servers in one run.

Both probe the same local server at the same paced rate, in turns, so that neither is
measured while the other works. Ours is driven by its own schedule and scraped every
15 s; theirs by one HTTP request a probe, which is how it is used. What counts is the
CPU time of each process by the kernel's books; the ratio is of medians of all rounds.
A rate that one side cannot keep on this machine shows in what it came to.

    python -m bench.cpu_against_blackbox [plain|starttls|starttls-rsa] [RATE [ROUNDS]]
"""

import re
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from bench.blackbox import PEER, blackbox, drive
from bench.exporter import cpu, exporter, scrape, total
from bench.servers import prompt_server, starttls_server
from bench.table import Row, print_table
from exporter.demo.certificates import Kind

# Ours by theirs, at most.
TARGETS = {"plain": 0.35, "starttls": 0.7, "starttls-rsa": 0.7}
SECONDS = 15.0  # of one turn; a scrape falls into it
WARM_UP_SECONDS = 4.0
SCRAPE_SECONDS = 15.0
NAME = "mail.test"

_KINDS = {"plain": None, "starttls": Kind.GOOD, "starttls-rsa": Kind.RSA}
_SUCCESS = re.compile(r"^smtp_probe_success\{[^}]*\} (\S+)$", re.MULTILINE)

_OURS = """\
schedule: {{interval: {interval}s}}
limits: {{concurrency: 4000, per_host: 4000}}
modules:
  bench:
{module}
targets:
{targets}
"""
_PLAIN = "    tls: none"
_STARTTLS = """\
    tls: required
    verify: enforce
    tls_server_name: mail.test
    ca_file: {ca}"""
_THEIRS = {
    "plain": """\
modules:
  probe:
    prober: tcp
    timeout: 5s
    tcp:
      query_response:
        - expect: "^220 "
        - send: "EHLO prober\\r"
        - expect: "^250 "
        - send: "QUIT\\r"
        - expect: "^221 "
""",
    "starttls": """\
modules:
  probe:
    prober: tcp
    timeout: 5s
    tcp:
      query_response:
        - expect: "^220 "
        - send: "EHLO prober\\r"
        - expect: "^250-STARTTLS"
        - expect: "^250 "
        - send: "STARTTLS\\r"
        - expect: "^220 "
        - starttls: true
        - send: "EHLO prober\\r"
        - expect: "^250 "
        - send: "QUIT\\r"
        - expect: "^221 "
      tls_config: {{ca_file: {ca}, server_name: mail.test}}
""",
}


class Turn(NamedTuple):
    """What one turn of one side came to."""

    probes: int
    cpu: float  # seconds
    seconds: float

    @property
    def microseconds(self) -> float:
        """Give the CPU time of a probe."""
        return self.cpu / self.probes * 1e6


def measure(what: str, rate: int, rounds: int) -> Row:
    """Measure both sides in turns."""
    if not shutil.which(PEER):
        raise SystemExit(f"missing: {PEER} (Debian has it)")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        port = _server(what, folder, stack)
        turns = [
            (_ours(folder, what, port, rate), _theirs(folder, what, port, rate))
            for _ in range(rounds)
        ]
    ours = statistics.median(turn.microseconds for turn, _ in turns)
    theirs = statistics.median(turn.microseconds for _, turn in turns)
    ratios = sorted(one.microseconds / other.microseconds for one, other in turns)
    paced = [round(turn.probes / turn.seconds) for turn in turns[-1]]
    return Row(
        f"CPU of a probe, {what}, {rate}/s",
        ours / theirs,
        "",
        TARGETS[what],
        f"{ours:.0f} us at {paced[0]}/s, theirs {theirs:.0f} us at {paced[1]}/s; "
        f"rounds {ratios[0]:.2f} to {ratios[-1]:.2f}",
    )


def main(what: str = "starttls", rate: int = 50, rounds: int = 5) -> None:
    """Measure one kind of session at one rate, and print it."""
    print_table(f"{rounds} rounds of {SECONDS:.0f} s", [measure(what, rate, rounds)])


def _server(what: str, folder: Path, stack: ExitStack) -> int:
    kind = _KINDS[what]
    if kind is None:
        return stack.enter_context(prompt_server())
    port, ca = stack.enter_context(starttls_server(kind, NAME))
    (folder / "ca.pem").write_bytes(ca)
    return port


def _ours(folder: Path, what: str, port: int, rate: int) -> Turn:
    count, interval = (rate, 1) if rate > 100 else (rate * 10, 10)
    module = _PLAIN if what == "plain" else _STARTTLS.format(ca=folder / "ca.pem")
    targets = "\n".join(
        f"  - {{host: 127.0.0.1, port: {port}, name: t{n}, module: bench}}"
        for n in range(count)
    )
    config = _OURS.format(interval=interval, module=module, targets=targets)
    with exporter(config) as (url, pid):
        time.sleep(WARM_UP_SECONDS if interval == 1 else interval + 1)
        before, computed = scrape(url), cpu(pid)
        began = time.monotonic()
        time.sleep(SCRAPE_SECONDS)
        after = scrape(url)
        spent, took = cpu(pid) - computed, time.monotonic() - began
    failed = [s for s in _SUCCESS.findall(after) if s != "1"]
    if failed:
        raise SystemExit(f"ours: {len(failed)} targets fail")
    probes = total(after, "smtp_probes_total") - total(before, "smtp_probes_total")
    return Turn(round(probes), spent, took)


def _theirs(folder: Path, what: str, port: int, rate: int) -> Turn:
    config = folder / "blackbox.yml"
    text = _THEIRS["plain" if what == "plain" else "starttls"]
    config.write_text(
        text.replace("{{", "{")
        .replace("}}", "}")
        .replace("{ca}", str(folder / "ca.pem"))
    )
    probe = f"/probe?module=probe&target=127.0.0.1:{port}"
    with blackbox(config) as (url, pid):
        drive(url + probe, rate, 2)
        computed, began = cpu(pid), time.monotonic()
        pages = drive(url + probe, rate, SECONDS)
        return Turn(len(pages), cpu(pid) - computed, time.monotonic() - began)


def _arguments(words: Sequence[str]) -> tuple[str, int, int]:
    what, rate, rounds = [*words, *("starttls", "50", "5")[len(words) :]]
    return what, int(rate), int(rounds)


if __name__ == "__main__":
    main(*_arguments(sys.argv[1:]))
