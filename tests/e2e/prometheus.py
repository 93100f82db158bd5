"""A real Prometheus on loopback that scrapes what a test names, and its query API."""

import json
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.e2e.programs import PATIENCE, free_port, running

_CONFIG = """\
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: mailserver
    static_configs: [{{targets: ["{target}"]}}]
"""


class Prometheus:
    """A running Prometheus."""

    def __init__(self, address: str) -> None:
        """Talk to one that runs already."""
        self._api = f"http://{address}/api/v1/query"

    def query(self, expression: str) -> dict[tuple[tuple[str, str], ...], float]:
        """Give an instant query's vector: sorted label pairs to value."""
        results = self._results("query", query=expression)
        return {
            tuple(sorted(r["metric"].items())): float(r["value"][1]) for r in results
        }

    def query_range(
        self, expression: str, seconds: float
    ) -> dict[tuple[tuple[str, str], ...], list[float]]:
        """Give a range query's matrix over the last seconds, a value each second."""
        end = time.time()
        results = self._results(
            "query_range", query=expression, start=end - seconds, end=end, step=1
        )
        return {
            tuple(sorted(r["metric"].items())): [float(v) for _, v in r["values"]]
            for r in results
        }

    def label_values(self, selector: str, label: str) -> list[str]:
        """Give the values of a label among the series of a selector."""
        query = urllib.parse.urlencode({"match[]": selector})
        address = self._api.replace("query", f"label/{label}/values?{query}")
        with urllib.request.urlopen(address, timeout=5) as answer:  # noqa: S310 -- our own, on loopback
            values: list[str] = json.load(answer)["data"]
        return values

    def _results(self, kind: str, **parameters: object) -> list[dict[str, Any]]:
        asked = urllib.parse.urlencode(parameters)
        address = self._api.replace("query", f"{kind}?{asked}")
        with urllib.request.urlopen(address, timeout=5) as answer:  # noqa: S310 -- our own, on loopback
            results: list[dict[str, Any]] = json.load(answer)["data"]["result"]
        return results

    def await_error(self, instance: str, what: str) -> None:
        """Wait until the last scrape of an instance has failed, and so."""
        deadline = time.monotonic() + PATIENCE
        seen = ""
        while time.monotonic() < deadline:
            with suppress(OSError):
                seen = self._errors().get(instance, "")
            if what in seen:
                return
            time.sleep(0.2)  # another program's pace; bounded above
        raise AssertionError(f"{instance} has the error {seen!r} and not {what!r}")

    def _errors(self) -> dict[str, str]:
        url = self._api.replace("query", "targets")
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 -- our own, on loopback
            targets = json.load(answer)["data"]["activeTargets"]
        return {one["labels"]["instance"]: one["lastError"] for one in targets}

    def await_value(self, expression: str, value: float) -> None:
        """Wait until an expression has exactly this one value."""
        deadline = time.monotonic() + PATIENCE
        seen: list[float] | None = None
        while time.monotonic() < deadline:
            try:
                seen = list(self.query(expression).values())
            except OSError:
                seen = None  # it does not answer yet
            if seen == [value]:
                return
            time.sleep(0.2)  # another program's pace; bounded above
        raise AssertionError(f"{expression} is {seen} and not [{value}]")


@contextmanager
def running_prometheus(
    program: Path, place: Path, exporter: str
) -> Iterator[Prometheus]:
    """Run Prometheus in an empty folder, scraping the exporter every second."""
    with running_with(program, place, _CONFIG.format(target=exporter)) as prometheus:
        yield prometheus


@contextmanager
def running_with(program: Path, place: Path, text: str) -> Iterator[Prometheus]:
    """Run Prometheus in an empty folder, with a configuration of one's own."""
    config = place / "prometheus.yml"
    config.write_text(text)
    address = f"127.0.0.1:{free_port()}"
    command: list[str | Path] = [
        program,
        f"--config.file={config}",
        f"--storage.tsdb.path={place / 'data'}",
        f"--web.listen-address={address}",
        "--log.level=warn",
    ]
    with running(command):
        yield Prometheus(address)
