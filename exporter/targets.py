"""What is probed and how: frozen facts that the configuration was turned into.

Holds no behaviour beyond naming; refuses sockets, clocks and parsing. Durations are
seconds (float) everywhere below the configuration.
"""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from exporter.vocabulary import (
    Addresses,
    IpFamily,
    Mechanism,
    Phase,
    Policy,
    Protocol,
    ProxyProtocol,
    Quirk,
    QuitPolicy,
    TargetSource,
    TlsMode,
    TlsVersion,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Limits in seconds: one for each kind of waiting; `of` gives a phase's own."""

    dns: float = 5.0
    connect: float = 5.0
    tls: float = 5.0
    greeting: float = 15.0  # postscreen pauses 6 s, tarpits more (SMTP.md 2.3)
    command: float = 10.0
    quit: float = 5.0
    close: float = 3.0  # Exim holds the socket up to 2 s after its 221

    def of(self, phase: Phase) -> float:
        """Give the limit of a phase in seconds; `hold` has none of its own."""
        return getattr(self, _LIMIT_OF.get(phase, "command"))  # type: ignore[no-any-return]  # every field is a float


_LIMIT_OF = {
    Phase.DNS: "dns",
    Phase.CONNECT: "connect",
    Phase.TLS: "tls",
    Phase.GREETING: "greeting",
    Phase.QUIT: "quit",
    Phase.CLOSE: "close",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretSource:
    """Where a secret is read, anew at each use; exactly one of the two is set."""

    file: str | None = None  # one line end at the end of the file is not part of it
    env: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Auth:
    """How to authenticate (RFC 4954)."""

    mechanism: Mechanism
    username: str
    password: SecretSource  # with XOAUTH2 the access token
    initial_response: bool = True  # with the AUTH command, where the line has room
    allow_plaintext: bool = False  # outside TLS


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """An envelope that is offered and never sent: MAIL and RCPT, without DATA."""

    sender: str  # "" is the null reverse-path
    recipient: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Expect:
    """What a module asks of a server beyond the protocol."""

    greeting: frozenset[int] = frozenset({220})
    banner: str | None = None  # RE2 pattern, searched in the greeting's whole text
    # Codes that a phase must answer with, instead of the usual ones: ehlo, auth, mail
    # or rcpt. A rejection may be what is wanted.
    reply: tuple[tuple[Phase, frozenset[int]], ...] = ()
    extensions: frozenset[str] = frozenset()  # EHLO keywords in upper case
    extensions_absent: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """How a target is probed; a named set of the configuration's module keys."""

    name: str
    ehlo: bool = True
    ehlo_name: str | None = None  # None: the literal of the socket's own address
    tls: TlsMode = TlsMode.NONE
    verify: Policy = Policy.REPORT
    tls_server_name: str | None = None  # None: the host; SNI and the name verified
    ca_file: str | None = None  # PEM; None: the system's trust
    cert_file: str | None = None  # PEM chain of the client, with `key_file`
    key_file: str | None = None
    min_version: TlsVersion = TlsVersion.TLS12
    dane: Policy = Policy.OFF
    dane_resolver: tuple[str, int] | None = None  # address, port; it validates DNSSEC
    mta_sts: Policy = Policy.OFF
    quit: QuitPolicy = QuitPolicy.REQUIRE
    hold: float = 0.0
    timeout: float = 30.0
    timeouts: Timeouts = field(default_factory=Timeouts)
    ip_family: IpFamily = IpFamily.ANY
    addresses: Addresses = Addresses.FIRST
    protocol: Protocol = Protocol.SMTP
    source_address: str | None = None  # an address literal to connect from
    proxy_protocol: ProxyProtocol = ProxyProtocol.OFF
    auth: Auth | None = None
    mail: Mail | None = None
    expect: Expect = field(default_factory=Expect)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchanger:
    """The mail domain that a target was found for, and as what (RFC 5321 section 5.1).

    Without a preference the domain's exchangers could not be found: the target is the
    domain itself, whose lookup is the probe.
    """

    domain: str
    preference: int | None = None  # 0 where the domain itself stands for its exchanger
    quirks: frozenset[Quirk] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One mail server port to probe; `name` is unique and is the label `target`."""

    name: str
    host: str  # a name, an address literal without brackets, or `unix:` and a path
    port: int  # 0 with a Unix socket
    module: Module
    interval: float
    labels: tuple[tuple[str, str], ...] = ()
    source: TargetSource = TargetSource.CONFIG
    exchanger: Exchanger | None = None  # of a target with the label `mx_domain`
    address: str | None = None  # probe this address of the host, and label it so

    @property
    def lost(self) -> bool:
        """Whether it is a mail domain whose exchangers were not found."""
        return self.exchanger is not None and self.exchanger.preference is None


@dataclass(frozen=True, slots=True, kw_only=True)
class MailDomain:
    """A domain whose mail exchangers are targets, each by itself."""

    domain: str
    port: int
    module: Module
    interval: float
    labels: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSource:
    """Files in Prometheus's file_sd format that name targets."""

    files: tuple[str, ...]  # absolute paths; the last part may hold `*`
    module: str | None  # of targets that name none; None: by their port
    refresh: float

    @property
    def where(self) -> str:
        """Say where the targets are found."""
        return ", ".join(self.files)


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSource:
    """An address in Prometheus's http_sd format that names targets."""

    url: str
    module: str | None
    refresh: float

    @property
    def where(self) -> str:
        """Say where, without login and query: passwords and tokens stand there."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
