"""Runs the exporter against good, slow, dead and hostile servers, and judges the end.

    python -m tests.soak [MINUTES]

Five hundred probes a second; a scrape every 5 s, in either format and with gzip or
without; a reload every 30 s, by turns of HTTP and SIGHUP, which brings or takes some
targets; a file of targets that is another one every 7 s. Exits with 1 when a check of
judge.py does not hold, having said which.
"""

import gzip
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Set
from contextlib import contextmanager, suppress
from pathlib import Path

from bench.exporter import resident, total
from exporter.demo.listener import closed_port
from tests.e2e.programs import EXPORTER, Program
from tests.soak.judge import (
    growth,
    wrong_beside,
    wrong_between,
    wrong_in,
    wrong_in_log,
    wrong_with_memory,
    wrong_with_pace,
)
from tests.soak.kinds import (
    FOUND_NAMES,
    INTERVAL,
    PACE,
    configuration,
    found,
    only_found,
)
from tests.soak.servers import Servers, good_servers, hostile_servers

SCRAPE_SECONDS, RELOAD_SECONDS, CHURN_SECONDS = 5.0, 30.0, 7.0
# A whole interval in which nothing is due any more, and the longest probe in it.
QUIET_INTERVAL = 86_400.0
QUIET_SECONDS = 30.0
# Until all that is made once, when it is first needed, was made.
FIRST_SECONDS = 20.0
STOP_SECONDS = 10.0
CLOSING_SECONDS = 10.0
_FORMATS = ("text/plain", "application/openmetrics-text; version=1.0.0")


class Soak:
    """One run: the exporter, the servers, and what was seen so far."""

    def __init__(self, place: Path, servers: Servers, others: dict[str, int]) -> None:
        """Write a configuration of nobody, and start the exporter on it."""
        self.ports = servers.ports | others
        self.wrong: list[str] = []
        self.resident: list[int] = []
        self.probes, self.skipped, self.seconds = 0.0, 0.0, 0.0
        self._servers = servers
        self._config, self._file = place / "config.yaml", place / "targets.json"
        self._chosen = random.Random(9)  # noqa: S311 -- which targets come and go
        self._turns = {"scrape": 0, "reload": 0}
        self._page = ""
        self._page_at = 0.0  # monotonic
        self._quits_before = Counter[str]()
        self._write(self._file, found(self.ports, ()))
        self._write(self._config, only_found(self._file))
        self.program = Program(
            subprocess.Popen(
                [
                    *(EXPORTER, "serve", f"--config.file={self._config}"),
                    "--web.listen-address=127.0.0.1:0",
                ],
                stderr=subprocess.PIPE,
                text=True,
                env=os.environ | {"PYTHONWARNINGS": "default"},
            )
        )
        self._url = f"http://{self.program.await_line('listen=([^ ]+)')[1]}"
        self.pid = self.program.process.pid

    def run(self, seconds: float) -> None:
        """Go on for so long, each of the three at its own pace."""
        self.resident.clear()
        self._page, quits = "", Counter(self._servers.quits())
        self.churn()
        self.reload()
        started = "mailserver_exporter_schedule_lag_seconds_count"
        before, began = (
            total(self._fetch(_FORMATS[0], zipped=False), started),
            time.monotonic(),
        )
        due: dict[Callable[[], None], tuple[float, float]] = {
            self.scrape: (began + SCRAPE_SECONDS, SCRAPE_SECONDS),
            self.reload: (began + RELOAD_SECONDS, RELOAD_SECONDS),
            self.churn: (began + CHURN_SECONDS, CHURN_SECONDS),
        }
        while time.monotonic() < began + seconds:
            what = min(due, key=lambda call: due[call][0])
            at, every = due[what]
            time.sleep(max(0.0, at - time.monotonic()))
            try:
                what()
            except OSError as error:  # the exporter did not answer
                self.wrong.append(f"{what.__name__}: {error!r}, {time.strftime('%X')}")
            due[what] = (at + every, every)
        self.probes = total(self._page, started) - before
        self.skipped = total(self._page, "mailserver_exporter_probes_skipped_total")
        self.seconds = self._page_at - began
        self._quits_before = quits

    def scrape(self) -> None:
        """Read the page as one of several scrapers would, and hold it to the last."""
        turn = self._turns["scrape"] = self._turns["scrape"] + 1
        page = self._fetch(_FORMATS[turn % 2], zipped=turn % 4 < 2)
        self.resident.append(resident(self.pid))
        if turn % 2 == 0:  # the text format, which is read here
            self.wrong += wrong_between(self._page, page) if self._page else ()
            self._page, self._page_at = page, time.monotonic()

    def reload(self) -> None:
        """Bring some targets, or take them away again."""
        turn = self._turns["reload"] = self._turns["reload"] + 1
        extra = turn % 2 == 0
        self._write(self._config, configuration(self.ports, self._file, extra=extra))
        self._ask_to_reload(by_signal=turn % 4 > 1)

    def churn(self) -> None:
        """Have other targets in the file."""
        names = self._chosen.sample(FOUND_NAMES, len(FOUND_NAMES) // 2)
        self._write(self._file, found(self.ports, names))

    def judge(self) -> None:
        """Let all probes end, and see whether everything adds up."""
        quiet = configuration(
            self.ports, self._file, extra=True, interval=QUIET_INTERVAL
        )
        self._write(self._config, quiet)
        self._ask_to_reload(by_signal=False)
        page = self._once_quiet()
        self.wrong += wrong_between(self._page, page)
        self.wrong += wrong_in(page)
        self.wrong += wrong_beside(
            page, Counter(self._servers.quits()) - self._quits_before
        )
        self.wrong += wrong_with_memory(self.resident)
        self.wrong += wrong_with_pace(self.probes, self.seconds, PACE)

    def descriptors_of_nobody(self, expected: Set[str] = frozenset()) -> Set[str]:
        """Give what is open when there are no targets: kinds, by count."""
        self._write(self._file, found(self.ports, ()))
        self._write(self._config, only_found(self._file))
        self._ask_to_reload(by_signal=False)
        self._once_quiet(targets=0)
        time.sleep(1.0)  # our last scrape's own socket is closed behind us
        deadline = time.monotonic() + CLOSING_SECONDS
        while (opened := self._descriptors()) != expected and expected:
            if time.monotonic() > deadline:
                self.wrong.append(
                    f"open: {sorted(expected)}, and later {sorted(opened)}"
                )
                break
            time.sleep(0.2)  # the kernel ends our last scrape; bounded above
        return opened

    def _descriptors(self) -> set[str]:
        kinds = []
        for entry in Path(f"/proc/{self.pid}/fd").iterdir():
            with suppress(FileNotFoundError):  # it was closed meanwhile
                kinds.append(str(entry.readlink()).partition(":")[0])
        return {f"{kinds.count(kind)} {kind}" for kind in kinds}

    def stop(self) -> None:
        """End the exporter, and look at how it ended and what it wrote."""
        began = time.monotonic()
        code = self.program.stop()
        if code or time.monotonic() - began > STOP_SECONDS:
            self.wrong.append(f"SIGTERM: exit code {code}")
        self.wrong += wrong_in_log(self.program.log)

    def _once_quiet(self, targets: int | None = None) -> str:
        deadline = time.monotonic() + QUIET_SECONDS
        while True:
            page = self._fetch(_FORMATS[0], zipped=False)
            running = total(page, "mailserver_exporter_probes_in_flight")
            running += total(page, "mailserver_exporter_probes_waiting")
            known = total(page, "mailserver_exporter_targets")
            if not running and targets in {None, known}:
                # That page's figures are older than what it says of now.
                return self._fetch(_FORMATS[0], zipped=False)
            if time.monotonic() > deadline:
                self.wrong.append(f"{running:.0f} probes and {known:.0f} targets left")
                return page
            time.sleep(0.5)  # another process goes on; bounded above

    def _ask_to_reload(self, *, by_signal: bool) -> None:
        if by_signal:
            self.program.process.send_signal(signal.SIGHUP)
        else:
            request = urllib.request.Request(f"{self._url}/-/reload", method="POST")  # noqa: S310 -- our own, on loopback
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 -- the same
                answer.read()

    def _fetch(self, accept: str, *, zipped: bool) -> str:
        headers = {"Accept": accept} | ({"Accept-Encoding": "gzip"} if zipped else {})
        request = urllib.request.Request(f"{self._url}/metrics", headers=headers)  # noqa: S310 -- our own, on loopback
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 -- the same
            octets = answer.read()
        text: str = (gzip.decompress(octets) if zipped else octets).decode()
        return text

    @staticmethod
    def _write(path: Path, document: object) -> None:
        """Put a file in place as a whole, as whoever makes such files does."""
        new = path.with_suffix(".new")
        new.write_text(json.dumps(document))
        new.replace(path)


@contextmanager
def soaking() -> Iterator[Soak]:
    """Start servers and exporter; what is left at the end is ended."""
    with (
        tempfile.TemporaryDirectory() as place,
        good_servers() as good,
        hostile_servers() as hostile,
        closed_port() as dead,
    ):
        soak = Soak(Path(place), good, hostile | {"dead": dead})
        try:
            yield soak
        finally:
            if soak.program.process.poll() is None:
                soak.program.stop()


def main(minutes: float = 30.0) -> int:
    """Run, judge, and say what was seen."""
    seconds = minutes * 60
    with soaking() as soak:
        soak.run(FIRST_SECONDS)
        before = soak.descriptors_of_nobody()
        soak.run(seconds)
        soak.judge()
        after = soak.descriptors_of_nobody(before)
        soak.stop()
    early, late = growth(soak.resident)
    sys.stdout.write(
        f"{soak.probes:,.0f} probes in {soak.seconds / 60:.1f} minutes, each target "
        f"every {INTERVAL:g} s; memory {early / 1e6:.1f} MB, then {late / 1e6:.1f} MB; "
        f"{soak.skipped:.0f} skipped; open: {', '.join(sorted(after))}\n"
    )
    sys.stdout.write(("\n".join(soak.wrong[:50]) or "everything holds") + "\n")
    return 1 if soak.wrong else 0


if __name__ == "__main__":
    sys.exit(main(*map(float, sys.argv[1:])))
