"""The families of TLS: what was agreed on, what a certificate says, who believed it.

Facts stand beside verdicts and without them: the dates of an expired certificate are
told as those of a good one are. A target that speaks no TLS costs a look, and no more.

    smtp_tls_problem{...,problem="cert_expired"} 1
"""

from collections.abc import Callable, Iterable

from exporter.metrics.family import NO_SAMPLES, OfLatest, Sample, flags, value
from exporter.metrics.text import labels
from exporter.outcome import Certificate, DaneFacts, Outcome, StsFacts, TlsFacts
from exporter.vocabulary import CERTIFICATE_PROBLEMS

CERTIFICATE_INFO = "smtp_tls_certificate_info"

_Samples = Callable[[Outcome], Iterable[Sample]]

_PROBLEMS = tuple(
    (problem, f',problem="{problem}"') for problem in CERTIFICATE_PROBLEMS
)


def _of_tls(samples: Callable[[TlsFacts], Iterable[Sample]]) -> _Samples:
    return lambda o: NO_SAMPLES if o.tls is None else samples(o.tls)


def _of_certificate(samples: Callable[[Certificate], Iterable[Sample]]) -> _Samples:
    return _of_tls(
        lambda tls: NO_SAMPLES if tls.certificate is None else samples(tls.certificate)
    )


def _of_dane(samples: Callable[[DaneFacts], Iterable[Sample]]) -> _Samples:
    return lambda o: NO_SAMPLES if o.dane is None else samples(o.dane)


def _of_sts(samples: Callable[[StsFacts], Iterable[Sample]]) -> _Samples:
    return lambda o: NO_SAMPLES if o.sts is None else samples(o.sts)


def _agreed(tls: TlsFacts) -> Iterable[Sample]:
    pairs = (("version", tls.version), ("cipher", tls.cipher))
    return (("", f",{labels(pairs)}", 1),)


def _problems(tls: TlsFacts) -> Iterable[Sample]:
    found = tls.problems
    return [("", label, problem in found) for problem, label in _PROBLEMS]


def _certificate_info(certificate: Certificate) -> Iterable[Sample]:
    """Write what the certificate's maker chose: any text, and so escaped."""
    pairs = zip(_CERTIFICATE_LABELS, _told(certificate), strict=True)
    return (("", f",{labels(pairs)}", 1),)


_CERTIFICATE_LABELS = ("subject", "issuer", "serial", "fingerprint_sha256", "key")


def _told(of: Certificate) -> tuple[str, ...]:
    return of.subject, of.issuer, of.serial, of.fingerprint_sha256, of.key


def _tlsa_records(dane: DaneFacts) -> Iterable[Sample]:
    return (
        ("", ',usable="true"', dane.usable),
        ("", ',usable="false"', dane.unusable),
    )


TLS: tuple[OfLatest, ...] = (
    (
        "smtp_tls_info",
        ("version", "cipher"),
        "1 for the TLS version and cipher of the last session.",
        _of_tls(_agreed),
    ),
    (
        "smtp_tls_verified",
        (),
        "Whether chain, name and dates all held, or a TLSA record vouched for the "
        "server; no series when nobody asked.",
        _of_tls(lambda tls: value(tls.verified)),
    ),
    (
        "smtp_tls_problem",
        ("problem",),
        "Whether the certificate has this problem, each judged by itself, whenever "
        "a chain was seen.",
        _of_tls(_problems),
    ),
    (
        "smtp_tls_certificate_not_after_timestamp_seconds",
        (),
        "The end of the server certificate's validity.",
        _of_certificate(lambda certificate: value(certificate.not_after)),
    ),
    (
        "smtp_tls_certificate_not_before_timestamp_seconds",
        (),
        "The beginning of the server certificate's validity.",
        _of_certificate(lambda certificate: value(certificate.not_before)),
    ),
    (
        "smtp_tls_chain_not_after_timestamp_seconds",
        (),
        "The earliest end of validity in the chain that the server sent.",
        _of_tls(lambda tls: value(tls.chain_not_after)),
    ),
    (
        CERTIFICATE_INFO,
        _CERTIFICATE_LABELS,
        "1 for what the server certificate says of itself.",
        _of_certificate(_certificate_info),
    ),
    (
        "smtp_tls_close_notify",
        (),
        "Whether the server ended its TLS session with close_notify.",
        lambda o: value(o.tls_close_notify),
    ),
    (
        "smtp_dane_verified",
        (),
        "Whether a usable TLSA record matched the certificate; 0 too when the lookup "
        "failed, no series when there was no record to match.",
        _of_dane(lambda dane: value(dane.verified)),
    ),
    (
        "smtp_dane_tlsa_records",
        ("usable",),
        "TLSA records of the host, those that can vouch for a mail server and others.",
        _of_dane(_tlsa_records),
    ),
    (
        "smtp_mta_sts_verified",
        (),
        "Whether host and certificate satisfied the domain's MTA-STS policy; 0 too "
        "when it could not be had, no series when there was no policy to satisfy.",
        _of_sts(lambda sts: value(sts.verified)),
    ),
    (
        "smtp_mta_sts_mode",
        ("mode",),
        "1 for the mode of the domain's MTA-STS policy; no series without a policy.",
        _of_sts(lambda sts: flags("mode", (sts.mode,) if sts.mode else ())),
    ),
    (
        "smtp_mta_sts_policy_expires_timestamp_seconds",
        (),
        "When the MTA-STS policy at hand may no longer be used.",
        _of_sts(lambda sts: value(sts.expires)),
    ),
)
