"""The shipped rules and examples, as promtool and amtool judge them."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.outcomes import PAIRS

SHIPPED = Path(__file__).parents[2] / "deploy" / "prometheus"
RULES = sorted(SHIPPED.glob("mailserver-*.rules.yml"))
ALERTING = SHIPPED.parents[1] / "docs" / "alerting.md"

Peer = Callable[[str], Path]


def run(*command: str | Path) -> str:
    """Run a program that has to succeed; gives what it printed."""
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=50
    )
    told = done.stdout + done.stderr
    assert done.returncode == 0, told
    return told


def test_rules_are_sound(peer: Peer) -> None:
    """`promtool check rules` finds nothing to say, no doubled rule either."""
    told = run(peer("promtool"), "check", "rules", "--lint-fatal", *RULES)
    assert told.count("SUCCESS") == len(RULES) == 4


def test_the_example_of_prometheus(peer: Peer) -> None:
    """`promtool check config` takes the example, and finds the rules by it."""
    told = run(peer("promtool"), "check", "config", SHIPPED / "prometheus.yml")
    assert f"{len(RULES)} rule files found" in told


def test_the_example_of_alertmanager(peer: Peer) -> None:
    """`amtool check-config` takes the example."""
    assert "SUCCESS" in run(
        peer("amtool"), "check-config", SHIPPED / "alertmanager.yml"
    )


@pytest.mark.parametrize("file", sorted((SHIPPED / "tests").glob("*.yml")), ids=str)
def test_alerts_fire_and_are_silent(file: Path, peer: Peer) -> None:
    """`promtool test rules` sees each alert fire, and be silent, as its test says."""
    run(peer("promtool"), "test", "rules", file)


def test_each_failure_is_counted_once(peer: Peer, tmp_path: Path) -> None:
    """Prometheus puts each failure into one class, and none into two."""
    series = [
        f'smtp_probe_failure{{target="{phase}_{reason}",phase="{phase}",reason="{reason}"}}'
        for phase, reason in PAIRS
    ]
    expected = [
        ("count(target:smtp_probe_failure:max)", len(PAIRS)),
        ("count(count by (target) (target:smtp_probe_failure:max))", len(PAIRS)),
    ]
    test: dict[str, Any] = {
        "interval": "1m",
        "input_series": [{"series": one, "values": "1x2"} for one in series],
        "promql_expr_test": [
            {
                "expr": expression,
                "eval_time": "1m",
                "exp_samples": [{"labels": "{}", "value": value}],
            }
            for expression, value in expected
        ],
    }
    file = tmp_path / "classes.yml"
    rules = [str(SHIPPED / "mailserver-recording.rules.yml")]
    file.write_text(yaml.safe_dump({"rule_files": rules, "tests": [test]}))

    run(peer("promtool"), "test", "rules", file)


def test_the_base_can_be_replaced(peer: Peer, tmp_path: Path) -> None:
    """The command of the documentation changes each address of a runbook."""
    for file in RULES:
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (command,) = re.findall(r"^(sed -i .*)$", ALERTING.read_text("utf-8"), re.MULTILINE)

    subprocess.run(["/bin/sh", "-c", command], cwd=tmp_path, check=True)

    changed = [tmp_path / file.name for file in RULES]
    told = "".join(file.read_text("utf-8") for file in changed)
    shipped = "".join(file.read_text("utf-8") for file in RULES)
    assert "example.com" not in told
    assert told.count("runbook_url: https://") == shipped.count("runbook_url: https://")
    run(peer("promtool"), "check", "rules", *changed)
