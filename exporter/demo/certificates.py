"""Certificates, good ones and one for each fault, for scripted servers.

Holds an authority of this process's own, generated when it is first asked for, and
what it issues: root, intermediate, leaf. Writes no file, and is trusted by nobody who
was not given `authority()`. Keys are EC P-256 unless the kind says otherwise.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from functools import cache
from ipaddress import ip_address
from threading import Lock
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

MAX_COMMON_NAME = 64  # RFC 5280 appendix A.1, ub-common-name
OTHER_NAME = "other.test"

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class Kind(Enum):
    """What is right or wrong with a certificate."""

    GOOD = auto()
    RSA = auto()  # good, with a key of RSA-2048
    WILDCARD = auto()  # good for each name one label below
    ADDRESS = auto()  # for 127.0.0.1 and ::1
    OTHER_NAME = auto()
    COMMON_NAME_ONLY = auto()  # the right name, and not where it belongs
    EXPIRED = auto()
    NOT_YET_VALID = auto()
    EXPIRED_OTHER_NAME = auto()
    EXPIRED_INTERMEDIATE = auto()
    MISSING_INTERMEDIATE = auto()
    SELF_SIGNED = auto()
    SELF_SIGNED_OTHER_NAME = auto()
    UNKNOWN_CA = auto()
    WEAK_KEY = auto()  # RSA-1024
    CLIENT_ONLY = auto()  # its extended key usage is that of clients


class Issued(NamedTuple):
    """A certificate as a server has it."""

    chain: tuple[bytes, ...]  # DER as it is sent: the leaf first, never the root
    key: bytes  # PEM, unencrypted

    @property
    def pem(self) -> bytes:
        """Give the chain in PEM, the leaf first."""
        return b"".join(
            x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM)
            for der in self.chain
        )


class _Validity(NamedTuple):
    """Days from now."""

    begin: int
    end: int


# A demo may run for months, and a test's machine may have a clock that is a bit off.
_OF_AUTHORITY = _Validity(-30, 3650)
_GOOD = _Validity(-1, 397)
_EXPIRED = _Validity(-20, -1)
_FUTURE = _Validity(1, 397)


class _Signer(NamedTuple):
    certificate: x509.Certificate
    key: Key


@dataclass(frozen=True, slots=True)
class _Root:
    """An authority, known by its name."""

    name: str = "Demo Root"


@dataclass(frozen=True, slots=True)
class _Intermediate:
    """An authority that the root vouches for."""

    root: _Root = _Root()
    validity: _Validity = _OF_AUTHORITY


def _own_name(name: str) -> tuple[x509.GeneralName, ...]:
    return (x509.DNSName(name),)


def _wildcard(name: str) -> tuple[x509.GeneralName, ...]:
    return (x509.DNSName(f"*.{name}"),)


def _other_name(_: str) -> tuple[x509.GeneralName, ...]:
    return (x509.DNSName(OTHER_NAME),)


def _addresses(_: str) -> tuple[x509.GeneralName, ...]:
    return tuple(x509.IPAddress(ip_address(a)) for a in ("127.0.0.1", "::1"))


def _no_name(_: str) -> tuple[x509.GeneralName, ...]:
    return ()


def _p256() -> Key:
    return ec.generate_private_key(ec.SECP256R1())


def _rsa_2048() -> Key:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _rsa_1024() -> Key:
    return rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 -- the fault that WEAK_KEY is for


@dataclass(frozen=True, slots=True)
class _Leaf:
    """How a leaf departs from a good one."""

    names: Callable[[str], tuple[x509.GeneralName, ...]] = _own_name
    validity: _Validity = _GOOD
    make_key: Callable[[], Key] = _p256
    usage: x509.ObjectIdentifier = ExtendedKeyUsageOID.SERVER_AUTH
    issuer: _Intermediate | None = field(default_factory=_Intermediate)  # None: itself
    complete: bool = True  # the intermediate is sent


_LEAVES = {
    Kind.GOOD: _Leaf(),
    Kind.RSA: _Leaf(make_key=_rsa_2048),
    Kind.WILDCARD: _Leaf(names=_wildcard),
    Kind.ADDRESS: _Leaf(names=_addresses),
    Kind.OTHER_NAME: _Leaf(names=_other_name),
    Kind.COMMON_NAME_ONLY: _Leaf(names=_no_name),
    Kind.EXPIRED: _Leaf(validity=_EXPIRED),
    Kind.NOT_YET_VALID: _Leaf(validity=_FUTURE),
    Kind.EXPIRED_OTHER_NAME: _Leaf(names=_other_name, validity=_EXPIRED),
    Kind.EXPIRED_INTERMEDIATE: _Leaf(issuer=_Intermediate(validity=_EXPIRED)),
    Kind.MISSING_INTERMEDIATE: _Leaf(complete=False),
    Kind.SELF_SIGNED: _Leaf(issuer=None),
    Kind.SELF_SIGNED_OTHER_NAME: _Leaf(names=_other_name, issuer=None),
    Kind.UNKNOWN_CA: _Leaf(issuer=_Intermediate(root=_Root("Unknown Root"))),
    Kind.WEAK_KEY: _Leaf(make_key=_rsa_1024),
    Kind.CLIENT_ONLY: _Leaf(usage=ExtendedKeyUsageOID.CLIENT_AUTH),
}


_ONE_AT_A_TIME = Lock()  # or two threads make two roots


def authority() -> bytes:
    """Give the root in PEM: who trusts it finds the good kinds good."""
    with _ONE_AT_A_TIME:
        return _root(_Root()).certificate.public_bytes(Encoding.PEM)


def issue(kind: Kind, name: str = "mail.test") -> Issued:
    """Give the certificate of a kind for a DNS name; the same one each time.

    Its subject has a name too, as most real ones do: only subjectAltName counts.
    """
    with _ONE_AT_A_TIME:
        return _issue(kind, name)


@cache
def _issue(kind: Kind, name: str) -> Issued:
    leaf = _LEAVES[kind]
    key = leaf.make_key()
    issuer = _intermediate(leaf.issuer) if leaf.issuer else None
    names = leaf.names(name)
    builder = _builder(_common_name(names, name), key, leaf.validity, issuer)
    builder = builder.add_extension(_constraints(authority=False), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([leaf.usage]), critical=False)
    if names:
        builder = builder.add_extension(
            x509.SubjectAlternativeName(names), critical=False
        )
    certificate = _signed(builder, issuer.key if issuer else key)
    sent = (certificate, issuer.certificate) if issuer else (certificate,)
    return Issued(
        tuple(c.public_bytes(Encoding.DER) for c in sent[: 2 if leaf.complete else 1]),
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )


@cache
def _root(root: _Root) -> _Signer:
    key = _p256()
    return _signer(_builder(root.name, key, _OF_AUTHORITY, None), key, key)


@cache
def _intermediate(intermediate: _Intermediate) -> _Signer:
    root = _root(intermediate.root)
    key = _p256()
    builder = _builder("Demo Intermediate", key, intermediate.validity, root)
    return _signer(builder, key, root.key)


def _signer(builder: x509.CertificateBuilder, key: Key, by: Key) -> _Signer:
    builder = builder.add_extension(_constraints(authority=True), critical=True)
    return _Signer(_signed(builder.add_extension(_SIGNS, critical=True), by), key)


_SIGNS = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


def _builder(
    common_name: str, key: Key, validity: _Validity, issuer: _Signer | None
) -> x509.CertificateBuilder:
    """Begin a certificate; without an issuer it is its own."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    issuer_key = (issuer.key if issuer else key).public_key()
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=validity.begin))
        .not_valid_after(now + timedelta(days=validity.end))
        .add_extension(
            x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
        )
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key),
            critical=False,
        )
    )


def _common_name(names: tuple[x509.GeneralName, ...], name: str) -> str:
    """Give the first DNS name of a certificate, or what it was made for."""
    first = names[0].value if names and isinstance(names[0], x509.DNSName) else name
    return first[:MAX_COMMON_NAME]


def _constraints(*, authority: bool) -> x509.BasicConstraints:
    return x509.BasicConstraints(ca=authority, path_length=None)


def _signed(builder: x509.CertificateBuilder, by: Key) -> x509.Certificate:
    return builder.sign(by, hashes.SHA256())
