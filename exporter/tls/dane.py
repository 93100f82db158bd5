"""DANE: whether TLSA records vouch for the chain that a server sent (RFC 7672).

Holds the matching of records with certificates, and nothing of where either comes from:
that the records were validated is the caller's to know. Refuses clocks and sockets.
What is wrong with a chain below a trust anchor is judged where every chain is, in
verdict.py.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from hashlib import sha256, sha512
from itertools import islice
from typing import NamedTuple

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_der_public_key
from OpenSSL import crypto

from exporter.tls.facts import Unreadable, frame, parse
from exporter.tls.verdict import Authorities, judge
from exporter.vocabulary import Reason

# Usages for SMTP; 0 and 1 ask for public authorities too, and no sender honours them
# (RFC 7672 section 3.1.3).
DANE_TA = 2
DANE_EE = 3

_CERTIFICATE, _KEY = range(2)  # selectors: what of a certificate a record describes
_FULL = 0  # matching type: that itself, not a digest
# By matching type (RFC 6698 section 2.1.3).
_AS_WRITTEN: tuple[Callable[[bytes], bytes], ...] = (
    bytes,
    lambda part: sha256(part).digest(),
    lambda part: sha512(part).digest(),
)
_DIGEST_OCTETS = {1: sha256().digest_size, 2: sha512().digest_size}

# Each costs a verification; a public authority's chain has three certificates.
_MAX_ANCHORS = 8
# What a record does not ask about is reported beside it, and is no mismatch.
_TOLERATED = frozenset({Reason.CERT_WEAK})


class Tlsa(NamedTuple):
    """A TLSA record (RFC 6698 section 2.1), as it was received."""

    usage: int
    selector: int
    matching: int
    data: bytes


def usable(record: Tlsa) -> bool:
    """Whether a record can vouch for a mail server (RFC 7672 section 3.1).

    It can with a usage, selector and matching type that are known, and data that fit
    them; the others are as if they were not there.
    """
    if record.usage not in {DANE_TA, DANE_EE}:
        return False
    if record.selector not in {_CERTIFICATE, _KEY}:
        return False
    if record.matching == _FULL:
        return _readable(record.selector, record.data)
    return len(record.data) == _DIGEST_OCTETS.get(record.matching)


def matches(
    chain: tuple[bytes, ...],
    records: tuple[Tlsa, ...],
    names: tuple[str, ...],
    at: float,
) -> bool:
    """Whether a usable record vouches for a chain (DER, the leaf first) at a Unix time.

    DANE-EE(3) describes the leaf, whatever its names and dates (section 3.1.1).
    DANE-TA(2) describes an authority above the leaf (section 3.1.2): the leaf verifies
    up to it, dates included, and is for one of `names`: the TLSA base domain and the
    next-hop domain (section 3.2.2), by its DNS-IDs.
    """
    vouching = frozenset(record for record in records if usable(record))
    if not chain:
        return False
    if _described(chain[0], DANE_EE, vouching):
        return True
    anchors = islice(_anchors(chain, vouching), _MAX_ANCHORS)
    return any(
        judge(chain, anchor, name, at).problems <= _TOLERATED
        for anchor in anchors
        for name in names
    )


def _readable(selector: int, data: bytes) -> bool:
    try:
        if selector == _KEY:
            load_der_public_key(data)
        else:
            parse(data)
    except (ValueError, UnsupportedAlgorithm):  # Unreadable is a ValueError
        return False
    return True


def _described(der: bytes, usage: int, records: frozenset[Tlsa]) -> bool:
    return any(
        Tlsa(usage, selector, matching, written(part)) in records
        for selector, part in enumerate(_selectable(der))
        for matching, written in enumerate(_AS_WRITTEN)
    )


def _selectable(der: bytes) -> Iterator[bytes]:
    """Give what the selectors select, in their order."""
    yield der
    try:
        yield frame(parse(der)).public_key
    except Unreadable:
        return


class _Anchor(Authorities):
    """One authority that need not be a root: a path may end at it."""

    def store(self, at: float | None) -> crypto.X509Store:
        """Make a store as any other, in which half a chain is enough."""
        store = super().store(at)
        store.set_flags(crypto.X509StoreFlags.PARTIAL_CHAIN)
        return store


def _anchors(chain: tuple[bytes, ...], records: frozenset[Tlsa]) -> Iterator[_Anchor]:
    """Give the authorities that the records vouch for.

    The leaf is none, as in OpenSSL and so for most senders. A record that holds all of
    a certificate may stand in for one that was not sent.
    """
    sent = (der for der in chain[1:] if _described(der, DANE_TA, records))
    whole = (
        record.data
        for record in sorted(records)
        if record[:3] == (DANE_TA, _CERTIFICATE, _FULL) and record.data not in chain
    )
    for der in (*sent, *whole):
        with suppress(crypto.Error):
            yield _Anchor((crypto.load_certificate(crypto.FILETYPE_ASN1, der),))
