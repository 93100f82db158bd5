"""What a certificate says of itself, whoever made it and however badly.

Holds the reading of DER into facts: bounded text without control characters, times,
names, keys. Refuses judgement, and refuses to crash: a part that cannot be read has its
own word, and a certificate that cannot be read at all is Unreadable.
"""

import hashlib
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple, TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import (
    CertificatePublicKeyTypes,
)

from exporter.outcome import Certificate
from exporter.printable import printable

# Label values; real ones have under a hundred characters, hostile ones have no end.
MAX_CHARACTERS = 256
# A public authority puts at most a hundred names into one; nobody reads as many.
MAX_NAMES = 64

UNREADABLE = "unreadable"  # in place of a part

_CUT = " [...]"
_CURVES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}

T = TypeVar("T")
E = TypeVar("E", bound=x509.ExtensionType)


class Unreadable(ValueError):
    """A certificate, or its extensions, that cannot be read; says why."""


# What cryptography raises for octets that it does not take, early or late.
_ODD = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)


def parse(der: bytes) -> x509.Certificate:
    """Read a certificate as far as its frame; its parts are read when asked for.

    Raises Unreadable.
    """
    return _read(lambda: x509.load_der_x509_certificate(der))


def read_certificate(der: bytes) -> Certificate:
    """Read what a certificate says.

    Raises Unreadable when not even its frame and its dates can be read.
    """
    certificate = parse(der)
    not_before, not_after = validity(certificate)
    return Certificate(
        subject=_distinguished(lambda: certificate.subject),
        issuer=_distinguished(lambda: certificate.issuer),
        serial=_bounded(f"{_read(lambda: certificate.serial_number):x}"),
        fingerprint_sha256=hashlib.sha256(der).hexdigest(),
        key=_key(certificate),
        key_sha256=hashlib.sha256(frame(certificate).public_key).hexdigest(),
        not_before=not_before,
        not_after=not_after,
        names=_names(certificate),
    )


def chain_not_after(chain: tuple[bytes, ...]) -> float | None:
    """Give the earliest end in a chain, as Unix time; None if none can be read."""
    ends = []
    for der in chain:
        try:
            ends.append(validity(parse(der))[1])
        except Unreadable:
            continue
    return min(ends, default=None)


def validity(certificate: x509.Certificate) -> tuple[float, float]:
    """Give notBefore and notAfter as Unix time; both are seconds that are valid still.

    RFC 5280 section 4.1.2.5. Raises Unreadable.
    """
    return _read(
        lambda: (
            certificate.not_valid_before_utc.timestamp(),
            certificate.not_valid_after_utc.timestamp(),
        )
    )


def extension(certificate: x509.Certificate, kind: type[E]) -> E | None:
    """Give what an extension says; None when it is absent.

    Raises Unreadable when one of them, this or another, is broken.
    """
    extensions = _read(lambda: certificate.extensions)
    try:
        return extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def digest_name(certificate: x509.Certificate) -> str | None:
    """Give the digest that the certificate was signed with, as in sha256.

    None for a signature without one (Ed25519), or with one that is not known.
    """
    try:
        digest = _read(lambda: certificate.signature_hash_algorithm)
    except Unreadable:
        return None
    return digest.name if digest else None


class Frame(NamedTuple):
    """Parts of a certificate as octets, tag and length included."""

    issuer: bytes
    subject: bytes
    public_key: bytes  # SubjectPublicKeyInfo


def frame(certificate: x509.Certificate) -> Frame:
    """Give the parts of a certificate that are compared octet by octet."""
    tbs = certificate.tbs_certificate_bytes
    parts = list(_elements(tbs, _content(tbs, 0)[0]))
    if parts[0][0] == _VERSION:
        del parts[0]
    _serial, _algorithm, issuer, _validity, subject, public_key = parts[:6]
    return Frame(issuer, subject, public_key)


_VERSION = 0xA0  # the tag of a field that version 1 leaves out
_LONG_FORM = 0x80


def _elements(der: bytes, at: int) -> Iterator[bytes]:
    """Cut the elements from here on; DER was held against its rules by parse()."""
    while at < len(der):
        _, end = _content(der, at)
        yield der[at:end]
        at = end


def _content(der: bytes, at: int) -> tuple[int, int]:
    """Give where the content of the element begins and where it ends (X.690 8.1.3)."""
    start, length = at + 2, der[at + 1]
    if length & _LONG_FORM:
        start += length - _LONG_FORM
        length = int.from_bytes(der[at + 2 : start])
    return start, start + length


def _read(part: Callable[[], T]) -> T:
    """Call for a part; what is wrong with it is Unreadable, never a warning."""
    try:
        with _quiet():
            return part()
    except _ODD as error:
        raise Unreadable(_bounded(str(error))) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what the library has to say of odd certificates off standard error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _distinguished(name: Callable[[], x509.Name]) -> str:
    """Spell a name as RFC 4514 does."""
    try:
        return _bounded(_read(name).rfc4514_string())
    except ValueError:  # Unreadable is one
        return UNREADABLE


def _bounded(text: str) -> str:
    """Give text that is short enough, and that cannot steer a terminal."""
    text = printable(text)
    if len(text) > MAX_CHARACTERS:
        return text[: MAX_CHARACTERS - len(_CUT)] + _CUT
    return text


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        found = extension(certificate, x509.SubjectAlternativeName)
    except Unreadable:
        return ()
    named = (n for n in found or () if isinstance(n, x509.DNSName | x509.IPAddress))
    return tuple(_bounded(str(n.value)) for n, _ in zip(named, range(MAX_NAMES)))  # noqa: B905 -- the shorter of the two is meant


def _key(certificate: x509.Certificate) -> str:
    """Spell a key; the object identifier stands for what is not known."""
    try:
        spelt = _spelt(_read(certificate.public_key))
    except Unreadable:
        spelt = None
    return spelt or certificate.public_key_algorithm_oid.dotted_string


def _spelt(key: CertificatePublicKeyTypes) -> str | None:
    match key:
        case rsa.RSAPublicKey():
            return f"RSA-{key.key_size}"
        case ec.EllipticCurvePublicKey():
            return f"EC-{_CURVES.get(key.curve.name, key.curve.name)}"
        case ed25519.Ed25519PublicKey():
            return "Ed25519"
        case ed448.Ed448PublicKey():
            return "Ed448"
        case dsa.DSAPublicKey():
            return f"DSA-{key.key_size}"
        case _:
            return None
