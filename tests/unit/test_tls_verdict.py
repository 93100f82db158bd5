"""The verdict on a chain: each problem by itself, and what OpenSSL would say of it."""

import math
import ssl
import time
from datetime import datetime
from functools import cache
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import assume, given
from hypothesis import strategies as st
from OpenSSL import crypto

from exporter.demo.certificates import Kind, authority, issue
from exporter.tls.verdict import Authorities, Verdict, gravest, judge
from exporter.vocabulary import CERTIFICATE_PROBLEMS, Reason
from tests.unit.crafted import (
    AFTER,
    AT,
    BEFORE,
    BEGIN,
    END,
    Digest,
    Signer,
    certify,
    mutations,
    patched,
    rsa_key,
    signed_anew,
    usage,
)

UNTRUSTED = Reason.UNTRUSTED
WEAK = Reason.CERT_WEAK
INVALID = Reason.CERT_INVALID
MISMATCH = Reason.NAME_MISMATCH
NOT_YET = Reason.CERT_NOT_YET_VALID
EXPIRED = Reason.CERT_EXPIRED

ROOT = certify("Root", authority=True)
INTERMEDIATE = certify("Intermediate", by=ROOT, authority=True)


def trusting(*anchors: x509.Certificate) -> Authorities:
    return Authorities(tuple(map(crypto.X509.from_cryptography, anchors)))


@cache
def demo() -> Authorities:
    return trusting(x509.load_pem_x509_certificate(authority()))


def verdict(
    *chain: Signer | bytes,
    trusted: tuple[Signer, ...] = (ROOT,),
    name: str | None = "mail.test",
    at: float = AT,
) -> Verdict:
    ders = tuple(c if isinstance(c, bytes) else c.der for c in chain)
    return judge(ders, trusting(*(t.certificate for t in trusted)), name, at)


def problems(
    *chain: Signer | bytes,
    trusted: tuple[Signer, ...] = (ROOT,),
    name: str | None = "mail.test",
    at: float = AT,
) -> set[Reason]:
    return set(verdict(*chain, trusted=trusted, name=name, at=at).problems)


# --- the usual faults

OF_KIND = {
    Kind.GOOD: set(),
    Kind.RSA: set(),
    Kind.WILDCARD: {MISMATCH},
    Kind.ADDRESS: {MISMATCH},
    Kind.OTHER_NAME: {MISMATCH},
    Kind.COMMON_NAME_ONLY: {MISMATCH},
    Kind.EXPIRED: {EXPIRED},
    Kind.NOT_YET_VALID: {NOT_YET},
    Kind.EXPIRED_OTHER_NAME: {EXPIRED, MISMATCH},
    Kind.EXPIRED_INTERMEDIATE: {EXPIRED},
    Kind.MISSING_INTERMEDIATE: {UNTRUSTED},
    Kind.SELF_SIGNED: {UNTRUSTED},
    Kind.SELF_SIGNED_OTHER_NAME: {UNTRUSTED, MISMATCH},
    Kind.UNKNOWN_CA: {UNTRUSTED},
    Kind.WEAK_KEY: {WEAK},
    Kind.CLIENT_ONLY: {INVALID},
}


@pytest.mark.parametrize("kind", Kind)
def test_kinds(kind: Kind) -> None:
    """Each kind of certificate has exactly the problems of its name."""
    found = judge(issue(kind).chain, demo(), "mail.test", time.time())

    assert found.problems == OF_KIND[kind]


@pytest.mark.parametrize("kind", Kind)
def test_no_name(kind: Kind) -> None:
    """Without a name to hold it against, no certificate has the right one."""
    found = judge(issue(kind).chain, demo(), None, time.time())

    assert found.problems == OF_KIND[kind] | {MISMATCH}


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (Kind.GOOD, None),
        (Kind.EXPIRED, EXPIRED),
        (Kind.NOT_YET_VALID, NOT_YET),
        (Kind.OTHER_NAME, MISMATCH),
        (Kind.SELF_SIGNED, UNTRUSTED),
        (Kind.UNKNOWN_CA, UNTRUSTED),
        (Kind.WEAK_KEY, WEAK),
        (Kind.EXPIRED_OTHER_NAME, MISMATCH),
        (Kind.SELF_SIGNED_OTHER_NAME, UNTRUSTED),
    ],
)
def test_the_gravest_of_a_kind(kind: Kind, reason: Reason | None) -> None:
    """The reason of each case of SMTP.md 6.7 is the one that its row names."""
    found = judge(issue(kind).chain, demo(), "mail.test", time.time())

    assert gravest(found.problems) is reason


def test_the_order_of_gravity() -> None:
    """Of several problems the first of the vocabulary's list is the gravest."""
    for place, problem in enumerate(CERTIFICATE_PROBLEMS):
        assert gravest(CERTIFICATE_PROBLEMS[place:]) is problem
    assert gravest(()) is None


# --- OpenSSL itself as the judge

OF_VERIFY_CODE = {
    9: NOT_YET,
    10: EXPIRED,
    18: UNTRUSTED,
    19: UNTRUSTED,
    20: UNTRUSTED,
    21: UNTRUSTED,
    26: INVALID,
    62: MISMATCH,
    64: MISMATCH,
    66: WEAK,
}


@pytest.mark.parametrize("name", ["mail.test", "a.mail.test", "127.0.0.1", "::1"])
@pytest.mark.parametrize("kind", Kind)
def test_openssl_agrees(kind: Kind, name: str, tmp_path: Path) -> None:
    """A handshake that verifies fails for the problem that is the gravest."""
    found = judge(issue(kind).chain, demo(), name, time.time())

    assert gravest(found.problems) is refusal(kind, name, tmp_path)


def refusal(kind: Kind, name: str, folder: Path) -> Reason | None:
    """Shake hands with a server of this kind over memory, as strict clients do."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.load_verify_locations(cadata=authority().decode())
    client.set_ciphers("DEFAULT:@SECLEVEL=2")
    client.hostname_checks_common_name = False
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.set_ciphers("DEFAULT:@SECLEVEL=0")
    for file, octets in (("chain", issue(kind).pem), ("key", issue(kind).key)):
        (folder / file).write_bytes(octets)
    server.load_cert_chain(folder / "chain", folder / "key")
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (
        server.wrap_bio(to_server, to_client, server_side=True),
        client.wrap_bio(to_client, to_server, server_hostname=name),
    )
    for _ in range(4):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLCertVerificationError as error:
                return OF_VERIFY_CODE[error.verify_code]
    return None


# --- trust


def test_a_chain_in_disorder() -> None:
    """Intermediates may come in any order, with others among them."""
    lower = certify("Lower", by=INTERMEDIATE, authority=True)
    stranger = certify("Stranger", authority=True, end=BEFORE)
    leaf = certify(by=lower)

    assert problems(leaf, stranger, INTERMEDIATE, lower) == set()


def test_the_root_may_be_sent() -> None:
    """A chain that holds its own root needs the root to be trusted all the same."""
    leaf = certify(by=INTERMEDIATE)

    assert problems(leaf, INTERMEDIATE, ROOT) == set()
    assert problems(leaf, INTERMEDIATE, ROOT, trusted=()) == {UNTRUSTED}


def test_a_leaf_that_is_trusted_itself() -> None:
    """A self-signed certificate is good where it is itself an authority."""
    own = certify()

    assert problems(own, trusted=(own,)) == set()


def test_another_root_of_the_same_name() -> None:
    """A root of the same name and another key vouches for nobody."""
    impostor = certify("Root", authority=True)

    found = problems(certify(by=INTERMEDIATE), INTERMEDIATE, trusted=(impostor,))

    assert found & {UNTRUSTED, INVALID}


def test_unreadable_certificates_behind_the_leaf() -> None:
    """Octets behind the leaf that are no certificate change nothing."""
    assert problems(certify(by=ROOT), b"", b"\x30\x00") == set()


@pytest.mark.parametrize("chain", [(), (b"",), (b"\x30\x00",), (b"", certify(by=ROOT))])
def test_an_unreadable_leaf(chain: tuple[bytes, ...]) -> None:
    """Without a readable leaf the chain is faulty, and time cannot mend it."""
    assert verdict(*chain) == Verdict(frozenset({INVALID}), math.inf)


# --- dates


def test_untrusted_expired_and_of_another_name() -> None:
    """Problems stand beside each other, and the lack of trust names the failure."""
    found = problems(certify("other.test", end=BEFORE))

    assert found == {UNTRUSTED, EXPIRED, MISMATCH}
    assert gravest(found) is UNTRUSTED


def test_expired_and_weak_and_not_yet() -> None:
    """The leaf and an intermediate may each have dates and a fault of their own."""
    future = certify("Future", by=ROOT, authority=True, begin=AFTER)
    leaf = certify(by=future, end=BEFORE, key=rsa_key(1024))

    assert problems(leaf, future) == {NOT_YET, EXPIRED, WEAK}


def test_the_date_of_an_unknown_issuer() -> None:
    """An intermediate that was sent is judged, also when it leads nowhere."""
    unknown = certify("Unknown", authority=True)
    over = certify("Over", by=unknown, authority=True, end=BEFORE)

    assert problems(certify(by=over), over) == {UNTRUSTED, EXPIRED}


def test_a_stranger_that_has_expired() -> None:
    """A certificate that is sent and issued nothing here is not judged."""
    stranger = certify("Stranger", authority=True, end=BEFORE)

    assert problems(certify(), stranger) == {UNTRUSTED}


def test_an_expired_root() -> None:
    """A trusted root that has expired is a certificate of the chain that has."""
    root = certify("Old Root", authority=True, end=BEFORE)

    assert problems(certify(by=root), trusted=(root,)) == {EXPIRED}


@pytest.mark.parametrize("old_first", [True, False])
def test_a_way_around_an_expired_root(old_first: bool) -> None:
    """An expired root does no harm beside its valid successor of the same key."""
    new = certify("Root", authority=True)
    old = certify("Root", authority=True, end=BEFORE, key=new.key)
    trusted = (old, new) if old_first else (new, old)

    assert problems(certify(by=new), trusted=trusted) == set()


@pytest.mark.parametrize("old_first", [True, False])
def test_a_way_around_an_expired_intermediate(old_first: bool) -> None:
    """An expired cross certificate does no harm beside a valid one of the same key."""
    new = certify("Issuing", by=ROOT, authority=True)
    old = certify("Issuing", by=ROOT, authority=True, end=BEFORE, key=new.key)
    sent = (old, new) if old_first else (new, old)

    assert problems(certify(by=new), *sent) == set()


def test_expired_and_badly_signed() -> None:
    """A fault that OpenSSL comes to behind the dates is found there."""
    over = certify("Over", by=ROOT, authority=True, end=BEFORE)
    leaf = certify(by=over)
    forged = patched(leaf, leaf.certificate.signature[-8:], bytes(8))

    assert problems(forged, over) == {EXPIRED, INVALID}


def test_the_time_is_the_argument() -> None:
    """Judging at one time leaves nothing behind for another."""
    trusted = trusting(ROOT.certificate)
    chain = (certify(by=ROOT, begin=BEFORE, end=AFTER).der,)
    times = {BEGIN: {NOT_YET}, BEFORE: set(), AFTER: set(), END: {EXPIRED}}

    for moment in (*times, *reversed(times)):
        found = judge(chain, trusted, "mail.test", moment.timestamp())
        assert found.problems == times[moment]


# --- until when


def test_a_good_verdict_ends_with_the_first_certificate() -> None:
    """A good verdict holds through the last second of whichever ends first."""
    short = certify("Short", by=ROOT, authority=True, end=AFTER)

    assert verdict(certify(by=short), short).until == AFTER.timestamp() + 1


def test_an_early_verdict_ends_with_the_beginning() -> None:
    """A certificate that is not valid yet is judged anew when it begins to be."""
    leaf = certify(by=ROOT, begin=AFTER)

    assert verdict(leaf).until == AFTER.timestamp()


def test_a_late_verdict_ends_with_the_next_of_the_chain() -> None:
    """A certificate that has expired is judged anew when another of its path does."""
    assert verdict(certify(by=ROOT, end=BEFORE)).until == END.timestamp() + 1


def test_a_verdict_on_the_past_lasts() -> None:
    """Where every end has passed, time changes nothing any more."""
    late = END.timestamp() + 2

    assert verdict(certify(by=ROOT), at=late) == Verdict(frozenset({EXPIRED}), math.inf)


@given(st.lists(st.integers(0, 9), min_size=4, max_size=4))
def test_nothing_changes_before_its_time(ends: list[int]) -> None:
    """A verdict is the same at any second before the one that it holds until."""
    first, second = BEGIN.timestamp(), 1.0
    begin, end, issuer_begin, issuer_end = (moment(first + 10 * e) for e in ends)
    issuer = certify(
        "Issuer",
        by=ROOT,
        authority=True,
        begin=min(issuer_begin, issuer_end),
        end=max(issuer_begin, issuer_end),
    )
    leaf = certify(by=issuer, begin=min(begin, end), end=max(begin, end))
    trusted = trusting(ROOT.certificate)
    chain = (leaf.der, issuer.der)

    at = first + 1
    while at < first + 100:
        found = judge(chain, trusted, "mail.test", at)
        last = min(found.until - second, first + 100)
        again = judge(chain, trusted, "mail.test", last)
        assert again.problems == found.problems
        at = found.until + 0.5  # OpenSSL differs from itself on the last second


def moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, BEGIN.tzinfo)


# --- strength


@pytest.mark.parametrize("digest", Digest)
def test_weak_digests(digest: Digest) -> None:
    """A certificate that was signed with an old digest is weak."""
    root = certify("Root", authority=True, key=rsa_key())
    leaf = signed_anew(certify(by=root).certificate, root, digest)

    found = problems(leaf.public_bytes(Encoding.DER), trusted=(root,))

    assert WEAK in found


def test_a_root_may_have_an_old_digest() -> None:
    """How a root was signed does not matter: it is trusted for what it is."""
    root = certify("Root", authority=True, key=rsa_key())
    old = Signer(signed_anew(root.certificate, root, Digest.SHA1), root.key)

    assert problems(certify(by=old), trusted=(old,)) == set()
    assert problems(certify(by=old), old, trusted=()) == {UNTRUSTED}


def test_a_weak_issuer() -> None:
    """The keys of issuers count as the leaf's does, the root's too."""
    weak = certify("Weak", by=ROOT, authority=True, key=rsa_key(1024))
    weak_root = certify("Weak Root", authority=True, key=rsa_key(1024))

    assert problems(certify(by=weak), weak) == {WEAK}
    assert problems(certify(by=weak_root), trusted=(weak_root,)) == {WEAK}


@pytest.mark.parametrize(
    ("curve", "found"),
    [
        (ec.SECP192R1(), {WEAK}),
        (ec.SECP224R1(), set()),
        (ec.SECP521R1(), set()),
    ],
    ids=lambda value: value.name if isinstance(value, ec.EllipticCurve) else "",
)
def test_curves(curve: ec.EllipticCurve, found: set[Reason]) -> None:
    """A curve of fewer than 224 bits is weak."""
    assert problems(certify(by=ROOT, key=ec.generate_private_key(curve))) == found


def test_eddsa() -> None:
    """A key of Ed25519 is strong."""
    key = ed25519.Ed25519PrivateKey.generate()

    assert problems(certify(by=ROOT, key=key)) == set()


def test_a_curve_that_nobody_knows() -> None:
    """A key that cannot be read is not called weak."""
    p256, unknown = bytes.fromhex("2a8648ce3d030107"), bytes.fromhex("2a8648ce3d03017f")

    assert WEAK not in problems(patched(certify(), p256, unknown))


# --- what a certificate may be used for


@pytest.mark.parametrize(
    ("usages", "found"),
    [
        ([ExtendedKeyUsageOID.SERVER_AUTH], set()),
        ([ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE], set()),
        (
            [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH],
            set(),
        ),
        ([ExtendedKeyUsageOID.CLIENT_AUTH], {INVALID}),
        ([ExtendedKeyUsageOID.EMAIL_PROTECTION], {INVALID}),
    ],
)
def test_extended_key_usage(
    usages: list[x509.ObjectIdentifier], found: set[Reason]
) -> None:
    """Extended key usage must name servers or any, on the leaf and on its issuers."""
    extended = x509.ExtendedKeyUsage(usages)
    issuer = certify("Issuer", by=ROOT, authority=True, extensions=[extended])

    assert problems(certify(by=ROOT, extensions=[extended])) == found
    assert problems(certify(by=issuer), issuer) == found


@pytest.mark.parametrize(
    ("said", "found"),
    [
        (usage(digital_signature=True), set()),
        (usage(key_encipherment=True), set()),
        (usage(key_agreement=True), set()),
        (usage(key_cert_sign=True, crl_sign=True), {INVALID}),
    ],
    ids=["sign", "encipher", "agree", "authority"],
)
def test_key_usage(said: x509.KeyUsage, found: set[Reason]) -> None:
    """The key of a server must sign, encipher keys or agree on them."""
    assert problems(certify(by=ROOT, extensions=[said])) == found


def test_an_issuer_that_is_no_authority() -> None:
    """A leaf that another leaf has issued is worth nothing."""
    leaf = certify("leaf.test", by=ROOT)

    assert problems(certify(by=leaf), leaf) & {INVALID, UNTRUSTED}


def test_name_constraints() -> None:
    """An authority that may not issue for a name makes the chain faulty."""
    constraints = x509.NameConstraints(None, [x509.DNSName("test")])
    issuer = certify("Issuer", by=ROOT, authority=True, extensions=[constraints])

    assert problems(certify(by=issuer), issuer) == {INVALID}


def test_a_forged_certificate() -> None:
    """A certificate that its issuer did not sign is faulty."""
    leaf = certify(by=ROOT)
    forged = patched(leaf, b"mail.test", b"mali.test")

    assert problems(forged, name="mali.test") == {INVALID}


def test_a_broken_extension() -> None:
    """A leaf with a broken extension is faulty, and its name is not judged."""
    leaf = certify("Ziggurat", by=ROOT, names=[x509.DNSName("mail.test")])

    assert INVALID in problems(patched(leaf, b"mail.test", b"mail\xfftest"))


def test_a_broken_extension_of_an_issuer() -> None:
    """An extension of an issuer's that we cannot read is left to OpenSSL."""
    policies = x509.ObjectIdentifier("2.5.29.32")
    broken = x509.UnrecognizedExtension(policies, b"\x05\x00")
    issuer = certify("Issuer", by=ROOT, authority=True, extensions=[broken])

    assert problems(certify(by=issuer), issuer) == set()


# --- names


def named(*names: str) -> bytes:
    """Give the DER of a good certificate for these DNS names, if they are names."""
    return certify("X", by=ROOT, names=[x509.DNSName(n) for n in names]).der


@pytest.mark.parametrize(
    ("presented", "name"),
    [
        ("mail.test", "mail.test"),
        ("mail.test", "mail.test."),
        ("mail.test", "MAIL.Test"),
        ("Mail.TEST", "mail.test"),
        ("*.mail.test", "a.mail.test"),
        ("*.Mail.test", "A.mail.test."),
        ("*.mail.test", "xn--bcher-kva.mail.test"),
        ("xn--bcher-kva.test", "xn--bcher-kva.test"),
        ("xn--bcher-kva.test", "bücher.test"),
        ("mx_1.mail.test", "mx_1.mail.test"),
        ("localhost", "localhost"),
    ],
)
def test_names_that_match(presented: str, name: str) -> None:
    """A name matches whatever its case, and `*` is any one label."""
    assert problems(named(presented), name=name) == set()


@pytest.mark.parametrize(
    ("presented", "name"),
    [
        ("mail.test", "other.test"),
        ("mail.test", "a.mail.test"),
        ("a.mail.test", "mail.test"),
        ("*.mail.test", "mail.test"),
        ("*.mail.test", "a.b.mail.test"),
        ("*.mail.test", ".mail.test"),
        ("a*.mail.test", "a1.mail.test"),
        ("a.*.test", "a.mail.test"),
        ("*.*.test", "a.mail.test"),
        ("*.test", "mail.test"),
        ("*.", "localhost"),
        ("*", "localhost"),
        ("*.mail.test", "*.mail.test"),
        ("mail.test", ""),
        ("mail.test", "."),
        ("mail.test", " "),
        ("mail.test", "mail..test"),
        ("mail.test", "mail\x00.test"),
        ("mail.test", "ß" * 300),
        ("12345", "12345"),
        ("127.0.0.1", "127.0.0.1"),
        ("mail.test\x00.evil.test", "mail.test"),
    ],
)
def test_names_that_do_not_match(presented: str, name: str) -> None:
    """Nothing but the same name or one whole label for `*` matches (RFC 9525)."""
    assert problems(named(presented), name=name) == {MISMATCH}


def test_one_of_several_names() -> None:
    """One name that matches is enough, also beside names that are of no use."""
    der = named("*", "f*.*.test", "", "12345", "other.test", "mail.test")

    assert problems(der) == set()


@pytest.mark.parametrize(
    ("address", "name", "found"),
    [
        ("192.0.2.1", "192.0.2.1", set()),
        ("192.0.2.1", "192.0.2.2", {MISMATCH}),
        ("2001:db8::1", "2001:DB8:0::1", set()),
        ("2001:db8::1", "2001:db8::2", {MISMATCH}),
        ("fe80::1", "fe80::1%eth0", set()),
        ("192.0.2.1", "mail.test", {MISMATCH}),
    ],
)
def test_addresses(address: str, name: str, found: set[Reason]) -> None:
    """An address literal matches an address of the certificate, however spelt."""
    leaf = certify("X", by=ROOT, names=[x509.IPAddress(ip_address(address))])

    assert problems(leaf, name=name) == found


def test_a_network_is_no_address() -> None:
    """A network in the place of an address matches none of its addresses."""
    network = ip_network("192.0.2.0/24")
    leaf = certify("X", by=ROOT, names=[x509.IPAddress(network)])

    assert MISMATCH in problems(leaf, name="192.0.2.0")


# --- whatever is sent


@given(
    st.one_of(
        st.tuples(mutations(certify(by=INTERMEDIATE).der), st.just(INTERMEDIATE.der)),
        st.tuples(st.just(certify(by=INTERMEDIATE).der), mutations(INTERMEDIATE.der)),
        st.lists(st.binary(max_size=64), max_size=3).map(tuple),
    )
)
def test_any_octets(chain: tuple[bytes, ...]) -> None:
    """Any octets have a verdict, of words for certificates, that ends in the future."""
    found = judge(chain, ANY, "mail.test", AT)

    assert found.problems <= set(CERTIFICATE_PROBLEMS)
    assert found.until > AT


ANY = trusting(ROOT.certificate)


LEAF = certify(by=ROOT).der


@given(mutations(LEAF))
def test_a_changed_certificate_is_not_good(der: bytes) -> None:
    """A certificate that was changed after signing is never good."""
    assume(der != LEAF)

    assert judge((der,), ANY, "mail.test", AT).problems
