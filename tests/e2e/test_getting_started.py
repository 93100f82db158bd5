"""Whoever follows docs/getting-started.md step by step sees what it shows."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.programs import EXPORTER

PAGE = Path(__file__).parents[2] / "docs/getting-started.md"
_FILE = re.compile(r"^`([a-z.]+)`:\n\n```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SHOWN = re.compile(
    r"^```\n(mailserver-exporter .*?)^```\n\n```\n(.*?)^```$", re.MULTILINE | re.DOTALL
)
REFUSED = (
    'smtp_probe_failure{target="mail.example.com:587",phase="connect",reason="refused"}'
)
SILENT = 'smtp_last_probe_timestamp_seconds{target="mx1.example.com:25"}'
ALERT = re.search(r"^mail\.example\.com:587 fails: .*$", PAGE.read_text(), re.MULTILINE)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Write the files of the page into a folder."""
    for name, text in _FILE.findall(PAGE.read_text()):
        (tmp_path / name).write_text(text)
    return tmp_path


def test_the_configuration_is_checked(place: Path) -> None:
    """`check-config` says of the page's configuration what the page shows."""
    shown = {
        command.strip(): text for command, text in _SHOWN.findall(PAGE.read_text())
    }
    command = "mailserver-exporter check-config --config.file=config.yaml"
    checked = subprocess.run(
        [EXPORTER, *command.split()[1:]],
        cwd=place,
        capture_output=True,
        text=True,
        check=True,
    )

    assert checked.stdout == shown[command]


@pytest.mark.peer("promtool")
def test_prometheus_takes_the_files(place: Path, peer: Callable[[str], Path]) -> None:
    """promtool has nothing to say against Prometheus's files of the page."""
    subprocess.run(
        [peer("promtool"), "check", "config", "prometheus.yml"], cwd=place, check=True
    )


@pytest.mark.peer("promtool")
def test_the_alerts_fire(place: Path, peer: Callable[[str], Path]) -> None:
    """A failure, a target without news and an exporter that is down each fire once."""
    assert ALERT
    series = {
        REFUSED: "1x20",
        SILENT: "0x20",
        'up{job="mailserver",instance="localhost:10525"}': "1x10 0x10",
    }
    tests = {
        "rule_files": ["mail.rules.yml"],
        "evaluation_interval": "15s",
        "tests": [
            {
                "interval": "1m",
                "input_series": [
                    {"series": name, "values": values}
                    for name, values in series.items()
                ],
                "alert_rule_test": [
                    _at("2m", "MailServerFails"),
                    _at("4m", "MailServerFails", {**_labels(REFUSED)}, ALERT[0]),
                    _at("4m", "MailServerNotProbed"),
                    _at(
                        "10m",
                        "MailServerNotProbed",
                        {**_labels(SILENT)},
                        "no news of mx1.example.com:25",
                    ),
                ],
            },
            {
                "interval": "1m",
                "input_series": [
                    {"series": 'up{job="mailserver",instance="here"}', "values": "0x9"}
                ],
                "alert_rule_test": [
                    _at(
                        "4m",
                        "MailServerNotProbed",
                        {"job": "mailserver", "instance": "here"},
                        "no news of here",
                    )
                ],
            },
        ],
    }
    (place / "test.yml").write_text(json.dumps(tests))
    tested = subprocess.run(
        [peer("promtool"), "test", "rules", "test.yml"],
        cwd=place,
        capture_output=True,
        text=True,
        check=False,
    )

    assert tested.returncode == 0, tested.stdout + tested.stderr


def _at(
    time: str, alert: str, labels: dict[str, str] | None = None, summary: str = ""
) -> dict[str, object]:
    """Expect this alert, or none where it has no labels."""
    fires = {
        "exp_labels": {"severity": "critical", **(labels or {})},
        "exp_annotations": {"summary": summary},
    }
    return {
        "eval_time": time,
        "alertname": alert,
        "exp_alerts": [fires] if labels else [],
    }


def _labels(series: str) -> dict[str, str]:
    return dict(re.findall(r'(\w+)="([^"]*)"', series))
