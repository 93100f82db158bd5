"""Shards before a real Prometheus: together they are whole, and a lost one is seen."""

import re
from contextlib import ExitStack
from pathlib import Path

from exporter.demo.script import EHL, GRT, QUI, script
from tests.e2e.conftest import Scraping
from tests.e2e.programs import running_exporter
from tests.e2e.scripted import scripted_server

TARGETS = 20
DOCS = Path(__file__).parents[2] / "docs" / "scaling.md"


def documented_alert() -> str:
    """Give the alert's expression as the documentation has it."""
    (expression,) = re.findall(r"```promql\n(.*?)```", DOCS.read_text(), re.DOTALL)
    return str(expression)


def test_shards(scraping: Scraping, tmp_path: Path) -> None:
    """Two shards show every target once, and the documented alert finds a lost one."""
    config = tmp_path / "config.yaml"
    with ExitStack() as stack:
        port = stack.enter_context(scripted_server(script(GRT, EHL, QUI)))
        names = "\n".join(
            f"  - {{host: 127.0.0.1, port: {port}, name: mx{n}}}"
            for n in range(TARGETS)
        )
        config.write_text(f"schedule: {{interval: 1s}}\ntargets:\n{names}\n")
        shards = [
            stack.enter_context(
                running_exporter(
                    *("serve", "--config.file", config),
                    *("--shard.count=2", f"--shard.ordinal={ordinal}"),
                )
            )
            for ordinal in (0, 1)
        ]
        addresses = '", "'.join(address for _, address in shards)
        prometheus = stack.enter_context(scraping(addresses))

        prometheus.await_value("count(smtp_probe_success == 1)", TARGETS)
        prometheus.await_value("count(count by (target) (smtp_probe_success))", TARGETS)
        prometheus.await_value("count(count by (instance) (smtp_probe_success))", 2)
        prometheus.await_value("max(count by (target) (smtp_probe_success))", 1)
        assert prometheus.query(documented_alert()) == {}

        assert shards[0][0].stop() == 0
        prometheus.await_value(f"({documented_alert()})", 1)
