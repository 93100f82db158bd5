"""blackbox_exporter and ours beside each other, before one Prometheus.

The queries are those of docs/migration.md: they name the one server of which the two
think differently, whichever way ours is asked.
"""

import json
import re
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from exporter.demo.script import EHL, GRT, HOLD, QUI, QUIT, script
from tests.e2e.blackbox import running_blackbox
from tests.e2e.guide import section
from tests.e2e.programs import running_exporter
from tests.e2e.prometheus import running_with
from tests.e2e.scripted import scripted_server

BLACKBOX = "prometheus-blackbox-exporter"
THEIRS = {
    "modules": {
        "smtp": {
            "prober": "tcp",
            "timeout": "800ms",
            "tcp": {
                "query_response": [
                    {"expect": "^220 "},
                    {"send": "EHLO prober\r"},
                    {"expect": "^250 "},
                    {"send": "QUIT\r"},
                ]
            },
        }
    }
}


def _job(name: str, prober: str, targets: list[str]) -> dict[str, object]:
    """Write a job as for blackbox_exporter."""
    return {
        "job_name": name,
        "metrics_path": "/probe",
        "params": {"module": ["smtp"]},
        "static_configs": [{"targets": targets}],
        "relabel_configs": [
            {"source_labels": ["__address__"], "target_label": "__param_target"},
            {"source_labels": ["__param_target"], "target_label": "instance"},
            {"target_label": "__address__", "replacement": prober},
        ],
    }


@pytest.mark.peer(BLACKBOX)
def test_who_thinks_differently(peer: Callable[[str], Path], tmp_path: Path) -> None:
    """Of a good server and one that never answers QUIT, both queries name the second.

    Theirs is 1 and ours is 0, so the difference is -1.
    """
    on_demand, scheduled = re.findall(
        r"^```promql\n(.*?)^```$", section("Side by side"), re.MULTILINE | re.DOTALL
    )
    blackbox_yml, config = tmp_path / "blackbox.yml", tmp_path / "config.yaml"
    with ExitStack() as stack:
        ports = [
            stack.enter_context(scripted_server(said))
            for said in (script(GRT, EHL, QUI), script(GRT, EHL, QUIT, HOLD))
        ]
        targets = [f"127.0.0.1:{port}" for port in ports]
        blackbox_yml.write_text(json.dumps(THEIRS))
        own = {
            "schedule": {"interval": "1s"},
            "modules": {"smtp": {"timeout": "800ms"}},
            "targets": [
                {"host": "127.0.0.1", "port": port, "module": "smtp"} for port in ports
            ],
            "on_demand": {"enabled": True, "ports": ports, "allow": ["127.0.0.1"]},
        }
        config.write_text(json.dumps(own))
        url = stack.enter_context(running_blackbox(peer(BLACKBOX), blackbox_yml))
        theirs = url.removeprefix("http://").removesuffix("/probe")
        _, ours = stack.enter_context(
            running_exporter("serve", "--config.file", config)
        )
        scrapes = {
            # Behind it a probe has half a second less.
            "global": {"scrape_interval": "2s", "scrape_timeout": "2s"},
            "scrape_configs": [
                _job("blackbox", theirs, targets),
                _job("smtp", ours, targets),
                {"job_name": "mailserver", "static_configs": [{"targets": [ours]}]},
            ],
        }
        prometheus = stack.enter_context(
            running_with(peer("prometheus"), tmp_path, json.dumps(scrapes))
        )
        for query in (on_demand, scheduled):
            prometheus.await_value(query, -1)
            ((labels, _),) = prometheus.query(query).items()
            assert dict(labels)["instance"] == targets[1]
