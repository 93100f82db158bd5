"""The families of a target: what each is called, means, and is read from.

Two tables. What the latest probe saw is gauges read from its Outcome (those of TLS
stand in tls_families.py): a phase not reached and a fact not seen have no series, never
a stale or invented value. What was seen since the start is counters read from the
Account, and every word that can be known in advance is there from 0.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cache
from typing import TypeVar

from exporter.ledger import Account, Latency
from exporter.metrics.family import (
    NO_SAMPLES,
    MetricFamily,
    OfLatest,
    Sample,
    flags,
    value,
)
from exporter.metrics.text import Kind, number
from exporter.metrics.tls_families import CERTIFICATE_INFO, TLS
from exporter.outcome import Outcome
from exporter.vocabulary import Close, ReplyClass, Unsolicited, Word

_Word = TypeVar("_Word", bound=Word)


def _failure(outcome: Outcome) -> Iterable[Sample]:
    failure = outcome.failure
    if failure is None:
        return NO_SAMPLES
    return (("", f',phase="{failure.phase}",reason="{failure.reason}"', 1),)


def _phase_seconds(outcome: Outcome) -> Iterable[Sample]:
    return [("", f',phase="{r.phase}"', r.seconds) for r in outcome.phases]


def _reply_codes(outcome: Outcome) -> Iterable[Sample]:
    return [
        ("", f',phase="{r.phase}"', r.code)
        for r in outcome.phases
        if r.code is not None
    ]


def _enhanced_status(outcome: Outcome) -> Iterable[Sample]:
    return [
        ("", f',phase="{r.phase}",status="{r.status}"', 1)
        for r in outcome.phases
        if r.status
    ]


def _resolved(outcome: Outcome) -> Iterable[Sample]:
    return [("", f',family="{f}"', n) for f, n in outcome.resolved or ()]


_LATEST: tuple[OfLatest, ...] = (
    (
        "smtp_probe_success",
        (),
        "Whether everything the module asks for held in the last probe.",
        lambda o: value(o.success),
    ),
    (
        "smtp_probe_duration_seconds",
        (),
        "From the probe's start to the answer to QUIT; the wait for the close is not "
        "in it.",
        lambda o: value(o.duration),
    ),
    (
        "smtp_probe_phase_seconds",
        ("phase",),
        "How long a phase of the last probe took, well ended or not; a phase not "
        "reached has no series.",
        _phase_seconds,
    ),
    (
        "smtp_probe_failure",
        ("phase", "reason"),
        "1 for the first phase that failed in the last probe and why; no series after "
        "a success.",
        _failure,
    ),
    (
        "smtp_last_probe_timestamp_seconds",
        (),
        "When the last probe ended; probes run on the exporter's own schedule, and at "
        "the scrape of /probe alone.",
        lambda o: value(o.ended_at),
    ),
    (
        "smtp_banner_present",
        (),
        "Whether a complete, well-formed greeting was read before anything was "
        "written; its code is smtp_reply_code with phase greeting.",
        lambda o: value(o.banner_present),
    ),
    (
        "smtp_banner_first_byte_seconds",
        (),
        "From the established connection to the greeting's first byte.",
        lambda o: value(o.banner_first_byte),
    ),
    (
        "smtp_reply_code",
        ("phase",),
        "The reply code of a phase of the last probe, that of its last reply.",
        _reply_codes,
    ),
    (
        "smtp_enhanced_status",
        ("phase", "status"),
        "1 for the enhanced status code (RFC 3463) of the phase's reply, where there "
        "is one.",
        _enhanced_status,
    ),
    (
        "smtp_graceful_close",
        (),
        "Whether QUIT got 221 and the server then closed cleanly.",
        lambda o: value(o.graceful),
    ),
    (
        "smtp_quit_acknowledged",
        (),
        "Whether a complete 221 answered QUIT, whatever TCP did next.",
        lambda o: value(o.quit_acknowledged),
    ),
    (
        "smtp_session_end",
        ("close",),
        "1 for the class that the last session ended in.",
        lambda o: flags("close", (o.close,)),
    ),
    (
        "smtp_quirk",
        ("quirk",),
        "1 per deviation that was tolerated in the last session.",
        lambda o: flags("quirk", sorted(o.quirks)),
    ),
    (
        "smtp_extension",
        ("extension",),
        "1 per EHLO keyword of the last EHLO.",
        lambda o: flags("extension", o.offer.extensions if o.offer else ()),
    ),
    (
        "smtp_auth_mechanism",
        ("mechanism",),
        "1 per SASL mechanism offered by the last EHLO.",
        lambda o: flags("mechanism", o.offer.auth_mechanisms if o.offer else ()),
    ),
    (
        "smtp_starttls_offered",
        (),
        "Whether the plaintext EHLO offered STARTTLS.",
        lambda o: value(o.starttls_offered),
    ),
    (
        "smtp_message_size_limit_bytes",
        (),
        "The limit that SIZE declares; no series when it declares none.",
        lambda o: value(o.offer.size_limit if o.offer else None),
    ),
    *TLS,
    (
        "smtp_resolved_addresses",
        ("family",),
        "How many addresses the name had; no series for an address literal.",
        _resolved,
    ),
    (
        "smtp_tcp_rtt_seconds",
        (),
        "Smoothed round-trip time as TCP knew it at the session's end.",
        lambda o: value(o.tcp.rtt if o.tcp else None),
    ),
    (
        "smtp_tcp_retransmits",
        (),
        "Segments that TCP sent again in the last session, SYN included.",
        lambda o: value(o.tcp.retransmits if o.tcp else None),
    ),
)


# Of the latest probe, and another figure each time.
_MEASURED = frozenset(
    {
        "smtp_probe_duration_seconds",
        "smtp_probe_phase_seconds",
        "smtp_last_probe_timestamp_seconds",
        "smtp_banner_first_byte_seconds",
        "smtp_tcp_rtt_seconds",
        "smtp_tcp_retransmits",
    }
)


def _of_latest(
    samples: Callable[[Outcome], Iterable[Sample]],
) -> Callable[[Account], Iterable[Sample]]:
    def of_account(account: Account) -> Iterable[Sample]:
        return NO_SAMPLES if account.latest is None else samples(account.latest)

    return of_account


def _counts(
    label: str, words: type[_Word], counts: Mapping[_Word, int]
) -> list[Sample]:
    """Give a line for each word of the vocabulary, from 0."""
    return [("", extra, counts.get(word, 0)) for word, extra in _extras(label, words)]


@cache
def _extras(label: str, words: type[_Word]) -> tuple[tuple[_Word, str], ...]:
    return tuple((word, f',{label}="{word}"') for word in words)


def _failures(account: Account) -> Iterable[Sample]:
    return [
        ("", f',phase="{phase}",reason="{reason}"', count)
        for (phase, reason), count in account.failures.items()
    ]


def histogram_samples(extra: str, latency: Latency) -> Iterable[Sample]:
    """Give a latency's lines: cumulative buckets, sum and count."""
    seen = 0
    for bound, count in zip(latency.bounds, latency.counts, strict=False):
        seen += count
        yield "_bucket", f'{extra},le="{number(bound)}"', seen
    yield "_bucket", f'{extra},le="+Inf"', latency.count
    yield from _summary_samples(extra, latency)


def _summary_samples(extra: str, latency: Latency) -> tuple[Sample, Sample]:
    return ("_sum", extra, latency.total), ("_count", extra, latency.count)


def _preference(account: Account) -> Iterable[Sample]:
    exchanger = account.target.exchanger
    if exchanger is None or exchanger.preference is None:
        return NO_SAMPLES
    return (("", f',mx_preference="{exchanger.preference}"', 1),)


def _phase_summaries(account: Account) -> Iterable[Sample]:
    return [
        sample
        for phase, latency in account.latency.items()
        for sample in _summary_samples(f',phase="{phase}"', latency)
    ]


def _phase_histograms(account: Account) -> Iterable[Sample]:
    for phase, latency in account.latency.items():
        yield from histogram_samples(f',phase="{phase}"', latency)


_MX_INFO = MetricFamily(
    "smtp_mx_info",
    Kind.GAUGE,
    ("mx_preference",),
    "1 for the preference that the domain's MX records give the host.",
    _preference,
    steady=True,
)

_INTERVAL = MetricFamily(
    "smtp_probe_interval_seconds",
    Kind.GAUGE,
    (),
    "From one probe of the target to the next, as its schedule has it.",
    lambda a: value(a.target.interval),
    steady=True,
)

_SINCE_START: tuple[MetricFamily, ...] = (
    MetricFamily(
        "smtp_last_success_timestamp_seconds",
        Kind.GAUGE,
        (),
        "When the last successful probe ended; no series before the first.",
        lambda a: value(a.last_success_at),
    ),
    MetricFamily(
        "smtp_probes_total",
        Kind.COUNTER,
        (),
        "Probes that have ended since the exporter's start.",
        lambda a: value(a.probes),
    ),
    MetricFamily(
        "smtp_banners_total",
        Kind.COUNTER,
        ("class",),
        "Greetings read, by the first digit of their code.",
        lambda a: _counts("class", ReplyClass, a.banners),
    ),
    MetricFamily(
        "smtp_probe_failures_total",
        Kind.COUNTER,
        ("phase", "reason"),
        "Failed probes by first failed phase and reason, the pairs that happened.",
        _failures,
    ),
    MetricFamily(
        "smtp_session_ends_total",
        Kind.COUNTER,
        ("close",),
        "Sessions by the class that they ended in.",
        lambda a: _counts("close", Close, a.session_ends),
    ),
    MetricFamily(
        "smtp_unsolicited_replies_total",
        Kind.COUNTER,
        ("code",),
        "Replies that nobody asked for: a 221 before QUIT, others while none was owed.",
        lambda a: _counts("code", Unsolicited, a.unsolicited),
    ),
)

_PHASE_LATENCY = MetricFamily(
    "smtp_phase_latency_seconds",
    Kind.SUMMARY,
    ("phase",),
    "Latency of the phases that completed, since the exporter's start.",
    _phase_summaries,
)

_ALWAYS: tuple[MetricFamily, ...] = (
    *(
        MetricFamily(
            *(name, Kind.GAUGE, extra, text, _of_latest(samples)),
            steady=name not in _MEASURED,
            own_labels=name == CERTIFICATE_INFO,
        )
        for name, extra, text, samples in _LATEST
    ),
    _INTERVAL,
    _MX_INFO,
    *_SINCE_START,
)

MODULE_LATENCY = "smtp_module_latency_seconds"
MODULE_LATENCY_HELP = "Latency of completed phases over all targets of a module."

CERTIFICATES_DISTINCT = "smtp_tls_certificates_distinct"
CERTIFICATES_DISTINCT_HELP = (
    "Different keys in the server certificates that the last probes of one MX domain, "
    "or of one host's addresses, have seen."
)


def target_families(
    *, histograms: bool, certificate_info: bool = True
) -> tuple[MetricFamily, ...]:
    """Give the families of a target, in the order of the exposition.

    They are the same ones, whatever is asked for. With `histograms`, the latency by
    phase is one: the phases that the owner named have their buckets, the others `+Inf`
    alone, since a family has a single type. Without `certificate_info`, that family has
    no samples.
    """
    latency = _PHASE_LATENCY
    if histograms:
        latency = replace(latency, kind=Kind.HISTOGRAM, samples=_phase_histograms)
    families = (*_ALWAYS, latency)
    if certificate_info:
        return families
    return tuple(_silent(f) if f.name == CERTIFICATE_INFO else f for f in families)


def gauges_of_latest(*, certificate_info: bool = True) -> tuple[OfLatest, ...]:
    """Give the gauges of one probe alone: name, labels, meaning, samples."""
    return tuple(
        gauge for gauge in _LATEST if certificate_info or gauge[0] != CERTIFICATE_INFO
    )


def _silent(family: MetricFamily) -> MetricFamily:
    return replace(family, samples=_nothing)


def _nothing(_: Account) -> Iterable[Sample]:
    return NO_SAMPLES
