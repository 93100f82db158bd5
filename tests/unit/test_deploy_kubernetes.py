"""The PrometheusRule of deploy/kubernetes is that of deploy/prometheus."""

import yaml

from deploy.kubernetes.generate import PROMETHEUS_RULE, groups, prometheus_rule


def test_the_rules_are_current() -> None:
    """The operator's object is what `make kubernetes` makes of the rules."""
    assert PROMETHEUS_RULE.read_text("utf-8") == prometheus_rule()


def test_the_rules_are_the_same() -> None:
    """Read back, the object holds every group as it was, in order."""
    assert yaml.safe_load(prometheus_rule())["spec"]["groups"] == groups()


def test_each_group_has_a_name_of_its_own() -> None:
    """No two groups have one name: the operator writes them all into one file."""
    names = [group["name"] for group in groups()]

    assert sorted({*names}) == sorted(names)
