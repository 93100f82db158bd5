"""What a server offers may become labels, so only the grammar's own words pass."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.outcome import Offer
from exporter.smtp.capabilities import (
    MAX_KEYWORDS,
    MAX_MECHANISMS,
    NOTHING_OFFERED,
    capabilities,
)
from exporter.smtp.reply import Reply
from exporter.vocabulary import Quirk


def offer_of(*lines: bytes) -> Offer:
    """Read the keyword lines of a reply whose first line is the domain."""
    return capabilities(Reply(250, (b"mx.example.com greets you", *lines))).offer


def test_usual() -> None:
    """Keywords come in the order seen, with the mechanisms and the size limit."""
    offer = offer_of(
        b"PIPELINING",
        b"SIZE 10240000",
        b"ETRN",
        b"STARTTLS",
        b"AUTH PLAIN LOGIN",
        b"ENHANCEDSTATUSCODES",
        b"8BITMIME",
        b"LIMITS RCPTMAX=1000",
    )

    assert offer == Offer(
        extensions=(
            *("PIPELINING", "SIZE", "ETRN", "STARTTLS", "AUTH"),
            *("ENHANCEDSTATUSCODES", "8BITMIME", "LIMITS"),
        ),
        auth_mechanisms=("PLAIN", "LOGIN"),
        size_limit=10_240_000,
    )


def test_the_same_again() -> None:
    """The same keyword lines are read once, whoever says them."""
    one = Reply(250, (b"mx1.example.com", b"SIZE 1000", b"X-SAME"))
    other = Reply(250, (b"mx2.example.com", b"SIZE 1000", b"X-SAME"))

    assert capabilities(one) is capabilities(other)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(250, (b"mx", b"X" * 600), frozenset({Quirk.LONG_LINE})),
        Reply(250, (b"mx", *(f"X-{n}".encode() for n in range(100)))),
    ],
)
def test_not_kept(reply: Reply) -> None:
    """What is longer than anybody's is read each time: nobody fills the memory."""
    again = capabilities(reply)

    assert capabilities(reply) == again
    assert capabilities(reply) is not again


@pytest.mark.parametrize("first", [b"STARTTLS", b"SIZE 1000", b"AUTH=PLAIN", b""])
def test_first_line(first: bytes) -> None:
    """The first line is the server's domain, whatever it looks like."""
    read = capabilities(Reply(250, (first,)))

    assert read == NOTHING_OFFERED


def test_case() -> None:
    """Keywords and mechanisms mean the same in any case."""
    offer = offer_of(b"starttls", b"Auth pLaIn", b"size 5")

    assert offer == Offer(("STARTTLS", "AUTH", "SIZE"), ("PLAIN",), 5)


def test_twice() -> None:
    """What is offered twice is offered once."""
    offer = offer_of(b"PIPELINING", b"AUTH PLAIN", b"pipelining", b"AUTH plain LOGIN")

    assert offer == Offer(("PIPELINING", "AUTH"), ("PLAIN", "LOGIN"), None)


def test_auth_oldstyle() -> None:
    """AUTH= offers mechanisms, with a quirk and without a keyword of its own."""
    read = capabilities(Reply(250, (b"mx", b"AUTH=LOGIN PLAIN")))

    assert read.offer == Offer((), ("LOGIN", "PLAIN"), None)
    assert read.quirks == {Quirk.AUTH_OLDSTYLE}


def test_auth_both_ways() -> None:
    """AUTH beside AUTH= offers the mechanisms of both, each once."""
    read = capabilities(Reply(250, (b"mx", b"auth=login", b"AUTH PLAIN LOGIN")))

    assert read.offer == Offer(("AUTH",), ("LOGIN", "PLAIN"), None)
    assert read.quirks == {Quirk.AUTH_OLDSTYLE}


def test_auth_alone() -> None:
    """AUTH without a mechanism is a keyword and offers none."""
    assert offer_of(b"AUTH") == Offer(("AUTH",), (), None)


def test_no_quirk() -> None:
    """AUTH as the RFC spells it is no quirk."""
    assert capabilities(Reply(250, (b"mx", b"AUTH PLAIN"))).quirks == frozenset()


@pytest.mark.parametrize(
    ("lines", "offered"),
    [
        ((b"STARTTLS",), True),
        ((b"starttls",), True),
        ((b"STARTTLS now",), True),
        ((b"ETRN", b"STARTTLS", b"DSN"), True),
        ((*(b"X%d" % number for number in range(200)), b"STARTTLS"), True),
        ((), False),
        ((b"XSTARTTLS",), False),
        ((b"STARTTLS=1",), False),
        ((b"X STARTTLS",), False),
        ((b"AUTH STARTTLS",), False),
    ],
)
def test_starttls(lines: tuple[bytes, ...], offered: bool) -> None:
    """STARTTLS is offered by a keyword of its own, wherever it stands."""
    assert ("STARTTLS" in capabilities(Reply(250, (b"mx", *lines))).keywords) is offered


@pytest.mark.parametrize(
    ("line", "limit"),
    [
        (b"SIZE 1000", 1000),
        (b"SIZE 00010", 10),
        (b"SIZE 1000 more", 1000),
        (b"SIZE\t1000", 1000),
        (b"SIZE 99999999999999999999", 99_999_999_999_999_999_999),
        (b"SIZE", None),  # no limit declared (RFC 1870 section 4)
        (b"SIZE 0", None),
        (b"SIZE 000", None),
        (b"SIZE 100000000000000000000", None),  # 21 digits
        (b"SIZE -1", None),
        (b"SIZE +1", None),
        (b"SIZE 1_000", None),
        (b"SIZE 1e3", None),
        (b"SIZE 1000k", None),
        (b"SIZE junk", None),
        ("SIZE ٣".encode(), None),
    ],
)
def test_size(line: bytes, limit: int | None) -> None:
    """SIZE declares a limit in decimal digits; 0 and anything else declare none."""
    assert offer_of(line) == Offer(("SIZE",), (), limit)


def test_size_glued() -> None:
    """SIZE=1000 is no keyword."""
    assert offer_of(b"SIZE=1000") == Offer((), (), None)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b" ",
        b"-X",
        b"X_Y",
        b"X.Y",
        b"X-EXPS=LOGIN",
        b'X"Y',
        b"X{Y}",
        b"X\\Y",
        b"caf\xc3\xa9",
        b"\xff",
        b"X\x00Y",
        b"\x1b[31m",
        b"X" * 41,
    ],
)
def test_no_keyword(line: bytes) -> None:
    """What the grammar does not know is left out, and its neighbours stay."""
    assert offer_of(b"ETRN", line, b"DSN").extensions == ("ETRN", "DSN")


@pytest.mark.parametrize("keyword", ["X", "8BITMIME", "X-ANONYMOUSTLS", "X" * 40])
def test_keyword(keyword: str) -> None:
    """What the grammar knows passes, up to 40 octets."""
    assert offer_of(keyword.encode()).extensions == (keyword,)


@pytest.mark.parametrize("word", [b"PL.AIN", b"X" * 21, b'PLAIN"', b"PL\xe9IN", b"A=B"])
def test_no_mechanism(word: bytes) -> None:
    """A mechanism that no registry could name is left out (RFC 4422 section 3.1)."""
    assert offer_of(b"AUTH PLAIN " + word + b" LOGIN").auth_mechanisms == (
        "PLAIN",
        "LOGIN",
    )


def test_most() -> None:
    """A server cannot make more labels than the bounds allow."""
    keywords = [b"X%d" % number for number in range(MAX_KEYWORDS + 1)]
    mechanisms = [b"M%d" % number for number in range(MAX_MECHANISMS + 1)]
    offer = offer_of(*keywords, b"AUTH " + b" ".join(mechanisms))

    assert offer.extensions == tuple(f"X{n}" for n in range(MAX_KEYWORDS))
    assert offer.auth_mechanisms == tuple(f"M{n}" for n in range(MAX_MECHANISMS))


LINES = st.binary(max_size=60) | st.sampled_from(
    (b"AUTH", b"AUTH=", b"AUTH= =", b"SIZE", b"SIZE ", b"auth=\x00", b"STARTTLS x")
)


@given(st.integers(200, 299), st.lists(LINES, max_size=100))
def test_whatever_is_offered(code: int, lines: list[bytes]) -> None:
    """Whatever a server writes, few and clean labels come of it."""
    offer, _, _, quirks = capabilities(Reply(code, tuple(lines)))

    assert len(offer.extensions) <= MAX_KEYWORDS
    assert len(offer.auth_mechanisms) <= MAX_MECHANISMS
    assert len({*offer.extensions}) == len(offer.extensions)
    assert all(re.fullmatch("[A-Z0-9][A-Z0-9-]{0,39}", w) for w in offer.extensions)
    assert all(re.fullmatch("[A-Z0-9_-]{1,20}", w) for w in offer.auth_mechanisms)
    assert offer.size_limit is None or 0 < offer.size_limit < 10**20
    assert quirks <= {Quirk.AUTH_OLDSTYLE}
