"""CPU of one probe, ours beside blackbox_exporter's, on the same servers in one run.

Both probe the same local server at the same paced rate, in turns, so that neither is
measured while the other works. Ours is driven by its own schedule and scraped every
15 s; theirs by one HTTP request a probe, which is how it is used. What counts is the
CPU time of each process by the kernel's books; the ratio is of medians of all rounds.

    python -m bench.cpu_against_blackbox [plain|starttls|starttls-rsa] [RATE [ROUNDS]]
"""

import asyncio
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import aiohttp

from bench.exporter import exporter, scrape
from bench.servers import prompt_server, starttls_server
from exporter.demo.certificates import Kind

SECONDS = 15.0  # of one turn; a scrape falls into it
WARM_UP_SECONDS = 4.0
SCRAPE_SECONDS = 15.0
NAME = "mail.test"
PEER = "prometheus-blackbox-exporter"

_KINDS = {"plain": None, "starttls": Kind.GOOD, "starttls-rsa": Kind.RSA}
_TICKS = os.sysconf("SC_CLK_TCK")
_OK = re.compile(r"^probe_success 1$", re.MULTILINE)
_PROBES = re.compile(r"^smtp_probes_total\{[^}]*\} (\S+)$", re.MULTILINE)
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

    @property
    def microseconds(self) -> float:
        """Give the CPU time of a probe."""
        return self.cpu / self.probes * 1e6


def main(what: str = "starttls", rate: int = 50, rounds: int = 5) -> None:
    """Measure, print a table, and leave the figures in JSON as its last line."""
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
    print(f"{what}, {rate} probes a second, {rounds} rounds of {SECONDS:.0f} s")
    for number, (one, other) in enumerate(turns, 1):
        print(
            f"  round {number}: ours {one.microseconds:6.0f} us "
            f"({one.probes} probes), theirs {other.microseconds:6.0f} us "
            f"({other.probes})"
        )
    print(f"  median: ours {ours:.0f} us, theirs {theirs:.0f} us")
    print(f"  ratio {ours / theirs:.2f}")
    print(
        json.dumps(
            {
                "what": what,
                "rate": rate,
                "ours_us": round(ours),
                "theirs_us": round(theirs),
                "ratio": round(ours / theirs, 3),
            }
        )
    )


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
        before, cpu = scrape(url), _cpu(pid)
        time.sleep(SCRAPE_SECONDS)
        after = scrape(url)
        spent = _cpu(pid) - cpu
    failed = [s for s in _SUCCESS.findall(after) if s != "1"]
    if failed:
        raise SystemExit(f"ours: {len(failed)} targets fail")
    return Turn(round(_total(after) - _total(before)), spent)


def _theirs(folder: Path, what: str, port: int, rate: int) -> Turn:
    config = folder / "blackbox.yml"
    text = _THEIRS["plain" if what == "plain" else "starttls"]
    config.write_text(
        text.replace("{{", "{")
        .replace("}}", "}")
        .replace("{ca}", str(folder / "ca.pem"))
    )
    with _blackbox(config) as (url, pid):
        asyncio.run(
            _drive(f"{url}/probe?module=probe&target=127.0.0.1:{port}", rate, 2)
        )
        cpu = _cpu(pid)
        probes = asyncio.run(
            _drive(f"{url}/probe?module=probe&target=127.0.0.1:{port}", rate, SECONDS)
        )
        return Turn(probes, _cpu(pid) - cpu)


async def _drive(url: str, rate: int, seconds: float) -> int:
    """Ask for probes at an even pace; gives how many succeeded, and all must."""
    loop = asyncio.get_running_loop()
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def ask() -> None:
            async with session.get(url) as answer:
                text = await answer.text()
            if not _OK.search(text):
                raise SystemExit("theirs: a probe failed")

        began, tasks = loop.time(), []
        for number in range(int(rate * seconds)):
            await asyncio.sleep(began + number / rate - loop.time())
            tasks.append(asyncio.create_task(ask()))
        await asyncio.gather(*tasks)
    return len(tasks)


@contextmanager
def _blackbox(config: Path) -> Iterator[tuple[str, int]]:
    process = subprocess.Popen(  # noqa: S603 -- a program of this machine
        [
            *(shutil.which(PEER) or PEER, f"--config.file={config}"),
            "--web.listen-address=127.0.0.1:0",
        ],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield f"http://127.0.0.1:{_port_of(process.pid)}", process.pid
    finally:
        process.terminate()
        process.wait(10)


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


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _total(text: str) -> float:
    return sum(map(float, _PROBES.findall(text)))


def _arguments(words: Sequence[str]) -> tuple[str, int, int]:
    what, rate, rounds = [*words, *("starttls", "50", "5")[len(words) :]]
    return what, int(rate), int(rounds)


if __name__ == "__main__":
    main(*_arguments(sys.argv[1:]))
