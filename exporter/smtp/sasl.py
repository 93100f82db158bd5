"""SASL mechanisms as generators: challenges in, responses out, both without base64.

RFC 4954 carries them, RFC 4616 (PLAIN), RFC 2195 (CRAM-MD5) and Google's and
Microsoft's description (XOAUTH2) say what they hold; LOGIN has no specification and is
what servers do. The first thing that a generator yields is its initial response, or
None where the server speaks first. One that ends has nothing more to say, and a server
that asks it for more is to be told `*`.
"""

import base64
import binascii
import hmac
from collections.abc import Callable, Generator

from exporter.vocabulary import Mechanism

Responses = Generator[bytes | None, bytes, None]


def respond(mechanism: Mechanism, username: str, secret: bytes) -> Responses:
    """Begin an exchange of the mechanism; the secret is a password or a token."""
    return _MECHANISMS[mechanism](username.encode(), secret)


def encode(response: bytes) -> bytes:
    """Write a response in base64."""
    return base64.b64encode(response)


def decode(challenge: bytes) -> bytes | None:
    """Read a challenge; None when it is not base64."""
    try:
        return base64.b64decode(challenge.strip(), validate=True)
    except binascii.Error:
        return None


def disguises(mechanism: Mechanism, username: str, secret: bytes) -> tuple[bytes, ...]:
    """Give every spelling of the secret that could come back from a server."""
    exchange = respond(mechanism, username, secret)
    initial = next(exchange)
    plain = b"\0" + username.encode() + b"\0" + secret
    spelt = (encode(s) for s in (initial or secret, plain, secret))
    return tuple(dict.fromkeys((*spelt, secret)))


def _plain(username: bytes, secret: bytes) -> Responses:
    yield b"\0" + username + b"\0" + secret


def _login(username: bytes, secret: bytes) -> Responses:
    yield None
    yield username
    yield secret


def _cram_md5(username: bytes, secret: bytes) -> Responses:
    challenge = yield None
    yield username + b" " + hmac.new(secret, challenge, "md5").hexdigest().encode()


def _xoauth2(username: bytes, secret: bytes) -> Responses:
    yield b"user=" + username + b"\x01auth=Bearer " + secret + b"\x01\x01"
    yield b""  # a challenge is the error in JSON; the code comes after this


_MECHANISMS: dict[Mechanism, Callable[[bytes, bytes], Responses]] = {
    Mechanism.PLAIN: _plain,
    Mechanism.LOGIN: _login,
    Mechanism.CRAM_MD5: _cram_md5,
    Mechanism.XOAUTH2: _xoauth2,
}
