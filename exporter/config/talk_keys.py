"""The sections of a module, each key with its kind and default.

Holds what a probe waits for, says and asks of the server's words. Refuses what takes
two keys to judge; a secret is tried here, so that it is told beside whatever else is
wrong.
"""

from types import MappingProxyType
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field, ValidationInfo

from exporter.config.expectation import (
    KEYWORD_PATTERN,
    MAX_PATTERN,
    check_keyword,
    check_pattern,
)
from exporter.config.kinds import Choice, Flag, Line, Text, Whole
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
from exporter.config.section import RELATIVE, Limit, Section, folder_of, limit
from exporter.targets import Expect, Timeouts
from exporter.vocabulary import Mechanism

MAX_CODES = 20  # more would be a range, and say nothing

_TIMEOUTS = Timeouts()
_EXPECT = Expect()
_LAST_WORD = "with 221 or 421 the server ends the session; neither can be expected"

OwnPattern = Annotated[
    str | None, Text(check_pattern, minLength=1, maxLength=MAX_PATTERN)
]
Keyword = Annotated[str, Text(check_keyword, pattern=KEYWORD_PATTERN)]
Code = Annotated[int, Whole(200, 599, dict.fromkeys((221, 421), _LAST_WORD))]
Codes = Annotated[tuple[Code, ...], Field(min_length=1, max_length=MAX_CODES)]


class TimeoutKeys(Section):
    """How long each kind of waiting may take."""

    dns: Limit = limit(_TIMEOUTS.dns, "turning the name into addresses")
    connect: Limit = limit(
        _TIMEOUTS.connect, "TCP, for each address tried; they share `timeout` too"
    )
    tls: Limit = limit(_TIMEOUTS.tls, "the TLS handshake")
    greeting: Limit = limit(_TIMEOUTS.greeting, "the server's greeting (220)")
    command: Limit = limit(_TIMEOUTS.command, "the reply to a command")
    quit: Limit = limit(_TIMEOUTS.quit, "the reply to QUIT (221)")
    close: Limit = limit(_TIMEOUTS.close, "the server to close after its 221")


def _full_path(text: str, info: ValidationInfo) -> str:
    return check_file(text, folder_of(info))


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
        f"behind it is left out. {RELATIVE}",
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
        description="Whether the secret may be sent outside TLS. Without this, a "
        "probe that has no TLS fails with tls_required.",
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
    """The reply codes that are wanted, instead of the usual ones; not 221 or 421."""

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
        description="Codes that the greeting may have, instead of 220; not 221 or 421.",
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
