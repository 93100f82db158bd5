"""What the pages say is what the code does."""

import re
from pathlib import Path
from typing import NamedTuple

import pytest
from prometheus_client.parser import text_string_to_metric_families as parse_text

from docs.generate import VOCABULARY, vocabulary
from exporter.config import parse
from exporter.discovery.groups import read_groups
from exporter.discovery.items import Form
from exporter.metrics.blackbox import Taken, blackbox_gauges
from exporter.metrics.families import (
    CERTIFICATES_DISTINCT,
    MODULE_LATENCY,
    target_families,
)
from exporter.metrics.own import OwnMetrics
from exporter.metrics.text import Kind
from tests.unit.outcomes import outcome

ROOT = Path(__file__).parent.parent.parent
README = ROOT / "README.md"
METRICS = ROOT / "docs/metrics.md"
TLS = ROOT / "docs/tls.md"
TARGETS = ROOT / "docs/targets.md"
FAQ = ROOT / "docs/faq.md"
ON_DEMAND = ROOT / "docs/on-demand.md"
DECISIONS = ROOT / "docs/decisions"


def pages() -> list[Path]:
    """Find every page of the repository."""
    found = (path.relative_to(ROOT) for path in ROOT.rglob("*.md"))
    return sorted(page for page in found if not any(p[0] == "." for p in page.parts))


PAGES = pages()
every_page = pytest.mark.parametrize("page", PAGES, ids=str)


def read(page: Path) -> str:
    """Read a page, given from the root of the repository."""
    return (ROOT / page).read_text("utf-8")


def code_blocks(page: Path, language: str) -> list[str]:
    """Give a page's blocks of one language; "" is those of none."""
    fenced = re.findall(r"^```(.*)\n((?:.*\n)*?)```$", read(page), re.MULTILINE)
    return [text for name, text in fenced if name == language]


# --- metrics

TARGET_LABELS = ("target", "host", "port", "module")
# Those of both kinds of groups; a group has one of the first two.
GROUP_LABELS = ("mx_domain", "host", "port", "module")
# What an example is asked for: the values of these are not plain from their names.
EXEMPLIFIED = ("smtp_tls_", "smtp_dane_", "smtp_mta_sts_", "smtp_mx_")


class Row(NamedTuple):
    """What a table tells of one family."""

    kind: str
    labels: tuple[str, ...]


def rows() -> list[tuple[str, Row]]:
    """Read the tables of families."""
    found = re.findall(
        r"^\| `([a-z_]+)` \| ([a-z]+) \| ([`a-z0-9_ ]*) ?\| [^|]+ \|$",
        read(METRICS),
        re.MULTILINE,
    )
    return [
        (name, Row(kind, tuple(re.findall(r"\w+", of)))) for name, kind, of in found
    ]


def families() -> dict[str, Row]:
    """Ask the code for its families."""
    known = {
        family.name: Row(family.kind, family.labels)
        for family in target_families(histograms=False)
    }
    known[CERTIFICATES_DISTINCT] = Row(Kind.GAUGE, GROUP_LABELS)
    known[MODULE_LATENCY] = Row(Kind.HISTOGRAM, ("module", "phase"))
    own = OwnMetrics("0", kernel_timestamps=True)
    own.count_targets([])
    for family in own.registry.collect():
        if not family.name.startswith(("process_", "python_")):
            name = family.name + ("_total" if family.type == "counter" else "")
            labels = dict.fromkeys(
                label for s in family.samples for label in s.labels if label != "le"
            )
            known[name] = Row(family.type, tuple(labels))
    return known


def test_metrics_are_told() -> None:
    """Each family stands in the tables once, with its type and labels, and no other."""
    told = rows()

    assert dict(told) == families()
    assert len(told) == len(families())


def test_no_row_is_overlooked() -> None:
    """Each row that begins with a name of ours was read."""
    begun = re.findall(
        r"^\| `((?:smtp|mailserver_exporter)_\w+)`", read(METRICS), re.MULTILINE
    )

    assert begun == [name for name, _ in rows()]


def test_examples_are_ours() -> None:
    """Each line shown is of a family that there is, with its labels in their order."""
    known = families()
    shown = []
    for block in code_blocks(METRICS, ""):
        for family in parse_text(block):
            shown.append(family.name)
            for sample in family.samples:
                assert told_labels(sample.labels, known[sample.name]) == [
                    *sample.labels
                ]

    assert sorted({*shown}) == sorted(n for n in known if n.startswith(EXEMPLIFIED))


def told_labels(given: dict[str, str], row: Row) -> list[str]:
    """Put the labels of a sample in the order in which its lines have them."""
    if "target" not in given:
        return [label for label in row.labels if label in given]
    found = (label for label in ("address", "mx_domain") if label in given)
    return [*TARGET_LABELS, *found, *row.labels]


@every_page
def test_metrics_exist(page: Path) -> None:
    """Whatever page names a metric of ours, the exporter has it.

    The names of modules that the page defines, or has a part about, may look like one.
    """
    text = read(page)
    defined = r"^  (smtp_[a-z_]+):(?:$| )"
    modules = re.findall(rf"{defined}|^## `(smtp_[a-z_]+)`$", text, re.MULTILINE)
    # What stands behind a colon is recorded by a rule; test_runbooks.py asks for it.
    # Behind a plus it is a log selector of Exim's.
    ours = r"(?<![:+])\b(?:smtp|mailserver_exporter)_[a-z0-9_]+\b"
    named = re.findall(ours, text)
    samples = {
        name + suffix
        for name in families()
        for suffix in ("", "_sum", "_count", "_bucket")
    }

    assert [name for name in named if name not in samples.union(*modules)] == []


def test_the_vocabularys_page_is_current() -> None:
    """The page of words is what `docs/generate.py` makes of the code."""
    assert VOCABULARY.read_text("utf-8") == vocabulary()


# --- the first page


def test_the_readmes_configuration_is_sound() -> None:
    """The configuration shown is read without a complaint, and is ten lines."""
    text, _ = code_blocks(README, "yaml")
    config = parse(text, path=README)

    assert len(config.targets) == 4
    assert len(text.splitlines()) == 10


def test_the_readmes_output_is_ours() -> None:
    """The lines shown are of families that there are, with the labels they have."""
    (text,) = (block for block in code_blocks(README, "") if block.startswith("smtp_"))
    known = families()
    for family in parse_text(text):
        for sample in family.samples:
            target, host, port, module, *own = sample.labels
            assert [target, host, port, module] == ["target", "host", "port", "module"]
            assert tuple(own) == known[sample.name].labels


def test_the_readme_names_the_example() -> None:
    """Who wants to know all keys is led to the example."""
    assert "(config.example.yaml)" in read(README)


# --- configurations that other pages show


@pytest.mark.parametrize("page", [TLS, TARGETS, FAQ], ids=["tls", "targets", "faq"])
def test_configurations_are_sound(page: Path) -> None:
    """Each configuration shown there is read without a complaint."""
    shown = [text for text in code_blocks(page, "yaml") if not text.startswith("- ")]

    assert shown
    for text in shown:
        parse(text, path=page)


def test_the_switch_for_probes_on_demand() -> None:
    """The configuration shown allows whom the page speaks of, and has no target."""
    config = parse(code_blocks(ON_DEMAND, "yaml")[0], path=ON_DEMAND)

    assert config.on_demand.enabled
    assert config.on_demand.allow.names_host("mx1.example.com")
    assert config.targets == ()


def test_gauges_of_probes_on_demand() -> None:
    """Each gauge of blackbox's that is given stands in the table, and no other."""
    told = re.findall(r"^\| `(probe_[a-z_]+)` \|", read(ON_DEMAND), re.MULTILINE)
    given = blackbox_gauges(outcome(), Taken(1, 1), family=None, is_literal=False)

    assert told == [gauge.name for gauge in given]


def test_lists_of_targets_are_understood() -> None:
    """Each list shown for discovery is one in which nothing has to be left out."""
    (written,) = code_blocks(TARGETS, "json")
    found = list(read_groups(written.encode(), Form.JSON, pytest.fail))
    for text in code_blocks(TARGETS, "yaml"):
        if text.startswith("- "):
            found += read_groups(text.encode(), Form.YAML, pytest.fail)

    assert [one.address for one in found] == [
        "mx1.example.com",
        "mail.example.com:465",
        "[2001:db8::1]:25",
    ]


# --- decisions


def test_every_decision_is_listed() -> None:
    """The list of decisions has each file once, in order, by its title."""
    listed = re.findall(
        r"^(\d+)\. \[(.+)\]\((.+)\)$", read(DECISIONS / "README.md"), re.MULTILINE
    )
    files = sorted(path.name for path in DECISIONS.glob("[0-9]*.md"))

    assert [name for _, _, name in listed] == files
    for number, title, name in listed:
        assert int(name.split("-")[0]) == int(number)
        assert read(DECISIONS / name).startswith(f"# {number}. {title}\n")
