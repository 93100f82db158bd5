"""The shipped rules hold together, and with the vocabulary and the metrics.

Whether they fire is promtool's to say (tests/e2e/test_alert_rules.py).
"""

import re

import yaml

from exporter.config.labels import RESERVED_LABELS
from tests.unit.rules import (
    NAMES,
    RECORDED,
    RECORDS,
    RULES,
    SHIPPED,
    WORDS,
    Rule,
    every_alert,
    every_rule,
    known_metrics,
    matchers,
    metrics_of,
)

# --- names


def test_recorded_names() -> None:
    """A recording rule is called level:metric:operations."""
    for rule in RECORDS:
        level, metric, operations = rule.body["record"].split(":")
        assert level in {"target", "domain", "instance", "job"}
        assert re.fullmatch(r"(smtp|mailserver_exporter)_[a-z_]+", metric)
        assert re.fullmatch(r"[a-z0-9_]+", operations)


@every_rule
def test_metrics_are_there(rule: Rule) -> None:
    """Each series that a rule reads is one of ours, or recorded by a rule."""
    assert metrics_of(rule.texts) <= known_metrics()
    assert metrics_of(rule.texts) or "up" in rule.texts


def test_each_record_is_read() -> None:
    """What is recorded is read by an alert, or by another recording rule."""
    assert {
        name for rule in RULES for name in metrics_of(rule.texts) if name in RECORDED
    } == RECORDED


# Chosen by the owner: a selector can only ask whether they are there.
FREE = {"target", "host", "port", "module", "mx_domain", "job", "instance"}


@every_rule
def test_label_values_are_words(rule: Rule) -> None:
    """Each value that a selector names is a word of the vocabulary."""
    for selector in re.findall(r"\{([^{}]*)\}", rule.texts):
        for label, _, value in matchers(selector):
            if label in WORDS:
                assert {*value.split("|")} <= WORDS[label]
            else:
                assert label in FREE
                assert value == ""


@every_rule
def test_labels_are_taken_away_by_name(rule: Rule) -> None:
    """No rule lists the labels that stay, so the owner's own survive."""
    ours = {*RESERVED_LABELS, "instance", "pod", "level", "ordinal"}
    taken = re.findall(r"(?:without|ignoring) \(([^)]*)\)", rule.expr)

    assert " by (" not in rule.expr
    assert {name for of in taken for name in of.split(", ")} <= ours | {
        *("version", "revision", "pythonversion"),
    }
    assert not re.search(r"\b(without|by|ignoring|on)\(", rule.expr)


# --- alerts


@every_alert
def test_an_alert_is_whole(rule: Rule) -> None:
    """An alert has a severity, a summary, a description that ends, and its runbook."""
    name, said = rule.body["alert"], rule.body["annotations"]
    prefix = "MailServerExporter" if "exporter" in rule.group else "MailServer"

    assert re.fullmatch(rf"{prefix}([A-Z][a-z]+)+", name)
    assert ("Exporter" in name) is ("exporter" in rule.group)
    assert {*rule.body["labels"]} == {"severity"}
    assert rule.body["labels"]["severity"] in {"critical", "warning", "info"}
    assert {*said} == {"summary", "description", "runbook_url"}
    assert not said["summary"].endswith(".")
    assert said["description"].endswith(".")
    assert "Usually" in said["description"] or name in {
        "MailServerExchangerDown",  # each class of failure may be behind it
        "MailServerDomainDown",
        "MailServerExporterErrors",
    }


@every_alert
def test_a_failure_seen_once_does_not_fire(rule: Rule) -> None:
    """What looks back for minutes waits for longer than it looks back."""
    for minutes in re.findall(r"max_over_time\([^)]*\[(\d+)m\]\)", rule.expr):
        assert int(minutes) < int(rule.body["for"].removesuffix("m"))


# --- Alertmanager


def test_routes_name_alerts_that_there_are() -> None:
    """Each alert that a route or an inhibition names is one of ours."""
    config = yaml.safe_load((SHIPPED / "alertmanager.yml").read_text("utf-8"))
    inhibited = [
        rule[side]
        for rule in config["inhibit_rules"]
        for side in ("source_matchers", "target_matchers")
    ]
    routed = [route["matchers"] for route in config["route"]["routes"]]
    for one in matchers("\n".join(m for of in (*inhibited, *routed) for m in of)):
        if one.label == "alertname" and not one.operator.startswith("!"):
            assert [name for name in NAMES if one.takes(name)]
            for part in re.findall(r"[A-Z]\w+", one.value.replace("MailServer(", "")):
                assert any(part in name for name in NAMES)
