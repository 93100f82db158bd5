"""The demo's certificates: each kind has the fault of its name, and no other."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from exporter.demo.certificates import MAX_COMMON_NAME, Kind, authority, issue

ALONE = (Kind.SELF_SIGNED, Kind.SELF_SIGNED_OTHER_NAME)
NOT_NOW = (Kind.EXPIRED, Kind.NOT_YET_VALID, Kind.EXPIRED_OTHER_NAME)


def all_but(*left_out: Kind) -> list[Kind]:
    return [kind for kind in Kind if kind not in left_out]


def certificates(kind: Kind) -> list[x509.Certificate]:
    return [x509.load_der_x509_certificate(der) for der in issue(kind).chain]


def leaf_of(kind: Kind) -> x509.Certificate:
    return certificates(kind)[0]


def root() -> x509.Certificate:
    return x509.load_pem_x509_certificate(authority())


def valid_now(certificate: x509.Certificate) -> bool:
    now = datetime.now(UTC)
    return certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc


def names_of(certificate: x509.Certificate) -> list[str]:
    try:
        found = certificate.extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        )
    except x509.ExtensionNotFound:
        return []
    return [str(name.value) for name in found.value]


@pytest.mark.parametrize("kind", Kind)
def test_the_key_is_the_leafs(kind: Kind) -> None:
    """The key of each kind belongs to the first certificate of its chain."""
    key = load_pem_private_key(issue(kind).key, None)

    assert key.public_key() == leaf_of(kind).public_key()


@pytest.mark.parametrize("kind", Kind)
def test_pem_is_the_same_chain(kind: Kind) -> None:
    """The PEM of each kind holds the chain that is sent, in its order."""
    assert x509.load_pem_x509_certificates(issue(kind).pem) == certificates(kind)


@pytest.mark.parametrize("kind", Kind)
def test_a_kind_is_issued_once(kind: Kind) -> None:
    """A kind is the same certificate each time, and another for another name."""
    assert issue(kind) is issue(kind, "mail.test")
    assert issue(kind).chain[0] != issue(kind, "mx.test").chain[0]


@pytest.mark.parametrize("kind", Kind)
def test_the_root_is_never_sent(kind: Kind) -> None:
    """No chain holds the authority that a client must trust."""
    assert root() not in certificates(kind)


@pytest.mark.parametrize("kind", all_but(*ALONE, Kind.MISSING_INTERMEDIATE))
def test_a_chain_is_leaf_and_intermediate(kind: Kind) -> None:
    """A whole chain is a leaf and the intermediate that signed it."""
    leaf, intermediate = certificates(kind)

    leaf.verify_directly_issued_by(intermediate)


@pytest.mark.parametrize("kind", all_but(*ALONE, Kind.UNKNOWN_CA))
def test_the_authority_stands_behind_each_chain(kind: Kind) -> None:
    """All but the self-signed and unknown kinds go back to the one authority."""
    intermediate = certificates(kind)[-1]
    if kind is Kind.MISSING_INTERMEDIATE:
        intermediate = certificates(Kind.GOOD)[-1]

    intermediate.verify_directly_issued_by(root())


def test_a_missing_intermediate_is_not_sent() -> None:
    """The chain without its intermediate is the leaf alone, issued by the usual one."""
    (leaf,) = certificates(Kind.MISSING_INTERMEDIATE)

    leaf.verify_directly_issued_by(certificates(Kind.GOOD)[1])


def test_an_unknown_authority_is_another() -> None:
    """The intermediate of the unknown authority was not issued by the known one."""
    assert certificates(Kind.UNKNOWN_CA)[1].issuer != root().subject


@pytest.mark.parametrize("kind", ALONE)
def test_a_self_signed_one_is_alone(kind: Kind) -> None:
    """A self-signed certificate is its own issuer and the whole of its chain."""
    (leaf,) = certificates(kind)

    leaf.verify_directly_issued_by(leaf)


@pytest.mark.parametrize("kind", all_but(*NOT_NOW))
def test_leaves_are_valid_now(kind: Kind) -> None:
    """Only the kinds that say otherwise have a leaf that is not valid now."""
    assert valid_now(leaf_of(kind))


def test_expired_and_future_ones_are_not() -> None:
    """An expired certificate has ended, a future one has not begun."""
    now = datetime.now(UTC)

    assert leaf_of(Kind.EXPIRED).not_valid_after_utc < now
    assert leaf_of(Kind.EXPIRED_OTHER_NAME).not_valid_after_utc < now
    assert leaf_of(Kind.NOT_YET_VALID).not_valid_before_utc > now


@pytest.mark.parametrize("kind", all_but(*ALONE, Kind.MISSING_INTERMEDIATE))
def test_only_one_intermediate_has_expired(kind: Kind) -> None:
    """The intermediate is valid now but for the kind that is named for it."""
    valid = kind is not Kind.EXPIRED_INTERMEDIATE

    assert valid_now(certificates(kind)[1]) is valid


def test_a_good_one_outlasts_a_demo() -> None:
    """A good chain stays good for more than half a year."""
    later = datetime.now(UTC) + timedelta(days=183)

    assert all(
        c.not_valid_after_utc > later for c in (*certificates(Kind.GOOD), root())
    )


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (Kind.GOOD, ["mail.test"]),
        (Kind.WILDCARD, ["*.mail.test"]),
        (Kind.ADDRESS, ["127.0.0.1", "::1"]),
        (Kind.OTHER_NAME, ["other.test"]),
        (Kind.EXPIRED_OTHER_NAME, ["other.test"]),
        (Kind.SELF_SIGNED, ["mail.test"]),
        (Kind.SELF_SIGNED_OTHER_NAME, ["other.test"]),
        (Kind.COMMON_NAME_ONLY, []),
    ],
)
def test_names(kind: Kind, names: list[str]) -> None:
    """The names of each kind stand in its subjectAltName."""
    assert names_of(leaf_of(kind)) == names


def test_common_name_only() -> None:
    """The kind without subjectAltName has the name in its subject."""
    (common,) = leaf_of(Kind.COMMON_NAME_ONLY).subject.get_attributes_for_oid(
        NameOID.COMMON_NAME
    )

    assert common.value == "mail.test"


def test_a_long_name_has_room() -> None:
    """A name too long for a subject is whole in subjectAltName."""
    name = f"{'a' * MAX_COMMON_NAME}.mail.test".replace("aaaaaaaa", "aaaaaaa.", 1)
    leaf = x509.load_der_x509_certificate(issue(Kind.GOOD, name).chain[0])

    assert names_of(leaf) == [name]


@pytest.mark.parametrize("kind", all_but(Kind.RSA, Kind.WEAK_KEY))
def test_keys_are_p256(kind: Kind) -> None:
    """A key is of EC P-256 but for the two kinds that say RSA."""
    key = leaf_of(kind).public_key()

    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert isinstance(key.curve, ec.SECP256R1)


@pytest.mark.parametrize(("kind", "bits"), [(Kind.RSA, 2048), (Kind.WEAK_KEY, 1024)])
def test_rsa_keys(kind: Kind, bits: int) -> None:
    """A good RSA key has 2048 bits, a weak one 1024."""
    key = leaf_of(kind).public_key()

    assert isinstance(key, rsa.RSAPublicKey)
    assert key.key_size == bits


def test_client_only() -> None:
    """The kind for clients names no other usage."""
    usage = leaf_of(Kind.CLIENT_ONLY).extensions.get_extension_for_class(
        x509.ExtendedKeyUsage
    )

    assert list(usage.value) == [ExtendedKeyUsageOID.CLIENT_AUTH]
