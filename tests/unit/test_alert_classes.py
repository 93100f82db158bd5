"""Whatever fails a probe is in one class, and each class is told by an alert."""

import re

import pytest
from hypothesis import given, settings

from exporter.outcome import Outcome
from exporter.vocabulary import Phase, Reason
from tests.unit.outcomes import PAIRS, outcomes
from tests.unit.rules import ALERTS, CLASSES, RULES, matchers


def classes_of(phase: Phase, reason: Reason) -> list[str]:
    """Say into which classes a failure falls, once for each selector that takes it."""
    labels = {"target": "t", "phase": str(phase), "reason": str(reason)}
    return [
        name
        for name, rule in CLASSES.items()
        for selector in re.findall(r"smtp_probe_failure\{(.*?)\}", rule.expr)
        if all(one.takes(labels[one.label]) for one in matchers(selector))
    ]


@pytest.mark.parametrize(("phase", "reason"), PAIRS)
def test_each_failure_has_one_class(phase: Phase, reason: Reason) -> None:
    """Whatever fails a probe is in exactly one class."""
    assert len(classes_of(phase, reason)) == 1


def test_each_reason_has_its_class() -> None:
    """But for those below, a reason's class is the same in all phases before QUIT."""
    found: dict[Reason, set[str]] = {}
    for phase, reason in PAIRS:
        if phase not in {Phase.QUIT, Phase.CLOSE}:
            found.setdefault(reason, set()).update(classes_of(phase, reason))

    waiting = {"banner", "silent", "tls"}
    assert {reason: of for reason, of in found.items() if len(of) != 1} == {
        Reason.TIMEOUT: waiting | {"unreachable"},
        Reason.DEADLINE: waiting | {"unreachable"},
        Reason.EOF: waiting,
        Reason.RESET: waiting,
        Reason.PROTOCOL_ERROR: {"banner", "protocol"},
        Reason.REPLY_TOO_LONG: {"banner", "protocol"},
        Reason.DEFERRED: {"refusing", "tls"},
        Reason.REJECTED: {"refusing", "tls"},
        Reason.UNEXPECTED_CODE: {"protocol", "tls"},
        Reason.NOT_OFFERED: {"protocol", "tls"},
    }
    assert {*found} == {*Reason} - {Reason.NONE, Reason.CLOSE_POLICY}


@given(outcomes())
@settings(max_examples=200)
def test_a_missing_banner(seen: Outcome) -> None:
    """The class `banner` is a greeting that failed before it was whole."""
    if seen.failure and seen.failure.reason is not Reason.INTERNAL_ERROR:
        greeting = seen.failure.phase is Phase.GREETING
        found = classes_of(seen.failure.phase, seen.failure.reason) == ["banner"]
        assert found is (greeting and not seen.banner_present)


def test_each_class_has_its_alert() -> None:
    """Six classes have an alert of their own, and the others are told by name."""
    alerts = {
        name: rule.body["alert"]
        for rule in ALERTS
        for name in re.findall(
            r'^max_over_time\(target:smtp_probe_failure:max\{class="(\w+)"', rule.expr
        )
    }

    assert alerts == {
        "unreachable": "MailServerUnreachable",
        "banner": "MailServerBannerMissing",
        "silent": "MailServerSilent",
        "refusing": "MailServerRefusing",
        "protocol": "MailServerProtocolBroken",
        "tls": "MailServerTlsFailing",
    }
    assert {*CLASSES} - {*alerts} == {"policy", "goodbye", "exporter"}
    down = {
        frozenset(found.split("|"))
        for rule in RULES
        for found in re.findall(r'mx_domain!="", class=~"([a-z|]+)"', rule.expr)
    }
    assert down == {frozenset(alerts)}
