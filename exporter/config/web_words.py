"""What single values of a web config may be: Go's names, hashes, headers.

Each judge gives what a value means here or refuses it with the remedy. What Python's
TLS cannot do is refused, never ignored. No sentence shows a hash.
"""

import re
from types import MappingProxyType

from exporter.access import ClientAuth, TlsBound
from exporter.config.complaint import Refusal, did_you_mean
from exporter.config.kinds import Choice, Line, Text
from exporter.printable import quoted

# Go's names (crypto/tls, CipherSuites) by OpenSSL's.
CIPHERS = MappingProxyType(
    {
        "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
        "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
        "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
        "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
        "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": (
            "ECDHE-ECDSA-CHACHA20-POLY1305"
        ),
    }
)
CURVES = MappingProxyType(
    {"CurveP256": "prime256v1", "CurveP384": "secp384r1", "CurveP521": "secp521r1"}
)
# The header's values that are accepted; none: any.
HEADERS = MappingProxyType(
    {
        "Strict-Transport-Security": (),
        "X-Content-Type-Options": ("nosniff",),
        "X-Frame-Options": ("deny", "sameorigin"),
        "X-XSS-Protection": (),
        "Content-Security-Policy": (),
    }
)
# A check at 18 takes some ten seconds, and there is one at a time.
MAX_COST = 18
# Room for any header in use, and for ten of them in what a client will read.
MAX_HEADER = 4096
MAX_USER = 255

_HASH = re.compile(r"\$2[aby]\$(?P<cost>[0-9]{2})\$[./A-Za-z0-9]{53}")
_MIN_COST = 4  # bcrypt's own
_OLD_VERSIONS = ("TLS10", "TLS11")
_OF_TLS13 = (
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
)
_UNVERIFIED = (
    "Python's TLS cannot ask for a certificate without verifying it; write "
    "`RequireAndVerifyClientCert` or `VerifyClientCertIfGiven` with a "
    "`client_ca_file`, or `NoClientCert`"
)
_AUTH = Choice(ClientAuth)
_VERSION = Choice(TlsBound)


def client_auth(value: object) -> object:
    """Give what is asked of clients; three of Go's six names can be kept here."""
    if value in {"RequestClientCert", "RequireAnyClientCert", "RequireClientCert"}:
        raise Refusal(_UNVERIFIED)
    return _AUTH.read(value)


def version(value: object) -> object:
    """Give a version of TLS that OpenSSL still speaks."""
    if value in _OLD_VERSIONS:
        raise Refusal(
            f"OpenSSL no longer speaks {value} by its defaults, and RFC 8996 forbids "
            "it; write `TLS12` or `TLS13`"
        )
    return _VERSION.read(value)


def _cipher(text: str) -> str:
    if text in CIPHERS:
        return CIPHERS[text]
    if text in _OF_TLS13:
        raise Refusal(
            "the suites of TLS 1.3 are all on and cannot be chosen among; leave this "
            "one out"
        )
    near = did_you_mean(text, CIPHERS)
    raise Refusal(
        f"{quoted(text)} is no suite of TLS 1.2 that Go calls secure; "
        f"{near or 'the suites are ' + ', '.join(CIPHERS)}"
    )


def _curve(text: str) -> str:
    if text in CURVES:
        return CURVES[text]
    if text == "X25519":
        raise Refusal(
            "Python's TLS cannot set this curve; it is among the defaults, so leave "
            "`curve_preferences` out"
        )
    raise Refusal(f"{quoted(text)} is no curve; the curves are {', '.join(CURVES)}")


def bcrypt_hash(value: object) -> object:
    """Give a hash back; it is not shown when it is none."""
    match = _HASH.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise Refusal(
            "this is no bcrypt hash; make one with "
            "`htpasswd -nBC 10 \"\" | tr -d ':\\n'`"
        )
    if not _MIN_COST <= int(match["cost"]) <= MAX_COST:
        raise Refusal(
            f"the cost of this hash must be from {_MIN_COST} to {MAX_COST}: one check "
            "takes twice as long with each"
        )
    return value


def user(value: object) -> object:
    """Give a user's name back if Basic authentication can carry it."""
    name = str(value)
    if not 1 <= len(name.encode()) <= MAX_USER or ":" in name or not name.isprintable():
        raise Refusal(
            f"a user's name has 1 to {MAX_USER} octets, no colon and no control "
            "characters"
        )
    return name


def _header_text(text: str) -> str:
    if len(text) > MAX_HEADER or not text.isascii():
        raise Refusal(f"must be at most {MAX_HEADER} characters of ASCII")
    return text


class Header(Line):
    """The value of one header; blank unsets it, as exporter-toolkit has it."""

    def __init__(self, name: str) -> None:
        """Keep the values that this header may have."""
        super().__init__(_header_text)
        self._accepted = HEADERS[name]

    def read(self, value: object) -> object:
        """Give the value back."""
        text = super().read(value)
        if self._accepted and text not in self._accepted:
            accepted = " or ".join(map(quoted, self._accepted))
            raise Refusal(f"must be {accepted}, not {quoted(str(text))}")
        return text


def _san(text: str) -> str:
    if not text:
        raise Refusal("is empty; no certificate has an empty name")
    return text


cipher = Text(_cipher).read
curve = Text(_curve).read
san = Line(_san).read
