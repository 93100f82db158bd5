"""Writes what is made of other files: the operator's PrometheusRule. `make kubernetes`.

A test holds it against deploy/prometheus/*.rules.yml. Comments of the rules stay there.
"""

from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent
RULES = HERE.parent / "prometheus"
PROMETHEUS_RULE = HERE / "components/operator/prometheusrule.yaml"

_HEAD = """\
# Made by `make kubernetes` of deploy/prometheus/*.rules.yml: change those.
"""


class _Dumper(yaml.SafeDumper):
    """Texts of several lines stay so: nobody reviews PromQL with \\n in it."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def groups() -> list[Any]:
    """Read the groups of all files of rules, in the order of the files' names."""
    files = sorted(RULES.glob("*.rules.yml"))
    return [
        group
        for file in files
        for group in yaml.safe_load(file.read_text("utf-8"))["groups"]
    ]


def prometheus_rule() -> str:
    """Write the operator's object that holds them."""
    rule = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {
            "name": "mailserver-exporter",
            "labels": {"app.kubernetes.io/name": "mailserver-exporter"},
        },
        "spec": {"groups": groups()},
    }
    # No line is folded: who compares two versions would see another text.
    return _HEAD + yaml.dump(
        rule, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000
    )


def main() -> None:
    """Write the file."""
    PROMETHEUS_RULE.write_text(prometheus_rule(), "utf-8")


if __name__ == "__main__":
    main()
