"""What real clients get, what junk gets, and that nothing raises."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST

from exporter.exposition.negotiation import OPENMETRICS, TEXT, Accepted, negotiate

OM = "application/openmetrics-text"

PROMETHEUS_2 = (
    f"{OM};version=1.0.0,{OM};version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    f"{OM};version=1.0.0;escaping=allow-utf-8;q=0.5,{OM};version=0.0.1;q=0.4,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
    "text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
)
PROTOBUF_FIRST = (
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;"
    f"encoding=delimited;q=0.6,{PROMETHEUS_3}"
)
PROMETHEUS_2_5 = f"{OM}; version=0.0.1,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
FIREFOX = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
CHROME = (
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,"
    "image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7"
)


@pytest.mark.parametrize(
    ("accept", "openmetrics"),
    [
        pytest.param(PROMETHEUS_2, True, id="Prometheus 2.42"),
        pytest.param(PROMETHEUS_3, True, id="Prometheus 3"),
        pytest.param(PROTOBUF_FIRST, True, id="Prometheus with native histograms"),
        pytest.param(PROMETHEUS_2_5, False, id="Prometheus 2.5, OpenMetrics 0.0.1"),
        pytest.param(FIREFOX, False, id="Firefox"),
        pytest.param(CHROME, False, id="Chrome"),
        pytest.param("*/*", False, id="curl"),
        pytest.param("", False, id="no header"),
        pytest.param("text/plain", False, id="text"),
        pytest.param("text/*", False, id="any text"),
        pytest.param("application/json", False, id="neither"),
        pytest.param(OM, True, id="any OpenMetrics"),
        pytest.param(f"{OM};version=1.0.0;charset=utf-8", True, id="our own words"),
        pytest.param(f'{OM}; version="1.0.0" ; q=0.9', True, id="quotes and blanks"),
        pytest.param(f"{OM.upper()};VERSION=1.0.0;Q=1", True, id="capitals"),
        pytest.param(f"{OM};version=abc", False, id="version=abc"),
        pytest.param(f"{OM};version=", False, id="an empty version"),
        pytest.param(f"{OM};version=2.0.0", False, id="OpenMetrics 2"),
        pytest.param(f"{OM};version=99.0.0", False, id="a version of the future"),
        pytest.param("text/plain;version=1.0.0", False, id="text 1.0.0"),
        pytest.param(f"{OM};q=0.5,text/plain;q=0.5", True, id="equals"),
        pytest.param(f"text/plain;q=0.5,{OM};q=0.5", True, id="equals, turned round"),
        pytest.param(f"{OM};q=0.4,text/plain;q=0.5", False, id="text is preferred"),
        pytest.param(f"{OM};q=0.499,text/plain;q=0.5", False, id="by a thousandth"),
        pytest.param(f"{OM};q=0.5,*/*;q=0.9", False, id="anything is preferred"),
        pytest.param(f"{OM};q=0.1,text/plain;q=0", True, id="text is refused"),
        pytest.param(f"{OM};q=0", False, id="OpenMetrics is refused"),
        pytest.param(f"{OM};q=0.1,text/plain;q=0.5,{OM}", True, id="the best counts"),
        pytest.param(f"{OM};q=0,*/*", False, id="anything but OpenMetrics"),
        pytest.param(f"{OM};q=0,text/plain;q=0", False, id="all is refused"),
        pytest.param(f"{OM};q=abc", False, id="q=abc"),
        pytest.param(f"{OM};q=", False, id="an empty q"),
        pytest.param(f"{OM};q=2", False, id="q=2"),
        pytest.param(f"{OM};q=-1", False, id="q=-1"),
        pytest.param(f"{OM};q=nan", False, id="q=nan"),
        pytest.param(f"{OM};q=inf", False, id="q=inf"),
        pytest.param(f"{OM};q", False, id="q without a value"),
        pytest.param(f",,;;,=,{OM},;q=1", True, id="among junk"),
        pytest.param(
            f"x/y;version=1.0.0,{OM};version=7", False, id="another's version"
        ),
        pytest.param(f"{OM}x,{OM} x", False, id="other types"),
        pytest.param(
            "text/plain;q=0.1,*/*;q=0.9,application/openmetrics-text;q=0.5",
            True,
            id="the most specific range counts",
        ),
    ],
)
def test_format(accept: str, openmetrics: bool) -> None:
    """A client gets what it likes best, and text when it names nothing we write."""
    assert negotiate(accept, "") == Accepted(openmetrics, gzip=False)


@pytest.mark.parametrize(
    ("accept_encoding", "packed"),
    [
        pytest.param("gzip", True, id="Prometheus"),
        pytest.param("gzip, deflate, br, zstd", True, id="browsers"),
        pytest.param("deflate, gzip, br, zstd", True, id="curl --compressed"),
        pytest.param("", False, id="no header"),
        pytest.param("identity", False, id="identity"),
        pytest.param("br, zstd", False, id="others"),
        pytest.param("*", True, id="anything"),
        pytest.param("*;q=0", False, id="nothing"),
        pytest.param("gzip;q=0, *", False, id="anything but gzip"),
        pytest.param("*, gzip;q=0", False, id="anything but gzip, turned round"),
        pytest.param("*;q=0, gzip;q=0.1", True, id="gzip alone"),
        pytest.param("gzip;q=0.001", True, id="reluctantly"),
        pytest.param("GZIP ; Q=1", True, id="capitals and blanks"),
        pytest.param("gzip;q=0.000", False, id="a long zero"),
        pytest.param("gzip;q=abc", False, id="q=abc"),
        pytest.param("gzip;q=2", False, id="q=2"),
        pytest.param("gzip;q=", False, id="an empty q"),
        pytest.param("gzipped, xgzip", False, id="other words"),
        pytest.param(",;,gzip", True, id="among junk"),
    ],
)
def test_coding(accept_encoding: str, packed: bool) -> None:
    """The page is compressed only for clients that say they can read it."""
    assert negotiate("", accept_encoding) == Accepted(openmetrics=False, gzip=packed)


@pytest.mark.parametrize(
    ("before", "openmetrics"), [(0, True), (49, True), (50, False), (10_000, False)]
)
def test_a_long_header_is_cut(before: int, openmetrics: bool) -> None:
    """Of ten thousand items the first fifty count."""
    items = ["x/y;q=0.5"] * 10_000
    items.insert(before, OM)

    assert negotiate(",".join(items), "") == Accepted(openmetrics, gzip=False)
    assert negotiate(",".join(items[: before + 1]), "").openmetrics is openmetrics


def test_a_long_header_of_nothing() -> None:
    """Ten thousand empty items are nothing."""
    assert negotiate("", "," * 10_000) == Accepted(openmetrics=False, gzip=False)
    assert negotiate(";" * 100_000, "=" * 100_000) == Accepted(
        openmetrics=False, gzip=False
    )


# --- whatever a header holds

_TOKENS = st.sampled_from(
    [
        *(OM, "text/plain", "text/*", "*/*", "gzip", "*", "identity", "x/y"),
        *(";", ",", "=", "q", "version", "1.0.0", "0.0.4", "2.0.0", "abc"),
        *("0", "0.5", "1", "2", "-1", "1e9", "nan", '"', " ", "\t", "\x00", "ü"),
        *("q=", ";q=", "version=", ";version="),
    ]
)
HEADERS = st.text() | st.lists(_TOKENS, max_size=30).map("".join)


@given(HEADERS, HEADERS)
def test_nothing_raises(accept: str, accept_encoding: str) -> None:
    """Any header has an answer, and it is one of the two formats that are written."""
    accepted = negotiate(accept, accept_encoding)

    assert accepted.content_type in {TEXT, OPENMETRICS}
    assert accepted.content_type == (OPENMETRICS if accepted.openmetrics else TEXT)
    if accepted.openmetrics:
        assert OM in accept.lower()
    if accepted.gzip:
        assert re.search(r"gzip|\*", accept_encoding.lower())


@given(st.integers(0, 1000), st.integers(0, 1000))
def test_quality_decides(openmetrics: int, text: int) -> None:
    """The better liked format is given; between equals it is OpenMetrics."""
    accept = f"text/plain;q={text / 1000:.3f}, {OM};q={openmetrics / 1000:.3f}"

    better = openmetrics > 0 and openmetrics >= text
    assert negotiate(accept, "").openmetrics is better


def test_what_is_announced_is_what_the_client_writes() -> None:
    """Both content types are those of prometheus_client for the same two versions."""
    assert TEXT == CONTENT_TYPE_PLAIN_0_0_4
    assert OPENMETRICS == CONTENT_TYPE_LATEST
