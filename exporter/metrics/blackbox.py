"""The gauges that blackbox_exporter gives, as far as they are true of our probe.

Alerts and dashboards for /probe are written against these names. Left out is what we
could only make up: a verified chain's end, a hash of the address.
"""

from collections.abc import Iterable
from typing import NamedTuple

from exporter.metrics.family import Sample, value
from exporter.outcome import Outcome
from exporter.vocabulary import Family, Phase, Reason

_PROTOCOL = {Family.IPV4: 4, Family.IPV6: 6}
# As Go spells them; ours are OpenSSL's.
_TLS_VERSION = {
    "TLSv1": "TLS 1.0",
    "TLSv1.1": "TLS 1.1",
    "TLSv1.2": "TLS 1.2",
    "TLSv1.3": "TLS 1.3",
}


class Gauge(NamedTuple):
    """One family of a probe on demand: name, meaning, samples."""

    name: str
    help: str
    samples: Iterable[Sample]


class Taken(NamedTuple):
    """Seconds of one probe: how long all of it took, and how long it might have."""

    seconds: float
    budget: float


def blackbox_gauges(
    outcome: Outcome, taken: Taken, *, family: Family | None, is_literal: bool
) -> tuple[Gauge, ...]:
    """Give the gauges of one probe.

    `family` is that of the address connected to, None without a connection;
    `is_literal` tells that the target was an address, for which there is no lookup.
    """
    dns, tls, failure = outcome.record(Phase.DNS), outcome.tls, outcome.failure
    looked_up = dns.seconds if dns else 0.0 if is_literal else None
    return (
        Gauge(
            "probe_success",
            "Whether everything the module asks for held.",
            value(outcome.success),
        ),
        Gauge(
            "probe_duration_seconds",
            "How long the probe took, the wait for the close included.",
            value(taken.seconds),
        ),
        Gauge(
            "probe_timeout_seconds",
            "How long the probe might have taken.",
            value(taken.budget),
        ),
        Gauge(
            "probe_dns_lookup_time_seconds",
            "How long the lookup of the name took; 0 for an address.",
            value(looked_up),
        ),
        Gauge(
            "probe_ip_protocol",
            "4 or 6, of the address connected to; no series without a connection.",
            value(_PROTOCOL.get(family) if family else None),
        ),
        Gauge(
            "probe_failed_due_to_regex",
            "Whether the greeting did not match the pattern of the module.",
            value(bool(failure and failure.reason is Reason.UNEXPECTED_TEXT)),
        ),
        Gauge(
            "probe_ssl_earliest_cert_expiry",
            "The earliest end of validity in the chain that was sent, in Unix time.",
            value(tls.chain_not_after if tls else None),
        ),
        Gauge(
            "probe_tls_version_info",
            "1 for the TLS version of the session.",
            _tls_version(tls.version) if tls else (),
        ),
    )


def _tls_version(version: str) -> tuple[Sample, ...]:
    return (("", f',version="{_TLS_VERSION.get(version, version)}"', 1),)
