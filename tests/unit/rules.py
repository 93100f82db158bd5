"""The shipped rules as data, and what can be read in their expressions.

Holds the reading; what must be true of the rules stands in the tests.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from exporter.vocabulary import (
    CERTIFICATE_PROBLEMS,
    Close,
    Phase,
    Reason,
    Skip,
    StsMode,
    Unsolicited,
)
from tests.unit.test_docs import families

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "deploy" / "prometheus"


class Rule(NamedTuple):
    """A recording or an alerting rule, and the group that it is in."""

    group: str
    body: dict[str, Any]

    @property
    def expr(self) -> str:
        """Give the expression on one line."""
        return " ".join(self.body["expr"].split())

    @property
    def texts(self) -> str:
        """Give the expression and those that stand in annotations."""
        told = self.body.get("annotations", {}).values()
        return "\n".join((self.expr, *told)).replace('\\"', '"')


def _rules() -> Iterator[Rule]:
    for file in sorted(SHIPPED.glob("mailserver-*.rules.yml")):
        for group in yaml.safe_load(file.read_text("utf-8"))["groups"]:
            for body in group["rules"]:
                yield Rule(group["name"], body)


RULES = list(_rules())
RECORDS = [rule for rule in RULES if "record" in rule.body]
ALERTS = [rule for rule in RULES if "alert" in rule.body]
NAMES = sorted({rule.body["alert"] for rule in ALERTS})
CLASSES = {
    rule.body["labels"]["class"]: rule
    for rule in RECORDS
    if rule.body["record"] == "target:smtp_probe_failure:max"
}


def _id(rule: Rule) -> str:
    body = rule.body
    name: str = body.get("alert") or body["record"]
    return "-".join((name, *body.get("labels", {}).values()))


every_rule = pytest.mark.parametrize("rule", RULES, ids=_id)
every_alert = pytest.mark.parametrize("rule", ALERTS, ids=_id)
every_name = pytest.mark.parametrize("name", NAMES)


class Matcher(NamedTuple):
    """One condition of a selector."""

    label: str
    operator: str
    value: str

    def takes(self, value: str) -> bool:
        """Whether a label of this value satisfies it, by Prometheus's rules."""
        found = (
            re.fullmatch(self.value, value) is not None
            if "~" in self.operator
            else self.value == value
        )
        return found is not self.operator.startswith("!")


def matchers(selector: str) -> list[Matcher]:
    """Read what stands between the braces of a selector."""
    return [
        Matcher(*found)
        for found in re.findall(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"', selector)
    ]


SUFFIXES = ("", "_sum", "_count", "_bucket")
RECORDED = {rule.body["record"] for rule in RECORDS}


def metrics_of(text: str) -> set[str]:
    """Find the names of series in a text, recorded ones and others."""
    recorded = {*re.findall(r"\b(?:target|domain|instance|job):\w+:\w+", text)}
    rest = re.sub(r"\b\w+:\w+:\w+", "", text)
    return recorded | {*re.findall(r"\b(?:smtp|mailserver_exporter)_\w+", rest)}


def known_metrics() -> set[str]:
    """Give every name that a series of ours can have."""
    return RECORDED | {name + end for name in families() for end in SUFFIXES}


# The values that a label of ours can have, where they are a closed list.
WORDS: dict[str, frozenset[str]] = {
    "phase": frozenset(Phase),
    "reason": frozenset(Reason),
    "close": frozenset(Close),
    "code": frozenset(Unsolicited),
    "cause": frozenset(Skip),
    "mode": frozenset(StsMode),
    "problem": frozenset(CERTIFICATE_PROBLEMS),
    "class": frozenset(CLASSES),
    "level": frozenset({"debug", "info", "warning", "error", "critical"}),
}
