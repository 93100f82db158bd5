"""The families of a target: the contract, and what five sessions look like in it."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporter.config.labels import RESERVED_LABELS
from exporter.ledger import Account, Ledger
from exporter.metrics.families import (
    CERTIFICATES_DISTINCT,
    CERTIFICATES_DISTINCT_HELP,
    MODULE_LATENCY,
    MODULE_LATENCY_HELP,
    histogram_samples,
    target_families,
)
from exporter.metrics.family import MetricFamily
from exporter.metrics.text import Kind, number
from exporter.metrics.tls_families import CERTIFICATE_INFO
from exporter.outcome import (
    Certificate,
    DaneFacts,
    Failure,
    Outcome,
    StsFacts,
)
from exporter.targets import Exchanger, Target
from exporter.vocabulary import (
    CERTIFICATE_PROBLEMS,
    Close,
    Family,
    Phase,
    Quirk,
    Reason,
    ReplyClass,
    StsMode,
    Unsolicited,
)
from tests.unit.outcomes import (
    TLS,
    encrypted,
    exchanger,
    greeting_timeout,
    outcome,
    outcomes,
    target,
    unsolicited_221,
)

FAMILIES = target_families(histograms=False)
FAMILY = {family.name: family for family in FAMILIES}

# The contract.
CONTRACT: dict[str, tuple[Kind, tuple[str, ...]]] = {
    "smtp_probe_success": (Kind.GAUGE, ()),
    "smtp_probe_duration_seconds": (Kind.GAUGE, ()),
    "smtp_probe_phase_seconds": (Kind.GAUGE, ("phase",)),
    "smtp_probe_failure": (Kind.GAUGE, ("phase", "reason")),
    "smtp_last_probe_timestamp_seconds": (Kind.GAUGE, ()),
    "smtp_last_success_timestamp_seconds": (Kind.GAUGE, ()),
    "smtp_banner_present": (Kind.GAUGE, ()),
    "smtp_banner_first_byte_seconds": (Kind.GAUGE, ()),
    "smtp_reply_code": (Kind.GAUGE, ("phase",)),
    "smtp_enhanced_status": (Kind.GAUGE, ("phase", "status")),
    "smtp_graceful_close": (Kind.GAUGE, ()),
    "smtp_quit_acknowledged": (Kind.GAUGE, ()),
    "smtp_session_end": (Kind.GAUGE, ("close",)),
    "smtp_quirk": (Kind.GAUGE, ("quirk",)),
    "smtp_extension": (Kind.GAUGE, ("extension",)),
    "smtp_auth_mechanism": (Kind.GAUGE, ("mechanism",)),
    "smtp_starttls_offered": (Kind.GAUGE, ()),
    "smtp_message_size_limit_bytes": (Kind.GAUGE, ()),
    "smtp_tls_info": (Kind.GAUGE, ("version", "cipher")),
    "smtp_tls_verified": (Kind.GAUGE, ()),
    "smtp_tls_problem": (Kind.GAUGE, ("problem",)),
    "smtp_tls_certificate_not_after_timestamp_seconds": (Kind.GAUGE, ()),
    "smtp_tls_certificate_not_before_timestamp_seconds": (Kind.GAUGE, ()),
    "smtp_tls_chain_not_after_timestamp_seconds": (Kind.GAUGE, ()),
    "smtp_tls_certificate_info": (
        Kind.GAUGE,
        ("subject", "issuer", "serial", "fingerprint_sha256", "key"),
    ),
    "smtp_tls_close_notify": (Kind.GAUGE, ()),
    "smtp_dane_verified": (Kind.GAUGE, ()),
    "smtp_dane_tlsa_records": (Kind.GAUGE, ("usable",)),
    "smtp_mta_sts_verified": (Kind.GAUGE, ()),
    "smtp_mta_sts_mode": (Kind.GAUGE, ("mode",)),
    "smtp_mta_sts_policy_expires_timestamp_seconds": (Kind.GAUGE, ()),
    "smtp_resolved_addresses": (Kind.GAUGE, ("family",)),
    "smtp_tcp_rtt_seconds": (Kind.GAUGE, ()),
    "smtp_tcp_retransmits": (Kind.GAUGE, ()),
    "smtp_probe_interval_seconds": (Kind.GAUGE, ()),
    "smtp_mx_info": (Kind.GAUGE, ("mx_preference",)),
    "smtp_probes_total": (Kind.COUNTER, ()),
    "smtp_banners_total": (Kind.COUNTER, ("class",)),
    "smtp_probe_failures_total": (Kind.COUNTER, ("phase", "reason")),
    "smtp_session_ends_total": (Kind.COUNTER, ("close",)),
    "smtp_unsolicited_replies_total": (Kind.COUNTER, ("code",)),
    "smtp_phase_latency_seconds": (Kind.SUMMARY, ("phase",)),
}
OF_LATEST = {name for name, (kind, _) in CONTRACT.items() if kind is Kind.GAUGE} - {
    "smtp_last_success_timestamp_seconds",
    "smtp_mx_info",
    "smtp_probe_interval_seconds",
}

# What the values of each label are taken from.
GRAMMARS = {
    "phase": "|".join(Phase),
    "reason": "|".join(Reason),
    "close": "|".join(Close),
    "quirk": "|".join(Quirk),
    "class": "|".join(ReplyClass),
    "code": "|".join(Unsolicited),
    "family": "|".join(Family),
    "extension": "[A-Z0-9-]{1,40}",
    "mechanism": "[A-Z0-9_-]{1,20}",
    "status": r"[245]\.[0-9]{1,3}\.[0-9]{1,3}",
    "version": r"[A-Za-z0-9.]+",
    "cipher": "[A-Z0-9_-]+",
    "problem": "|".join(CERTIFICATE_PROBLEMS),
    "usable": "true|false",
    "mode": "|".join(StsMode),
    "mx_preference": "[0-9]{1,5}",
}


def account_of(*seen: Outcome, of: Target | None = None) -> Account:
    """Give the account of a target of which this has been seen."""
    ledger, to = Ledger(), of or target()
    ledger.open([to])
    for one in seen:
        ledger.record(to, one)
    return ledger.accounts[to.name]


def lines(family: MetricFamily, account: Account) -> list[str]:
    """Write a family's samples; T stands for the target's labels."""
    return [
        f"{family.name}{suffix}{{T{extra}}} {number(value)}"
        for suffix, extra, value in family.samples(account)
    ]


def text(account: Account) -> str:
    """Write all of an account's samples."""
    all_lines = [line for family in FAMILIES for line in lines(family, account)]
    return "\n" + "\n".join(all_lines) + "\n"


# --- the contract


def test_contract() -> None:
    """Names, types and labels are those of the contract, and no others."""
    assert {f.name: (f.kind, f.labels) for f in FAMILIES} == CONTRACT
    assert len(FAMILIES) == len(CONTRACT)


def test_histograms() -> None:
    """The switch makes the phase latency a histogram and changes nothing else."""
    switched = target_families(histograms=True)

    assert [f.name for f in switched] == [f.name for f in FAMILIES]
    assert [
        (f.name, f.kind)
        for f, other in zip(switched, FAMILIES, strict=True)
        if f != other
    ] == [("smtp_phase_latency_seconds", Kind.HISTOGRAM)]


def test_certificate_info_can_be_switched_off() -> None:
    """The switch silences one family, in its place, and changes nothing else."""
    switched = target_families(histograms=False, certificate_info=False)
    account = account_of(encrypted())

    assert [f.name for f in switched] == [f.name for f in FAMILIES]
    for family, other in zip(switched, FAMILIES, strict=True):
        silent = family.name == CERTIFICATE_INFO
        assert lines(family, account) == ([] if silent else lines(other, account))
    assert switched == target_families(histograms=False, certificate_info=False)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda f: f.name)
def test_names_follow_the_conventions(family: MetricFamily) -> None:
    """A name ends in `_total` when it counts, and in no suffix that a type owns.

    `_info` is Prometheus's own custom for a gauge that is 1 and has facts for labels.
    """
    assert re.fullmatch(r"smtp(_[a-z0-9]+)+", family.name)
    assert family.name.endswith("_total") is (family.kind is Kind.COUNTER)
    assert not family.name.endswith(("_sum", "_count", "_bucket", "_created"))
    assert not family.name.endswith("_info") or (
        family.help.startswith("1 for ") and family.labels
    )


@pytest.mark.parametrize(
    "told",
    [
        *((f.name, f.help) for f in FAMILIES),
        (CERTIFICATES_DISTINCT, CERTIFICATES_DISTINCT_HELP),
        (MODULE_LATENCY, MODULE_LATENCY_HELP),
    ],
    ids=lambda told: told[0],
)
def test_help_is_one_sentence(told: tuple[str, str]) -> None:
    """Help is a line that needs no escaping and ends in a full stop."""
    _, sentence = told

    assert sentence.isprintable()
    assert sentence.isascii()
    assert "\\" not in sentence
    assert sentence.endswith(".")
    assert sentence[0].isupper() or sentence[0] == "1"


@pytest.mark.parametrize("family", FAMILIES, ids=lambda f: f.name)
def test_labels_can_be_nobody_elses(family: MetricFamily) -> None:
    """A family's labels are refused as an owner's, and are not Prometheus's own."""
    assert {*family.labels} <= {*RESERVED_LABELS}
    assert {*family.labels} <= {*GRAMMARS} or family.name == CERTIFICATE_INFO
    assert len({*family.labels}) == len(family.labels)
    assert not {*family.labels} & {
        *("job", "instance", "le", "quantile", "__name__"),
        *("target", "host", "port", "module", "address", "mx_domain"),
    }


@given(outcomes())
@settings(max_examples=50)
def test_no_label_holds_free_text(seen: Outcome) -> None:
    """Every label value but a certificate's is a word or fits a grammar."""
    account = account_of(seen, of=exchanger())
    for family in FAMILIES:
        if family.name == CERTIFICATE_INFO:
            continue
        for suffix, extra, _ in family.samples(account):
            pairs = re.findall(r',([a-z_]+)="([^"]*)"', extra)
            assert "".join(f',{name}="{value}"' for name, value in pairs) == extra
            assert tuple(name for name, _ in pairs) == family.labels
            assert all(re.fullmatch(GRAMMARS[name], value) for name, value in pairs)
            assert family.name + suffix in family.names


# --- golden texts

NEW = """
smtp_probe_interval_seconds{T} 60.0
smtp_probes_total{T} 0
smtp_banners_total{T,class="2xx"} 0
smtp_banners_total{T,class="3xx"} 0
smtp_banners_total{T,class="4xx"} 0
smtp_banners_total{T,class="5xx"} 0
smtp_session_ends_total{T,close="none"} 0
smtp_session_ends_total{T,close="clean"} 0
smtp_session_ends_total{T,close="reset_after_221"} 0
smtp_session_ends_total{T,close="open_after_221"} 0
smtp_session_ends_total{T,close="fin_without_221"} 0
smtp_session_ends_total{T,close="reset_without_221"} 0
smtp_session_ends_total{T,close="timeout"} 0
smtp_session_ends_total{T,close="unsolicited_221"} 0
smtp_session_ends_total{T,close="code_421"} 0
smtp_session_ends_total{T,close="other_code"} 0
smtp_session_ends_total{T,close="malformed"} 0
smtp_session_ends_total{T,close="aborted"} 0
smtp_unsolicited_replies_total{T,code="221"} 0
smtp_unsolicited_replies_total{T,code="421"} 0
smtp_unsolicited_replies_total{T,code="other"} 0
"""

SUCCESS = """
smtp_probe_success{T} 1
smtp_probe_duration_seconds{T} 0.5
smtp_probe_phase_seconds{T,phase="dns"} 0.002
smtp_probe_phase_seconds{T,phase="connect"} 0.0005
smtp_probe_phase_seconds{T,phase="greeting"} 0.25
smtp_probe_phase_seconds{T,phase="ehlo"} 0.001
smtp_probe_phase_seconds{T,phase="quit"} 0.0015
smtp_probe_phase_seconds{T,phase="close"} 0.00025
smtp_last_probe_timestamp_seconds{T} 1.7000000005e+09
smtp_banner_present{T} 1
smtp_banner_first_byte_seconds{T} 0.125
smtp_reply_code{T,phase="greeting"} 220
smtp_reply_code{T,phase="ehlo"} 250
smtp_reply_code{T,phase="quit"} 221
smtp_enhanced_status{T,phase="quit",status="2.0.0"} 1
smtp_graceful_close{T} 1
smtp_quit_acknowledged{T} 1
smtp_session_end{T,close="clean"} 1
smtp_extension{T,extension="PIPELINING"} 1
smtp_extension{T,extension="SIZE"} 1
smtp_extension{T,extension="AUTH"} 1
smtp_auth_mechanism{T,mechanism="PLAIN"} 1
smtp_auth_mechanism{T,mechanism="LOGIN"} 1
smtp_starttls_offered{T} 0
smtp_message_size_limit_bytes{T} 35882577
smtp_resolved_addresses{T,family="ipv4"} 1
smtp_resolved_addresses{T,family="ipv6"} 2
smtp_tcp_rtt_seconds{T} 0.0005
smtp_tcp_retransmits{T} 0
smtp_probe_interval_seconds{T} 60.0
smtp_last_success_timestamp_seconds{T} 1.7000000005e+09
smtp_probes_total{T} 1
smtp_banners_total{T,class="2xx"} 1
smtp_banners_total{T,class="3xx"} 0
smtp_banners_total{T,class="4xx"} 0
smtp_banners_total{T,class="5xx"} 0
smtp_session_ends_total{T,close="none"} 0
smtp_session_ends_total{T,close="clean"} 1
smtp_session_ends_total{T,close="reset_after_221"} 0
smtp_session_ends_total{T,close="open_after_221"} 0
smtp_session_ends_total{T,close="fin_without_221"} 0
smtp_session_ends_total{T,close="reset_without_221"} 0
smtp_session_ends_total{T,close="timeout"} 0
smtp_session_ends_total{T,close="unsolicited_221"} 0
smtp_session_ends_total{T,close="code_421"} 0
smtp_session_ends_total{T,close="other_code"} 0
smtp_session_ends_total{T,close="malformed"} 0
smtp_session_ends_total{T,close="aborted"} 0
smtp_unsolicited_replies_total{T,code="221"} 0
smtp_unsolicited_replies_total{T,code="421"} 0
smtp_unsolicited_replies_total{T,code="other"} 0
smtp_phase_latency_seconds_sum{T,phase="dns"} 0.002
smtp_phase_latency_seconds_count{T,phase="dns"} 1
smtp_phase_latency_seconds_sum{T,phase="connect"} 0.0005
smtp_phase_latency_seconds_count{T,phase="connect"} 1
smtp_phase_latency_seconds_sum{T,phase="greeting"} 0.25
smtp_phase_latency_seconds_count{T,phase="greeting"} 1
smtp_phase_latency_seconds_sum{T,phase="ehlo"} 0.001
smtp_phase_latency_seconds_count{T,phase="ehlo"} 1
smtp_phase_latency_seconds_sum{T,phase="quit"} 0.0015
smtp_phase_latency_seconds_count{T,phase="quit"} 1
smtp_phase_latency_seconds_sum{T,phase="close"} 0.00025
smtp_phase_latency_seconds_count{T,phase="close"} 1
"""

GREETING_TIMEOUT = """
smtp_probe_success{T} 0
smtp_probe_duration_seconds{T} 15.5
smtp_probe_phase_seconds{T,phase="connect"} 0.0005
smtp_probe_phase_seconds{T,phase="greeting"} 15.0
smtp_probe_failure{T,phase="greeting",reason="timeout"} 1
smtp_last_probe_timestamp_seconds{T} 1.7000000755e+09
smtp_banner_present{T} 0
smtp_graceful_close{T} 0
smtp_quit_acknowledged{T} 0
smtp_session_end{T,close="aborted"} 1
smtp_tcp_rtt_seconds{T} 0.0005
smtp_tcp_retransmits{T} 3
smtp_probe_interval_seconds{T} 60.0
smtp_probes_total{T} 1
smtp_banners_total{T,class="2xx"} 0
smtp_banners_total{T,class="3xx"} 0
smtp_banners_total{T,class="4xx"} 0
smtp_banners_total{T,class="5xx"} 0
smtp_probe_failures_total{T,phase="greeting",reason="timeout"} 1
smtp_session_ends_total{T,close="none"} 0
smtp_session_ends_total{T,close="clean"} 0
smtp_session_ends_total{T,close="reset_after_221"} 0
smtp_session_ends_total{T,close="open_after_221"} 0
smtp_session_ends_total{T,close="fin_without_221"} 0
smtp_session_ends_total{T,close="reset_without_221"} 0
smtp_session_ends_total{T,close="timeout"} 0
smtp_session_ends_total{T,close="unsolicited_221"} 0
smtp_session_ends_total{T,close="code_421"} 0
smtp_session_ends_total{T,close="other_code"} 0
smtp_session_ends_total{T,close="malformed"} 0
smtp_session_ends_total{T,close="aborted"} 1
smtp_unsolicited_replies_total{T,code="221"} 0
smtp_unsolicited_replies_total{T,code="421"} 0
smtp_unsolicited_replies_total{T,code="other"} 0
smtp_phase_latency_seconds_sum{T,phase="connect"} 0.0005
smtp_phase_latency_seconds_count{T,phase="connect"} 1
"""

UNSOLICITED_221 = """
smtp_probe_success{T} 0
smtp_probe_duration_seconds{T} 0.5
smtp_probe_phase_seconds{T,phase="connect"} 0.0005
smtp_probe_phase_seconds{T,phase="greeting"} 0.25
smtp_probe_phase_seconds{T,phase="ehlo"} 0.001
smtp_probe_failure{T,phase="ehlo",reason="unsolicited_221"} 1
smtp_last_probe_timestamp_seconds{T} 1.7000001205e+09
smtp_banner_present{T} 1
smtp_banner_first_byte_seconds{T} 0.25
smtp_reply_code{T,phase="greeting"} 220
smtp_reply_code{T,phase="ehlo"} 221
smtp_graceful_close{T} 0
smtp_quit_acknowledged{T} 0
smtp_session_end{T,close="unsolicited_221"} 1
smtp_quirk{T,quirk="bare_lf"} 1
smtp_quirk{T,quirk="no_text"} 1
smtp_probe_interval_seconds{T} 60.0
smtp_probes_total{T} 1
smtp_banners_total{T,class="2xx"} 1
smtp_banners_total{T,class="3xx"} 0
smtp_banners_total{T,class="4xx"} 0
smtp_banners_total{T,class="5xx"} 0
smtp_probe_failures_total{T,phase="ehlo",reason="unsolicited_221"} 1
smtp_session_ends_total{T,close="none"} 0
smtp_session_ends_total{T,close="clean"} 0
smtp_session_ends_total{T,close="reset_after_221"} 0
smtp_session_ends_total{T,close="open_after_221"} 0
smtp_session_ends_total{T,close="fin_without_221"} 0
smtp_session_ends_total{T,close="reset_without_221"} 0
smtp_session_ends_total{T,close="timeout"} 0
smtp_session_ends_total{T,close="unsolicited_221"} 1
smtp_session_ends_total{T,close="code_421"} 0
smtp_session_ends_total{T,close="other_code"} 0
smtp_session_ends_total{T,close="malformed"} 0
smtp_session_ends_total{T,close="aborted"} 0
smtp_unsolicited_replies_total{T,code="221"} 1
smtp_unsolicited_replies_total{T,code="421"} 0
smtp_unsolicited_replies_total{T,code="other"} 0
smtp_phase_latency_seconds_sum{T,phase="connect"} 0.0005
smtp_phase_latency_seconds_count{T,phase="connect"} 1
smtp_phase_latency_seconds_sum{T,phase="greeting"} 0.25
smtp_phase_latency_seconds_count{T,phase="greeting"} 1
smtp_phase_latency_seconds_sum{T,phase="ehlo"} 0.001
smtp_phase_latency_seconds_count{T,phase="ehlo"} 1
"""


@pytest.mark.parametrize(
    ("seen", "golden"),
    [
        pytest.param((), NEW, id="before the first probe"),
        pytest.param((outcome(),), SUCCESS, id="a clean success"),
        pytest.param((greeting_timeout(),), GREETING_TIMEOUT, id="a greeting timeout"),
        pytest.param((unsolicited_221(),), UNSOLICITED_221, id="an unsolicited 221"),
    ],
)
def test_text(seen: tuple[Outcome, ...], golden: str) -> None:
    """What was seen is there, from 0 what is known in advance, and nothing else."""
    assert text(account_of(*seen)) == golden


# The families that plain SMTP has none of; the others are as in SUCCESS.
ENCRYPTED = """
smtp_tls_info{T,version="TLSv1.3",cipher="TLS_AES_256_GCM_SHA384"} 1
smtp_tls_verified{T} 1
smtp_tls_problem{T,problem="untrusted"} 0
smtp_tls_problem{T,problem="cert_weak"} 0
smtp_tls_problem{T,problem="cert_invalid"} 0
smtp_tls_problem{T,problem="name_mismatch"} 0
smtp_tls_problem{T,problem="cert_not_yet_valid"} 0
smtp_tls_problem{T,problem="cert_expired"} 0
smtp_tls_certificate_not_after_timestamp_seconds{T} 1.7053568e+09
smtp_tls_certificate_not_before_timestamp_seconds{T} 1.6975808e+09
smtp_tls_chain_not_after_timestamp_seconds{T} 1.7053568e+09
smtp_tls_certificate_info{T,subject="CN=mx1.example.com",issuer="CN=Example R1,O=Example Trust,C=DE",serial="4f2a",fingerprint_sha256="f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1",key="EC-P-256"} 1
smtp_tls_close_notify{T} 1
smtp_dane_verified{T} 1
smtp_dane_tlsa_records{T,usable="true"} 2
smtp_dane_tlsa_records{T,usable="false"} 1
smtp_mta_sts_verified{T} 0
smtp_mta_sts_mode{T,mode="testing"} 1
smtp_mta_sts_policy_expires_timestamp_seconds{T} 1.7006048e+09
"""  # noqa: E501 -- lines of output
EXPIRED = """
smtp_tls_info{T,version="TLSv1.3",cipher="TLS_AES_256_GCM_SHA384"} 1
smtp_tls_verified{T} 0
smtp_tls_problem{T,problem="untrusted"} 0
smtp_tls_problem{T,problem="cert_weak"} 0
smtp_tls_problem{T,problem="cert_invalid"} 0
smtp_tls_problem{T,problem="name_mismatch"} 1
smtp_tls_problem{T,problem="cert_not_yet_valid"} 0
smtp_tls_problem{T,problem="cert_expired"} 1
smtp_tls_certificate_not_after_timestamp_seconds{T} 1.7053568e+09
smtp_tls_certificate_not_before_timestamp_seconds{T} 1.6975808e+09
smtp_tls_chain_not_after_timestamp_seconds{T} 1.6e+09
smtp_tls_certificate_info{T,subject="CN=mx1.example.com",issuer="CN=Example R1,O=Example Trust,C=DE",serial="4f2a",fingerprint_sha256="f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1",key="EC-P-256"} 1
smtp_tls_close_notify{T} 0
"""  # noqa: E501 -- lines of output
UNREADABLE = """
smtp_tls_info{T,version="TLSv1.3",cipher="TLS_AES_256_GCM_SHA384"} 1
smtp_tls_problem{T,problem="untrusted"} 0
smtp_tls_problem{T,problem="cert_weak"} 0
smtp_tls_problem{T,problem="cert_invalid"} 1
smtp_tls_problem{T,problem="name_mismatch"} 0
smtp_tls_problem{T,problem="cert_not_yet_valid"} 0
smtp_tls_problem{T,problem="cert_expired"} 0
"""


@pytest.mark.parametrize(
    ("seen", "golden"),
    [
        pytest.param(
            encrypted(
                dane=DaneFacts(secure=True, usable=2, unusable=1, verified=True),
                sts=StsFacts(StsMode.TESTING, 1_700_604_800.0, verified=False),
            ),
            ENCRYPTED,
            id="all at once",
        ),
        pytest.param(
            encrypted(
                TLS._replace(
                    problems=frozenset({Reason.CERT_EXPIRED, Reason.NAME_MISMATCH}),
                    chain_not_after=1_600_000_000.0,
                    verified=False,
                ),
                failure=Failure(Phase.TLS, Reason.NAME_MISMATCH),
                tls_close_notify=False,
            ),
            EXPIRED,
            id="a bad certificate",
        ),
        pytest.param(
            encrypted(
                TLS._replace(
                    certificate=None,
                    chain_not_after=None,
                    problems=frozenset({Reason.CERT_INVALID}),
                    verified=None,
                ),
                tls_close_notify=None,
            ),
            UNREADABLE,
            id="an unreadable one, and nobody asked",
        ),
        pytest.param(
            outcome(
                dane=DaneFacts(secure=True, usable=0, unusable=0),
                sts=StsFacts(None, None),
            ),
            """
smtp_dane_tlsa_records{T,usable="true"} 0
smtp_dane_tlsa_records{T,usable="false"} 0
""",
            id="nothing published, in the clear",
        ),
        pytest.param(
            outcome(
                dane=DaneFacts(secure=False, usable=0, unusable=0, verified=False),
                sts=StsFacts(StsMode.NONE, 1_700_604_800.0),
            ),
            """
smtp_dane_verified{T} 0
smtp_dane_tlsa_records{T,usable="true"} 0
smtp_dane_tlsa_records{T,usable="false"} 0
smtp_mta_sts_mode{T,mode="none"} 1
smtp_mta_sts_policy_expires_timestamp_seconds{T} 1.7006048e+09
""",
            id="a lookup that failed, a policy that was ended",
        ),
        pytest.param(outcome(), "\n", id="in the clear"),
    ],
)
def test_text_of_tls(seen: Outcome, golden: str) -> None:
    """Facts of TLS are there as far as they were seen, whatever was made of them."""
    told = [
        line
        for line in text(account_of(seen)).splitlines(keepends=True)
        if line.startswith(("smtp_tls_", "smtp_dane_", "smtp_mta_sts_"))
    ]

    assert "\n" + "".join(told) == golden


@pytest.mark.parametrize(
    ("of", "told"),
    [
        (target(), []),
        (target(exchanger=Exchanger(domain="example.com")), []),
        (exchanger(), ['smtp_mx_info{T,mx_preference="10"} 1']),
        (
            target(exchanger=Exchanger(domain="example.com", preference=0)),
            ['smtp_mx_info{T,mx_preference="0"} 1'],
        ),
    ],
    ids=["no domain", "a lost domain", "an exchanger", "the domain itself"],
)
def test_preference(of: Target, told: list[str]) -> None:
    """An exchanger's preference is there before the first probe and after it."""
    family = FAMILY["smtp_mx_info"]

    assert lines(family, account_of(of=of)) == told
    assert lines(family, account_of(outcome(), of=of)) == told


_ANY_TEXT = st.text() | st.text('\\"\n\r ,={}#\u2028\x00', max_size=12)


@given(st.builds(Certificate, *[_ANY_TEXT] * 6, *[st.just(0.0)] * 2, st.just(())))
def test_whatever_a_certificate_says_comes_back(certificate: Certificate) -> None:
    """Both parsers read a certificate's words back as its maker wrote them."""
    seen = encrypted(TLS._replace(certificate=certificate))
    (line,) = lines(FAMILY[CERTIFICATE_INFO], account_of(seen))
    body = line.replace("{T,", "{", 1) + "\n"
    (in_text,) = parse_text(body)
    (in_openmetrics,) = parse_openmetrics(f"{body}# EOF\n")  # type: ignore[no-untyped-call]  # the client's own

    for family in (in_text, in_openmetrics):
        (sample,) = family.samples
        assert sample.labels == {
            "subject": certificate.subject,
            "issuer": certificate.issuer,
            "serial": certificate.serial,
            "fingerprint_sha256": certificate.fingerprint_sha256,
            "key": certificate.key,
        }


def test_every_problem_is_told() -> None:
    """Each problem has its own series, 1 where it was found."""
    family = FAMILY["smtp_tls_problem"]
    for problem in CERTIFICATE_PROBLEMS:
        found = TLS._replace(problems=frozenset({problem}))
        told = {e: v for _, e, v in family.samples(account_of(encrypted(found)))}

        assert len(told) == len(CERTIFICATE_PROBLEMS)
        assert [e for e, v in told.items() if v] == [f',problem="{problem}"']


def test_a_second_probe() -> None:
    """Gauges tell of the second probe, counters of both."""
    account = account_of(outcome(), greeting_timeout())
    written = {f.name: lines(f, account) for f in FAMILIES}
    alone = {f.name: lines(f, account_of(greeting_timeout())) for f in FAMILIES}

    for name in OF_LATEST:
        assert written[name] == alone[name]
    assert written["smtp_last_success_timestamp_seconds"] == [
        "smtp_last_success_timestamp_seconds{T} 1.7000000005e+09"
    ]
    assert written["smtp_probes_total"] == ["smtp_probes_total{T} 2"]
    assert written["smtp_probe_failures_total"] == [
        'smtp_probe_failures_total{T,phase="greeting",reason="timeout"} 1'
    ]
    assert 'smtp_session_ends_total{T,close="clean"} 1' in text(account)
    assert 'smtp_session_ends_total{T,close="aborted"} 1' in text(account)
    assert 'smtp_phase_latency_seconds_count{T,phase="connect"} 2' in text(account)
    assert 'smtp_phase_latency_seconds_count{T,phase="greeting"} 1' in text(account)


@given(st.lists(outcomes(), max_size=3), outcomes())
@settings(max_examples=50)
def test_nothing_stale(earlier: list[Outcome], last: Outcome) -> None:
    """Whatever was seen before, the gauges are those of the last probe alone."""
    account, alone = account_of(*earlier, last), account_of(last)

    for family in FAMILIES:
        if family.name in OF_LATEST:
            assert lines(family, account) == lines(family, alone)


@given(outcomes())
@settings(max_examples=50)
def test_a_phase_not_reached_has_no_series(seen: Outcome) -> None:
    """Phases with a figure are the phases with a record, codes those with a reply."""
    account = account_of(seen)
    written = {f.name: f.samples(account) for f in FAMILIES}

    assert [extra for _, extra, _ in written["smtp_probe_phase_seconds"]] == [
        f',phase="{record.phase}"' for record in seen.phases
    ]
    assert [(extra, code) for _, extra, code in written["smtp_reply_code"]] == [
        (f',phase="{record.phase}"', record.code)
        for record in seen.phases
        if record.code
    ]
    assert bool([*written["smtp_probe_failure"]]) is not seen.success
    assert len([*written["smtp_session_end"]]) == 1


# --- buckets


def test_buckets() -> None:
    """A histogram's buckets are cumulative, up to `+Inf`, and its sum and count."""
    ledger = Ledger((0.1, 1.0), [Phase.GREETING])
    ledger.open([target()])
    account = None
    for _ in range(2):
        account = ledger.record(target(), outcome())
    assert account

    (family,) = (f for f in target_families(histograms=True) if f.kind == "histogram")
    assert [line for line in lines(family, account) if "greeting" in line] == [
        'smtp_phase_latency_seconds_bucket{T,phase="greeting",le="0.1"} 0',
        'smtp_phase_latency_seconds_bucket{T,phase="greeting",le="1.0"} 2',
        'smtp_phase_latency_seconds_bucket{T,phase="greeting",le="+Inf"} 2',
        'smtp_phase_latency_seconds_sum{T,phase="greeting"} 0.5',
        'smtp_phase_latency_seconds_count{T,phase="greeting"} 2',
    ]
    assert [line for line in lines(family, account) if "connect" in line] == [
        'smtp_phase_latency_seconds_bucket{T,phase="connect",le="+Inf"} 2',
        'smtp_phase_latency_seconds_sum{T,phase="connect"} 0.001',
        'smtp_phase_latency_seconds_count{T,phase="connect"} 2',
    ]


def test_values_above_all_bounds() -> None:
    """They are in `+Inf` alone."""
    ledger = Ledger((0.1,))
    ledger.open([target()])
    ledger.record(target(), outcome())

    assert [*histogram_samples("", ledger.modules["mx", Phase.GREETING])] == [
        ("_bucket", ',le="0.1"', 0),
        ("_bucket", ',le="+Inf"', 1),
        ("_sum", "", 0.25),
        ("_count", "", 1),
    ]
