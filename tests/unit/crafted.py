"""A maker of certificates that no authority would issue, for tests that need them odd.

Where exporter/demo/certificates.py has one certificate for each usual fault, this makes
any: other keys, other times, other extensions, and parts patched after signing.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from enum import Enum
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import (
    CertificateIssuerPrivateKeyTypes,
    CertificatePublicKeyTypes,
)
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import strategies as st

BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
AT = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
END = datetime(2034, 1, 1, tzinfo=UTC)
BEFORE = datetime(2025, 1, 1, tzinfo=UTC)
AFTER = datetime(2027, 1, 1, tzinfo=UTC)

CRITICAL = True


class Signer(NamedTuple):
    """A certificate and its key."""

    certificate: x509.Certificate
    key: CertificateIssuerPrivateKeyTypes

    @property
    def der(self) -> bytes:
        """Give the certificate as it is sent."""
        return self.certificate.public_bytes(Encoding.DER)


def certify(
    name: str = "mail.test",
    *,
    by: Signer | None = None,
    key: CertificateIssuerPrivateKeyTypes | None = None,
    names: Iterable[x509.GeneralName] = (),
    authority: bool = False,
    begin: datetime = BEGIN,
    end: datetime = END,
    extensions: Iterable[x509.ExtensionType] = (),
) -> Signer:
    """Make a certificate; without `by` it is its own issuer.

    One that is no authority has its name in subjectAltName too, if not others.
    """
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signer = by.key if by else key
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(authority, None), CRITICAL)
    )
    if not authority:
        san = x509.SubjectAlternativeName(list(names) or [x509.DNSName(name)])
        builder = builder.add_extension(san, not CRITICAL)
    for extension in extensions:
        builder = builder.add_extension(extension, not CRITICAL)
    unhashed = isinstance(signer, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey)
    return Signer(builder.sign(signer, None if unhashed else hashes.SHA256()), key)


def bare(
    subject: str = "CN=mail.test", key: CertificatePublicKeyTypes | None = None
) -> Signer:
    """Make a certificate of number 1 without extensions, for any subject and key."""
    by = certify("Root", authority=True)
    builder = x509.CertificateBuilder(
        issuer_name=by.certificate.subject,
        subject_name=x509.Name.from_rfc4514_string(subject),
        public_key=key or by.certificate.public_key(),
        serial_number=1,
        not_valid_before=BEGIN,
        not_valid_after=END,
    )
    return Signer(builder.sign(by.key, hashes.SHA256()), by.key)


def usage(**said: bool) -> x509.KeyUsage:
    """Make a key usage of what is said and nothing else."""
    return x509.KeyUsage(**dict.fromkeys(_USAGES, False) | said)


_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    """Make an RSA key, which may be a weak one."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


class Digest(Enum):
    """A digest that signatures are not made with any more, as the library has it."""

    MD5 = hashes.MD5()  # noqa: S303 -- what is to be found weak
    SHA1 = hashes.SHA1()  # noqa: S303 -- what is to be found weak


def signed_anew(
    certificate: x509.Certificate, by: Signer, digest: Digest
) -> x509.Certificate:
    """Sign a certificate of an RSA issuer again, with a digest that is no good."""
    assert isinstance(by.key, rsa.RSAPrivateKey)
    algorithm = _RSA_WITH[digest]
    tbs = certificate.tbs_certificate_bytes.replace(_RSA_WITH_SHA256, algorithm)
    signature = by.key.sign(tbs, padding.PKCS1v15(), digest.value)
    der = _assembled(tbs, algorithm + _NULL, signature)
    return x509.load_der_x509_certificate(der)


_ECDSA_WITH_SHA256 = bytes.fromhex("06082a8648ce3d040302")
_RSA_WITH_SHA256 = bytes.fromhex("06092a864886f70d01010b")
_RSA_WITH = {
    Digest.MD5: bytes.fromhex("06092a864886f70d010104"),
    Digest.SHA1: bytes.fromhex("06092a864886f70d010105"),
}


def of_version_1(signer: Signer) -> bytes:
    """Give the DER of a bare certificate without its version, as version 1 had it.

    The signature stays that of version 3, so that it is good for reading alone.
    """
    tbs = signer.certificate.tbs_certificate_bytes
    version, fields = bytes.fromhex("a003020102"), tbs[3:]
    assert fields.startswith(version)
    return _assembled(
        element(0x30, fields.removeprefix(version)),
        _ECDSA_WITH_SHA256,
        signer.certificate.signature,
    )


def _assembled(tbs: bytes, algorithm: bytes, signature: bytes) -> bytes:
    parts = tbs + element(0x30, algorithm) + element(0x03, b"\0" + signature)
    return element(0x30, parts)


_NULL = b"\x05\x00"  # the parameters of RSA


def element(tag: int, content: bytes) -> bytes:
    """Encode one element of DER."""
    length = len(content)
    if length < 0x80:
        return bytes((tag, length)) + content
    octets = length.to_bytes((length.bit_length() + 7) // 8)
    return bytes((tag, 0x80 | len(octets))) + octets + content


def patched(signer: Signer, old: bytes, new: bytes) -> bytes:
    """Give the DER of a certificate with octets replaced by as many others."""
    assert len(old) == len(new)
    assert old in signer.der
    return signer.der.replace(old, new)


def mutations(der: bytes) -> st.SearchStrategy[bytes]:
    """Draw certificates with a few octets put in the place of others."""
    cut = st.tuples(st.integers(0, len(der)), st.integers(0, 8), st.binary(max_size=8))
    return st.lists(cut, min_size=1, max_size=4).map(lambda cuts: _cut(der, cuts))


def _cut(der: bytes, cuts: list[tuple[int, int, bytes]]) -> bytes:
    for at, length, instead in cuts:
        der = der[:at] + instead + der[at + length :]
    return der
