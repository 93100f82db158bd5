"""The keys of a module, each with its kind and default.

Holds how a target may be probed, as it is written. Refuses what takes two keys to
judge, but for a certificate and its key: files are tried here, so that they are told
beside whatever else is wrong.
"""

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

from exporter.config.address import (
    MAX_EHLO_NAME,
    MAX_HOST,
    check_address,
    check_ehlo_name,
    check_server_name,
    read_dns_server,
)
from exporter.config.complaint import Refusal
from exporter.config.kinds import NO_VALUE, Choice, Flag, Line, Span, Text
from exporter.config.pem import check_certificates, check_key, check_pair
from exporter.config.section import (
    RELATIVE,
    Limit,
    OwnInterval,
    Section,
    folder_of,
    limit,
)
from exporter.config.talk_keys import AuthKeys, ExpectKeys, MailKeys, TimeoutKeys
from exporter.targets import Module
from exporter.vocabulary import (
    Addresses,
    IpFamily,
    Policy,
    Protocol,
    ProxyProtocol,
    QuitPolicy,
    TlsMode,
    TlsVersion,
)

_MODULE = Module(name="")
_POLICIES = "off: no; report: metrics tell; enforce: and what is wrong fails the probe."


def _certificates(text: str, info: ValidationInfo) -> str:
    return check_certificates(text, folder_of(info))


def _key(text: str, info: ValidationInfo) -> str:
    path = check_key(text, folder_of(info))
    cert_file = info.data.get("cert_file")  # stands before the key, and was tried
    if cert_file:
        check_pair(cert_file, path)
    return path


OwnEhloName = Annotated[
    str | None, Text(check_ehlo_name, minLength=1, maxLength=MAX_EHLO_NAME)
]
OwnServerName = Annotated[
    str | None, Text(check_server_name, minLength=1, maxLength=MAX_HOST)
]
OwnCertificates = Annotated[
    str | None, Line(str, minLength=1), AfterValidator(_certificates)
]
OwnKey = Annotated[str | None, Line(str, minLength=1), AfterValidator(_key)]
OwnResolver = Annotated[tuple[str, int] | None, Text(read_dns_server, minLength=1)]
OwnAddress = Annotated[str | None, Text(check_address, pattern="^[0-9A-Fa-f:.]+$")]


def _given(value: object) -> object:
    """Refuse null where None stands for a key that isn't written."""
    if value is None:
        raise Refusal(NO_VALUE)
    return value


class ModuleKeys(Section):
    """How a target is probed.

    Under the name of a built-in module, its values stand where none are written.
    """

    protocol: Annotated[Protocol, Choice(Protocol)] = Field(
        default=_MODULE.protocol, description="What is spoken."
    )
    ehlo: Annotated[bool, Flag()] = Field(
        default=_MODULE.ehlo,
        description="Whether EHLO (LMTP: LHLO) is said; false: the greeting and QUIT "
        "only.",
    )
    ehlo_name: OwnEhloName = Field(
        default=_MODULE.ehlo_name,
        description="What EHLO says, a domain or an address literal in brackets. "
        "Default: the literal of the socket's own address.",
    )
    tls: Annotated[TlsMode, Choice(TlsMode)] = Field(
        default=_MODULE.tls,
        description="Whether the session is encrypted. opportunistic: with STARTTLS "
        "where the server offers it; required: with STARTTLS or not at all; implicit: "
        "from the first octet on.",
    )
    verify: Annotated[Policy, Choice(Policy)] = Field(
        default=_MODULE.verify,
        description="Whether the certificate's chain, name and dates matter. off: what "
        "is wrong is told, without a verdict; report: metrics tell the verdict; "
        "enforce: and what is wrong fails the probe.",
    )
    tls_server_name: OwnServerName = Field(
        default=_MODULE.tls_server_name,
        description="The name that is asked for (SNI) and verified. Default: the host.",
    )
    ca_file: OwnCertificates = Field(
        default=_MODULE.ca_file,
        description="The file with the authorities that are trusted, in PEM. Default: "
        f"the system's trust. {RELATIVE}",
    )
    cert_file: OwnCertificates = Field(
        default=_MODULE.cert_file,
        description="The file with the client's certificate and what links it to its "
        f"authority, in PEM; needs `key_file`. Default: none. {RELATIVE}",
    )
    key_file: OwnKey = Field(
        default=_MODULE.key_file,
        description="The file with the key of `cert_file`, in PEM, without a password. "
        f"{RELATIVE}",
    )
    min_version: Annotated[TlsVersion, Choice(TlsVersion)] = Field(
        default=_MODULE.min_version, description="The lowest version of TLS spoken."
    )
    dane: Annotated[Policy, Choice(Policy)] = Field(
        default=_MODULE.dane,
        description="Whether the certificate is held against TLSA records; needs "
        f"`dane_resolver`. {_POLICIES}",
    )
    dane_resolver: OwnResolver = Field(
        default=_MODULE.dane_resolver,
        description="The address of a resolver that validates DNSSEC, with a port "
        "where it is not 53: `127.0.0.1`, `[::1]:5353`. Default: none.",
    )
    dane_resolver_trusted: Annotated[bool, Flag()] = Field(
        default=False,
        description="Whether a resolver that is not on this machine is believed: true "
        "where nobody on the way to it can change its answers.",
    )
    mta_sts: Annotated[Policy, Choice(Policy)] = Field(
        default=_MODULE.mta_sts,
        description="Whether an `mx` target is held against its domain's MTA-STS "
        f"policy. {_POLICIES}",
    )
    quit: Annotated[QuitPolicy, Choice(QuitPolicy)] = Field(
        default=_MODULE.quit,
        description="What is asked of the goodbye. observe: nothing; require: 221 in "
        "answer to QUIT; strict: and a clean close.",
    )
    hold: Annotated[float, Span("0s", "10m")] = Field(
        default=_MODULE.hold,
        description="How long to sit idle after the greeting, to catch a 221 or 421 "
        "that nobody asked for, up to 10m; it ends 1s before `timeout` at the latest.",
    )
    timeout: Limit = limit(_MODULE.timeout, "the whole probe")
    timeouts: TimeoutKeys = Field(default_factory=TimeoutKeys)
    interval: OwnInterval = Field(
        default=None,
        description="Time from one probe of a target to the next, 1s to 1d. "
        "Default: the schedule's.",
    )
    ip_family: Annotated[IpFamily, Choice(IpFamily)] = Field(
        default=_MODULE.ip_family, description="Which addresses of a name are used."
    )
    addresses: Annotated[Addresses, Choice(Addresses)] = Field(
        default=_MODULE.addresses,
        description="How many addresses of a name are probed. first: in order, until "
        "one connects; all: each one, with its own series.",
    )
    source_address: OwnAddress = Field(
        default=_MODULE.source_address,
        description="The address to connect from. Default: the system's choice.",
    )
    proxy_protocol: Annotated[ProxyProtocol, Choice(ProxyProtocol)] = Field(
        default=_MODULE.proxy_protocol,
        description="The PROXY header that is sent ahead of everything, for servers "
        "that take connections from a proxy only.",
    )
    auth: Annotated[
        AuthKeys | None, BeforeValidator(_given, json_schema_input_type=AuthKeys)
    ] = Field(default=None, description="How to log in. Default: not at all.")
    mail: Annotated[
        MailKeys | None, BeforeValidator(_given, json_schema_input_type=MailKeys)
    ] = Field(
        default=None,
        description="MAIL FROM and RCPT TO, without a message. Default: neither.",
    )
    expect: ExpectKeys = Field(default_factory=ExpectKeys)
