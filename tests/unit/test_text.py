"""Sample lines and headers, held against the client's own writer and parsers."""

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporter.metrics.text import Kind, escape, header, labels, number, target_labels
from exporter.targets import Exchanger, Module
from tests.unit.outcomes import exchanger, target

VALUES = st.text() | st.text('\\"\n\r\t ,={}#nü\u2028\x00', max_size=12)


def lines_of(prefix: str) -> str:
    """Write a family of one sample with these labels."""
    top = header("smtp_x", Kind.GAUGE, "About x.", openmetrics=False).decode()
    return f"{top}smtp_x{{{prefix}}} 1\n"


# --- labels


@pytest.mark.parametrize(
    ("value", "escaped"),
    [
        ("mx1.example.com:25", "mx1.example.com:25"),
        ("", ""),
        ("a\\b", r"a\\b"),
        ('say "hi"', r"say \"hi\""),
        ("two\nlines", r"two\nlines"),
        ("\\n", r"\\n"),
        ('\\\n"', r"\\\n\""),
        ("zürich {a=b}, #1", "zürich {a=b}, #1"),
        ("\r\t", "\r\t"),
    ],
)
def test_escape(value: str, escaped: str) -> None:
    """Backslash, double quote and newline are escaped, and nothing else is."""
    assert escape(value) == escaped


@given(VALUES)
@example("\\")
@example('\\"')
@example("\n")
@example("")
def test_any_value_comes_back(value: str) -> None:
    """Both parsers read a label value back as it was."""
    text = lines_of(labels([("target", value), ("host", "b")]))
    (in_text,) = parse_text(text)
    (in_openmetrics,) = parse_openmetrics(f"{text}# EOF\n")  # type: ignore[no-untyped-call]  # the client's own

    for family in (in_text, in_openmetrics):
        (sample,) = family.samples
        assert sample.labels == {"target": value, "host": "b"}


@given(VALUES)
def test_labels_are_spelt_as_the_client_spells_them(value: str) -> None:
    """The line of a label value is the very line that the client would write."""
    registry = CollectorRegistry()
    Gauge("smtp_x", "About x.", ["target"], registry=registry).labels(value).set(1.5)
    line = f"smtp_x{{{labels([('target', value)])}}} {number(1.5)}"

    assert generate_latest(registry).decode().split("\n")[2:-1] == [line]


def test_no_labels() -> None:
    """No pairs are no text."""
    assert labels([]) == ""


def test_labels_of_a_target() -> None:
    """Name, host, port and module come first, then the owner's own in their order."""
    own = (("site", "fra"), ("role", 'a "b"'))
    one = target("edge-7", host="::1", port=587, module=Module(name="m"), labels=own)

    assert target_labels(one) == (
        r'target="edge-7",host="::1",port="587",module="m",site="fra",role="a \"b\""'
    )


def test_labels_of_what_was_found() -> None:
    """Address and mail domain stand before the owner's own, where there are any."""
    own = (("site", "fra"),)
    plain = target_labels(target("a"))
    address = target("a", address="2001:db8::1", labels=own)
    domain = exchanger("mx1", "b.example", labels=own)
    both = exchanger("mx1", "b.example", address="192.0.2.1", labels=own)
    lost = target("b.example", exchanger=Exchanger(domain="b.example"))

    assert target_labels(address) == f'{plain},address="2001:db8::1",site="fra"'
    found = 'target="b.example/mx1:25",host="mx1",port="25",module="mx"'
    assert target_labels(domain) == f'{found},mx_domain="b.example",site="fra"'
    assert target_labels(both) == (
        f'{found},address="192.0.2.1",mx_domain="b.example",site="fra"'
    )
    assert target_labels(lost).endswith('module="mx",mx_domain="b.example"')


# --- numbers


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0, "0"),
        (221, "221"),
        (-1, "-1"),
        (35_882_577, "35882577"),
        (99_999_999_999_999_999_999, "99999999999999999999"),
        (True, "1"),
        (False, "0"),
        (0.0, "0.0"),
        (0.25, "0.25"),
        (1e-07, "1e-07"),
        (5e-324, "5e-324"),
        (999_999.0, "999999.0"),
        (1_000_000.0, "1e+06"),
        (1_700_000_000.25, "1.70000000025e+09"),
        (1e22, "1e+22"),
        (1.7976931348623157e308, "1.7976931348623157e+308"),
        (math.inf, "+Inf"),
        (-math.inf, "-Inf"),
        (math.nan, "NaN"),
    ],
)
def test_number(value: float, written: str) -> None:
    """Whole numbers are written whole, floats as Go writes them."""
    assert number(value) == written


@given(st.floats())
def test_floats_are_written_as_the_client_writes_them(value: float) -> None:
    """A float's spelling is the client's own."""
    registry = CollectorRegistry()
    Gauge("x", "X.", registry=registry).set(value)

    assert generate_latest(registry).decode().split()[-1] == number(value)


@given(st.floats(allow_nan=False) | st.integers(0, 10**25) | st.booleans())
def test_numbers_come_back(value: float) -> None:
    """What was written is what is read, to the last bit."""
    assert float(number(value)) == float(value)
    (family,) = parse_text(f"x {number(value)}\n")
    assert family.samples[0].value == value


# --- headers


@pytest.mark.parametrize(
    ("name", "kind", "openmetrics", "told"),
    [
        ("smtp_probes_total", Kind.COUNTER, False, "smtp_probes_total"),
        ("smtp_probes_total", Kind.COUNTER, True, "smtp_probes"),
        ("smtp_total", Kind.GAUGE, True, "smtp_total"),
        ("smtp_success", Kind.GAUGE, False, "smtp_success"),
        ("smtp_latency_seconds", Kind.SUMMARY, False, "smtp_latency_seconds"),
        ("smtp_latency_seconds", Kind.SUMMARY, True, "smtp_latency_seconds"),
        ("smtp_latency_seconds", Kind.HISTOGRAM, True, "smtp_latency_seconds"),
    ],
)
def test_header(name: str, kind: Kind, openmetrics: bool, told: str) -> None:
    """HELP and TYPE name the family; only OpenMetrics leaves `_total` out."""
    written = header(name, kind, "What it is.", openmetrics=openmetrics)

    assert written.decode() == f"# HELP {told} What it is.\n# TYPE {told} {kind}\n"


def test_kinds() -> None:
    """The types are spelt as both formats spell them."""
    assert [*Kind] == ["counter", "gauge", "summary", "histogram"]
