"""Broken worlds: how the exporter is looked at while what it stands on fails.

Holds its figures, its memory, and what must be so whatever breaks: no traceback and no
error in the log, memory within a bound, and an end with 0. Refuses to know what breaks.
"""

import os
import re
import ssl
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from bench.exporter import resident
from tests.e2e.programs import PATIENCE, Program, running_exporter

# SLOW_WORLDS=1 waits as long as the world outside would; the ring waits a part of it.
SLOW = os.environ.get("SLOW_WORLDS") == "1"
POLL = 0.1
MIB = 1024 * 1024
# How much more memory a world may take than was taken when it was whole.
MOST_GROWTH = 24 * MIB
# What the interpreter says of itself (a warning, what it ignored) is no such line.
_LINE = re.compile(r"time=\S+ level=(debug|info|warning) msg=")


class Figures:
    """One scrape."""

    def __init__(self, text: str) -> None:
        """Read it."""
        self._samples = [
            sample
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        ]

    def total(self, name: str, **labels: str) -> float:
        """Add up the samples of a name that have these labels."""
        return sum(self.by("", name, **labels).values())

    def by(self, label: str, name: str, **labels: str) -> dict[str, float]:
        """Give such samples by one more of their labels, added up where it is equal."""
        found: dict[str, float] = {}
        for sample in self._samples:
            if sample.name == name and labels.items() <= sample.labels.items():
                key = sample.labels.get(label, "")
                found[key] = found.get(key, 0.0) + sample.value
        return found

    def failures(self) -> dict[str, str]:
        """Give where and why the last probe of a target failed, by the target."""
        return {
            sample.labels[
                "target"
            ]: f"{sample.labels['phase']}_{sample.labels['reason']}"
            for sample in self._samples
            if sample.name == "smtp_probe_failure"
        }

    def well(self) -> set[str]:
        """Give the targets whose last probe succeeded."""
        success = self.by("target", "smtp_probe_success")
        return {target for target, value in success.items() if value}


class World:
    """The exporter while its surroundings fail."""

    def __init__(
        self, program: Program, address: str, tls: ssl.SSLContext | None = None
    ) -> None:
        """Look at a program that serves there, over TLS where a context is given."""
        self.program = program
        self.address = address
        self._tls = tls
        self.slowest = 0.0  # seconds of a scrape
        self._whole = self.resident()

    @property
    def pid(self) -> int:
        """Give its process id."""
        return self.program.process.pid

    def resident(self) -> int:
        """Give how many octets of memory it has, as the kernel counts them."""
        return resident(self.pid)

    @property
    def growth(self) -> int:
        """Give how many octets more it has than at the beginning."""
        return self.resident() - self._whole

    def get(self, path: str) -> str:
        """Ask for a page."""
        url = f"{'https' if self._tls else 'http'}://{self.address}{path}"
        asked = urllib.request.urlopen(  # noqa: S310 -- the exporter's own pages
            url, timeout=PATIENCE, context=self._tls
        )
        with asked as answer:
            text: str = answer.read().decode()
        return text

    def figures(self) -> Figures:
        """Scrape it."""
        begun = time.monotonic()
        text = self.get("/metrics")
        self.slowest = max(self.slowest, time.monotonic() - begun)
        return Figures(text)

    def await_figures(
        self, enough: Callable[[Figures], object], patience: float = PATIENCE
    ) -> Figures:
        """Scrape until there is enough."""
        deadline = time.monotonic() + patience
        while True:
            figures = self.figures()
            if enough(figures):
                return figures
            assert time.monotonic() < deadline, figures.failures()
            time.sleep(POLL)  # probes have their own pace; bounded above

    def await_probes(self, each: int = 1, patience: float = PATIENCE) -> Figures:
        """Scrape until every target was probed so often again."""
        before = self.figures().by("target", "smtp_probes_total")

        def enough(now: Figures) -> bool:
            counts = now.by("target", "smtp_probes_total")
            return all(counts.get(name, 0) >= n + each for name, n in before.items())

        return self.await_figures(enough, patience)


@contextmanager
def world(
    config: Path,
    *arguments: str,
    behind: Sequence[str | Path] = (),
    most_growth: int = MOST_GROWTH,
    tls: ssl.SSLContext | None = None,
) -> Iterator[World]:
    """Run the exporter in a world that may break, and hold it to what must be so."""
    command = ("serve", f"--config.file={config}", *arguments)
    behind = ("env", "PYTHONWARNINGS=default", *behind)
    with running_exporter(*command, behind=behind) as (program, address):
        lives = World(program, address, tls)
        yield lives
        if program.process.poll() is None:
            assert lives.growth <= most_growth
            assert program.stop() == 0
    assert_sound(program.log)


def assert_sound(log: str) -> None:
    """Hold a log to this: every line is one of ours, and none is an error."""
    assert [line for line in log.splitlines() if not _LINE.match(line)] == []
