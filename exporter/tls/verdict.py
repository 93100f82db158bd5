"""Whether a chain may be believed: every problem that it has, each judged by itself.

Holds OpenSSL's own rules, run offline over a chain that was seen, and beside them what
OpenSSL never gets to once it has found a fault: the name (RFC 9525, no CN), the dates,
the usage, the strength. Refuses clocks and sockets: the time is an argument, and so is
the trust.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import NamedTuple, Self

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from OpenSSL import crypto
from OpenSSL.SSL import X509VerificationCodes as Code
from service_identity import CertificateError
from service_identity.hazmat import DNS_ID, DNSPattern

from exporter.tls.facts import (
    Frame,
    Unreadable,
    digest_name,
    extension,
    frame,
    parse,
    validity,
)
from exporter.vocabulary import CERTIFICATE_PROBLEMS, Reason

_OF_CODE: Mapping[int, Reason] = {
    Code.ERR_UNABLE_TO_GET_ISSUER_CERT: Reason.UNTRUSTED,
    Code.ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY: Reason.UNTRUSTED,
    Code.ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE: Reason.UNTRUSTED,
    Code.ERR_DEPTH_ZERO_SELF_SIGNED_CERT: Reason.UNTRUSTED,
    Code.ERR_SELF_SIGNED_CERT_IN_CHAIN: Reason.UNTRUSTED,
    Code.ERR_CERT_UNTRUSTED: Reason.UNTRUSTED,
    Code.ERR_CERT_REJECTED: Reason.UNTRUSTED,
}  # every other code is CERT_INVALID
_OF_DATES = frozenset({Code.ERR_CERT_HAS_EXPIRED, Code.ERR_CERT_NOT_YET_VALID})
_NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME, which pyOpenSSL does not name

# OpenSSL's security level 2: the keys that have 112 bits (NIST SP 800-57, table 2), and
# the digests that have not.
_RSA_PSS = 912  # EVP_PKEY_RSA_PSS, which pyOpenSSL does not name
_LEAST_BITS: Mapping[int, int] = {
    crypto.TYPE_RSA: 2048,
    _RSA_PSS: 2048,
    crypto.TYPE_DSA: 2048,
    crypto.TYPE_EC: 224,
}
_WEAK_DIGESTS = frozenset({"md5", "sha1"})

_SERVING = frozenset(
    {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
)


class Authorities(NamedTuple):
    """Whom a verification trusts."""

    certificates: tuple[crypto.X509, ...]
    directories: tuple[str, ...] = ()  # OpenSSL looks there for those it misses

    def store(self, at: float | None) -> crypto.X509Store:
        """Make a store for one verification, at a Unix time or at none.

        A store takes a time once and for all, and never lets go of it again.
        """
        store = crypto.X509Store()
        for certificate in self.certificates:
            store.add_cert(certificate)
        for directory in self.directories:
            store.load_locations(None, directory)
        if at is None:
            store.set_flags(_NO_CHECK_TIME)
        else:
            store.set_time(datetime.fromtimestamp(at, UTC))
        return store


class Verdict(NamedTuple):
    """What is wrong with a chain, and until when that holds."""

    problems: frozenset[Reason]  # of CERTIFICATE_PROBLEMS
    until: float  # Unix time; inf when time alone can change nothing


def judge(
    chain: tuple[bytes, ...], trusted: Authorities, name: str | None, at: float
) -> Verdict:
    """Judge a chain as it was sent, DER and the leaf first, at a Unix time.

    `name` is what the certificate must be for, a DNS name or an address literal; None
    when there is no such name, which none matches. Never raises for what was sent; the
    work is linear in it, and TLS takes no more than 100 KiB of certificates.
    """
    sent = list(_readable(chain))
    if not sent or sent[0].der != chain[0]:
        return Verdict(frozenset({Reason.CERT_INVALID}), math.inf)
    leaf = sent[0]
    problems, path = _verify(sent, trusted, at)
    problems |= {problem for c in path for problem in c.problems(at)}
    try:
        if not all(_may_serve(c, leaf) for c in path):
            problems.add(Reason.CERT_INVALID)
        if name is None or not _is_for(leaf, name):
            problems.add(Reason.NAME_MISMATCH)
    except Unreadable:
        problems.add(Reason.CERT_INVALID)
    ahead = (b for c in (*sent, *path) for b in c.boundaries if b > at)
    return Verdict(frozenset(problems), min(ahead, default=math.inf))


def gravest(problems: Iterable[Reason]) -> Reason | None:
    """Give the problem that names the failure; None without one (SMTP.md 0.2)."""
    found = frozenset(problems)
    return next((r for r in CERTIFICATE_PROBLEMS if r in found), None)


class _Certificate(NamedTuple):
    """One certificate as both libraries read it."""

    der: bytes
    read: x509.Certificate
    openssl: crypto.X509
    frame: Frame
    not_before: float
    not_after: float

    @classmethod
    def of(cls, der: bytes) -> Self:
        """Read it; raises Unreadable or crypto.Error."""
        read = parse(der)
        openssl = crypto.load_certificate(crypto.FILETYPE_ASN1, der)
        return cls(der, read, openssl, frame(read), *validity(read))

    @property
    def boundaries(self) -> tuple[float, float]:
        """Give when it begins to be valid and when it ceases; Unix time.

        It is valid through its last second (RFC 5280 section 4.1.2.5).
        """
        return self.not_before, self.not_after + 1

    @property
    def self_issued(self) -> bool:
        """Whether it names itself as its issuer."""
        return self.frame.issuer == self.frame.subject

    def problems(self, at: float) -> Iterator[Reason]:
        """Give what is wrong with it alone."""
        begin, end = self.boundaries
        if at < begin:
            yield Reason.CERT_NOT_YET_VALID
        if at >= end:
            yield Reason.CERT_EXPIRED
        if _weak_key(self) or _weakly_signed(self):
            yield Reason.CERT_WEAK


def _readable(chain: Iterable[bytes]) -> Iterator[_Certificate]:
    for der in chain:
        with suppress(Unreadable, crypto.Error):
            yield _Certificate.of(der)


def _verify(
    sent: list[_Certificate], trusted: Authorities, at: float
) -> tuple[set[Reason], list[_Certificate]]:
    """Give what OpenSSL finds, and the path that its finding is about.

    OpenSSL stops at its first fault, and it prefers issuers that are valid now. Where
    that ends in a fault of dates, it builds a path again without them: what else is
    wrong is then its to find, and the dates of that path are ours to judge. Without a
    path of OpenSSL's it is the leaf and those who seem to have issued it.
    """
    code, path = _build(sent, trusted.store(at))
    if code in _OF_DATES:
        code, path = _build(sent, trusted.store(None))
    if code == Code.OK:
        return set(), path
    return {_OF_CODE.get(code, Reason.CERT_INVALID)}, _linked(sent)


def _build(
    sent: list[_Certificate], store: crypto.X509Store
) -> tuple[int, list[_Certificate]]:
    """Give OpenSSL's code for a chain and, where all is well, the path it has built."""
    leaf, *others = (c.openssl for c in sent)
    try:
        path = crypto.X509StoreContext(store, leaf, others).get_verified_chain()
    except crypto.X509StoreContextError as error:
        return error.errors[0], []
    known = {c.der: c for c in sent}
    ders = [crypto.dump_certificate(crypto.FILETYPE_ASN1, c) for c in path]
    anchors = _readable(der for der in ders if der not in known)
    return Code.OK, [*(known[der] for der in ders if der in known), *anchors]


def _linked(sent: list[_Certificate]) -> list[_Certificate]:
    """Follow the names of issuers from the leaf on, as far as they were sent."""
    of_subject = {c.frame.subject: c for c in reversed(sent[1:])}
    path = sent[:1]
    while issuer := of_subject.pop(path[-1].frame.issuer, None):
        path.append(issuer)
    return path


def _weak_key(certificate: _Certificate) -> bool:
    try:
        key = certificate.openssl.get_pubkey()
    except crypto.Error:
        return False
    return key.bits() < _LEAST_BITS.get(key.type(), 0)


def _weakly_signed(certificate: _Certificate) -> bool:
    """Whether its issuer vouched for it in vain; its own word for itself is nothing."""
    weak = digest_name(certificate.read) in _WEAK_DIGESTS
    return weak and not certificate.self_issued


def _may_serve(certificate: _Certificate, leaf: _Certificate) -> bool:
    """Whether it may stand for a TLS server, or for who issued one's certificate.

    As OpenSSL has it: extended key usage binds those below (RFC 5280 section 4.2.1.12
    speaks of the certificate alone), and the leaf's key must sign or agree on keys.
    Kinder than OpenSSL, any usage is this usage too. Raises Unreadable for the leaf's.
    """
    try:
        extended = extension(certificate.read, x509.ExtendedKeyUsage)
        usage = extension(certificate.read, x509.KeyUsage)
    except Unreadable:
        if certificate is leaf:
            raise
        return True  # OpenSSL could read it
    if extended is not None and _SERVING.isdisjoint(extended):
        return False
    if usage is None or certificate is not leaf:
        return True
    return usage.digital_signature or usage.key_encipherment or usage.key_agreement


def _is_for(leaf: _Certificate, name: str) -> bool:
    """Whether a name of the certificate is this one; raises Unreadable.

    RFC 9525 section 6: `*` is a whole label, the first of three at least. Kinder than
    service-identity, it stands for a label of IDNA too, as section 6.3 allows.
    """
    names = extension(leaf.read, x509.SubjectAlternativeName) or ()
    with suppress(ValueError):
        address = ip_address(name.partition("%")[0])
        return any(isinstance(n, x509.IPAddress) and n.value == address for n in names)
    try:
        host = DNS_ID(name.removesuffix(".")).hostname
    except ValueError:
        return False
    label, _, parent = host.partition(b".")
    matching = {host, b"*." + parent} if label else {host}
    patterns = (n.value.encode() for n in names if isinstance(n, x509.DNSName))
    return any(_pattern(p) in matching for p in patterns if p.lower() in matching)


def _pattern(name: bytes) -> bytes | None:
    """Give a DNS name of a certificate as it is compared; None for one of no use."""
    try:
        return DNSPattern.from_bytes(name).pattern
    except CertificateError:
        return None
