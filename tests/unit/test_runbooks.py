"""Alerts, runbooks, the page on alerting and promtool's tests know of each other."""

import re
from collections.abc import Iterator

import yaml

from tests.unit.rules import (
    ALERTS,
    NAMES,
    RECORDED,
    ROOT,
    SHIPPED,
    WORDS,
    Rule,
    every_alert,
    every_name,
    known_metrics,
    matchers,
    metrics_of,
)

RUNBOOKS = ROOT / "docs" / "runbooks"
ALERTING = (ROOT / "docs" / "alerting.md").read_text("utf-8")
# The one address that stands for wherever the runbooks are read.
BASE = "https://example.com/mailserver-exporter/docs/runbooks/"

SECTIONS = (
    "What it means",
    "What users feel",
    "Look first",
    "Usual causes",
    "What to do",
    "When it is no fault",
)


@every_alert
def test_an_alert_links_to_its_runbook(rule: Rule) -> None:
    """Each alert's runbook lies at the one address, under its name."""
    url = rule.body["annotations"]["runbook_url"]
    assert url == f"{BASE}{rule.body['alert']}.md"


def test_runbooks_and_alerts_are_the_same() -> None:
    """Each alert has a runbook, and each runbook an alert."""
    assert sorted(path.stem for path in RUNBOOKS.glob("*.md")) == NAMES


@every_name
def test_a_runbook_is_whole(name: str) -> None:
    """A runbook has the same sections as all, a query to begin with, and is short."""
    text = (RUNBOOKS / f"{name}.md").read_text("utf-8")

    assert text.startswith(f"# {name}\n")
    assert tuple(re.findall(r"^## (.+)$", text, re.MULTILINE)) == SECTIONS
    assert "```promql\n" in text
    assert len(text.splitlines()) <= 80
    assert metrics_of(text) <= known_metrics()


def queries_of(text: str) -> list[str]:
    """Read the queries of a page; test_docs_promql.py has Prometheus read them."""
    return re.findall(r"^```promql\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@every_name
def test_queries_name_words(name: str) -> None:
    """Each value that a runbook's query asks for is a word of the vocabulary."""
    for query in queries_of((RUNBOOKS / f"{name}.md").read_text("utf-8")):
        for one in matchers(query):
            if one.label in WORDS:
                assert {*one.value.split("|")} <= WORDS[one.label]
            else:
                assert one.value in {"", "TARGET", "DOMAIN", "JOB"}


def told_alerts() -> dict[str, str]:
    """Read the table of alerts: names, and the severities told of each."""
    return dict(
        re.findall(
            r"^\| \[(\w+)\]\(runbooks/\1\.md\) \| ([a-z, ]+) \| [^|]+ \| [^|]+ \|$",
            ALERTING,
            re.MULTILINE,
        )
    )


def test_alerts_are_told() -> None:
    """The table of docs/alerting.md has each alert, with its severities."""
    severities: dict[str, list[str]] = {}
    for rule in ALERTS:
        of = severities.setdefault(rule.body["alert"], [])
        of.append(rule.body["labels"]["severity"])

    assert told_alerts() == {name: ", ".join(of) for name, of in severities.items()}


@every_alert
def test_waits_are_told(rule: Rule) -> None:
    """The table says how long each alert waits."""
    name, wait = rule.body["alert"], rule.body.get("for", "0s")
    (row,) = re.findall(rf"^\| \[{name}\].*$", ALERTING, re.MULTILINE)

    assert wait in re.split(r"[ ,|]+", row.split("|")[3].strip())


def test_recorded_series_are_told() -> None:
    """The table of docs/alerting.md has each recorded series."""
    told = re.findall(r"^\| `(\w+:\w+:\w+)` \|", ALERTING, re.MULTILINE)
    assert {*told} == RECORDED
    assert len(told) == len(RECORDED)


def test_series_on_the_page_are_there() -> None:
    """Each series that the page names is ours, or recorded."""
    assert metrics_of(ALERTING) <= known_metrics()


def test_the_documentation_names_the_base() -> None:
    """The page says which address of the runbooks is to be replaced."""
    assert BASE.removesuffix("docs/runbooks/") in ALERTING


# --- promtool's tests


def _expectations() -> Iterator[tuple[str, bool]]:
    for file in (SHIPPED / "tests").glob("*.yml"):
        for test in yaml.safe_load(file.read_text("utf-8"))["tests"]:
            for row in test.get("alert_rule_test", ()):
                yield row["alertname"], bool(row["exp_alerts"])


@every_name
def test_an_alert_has_both_tests(name: str) -> None:
    """Each alert is shown to fire and to be silent."""
    assert {fires for of, fires in _expectations() if of == name} == {True, False}


def test_each_severity_is_shown() -> None:
    """Each alert of two severities is shown to fire with either."""
    shown = {
        (row["alertname"], one["exp_labels"]["severity"])
        for file in (SHIPPED / "tests").glob("*.yml")
        for test in yaml.safe_load(file.read_text("utf-8"))["tests"]
        for row in test.get("alert_rule_test", ())
        for one in row["exp_alerts"]
    }
    assert shown == {
        (rule.body["alert"], rule.body["labels"]["severity"]) for rule in ALERTS
    }


def _inputs() -> Iterator[str]:
    for file in (SHIPPED / "tests").glob("*.yml"):
        for test in yaml.safe_load(file.read_text("utf-8"))["tests"]:
            yield from (row["series"] for row in test["input_series"])


def test_tests_are_fed_with_what_there_is() -> None:
    """Each series that a test feeds is one of the exporter's, with words for labels."""
    foreign = {"up", "process_start_time_seconds"}
    for series in _inputs():
        name, _, labels = series.partition("{")
        assert name in known_metrics() - RECORDED | foreign
        for one in matchers(labels):
            if one.label in WORDS:
                assert one.value in WORDS[one.label]
