"""What a certificate says: a good one exactly, a bad one in part, none by a crash."""

import hashlib
import warnings
from datetime import UTC, datetime
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, x25519
from cryptography.hazmat.primitives.asymmetric.types import (
    CertificateIssuerPrivateKeyTypes,
)
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from exporter.demo.certificates import Kind, issue
from exporter.tls.facts import (
    MAX_CHARACTERS,
    MAX_NAMES,
    UNREADABLE,
    Unreadable,
    chain_not_after,
    digest_name,
    extension,
    frame,
    parse,
    read_certificate,
    validity,
)
from tests.unit.crafted import (
    AFTER,
    BEGIN,
    END,
    Digest,
    bare,
    certify,
    mutations,
    of_version_1,
    patched,
    rsa_key,
    signed_anew,
)

# --- a good certificate


def test_facts_of_a_good_one() -> None:
    """A certificate's facts are what the library reads out of it."""
    signer = certify(by=certify("Root", authority=True))

    facts = read_certificate(signer.der)

    assert facts.subject == "CN=mail.test"
    assert facts.issuer == "CN=Root"
    assert facts.serial == f"{signer.certificate.serial_number:x}"
    assert facts.fingerprint_sha256 == hashlib.sha256(signer.der).hexdigest()
    assert facts.key == "EC-P-256"
    assert (facts.not_before, facts.not_after) == (BEGIN.timestamp(), END.timestamp())
    assert facts.names == ("mail.test",)


@pytest.mark.parametrize("kind", Kind)
def test_the_keys_digest_is_that_of_its_whole_record(kind: Kind) -> None:
    """The digest of a key is that of its SubjectPublicKeyInfo."""
    der = issue(kind).chain[0]
    key = x509.load_der_x509_certificate(der).public_key()
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    assert read_certificate(der).key_sha256 == hashlib.sha256(spki).hexdigest()


@pytest.mark.parametrize(
    ("key", "spelt"),
    [
        (ec.generate_private_key(ec.SECP256R1()), "EC-P-256"),
        (ec.generate_private_key(ec.SECP384R1()), "EC-P-384"),
        (ec.generate_private_key(ec.SECP521R1()), "EC-P-521"),
        (ec.generate_private_key(ec.BrainpoolP256R1()), "EC-brainpoolP256r1"),
        (ed25519.Ed25519PrivateKey.generate(), "Ed25519"),
        (ed448.Ed448PrivateKey.generate(), "Ed448"),
        (rsa_key(1024), "RSA-1024"),
        (rsa_key(2048), "RSA-2048"),
        (dsa.generate_private_key(2048), "DSA-2048"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_keys(key: CertificateIssuerPrivateKeyTypes, spelt: str) -> None:
    """A key is spelt by its kind and its size or curve."""
    assert read_certificate(certify(key=key).der).key == spelt


def test_a_key_that_signs_nothing() -> None:
    """A key of another kind is spelt by its object identifier."""
    key = x25519.X25519PrivateKey.generate().public_key()

    assert read_certificate(bare(key=key).der).key == "1.3.101.110"


def test_a_curve_that_nobody_knows() -> None:
    """A key that cannot be read is spelt by its object identifier, with its digest."""
    der = patched(certify(), _P256, _UNKNOWN_CURVE)

    facts = read_certificate(der)

    assert facts.key == "1.2.840.10045.2.1"
    assert len(facts.key_sha256) == 64


_P256 = bytes.fromhex("06082a8648ce3d030107")
_UNKNOWN_CURVE = bytes.fromhex("06082a8648ce3d03017f")


def test_names_and_addresses() -> None:
    """DNS names and addresses are names, in their order; nothing else is."""
    names = [
        x509.DNSName("*.mail.test"),
        x509.RFC822Name("post@mail.test"),
        x509.IPAddress(ip_address("2001:db8::1")),
        x509.UniformResourceIdentifier("smtp://mail.test"),
        x509.DNSName("mail.test"),
    ]

    facts = read_certificate(certify(names=names).der)

    assert facts.names == ("*.mail.test", "2001:db8::1", "mail.test")


def test_no_names() -> None:
    """A certificate without subjectAltName has no names, whatever its subject says."""
    facts = read_certificate(issue(Kind.COMMON_NAME_ONLY).chain[0])

    assert facts.names == ()
    assert facts.subject == "CN=mail.test"


def test_version_1() -> None:
    """A certificate of version 1, which does not say its version, is read as well."""
    signer = bare()
    der = of_version_1(signer)

    assert read_certificate(der) == read_certificate(signer.der)._replace(
        fingerprint_sha256=hashlib.sha256(der).hexdigest()
    )


def test_the_end_of_time() -> None:
    """A certificate may say that it never ends (RFC 5280 section 4.1.2.5)."""
    never = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)

    assert read_certificate(certify(end=never).der).not_after == never.timestamp()


# --- parts that cannot be read


def test_a_broken_subject() -> None:
    """A name in a broken encoding has a word of its own, and the rest is read."""
    signer = certify("Ziggurat", names=[x509.DNSName("mail.test")])

    facts = read_certificate(patched(signer, b"Ziggurat", b"Zigg\xffrat"))

    assert facts.subject == facts.issuer == UNREADABLE
    assert facts.names == ("mail.test",)


def test_a_broken_extension() -> None:
    """With a broken subjectAltName there are no names, and the rest is read."""
    signer = certify("Ziggurat", names=[x509.DNSName("mail.test")])

    facts = read_certificate(patched(signer, b"mail.test", b"mail\xfftest"))

    assert facts.names == ()
    assert facts.subject == "CN=Ziggurat"


def test_asking_for_a_broken_extension() -> None:
    """Any extension that is asked for is unreadable where one of them is broken."""
    signer = certify("Ziggurat", names=[x509.DNSName("mail.test")])
    certificate = parse(patched(signer, b"mail.test", b"mail\xfftest"))

    with pytest.raises(Unreadable):
        extension(certificate, x509.BasicConstraints)


def test_an_extension_twice() -> None:
    """A certificate that has an extension twice has none that can be read."""
    mark = x509.ObjectIdentifier("1.2.3.4.5")
    other = x509.ObjectIdentifier("1.2.3.4.6")
    signer = certify(
        extensions=[
            x509.UnrecognizedExtension(mark, b"\x05\x00"),
            x509.UnrecognizedExtension(other, b"\x05\x00"),
        ]
    )
    der = patched(signer, bytes.fromhex("06042a030406"), bytes.fromhex("06042a030405"))

    with pytest.raises(Unreadable):
        extension(parse(der), x509.BasicConstraints)


def test_an_extension_that_is_absent() -> None:
    """An extension that is not there is None, not unreadable."""
    assert extension(certify().certificate, x509.KeyUsage) is None


@pytest.mark.parametrize(
    ("serial", "said"), [("00", "0"), ("ff", "-1")], ids=["zero", "negative"]
)
def test_a_serial_that_should_not_be(serial: str, said: str) -> None:
    """A serial number that RFC 5280 forbids is told as it is, without a warning."""
    behind_version = "a003020102"
    der = patched(
        bare(),
        bytes.fromhex(f"{behind_version}020101"),
        bytes.fromhex(f"{behind_version}0201{serial}"),
    )

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        facts = read_certificate(der)

    assert facts.serial == said


def test_a_subject_against_the_rules() -> None:
    """A subject with an attribute of the wrong length is told without a warning."""
    signer = certify("Zig")
    common_name, country = bytes.fromhex("0603550403"), bytes.fromhex("0603550406")

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        facts = read_certificate(patched(signer, common_name, country))

    assert facts.subject == "C=Zig"


# --- certificates that cannot be read


@pytest.mark.parametrize(
    "der",
    [
        b"",
        b"\x30",
        b"\x30\x00",
        b"220 mail.test ESMTP",
        b"\xff" * 64,
        certify().der[:-1],
        certify().der + b"\x00",
        patched(certify(), bytes.fromhex("a003020102"), bytes.fromhex("a003020109")),
        patched(certify(), b"240101000000Z", b"241301000000Z"),
    ],
    ids=[
        "nothing",
        "half a tag",
        "empty",
        "text",
        "ones",
        "short",
        "long",
        "version",
        "month 13",
    ],
)
def test_unreadable(der: bytes) -> None:
    """Octets that are no certificate are Unreadable."""
    with pytest.raises(Unreadable):
        read_certificate(der)


@given(mutations(certify(by=certify("Root", authority=True)).der))
def test_mutated_certificates(der: bytes) -> None:
    """A mutated certificate is read or Unreadable, and what is read is bounded."""
    try:
        facts = read_certificate(der)
    except Unreadable:
        return

    texts = (facts.subject, facts.issuer, facts.serial, facts.key, *facts.names)
    assert all(len(t) <= MAX_CHARACTERS and t.isprintable() for t in texts)


@given(st.binary(max_size=256))
def test_octets_of_any_kind(octets: bytes) -> None:
    """Random octets are Unreadable."""
    with pytest.raises(Unreadable):
        read_certificate(octets)


# --- bounds


def test_a_long_subject_is_cut() -> None:
    """A subject longer than the bound is cut to it, and shows that it is."""
    signer = bare(",".join([f"OU={'x' * 64}"] * 8))

    subject = read_certificate(signer.der).subject

    assert len(subject) == MAX_CHARACTERS
    assert subject.endswith("x [...]")


def test_many_names_are_cut() -> None:
    """Names over the bound are left out."""
    names = [x509.DNSName(f"mx{n}.test") for n in range(MAX_NAMES + 1)]

    assert read_certificate(certify(names=names).der).names == tuple(
        n.value for n in names[:MAX_NAMES]
    )


def test_a_long_name_is_cut() -> None:
    """A name longer than the bound is cut to it."""
    names = [x509.DNSName("x" * 1000)]

    (name,) = read_certificate(certify(names=names).der).names

    assert len(name) == MAX_CHARACTERS


def test_no_control_characters() -> None:
    """What could steer a terminal is spelt out."""
    signer = certify("Zig", names=[x509.DNSName("a\nb\x1b[2J")])

    facts = read_certificate(patched(signer, b"Zig", b"\x1b[J"))

    assert facts.names == ("a\\nb\\x1b[2J",)
    assert facts.subject == "CN=\\x1b[J"


# --- the end of a chain


def test_the_earliest_end_of_a_chain() -> None:
    """A chain ends with the first of its certificates that ends."""
    chain = tuple(certify(end=end).der for end in (END, AFTER, END))

    assert chain_not_after(chain) == AFTER.timestamp()


def test_the_end_of_a_chain_in_part() -> None:
    """Certificates that cannot be read have no say in the end of a chain."""
    assert chain_not_after((b"", certify().der, b"\x30\x00")) == END.timestamp()


@pytest.mark.parametrize("chain", [(), (b"",), (b"", b"")])
def test_a_chain_without_an_end(chain: tuple[bytes, ...]) -> None:
    """Without a readable certificate there is no end."""
    assert chain_not_after(chain) is None


# --- parts for the verdict


def test_validity() -> None:
    """The two ends of a certificate's validity are Unix time."""
    assert validity(certify(end=AFTER).certificate) == (
        BEGIN.timestamp(),
        AFTER.timestamp(),
    )


def test_the_frame() -> None:
    """The frame has issuer and subject as they stand in the certificate."""
    signer = certify(by=certify("Root", authority=True))

    parts = frame(signer.certificate)

    assert parts.issuer == signer.certificate.issuer.public_bytes()
    assert parts.subject == signer.certificate.subject.public_bytes()


def test_digests() -> None:
    """The digest of a signature is told by its name; EdDSA has none."""
    root = certify("Root", authority=True, key=rsa_key())
    ed = certify(key=ed25519.Ed25519PrivateKey.generate())
    old = signed_anew(certify(by=root).certificate, root, Digest.SHA1)

    assert digest_name(root.certificate) == "sha256"
    assert digest_name(old) == "sha1"
    assert digest_name(ed.certificate) is None


def test_a_digest_that_nobody_knows() -> None:
    """A signature algorithm that is not known has no digest."""
    ecdsa, unknown = (
        bytes.fromhex("2a8648ce3d040302"),
        bytes.fromhex("2a8648ce3d04037f"),
    )

    assert digest_name(parse(patched(certify(), ecdsa, unknown))) is None
