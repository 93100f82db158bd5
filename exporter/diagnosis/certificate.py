"""A server's certificate in words: for whom, how long it holds, what is wrong with it.

Spans of time are as people say them at night, "3 days", and count from a moment that
the caller names: that of the probe, and not of the reading.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import UTC, datetime
from types import MappingProxyType

from exporter.diagnosis.quote import quoted
from exporter.outcome import Certificate, TlsFacts
from exporter.vocabulary import CERTIFICATE_PROBLEMS, Reason

_NAMES_SHOWN = 3
_UNITS = ((86400, "days"), (3600, "hours"), (60, "minutes"))
_AT_LEAST = 2  # of a unit; with fewer the next smaller one says more

_WORDS: Mapping[Reason, str] = MappingProxyType(
    {
        Reason.UNTRUSTED: "not trusted",
        Reason.CERT_WEAK: "weak key or digest",
        Reason.CERT_INVALID: "faulty chain",
        Reason.NAME_MISMATCH: "name mismatch",
    }
)


def described(tls: TlsFacts, at: float) -> str:
    """Tell in one line what the certificate says, and what was found wrong with it."""
    told = [*_said(tls.certificate, at), *_problems(tls, tls.problems, at)]
    return ", ".join(dict.fromkeys(told))


def wrong(tls: TlsFacts, at: float, *, but: Reason | None = None) -> str:
    """Tell what was found wrong with the certificate; nothing where nothing is."""
    return ", ".join(_problems(tls, tls.problems - {but}, at))


def evidence(tls: TlsFacts, reason: Reason, at: float) -> str:
    """Tell what the certificate says of the reason that it failed for, if anything."""
    find = _EVIDENCE.get(reason)
    return find(tls, at) if find else ""


# --- what it says


def _said(certificate: Certificate | None, at: float) -> Iterator[str]:
    if certificate is None:
        yield "unreadable"
        return
    yield _names(certificate)
    yield _issuer(certificate)
    yield certificate.key
    yield _dates(certificate, at)


def _names(certificate: Certificate) -> str:
    names = certificate.names
    if not names:
        return f"no names but a subject, {quoted(certificate.subject)}"
    shown = quoted(", ".join(names[:_NAMES_SHOWN]))
    more = len(names) - _NAMES_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def _issuer(certificate: Certificate) -> str:
    itself = certificate.issuer == certificate.subject
    return f"issued by {'itself, ' if itself else ''}{quoted(certificate.issuer)}"


def _dates(certificate: Certificate, at: float) -> str:
    if certificate.not_after < at:
        return f"expired {_span(at - certificate.not_after)} ago"
    if at < certificate.not_before:
        return f"valid in {_span(certificate.not_before - at)}"
    return f"{_span(certificate.not_after - at)} left"


def _span(seconds: float) -> str:
    for unit, name in _UNITS:
        if seconds >= _AT_LEAST * unit:
            return f"{int(seconds // unit)} {name}"
    return "a minute"


def _moment(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"


# --- what is wrong with it


def _problems(tls: TlsFacts, found: Collection[Reason], at: float) -> Iterator[str]:
    """Tell the problems, those of dates first, then the gravest first."""
    if Reason.CERT_EXPIRED in found:
        yield _expired(tls, at)
    if Reason.CERT_NOT_YET_VALID in found:
        yield _not_yet_valid(tls, at)
    yield from (_WORDS[p] for p in CERTIFICATE_PROBLEMS if p in found and p in _WORDS)


def _expired(tls: TlsFacts, at: float) -> str:
    leaf, earliest = tls.certificate, tls.chain_not_after
    if leaf and leaf.not_after < at:
        return _dates(leaf, at)
    if earliest is not None and earliest < at:
        return f"another of the chain expired {_span(at - earliest)} ago"
    return "one of the chain expired"


def _not_yet_valid(tls: TlsFacts, at: float) -> str:
    leaf = tls.certificate
    if leaf and at < leaf.not_before:
        return f"valid in {_span(leaf.not_before - at)}"
    return "one of the chain not valid yet"


# --- evidence: what follows "a certificate of the TLS chain has expired: "


def _for_whom(tls: TlsFacts, _: float) -> str:
    return _names(tls.certificate) if tls.certificate else ""


def _by_whom(tls: TlsFacts, _: float) -> str:
    return _issuer(tls.certificate) if tls.certificate else ""


def _since_when(tls: TlsFacts, at: float) -> str:
    leaf, earliest = tls.certificate, tls.chain_not_after
    if leaf and leaf.not_after < at:
        return f"the server's own, {_ago(leaf.not_after, at)}"
    if earliest is not None and earliest < at:
        return f"not the server's own but another, {_ago(earliest, at)}"
    return ""


def _ago(then: float, at: float) -> str:
    return f"{_span(at - then)} ago ({_moment(then)})"


def _from_when(tls: TlsFacts, at: float) -> str:
    leaf = tls.certificate
    if leaf and at < leaf.not_before:
        begins = leaf.not_before
        return f"the server's own begins in {_span(begins - at)} ({_moment(begins)})"
    return ""


def _how_strong(tls: TlsFacts, _: float) -> str:
    return f"the server's own key is {tls.certificate.key}" if tls.certificate else ""


def _as_a_record(tls: TlsFacts, _: float) -> str:
    """Give the TLSA record that would match the key (RFC 7672 section 3.1.1)."""
    leaf = tls.certificate
    return f"its key would be `3 1 1 {leaf.key_sha256}`" if leaf else ""


_EVIDENCE: Mapping[Reason, Callable[[TlsFacts, float], str]] = MappingProxyType(
    {
        Reason.NAME_MISMATCH: _for_whom,
        Reason.UNTRUSTED: _by_whom,
        Reason.CERT_EXPIRED: _since_when,
        Reason.CERT_NOT_YET_VALID: _from_when,
        Reason.CERT_WEAK: _how_strong,
        Reason.DANE_MISMATCH: _as_a_record,
        Reason.STS_MISMATCH: wrong,
    }
)
