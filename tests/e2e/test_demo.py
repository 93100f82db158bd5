"""The demo, as a newcomer runs it: every server shows what it is there to show."""

import subprocess
from collections.abc import Callable
from pathlib import Path

from exporter.demo.servers import DEMO
from tests.e2e.conftest import Scraping
from tests.e2e.demo import fetch
from tests.wire.test_demo import SHOWN


def test_promtool_is_silent(demo_metrics: str, peer: Callable[[str], Path]) -> None:
    """`promtool check metrics` finds nothing to say."""
    promtool = peer("promtool")

    checked = subprocess.run(
        [promtool, "check", "metrics"],
        input=fetch(demo_metrics),
        capture_output=True,
        text=True,
        check=False,
    )

    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_demo_through_promql(demo_metrics: str, scraping: Scraping) -> None:
    """Prometheus tells each demo server's failure and close class from the others."""
    with scraping(demo_metrics) as prometheus:
        prometheus.await_value("count(smtp_probe_success)", len(DEMO))
        for name, (failure, close) in SHOWN.items():
            labels = f'{{target="{name}"}}'
            end = f'smtp_session_end{{target="{name}",close="{close}"}}'
            prometheus.await_value(end, 1)
            prometheus.await_value(f"smtp_probe_success{labels}", failure is None)
            if failure:
                prometheus.await_value(
                    f'smtp_probe_failure{{target="{name}",phase="{failure.phase}",'
                    f'reason="{failure.reason}"}}',
                    1,
                )
