"""Who may reach the pages, and how: frozen facts that a web config was turned into.

Holds no behaviour; refuses files, sockets and parsing. Keys and hashes of passwords
have no repr. Durations are seconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path


class ClientAuth(Enum):
    """What is asked of a client's certificate, by Go's names."""

    NONE = "NoClientCert"
    IF_GIVEN = "VerifyClientCertIfGiven"
    REQUIRED = "RequireAndVerifyClientCert"


class TlsBound(Enum):
    """A version of TLS, as a web config spells it."""

    TLS12 = "TLS12"
    TLS13 = "TLS13"


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsServer:
    """How TLS is spoken on the listeners."""

    chain: bytes  # PEM, our own certificate first
    key: bytes = field(repr=False)  # PEM
    client_auth: ClientAuth = ClientAuth.NONE
    client_ca: bytes = b""  # PEM
    client_allowed_sans: tuple[str, ...] = ()  # empty: any name
    min_version: TlsBound = TlsBound.TLS12
    max_version: TlsBound = TlsBound.TLS13
    ciphers: tuple[str, ...] = ()  # OpenSSL's names, for TLS 1.2; empty: its defaults
    server_preference: bool = True
    curve: str = ""  # OpenSSL's name; empty: its defaults


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """A token bucket: one request an interval, and so many at once."""

    interval: float
    burst: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WebConfig:
    """Everything that a web config says; without one, anybody in the clear."""

    tls: TlsServer | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    users: Mapping[str, str] = field(default_factory=dict, repr=False)  # bcrypt
    rate_limit: RateLimit | None = None
    files: tuple[Path, ...] = ()  # what it was read from; empty: nothing is watched
