"""The installed exporter, run for a measurement, and what can be read of it.

CPU time and memory are those of the kernel's books, for whatever process.
"""

import os
import re
import subprocess
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

EXPORTER = Path(sys.executable).with_name("mailserver-exporter")
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE_OCTETS = os.sysconf("SC_PAGE_SIZE")
_MANY = """\
schedule: {{interval: {interval}}}
limits: {{concurrency: 4000, per_host: 4000}}
modules: {{bench: {{tls: none}}}}
targets:
"""
_ONE = "  - {{host: 127.0.0.1, port: {port}, name: {name}, module: bench}}\n"


@contextmanager
def exporter(config: str) -> Iterator[tuple[str, int]]:
    """Serve a configuration; gives the address of its metrics, and its process."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(config)
        file.flush()
        process = subprocess.Popen(  # noqa: S603 -- our own program
            [
                *(EXPORTER, "serve", f"--config.file={file.name}"),
                "--web.listen-address=127.0.0.1:0",
            ],
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield f"http://{_listening(process)}/metrics", process.pid
        finally:
            process.terminate()
            process.wait(10)


def many(count: int, interval: float, port: int) -> str:
    """Write a configuration of plain targets, each due once an `interval` (seconds)."""
    return _MANY.format(interval=f"{interval * 1e3:.0f}ms") + "".join(
        _ONE.format(port=port, name=f"mx{n:05}.example.com") for n in range(count)
    )


def cpu(pid: int) -> float:
    """Give the seconds that a process has computed, in its own code and the kernel."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def resident(pid: int) -> int:
    """Give the octets of memory that a process holds."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_OCTETS


def total(text: str, name: str) -> float:
    """Add up all series of a family."""
    values = re.findall(rf"^{name}(?:\{{[^}}]*\}})? (\S+)$", text, re.MULTILINE)
    return sum(map(float, values))


def scrape(url: str) -> str:
    """Give what the page says."""
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 -- our own, on loopback
        text: str = answer.read().decode()
    return text


def _listening(process: "subprocess.Popen[str]") -> str:
    assert process.stderr is not None  # noqa: S101 -- it was asked for
    for line in process.stderr:
        if match := re.search(r"listen=(\S+)", line):
            # A log that nobody reads would stop the exporter when the pipe is full.
            threading.Thread(target=process.stderr.read, daemon=True).start()
            return match[1]
    raise SystemExit("the exporter did not start")
