"""The demo as an installed program, and a scrape of it."""

import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client.parser import text_string_to_metric_families

from exporter.demo.servers import DEMO
from tests.e2e.programs import PATIENCE, running_exporter


@contextmanager
def running_demo() -> Iterator[str]:
    """Run the demo until each of its targets was probed; gives its address."""
    with running_exporter("demo") as (_, address):
        deadline = time.monotonic() + PATIENCE
        while _probed(fetch(address)) < len(DEMO):
            assert time.monotonic() < deadline
            time.sleep(0.2)  # another program's pace; bounded above
        yield address


def fetch(address: str, accept: str = "*/*") -> str:
    """Scrape once."""
    request = urllib.request.Request(
        f"http://{address}/metrics", headers={"Accept": accept}
    )
    with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 -- our own, on loopback
        text: str = answer.read().decode()
    return text


def _probed(text: str) -> int:
    return sum(
        sample.value > 0
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "smtp_probes_total"
    )
