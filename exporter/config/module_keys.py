"""The keys of a module, level by level, each with its kind and default.

Holds how a target may be probed, as it is written. Refuses what takes two keys to
judge; a secret is tried here, so that it is told beside whatever else is wrong.
"""

from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
)

from exporter.config.address import MAX_EHLO_NAME, check_address, check_ehlo_name
from exporter.config.complaint import Refusal
from exporter.config.expectation import (
    KEYWORD_PATTERN,
    MAX_PATTERN,
    check_keyword,
    check_pattern,
)
from exporter.config.kinds import NO_VALUE, Choice, Flag, Line, Span, Text, Whole
from exporter.config.login import (
    MAX_USERNAME,
    VARIABLE_PATTERN,
    check_file,
    check_username,
    check_variable,
)
from exporter.config.mailbox import (
    MAX_MAILBOX,
    RECIPIENT_PATTERN,
    SENDER_PATTERN,
    check_recipient,
    check_sender,
)
from exporter.config.section import NOT_YET, Limit, OwnInterval, Section, limit
from exporter.targets import Expect, Module, Timeouts
from exporter.vocabulary import (
    IpFamily,
    Mechanism,
    Protocol,
    ProxyProtocol,
    QuitPolicy,
)

MAX_CODES = 20  # more would be a range, and say nothing

_TIMEOUTS = Timeouts()
_MODULE = Module(name="")
_EXPECT = Expect()
_LAST_WORD = "with 221 or 421 the server ends the session; neither can be expected"


class Tls(Enum):
    """Whether and how the session is encrypted."""

    NONE = "none"


OwnEhloName = Annotated[
    str | None, Text(check_ehlo_name, minLength=1, maxLength=MAX_EHLO_NAME)
]
OwnAddress = Annotated[str | None, Text(check_address, pattern="^[0-9A-Fa-f:.]+$")]
OwnPattern = Annotated[
    str | None, Text(check_pattern, minLength=1, maxLength=MAX_PATTERN)
]
Keyword = Annotated[str, Text(check_keyword, pattern=KEYWORD_PATTERN)]
Code = Annotated[int, Whole(200, 599, dict.fromkeys((221, 421), _LAST_WORD))]
Codes = Annotated[tuple[Code, ...], Field(min_length=1, max_length=MAX_CODES)]


class TimeoutKeys(Section):
    """How long each kind of waiting may take."""

    dns: Limit = limit(_TIMEOUTS.dns, "turning the name into addresses")
    connect: Limit = limit(_TIMEOUTS.connect, "TCP, for each address tried")
    tls: Limit = limit(_TIMEOUTS.tls, "the TLS handshake")
    greeting: Limit = limit(_TIMEOUTS.greeting, "the server's greeting (220)")
    command: Limit = limit(_TIMEOUTS.command, "the reply to a command")
    quit: Limit = limit(_TIMEOUTS.quit, "the reply to QUIT (221)")
    close: Limit = limit(_TIMEOUTS.close, "the server to close after its 221")


def _full_path(text: str, info: ValidationInfo) -> str:
    folder: Path = info.context  # type: ignore[assignment]  # to_document gives it
    return check_file(text, folder)


class AuthKeys(Section):
    """How the probe logs in, with AUTH.

    The secret comes from a file or a variable, read anew by each probe, and from one of
    the two only.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [{"required": ["password_file"]}, {"required": ["password_env"]}]
        }
    )

    refused = MappingProxyType(
        {
            "password": "secrets are not written into the configuration; use "
            "`password_file` or `password_env`"
        }
    )

    mechanism: Annotated[Mechanism, Choice(Mechanism)] = Field(
        default=Mechanism.PLAIN, description="The SASL mechanism."
    )
    username: Annotated[
        str, Line(check_username, minLength=1, maxLength=MAX_USERNAME)
    ] = Field(description="Who logs in.")
    password_file: Annotated[
        str | None, Line(str, minLength=1), AfterValidator(_full_path)
    ] = Field(
        default=None,
        description="The file with the password, or with XOAUTH2's token; one line end "
        "behind it is left out. A relative path begins at this file's folder.",
    )
    password_env: Annotated[
        str | None, Line(check_variable, pattern=VARIABLE_PATTERN)
    ] = Field(
        default=None,
        description="The environment variable with the password or the token.",
    )
    initial_response: Annotated[bool, Flag()] = Field(
        default=True,
        description="Whether the first response goes with the AUTH command.",
    )
    allow_plaintext: Annotated[bool, Flag()] = Field(
        default=False,
        description="Whether the secret may be sent outside TLS. This version has no "
        "TLS: without this, the probe fails with tls_required.",
    )


class MailKeys(Section):
    """The envelope that is offered, and never followed by a message."""

    sender: Annotated[
        str, Line(check_sender, pattern=SENDER_PATTERN, maxLength=MAX_MAILBOX)
    ] = Field(
        default="",
        alias="from",
        description="The mailbox of MAIL FROM; empty: the null reverse-path.",
    )
    recipient: Annotated[
        str, Line(check_recipient, pattern=RECIPIENT_PATTERN, maxLength=MAX_MAILBOX)
    ] = Field(alias="rcpt", description="The mailbox of RCPT TO.")


def _replies(command: str) -> Any:
    return Field(default_factory=tuple, description=f"Codes that answer {command}.")


class ReplyKeys(Section):
    """The reply codes that are wanted, instead of the usual ones."""

    refused = MappingProxyType(
        {
            "greeting": "write it as `greeting`, one level up",
            "quit": "only 221 answers QUIT; how much it matters, the module's own "
            "`quit` says",
        }
    )

    ehlo: Codes = _replies("EHLO")
    auth: Codes = _replies("AUTH in the end; needs the module's `auth`")
    mail: Codes = _replies("MAIL FROM; needs the module's `mail`")
    rcpt: Codes = _replies("RCPT TO; needs the module's `mail`")


class ExpectKeys(Section):
    """What is asked of the server beyond the protocol."""

    greeting: Codes = Field(
        default=tuple(_EXPECT.greeting),
        description="Codes that the greeting may have, instead of 220.",
    )
    banner: OwnPattern = Field(
        default=_EXPECT.banner,
        description="An RE2 pattern that is found somewhere in the greeting's text, "
        "all of its lines.",
    )
    reply: ReplyKeys = Field(default_factory=ReplyKeys)
    extensions: tuple[Keyword, ...] = Field(
        default=(), description="EHLO keywords that must be offered."
    )
    extensions_absent: tuple[Keyword, ...] = Field(
        default=(), description="EHLO keywords that must not be offered."
    )


def _given(value: object) -> object:
    """Refuse null where None stands for a key that isn't written."""
    if value is None:
        raise Refusal(NO_VALUE)
    return value


class ModuleKeys(Section):
    """How a target is probed.

    Under the name of a built-in module, its values stand where none are written.
    """

    refused = MappingProxyType(
        dict.fromkeys(
            (
                *("verify", "tls_server_name", "ca_file", "cert_file", "key_file"),
                *("min_version", "dane", "dane_resolver", "dane_resolver_trusted"),
                *("mta_sts", "addresses"),
            ),
            NOT_YET,
        )
    )

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
    tls: Annotated[
        Tls, Choice(Tls, planned=("opportunistic", "required", "implicit"))
    ] = Field(default=Tls.NONE, description="Whether the session is encrypted.")
    quit: Annotated[QuitPolicy, Choice(QuitPolicy)] = Field(
        default=_MODULE.quit,
        description="What is asked of the goodbye. observe: nothing; require: 221 in "
        "answer to QUIT; strict: and a clean close.",
    )
    hold: Annotated[float, Span("0s", "10m")] = Field(
        default=_MODULE.hold,
        description="How long to sit idle after the greeting, to catch a 221 or 421 "
        "that nobody asked for, up to 10m.",
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
