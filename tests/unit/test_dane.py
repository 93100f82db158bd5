"""TLSA records held against chains: which vouch for what, whatever a server sends."""

import time
from datetime import UTC, datetime, timedelta
from hashlib import sha256, sha512
from itertools import product

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from exporter.demo.certificates import OTHER_NAME, Kind, authority, issue
from exporter.tls.dane import DANE_EE, DANE_TA, Tlsa, matches, usable

NAME = "mail.test"
NOW = time.time()
DAY = 86400.0

SELECTORS = (0, 1)
MATCHINGS = (0, 1, 2)
FORMS = tuple(product(SELECTORS, MATCHINGS))

LEAF, INTERMEDIATE = GOOD = issue(Kind.GOOD).chain
ROOT = x509.load_pem_x509_certificate(authority()).public_bytes(Encoding.DER)
SELF_SIGNED = issue(Kind.SELF_SIGNED).chain[0]
STRANGER = issue(Kind.UNKNOWN_CA).chain[1]  # an authority that has to do with nothing

# Those that are wrong in a way that a trust anchor in the zone does not mend.
UNFIT = (
    Kind.OTHER_NAME,
    Kind.COMMON_NAME_ONLY,
    Kind.EXPIRED,
    Kind.NOT_YET_VALID,
    Kind.EXPIRED_OTHER_NAME,
    Kind.EXPIRED_INTERMEDIATE,
    Kind.ADDRESS,
    Kind.CLIENT_ONLY,
)
FIT = (Kind.GOOD, Kind.RSA, Kind.WEAK_KEY, Kind.UNKNOWN_CA)


def record(usage: int, der: bytes, selector: int = 0, matching: int = 1) -> Tlsa:
    """Write the record that describes a certificate."""
    key = x509.load_der_x509_certificate(der).public_key()
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    part = (der, spki)[selector]
    data = (part, sha256(part).digest(), sha512(part).digest())[matching]
    return Tlsa(usage, selector, matching, data)


def vouched(
    chain: tuple[bytes, ...],
    *records: Tlsa,
    names: tuple[str, ...] = (NAME,),
    at: float = NOW,
) -> bool:
    """Hold records against a chain, in the usual case."""
    return matches(chain, records, names, at)


def forged(issuer: str) -> bytes:
    """Make a leaf in an authority's name, without its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False
        )
        .sign(key, hashes.SHA256())
        .public_bytes(Encoding.DER)
    )


# --- what can be used


@pytest.mark.parametrize("usage", [DANE_TA, DANE_EE])
@pytest.mark.parametrize(("selector", "matching"), FORMS)
def test_usable(usage: int, selector: int, matching: int) -> None:
    """The two usages are usable with each selector and matching type."""
    assert usable(record(usage, LEAF, selector, matching))


@pytest.mark.parametrize(
    "unusable",
    [
        *(record(usage, LEAF)._replace(usage=usage) for usage in (0, 1, 4, 255)),
        *(record(DANE_EE, LEAF)._replace(selector=s) for s in (2, 255)),
        *(record(DANE_EE, LEAF)._replace(matching=m) for m in (3, 255)),
        *(Tlsa(DANE_EE, 1, 1, bytes(octets)) for octets in (0, 20, 31, 33, 64)),
        *(Tlsa(DANE_TA, 0, 2, bytes(octets)) for octets in (0, 32, 63, 65)),
        *(Tlsa(DANE_EE, selector, 0, b"") for selector in SELECTORS),
        *(Tlsa(DANE_EE, selector, 0, b"\x30\x03abc") for selector in SELECTORS),
        Tlsa(DANE_EE, 1, 0, LEAF),
        Tlsa(DANE_EE, 0, 0, record(DANE_EE, LEAF, 1, 0).data),
        Tlsa(DANE_TA, 0, 0, ROOT + b"\0"),
        Tlsa(DANE_TA, 0, 0, ROOT[:-1]),
    ],
)
def test_unusable(unusable: Tlsa) -> None:
    """What is not known, and data that do not fit, make a record unusable."""
    assert not usable(unusable)


@pytest.mark.parametrize("usage", [0, 1, 4, 255])
@pytest.mark.parametrize("der", GOOD)
def test_other_usages(usage: int, der: bytes) -> None:
    """A record of another usage vouches for nothing, though its data match."""
    assert not vouched(GOOD, record(usage, der))


# --- usage 3: the leaf


@pytest.mark.parametrize(("selector", "matching"), FORMS)
@pytest.mark.parametrize("kind", Kind)
def test_leaf(kind: Kind, selector: int, matching: int) -> None:
    """A record of the leaf vouches for it, whatever its names, dates and issuer."""
    chain = issue(kind, NAME).chain

    assert vouched(chain, record(DANE_EE, chain[0], selector, matching), names=())


@pytest.mark.parametrize("at", [0.0, NOW - 100 * DAY, NOW + 10000 * DAY, -1e18, 1e18])
def test_leaf_at_any_time(at: float) -> None:
    """A record of the leaf vouches for it at any time."""
    assert vouched(GOOD, record(DANE_EE, LEAF), at=at)


@pytest.mark.parametrize(("selector", "matching"), FORMS)
@pytest.mark.parametrize("der", [INTERMEDIATE, ROOT, SELF_SIGNED])
def test_leaf_only(der: bytes, selector: int, matching: int) -> None:
    """A record of usage 3 is held against the leaf and nothing else."""
    assert not vouched(GOOD, record(DANE_EE, der, selector, matching))


def test_form_counts() -> None:
    """The right digest of the wrong part, or as the wrong type, is no match."""
    certificate, key = (record(DANE_EE, LEAF, selector) for selector in SELECTORS)

    assert not vouched(GOOD, certificate._replace(data=key.data))
    assert not vouched(GOOD, key._replace(data=certificate.data))


# --- usage 2: an authority above it


@pytest.mark.parametrize(("selector", "matching"), FORMS)
@pytest.mark.parametrize("kind", FIT)
def test_authority(kind: Kind, selector: int, matching: int) -> None:
    """A record of a sent authority vouches for a leaf of its own, in each form."""
    chain = issue(kind, NAME).chain

    assert vouched(chain, record(DANE_TA, chain[1], selector, matching))


@pytest.mark.parametrize("kind", UNFIT)
def test_authority_of_an_unfit_leaf(kind: Kind) -> None:
    """Names, dates and usage count below a trust anchor."""
    chain = issue(kind, NAME).chain

    assert not vouched(chain, record(DANE_TA, chain[1]))


@pytest.mark.parametrize(
    ("kind", "names", "expected"),
    [
        (Kind.GOOD, ("mx.test", NAME), True),
        (Kind.GOOD, (NAME, "mx.test"), True),
        (Kind.GOOD, ("MAIL.Test",), True),
        (Kind.GOOD, ("mail.test.",), True),
        (Kind.GOOD, ("mx.test", OTHER_NAME), False),
        (Kind.GOOD, ("test",), False),
        (Kind.GOOD, (), False),
        (Kind.GOOD, ("",), False),
        (Kind.GOOD, ("..", "a b", "\0", "x" * 300, "\udcff"), False),
        (Kind.OTHER_NAME, (NAME, OTHER_NAME), True),
        (Kind.WILDCARD, ("mx.mail.test",), True),
        (Kind.WILDCARD, (NAME,), False),
        (Kind.WILDCARD, ("a.mx.mail.test",), False),
        (Kind.COMMON_NAME_ONLY, (NAME,), False),
    ],
)
def test_names(kind: Kind, names: tuple[str, ...], expected: bool) -> None:
    """The leaf must be for one of the names, by its DNS names alone."""
    chain = issue(kind, NAME).chain

    assert vouched(chain, record(DANE_TA, chain[1]), names=names) is expected


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (NOW - 2 * DAY, False),
        (NOW - DAY / 2, True),
        (NOW + 390 * DAY, True),
        (NOW + 400 * DAY, False),
    ],
)
def test_dates(at: float, expected: bool) -> None:
    """The dates are held against the time that is given."""
    assert vouched(GOOD, record(DANE_TA, INTERMEDIATE), at=at) is expected


def test_root_that_was_sent() -> None:
    """A root is an authority like any other when it is sent."""
    root = record(DANE_TA, ROOT)

    assert vouched((*GOOD, ROOT), root)
    assert not vouched((LEAF, ROOT), root)


@pytest.mark.parametrize(("selector", "matching"), FORMS)
def test_root_that_was_not_sent(selector: int, matching: int) -> None:
    """Only a record that holds the whole certificate stands in for one not sent."""
    root = record(DANE_TA, ROOT, selector, matching)

    assert vouched(GOOD, root) is ((selector, matching) == (0, 0))
    assert not vouched(GOOD, root._replace(data=root.data + b"\0"))


def test_whole_certificate_below_nothing() -> None:
    """A whole certificate in a record is of no use where the path is broken."""
    whole = record(DANE_TA, ROOT, 0, 0)

    assert not vouched(issue(Kind.MISSING_INTERMEDIATE, NAME).chain, whole)


def test_missing_intermediate_in_the_record() -> None:
    """An intermediate that the server forgets may come from the zone."""
    chain = issue(Kind.MISSING_INTERMEDIATE, NAME).chain

    assert vouched(chain, record(DANE_TA, INTERMEDIATE, 0, 0))
    assert not vouched(chain, record(DANE_TA, INTERMEDIATE, 0, 1))


@pytest.mark.parametrize("matching", MATCHINGS)
@pytest.mark.parametrize("der", [LEAF, SELF_SIGNED])
def test_leaf_is_no_authority(der: bytes, matching: int) -> None:
    """A record of usage 2 does not vouch for the leaf that it describes."""
    assert not vouched((der, INTERMEDIATE), record(DANE_TA, der, 0, matching))


def test_stranger_in_the_chain() -> None:
    """An authority that was sent along but issued nothing vouches for nothing."""
    assert not vouched((*GOOD, STRANGER), record(DANE_TA, STRANGER))
    assert vouched((LEAF, STRANGER, INTERMEDIATE), record(DANE_TA, INTERMEDIATE))


def test_borrowed_authority() -> None:
    """Sending an authority's certificate along is not having been issued by it."""
    for form in FORMS:
        borrowed = record(DANE_TA, INTERMEDIATE, *form)
        assert not vouched((forged("Demo Intermediate"), INTERMEDIATE), borrowed)


def test_expired_authority_above() -> None:
    """What lies above the authority that is described is not looked at."""
    leaf, expired = issue(Kind.EXPIRED_INTERMEDIATE, NAME).chain

    assert not vouched((leaf, expired, ROOT), record(DANE_TA, expired))
    assert vouched((*GOOD, STRANGER, expired), record(DANE_TA, INTERMEDIATE))


# --- several records


def test_one_is_enough() -> None:
    """One record that matches is enough, beside useless and mismatching ones."""
    others = (
        record(0, LEAF),
        record(DANE_EE, ROOT),
        record(DANE_TA, STRANGER),
        Tlsa(DANE_EE, 1, 1, b"short"),
    )

    assert not vouched(GOOD, *others)
    assert vouched(GOOD, *others, record(DANE_EE, LEAF))
    assert vouched(GOOD, *others, record(DANE_TA, INTERMEDIATE))


def test_any_authority() -> None:
    """Where several sent authorities are described, any of them will do."""
    described = (record(DANE_TA, STRANGER), record(DANE_TA, INTERMEDIATE))

    assert vouched((LEAF, STRANGER, INTERMEDIATE), *described)


@pytest.mark.parametrize(("strangers", "expected"), [(7, True), (8, False)])
def test_bound(strangers: int, expected: bool) -> None:
    """No more than eight authorities are tried."""
    chain = (LEAF, *[STRANGER] * strangers, INTERMEDIATE)
    described = (record(DANE_TA, STRANGER), record(DANE_TA, INTERMEDIATE))

    assert vouched(chain, *described) is expected


@pytest.mark.parametrize("chain", [(), GOOD])
def test_nothing(chain: tuple[bytes, ...]) -> None:
    """Without records nothing is vouched for, and without a chain there is nothing."""
    assert not vouched(chain)
    assert not vouched((), record(DANE_EE, LEAF))


# --- hostile octets


@pytest.mark.parametrize("junk", [b"", b"\x30", b"\x30\x80", b"junk", LEAF[:-1]])
def test_unreadable(junk: bytes) -> None:
    """What cannot be read matches nothing, and hides nothing beside it."""
    leaf, above = record(DANE_EE, LEAF, 1), record(DANE_TA, INTERMEDIATE)

    assert not vouched((junk,), leaf, above)
    assert not vouched((junk, INTERMEDIATE), leaf, above)
    assert vouched((LEAF, junk, INTERMEDIATE), above)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Draw a certificate with an octet that is another."""
    der = bytearray(draw(st.sampled_from([LEAF, INTERMEDIATE, ROOT])))
    der[draw(st.integers(0, len(der) - 1))] = draw(st.integers(0, 255))
    return bytes(der)


CERTIFICATES = st.one_of(
    st.binary(max_size=40), damaged(), st.sampled_from([LEAF, INTERMEDIATE, ROOT])
)
RECORDS = st.one_of(
    st.builds(
        Tlsa,
        st.integers(0, 255),
        st.integers(0, 255),
        st.integers(0, 255),
        st.binary(max_size=70),
    ),
    st.builds(
        record,
        st.sampled_from([DANE_TA, DANE_EE]),
        st.sampled_from([LEAF, INTERMEDIATE, ROOT]),
        st.sampled_from(SELECTORS),
        st.sampled_from(MATCHINGS),
    ),
    st.builds(
        lambda usage, der: Tlsa(usage, 0, 0, der),
        st.sampled_from([DANE_TA, DANE_EE]),
        CERTIFICATES,
    ),
)


@given(
    st.lists(CERTIFICATES, max_size=4),
    st.lists(RECORDS, max_size=4),
    st.lists(st.one_of(st.text(max_size=20), st.just(NAME)), max_size=2),
    st.floats(0, 4e9),
)
def test_never_raises(
    chain: list[bytes], records: list[Tlsa], names: list[str], at: float
) -> None:
    """Whatever is sent, published or asked for, there is an answer."""
    for one in records:
        assert usable(one) in {True, False}
    assert matches(tuple(chain), tuple(records), tuple(names), at) in {True, False}


@given(damaged())
def test_damage_is_noticed(der: bytes) -> None:
    """A record of a certificate does not vouch for one that differs in an octet."""
    described = [record(DANE_EE, c) for c in (LEAF, INTERMEDIATE, ROOT)]

    assert vouched((der,), *described) is (der in {LEAF, INTERMEDIATE, ROOT})
