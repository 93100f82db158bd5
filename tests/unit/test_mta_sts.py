"""MTA-STS records, policies and what satisfies them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.tls.mta_sts import (
    MAX_AGE,
    PolicyError,
    StsPolicy,
    allows,
    declares,
    read_policy,
    read_record,
    satisfied,
)
from exporter.vocabulary import CERTIFICATE_PROBLEMS, Reason, StsMode

HOST = "mx1.example.test"
ENFORCE = StsPolicy(StsMode.ENFORCE, (HOST, "*.mail.example.test"), 86400)
BODY = b"""version: STSv1
mode: enforce
mx: mx1.example.test
mx: *.mail.example.test
max_age: 86400
"""


# --- the record


@pytest.mark.parametrize(
    "text",
    [
        b"v=STSv1; id=20260101T0000Z;",
        b"v=STSv1;id=20260101T0000Z",
        b"v=STSv1 \t;\t id=20260101T0000Z ; ",
        b"v=STSv1; ext.a_b-1=a:b<c>d; id=20260101T0000Z",
        b"v=STSv1; id=20260101T0000Z; id=later",
        b"v=STSv1; id=20260101T0000Z ",
    ],
)
def test_record(text: bytes) -> None:
    """The id is found among white space, extensions and a second id."""
    assert read_record((text,)) == "20260101T0000Z"


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"v=STSv1",
        b"v=STSv1;",
        b"v=STSv1; ",
        b"v=STSv1; id=",
        b"v=STSv1; id=2026-01-01",
        b"v=STSv1; id=" + b"1" * 33,
        b"v=STSv1; id=bad-one; id=good",
        b"v=STSv1; id=1;; ext=2",
        b"v=STSv1; id=1;;",
        b"v=STSv1; id=1; no value",
        b"v=STSv1; id=1; ext=a=b",
        b"v=STSv1; id =1",
        b"v=STSv1; ID=1",
        b"v=STSv1 id=1",
        b"v=STSv11; id=1",
        b"v=STSv2; id=1",
        b"v=stsv1; id=1",
        b" v=STSv1; id=1",
        b"id=1; v=STSv1;",
        b"v=STSv1; id=\xc3\xa9",
        b"v=STSv1; id=1\n",
    ],
)
def test_record_not_valid(text: bytes) -> None:
    """A record that the grammar does not know is none."""
    assert read_record((text,)) is None


def test_record_longest_id() -> None:
    """An id has up to 32 letters and digits."""
    assert read_record((b"v=STSv1; id=" + b"a" * 32,)) == "a" * 32


def test_record_among_others() -> None:
    """Records of other kinds and versions are discarded before any is counted."""
    others = (b"v=spf1 -all", b"v=STSv2; id=2", b"", b"v=STSv1")
    assert read_record((*others, b"v=STSv1; id=1")) == "1"
    assert read_record(others) is None
    assert read_record(()) is None


@pytest.mark.parametrize("second", [b"v=STSv1; id=1", b"v=STSv1; id=2", b"v=STSv1;"])
def test_several_records(second: bytes) -> None:
    """Two records of this version are none, even where they agree or one is bad."""
    assert read_record((b"v=STSv1; id=1", second)) is None


@given(st.lists(st.binary(max_size=60), max_size=4))
def test_record_of_anything(texts: list[bytes]) -> None:
    """Whatever the DNS says is an id or none, and an id is letters and digits."""
    found = read_record((*texts, b"v=STSv1;" + b";".join(texts)))
    assert found is None or (found.isascii() and found.isalnum())


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        (b"v=STSv1; id=1", True),
        (b"v=STSv1", True),
        (b" V=stsv1 id=1", True),
        (b"v=spf1 -all", False),
        (b"v=STSv2; id=1", False),
        (b"", False),
    ],
)
def test_declares(text: bytes, meant: bool) -> None:
    """A record with a mistake was still meant to be one."""
    assert declares((b"something else", text)) is meant


# --- the policy


def test_policy() -> None:
    """A policy is read as it stands."""
    assert read_policy(BODY) == ENFORCE


@pytest.mark.parametrize(
    "body",
    [
        BODY.replace(b"\n", b"\r\n"),
        BODY.rstrip(),
        BODY.replace(b"\n", b" \t\n"),
        BODY.replace(b": ", b":"),
        BODY.replace(b": ", b": \t "),
        BODY.replace(b"\n", b"\n\r\n \n"),
        b"".join(reversed(BODY.splitlines(keepends=True))).replace(
            b"mx: *.mail.example.test\nmx: mx1.example.test\n",
            b"mx: mx1.example.test\nmx: *.mail.example.test\n",
        ),
        BODY + b"x-note.1: r\xc3\xa9sum\xc3\xa9: of mx\nMode: none\nempty:\n",
        BODY + b"mode: none\nversion: STSv2\nmax_age: x\n",
    ],
)
def test_policy_spellings(body: bytes) -> None:
    """Line ends, white space, order, unknown fields and second ones change nothing."""
    assert read_policy(body) == ENFORCE


@pytest.mark.parametrize("mode", StsMode)
def test_modes(mode: StsMode) -> None:
    """Each mode is read."""
    body = BODY.replace(b"enforce", mode.encode())
    assert read_policy(body) == ENFORCE._replace(mode=mode)


def test_none_needs_no_hosts() -> None:
    """A policy of mode none may name no host."""
    body = b"version: STSv1\nmode: none\nmax_age: 0"
    assert read_policy(body) == StsPolicy(StsMode.NONE, (), 0)


@pytest.mark.parametrize(
    ("max_age", "read"),
    [(b"0", 0), (b"0000000060", 60), (str(MAX_AGE).encode(), MAX_AGE)],
)
def test_max_age(max_age: bytes, read: int) -> None:
    """The age is a number of seconds up to a year."""
    assert read_policy(BODY.replace(b"86400", max_age)).max_age == read


def _mx(pattern: bytes) -> bytes:
    return BODY.replace(b"mx1.example.test", pattern)


_LONGEST = b".".join((b"a" * 63, b"a" * 63, b"a" * 63, b"a" * 61))


@pytest.mark.parametrize(
    "pattern",
    [b"localhost", b"xn--bcher-kva.test", b"mx_1.test", _LONGEST, b"*." + _LONGEST],
)
def test_patterns(pattern: bytes) -> None:
    """A host name or a wildcard and a domain is kept as it was published."""
    assert read_policy(_mx(pattern)).patterns[0] == pattern.decode()


@pytest.mark.parametrize(
    "pattern",
    [
        b"",
        b"*",
        b"*.",
        b"*.*.example.test",
        b"mx*.example.test",
        b"mx.*.test",
        b".example.test",
        b"mx1.example.test.",
        b"mx1..test",
        b"-mx.test",
        b"mx1.test mx2.test",
        b"b\xc3\xbccher.test",
        b"a" * 64 + b".test",
        b"a." + _LONGEST,
        b"mx1.test\rmx2.test",
    ],
)
def test_patterns_refused(pattern: bytes) -> None:
    """What is no host name, nor a wildcard and a domain, spoils the policy."""
    with pytest.raises(PolicyError, match=r"^line 3 of the policy: `mx` is neither"):
        read_policy(_mx(pattern))


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "the policy has no `version`"),
        (BODY.replace(b"version", b"Version"), "the policy has no `version`"),
        (BODY.replace(b"STSv1", b"STSv2"), "the version of the policy is not STSv1"),
        (BODY.replace(b"STSv1", b"stsv1"), "the version of the policy is not STSv1"),
        (BODY.replace(b"mode", b"mood"), "the policy has no `mode`"),
        (
            BODY.replace(b"enforce", b"Enforce"),
            "the policy's `mode` is not one of enforce, testing, none",
        ),
        (
            BODY.replace(b"enforce", b"enforce\r\r"),
            "the policy's `mode` is not one of enforce, testing, none",
        ),
        (
            BODY.replace(b"mx:", b"MX:"),
            "the policy has no `mx`, so it allows no host",
        ),
        (BODY.replace(b"max_age", b"max-age"), "the policy has no `max_age`"),
        (b"<html>\n", "line 1 of the policy is not `key: value`"),
        (BODY + b"one more line", "line 6 of the policy is not `key: value`"),
        (b"\xef\xbb\xbf" + BODY, "line 1 of the policy is not `key: value`"),
        (b" " + BODY, "line 1 of the policy is not `key: value`"),
        (
            BODY.replace(b"mode:", b"mode :"),
            "line 2 of the policy is not `key: value`",
        ),
        (BODY + b"k" * 33 + b": v", "line 6 of the policy is not `key: value`"),
        (BODY + b": v", "line 6 of the policy is not `key: value`"),
    ],
)
def test_policy_refused(body: bytes, sentence: str) -> None:
    """What is wrong with a policy is said in one sentence."""
    with pytest.raises(PolicyError) as caught:
        read_policy(body)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    "max_age",
    [b"", b"-1", b"+1", b"1d", b"1.5", b"1_0", b"31557601", b"0" * 11, b"\xd9\xa1"],
)
def test_max_age_refused(max_age: bytes) -> None:
    """An age that is no number of seconds, or more than a year, spoils the policy."""
    with pytest.raises(PolicyError, match=r"^the policy's `max_age` is not a number"):
        read_policy(BODY.replace(b"86400", max_age))


_ALMOST = st.lists(
    st.sampled_from([b"version: STSv1", b"mode:none", b"mx: *.a.test", b"max_age:1"])
    | st.binary(max_size=30),
    max_size=8,
)


@given(st.binary(max_size=300) | _ALMOST.map(b"\n".join))
def test_policy_of_anything(body: bytes) -> None:
    """Whatever a server sends is a policy within its bounds, or a PolicyError."""
    try:
        policy = read_policy(body)
    except PolicyError as error:
        said = str(error)
    else:
        said = "nothing"
        assert 0 <= policy.max_age <= MAX_AGE
        assert policy.patterns or policy.mode is StsMode.NONE
    assert said.isprintable()


def test_white_space_without_end() -> None:
    """A line of white space as long as the bound is read in no time."""
    with pytest.raises(PolicyError):
        read_policy(b"mode:" + b" \t" * 32768 + b"x")


# --- the hosts


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("mx1.example.test", True),
        ("mx1.example.test.", True),
        ("MX1.Example.Test", True),
        ("a.mail.example.test", True),
        ("A.MAIL.example.test.", True),
        ("mail.example.test", False),
        ("a.b.mail.example.test", False),
        (".mail.example.test", False),
        ("mx2.example.test", False),
        ("mx1.example.test.evil.test", False),
        ("amail.example.test", False),
        ("localhost", False),
        ("", False),
    ],
)
def test_allows(host: str, allowed: bool) -> None:
    """A wildcard is one whole label; case and the final dot are nothing."""
    assert allows(ENFORCE, host) is allowed


def test_pattern_in_capitals() -> None:
    """The case of a pattern is nothing either."""
    policy = ENFORCE._replace(patterns=("MX.Test", "*.XN--BCHER-KVA.Test"))
    assert allows(policy, "mx.test")
    assert allows(policy, "mx.xn--bcher-kva.test")


@given(st.text(max_size=40))
def test_allows_anything(host: str) -> None:
    """A host that is no name is not allowed."""
    assert not allows(ENFORCE, f"{host}?")


# --- the session


@pytest.mark.parametrize("mode", [StsMode.ENFORCE, StsMode.TESTING])
@pytest.mark.parametrize(
    ("host", "problems", "fulfilled"),
    [
        (HOST, frozenset[Reason](), True),
        (HOST, frozenset({Reason.CERT_WEAK}), True),
        (HOST, None, False),
        ("mx2.example.test", frozenset[Reason](), False),
        *(
            (HOST, frozenset({Reason.CERT_WEAK, problem}), False)
            for problem in CERTIFICATE_PROBLEMS
            if problem is not Reason.CERT_WEAK
        ),
    ],
)
def test_satisfied(
    mode: StsMode, host: str, problems: frozenset[Reason] | None, fulfilled: bool
) -> None:
    """A policy wants a host that it names, TLS, and a chain without a fault."""
    assert satisfied(ENFORCE._replace(mode=mode), host, problems) is fulfilled


def test_mode_none_wants_nothing() -> None:
    """A policy of mode none is satisfied by whoever answers."""
    policy = StsPolicy(StsMode.NONE, (), 86400)
    assert satisfied(policy, "anyone.test", None)
