"""The pages of probes on demand, held against the client's parsers."""

import gzip
import re
from itertools import chain

import pytest
from hypothesis import given, settings
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporter.exposition import Accepted
from exporter.exposition.negotiation import OPENMETRICS, TEXT
from exporter.metrics.blackbox import Taken
from exporter.metrics.families import gauges_of_latest
from exporter.on_demand.page import (
    RETRY_SECONDS,
    debug_page_of,
    gauges_of,
    no_page_of,
    page_of,
)
from exporter.on_demand.wish import Declined
from exporter.outcome import Failure, Outcome, PhaseRecord
from exporter.targets import Target
from exporter.vocabulary import Close, Phase, Reason, Refused
from exporter.web.on_demand import Answer
from tests.unit.outcomes import encrypted, outcome, outcomes, target

PLAIN = Accepted(openmetrics=False, gzip=False)
OPEN = Accepted(openmetrics=True, gzip=False)
TAKEN = Taken(seconds=0.75, budget=9.5)


def page(
    seen: Outcome,
    accepted: Accepted = PLAIN,
    of: Target | None = None,
    *,
    certificate_info: bool = True,
) -> Answer:
    told = gauges_of(of or target(), seen, TAKEN, certificate_info=certificate_info)
    return page_of(told, accepted)


def families(answer: Answer) -> dict[str, Metric]:
    return {family.name: family for family in parse_text(answer.body.decode())}


def value(answer: Answer, name: str) -> float | None:
    (family,) = (families(answer).get(name),)
    return family.samples[0].value if family else None


@given(outcomes())
@settings(max_examples=100)
def test_any_page(seen: Outcome) -> None:
    """Whatever was seen, both formats say the same gauges, each series once."""
    text, opened = page(seen), page(seen, OPEN)
    read = [
        [(f.name, f.type, s.name, tuple(s.labels.items()), s.value)]
        for f in parse_text(text.body.decode())
        for s in f.samples
    ]
    again = [
        [(f.name, f.type, s.name, tuple(s.labels.items()), s.value)]
        for f in parse_openmetrics(opened.body.decode())  # type: ignore[no-untyped-call]  # the client's own
        for s in f.samples
    ]
    series = [one[2:4] for one in chain.from_iterable(read)]

    assert read == again
    assert {one[1] for one in chain.from_iterable(read)} == {"gauge"}
    assert len({*series}) == len(series)
    assert not any("target" in dict(labels) for _, labels in series)
    assert value(text, "probe_success") == float(seen.success)
    assert value(text, "smtp_probe_success") == float(seen.success)


@given(outcomes())
@settings(max_examples=50)
def test_lines(seen: Outcome) -> None:
    """Each family has HELP and TYPE ahead of its samples, and none without samples."""
    lines = page(seen).body.decode().removesuffix("\n").split("\n")
    helped = [line.split(" ", 3)[2] for line in lines if line.startswith("# HELP")]
    typed = [line.split(" ", 3)[2] for line in lines if line.startswith("# TYPE")]
    sampled = dict.fromkeys(re.split("[{ ]", x)[0] for x in lines if x[0] != "#")

    assert helped == typed == [*sampled]
    assert "{}" not in "".join(lines)


def test_the_formats() -> None:
    """The type and coding are those that were accepted."""
    assert page(outcome()).content_type == TEXT
    assert page(outcome(), OPEN).content_type == OPENMETRICS
    assert page(outcome(), OPEN).body.endswith(b"# EOF\n")
    packed = page(outcome(), Accepted(openmetrics=False, gzip=True))
    assert packed.gzip
    assert gzip.decompress(packed.body) == page(outcome()).body


def test_every_gauge_of_a_target() -> None:
    """A page has the families of the latest probe and those of blackbox, no others."""
    ours = {name for name, *_ in gauges_of_latest()}
    told = {
        name
        for name, *_ in gauges_of(target(), outcome(), TAKEN, certificate_info=True)
    }

    assert {name for name in told if name.startswith("smtp_")} == ours
    assert {name for name in told if not name.startswith("smtp_")} == {
        *("probe_success", "probe_duration_seconds", "probe_timeout_seconds"),
        *("probe_dns_lookup_time_seconds", "probe_ip_protocol"),
        *("probe_failed_due_to_regex", "probe_ssl_earliest_cert_expiry"),
        "probe_tls_version_info",
    }


def test_figures() -> None:
    """The times of blackbox's names are those of the whole probe and of its lookup."""
    told = page(outcome())

    assert value(told, "probe_duration_seconds") == 0.75
    assert value(told, "probe_timeout_seconds") == 9.5
    assert value(told, "probe_dns_lookup_time_seconds") == 0.002
    assert value(told, "smtp_probe_duration_seconds") == 0.5


def test_an_address() -> None:
    """An address takes no time to look up; a name that was not has no series."""
    without = outcome(
        phases=tuple(r for r in outcome().phases if r.phase is not Phase.DNS),
        resolved=None,
    )
    literal = page(without, of=target(host="192.0.2.1"))

    assert value(literal, "probe_dns_lookup_time_seconds") == 0
    assert value(page(without), "probe_dns_lookup_time_seconds") is None


@pytest.mark.parametrize(
    ("address", "protocol"), [("192.0.2.1", 4), ("2001:db8::1", 6)]
)
def test_protocol(address: str, protocol: int) -> None:
    """The protocol is that of the address connected to."""
    assert value(page(outcome(address=address)), "probe_ip_protocol") == protocol


def test_no_connection() -> None:
    """Without a connection there is no protocol and no TLS."""
    refused = outcome(
        phases=(PhaseRecord(Phase.CONNECT, 0.001, completed=False),),
        failure=Failure(Phase.CONNECT, Reason.REFUSED),
        close=Close.NONE,
        **dict.fromkeys(
            ("quit_code", "address", "offer", "starttls_offered", "resolved")
        ),
        banner_first_byte=None,
        quit_sent=False,
        tcp=None,
    )
    told = families(page(refused))

    assert "probe_ip_protocol" not in told
    assert "probe_tls_version_info" not in told
    assert "probe_ssl_earliest_cert_expiry" not in told
    assert told["probe_failed_due_to_regex"].samples[0].value == 0


def test_regex() -> None:
    """A greeting that does not match is what blackbox calls failed due to regex."""
    other = outcome(failure=Failure(Phase.GREETING, Reason.UNEXPECTED_TEXT))

    assert value(page(other), "probe_failed_due_to_regex") == 1


@pytest.mark.parametrize(
    ("ours", "gos"),
    [
        *(("TLSv1", "TLS 1.0"), ("TLSv1.1", "TLS 1.1"), ("TLSv1.2", "TLS 1.2")),
        *(("TLSv1.3", "TLS 1.3"), ("TLSv9", "TLSv9")),
    ],
)
def test_tls(ours: str, gos: str) -> None:
    """The version is spelt as Go spells it, and the chain's end is ours."""
    seen = encrypted()
    assert seen.tls
    seen = encrypted(seen.tls._replace(version=ours))
    told = families(page(seen))

    assert told["probe_tls_version_info"].samples[0].labels == {"version": gos}
    assert (
        told["probe_ssl_earliest_cert_expiry"].samples[0].value
        == told["smtp_tls_chain_not_after_timestamp_seconds"].samples[0].value
    )


def test_certificates_can_be_left_out() -> None:
    """What a certificate says is left out where the configuration says so."""
    assert "smtp_tls_certificate_info" in families(page(encrypted()))
    left = page(encrypted(), certificate_info=False)
    assert "smtp_tls_certificate_info" not in families(left)


def test_debug() -> None:
    """The page for people is the timeline, and then the metrics as text 0.0.4."""
    told = gauges_of(target(), outcome(), TAKEN, certificate_info=True)
    answer = debug_page_of(target(), outcome(), told)
    session, _, metrics = answer.body.decode().partition("\n\n# HELP ")

    assert answer.content_type == "text/plain; charset=utf-8"
    assert session.startswith("mx1.example.com port 25, module mx\n")
    assert session.splitlines()[-1].startswith("OK: ")
    assert f"# HELP {metrics}".encode() == page(outcome()).body


@pytest.mark.parametrize(
    ("cause", "status"),
    [
        *((Refused.DISABLED, 404), (Refused.INVALID, 400), (Refused.FORBIDDEN, 403)),
        (Refused.BUSY, 503),
    ],
)
def test_no_page(cause: Refused, status: int) -> None:
    """Each cause has its status, and who comes too early is told when to come again."""
    answer = no_page_of(Declined(cause, "A sentence."))

    assert (answer.status, answer.body) == (status, b"A sentence.\n")
    assert answer.retry_after == (RETRY_SECONDS if cause is Refused.BUSY else None)


def test_every_cause_has_a_status() -> None:
    """No cause is left without an answer."""
    assert {no_page_of(Declined(c, "x")).status for c in Refused} == {
        400,
        403,
        404,
        503,
    }
