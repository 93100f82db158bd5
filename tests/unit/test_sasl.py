"""SASL mechanisms, stepped by hand: challenges in, responses out."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.smtp.sasl import decode, disguises, encode, respond
from exporter.vocabulary import Mechanism

USER, SECRET = "tim", b"tanstaaftanstaaf"


def test_plain() -> None:
    """PLAIN says everything at once: no authorization identity, name, password."""
    exchange = respond(Mechanism.PLAIN, USER, SECRET)

    assert next(exchange) == b"\0tim\0tanstaaftanstaaf"
    with pytest.raises(StopIteration):
        exchange.send(b"")


def test_login() -> None:
    """LOGIN lets the server speak first, and answers whatever it asks in order."""
    exchange = respond(Mechanism.LOGIN, USER, SECRET)

    assert next(exchange) is None
    assert exchange.send(b"Username:") == b"tim"
    assert exchange.send(b"anything") == SECRET
    with pytest.raises(StopIteration):
        exchange.send(b"more?")


def test_cram_md5() -> None:
    """CRAM-MD5 answers RFC 2195's own example with RFC 2195's own digest."""
    exchange = respond(Mechanism.CRAM_MD5, USER, SECRET)

    assert next(exchange) is None
    answer = exchange.send(b"<1896.697170952@postoffice.reston.mci.net>")
    assert answer == b"tim b913a602c7eda7a495b4e6e7334d3890"
    with pytest.raises(StopIteration):
        exchange.send(b"")


def test_xoauth2() -> None:
    """XOAUTH2 shows its token, and answers an error in JSON with nothing."""
    exchange = respond(Mechanism.XOAUTH2, "u@example.com", b"ya29.token")

    initial = b"user=u@example.com\x01auth=Bearer ya29.token\x01\x01"
    assert next(exchange) == initial
    assert exchange.send(b'{"status":"401"}') == b""
    with pytest.raises(StopIteration):
        exchange.send(b"")


@given(st.binary(max_size=100))
def test_base64(octets: bytes) -> None:
    """What is encoded is decoded to the same octets."""
    assert decode(encode(octets)) == octets


@pytest.mark.parametrize("challenge", [b"=", b"a", b"VXNl cm5h", b"\xff", b"VXNl!"])
def test_not_base64(challenge: bytes) -> None:
    """A challenge that is no base64 is told from an empty one."""
    assert decode(challenge) is None
    assert decode(b"") == b""
    assert decode(b" ") == b""


@pytest.mark.parametrize("mechanism", Mechanism)
def test_disguises(mechanism: Mechanism) -> None:
    """Every spelling that goes over the wire holds none but the ones to be covered."""
    covered = disguises(mechanism, USER, SECRET)

    assert SECRET in covered
    assert base64.b64encode(SECRET) in covered
    assert base64.b64encode(b"\0tim\0" + SECRET) in covered
    assert all(covered)
    initial = next(respond(mechanism, USER, SECRET))
    assert initial is None or encode(initial) in covered
