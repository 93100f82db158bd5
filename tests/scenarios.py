"""THE table: what a scripted server does, and what one probe of it must report.

Holds one row for each case of SMTP.md section 6 that plain TCP can play (same ids),
and rows `X..` for rules of its sections 0 and 4 that no case describes. Refuses logic:
a row is data. Only the variants that a rule gives for whole classes of rows are made
by functions: every way in which one reply can fail, and, at the end, `-strict` for
`y*` rows and `-observe` for every bad goodbye.

A row reads: id, note, module, script, how it ends. The end is one line of words as in
SMTP.md, `CODE CLOSE [PHASE REASON]`: the greeting's code (0: no complete greeting), the
close class (`a/b`: either), and what failed. Without one it is `220 clean`: success.

`LOOKUPS` are the rows of names that a DNS server of the row is asked for, and of mail
domains, whose exchangers it is asked for first. Beside it a resolver that validates may
tell of TLSA records, and a policy host may serve what the domain asks of its senders.

Secrets and certificates are rows' data too: `ENVIRONMENT` and the two tables of files
say what a ring has to set before it plays, and a file that a row names is one in the
folder where the ring put them.
"""

import base64
import hmac
import re
import ssl
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from hashlib import sha256
from ipaddress import IPv4Address, IPv6Address
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from exporter.demo.certificates import Kind, authority, issue
from exporter.demo.script import (
    BYE,
    CLOSE,
    EHL,
    EHLO,
    EHS,
    FIN,
    GRT,
    HELO,
    HOLD,
    LHLO,
    NOTIFY,
    OFFER,
    QUI,
    QUI_TLS,
    QUIT,
    RST,
    STARTTLS,
    Answer,
    CameFrom,
    ClientHello,
    Dribble,
    Finish,
    Flood,
    ProxyHeader,
    Repeat,
    Response,
    Script,
    Silence,
    Step,
    Tls,
    script,
)
from exporter.demo.script import Expect as Command
from exporter.outcome import DaneFacts, Failure
from exporter.targets import Auth, Expect, Mail, Module, SecretSource, Timeouts
from exporter.vocabulary import (
    Close,
    IpFamily,
    Mechanism,
    Phase,
    Policy,
    Protocol,
    ProxyProtocol,
    Quirk,
    QuitPolicy,
    Reason,
    StsMode,
    TlsMode,
    TlsVersion,
    Unsolicited,
)
from tests.nameserver import MX, REFUSED, SERVFAIL, Zone


class Port(Enum):
    """What is behind the target's port."""

    OPEN = auto()
    SPARED = auto()  # open, and nobody may connect
    STARVED = auto()  # open, and the prober has no descriptor left for it
    CLOSED = auto()
    FILTERED = auto()
    ABSENT = auto()  # not even a file where the Unix socket should be


@dataclass(frozen=True, slots=True)
class Answered:
    """The reply that the outcome must tell of a phase."""

    phase: Phase
    code: int
    status: str | None  # enhanced


class Encrypted(NamedTuple):
    """What the outcome must tell of a completed handshake."""

    kind: Kind  # of the certificate
    name: str  # that it was issued for
    problems: frozenset[Reason]
    verified: bool | None
    close_notify: bool


class Says(Enum):
    """How a validating resolver answers for TLSA records."""

    SECURE = auto()
    INSECURE = auto()  # for the host too
    BOGUS = auto()  # it fails, unless it is asked not to validate
    FAILS = auto()
    SILENT = auto()
    ABSENT = auto()  # there is no resolver


class Vouched(NamedTuple):
    """The TLSA records of the target's host, and what a resolver says of them."""

    records: tuple[str, ...] = ()  # as in a zone file, without their owner
    says: Says = Says.SECURE
    alias_of: str = ""  # the host is an alias of this name, whose records they are


class Held(NamedTuple):
    """What the outcome must tell of a domain's MTA-STS policy."""

    mode: StsMode | None  # None: there is none
    verified: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One row: a script, the module that probes it, and every expected column."""

    id: str
    note: str
    module: Module
    script: Script
    failure: Failure | None  # None: success
    closes: frozenset[Close]  # any of these is accepted
    greeting_code: int  # 0: no complete greeting
    quirks: frozenset[Quirk]
    unsolicited: tuple[Unsolicited, ...]
    strict_fails: bool  # the `y*` of SMTP.md: success, but not under strict
    host: str  # `unix:` stands for a Unix socket that the ring makes
    port: Port
    at_least: tuple[Phase, float] | None  # fewest seconds that a phase takes
    within: float | None  # most seconds of the outcome's duration
    first_byte_within: float | None
    answered: Answered | None
    tls: Encrypted | None  # None: no handshake is completed
    # Of names; None: nobody is asked.
    zones: Mapping[str, Zone] | None = None
    tlsa: Vouched | None = None  # None: no validating resolver is named
    dane: DaneFacts | None = None  # None: no records are asked for
    published: str | None = None  # what the policy host serves; None: nobody is asked
    sts: Held | None = None  # None: no policy is asked for
    name: str = ""  # what leads to `host`, where the server is; "": itself
    domain: str = ""  # a mail domain; `name` is one of its exchangers, "" none of them
    # What other addresses do at the same port.
    beside: Mapping[str, Port] = field(default_factory=dict)
    addresses_failed: int = 0

    @property
    def ok(self) -> bool:
        """Whether the probe succeeds."""
        return self.failure is None

    @property
    def greeting_present(self) -> bool:
        """Whether one complete greeting is read before anything is written (J34)."""
        return self.greeting_code != 0

    @property
    def quit_221(self) -> frozenset[bool]:
        """Whether a 221 answers QUIT; both where both kinds of close are accepted."""
        return frozenset(close in _AFTER_221 for close in self.closes)


_AFTER_221 = frozenset({Close.CLEAN, Close.RESET_AFTER_221, Close.OPEN_AFTER_221})

# The modes of SMTP.md section 5, with the limits of its rule 5.
LIMITS = Timeouts(
    dns=2.0, connect=2.0, tls=2.0, greeting=2.0, command=2.0, quit=2.0, close=2.0
)
G = Module(name="g", ehlo=False, timeout=12.0, timeouts=LIMITS)
H = replace(G, name="h", hold=1.5)
E = replace(G, name="e", ehlo=True)
L = replace(E, name="l", protocol=Protocol.LMTP)
R = replace(E, name="r", mail=Mail(sender="", recipient="probe@mx.test"))
# TLS, with a server that must be who it should be; the rings find the files' folder.
S = replace(
    E,
    name="s",
    tls=TlsMode.REQUIRED,
    verify=Policy.ENFORCE,
    tls_server_name="mail.test",
    ca_file="authority",
)
SO = replace(S, name="so", tls=TlsMode.OPPORTUNISTIC)
I = replace(S, name="i", tls=TlsMode.IMPLICIT)  # noqa: E741 -- SMTP.md calls it so
_UNIX = "unix:"

# What the modules' secrets are; every one is told apart in what a probe leaves behind.
PASSWORD = "sesame-4711"  # noqa: S105 -- of nobody
ENVIRONMENT = {
    "SCENARIO_PASSWORD": PASSWORD,
    "SCENARIO_UTF8_PASSWORD": "s\u00e9same-4712",
    "SCENARIO_FITTING_PASSWORD": "F" * 365,  # makes a command line of 509 octets
    "SCENARIO_LONG_PASSWORD": "G" * 366,  # makes one of 513
    "SCENARIO_LONGEST_PASSWORD": "H" * 4096,
    "SCENARIO_RFC_2195_PASSWORD": "tanstaaftanstaaf",
}
FILES = {
    "password": PASSWORD.encode(),
    "password-line": PASSWORD.encode() + b"\n",
    "password-crlf": PASSWORD.encode() + b"\r\n",
    "empty": b"",
}
# What the modules' certificates are, by the names of their files.
CERTIFICATE_FILES = {
    "authority": authority(),
    "client": issue(Kind.CLIENT_ONLY).pem + issue(Kind.CLIENT_ONLY).key,
}
_PASSWORD = SecretSource(env="SCENARIO_PASSWORD")


def _auth(
    mechanism: Mechanism = Mechanism.PLAIN,
    username: str = "probe",
    password: SecretSource = _PASSWORD,
    *,
    initial_response: bool = True,
    allow_plaintext: bool = True,
) -> Module:
    auth = Auth(
        mechanism=mechanism,
        username=username,
        password=password,
        initial_response=initial_response,
        allow_plaintext=allow_plaintext,
    )
    return replace(E, name="a", auth=auth)


def _env(name: str) -> Module:
    return _auth(password=SecretSource(env=name))


A = _auth()
LOGIN = _auth(Mechanism.LOGIN)
CRAM = _auth(Mechanism.CRAM_MD5)
XOAUTH2 = _auth(Mechanism.XOAUTH2)
# Everything that a session can have: hold, EHLO, AUTH, MAIL, RCPT.
ALL = replace(A, name="all", hold=0.4, mail=R.mail)


def _expecting(module: Module, expect: Expect) -> Module:
    return replace(module, expect=expect)


def _replies(module: Module, **codes: int) -> Module:
    """Expect one code of each of these phases."""
    wanted = ((_PHASES[phase], frozenset({code})) for phase, code in codes.items())
    return _expecting(module, Expect(reply=tuple(wanted)))


def _to(recipient: str, sender: str = "") -> Module:
    return replace(R, mail=Mail(sender=sender, recipient=recipient))


def _limits(module: Module, deadline: float = 12.0, **limits: float) -> Module:
    return replace(module, timeout=deadline, timeouts=replace(LIMITS, **limits))


def _strict(module: Module) -> Module:
    return replace(module, quit=QuitPolicy.STRICT)


def _observe(module: Module) -> Module:
    return replace(module, quit=QuitPolicy.OBSERVE)


def _row(  # noqa: PLR0913 -- the columns of the table
    id: str,  # noqa: A002 -- the column's name
    note: str,
    module: Module,
    parts: tuple[Step | bytes | Script, ...],
    end: str = "220 clean",
    *,
    quirks: str = "",
    unsolicited: str = "",
    strict_fails: bool = False,
    host: str = "127.0.0.1",
    port: Port = Port.OPEN,
    at_least: tuple[str, float] | None = None,
    within: float | None = None,
    first_byte_within: float | None = None,
    answered: str = "",
    tls: str = "",
    zones: Mapping[str, Zone] | None = None,
    tlsa: Vouched | None = None,
    dane: DaneFacts | None = None,
    published: str | None = None,
    sts: str = "",
    name: str = "",
    domain: str = "",
    beside: Mapping[str, Port] | None = None,
    addresses_failed: int = 0,
) -> Scenario:
    code, closes, *failure = end.split()
    return Scenario(
        id=id,
        note=note,
        module=module,
        script=script(*parts),
        failure=_failure(*failure) if failure else None,
        closes=frozenset(_CLOSES[close] for close in closes.split("/")),
        greeting_code=int(code),
        quirks=frozenset(_QUIRKS[quirk] for quirk in quirks.split()),
        unsolicited=tuple(_UNSOLICITED[what] for what in unsolicited.split()),
        strict_fails=strict_fails,
        host=host,
        port=port,
        at_least=at_least and (_PHASES[at_least[0]], at_least[1]),
        within=within,
        first_byte_within=first_byte_within,
        answered=_answered(*answered.split()) if answered else None,
        tls=_encrypted(module, *tls.split()) if tls else None,
        zones=zones,
        tlsa=tlsa,
        dane=dane,
        published=published,
        sts=_held(*sts.split()) if sts else None,
        name=name,
        domain=domain,
        beside=beside or {},
        addresses_failed=addresses_failed,
    )


_PHASES = {phase.value: phase for phase in Phase}
_REASONS = {reason.value: reason for reason in Reason}
_CLOSES = {close.value: close for close in Close}
_QUIRKS = {quirk.value: quirk for quirk in Quirk}
_UNSOLICITED = {what.value: what for what in Unsolicited}
_STS_MODES = {mode.value: mode for mode in StsMode} | {"absent": None}
_VERDICTS = {"verified": True, "unverified": False, "unjudged": None}


def _failure(phase: str, reason: str) -> Failure:
    return Failure(_PHASES[phase], _REASONS[reason])


def _answered(phase: str, code: str, status: str | None = None) -> Answered:
    return Answered(_PHASES[phase], int(code), status)


def _encrypted(module: Module, kind: str, *words: str) -> Encrypted:
    """Read `KIND[:name] [notify] [problem ...] [verdict]`.

    Without a verdict it is that of the authorities, where the module asks them.
    """
    kind, _, name = kind.partition(":")
    problems = frozenset(_REASONS[word] for word in words if word in _REASONS)
    verdicts = [_VERDICTS[word] for word in words if word in _VERDICTS]
    of_authorities = None if module.verify is Policy.OFF else not problems
    return Encrypted(
        Kind[kind],
        name or "mail.test",
        problems,
        verified=verdicts[0] if verdicts else of_authorities,
        close_notify="notify" in words,
    )


def _held(mode: str, verdict: str = "unjudged") -> Held:
    return Held(_STS_MODES[mode], _VERDICTS[verdict])


def _greets(
    id: str,  # noqa: A002 -- the column's name
    note: str,
    greeting: bytes,
    quirks: str = "",
) -> Scenario:
    """Make a row in which the greeting is accepted, with these quirks."""
    return _row(id, note, G, (greeting, QUI), quirks=quirks)


_LONG_GREETING = b"220 mx.test " + b"A" * 498 + b"\r\n"  # 512 octets
_MANY_KEYWORDS = b"".join(b"250-X%d\r\n" % n for n in range(300))
_FULL_LINE = b"250-" + b"A" * 494 + b"\r\n"  # 500 octets
_CHARGEN = bytes(range(0x20, 0x69)) + b"\r\n" + bytes(range(0x21, 0x6A)) + b"\r\n"
_TLS_ALERT = b"\x15\x03\x01\x00\x02\x02\x0a"  # fatal, unexpected_message

_FQDN = re.compile(rb"(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,}\Z")


def _strict_about_names(line: bytes) -> bytes:
    """Answer EHLO as Exim and OpenSMTPD do to arguments that the grammar forbids."""
    argument = line.partition(b" ")[2]
    if _FQDN.match(argument) or _is_literal(argument.decode("latin-1")):
        return b"250 mx.test\r\n"
    return b"501 Syntactically invalid EHLO argument(s)\r\n"


def _is_literal(argument: str) -> bool:
    if not (argument.startswith("[") and argument.endswith("]")):
        return False
    inner = argument[1:-1]
    try:
        if inner.startswith("IPv6:"):
            IPv6Address(inner.removeprefix("IPv6:"))
        else:
            IPv4Address(inner)
    except ValueError:
        return False
    return True


def _b64(octets: bytes) -> bytes:
    return base64.b64encode(octets)


def _plain(password: str) -> bytes:
    return _b64(b"\0probe\0" + password.encode())


def _cram(challenge: bytes) -> bytes:
    digest = hmac.new(PASSWORD.encode(), challenge, "md5").hexdigest()
    return _b64(b"probe " + digest.encode())


def _offering(*keywords: bytes) -> Script:
    lines = b"".join(b"250-%s\r\n" % keyword for keyword in keywords)
    return script(EHLO, b"250-mx.test\r\n" + lines + b"250 8BITMIME\r\n")


EHA = _offering(b"SIZE 1000", b"AUTH PLAIN LOGIN")
AUTH_PLAIN = Command(b"AUTH PLAIN")
AUTH = Command(b"AUTH PLAIN " + _plain(PASSWORD))
CANCEL = script(Command(b"*"), b"501 5.7.0 cancelled\r\n")
YES = b"235 2.7.0 ok\r\n"
NO = b"535 5.7.8 bad\r\n"
GO_ON = b"334 \r\n"

MAIL = Command(b"MAIL FROM:<>")
RCPT = Command(b"RCPT TO:<probe@mx.test>")
OK = b"250 2.1.0 ok\r\n"

# LOGIN is only what servers do; these are the prompts that most of them have.
EH_LOGIN = script(_offering(b"AUTH LOGIN"), Command(b"AUTH LOGIN"))
USERNAME_PROMPT = b"334 VXNlcm5hbWU6\r\n"
PASSWORD_PROMPT = b"334 UGFzc3dvcmQ6\r\n"
USERNAME = Response(_b64(b"probe"))
PASSWORD_LINE = Response(_b64(PASSWORD.encode()))

EH_CRAM = script(_offering(b"AUTH CRAM-MD5"), Command(b"AUTH CRAM-MD5"))
CHALLENGE = b"<4711.1700000000@mx.test>"
# RFC 2195 section 2
RFC_2195 = _auth(
    Mechanism.CRAM_MD5, "tim", SecretSource(env="SCENARIO_RFC_2195_PASSWORD")
)
RFC_2195_CHALLENGE = b"334 PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+\r\n"
RFC_2195_RESPONSE = Response(b"dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw")

_BEARER = _b64(b"user=probe\x01auth=Bearer " + PASSWORD.encode() + b"\x01\x01")
EH_XOAUTH2 = _offering(b"AUTH XOAUTH2")
BEARER = Command(b"AUTH XOAUTH2 " + _BEARER)
OAUTH_ERROR = b"334 " + _b64(b'{"status":"401","schemes":"bearer"}') + b"\r\n"
NOTHING = Response(b"")


_COMMANDS = {
    "starttls": "STARTTLS",
    "ehlo_tls": "EHLO inside TLS",
    "auth": "AUTH",
    "mail": "MAIL",
    "rcpt": "RCPT",
}
# What becomes of a command, by the reason that this is for.
_ANSWERED = {
    "timeout": "is never answered",
    "deadline": "is not answered within the deadline of 1 s",
    "eof": "is answered by FIN",
    "reset": "is answered by RST",
    "protocol_error": "is answered by what is no reply",
    "reply_too_long": "is answered by a line of 32 KB",
    "unsolicited_reply": "is answered twice",
    "unsolicited_221": "is answered by 221",
    "unavailable": "is answered by 421",
    "deferred": "is answered by 454",
    "rejected": "is answered by 554",
    "unexpected_code": "is answered by 354",
}


@dataclass(frozen=True, slots=True)
class _End:
    """One way in which the reply to a command can fail a phase."""

    reason: str
    said: Script
    close: str
    unsolicited: str = ""
    deadline: float = 12.0


def _every_end(
    id: str,  # noqa: A002 -- the column's name
    module: Module,
    before: Script,
    phase: str,
    good: bytes,
    *,
    encrypted: bool = False,
) -> Iterator[Scenario]:
    """Make a row of each reason that the reply to a command may have."""
    goodbye = QUI_TLS if encrypted else QUI
    ends = (
        _End("timeout", (HOLD,), "aborted"),
        _End("deadline", (HOLD,), "aborted", deadline=1.0),
        _End("eof", (FIN,), "fin_without_221"),
        _End("reset", (RST,), "reset_without_221"),
        _End("protocol_error", script(b"hello\r\n", HOLD), "aborted"),
        _End("reply_too_long", script(good[:3] + b" " + b"A" * 32768, HOLD), "aborted"),
        _End("unsolicited_reply", script(good + good, HOLD), "aborted", "other"),
        _End("unsolicited_221", script(BYE, FIN), "unsolicited_221", "221"),
        _End("unavailable", script(b"421 4.3.2 later\r\n", FIN), "code_421"),
        _End("deferred", script(b"454 4.7.0 later\r\n", goodbye), "clean"),
        _End("rejected", script(b"554 5.7.0 no\r\n", goodbye), "clean"),
        _End("unexpected_code", script(b"354 go ahead\r\n", goodbye), "clean"),
    )
    for end in ends:
        notified = " notify" if end.close == "clean" else ""
        yield _row(
            f"{id}-{end.reason}",
            f"{_COMMANDS[phase]} {_ANSWERED[end.reason]}",
            _limits(module, deadline=end.deadline),
            (before, end.said),
            f"220 {end.close} {phase} {end.reason}",
            unsolicited=end.unsolicited,
            within=end.deadline + 0.5 if end.reason == "deadline" else 2.5,
            tls=f"GOOD{notified}" if encrypted else "",
        )


_NAME = "mx.test."  # with a final dot, so that no search list is walked
_HERE = ("127.0.0.1",)
_NOWHERE = ("ff0e::1",)  # a multicast group, which no TCP leads to
_TWO_EXCHANGERS = {
    "mail.test": Zone(mx=((20, "b.test"), (10, "a.test"))),
    "a.test": Zone(a=_HERE),
    "b.test": Zone(a=("127.0.0.2",)),
}

# A table is read by rows: one call each, not one argument to a line.
# fmt: off

BASELINE = (
    _row("B01", "the happy path", G, (GRT, QUI)),
    _row("B02", "the happy path with EHLO", E, (GRT, EHL, QUI)),
    _greets("B06", "multi-line greeting",
        b"220-mx.test one\r\n220-two\r\n220 three\r\n"),
    _row("B09", "Exim waits for our FIN; the client must not close first", G,
        (GRT, QUIT, BYE, Silence(0.2), FIN)),
    _row("B11", "postscreen's teaser; the first octet and the greeting are apart", G,
        (b"220-mx.test ESMTP\r\n", Silence(1.2), b"220 mx.test ESMTP\r\n", QUI),
        at_least=("greeting", 1.15), first_byte_within=0.6),
    _greets("B13", "PIX and ASA mask the banner", b"220 ************************\r\n",
        "greeting_no_domain"),
)

GREETING = (
    _row("G01", "greets late, in time", G, (Silence(1.2), GRT, QUI),
        at_least=("greeting", 1.15)),
    _row("G02", "greets too late; not an octet may be written before", G,
        (Silence(3.5, may_leave=True), GRT, QUI), "0 aborted greeting timeout",
        at_least=("greeting", 1.95), within=2.5),
    _row("G04", "greets octet by octet, in time", G,
        (Dribble(b"220 mx.test ready\r\n", 0.02), QUI)),
    _row("G06", "the greeting's CRLF in two segments", G,
        (b"220 mx.test\r", Silence(0.3), b"\n", QUI)),
    _row("G08", "a greeting that is never terminated", G, (b"220-mx.test\r\n", HOLD),
        "0 aborted greeting timeout"),
    _row("G09", "a teaser without end; each line is in time, the greeting is not", G,
        (Repeat(b"220-x\r\n", 0.2),), "0 aborted greeting timeout", within=2.5),
    _row("G12", "accept, then close", G, (Silence(0.1), FIN),
        "0 fin_without_221 greeting eof"),
    _row("G13", "accept, then reset", G, (Silence(0.1), RST),
        "0 reset_without_221 greeting reset"),
    _row("G14", "never greets; the deadline is shorter than the greeting's limit",
        _limits(G, deadline=2.0, greeting=10.0), (HOLD,), "0 aborted greeting deadline",
        within=2.5),
    _row("G15", "greets late; the client must stay silent", _limits(G, greeting=4.0),
        (Silence(1.5), GRT, QUI)),
    _row("G17", "greets and closes", E, (GRT, Finish(frozenset({b"EHLO", b"QUIT"}))),
        "220 fin_without_221 ehlo eof"),
    _row("G19", "greets with 554, and answers QUIT", G,
        (b"554 mx.test No SMTP service here\r\n", QUI),
        "554 clean greeting rejected"),
    _row("G20", "greets with 554: no EHLO after a refusal", E,
        (b"554 mx.test go away\r\n", QUI),
        "554 clean greeting rejected"),
    _row("G21", "greets with 554 and closes", G, (b"554 mx.test\r\n", FIN),
        "554 fin_without_221 greeting rejected"),
    _row("G23", "greets with 421 and closes", G,
        (b"421 4.3.2 All server ports are busy\r\n", FIN),
        "421 code_421 greeting unavailable"),
    _row("G24", "greets with 421, and answers QUIT (Exim)", G,
        (b"421 mx.test busy\r\n", QUI),
        "421 clean greeting unavailable"),
    _row("G26", "greets with 450", G, (b"450 4.3.2 try later\r\n", QUI),
        "450 clean greeting deferred"),
    _row("G28", "NNTP", G, (b"200 news ready\r\n", QUI),
        "200 clean greeting unexpected_code"),
    _row("G30", "221 as greeting", G, (b"221 2.0.0 mx.test closing\r\n", FIN),
        "221 unsolicited_221 greeting unsolicited_221", unsolicited="221"),
    _row("G32", "greets when the deadline of 1 s is over", _limits(G, deadline=1.0),
        (Silence(1.6, may_leave=True), GRT, QUI), "0 aborted greeting deadline",
        within=1.5),
)

PARSER = (
    _greets("P01", "a greeting with bare LF", b"220 mx.test ESMTP\n", "bare_lf"),
    _row("P02", "bare CR is no line end", G, (b"220 mx.test ESMTP\r", HOLD),
        "0 aborted greeting timeout"),
    _row("P06", "mixed codes in a greeting", G, (b"220-a\r\n250 b\r\n", HOLD),
        "0 aborted greeting protocol_error", within=1.0),
    _row("P07", "421 inside a 220 is a mixed code too (J9)", G,
        (b"220-a\r\n421 b\r\n", FIN), "0 aborted greeting protocol_error", within=1.0),
    _greets("P09", "NUL", b"220 mx\x00.test\r\n", "control_chars greeting_no_domain"),
    _greets("P10", "Latin-1", b"220 mx.test caf\xe9\r\n", "eight_bit"),
    _greets("P11", "UTF-8", b"220 mx.test \xd0\x97\xd0\xb4\r\n", "eight_bit"),
    _greets("P13", "a line of exactly 512 octets", _LONG_GREETING),
    _row("P16", "a line without end; told before the timeout", G,
        (b"220 " + b"A" * 256 * 1024, HOLD), "0 aborted greeting reply_too_long",
        within=1.5),
    _row("P17", "a flood of lines", G, (Flood(b"220-x\r\n"), HOLD),
        "0 aborted greeting reply_too_long", within=1.5),
    _greets("P18", "a greeting of the code alone", b"220\r\n", "no_text"),
    _greets("P19", "a greeting of the code and a space", b"220 \r\n", "no_text"),
    _row("P22", "an empty line first", G, (b"\r\n220 mx.test\r\n", HOLD),
        "0 aborted greeting protocol_error", within=1.0),
    _row("P23", "a space first", G, (b" 220 mx.test\r\n", HOLD),
        "0 aborted greeting protocol_error", within=1.0),
    _row("P26", "two digits", G, (b"22\r\n", HOLD), "0 aborted greeting protocol_error",
        within=1.0),
    _row("P28", "int() takes it for 22", G, (b"+22 mx.test\r\n", HOLD),
        "0 aborted greeting protocol_error", within=1.0),
    _row("P33", "6yz", G, (b"620 mx.test\r\n", HOLD),
        "0 aborted greeting protocol_error", within=1.0),
    _row("P35", "a continuation without code", G, (b"220-a\r\nb\r\n220 c\r\n", HOLD),
        "0 aborted greeting protocol_error", within=1.0),
    _greets("P37", "the text looks like a code", b"220 250-fake\r\n"),
    _greets("P39", "escapes, quotes and braces", b'220 \x1b[31m"\\{}\x0b\r\n',
        "control_chars greeting_no_domain"),
)

SURPLUS = (
    _row("U01", "the forged answer to QUIT", G, (b"220 mx.test\r\n221 bye\r\n", FIN),
        "220 unsolicited_221 greeting unsolicited_221", unsolicited="221"),
    _row("U03", "double banner", G, (b"220 a\r\n220 b\r\n", HOLD),
        "220 aborted greeting unsolicited_reply", unsolicited="other"),
    _row("U06", "two answers to EHLO", E,
        (GRT, EHLO, b"250 mx.test\r\n250 extra\r\n", HOLD),
        "220 aborted ehlo unsolicited_reply", unsolicited="other"),
    _row("U08", "221 in answer to EHLO", E, (GRT, EHLO, b"221 2.0.0 closing\r\n", FIN),
        "220 unsolicited_221 ehlo unsolicited_221", unsolicited="221"),
    _row("U09", "421 in answer to EHLO, and no HELO after it", E,
        (GRT, EHLO, b"421 4.3.2 shutting down\r\n", FIN),
        "220 code_421 ehlo unavailable"),
    _row("U10", "Stalwart's idle timeout", H,
        (GRT, Silence(0.5), b"221 2.0.0 mx.test Disconnecting inactive client.\r\n",
         FIN),
        "220 unsolicited_221 hold unsolicited_221", unsolicited="221"),
    _row("U11", "Postfix's idle timeout", H,
        (GRT, Silence(0.5), b"421 4.4.2 mx.test Error: timeout exceeded\r\n", FIN),
        "220 code_421 hold unavailable", unsolicited="421"),
    _row("U14", "qmail's and Gmail's idle timeout", H,
        (GRT, Silence(0.5), b"451 timeout (#4.4.2)\r\n", FIN),
        "220 aborted hold unsolicited_reply", unsolicited="other"),
    _row("U15", "silent through the hold", H, (GRT, Silence(1.2), QUI),
        at_least=("hold", 1.45)),
    _row("U17", "221 twice", G, (GRT, QUIT, b"221 bye\r\n221 bye\r\n", FIN),
        quirks="trailing_data"),
)

EHLO_REPLIES = (
    _row("E01", "knows HELO only", E,
        (GRT, EHLO, b"500 5.5.1 what\r\n", HELO, b"250 mx.test\r\n", QUI),
        quirks="ehlo_fallback"),
    _row("E03", "refuses EHLO and HELO; QUIT is still exchanged", E,
        (GRT, EHLO, b"550 no\r\n", HELO, b"550 no\r\n", QUI), "220 clean ehlo rejected",
        quirks="ehlo_fallback"),
    _row("E04", "451 in answer to EHLO: no HELO after a 4yz", E,
        (GRT, EHLO, b"451 later\r\n", QUI),
        "220 clean ehlo deferred"),
    _row("E05", "closes at EHLO", E, (GRT, EHLO, FIN), "220 fin_without_221 ehlo eof"),
    _row("E07", "never answers EHLO", E, (GRT, EHLO, HOLD), "220 aborted ehlo timeout"),
    _row("E09", "300 keywords in answer to EHLO: large but sane", E,
        (GRT, EHLO, b"250-mx.test\r\n" + _MANY_KEYWORDS + b"250 END\r\n", QUI)),
    _row("E11", "offers no extensions", E, (GRT, EHLO, b"250 mx.test\r\n", QUI)),
    _row("E12", "mixed codes in answer to EHLO", E,
        (GRT, EHLO, b"250-mx.test\r\n550 no\r\n", HOLD),
        "220 aborted ehlo protocol_error"),
    _row("E20", "takes an FQDN or a valid literal only", E,
        (GRT, EHLO, Answer(_strict_about_names), QUI)),
    _row("E20-v6", "takes an FQDN or a valid literal only, over ::1", E,
        (GRT, EHLO, Answer(_strict_about_names), QUI), host="::1"),
    _row("E22", "answers EHLO line by line", E,
        (GRT, EHLO, b"250-mx.test\r\n", Silence(0.2), b"250-PIPELINING\r\n",
         Silence(0.2), b"250-SIZE 1000\r\n", Silence(0.2), b"250-DSN\r\n",
         Silence(0.2), b"250 8BITMIME\r\n", QUI),
        at_least=("ehlo", 0.75)),
    _row("E24", "LMTP on an SMTP probe", E,
        (b"220 mx LMTP\r\n", EHLO, b"500 5.5.1 LHLO expected\r\n",
         HELO, b"500 5.5.1 LHLO expected\r\n", QUI),
        "220 clean ehlo rejected", quirks="ehlo_fallback"),
    _row("E25", "LMTP", L,
        (b"220 mx LMTP\r\n", LHLO, b"250-mx.test\r\n250 PIPELINING\r\n", QUI)),
    _row("E26", "LMTP has no HELO to fall back to", L,
        (GRT, LHLO, b"500 unknown\r\n", QUI), "220 clean ehlo rejected"),
    _row("E29", "answers EHLO late, in time", E,
        (GRT, EHLO, Silence(1.2), b"250 mx.test\r\n", QUI),
        at_least=("ehlo", 1.15)),
)

GOODBYE = (
    _row("Q01", "221, then a reset", G, (GRT, QUIT, BYE, Silence(0.05), RST),
        "220 reset_after_221", strict_fails=True),
    _row("Q03", "221, and TCP stays open; the client ends it", G,
        (GRT, QUIT, BYE, HOLD), "220 open_after_221", strict_fails=True,
        at_least=("close", 1.95), within=1.0),
    _row("Q04", "closes late, in time; that is no latency", G,
        (GRT, QUIT, BYE, Silence(1.2), FIN), at_least=("close", 1.15), within=1.0),
    _row("Q06", "closes at QUIT", G, (GRT, QUIT, FIN), "220 fin_without_221 quit eof"),
    _row("Q08", "QUIT ignored", G, (GRT, QUIT, HOLD), "220 timeout quit timeout",
        within=2.5),
    _row("Q09", "QUIT ignored; the deadline is shorter than its limit",
        _limits(G, deadline=1.0, quit=5.0), (GRT, QUIT, HOLD),
        "220 timeout quit deadline", within=1.5),
    _row("Q10", "421 in place of 221", G, (GRT, QUIT, b"421 4.3.0 closing\r\n", FIN),
        "220 code_421 quit unavailable"),
    _row("Q12", "500 in place of 221", G, (GRT, QUIT, b"500 what\r\n", FIN),
        "220 other_code quit rejected"),
    _row("Q15", "multi-line 221", G, (GRT, QUIT, b"221-bye\r\n221 now\r\n", FIN)),
    _row("Q16", "221 alone", G, (GRT, QUIT, b"221\r\n", FIN), quirks="no_text"),
    _row("Q17", "half a 221 is none", G, (GRT, QUIT, b"221-bye\r\n", HOLD),
        "220 timeout quit timeout"),
    _row("Q20", "221 with bare LF", G, (GRT, QUIT, b"221 bye\n", FIN),
        quirks="bare_lf"),
    _row("Q22", "a goodbye without code", G, (GRT, QUIT, b"bye\r\n", FIN),
        "220 malformed quit protocol_error"),
    _row("Q23", "a flood in answer to QUIT", G, (GRT, QUIT, Flood(b"221-x\r\n"), HOLD),
        "220 malformed quit reply_too_long", within=1.5),
    _row("Q28", "the lenient policy takes a close without 221", _observe(G),
        (GRT, QUIT, FIN), "220 fin_without_221"),
    _row("Q29", "the strict policy does not take an open connection", _strict(G),
        (GRT, QUIT, BYE, HOLD), "220 open_after_221 close close_policy"),
    _row("Q30", "the strict policy does not take a reset", _strict(G),
        (GRT, QUIT, BYE, RST), "220 reset_after_221 close close_policy"),
)

ADDRESSES = (
    _row("N01", "closed port", G, (), "0 none connect refused", port=Port.CLOSED,
        within=1.0),
    _row("N02", "filtered port: our limit counts, not the kernel's 127 s", G, (),
        "0 none connect timeout", port=Port.FILTERED, at_least=("connect", 1.95),
        within=2.5),
    _row("N21", "the prober is out of descriptors: not the server's fault", G,
        (GRT, QUI), "0 none connect local_error", port=Port.STARVED, within=1.0),
    _row("N17", "a literal asks no resolver", G, (GRT, QUI)),
    _row("N18", "over IPv6", G, (GRT, QUI), host="::1"),
    _row("N23", "a listener that expects a PROXY header", G,
        (Silence(1.0), b"421 4.3.0 mx.test Server local error\r\n", FIN),
        "421 code_421 greeting unavailable"),
    _row("N24", "a PROXY header is the one thing allowed before the greeting",
        replace(G, proxy_protocol=ProxyProtocol.V1), (ProxyHeader(1), GRT, QUI)),
)

NAMES = (
    _row("N04", "the name does not exist", G, (), "0 none dns nxdomain",
        zones={}, name=_NAME, port=Port.CLOSED, within=1.0),
    _row("N05", "the name has no records", G, (), "0 none dns nodata",
        zones={"mx.test": Zone()}, name=_NAME, port=Port.CLOSED, within=1.0),
    _row("N06", "the resolver fails", G, (), "0 none dns servfail",
        zones={"mx.test": Zone(rcode=SERVFAIL)}, name=_NAME, port=Port.CLOSED,
        within=1.0),
    _row("N06-refused", "the resolver refuses", G, (), "0 none dns servfail",
        zones={"mx.test": Zone(rcode=REFUSED)}, name=_NAME, port=Port.CLOSED,
        within=1.0),
    _row("N06-circle", "aliases lead in a circle", G, (), "0 none dns servfail",
        zones={"mx.test": Zone(alias_of="a.test"), "a.test": Zone(alias_of="mx.test")},
        name=_NAME, port=Port.CLOSED, within=1.0),
    _row("N06-garbled", "the answer is cut off", G, (), "0 none dns servfail",
        zones={"mx.test": Zone(a=_HERE, garbled=True)}, name=_NAME, port=Port.CLOSED,
        within=1.0),
    _row("N06-nobody", "no resolver is there", G, (), "0 none dns servfail",
        name=_NAME, port=Port.CLOSED, within=1.0),
    _row("N07", "the resolver is silent", G, (), "0 none dns timeout",
        zones={"mx.test": Zone(silent=True)}, name=_NAME, port=Port.CLOSED,
        at_least=("dns", 1.95), within=2.5),
    _row("N07-deadline", "it is silent for longer than the probe has",
        _limits(G, deadline=1.0), (), "0 none dns deadline",
        zones={"mx.test": Zone(silent=True)}, name=_NAME, port=Port.CLOSED,
        at_least=("dns", 0.95), within=1.5),
    _row("N09", "the first address refuses, the second is well", G, (GRT, QUI),
        zones={"mx.test": Zone(a=("127.0.0.1", "127.0.0.2"))}, name=_NAME,
        host="127.0.0.2", beside={"127.0.0.1": Port.CLOSED}, addresses_failed=1),
    _row("N10", "the first address is filtered, the second is well", G, (GRT, QUI),
        zones={"mx.test": Zone(a=("127.0.0.1", "127.0.0.2"))}, name=_NAME,
        host="127.0.0.2", beside={"127.0.0.1": Port.FILTERED}, addresses_failed=1,
        at_least=("connect", 1.95)),
    _row("N11", "IPv6 is dead, IPv4 is well",
        replace(G, ip_family=IpFamily.PREFER_IPV6), (GRT, QUI),
        zones={"mx.test": Zone(a=_HERE, aaaa=_NOWHERE)}, name=_NAME,
        addresses_failed=1),
    _row("N12", "IPv6 is dead, and IPv4 is not wanted",
        replace(G, ip_family=IpFamily.IPV6), (GRT, QUI), "0 none connect unreachable",
        zones={"mx.test": Zone(a=_HERE, aaaa=_NOWHERE)}, name=_NAME,
        port=Port.SPARED, addresses_failed=1, within=1.0),
    _row("N15", "an alias of an alias", G, (GRT, QUI),
        zones={"mx.test": Zone(alias_of="a.test"), "a.test": Zone(alias_of="b.test"),
               "b.test": Zone(a=_HERE)}, name=_NAME),
    _row("N19", "the name has records of the other family only",
        replace(G, ip_family=IpFamily.IPV4), (), "0 none dns nodata",
        zones={"mx.test": Zone(aaaa=("::1",))}, name=_NAME, port=Port.CLOSED,
        within=1.0),
    _row("N20", "the resolver answers late, in time", G, (GRT, QUI),
        zones={"mx.test": Zone(a=_HERE, delay=1.2)}, name=_NAME,
        at_least=("dns", 1.19)),
)

EXCHANGERS = (
    _row("M01", "of two exchangers, the one that the domain prefers", E,
        (GRT, EHL, QUI), zones=_TWO_EXCHANGERS, domain="mail.test", name="a.test"),
    _row("M01-b", "of two exchangers, the other one", E, (GRT, EHL, QUI),
        zones=_TWO_EXCHANGERS, domain="mail.test", name="b.test", host="127.0.0.2"),
    _row("M02", "the one that refuses", E, (), "0 none connect refused",
        zones=_TWO_EXCHANGERS, domain="mail.test", name="a.test", port=Port.CLOSED,
        addresses_failed=1, within=1.0),
    _row("M02-b", "the one beside the one that refuses", E, (GRT, EHL, QUI),
        zones=_TWO_EXCHANGERS, domain="mail.test", name="b.test", host="127.0.0.2",
        beside={"127.0.0.1": Port.CLOSED}),
    _row("M04", "null MX: nothing is connected", E, (GRT, EHL, QUI),
        "0 none dns null_mx", zones={"mail.test": Zone(mx=((0, ""),), a=_HERE)},
        domain="mail.test", port=Port.SPARED, within=1.0),
    _row("M05", "a domain without MX is its own exchanger", E, (GRT, EHL, QUI),
        zones={"mail.test": Zone(a=_HERE)}, domain="mail.test", name="mail.test"),
    _row("M07", "the domain does not exist", E, (), "0 none dns nxdomain",
        zones={}, domain="mail.test", port=Port.CLOSED, within=1.0),
    _row("M09", "the exchanger is an alias", E, (GRT, EHL, QUI), quirks="mx_cname",
        zones={"mail.test": Zone(mx=((10, "alias.test"),)),
               "alias.test": Zone(alias_of="a.test"), "a.test": Zone(a=_HERE)},
        domain="mail.test", name="alias.test"),
    _row("X500", "a null MX beside another (RFC 7505 section 3)", E, (GRT, EHL, QUI),
        quirks="null_mx_mixed",
        zones={"mail.test": Zone(mx=((0, ""), (10, "a.test"))),
               "a.test": Zone(a=_HERE)}, domain="mail.test", name="a.test"),
    _row("X501", "a temporary error is never taken for no MX (RFC 5321 5.1)", E,
        (GRT, EHL, QUI), "0 none dns servfail",
        zones={"mail.test": Zone(fails_for=MX, a=_HERE)}, domain="mail.test",
        port=Port.SPARED, within=1.0),
    _row("X502", "silence is never taken for no MX", E, (GRT, EHL, QUI),
        "0 none dns timeout", zones={"mail.test": Zone(silent_for=MX, a=_HERE)},
        domain="mail.test", port=Port.SPARED, at_least=("dns", 1.95), within=2.5),
    _row("X503", "an exchanger that is an address is none, and the domain is not used",
        E, (GRT, EHL, QUI), "0 none dns nodata",
        zones={"mail.test": Zone(mx=((10, "127.0.0.1"),), a=_HERE)},
        domain="mail.test", port=Port.SPARED, within=1.0),
    _row("X504", "an exchanger that does not exist, and the domain is not used", E,
        (GRT, EHL, QUI), "0 none dns nxdomain",
        zones={"mail.test": Zone(mx=((10, "a.test"),), a=_HERE)},
        domain="mail.test", name="a.test", port=Port.SPARED, within=1.0),
    _row("X505", "a domain that is neither its own exchanger nor anything else", E, (),
        "0 none dns nodata", zones={"mail.test": Zone()}, domain="mail.test",
        name="mail.test", port=Port.CLOSED, within=1.0),
    _row("X506", "a domain that is an alias in a circle", E, (), "0 none dns servfail",
        zones={"mail.test": Zone(alias_of="mail.test")}, domain="mail.test",
        port=Port.CLOSED, within=1.0),
)

OTHER_SERVICES = (
    _row("W01", "an HTTP server waits for us", G, (HOLD,),
        "0 aborted greeting timeout"),
    _row("W02", "HTTP speaks first", G, (b"HTTP/1.1 400 Bad Request\r\n\r\n", FIN),
        "0 aborted greeting protocol_error", within=1.0),
    _row("W03", "SSH", G, (b"SSH-2.0-OpenSSH_9.6\r\n", HOLD),
        "0 aborted greeting protocol_error", within=1.0),
    _row("W04", "IMAP", G, (b"* OK IMAP4rev1 ready\r\n", HOLD),
        "0 aborted greeting protocol_error", within=1.0),
    _row("W06", "FTP is not told from SMTP without EHLO", G,
        (b"220 ProFTPD Server\r\n", QUIT, b"221 Goodbye.\r\n", FIN)),
    _row("W07", "FTP is told from SMTP by EHLO", E,
        (b"220 ProFTPD Server\r\n", EHLO, b"500 EHLO not understood\r\n",
         HELO, b"500 HELO not understood\r\n", QUIT, b"221 Goodbye.\r\n", FIN),
        "220 clean ehlo rejected", quirks="ehlo_fallback"),
    _row("W10", "chargen", G, (Flood(_CHARGEN), HOLD),
        "0 aborted greeting protocol_error", within=1.0),
)

AUTHENTICATION = (
    _row("A01", "PLAIN", A, (GRT, EHA, AUTH, YES, QUI), answered="auth 235 2.7.0"),
    _row("A02", "rejected; exactly one attempt", A, (GRT, EHA, AUTH, NO, QUI),
        "220 clean auth rejected", answered="auth 535 5.7.8"),
    _row("A04", "AUTH is not offered", A, (GRT, EHL, QUI),
        "220 clean auth not_offered"),
    _row("A05", "other mechanisms are offered", A,
        (GRT, _offering(b"AUTH CRAM-MD5"), QUI), "220 clean auth not_offered"),
    _row("A07", "PLAIN without initial response", _auth(initial_response=False),
        (GRT, EHA, AUTH_PLAIN, GO_ON, Response(_plain(PASSWORD)), YES, QUI)),
    _row("A09", "asks on behind the initial response; cancelled before QUIT", A,
        (GRT, EHA, AUTH, GO_ON, CANCEL, QUI), "220 clean auth unexpected_code"),
    _row("A10", "LOGIN", LOGIN,
        (GRT, EH_LOGIN, USERNAME_PROMPT, USERNAME, PASSWORD_PROMPT, PASSWORD_LINE, YES,
         QUI)),
    _row("A12", "504", A, (GRT, EHA, AUTH, b"504 5.5.4 mech\r\n", QUI),
        "220 clean auth rejected", answered="auth 504 5.5.4"),
    _row("A14", "421 and close", A,
        (GRT, EHA, AUTH, b"421 4.7.0 too many errors\r\n", FIN),
        "220 code_421 auth unavailable"),
    _row("A15", "closes at AUTH", A, (GRT, EHA, AUTH, FIN),
        "220 fin_without_221 auth eof"),
    _row("A17", "no secret goes over the wire in the clear unless allowed",
        _auth(allow_plaintext=False), (GRT, EHA, QUI), "220 clean auth tls_required"),
    _row("A18", "multi-line 235", A,
        (GRT, EHA, AUTH, b"235-2.7.0 ok\r\n235 2.7.0 done\r\n", QUI),
        answered="auth 235 2.7.0"),
    _row("A21", "432", A, (GRT, EHA, AUTH, b"432 4.7.12 transition\r\n", QUI),
        "220 clean auth deferred", answered="auth 432 4.7.12"),
)

ENVELOPE = (
    _row("R01", "MAIL and RCPT are offered, and never DATA", R,
        (GRT, EHL, MAIL, OK, RCPT, OK, QUI), answered="mail 250 2.1.0"),
    _row("R03", "550 to RCPT: no such user", R,
        (GRT, EHL, MAIL, OK, RCPT, b"550 5.1.1 no such user\r\n", QUI),
        "220 clean rcpt rejected", answered="rcpt 550 5.1.1"),
    _row("R04", "450 to RCPT: greylisted", R,
        (GRT, EHL, MAIL, OK, RCPT, b"450 4.2.0 greylisted\r\n", QUI),
        "220 clean rcpt deferred", answered="rcpt 450 4.2.0"),
    _row("R05", "a relay that must refuse, and does", _replies(R, rcpt=554),
        (GRT, EHL, MAIL, OK, RCPT, b"554 5.7.1 relay denied\r\n", QUI),
        answered="rcpt 554 5.7.1"),
    _row("R06", "a relay that must refuse, and relays", _replies(R, rcpt=554),
        (GRT, EHL, MAIL, OK, RCPT, OK, QUI), "220 clean rcpt unexpected_code"),
    _row("R07", "530 to MAIL: wants TLS first; no RCPT after it", R,
        (GRT, EHL, MAIL, b"530 5.7.0 Must issue a STARTTLS command first\r\n", QUI),
        "220 clean mail rejected", answered="mail 530 5.7.0"),
    _row("R11", "421 to RCPT, and close", R,
        (GRT, EHL, MAIL, OK, RCPT, b"421 4.7.0 bye\r\n", FIN),
        "220 code_421 rcpt unavailable"),
    _row("R12", "RCPT is never answered", R, (GRT, EHL, MAIL, OK, RCPT, HOLD),
        "220 aborted rcpt timeout", within=2.5),
    _row("R13", "550 to RCPT, without enhanced status code", R,
        (GRT, EHL, MAIL, OK, RCPT, b"550 no code\r\n", QUI),
        "220 clean rcpt rejected", answered="rcpt 550"),
    _row("R15", "a mailbox that is not ASCII, and SMTPUTF8 is not offered",
        _to("pr\u00f6be@mx.test"), (GRT, EHL, QUI), "220 clean mail not_offered"),
)

# Rows of our own, for rules that no case of SMTP.md section 6 describes.
MORE_GREETINGS = (
    _row("X01",
        "a 421 behind the greeting; the stream is in step, so QUIT is exchanged (J16)",
        E, (b"220 mx.test\r\n421 4.3.2 shutting down\r\n", QUI),
        "220 clean greeting unavailable", unsolicited="421"),
    _row("X02", "a 421 behind the greeting, and close", E,
        (b"220 mx.test\r\n421 4.3.2 shutting down\r\n", FIN),
        "220 code_421 greeting unavailable", unsolicited="421"),
    _row("X03", "a part of a line behind the greeting (0.2)", E,
        (b"220 mx.test\r\n22", HOLD), "220 aborted greeting unsolicited_reply",
        unsolicited="other"),
    _row("X04", "250 is no greeting (J7)", E, (b"250 mx.test\r\n", QUI),
        "250 clean greeting unexpected_code"),
    _row("X05", "a 2yz with a second digit that the ABNF does not know (J11)", E,
        (b"299 mx.test\r\n", QUI), "299 clean greeting unexpected_code"),
    _row("X06", "a 5yz with a second digit that the ABNF does not know (J11)", E,
        (b"571 mx.test\r\n", QUI), "571 clean greeting rejected"),
    _row("X07", "a 3yz is valid, and no greeting", E, (b"354 go ahead\r\n", QUI),
        "354 clean greeting unexpected_code"),
    _row("X08", "multi-line 221 as greeting", E,
        (b"221-mx.test\r\n221 closing\r\n", FIN),
        "221 unsolicited_221 greeting unsolicited_221", unsolicited="221"),
    _row("X09", "closes in the middle of a multi-line greeting", G,
        (b"220-mx.test\r\n", Silence(0.1), FIN), "0 fin_without_221 greeting eof"),
    _row("X10", "resets in the middle of a multi-line greeting", G,
        (b"220-mx.test\r\n", Silence(0.1), RST), "0 reset_without_221 greeting reset"),
    _row("X11", "closes in the middle of a line", G, (b"220 mx.te", FIN),
        "0 fin_without_221 greeting eof"),
    _row("X12", "a dribble that is too slow, though each octet is in time", G,
        (Dribble(b"220 mx.test ready\r\n", 0.2), HOLD), "0 aborted greeting timeout",
        within=2.5),
    _row("X13", "a leading zero", G, (b"020 mx.test\r\n", HOLD),
        "0 aborted greeting protocol_error", within=1.0),
    _row("X14", "four digits", G, (b"2200 mx.test\r\n", HOLD),
        "0 aborted greeting protocol_error", within=1.0),
    _row("X15", "a tab behind the code (J14)", G, (b"220\tmx.test\r\n", HOLD),
        "0 aborted greeting protocol_error", within=1.0),
    _row("X16",
        "a second octet that no code has is enough; no line end is awaited (J14)", G,
        (b"2x", HOLD), "0 aborted greeting protocol_error", within=1.0),
    _row("X17", "TLS in the clear", G, (_TLS_ALERT, HOLD),
        "0 aborted greeting protocol_error", within=1.0),
    _row("X18", "1yz is not part of SMTP", G, (b"120 soon\r\n", HOLD),
        "0 aborted greeting protocol_error", within=1.0),
    _row("X19", "a line of 32 KB, less than a whole reply may have (J13)", G,
        (b"220 " + b"A" * 32 * 1024, HOLD), "0 aborted greeting reply_too_long",
        within=1.5),
    _greets("X20", "a CR inside a line", b"220 mx.test a\rb\r\n", "bare_cr"),
    _greets("X21", "a line of 600 octets", b"220 mx.test " + b"A" * 586 + b"\r\n",
        "long_line"),
    _greets("X28", "a line as long as AUTH may need (J13)",
        b"220 mx.test " + b"A" * 12288 + b"\r\n", "long_line"),
    _greets("X22", "a tab in the text is grammatical", b"220 mx.test a\tb\r\n"),
    _greets("X23", "DEL", b"220 mx.test \x7f\r\n", "control_chars"),
    _greets("X24", "an IPv4 literal as host", b"220 [192.0.2.1] ESMTP\r\n"),
    _greets("X25", "an IPv6 literal as host", b"220 [IPv6:2001:db8::1] ESMTP\r\n"),
    _greets("X26", "an underscore is in no domain", b"220 mx_1.test ESMTP\r\n",
        "greeting_no_domain"),
    _greets("X27", "several quirks in one line", b"220 -- caf\xe9 \x07\n",
        "bare_lf control_chars eight_bit greeting_no_domain"),
)

MORE_HOLDS = (
    _row("X30", "closes an idle connection without a word (OpenSMTPD)", H,
        (GRT, Silence(0.5), FIN), "220 fin_without_221 hold eof"),
    _row("X31", "resets an idle connection", H, (GRT, Silence(0.5), RST),
        "220 reset_without_221 hold reset"),
    _row("X32", "a part of a line during the hold", H, (GRT, Silence(0.5), b"42", HOLD),
        "220 aborted hold unsolicited_reply", unsolicited="other"),
    _row("X33", "421 during the hold, and QUIT is answered", H,
        (GRT, Silence(0.5), b"421 4.4.2 mx.test idle\r\n", QUI),
        "220 clean hold unavailable", unsolicited="421"),
    _row("X34", "a 421 in two segments during the hold is still a 421", H,
        (GRT, Silence(0.3), b"42", Silence(0.2), b"1 mx.test idle\r\n", QUI),
        "220 clean hold unavailable", unsolicited="421"),
    _row("X35", "the deadline ends a hold", _limits(H, deadline=0.9), (GRT, HOLD),
        "220 aborted hold deadline", within=1.4),
)

MORE_EHLO_REPLIES = (
    _row("X40", "421 in answer to EHLO, and QUIT is answered", E,
        (GRT, EHLO, b"421 4.3.2 mx.test later\r\n", QUI), "220 clean ehlo unavailable"),
    _row("X41", "multi-line 421 in answer to EHLO", E,
        (GRT, EHLO, b"421-mx.test\r\n421 closing\r\n", FIN),
        "220 code_421 ehlo unavailable"),
    _row("X42", "421 in answer to HELO", E,
        (GRT, EHLO, b"500 what\r\n", HELO, b"421 mx.test later\r\n", FIN),
        "220 code_421 ehlo unavailable", quirks="ehlo_fallback"),
    _row("X43", "4yz in answer to HELO", E,
        (GRT, EHLO, b"500 what\r\n", HELO, b"451 mx.test later\r\n", QUI),
        "220 clean ehlo deferred", quirks="ehlo_fallback"),
    _row("X44", "221 in answer to HELO", E,
        (GRT, EHLO, b"500 what\r\n", HELO, b"221 mx.test bye\r\n", FIN),
        "220 unsolicited_221 ehlo unsolicited_221", quirks="ehlo_fallback",
        unsolicited="221"),
    _row("X45", "HELO is never answered", E, (GRT, EHLO, b"500 what\r\n", HELO, HOLD),
        "220 aborted ehlo timeout", quirks="ehlo_fallback", within=4.5),
    _row("X46", "closes at HELO", E, (GRT, EHLO, b"500 what\r\n", HELO, FIN),
        "220 fin_without_221 ehlo eof", quirks="ehlo_fallback"),
    _row("X47", "resets at EHLO", E, (GRT, EHLO, RST),
        "220 reset_without_221 ehlo reset"),
    _row("X48", "any 2yz but 221 answers EHLO (J7), and HELO is not sent", E,
        (GRT, EHLO, b"252 mx.test\r\n", QUI)),
    _row("X49", "3yz in answer to EHLO", E, (GRT, EHLO, b"354 mx.test\r\n", QUI),
        "220 clean ehlo unexpected_code"),
    _row("X50", "a megabyte without line end in answer to EHLO", E,
        (GRT, EHLO, b"250-" + b"A" * 1024 * 1024, HOLD),
        "220 aborted ehlo reply_too_long", within=1.5),
    _row("X51", "1100 short lines in answer to EHLO", E,
        (GRT, EHLO, b"250-x\r\n" * 1100 + b"250 x\r\n", HOLD),
        "220 aborted ehlo reply_too_long", within=1.5),
    _row("X52", "100 KB in answer to EHLO, in lines of 500 octets", E,
        (GRT, EHLO, _FULL_LINE * 200 + b"250 x\r\n", HOLD),
        "220 aborted ehlo reply_too_long", within=1.5),
    _row("X53", "an answer to EHLO without end, though each line is in time", E,
        (GRT, EHLO, Repeat(b"250-x\r\n", 0.2)), "220 aborted ehlo timeout", within=2.5),
    _row("X54", "never answers EHLO; the deadline is shorter than its limit",
        _limits(E, deadline=1.0), (GRT, EHLO, HOLD), "220 aborted ehlo deadline",
        within=1.5),
    _row("X55", "221 behind the answer to EHLO", E,
        (GRT, EHLO, b"250 mx.test\r\n221 bye\r\n", FIN),
        "220 unsolicited_221 ehlo unsolicited_221", unsolicited="221"),
    _row("X56", "421 behind the answer to EHLO", E,
        (GRT, EHLO, b"250 mx.test\r\n421 mx.test going down\r\n", QUI),
        "220 clean ehlo unavailable", unsolicited="421"),
    _row("X57", "octets that are no reply behind the answer to EHLO", E,
        (GRT, EHLO, b"250 mx.test\r\nhello", HOLD),
        "220 aborted ehlo unsolicited_reply", unsolicited="other"),
    _row("X58", "EHLO is answered by the code alone, with bare LF", E,
        (GRT, EHLO, b"250\n", QUI),
        quirks="bare_lf no_text"),
)

MORE_GOODBYES = (
    _row("X60", "221 in two segments", G,
        (GRT, QUIT, b"221 2.0", Silence(0.3), b".0 bye\r\n", FIN),
        at_least=("quit", 0.25)),
    _row("X61", "8 KB behind the 221", G, (GRT, QUIT, BYE + b"A" * 8192, FIN),
        quirks="trailing_data"),
    _row("X62", "a flood behind the 221, without end", G,
        (GRT, QUIT, BYE, Flood(b"A" * 1024), HOLD), "220 open_after_221",
        quirks="trailing_data", strict_fails=True, within=1.0),
    _row("X63", "250 in place of 221", G, (GRT, QUIT, b"250 ok\r\n", FIN),
        "220 other_code quit unexpected_code"),
    _row("X64", "451 in place of 221", G, (GRT, QUIT, b"451 later\r\n", FIN),
        "220 other_code quit deferred"),
    _row("X65",
        "421, then 250 in answer to QUIT: the first thing after QUIT decides (0.3)", G,
        (b"421 mx.test busy\r\n", QUIT, b"250 ok\r\n", FIN),
        "421 other_code greeting unavailable"),
    _row("X66", "421, and QUIT ignored", G, (b"421 mx.test busy\r\n", QUIT, HOLD),
        "421 code_421 greeting unavailable"),
    _row("X67", "421, and a reset at QUIT", G, (b"421 mx.test busy\r\n", QUIT, RST),
        "421 code_421 greeting unavailable"),
    _row("X68", "421, and no reply in answer to QUIT", G,
        (b"421 mx.test busy\r\n", QUIT, b"bye\r\n", FIN),
        "421 malformed greeting unavailable"),
    _row("X69", "554, and QUIT ignored", G, (b"554 mx.test no\r\n", QUIT, HOLD),
        "554 timeout greeting rejected"),
    _row("X70", "resets at QUIT", G, (GRT, QUIT, RST),
        "220 reset_without_221 quit reset"),
    _row("X71", "a plain close after 221 is a FIN too", G, (GRT, QUIT, BYE, CLOSE)),
    _row("X72", "221 late, in time", G, (GRT, QUIT, Silence(1.2), BYE, FIN),
        at_least=("quit", 1.15)),
    _row("X73", "a 221 that is too slow, though each octet is in time", G,
        (GRT, QUIT, Dribble(b"221 2.0.0 mx.test bye\r\n", 0.2), HOLD),
        "220 timeout quit timeout", within=2.5),
    _row("X74", "the deadline ends the wait for the close",
        _limits(G, deadline=1.0, close=5.0), (GRT, QUIT, BYE, HOLD),
        "220 open_after_221", strict_fails=True),
    _row("X75", "the answer to QUIT has quirks too", G,
        (GRT, QUIT, b"221 \xe2\x9c\x8b \x07\r\n", FIN),
        quirks="eight_bit control_chars"),
    _row("X76", "421, then 421 in answer to QUIT", G,
        (b"421 mx.test busy\r\n", QUIT, b"421 mx.test busy\r\n", FIN),
        "421 code_421 greeting unavailable"),
    _row("X77", "mixed codes in answer to QUIT", G,
        (GRT, QUIT, b"221-bye\r\n421 busy\r\n", FIN),
        "220 malformed quit protocol_error"),
)

MORE_AUTHENTICATION = (
    _row("X100", "credentials in the clear are refused before the offer is looked at",
        _auth(allow_plaintext=False), (GRT, EHL, QUI), "220 clean auth tls_required"),
    _row("X101", "CRAM-MD5 shows no password, and is refused in the clear all the same",
        _auth(Mechanism.CRAM_MD5, allow_plaintext=False),
        (GRT, _offering(b"AUTH CRAM-MD5"), QUI), "220 clean auth tls_required"),
    _row("X102", "a server that knows HELO only offers no mechanism", A,
        (GRT, EHLO, b"500 what\r\n", HELO, b"250-mx.test\r\n250 AUTH PLAIN\r\n", QUI),
        "220 clean auth not_offered", quirks="ehlo_fallback"),
    _row("X103", "AUTH= of old servers counts", A,
        (GRT, _offering(b"AUTH=PLAIN LOGIN"), AUTH, YES, QUI), quirks="auth_oldstyle"),
    _row("X104", "keywords and mechanisms in lower case", A,
        (GRT, _offering(b"auth login plain"), AUTH, YES, QUI)),
    _row("X105", "the mechanism stands behind 300 keywords", A,
        (GRT, EHLO,
         b"250-mx.test\r\n" + _MANY_KEYWORDS + b"250 AUTH PLAIN\r\n", AUTH, YES, QUI)),
    _row("X106", "AUTH without a mechanism", A, (GRT, _offering(b"AUTH"), QUI),
        "220 clean auth not_offered"),
    _row("X107", "the first line is the domain and offers nothing", A,
        (GRT, EHLO, b"250 AUTH PLAIN\r\n", QUI), "220 clean auth not_offered"),
    _row("X110", "the longest initial response that a command line has room for",
        _env("SCENARIO_FITTING_PASSWORD"),
        (GRT, EHA, Command(b"AUTH PLAIN " + _plain("F" * 365)), YES, QUI)),
    _row("X111", "past it the response waits for the 334 (RFC 4954 section 4)",
        _env("SCENARIO_LONG_PASSWORD"),
        (GRT, EHA, AUTH_PLAIN, GO_ON, Response(_plain("G" * 366)), YES, QUI)),
    _row("X112", "the longest secret", _env("SCENARIO_LONGEST_PASSWORD"),
        (GRT, EHA, AUTH_PLAIN, GO_ON, Response(_plain("H" * 4096)), YES, QUI)),
    _row("X113", "a password that is not ASCII goes as UTF-8 (RFC 4616)",
        _env("SCENARIO_UTF8_PASSWORD"),
        (GRT, EHA, Command(b"AUTH PLAIN " + _plain("s\u00e9same-4712")), YES, QUI)),
    _row("X114", "a password from a file",
        _auth(password=SecretSource(file="password")),
        (GRT, EHA, AUTH, YES, QUI)),
    _row("X115", "the line end behind it is none of its octets",
        _auth(password=SecretSource(file="password-line")),
        (GRT, EHA, AUTH, YES, QUI)),
    _row("X116", "nor is CRLF", _auth(password=SecretSource(file="password-crlf")),
        (GRT, EHA, AUTH, YES, QUI)),
    _row("X117", "a variable that is not set; nobody is bothered with it",
        _env("SCENARIO_UNSET_PASSWORD"), (), "0 none connect local_error",
        port=Port.CLOSED, within=1.0),
    _row("X118", "a file that is not there",
        _auth(password=SecretSource(file="no-such-file")), (),
        "0 none connect local_error", port=Port.CLOSED, within=1.0),
    _row("X119", "a file that holds nothing",
        _auth(password=SecretSource(file="empty")), (),
        "0 none connect local_error", port=Port.CLOSED, within=1.0),
    _row("X120", "250 is no answer to AUTH (J7)", A, (GRT, EHA, AUTH, OK, QUI),
        "220 clean auth unexpected_code"),
    _row("X121", "421, and QUIT is answered", A,
        (GRT, EHA, AUTH, b"421 4.7.0 too many errors\r\n", QUI),
        "220 clean auth unavailable"),
    _row("X122", "454", A, (GRT, EHA, AUTH, b"454 4.7.0 temporary\r\n", QUI),
        "220 clean auth deferred", answered="auth 454 4.7.0"),
    _row("X123", "534, and no other mechanism is tried", A,
        (GRT, EHA, AUTH, b"534 5.7.9 too weak\r\n", QUI), "220 clean auth rejected",
        answered="auth 534 5.7.9"),
    _row("X124", "the password comes back in the refusal", A,
        (GRT, EHA, AUTH, b"535 5.7.8 " + PASSWORD.encode() + b" is wrong\r\n", QUI),
        "220 clean auth rejected"),
    _row("X125", "the credentials come back as they were sent", A,
        (GRT, EHA, AUTH, b"535-5.7.8 " + _plain(PASSWORD) + b"\r\n535 5.7.8 "
         + _b64(PASSWORD.encode()) + b"\r\n", QUI),
        "220 clean auth rejected"),
    _row("X126", "the password comes back in the refusal of another command",
        replace(A, mail=R.mail),
        (GRT, EHA, AUTH, YES, MAIL, b"550 " + PASSWORD.encode() + b"\r\n", QUI),
        "220 clean mail rejected"),
    _row("X127", "the password comes back in what is no reply", A,
        (GRT, EHA, AUTH, PASSWORD.encode() + b"\r\n", HOLD),
        "220 aborted auth protocol_error"),
    _row("X128", "the password comes back behind the reply", A,
        (GRT, EHA, AUTH, YES + PASSWORD.encode() + b"\r\n", HOLD),
        "220 aborted auth unsolicited_reply", unsolicited="other"),
    _row("X129", "a password that is not ASCII comes back",
        _env("SCENARIO_UTF8_PASSWORD"),
        (GRT, EHA, Command(b"AUTH PLAIN " + _plain("s\u00e9same-4712")),
         "535 5.7.8 s\u00e9same-4712\r\n".encode(), QUI),
        "220 clean auth rejected", quirks="eight_bit"),
    _row("X130", "an empty challenge without its space", _auth(initial_response=False),
        (GRT, EHA, AUTH_PLAIN, b"334\r\n", Response(_plain(PASSWORD)), YES, QUI),
        quirks="no_text"),
    _row("X131", "a challenge that is not base64 gets no secret",
        _auth(initial_response=False),
        (GRT, EHA, AUTH_PLAIN, b"334 go ahead!\r\n", CANCEL, QUI),
        "220 clean auth unexpected_code"),
    _row("X132", "asks on behind the response", _auth(initial_response=False),
        (GRT, EHA, AUTH_PLAIN, GO_ON, Response(_plain(PASSWORD)), GO_ON, CANCEL, QUI),
        "220 clean auth unexpected_code"),
    _row("X133", "two challenges at once get no secret", _auth(initial_response=False),
        (GRT, EHA, AUTH_PLAIN, GO_ON + GO_ON, HOLD),
        "220 aborted auth unsolicited_reply", unsolicited="other"),
    _row("X134", "refused before a secret was sent", _auth(initial_response=False),
        (GRT, EHA, AUTH_PLAIN, b"504 5.5.4 mech\r\n", QUI), "220 clean auth rejected"),
    _row("X135", "closes where the response would be due",
        _auth(initial_response=False), (GRT, EHA, AUTH_PLAIN, FIN),
        "220 fin_without_221 auth eof"),
    _row("X136", "the response is never answered", _auth(initial_response=False),
        (GRT, EHA, AUTH_PLAIN, GO_ON, Response(_plain(PASSWORD)), HOLD),
        "220 aborted auth timeout", within=2.5),
    _row("X137", "each 334 is in time, the phase is not (one limit for all of AUTH)",
        LOGIN,
        (GRT, EH_LOGIN, Silence(1.2), USERNAME_PROMPT, USERNAME, HOLD),
        "220 aborted auth timeout", at_least=("auth", 1.95), within=2.5),
    _row("X138", "235 answers the cancellation; AUTH stays failed", A,
        (GRT, EHA, AUTH, GO_ON, Command(b"*"), YES, QUI),
        "220 clean auth unexpected_code"),
    _row("X140", "LOGIN: a prompt that is not base64", LOGIN,
        (GRT, EH_LOGIN, b"334 Username:\r\n", CANCEL, QUI),
        "220 clean auth unexpected_code"),
    _row("X141", "LOGIN: other prompts mean the same", LOGIN,
        (GRT, EH_LOGIN, b"334 " + _b64(b"User Name\0") + b"\r\n", USERNAME,
         b"334 " + _b64(b"Password\0") + b"\r\n", PASSWORD_LINE, YES, QUI)),
    _row("X142", "LOGIN: refused at the user name, and the password stays here", LOGIN,
        (GRT, EH_LOGIN, USERNAME_PROMPT, USERNAME, NO, QUI), "220 clean auth rejected"),
    _row("X143", "LOGIN: refused at the password", LOGIN,
        (GRT, EH_LOGIN, USERNAME_PROMPT, USERNAME, PASSWORD_PROMPT, PASSWORD_LINE, NO,
         QUI), "220 clean auth rejected"),
    _row("X144", "LOGIN: a third prompt", LOGIN,
        (GRT, EH_LOGIN, USERNAME_PROMPT, USERNAME, PASSWORD_PROMPT, PASSWORD_LINE,
         PASSWORD_PROMPT, CANCEL, QUI), "220 clean auth unexpected_code"),
    _row("X145", "LOGIN: not offered", LOGIN, (GRT, _offering(b"AUTH PLAIN"), QUI),
        "220 clean auth not_offered"),
    _row("X150", "CRAM-MD5, by the RFC's own example", RFC_2195,
        (GRT, EH_CRAM, RFC_2195_CHALLENGE, RFC_2195_RESPONSE, YES, QUI)),
    _row("X151", "CRAM-MD5", CRAM,
        (GRT, EH_CRAM, b"334 " + _b64(CHALLENGE) + b"\r\n", Response(_cram(CHALLENGE)),
         YES, QUI)),
    _row("X152", "CRAM-MD5: rejected", CRAM,
        (GRT, EH_CRAM, b"334 " + _b64(CHALLENGE) + b"\r\n", Response(_cram(CHALLENGE)),
         NO, QUI), "220 clean auth rejected"),
    _row("X153", "CRAM-MD5: a challenge that is not base64", CRAM,
        (GRT, EH_CRAM, b"334 " + CHALLENGE + b"\r\n", CANCEL, QUI),
        "220 clean auth unexpected_code"),
    _row("X154", "CRAM-MD5: a second challenge", CRAM,
        (GRT, EH_CRAM, b"334 " + _b64(CHALLENGE) + b"\r\n", Response(_cram(CHALLENGE)),
         b"334 " + _b64(CHALLENGE) + b"\r\n", CANCEL, QUI),
        "220 clean auth unexpected_code"),
    _row("X160", "XOAUTH2", XOAUTH2, (GRT, EH_XOAUTH2, BEARER, YES, QUI)),
    _row("X161", "XOAUTH2: the error in JSON is acknowledged, the code decides",
        XOAUTH2, (GRT, EH_XOAUTH2, BEARER, OAUTH_ERROR, NOTHING, NO, QUI),
        "220 clean auth rejected", answered="auth 535 5.7.8"),
    _row("X162", "XOAUTH2: and that may be a temporary one", XOAUTH2,
        (GRT, EH_XOAUTH2, BEARER, OAUTH_ERROR, NOTHING, b"454 4.7.0 later\r\n", QUI),
        "220 clean auth deferred"),
    _row("X163", "XOAUTH2: asks on behind the acknowledgement", XOAUTH2,
        (GRT, EH_XOAUTH2, BEARER, OAUTH_ERROR, NOTHING, OAUTH_ERROR, CANCEL, QUI),
        "220 clean auth unexpected_code"),
    _row("X164", "XOAUTH2: an error that is not base64", XOAUTH2,
        (GRT, EH_XOAUTH2, BEARER, b'334 {"status":"401"}\r\n', CANCEL, QUI),
        "220 clean auth unexpected_code"),
    _row("X165", "XOAUTH2 without initial response",
        _auth(Mechanism.XOAUTH2, initial_response=False),
        (GRT, EH_XOAUTH2, Command(b"AUTH XOAUTH2"), GO_ON, Response(_BEARER), YES,
         QUI)),
    _row("X166", "XOAUTH2: rejected at once", XOAUTH2,
        (GRT, EH_XOAUTH2, BEARER, NO, QUI), "220 clean auth rejected"),
    *_every_end("X170", A, script(GRT, EHA, AUTH), "auth", YES),
)

MORE_ENVELOPES = (
    _row("X200", "251 to RCPT (J30)", R,
        (GRT, EHL, MAIL, OK, RCPT, b"251 2.1.5 will forward\r\n", QUI)),
    _row("X201", "252 to RCPT (J30)", R,
        (GRT, EHL, MAIL, OK, RCPT, b"252 cannot say\r\n", QUI)),
    _row("X202", "a sender with a name",
        _to("probe@mx.test", "watch@probe.example.com"),
        (GRT, EHL, Command(b"MAIL FROM:<watch@probe.example.com>"), OK, RCPT, OK, QUI)),
    _row("X203", "421 to MAIL, and QUIT is answered", R,
        (GRT, EHL, MAIL, b"421 4.3.2 later\r\n", QUI), "220 clean mail unavailable"),
    _row("X204", "knows HELO only, and takes MAIL and RCPT after it", R,
        (GRT, EHLO, b"500 what\r\n", HELO, b"250 mx.test\r\n", MAIL, OK, RCPT, OK,
         QUI), quirks="ehlo_fallback"),
    _row("X205", "an enhanced status code of another class is none (RFC 2034)", R,
        (GRT, EHL, MAIL, OK, RCPT, b"550 4.2.0 which\r\n", QUI),
        "220 clean rcpt rejected", answered="rcpt 550"),
    _row("X206", "multi-line answers to MAIL and RCPT", R,
        (GRT, EHL, MAIL, b"250-2.1.0 a\r\n250 2.1.0 b\r\n", RCPT,
         b"250-2.1.5 a\r\n250 2.1.5 b\r\n", QUI), answered="rcpt 250 2.1.5"),
    _row("X210", "SMTPUTF8 is asked for where the recipient needs it",
        _to("pr\u00f6be@mx.test"),
        (GRT, _offering(b"SMTPUTF8"), Command(b"MAIL FROM:<> SMTPUTF8"), OK,
         Command("RCPT TO:<pr\u00f6be@mx.test>".encode()), OK, QUI)),
    _row("X211", "and where the sender does",
        _to("probe@mx.test", "w\u00e4che@mx.test"),
        (GRT, _offering(b"SMTPUTF8"),
         Command("MAIL FROM:<w\u00e4che@mx.test> SMTPUTF8".encode()), OK, RCPT, OK,
         QUI)),
    _row("X212", "offers SMTPUTF8, which no address here needs", R,
        (GRT, _offering(b"SMTPUTF8"), MAIL, OK, RCPT, OK, QUI)),
    _row("X213", "SMTPUTF8 stands behind 300 keywords", _to("pr\u00f6be@mx.test"),
        (GRT, EHLO, b"250-mx.test\r\n" + _MANY_KEYWORDS + b"250 SMTPUTF8\r\n",
         Command(b"MAIL FROM:<> SMTPUTF8"), OK,
         Command("RCPT TO:<pr\u00f6be@mx.test>".encode()), OK, QUI)),
    _row("X214", "a sender that is not ASCII, and SMTPUTF8 is not offered",
        _to("probe@mx.test", "w\u00e4che@mx.test"), (GRT, EHL, QUI),
        "220 clean mail not_offered"),
    _row("X220", "a session with everything", ALL,
        (GRT, Silence(0.3), EHA, AUTH, YES, MAIL, OK, RCPT, OK, QUI),
        at_least=("hold", 0.38)),
    _row("X221", "the hold comes ahead of EHLO and AUTH", replace(A, hold=0.8),
        (GRT, Silence(0.6), EHA, AUTH, YES, QUI), at_least=("hold", 0.78)),
    _row("X222", "421 in the hold, and no secret is sent", ALL,
        (GRT, Silence(0.1), b"421 4.4.2 mx.test idle\r\n", QUI),
        "220 clean hold unavailable", unsolicited="421"),
    _row("X223", "no MAIL after a failed AUTH", replace(A, mail=R.mail),
        (GRT, EHA, AUTH, NO, QUI), "220 clean auth rejected"),
    _row("X224", "nor without the offer to authenticate", replace(A, mail=R.mail),
        (GRT, EHL, QUI), "220 clean auth not_offered"),
    _row("X225", "nor where credentials would go in the clear",
        replace(_auth(allow_plaintext=False), mail=R.mail), (GRT, EHA, QUI),
        "220 clean auth tls_required"),
    _row("X226", "and none after a refused EHLO", ALL,
        (GRT, Silence(0.3), EHLO, b"550 no\r\n", HELO, b"550 no\r\n", QUI),
        "220 clean ehlo rejected", quirks="ehlo_fallback"),
    *_every_end("X230", R, script(GRT, EHL, MAIL), "mail", OK),
    *_every_end("X240", R, script(GRT, EHL, MAIL, OK, RCPT), "rcpt", OK),
)

EXPECTATIONS = (
    _row("X300", "a greeting that the module expects",
        _expecting(E, Expect(greeting=frozenset({250}))),
        (b"250 mx.test\r\n", EHL, QUI), "250 clean"),
    _row("X301", "one of several",
        _expecting(E, Expect(greeting=frozenset({220, 554}))), (GRT, EHL, QUI)),
    _row("X302", "a null service must refuse (J18); it is not asked on",
        _expecting(replace(ALL, hold=3.0), Expect(greeting=frozenset({554}))),
        (b"554 mx.test no SMTP service here\r\n", QUI), "554 clean", within=1.0),
    _row("X303", "a null service that does not refuse",
        _expecting(E, Expect(greeting=frozenset({554}))), (GRT, QUI),
        "220 clean greeting unexpected_code"),
    _row("X304", "521 where 554 is expected is a rejection",
        _expecting(E, Expect(greeting=frozenset({554}))), (b"521 mx.test\r\n", QUI),
        "521 clean greeting rejected"),
    _row("X305", "an expected refusal still owes its 221",
        _expecting(E, Expect(greeting=frozenset({554}))),
        (b"554 mx.test\r\n", QUIT, FIN), "554 fin_without_221 quit eof"),
    _row("X306", "octets behind an expected refusal",
        _expecting(E, Expect(greeting=frozenset({554}))),
        (b"554 mx.test\r\n554 mx.test\r\n", HOLD),
        "554 aborted greeting unsolicited_reply", unsolicited="other"),
    _row("X310", "the banner matches", _expecting(E, Expect(banner=r"^mx\.test ")),
        (GRT, EHL, QUI)),
    _row("X311", "it matches anywhere", _expecting(G, Expect(banner="ready")),
        (GRT, QUI)),
    _row("X312", "it matches in any line",
        _expecting(G, Expect(banner=r"(?m)^three$")),
        (b"220-mx.test one\r\n220-two\r\n220 three\r\n", QUI)),
    _row("X313", "it does not match; nothing is asked on",
        _expecting(replace(ALL, hold=3.0), Expect(banner=r"^mx1\.")), (GRT, QUI),
        "220 clean greeting unexpected_text", within=1.0),
    _row("X314", "the code is not in the text", _expecting(G, Expect(banner="220")),
        (GRT, QUI), "220 clean greeting unexpected_text"),
    _row("X315", "no text does not match", _expecting(G, Expect(banner="mx")),
        (b"220\r\n", QUI), "220 clean greeting unexpected_text", quirks="no_text"),
    _row("X316", "a refusal comes before the text", _expecting(G, Expect(banner="mx1")),
        (b"554 mx.test\r\n", QUI), "554 clean greeting rejected"),
    _row("X317", "a pattern that backtracks for years elsewhere",
        _expecting(G, Expect(banner=r"^(a+)+$")),
        (b"220 mx.test\r\n".replace(b"mx.test", b"a" * 12000 + b"!"), QUI),
        "220 clean greeting unexpected_text", quirks="long_line greeting_no_domain",
        within=1.0),
    _row("X318", "text that is not ASCII can be expected",
        _expecting(G, Expect(banner="caf\u00e9")),
        ("220 mx.test caf\u00e9\r\n".encode(), QUI), quirks="eight_bit"),
    _row("X319", "the text of an expected refusal counts too",
        _expecting(E, Expect(greeting=frozenset({554}), banner="no SMTP")),
        (b"554 mx.test go away\r\n", QUI), "554 clean greeting unexpected_text"),
    _row("X348", "another server greets",
        _expecting(E, Expect(banner=r"^mx\.test ")), (b"220 other.test\r\n", QUI),
        "220 clean greeting unexpected_text"),
    _row("X320", "extensions that must be there",
        _expecting(E, Expect(extensions=frozenset({"SIZE", "8BITMIME"}))),
        (GRT, EHL, QUI)),
    _row("X321", "in lower case",
        _expecting(E, Expect(extensions=frozenset({"PIPELINING"}))),
        (GRT, _offering(b"pipelining"), QUI)),
    _row("X322", "one is not; nothing is asked on",
        _expecting(replace(A, mail=R.mail),
                   Expect(extensions=frozenset({"SIZE", "DSN"}))),
        (GRT, EHA, QUI), "220 clean ehlo not_offered"),
    _row("X323", "HELO offers none",
        _expecting(E, Expect(extensions=frozenset({"SIZE"}))),
        (GRT, EHLO, b"500 what\r\n", HELO, b"250-mx.test\r\n250 SIZE\r\n", QUI),
        "220 clean ehlo not_offered", quirks="ehlo_fallback"),
    _row("X324", "one that must be there stands behind 300 others",
        _expecting(E, Expect(extensions=frozenset({"DSN"}))),
        (GRT, EHLO, b"250-mx.test\r\n" + _MANY_KEYWORDS + b"250 DSN\r\n", QUI)),
    _row("X325", "one that must be absent is",
        _expecting(E, Expect(extensions_absent=frozenset({"VRFY"}))), (GRT, EHL, QUI)),
    _row("X326", "one that must be absent is there; nothing is asked on",
        _expecting(replace(A, mail=R.mail),
                   Expect(extensions_absent=frozenset({"VRFY"}))),
        (GRT, _offering(b"AUTH PLAIN", b"vrfy"), QUI),
        "220 clean ehlo unexpected_extension"),
    _row("X327", "one that must be absent stands behind 300 others",
        _expecting(E, Expect(extensions_absent=frozenset({"VRFY"}))),
        (GRT, EHLO, b"250-mx.test\r\n" + _MANY_KEYWORDS + b"250 VRFY\r\n", QUI),
        "220 clean ehlo unexpected_extension"),
    _row("X328", "one that must be absent is the domain's name",
        _expecting(E, Expect(extensions_absent=frozenset({"VRFY"}))),
        (GRT, EHLO, b"250-VRFY\r\n250 SIZE\r\n", QUI)),
    _row("X330", "a login that must fail; no MAIL is tried after it",
        _replies(replace(A, mail=R.mail), auth=535), (GRT, EHA, AUTH, NO, QUI),
        answered="auth 535 5.7.8"),
    _row("X331", "a login that must fail, and works",
        _replies(replace(A, mail=R.mail), auth=535), (GRT, EHA, AUTH, YES, QUI),
        "220 clean auth unexpected_code"),
    _row("X332", "another rejection than the one wanted", _replies(A, auth=535),
        (GRT, EHA, AUTH, b"534 5.7.9 too weak\r\n", QUI), "220 clean auth rejected"),
    _row("X333", "a deferral where a rejection is wanted", _replies(A, auth=535),
        (GRT, EHA, AUTH, b"454 4.7.0 later\r\n", QUI), "220 clean auth deferred"),
    _row("X334", "a wanted rejection in the middle of LOGIN", _replies(LOGIN, auth=535),
        (GRT, EH_LOGIN, USERNAME_PROMPT, USERNAME, NO, QUI)),
    _row("X335", "a wanted rejection of a token; the error is acknowledged",
        _replies(XOAUTH2, auth=535),
        (GRT, EH_XOAUTH2, BEARER, OAUTH_ERROR, NOTHING, NO, QUI)),
    _row("X336", "a 334 that no mechanism expects stays one", _replies(A, auth=535),
        (GRT, EHA, AUTH, GO_ON, CANCEL, QUI), "220 clean auth unexpected_code"),
    _row("X337", "octets behind a wanted rejection", _replies(A, auth=535),
        (GRT, EHA, AUTH, NO + NO, HOLD), "220 aborted auth unsolicited_reply",
        unsolicited="other"),
    _row("X340", "a MAIL that must be refused; no RCPT is tried after it",
        _replies(R, mail=530), (GRT, EHL, MAIL, b"530 5.7.0 log in first\r\n", QUI),
        answered="mail 530 5.7.0"),
    _row("X341", "a MAIL that must be refused, and is taken", _replies(R, mail=530),
        (GRT, EHL, MAIL, OK, QUI), "220 clean mail unexpected_code"),
    _row("X342", "another 2yz than the one wanted", _replies(R, rcpt=250),
        (GRT, EHL, MAIL, OK, RCPT, b"251 will forward\r\n", QUI),
        "220 clean rcpt unexpected_code"),
    _row("X343", "the code wanted of each phase",
        _replies(ALL, ehlo=250, auth=235, mail=250, rcpt=550),
        (GRT, Silence(0.3), EHA, AUTH, YES, MAIL, OK, RCPT, b"550 5.1.1 no\r\n", QUI),
        answered="rcpt 550 5.1.1"),
    _row("X344", "a wanted deferral (greylisting that must work)",
        _replies(R, rcpt=450),
        (GRT, EHL, MAIL, OK, RCPT, b"450 4.2.0 greylisted\r\n", QUI)),
    _row("X345", "a wanted refusal still owes its 221", _replies(R, rcpt=550),
        (GRT, EHL, MAIL, OK, RCPT, b"550 5.1.1 no\r\n", QUIT, FIN),
        "220 fin_without_221 quit eof"),
    _row("X346", "another 2yz to EHLO than the one wanted", _replies(E, ehlo=250),
        (GRT, EHLO, b"252 mx.test\r\n", QUI), "220 clean ehlo unexpected_code"),
    _row("X347", "an EHLO that must be refused; HELO is not tried",
        _replies(E, ehlo=550), (GRT, EHLO, b"550 no\r\n", QUI)),
)

OTHER_WAYS = (
    _row("X400", "LMTP to the end", replace(L, mail=R.mail),
        (GRT, LHLO, OFFER, MAIL, OK, RCPT, OK, QUI)),
    _row("X401", "LMTP to the end, with AUTH", replace(A, protocol=Protocol.LMTP),
        (GRT, LHLO, b"250-mx.test\r\n250 AUTH PLAIN\r\n", AUTH, YES, QUI)),
    _row("X402", "LMTP by name", replace(L, ehlo_name="probe.example.com"),
        (GRT, Command(b"LHLO probe.example.com"), OFFER, QUI)),
    _row("X403", "LMTP: 421", L, (GRT, LHLO, b"421 4.3.2 shutting down\r\n", FIN),
        "220 code_421 ehlo unavailable"),
    _row("X410", "LMTP over a Unix socket has no address to name", L,
        (GRT, Command(b"LHLO localhost"), OFFER, QUI), host=_UNIX),
    _row("X411", "SMTP over a Unix socket", E,
        (GRT, Command(b"EHLO localhost"), OFFER, QUI), host=_UNIX),
    _row("X412", "HELO over a Unix socket", E,
        (GRT, Command(b"EHLO localhost"), b"500 what\r\n", Command(b"HELO localhost"),
         b"250 mx.test\r\n", QUI), quirks="ehlo_fallback", host=_UNIX),
    _row("X413", "a name that the module gives, over a Unix socket",
        replace(L, ehlo_name="probe.example.com"),
        (GRT, Command(b"LHLO probe.example.com"), OFFER, QUI), host=_UNIX),
    _row("X414", "a Unix socket that nobody listens on", L, (),
        "0 none connect refused", host=_UNIX, port=Port.CLOSED, within=1.0),
    _row("X424", "a Unix socket that is not there", L, (), "0 none connect refused",
        host=_UNIX, port=Port.ABSENT, within=1.0),
    _row("X425", "from an address of the other family",
        replace(G, source_address="::1"), (), "0 none connect local_error",
        port=Port.CLOSED, within=1.0),
    _row("X415", "a Unix socket is silent", L, (HOLD,), "0 aborted greeting timeout",
        host=_UNIX, within=2.5),
    _row("X416", "a Unix socket is closed without a word", L, (Silence(0.1), FIN),
        "0 fin_without_221 greeting eof", host=_UNIX),
    _row("X417", "a Unix socket is closed at LHLO", L,
        (GRT, Command(b"LHLO localhost"), FIN), "220 fin_without_221 ehlo eof",
        host=_UNIX),
    _row("X418", "a Unix socket stays open behind the 221", L,
        (GRT, Command(b"LHLO localhost"), OFFER, QUIT, BYE, HOLD), "220 open_after_221",
        strict_fails=True, host=_UNIX),
    _row("X419", "a hold over a Unix socket", replace(L, hold=0.4),
        (GRT, Silence(0.3), Command(b"LHLO localhost"), OFFER, QUI), host=_UNIX),
    _row("X420", "from another address of this machine",
        replace(E, source_address="127.0.0.2"),
        (CameFrom("127.0.0.2"), GRT, Command(b"EHLO [127.0.0.2]"), OFFER, QUI)),
    _row("X421", "from an address of IPv6", replace(E, source_address="::1"),
        (CameFrom("::1"), GRT, Command(b"EHLO [IPv6:::1]"), OFFER, QUI), host="::1"),
    _row("X422", "from an address that this machine has not",
        replace(G, source_address="192.0.2.1"), (), "0 none connect local_error",
        port=Port.CLOSED, within=1.0),
    _row("X423", "to an address that no route leads to: a multicast group", G, (),
        "0 none connect unreachable", host="224.0.0.1", port=Port.CLOSED, within=1.0),
    _row("X430", "PROXY version 1 over IPv6",
        replace(E, proxy_protocol=ProxyProtocol.V1), (ProxyHeader(1), GRT, EHL, QUI),
        host="::1"),
    _row("X431", "PROXY version 2", replace(E, proxy_protocol=ProxyProtocol.V2),
        (ProxyHeader(2), GRT, EHL, QUI)),
    _row("X432", "PROXY version 2 over IPv6",
        replace(E, proxy_protocol=ProxyProtocol.V2), (ProxyHeader(2), GRT, EHL, QUI),
        host="::1"),
    _row("X433", "PROXY from another address of this machine",
        replace(E, source_address="127.0.0.2", proxy_protocol=ProxyProtocol.V1),
        (CameFrom("127.0.0.2"), ProxyHeader(1), GRT, EHL, QUI)),
    _row("X434", "behind the header the client waits for the greeting like any other",
        replace(ALL, proxy_protocol=ProxyProtocol.V2),
        (ProxyHeader(2), Silence(0.5), GRT, Silence(0.3), EHA, AUTH, YES, MAIL, OK,
         RCPT, OK, QUI), at_least=("greeting", 0.45)),
    _row("X435", "PROXY, and no greeting",
        replace(G, proxy_protocol=ProxyProtocol.V1), (ProxyHeader(1), HOLD),
        "0 aborted greeting timeout", within=2.5),
    _row("X436", "PROXY, and closed without a word",
        replace(G, proxy_protocol=ProxyProtocol.V2),
        (ProxyHeader(2), Silence(0.1), FIN), "0 fin_without_221 greeting eof"),
    _row("X437", "PROXY version 1 over a Unix socket",
        replace(L, proxy_protocol=ProxyProtocol.V1),
        (ProxyHeader(1), GRT, Command(b"LHLO localhost"), OFFER, QUI), host=_UNIX),
    _row("X438", "PROXY version 2 over a Unix socket",
        replace(L, proxy_protocol=ProxyProtocol.V2),
        (ProxyHeader(2), GRT, Command(b"LHLO localhost"), OFFER, QUI), host=_UNIX),
)

POLICIES = (
    _row("X80", "the strict policy takes a clean close", _strict(G), (GRT, QUI)),
    _row("X81", "under the strict policy the first failure still wins (J19)",
        _strict(G), (GRT, QUIT, FIN), "220 fin_without_221 quit eof"),
    _row("X82", "a refusal stays one under the strict policy, whatever follows (J19)",
        _strict(G), (b"554 mx.test no\r\n", QUIT, BYE, HOLD),
        "554 open_after_221 greeting rejected"),
    _row("X83", "the lenient policy takes a reset after 221", _observe(G),
        (GRT, QUIT, BYE, Silence(0.05), RST), "220 reset_after_221"),
    _row("X84", "the lenient policy takes an open connection", _observe(G),
        (GRT, QUIT, BYE, HOLD), "220 open_after_221"),
    _row("X85", "the lenient policy forgives the goodbye only", _observe(G),
        (b"554 mx.test no\r\n", QUIT, FIN), "554 fin_without_221 greeting rejected"),
    _row("X86", "the lenient policy does not forgive a 221 that nobody asked for",
        _observe(E), (GRT, EHLO, b"221 2.0.0 closing\r\n", FIN),
        "220 unsolicited_221 ehlo unsolicited_221", unsolicited="221"),
)

# fmt: on

# --- STARTTLS (SMTP.md 6.6) and TLS (6.7)


def _tls(kind: Kind = Kind.GOOD, name: str = "mail.test", **options: Any) -> Tls:
    return Tls(kind, name, sni=options.pop("sni", "mail.test"), **options)


def _starttls(*inside: Step | bytes | Script, tls: Step | None = None) -> Script:
    """Grant STARTTLS; `inside` is what happens once TLS stands."""
    return script(GRT, EHS, STARTTLS, tls or _tls(), *inside)


def _implicit(*inside: Step | bytes | Script, tls: Step | None = None) -> Script:
    return script(tls or _tls(), *inside)


ENCRYPTED = script(EHL, QUI_TLS)  # what a good server says once TLS stands
WAITS_FOR_TLS = script(ClientHello(), HOLD)
PLAIN_FIN = Finish(client_hello=True)
HANDSHAKE_FAILURE = b"\x15\x03\x03\x00\x02\x02\x28"
GOODBYE_INSIDE = script(QUIT, BYE)
STS = Command(b"STARTTLS")
GO = b"220 2.0.0 go ahead\r\n"
_FORGED = b"250-mx.test\r\n250 AUTH PLAIN\r\n"


def _with(module: Module, **keys: Any) -> Module:
    return replace(module, **keys)


ADDRESS_NAMED = _with(I, tls_server_name=None)  # the target is 127.0.0.1
AUTH_INSIDE = _with(S, auth=_auth(allow_plaintext=False).auth)

# fmt: off

_ENDS_OF_STARTTLS = _every_end("XT40", S, script(GRT, EHS, STS), "starttls", GO)
_ENDS_OF_EHLO = _every_end(
    "XT50", S, _starttls(EHLO), "ehlo_tls", OK, encrypted=True
)

STARTTLS_ROWS = (
    # Behind the 220 to STARTTLS an unasked reply is an injection: S08.
    *(row for row in _ENDS_OF_STARTTLS if row.id != "XT40-unsolicited_reply"),
    # EHLO that is rejected is followed by HELO.
    *(row for row in _ENDS_OF_EHLO if row.id != "XT50-rejected"),
    _row("XT51", "EHLO and HELO are rejected inside TLS", S,
        (_starttls(EHLO, b"550 no\r\n", HELO, b"550 no\r\n", QUI_TLS),),
        "220 clean ehlo_tls rejected", quirks="ehlo_fallback", tls="GOOD notify"),
    _row("B03", "implicit TLS", I, (_implicit(GRT, ENCRYPTED),), tls="GOOD notify"),
    _row("B04", "STARTTLS", S, (_starttls(ENCRYPTED),), tls="GOOD notify"),
    _row("E14", "STARTTLS in lower case, on the last line", S,
        (GRT, EHLO, b"250-mx.test\r\n250 starttls\r\n", STARTTLS, _tls(), ENCRYPTED),
        tls="GOOD notify"),
    _row("E15", "STARTTLS on the first line is the domain and no keyword", S,
        (GRT, EHLO, b"250 STARTTLS\r\n", QUI), "220 clean starttls not_offered"),
    _row("S01", "STARTTLS is required and not offered", S, (GRT, EHL, QUI),
        "220 clean starttls not_offered"),
    _row("S02", "opportunistic and not offered", SO, (GRT, EHL, QUI)),
    _row("S03", "STARTTLS is required and deferred", S,
        (GRT, EHS, STS, b"454 4.7.0 TLS not available\r\n", QUI),
        "220 clean starttls deferred", answered="starttls 454 4.7.0"),
    _row("S04", "opportunistic and deferred: on in the clear", SO,
        (GRT, EHS, STS, b"454 4.7.0 TLS not available\r\n", QUI),
        answered="starttls 454 4.7.0"),
    _row("S07", "250 to STARTTLS is no 220", S, (GRT, EHS, STS, b"250 go\r\n", QUI),
        "220 clean starttls unexpected_code"),
    _row("S08", "replies in the clear behind the 220 (CVE-2011-0411 mirrored)", S,
        (GRT, EHS, STS, GO + b"250-mx\r\n250 AUTH PLAIN\r\n", HOLD),
        "220 aborted starttls injection", unsolicited="other"),
    _row("S08-fragment", "half a line in the clear behind the 220", S,
        (GRT, EHS, STS, GO + b"250-mx", HOLD), "220 aborted starttls injection",
        unsolicited="other"),
    _row("S08-octet", "one octet behind the 220, and it could begin TLS", S,
        (GRT, EHS, STS, GO + b"\x16", HOLD), "220 aborted starttls injection",
        unsolicited="other"),
    _row("S10", "opportunistic is no excuse for injection", SO,
        (GRT, EHS, STS, GO + b"250-mx\r\n250 AUTH PLAIN\r\n", HOLD),
        "220 aborted starttls injection", unsolicited="other"),
    _row("S14", "FIN instead of a handshake", S, (GRT, EHS, STARTTLS, PLAIN_FIN),
        "220 fin_without_221 tls eof"),
    _row("S16", "the ClientHello is never answered", S,
        (GRT, EHS, STARTTLS, WAITS_FOR_TLS), "220 aborted tls timeout"),
    _row("S17", "the ClientHello is answered in the clear", S,
        (GRT, EHS, STARTTLS, ClientHello(), b"500 what\r\n", HOLD),
        "220 aborted tls plaintext"),
    _row("S19", "STARTTLS offered inside TLS too", S, (_starttls(EHS, QUI_TLS),),
        quirks="starttls_readvertised", tls="GOOD notify"),
    _row("S20", "AUTH offered before TLS only", AUTH_INSIDE,
        (GRT, _offering(b"STARTTLS", b"AUTH PLAIN"), STARTTLS, _tls(), ENCRYPTED),
        "220 clean auth not_offered", tls="GOOD notify"),
    _row("S21", "STARTTLS is never answered", S, (GRT, EHS, STS, HOLD),
        "220 aborted starttls timeout"),
    _row("S24", "the first octet behind STARTTLS is that of a handshake", S,
        (GRT, EHS, STARTTLS, Silence(0.0), _tls(), ENCRYPTED), tls="GOOD notify"),
)

CERTIFICATES = (
    _row("T01", "a certificate that has expired", S,
        (_starttls(QUI_TLS, tls=_tls(Kind.EXPIRED)),),
        "220 clean tls cert_expired", tls="EXPIRED notify cert_expired"),
    _row("T02", "a certificate that is not yet valid", S,
        (_starttls(QUI_TLS, tls=_tls(Kind.NOT_YET_VALID)),),
        "220 clean tls cert_not_yet_valid",
        tls="NOT_YET_VALID notify cert_not_yet_valid"),
    _row("T03", "a certificate for another name", S,
        (_starttls(QUI_TLS, tls=_tls(Kind.OTHER_NAME)),),
        "220 clean tls name_mismatch", tls="OTHER_NAME notify name_mismatch"),
    _row("T04", "a self-signed certificate, with the right name", S,
        (_starttls(QUI_TLS, tls=_tls(Kind.SELF_SIGNED)),),
        "220 clean tls untrusted", tls="SELF_SIGNED notify untrusted"),
    _row("T05", "a certificate of an authority that nobody knows", S,
        (_starttls(QUI_TLS, tls=_tls(Kind.UNKNOWN_CA)),),
        "220 clean tls untrusted", tls="UNKNOWN_CA notify untrusted"),
    _row("T05-missing", "a certificate without its intermediate", S,
        (_starttls(QUI_TLS, tls=_tls(Kind.MISSING_INTERMEDIATE)),),
        "220 clean tls untrusted", tls="MISSING_INTERMEDIATE notify untrusted"),
    _row("T07", "a key of RSA with 1024 bits", S,
        (_starttls(QUI_TLS, tls=_tls(Kind.WEAK_KEY)),),
        "220 clean tls cert_weak", tls="WEAK_KEY notify cert_weak"),
    _row("T08", "a certificate that has expired, for another name", S,
        (_starttls(QUI_TLS, tls=_tls(Kind.EXPIRED_OTHER_NAME)),),
        "220 clean tls name_mismatch",
        tls="EXPIRED_OTHER_NAME notify name_mismatch cert_expired"),
    _row("XT01", "an intermediate that has expired", S,
        (_starttls(QUI_TLS, tls=_tls(Kind.EXPIRED_INTERMEDIATE)),),
        "220 clean tls cert_expired", tls="EXPIRED_INTERMEDIATE notify cert_expired"),
    _row("XT02", "a certificate for clients only", S,
        (_starttls(QUI_TLS, tls=_tls(Kind.CLIENT_ONLY)),),
        "220 clean tls cert_invalid", tls="CLIENT_ONLY notify cert_invalid"),
    _row("XT03", "a certificate with its name as common name only", S,
        (_starttls(QUI_TLS, tls=_tls(Kind.COMMON_NAME_ONLY)),),
        "220 clean tls name_mismatch", tls="COMMON_NAME_ONLY notify name_mismatch"),
    _row("XT04", "expired: the greeting is awaited, QUIT said, and nothing else", I,
        (_implicit(GRT, QUI_TLS, tls=_tls(Kind.EXPIRED)),),
        "220 clean tls cert_expired", tls="EXPIRED notify cert_expired"),
)

GOOD_CERTIFICATES = (
    _row("T11", "a wildcard", _with(S, tls_server_name="a.mx.test"),
        (_starttls(ENCRYPTED, tls=_tls(Kind.WILDCARD, "mx.test", sni="a.mx.test")),),
        tls="WILDCARD:mx.test notify"),
    _row("T13", "verification is off", _with(S, verify=Policy.OFF),
        (_starttls(ENCRYPTED, tls=_tls(Kind.SELF_SIGNED_OTHER_NAME)),),
        tls="SELF_SIGNED_OTHER_NAME notify untrusted name_mismatch"),
    _row("T14", "the good certificate is for those who ask for its name", I,
        (_implicit(GRT, ENCRYPTED, tls=_tls(otherwise=Kind.OTHER_NAME)),),
        tls="GOOD notify"),
    _row("T17", "a name for a target that is an address", I,
        (_implicit(GRT, ENCRYPTED),), tls="GOOD notify"),
    _row("XT10", "an address is verified, and asked for by no SNI", ADDRESS_NAMED,
        (_implicit(GRT, ENCRYPTED, tls=_tls(Kind.ADDRESS, sni=None)),),
        tls="ADDRESS notify"),
    _row("XT11", "a key of RSA", S, (_starttls(ENCRYPTED, tls=_tls(Kind.RSA)),),
        tls="RSA notify"),
    _row("XT12", "speaks TLS 1.2 only", S,
        (_starttls(ENCRYPTED, tls=_tls(version=ssl.TLSVersion.TLSv1_2)),),
        tls="GOOD notify"),
    _row("XT13", "TLS 1.0, where the module asks for no more",
        _with(S, min_version=TlsVersion.TLS10),
        (_starttls(ENCRYPTED, tls=_tls(version=ssl.TLSVersion.TLSv1)),),
        tls="GOOD notify"),
    _row("XT14", "a client certificate, which the server demands",
        _with(I, cert_file="client", key_file="client"),
        (_implicit(GRT, ENCRYPTED, tls=_tls(client_certificate=True)),),
        tls="GOOD notify"),
    _row("XT15", "opportunistic and granted", SO, (_starttls(ENCRYPTED),),
        tls="GOOD notify"),
    _row("XT16", "a login inside TLS", AUTH_INSIDE,
        (_starttls(EHA, AUTH, YES, QUI_TLS),), tls="GOOD notify"),
)

HANDSHAKES = (
    _row("T18", "the ClientHello is never answered", I, (WAITS_FOR_TLS,),
        "0 aborted tls timeout"),
    _row("T20", "an alert: handshake_failure", I,
        (ClientHello(), HANDSHAKE_FAILURE, FIN), "0 aborted tls handshake"),
    _row("T22", "TLS 1.0 only", I,
        (_tls(version=ssl.TLSVersion.TLSv1), HOLD), "0 aborted tls handshake"),
    _row("T23", "a plain server on a TLS port", I,
        (GRT, ClientHello(), HOLD), "0 aborted tls plaintext"),
    _row("T25", "FIN behind the ClientHello", I, (ClientHello(), FIN),
        "0 fin_without_221 tls eof"),
    _row("T27", "a plain probe of a TLS port", G, (WAITS_FOR_TLS,),
        "0 aborted greeting timeout"),
    _row("T40", "TLS 1.2, and a client certificate that we lack", I,
        (_tls(version=ssl.TLSVersion.TLSv1_2, client_certificate=True), HOLD),
        "0 aborted tls handshake"),
    _row("XT20", "TLS 1.3, and a client certificate that we lack", I,
        (_tls(client_certificate=True), HOLD), "0 aborted tls handshake",
        tls="GOOD"),
    _row("XT21", "RST behind the ClientHello", I, (ClientHello(), RST),
        "0 reset_without_221 tls reset"),
    _row("XT22", "a record that is no ServerHello", I,
        (ClientHello(), b"\x16\x03\x03\x00\x04\x02\x00\x00\x00", HOLD),
        "0 aborted tls handshake"),
    _row("XT23", "the deadline comes before the handshake's limit",
        _limits(I, 1.0, tls=5.0), (WAITS_FOR_TLS,), "0 aborted tls deadline"),
    _row("XT24", "a flood in the clear on a TLS port", I,
        (ClientHello(), Flood(b"220-x\r\n"), HOLD), "0 aborted tls plaintext"),
)

INSIDE_TLS = (
    _row("T29", "close_notify, then FIN", I, (_implicit(GRT, ENCRYPTED),),
        tls="GOOD notify"),
    _row("T30", "FIN without close_notify", I,
        (_implicit(GRT, EHL, GOODBYE_INSIDE, FIN),), quirks="tls_no_close_notify",
        tls="GOOD"),
    _row("T31", "221, then RST", I, (_implicit(GRT, EHL, GOODBYE_INSIDE, RST),),
        "220 reset_after_221", strict_fails=True, tls="GOOD"),
    _row("T32", "close_notify, and TCP stays open", I,
        (_implicit(GRT, EHL, GOODBYE_INSIDE, NOTIFY, HOLD),), "220 open_after_221",
        strict_fails=True, tls="GOOD notify"),
    _row("T34", "QUIT is answered by close_notify", I,
        (_implicit(GRT, EHL, QUIT, NOTIFY, FIN),), "220 fin_without_221 quit eof",
        tls="GOOD notify"),
    _row("T35", "QUIT is answered by FIN", I, (_implicit(GRT, EHL, QUIT, FIN),),
        "220 fin_without_221 quit eof", tls="GOOD"),
    _row("T38", "a greeting of one-octet records", I,
        (_implicit(Dribble(b"220 mx.test\r\n", 0.01), ENCRYPTED),), tls="GOOD notify"),
    _row("T39", "the greeting is late, the handshake was not", I,
        (_implicit(Silence(3.0, may_leave=True), GRT, HOLD),),
        "0 aborted greeting timeout", tls="GOOD"),
    _row("XT30", "close_notify, and FIN only when we said it too (Exim)", I,
        (_implicit(GRT, EHL, GOODBYE_INSIDE, NOTIFY, Silence(0.8), FIN),),
        tls="GOOD notify"),
    _row("XT31", "221 and close_notify in answer to EHLO inside TLS", S,
        (_starttls(EHLO, b"221 2.0.0 closing\r\n", NOTIFY, FIN),),
        "220 unsolicited_221 ehlo_tls unsolicited_221", unsolicited="221",
        tls="GOOD notify"),
    _row("XT32", "a reply inside TLS before EHLO is said there", S,
        (_starttls(_FORGED, EHL, HOLD),),
        "220 aborted ehlo_tls unsolicited_reply", unsolicited="other", tls="GOOD"),
    _row("XT33", "what is expected of EHLO is looked for inside TLS",
        _expecting(S, Expect(extensions=frozenset({"STARTTLS", "8BITMIME"}))),
        (_starttls(ENCRYPTED),), tls="GOOD notify"),
    _row("XT34", "an extension that was offered before TLS only",
        _expecting(S, Expect(extensions=frozenset({"DSN"}))),
        (GRT, _offering(b"STARTTLS", b"DSN"), STARTTLS, _tls(), ENCRYPTED),
        "220 clean ehlo_tls not_offered", tls="GOOD notify"),
    _row("XT35", "an extension inside TLS that must be absent",
        _expecting(S, Expect(extensions_absent=frozenset({"8BITMIME"}))),
        (_starttls(ENCRYPTED),), "220 clean ehlo_tls unexpected_extension",
        tls="GOOD notify"),
    _row("XT36", "octets behind the 221 inside TLS", I,
        (_implicit(GRT, EHL, QUIT, BYE + b"221 again\r\n", NOTIFY, FIN),),
        quirks="trailing_data", tls="GOOD notify"),
    _row("XT37", "STARTTLS is answered by 221", S,
        (GRT, EHS, STS, b"221 2.0.0 closing\r\n", FIN),
        "220 unsolicited_221 starttls unsolicited_221", unsolicited="221"),
    _row("XT38", "STARTTLS is answered by 421", SO,
        (GRT, EHS, STS, b"421 4.3.2 shutting down\r\n", FIN),
        "220 code_421 starttls unavailable"),
)

# What submission servers offer, and widespread checks ask for.
SUBMISSION = _expecting(S, Expect(extensions=frozenset({"AUTH"})))
EH_OF_SUBMISSION = _offering(b"PIPELINING", b"STARTTLS", b"DSN")
EH_OF_SUBMISSION_INSIDE = _offering(b"AUTH PLAIN LOGIN", b"DSN")


def _submission(
    *inside: Step | bytes | Script,
    greeting: bytes = b"220 mx.test ESMTP ready\r\n",
    offer: Script = EH_OF_SUBMISSION,
    tls: Step | None = None,
) -> Script:
    """Grant STARTTLS; `inside` is what happens once TLS stands."""
    return script(greeting, offer, STARTTLS, tls or _tls(), *inside)


SUBMISSIONS = (
    _row("XT60", "submission with AUTH", SUBMISSION,
        (_submission(EH_OF_SUBMISSION_INSIDE, QUI_TLS),), tls="GOOD notify"),
    _row("XT61", "STARTTLS is the last keyword", SUBMISSION,
        (_submission(EH_OF_SUBMISSION_INSIDE, QUI_TLS,
                     offer=script(EHLO, b"250-mx.test\r\n250 STARTTLS\r\n")),),
        tls="GOOD notify"),
    _row("XT62", "AUTH is the last keyword", SUBMISSION,
        (_submission(EHLO, b"250-mx.test\r\n250 AUTH PLAIN\r\n", QUI_TLS),),
        tls="GOOD notify"),
    _row("XT63", "a greeting without the word ESMTP", SUBMISSION,
        (_submission(EH_OF_SUBMISSION_INSIDE, QUI_TLS,
                     greeting=b"220 mx.test Service ready\r\n"),),
        tls="GOOD notify"),
    _row("XT64", "AUTH is not offered inside TLS", SUBMISSION,
        (_submission(EHL, QUI_TLS),), "220 clean ehlo_tls not_offered",
        tls="GOOD notify"),
    _row("XT65", "the certificate has expired", SUBMISSION,
        (_submission(QUI_TLS, tls=_tls(Kind.EXPIRED)),), "220 clean tls cert_expired",
        tls="EXPIRED notify cert_expired"),
    _row("XT66", "QUIT is answered by 421", SUBMISSION,
        (_submission(EH_OF_SUBMISSION_INSIDE, QUIT, b"421 4.3.0 closing\r\n", NOTIFY,
                     FIN),),
        "220 code_421 quit unavailable", tls="GOOD notify"),
    _row("XT67", "closed at QUIT", SUBMISSION,
        (_submission(EH_OF_SUBMISSION_INSIDE, QUIT, NOTIFY, FIN),),
        "220 fin_without_221 quit eof", tls="GOOD notify"),
)

ENCRYPTED_EXCHANGERS = (
    _row("M11", "the exchanger's own name is asked for and verified",
        _with(S, tls_server_name=None),
        (_starttls(ENCRYPTED, tls=_tls(name="a.test", sni="a.test")),),
        tls="GOOD:a.test notify", zones=_TWO_EXCHANGERS, domain="mail.test",
        name="a.test"),
    _row("M12", "a certificate for the domain is none for its exchanger",
        _with(S, tls_server_name=None),
        (_starttls(QUI_TLS, tls=_tls(name="mail.test", sni="a.test")),),
        "220 clean tls name_mismatch", tls="GOOD notify name_mismatch",
        zones=_TWO_EXCHANGERS, domain="mail.test", name="a.test"),
)

# fmt: on

# --- TLSA records (SMTP.md 6.12)

DANE = _with(S, name="dane", tls_server_name=None, dane=Policy.ENFORCE)
DANE_REPORT = _with(DANE, dane=Policy.REPORT)
DANE_SO = _with(DANE, tls=TlsMode.OPPORTUNISTIC)
DANE_I = _with(DANE, tls=TlsMode.IMPLICIT)
_MAIL = {"mail.test": Zone(a=_HERE)}


def _describing(fields: str, der: bytes) -> str:
    """Spell the TLSA record of a certificate, of these three fields."""
    _, selector, matching = fields.split()
    key = x509.load_der_x509_certificate(der).public_key()
    selected = {
        "0": der,
        "1": key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
    }[selector]
    data = {"0": selected, "1": sha256(selected).digest()}[matching]
    return f"{fields} {data.hex()}"


_LEAF, _ISSUER = issue(Kind.GOOD).chain
_ROOT = x509.load_pem_x509_certificate(authority()).public_bytes(Encoding.DER)
_FALLEN = issue(Kind.EXPIRED_OTHER_NAME).chain[0]
_OWN = issue(Kind.SELF_SIGNED).chain[0]
_UNKNOWN_LEAF, _UNKNOWN_ISSUER = issue(Kind.UNKNOWN_CA).chain

OF_LEAF = _describing("3 1 1", _LEAF)
OF_FALLEN = _describing("3 1 1", _FALLEN)
OF_OWN = _describing("3 1 1", _OWN)
OF_UNKNOWN = _describing("3 1 1", _UNKNOWN_LEAF)
OF_ISSUER = _describing("2 0 1", _ISSUER)
# RFC 7672 section 3.1.3: of no use to a sender.
UNUSABLE = (_describing("0 0 1", _ROOT), _describing("1 1 1", _OWN))

# What an outcome tells of them.
VOUCHED = DaneFacts(True, usable=1, unusable=0, verified=True)
REFUTED = DaneFacts(True, usable=1, unusable=0, verified=False)
UNHELD = DaneFacts(True, usable=1, unusable=0)
USELESS = DaneFacts(True, usable=0, unusable=2)
PROVEN_ABSENT = DaneFacts(True, usable=0, unusable=0)
UNSIGNED = DaneFacts(False, usable=0, unusable=0)
NOT_FOUND_OUT = DaneFacts(False, usable=0, unusable=0, verified=False)


def _dane(
    id: str,  # noqa: A002 -- the column's name
    note: str,
    module: Module,
    parts: tuple[Step | bytes | Script, ...],
    end: str = "220 clean",
    *records: str,
    says: Says = Says.SECURE,
    **columns: Any,
) -> Scenario:
    """Make a row of a host whose TLSA records are these."""
    usual = {"zones": _MAIL, "name": "mail.test.", "tlsa": Vouched(records, says)}
    return _row(id, note, module, parts, end, **usual | columns)


def _unheard(
    id: str,  # noqa: A002 -- the column's name
    note: str,
    says: Says,
    reason: str,
    **columns: Any,
) -> Iterator[Scenario]:
    """Make the rows of a lookup that fails: nobody is connected to, or all is well."""
    yield _dane(
        id,
        note,
        DANE,
        (),
        f"0 none dns {reason}",
        OF_LEAF,
        says=says,
        port=Port.SPARED,
        dane=NOT_FOUND_OUT,
        **{"within": 1.0} | columns,
    )
    yield _dane(
        f"{id}-report",
        f"{note}, and that is reported",
        DANE_REPORT,
        (_starttls(ENCRYPTED),),
        "220 clean",
        OF_LEAF,
        says=says,
        tls="GOOD notify unverified",
        dane=NOT_FOUND_OUT,
        at_least=columns.get("at_least"),
    )


# fmt: off

WITHOUT_RECORDS = (
    _row("XD09", "an address has no records, and nobody is asked for them",
        _with(DANE, tls_server_name="mail.test"), (_starttls(ENCRYPTED),),
        tls="GOOD notify", tlsa=Vouched((OF_OWN,), Says.ABSENT)),
)

RECORDS = (
    _dane("D01", "3 1 1 matches, and neither name nor date count", DANE,
        (_starttls(ENCRYPTED, tls=_tls(Kind.EXPIRED_OTHER_NAME)),), "220 clean",
        OF_FALLEN, tls="EXPIRED_OTHER_NAME notify name_mismatch cert_expired verified",
        dane=VOUCHED),
    _dane("D01-implicit", "with implicit TLS", DANE_I,
        (_implicit(GRT, ENCRYPTED, tls=_tls(Kind.SELF_SIGNED)),), "220 clean",
        OF_OWN, tls="SELF_SIGNED notify untrusted verified", dane=VOUCHED),
    _dane("D01-opportunistic", "STARTTLS is offered, and asked for", DANE_SO,
        (_starttls(ENCRYPTED, tls=_tls(Kind.SELF_SIGNED)),), "220 clean",
        OF_OWN, tls="SELF_SIGNED notify untrusted verified", dane=VOUCHED),
    _dane("D01-report", "the authorities are asked too, and theirs is a report",
        _with(DANE_REPORT, verify=Policy.REPORT),
        (_starttls(ENCRYPTED, tls=_tls(Kind.SELF_SIGNED)),), "220 clean",
        OF_OWN, tls="SELF_SIGNED notify untrusted verified", dane=VOUCHED),
    _dane("D01-enforced", "a report does not stand in for the authorities", DANE_REPORT,
        (_starttls(QUI_TLS, tls=_tls(Kind.EXPIRED)),), "220 clean tls cert_expired",
        _describing("3 0 1", issue(Kind.EXPIRED).chain[0]),
        tls="EXPIRED notify cert_expired verified", dane=VOUCHED),
    _dane("D01-off", "nobody asks the authorities", _with(DANE, verify=Policy.OFF),
        (_starttls(ENCRYPTED, tls=_tls(Kind.SELF_SIGNED)),), "220 clean",
        OF_OWN, tls="SELF_SIGNED notify untrusted verified", dane=VOUCHED),
    _dane("D02", "3 1 1 does not match, and the authorities do not help", DANE,
        (_starttls(QUI_TLS),), "220 clean tls dane_mismatch", OF_OWN,
        tls="GOOD notify unverified", dane=REFUTED),
    _dane("D02-implicit", "with implicit TLS", DANE_I, (_implicit(GRT, QUI_TLS),),
        "220 clean tls dane_mismatch", OF_OWN, tls="GOOD notify unverified",
        dane=REFUTED),
    _dane("D02-report", "the mismatch is reported", DANE_REPORT,
        (_starttls(ENCRYPTED),), "220 clean", OF_OWN, tls="GOOD notify unverified",
        dane=REFUTED),
    _dane("D04", "usages 0 and 1 only: TLS without authentication", DANE,
        (_starttls(ENCRYPTED, tls=_tls(Kind.SELF_SIGNED)),), "220 clean", *UNUSABLE,
        tls="SELF_SIGNED notify untrusted", dane=USELESS),
    _dane("D04-beside", "usage 1 would match, and does not count", DANE,
        (_starttls(QUI_TLS, tls=_tls(Kind.SELF_SIGNED)),),
        "220 clean tls dane_mismatch", *UNUSABLE, OF_LEAF,
        tls="SELF_SIGNED notify untrusted unverified",
        dane=DaneFacts(True, usable=1, unusable=2, verified=False)),
    _dane("D04-report", "a report leaves the authorities in their place", DANE_REPORT,
        (_starttls(QUI_TLS, tls=_tls(Kind.SELF_SIGNED)),), "220 clean tls untrusted",
        *UNUSABLE, tls="SELF_SIGNED notify untrusted", dane=USELESS),
    _dane("D06", "signed records, and STARTTLS is not offered", DANE, (GRT, EHL, QUI),
        "220 clean starttls not_offered", OF_LEAF, dane=REFUTED),
    _dane("D06-opportunistic", "signed records make TLS mandatory", DANE_SO,
        (GRT, EHL, QUI), "220 clean starttls not_offered", OF_LEAF, dane=REFUTED),
    _dane("D06-deferred", "so a deferral is no reason to go on in the clear", DANE_SO,
        (GRT, EHS, STS, b"454 4.7.0 TLS not available\r\n", QUI),
        "220 clean starttls deferred", OF_LEAF, dane=REFUTED),
    _dane("D06-unusable", "and unusable ones do so too", DANE_SO, (GRT, EHL, QUI),
        "220 clean starttls not_offered", *UNUSABLE, dane=USELESS),
    _dane("D06-report", "a report makes nothing mandatory",
        _with(DANE_REPORT, tls=TlsMode.OPPORTUNISTIC), (GRT, EHL, QUI), "220 clean",
        OF_LEAF, dane=REFUTED),
    _dane("XD01", "2 0 1 is for the intermediate of a root that nobody knows", DANE,
        (_starttls(ENCRYPTED, tls=_tls(Kind.UNKNOWN_CA)),), "220 clean",
        _describing("2 0 1", _UNKNOWN_ISSUER),
        tls="UNKNOWN_CA notify untrusted verified", dane=VOUCHED),
    _dane("XD02", "2 0 1 is for the root, which servers do not send", DANE,
        (_starttls(QUI_TLS),), "220 clean tls dane_mismatch",
        _describing("2 0 1", _ROOT), tls="GOOD notify unverified", dane=REFUTED),
    _dane("XD03", "2 0 0 is the root itself", DANE, (_starttls(ENCRYPTED),),
        "220 clean", _describing("2 0 0", _ROOT), tls="GOOD notify verified",
        dane=VOUCHED),
    _dane("XD04", "below an authority names count", DANE,
        (_starttls(QUI_TLS, tls=_tls(Kind.OTHER_NAME)),),
        "220 clean tls dane_mismatch", OF_ISSUER,
        tls="OTHER_NAME notify name_mismatch unverified", dane=REFUTED),
    _dane("XD05", "and so do dates", DANE,
        (_starttls(QUI_TLS, tls=_tls(Kind.EXPIRED)),), "220 clean tls dane_mismatch",
        OF_ISSUER, tls="EXPIRED notify cert_expired unverified", dane=REFUTED),
    _dane("XD06", "one record of two matches, while a key is replaced", DANE,
        (_starttls(ENCRYPTED, tls=_tls(Kind.SELF_SIGNED)),), "220 clean", OF_LEAF,
        OF_OWN, tls="SELF_SIGNED notify untrusted verified",
        dane=DaneFacts(True, usable=2, unusable=0, verified=True)),
    _dane("XD07", "the host is an alias: SNI asks for the name that has the records",
        DANE,
        (_starttls(ENCRYPTED, tls=_tls(name="mail.test", sni="base.test")),),
        "220 clean", tlsa=Vouched((OF_ISSUER,), alias_of="base.test"),
        zones={"mail.test": Zone(alias_of="base.test"), "base.test": Zone(a=_HERE)},
        tls="GOOD notify verified", dane=VOUCHED),
    _dane("XD07-base", "below an authority that name counts too", DANE,
        (_starttls(ENCRYPTED, tls=_tls(name="base.test", sni="base.test")),),
        "220 clean", tlsa=Vouched((OF_ISSUER,), alias_of="base.test"),
        zones={"mail.test": Zone(alias_of="base.test"), "base.test": Zone(a=_HERE)},
        tls="GOOD:base.test notify name_mismatch verified", dane=VOUCHED),
    _dane("XD08", "SNI asks for the host, whatever name the authorities vouch for",
        _with(DANE, tls_server_name="other.test"),
        (_starttls(ENCRYPTED, tls=_tls(Kind.OTHER_NAME)),), "220 clean",
        _describing("3 1 1", issue(Kind.OTHER_NAME).chain[0]),
        tls="OTHER_NAME notify verified", dane=VOUCHED),
    *_unheard("XD10", "the lookup fails", Says.FAILS, "servfail"),
    *_unheard("XD11", "the resolver is silent", Says.SILENT, "timeout",
        at_least=("dns", 1.95), within=2.5),
    *_unheard("XD12", "the signature does not fit", Says.BOGUS, "dnssec_bogus"),
    *_unheard("XD13", "there is no resolver", Says.ABSENT, "servfail"),
    _dane("XD14", "it is silent for longer than the probe has",
        _limits(DANE, deadline=1.0), (), "0 none dns deadline", OF_LEAF,
        says=Says.SILENT, port=Port.SPARED, dane=NOT_FOUND_OUT,
        at_least=("dns", 0.95), within=1.5),
    _dane("XD15", "the records are there, and the name is not", DANE, (),
        "0 none dns nxdomain", OF_LEAF, zones={}, port=Port.SPARED, dane=UNHELD,
        within=1.0),
    _dane("XD20", "records that nobody vouches for are none", DANE,
        (_starttls(ENCRYPTED),), "220 clean", OF_OWN, says=Says.INSECURE,
        tls="GOOD notify", dane=UNSIGNED),
    _dane("XD21", "so the authorities decide", DANE,
        (_starttls(QUI_TLS, tls=_tls(Kind.SELF_SIGNED)),), "220 clean tls untrusted",
        OF_OWN, says=Says.INSECURE, tls="SELF_SIGNED notify untrusted", dane=UNSIGNED),
    _dane("XD22", "and TLS is as mandatory as it was", DANE_SO, (GRT, EHL, QUI),
        "220 clean", OF_OWN, says=Says.INSECURE, dane=UNSIGNED),
    _dane("XD23", "that there are none is proven", DANE, (_starttls(ENCRYPTED),),
        tls="GOOD notify", dane=PROVEN_ABSENT),
    _dane("XD24", "so the authorities decide", DANE,
        (_starttls(QUI_TLS, tls=_tls(Kind.SELF_SIGNED)),), "220 clean tls untrusted",
        tls="SELF_SIGNED notify untrusted", dane=PROVEN_ABSENT),
    _dane("XD25", "and TLS is as mandatory as it was", DANE_SO, (GRT, EHL, QUI),
        dane=PROVEN_ABSENT),
    _dane("M12-dane", "below an authority the domain's name counts too", DANE,
        (_starttls(ENCRYPTED, tls=_tls(name="mail.test", sni="a.test")),), "220 clean",
        OF_ISSUER, tls="GOOD notify name_mismatch verified", dane=VOUCHED,
        zones=_TWO_EXCHANGERS, domain="mail.test", name="a.test"),
    _dane("M04-dane", "null MX: the domain's own records are nothing to ask for", DANE,
        (), "0 none dns null_mx", OF_LEAF, says=Says.FAILS,
        zones={"mail.test": Zone(mx=((0, ""),), a=_HERE)}, domain="mail.test", name="",
        port=Port.SPARED, within=1.0),
)

# fmt: on

# --- MTA-STS policies (RFC 8461)

BY_POLICY = _with(S, name="sts", tls_server_name=None, mta_sts=Policy.ENFORCE)
BY_POLICY_REPORT = _with(BY_POLICY, mta_sts=Policy.REPORT)
BY_POLICY_SO = _with(BY_POLICY, tls=TlsMode.OPPORTUNISTIC)
# The authorities are asked for the sake of the policy.
BY_POLICY_ALONE = _with(BY_POLICY, verify=Policy.REPORT)
_STS_RECORD = {"_mta-sts.mail.test": Zone(txt=((b"v=STSv1; id=1;",),))}
_STS_ZONES = _TWO_EXCHANGERS | _STS_RECORD | {"mta-sts.mail.test": Zone(a=_HERE)}
POLICY_SECONDS = 86400


def policy_file(mode: str = "enforce", *hosts: str) -> str:
    """Write a policy that names these hosts."""
    named = "".join(f"mx: {host}\n" for host in hosts)
    return f"version: STSv1\nmode: {mode}\n{named}max_age: {POLICY_SECONDS}\n"


def _sts(
    id: str,  # noqa: A002 -- the column's name
    note: str,
    module: Module,
    parts: tuple[Step | bytes | Script, ...],
    end: str = "220 clean",
    *,
    published: str = policy_file("enforce", "a.test"),
    **columns: Any,
) -> Scenario:
    """Make a row of an exchanger of a domain that publishes this."""
    usual = {"zones": _STS_ZONES, "domain": "mail.test", "name": "a.test"}
    return _row(id, note, module, parts, end, published=published, **usual | columns)


def _of_a(kind: Kind = Kind.GOOD) -> Tls:
    """Shake hands as the exchanger, with a certificate for it."""
    return _tls(kind, name="a.test", sni="a.test")


_OTHERS = policy_file("enforce", "b.test")
_TESTING = policy_file("testing", "a.test")

# fmt: off

POLICIES_OF_DOMAINS = (
    _sts("XS01", "the policy is satisfied", BY_POLICY,
        (_starttls(ENCRYPTED, tls=_of_a()),), tls="GOOD:a.test notify",
        sts="enforce verified"),
    _sts("XS01-wildcard", "it names all hosts below a domain", BY_POLICY,
        (_starttls(ENCRYPTED, tls=_of_a()),), tls="GOOD:a.test notify",
        published=policy_file("enforce", "b.test", "*.test"), sts="enforce verified"),
    _sts("XS01-off", "the module asks nobody else",
        _with(BY_POLICY, verify=Policy.OFF), (_starttls(ENCRYPTED, tls=_of_a()),),
        tls="GOOD:a.test notify", sts="enforce verified"),
    _sts("XS01-opportunistic", "STARTTLS is offered, and asked for", BY_POLICY_SO,
        (_starttls(ENCRYPTED, tls=_of_a()),), tls="GOOD:a.test notify",
        sts="enforce verified"),
    _sts("XS01-implicit", "with implicit TLS", _with(BY_POLICY, tls=TlsMode.IMPLICIT),
        (_implicit(GRT, ENCRYPTED, tls=_of_a()),), tls="GOOD:a.test notify",
        sts="enforce verified"),
    _sts("XS02", "the policy names other hosts", BY_POLICY, (),
        "0 none dns sts_mismatch", published=_OTHERS, port=Port.SPARED, within=1.5,
        sts="enforce unverified"),
    _sts("XS02-report", "and that is reported", BY_POLICY_REPORT,
        (_starttls(ENCRYPTED, tls=_of_a()),), published=_OTHERS,
        tls="GOOD:a.test notify", sts="enforce unverified"),
    _sts("XS03", "the certificate has expired", BY_POLICY_ALONE,
        (_starttls(QUI_TLS, tls=_of_a(Kind.EXPIRED)),), "220 clean tls sts_mismatch",
        tls="EXPIRED:a.test notify cert_expired", sts="enforce unverified"),
    _sts("XS03-name", "the certificate is for the domain", BY_POLICY_ALONE,
        (_starttls(QUI_TLS, tls=_tls(name="mail.test", sni="a.test")),),
        "220 clean tls sts_mismatch", tls="GOOD notify name_mismatch",
        sts="enforce unverified"),
    _sts("XS03-other", "so it is, and the module has that name verified",
        _with(BY_POLICY, tls_server_name="mail.test"), (_starttls(QUI_TLS),),
        "220 clean tls sts_mismatch", tls="GOOD notify", sts="enforce unverified"),
    _sts("XS03-verify", "what exactly is wrong is told where the module enforces it",
        BY_POLICY, (_starttls(QUI_TLS, tls=_of_a(Kind.EXPIRED)),),
        "220 clean tls cert_expired", tls="EXPIRED:a.test notify cert_expired",
        sts="enforce unverified"),
    _sts("XS03-report", "nobody enforces anything",
        _with(BY_POLICY_ALONE, mta_sts=Policy.REPORT),
        (_starttls(ENCRYPTED, tls=_of_a(Kind.EXPIRED)),),
        tls="EXPIRED:a.test notify cert_expired", sts="enforce unverified"),
    _sts("XS03-weak", "a weak key is not the policy's business", BY_POLICY_ALONE,
        (_starttls(ENCRYPTED, tls=_of_a(Kind.WEAK_KEY)),),
        tls="WEAK_KEY:a.test notify cert_weak", sts="enforce verified"),
    _sts("XS04", "the policy makes TLS mandatory", BY_POLICY_SO, (GRT, EHL, QUI),
        "220 clean starttls not_offered", sts="enforce unverified"),
    _sts("XS04-deferred", "so a deferral is no reason to go on in the clear",
        BY_POLICY_SO, (GRT, EHS, STS, b"454 4.7.0 TLS not available\r\n", QUI),
        "220 clean starttls deferred", sts="enforce unverified"),
    _sts("XS04-report", "a report makes nothing mandatory",
        _with(BY_POLICY_SO, mta_sts=Policy.REPORT), (GRT, EHL, QUI),
        sts="enforce unverified"),
    _sts("XS05", "testing, and it would be satisfied", BY_POLICY,
        (_starttls(ENCRYPTED, tls=_of_a()),), published=_TESTING,
        tls="GOOD:a.test notify", sts="testing verified"),
    _sts("XS05-host", "testing never fails: another host", BY_POLICY,
        (_starttls(ENCRYPTED, tls=_of_a()),),
        published=policy_file("testing", "b.test"), tls="GOOD:a.test notify",
        sts="testing unverified"),
    _sts("XS05-certificate", "testing never fails: an expired certificate",
        BY_POLICY_ALONE, (_starttls(ENCRYPTED, tls=_of_a(Kind.EXPIRED)),),
        published=_TESTING, tls="EXPIRED:a.test notify cert_expired",
        sts="testing unverified"),
    _sts("XS05-plain", "testing never fails: no STARTTLS", BY_POLICY_SO,
        (GRT, EHL, QUI), published=_TESTING, sts="testing unverified"),
    _sts("XS06", "a policy of mode none asks nothing", BY_POLICY_ALONE,
        (_starttls(ENCRYPTED, tls=_of_a(Kind.EXPIRED)),),
        published=policy_file("none"), tls="EXPIRED:a.test notify cert_expired",
        sts="none"),
    _sts("XS06-plain", "nor does it ask for TLS", BY_POLICY_SO, (GRT, EHL, QUI),
        published=policy_file("none"), sts="none"),
    _sts("XS07", "the policy host does not exist", BY_POLICY,
        (_starttls(ENCRYPTED, tls=_of_a()),), tls="GOOD:a.test notify",
        zones=_TWO_EXCHANGERS | _STS_RECORD, sts="absent unverified"),
    _sts("XS07-plain", "so TLS is as mandatory as it was", BY_POLICY_SO,
        (GRT, EHL, QUI), zones=_TWO_EXCHANGERS | _STS_RECORD, sts="absent unverified"),
    _sts("XS07-expired", "and nobody is held against it", BY_POLICY_ALONE,
        (_starttls(ENCRYPTED, tls=_of_a(Kind.EXPIRED)),),
        tls="EXPIRED:a.test notify cert_expired", zones=_TWO_EXCHANGERS | _STS_RECORD,
        sts="absent unverified"),
    _sts("XS07-file", "the file is no policy", BY_POLICY,
        (_starttls(ENCRYPTED, tls=_of_a()),), published="version: STSv2\n",
        tls="GOOD:a.test notify", sts="absent unverified"),
    _sts("XS07-record", "the record cannot be looked up", BY_POLICY,
        (_starttls(ENCRYPTED, tls=_of_a()),), tls="GOOD:a.test notify",
        zones=_STS_ZONES | {"_mta-sts.mail.test": Zone(rcode=SERVFAIL)},
        sts="absent unverified"),
    _sts("XS07-silent", "nobody answers for the record, and the probe goes on",
        BY_POLICY, (_starttls(ENCRYPTED, tls=_of_a()),), tls="GOOD:a.test notify",
        zones=_STS_ZONES | {"_mta-sts.mail.test": Zone(silent=True)},
        within=3.5, sts="absent unverified"),
    _sts("XS08", "without a record there is no policy, and nothing wrong", BY_POLICY,
        (_starttls(ENCRYPTED, tls=_of_a()),), tls="GOOD:a.test notify",
        zones=_TWO_EXCHANGERS, sts="absent"),
    _sts("XS09", "a host that nobody's domain led to has no policy", BY_POLICY,
        (_starttls(ENCRYPTED, tls=_of_a()),), tls="GOOD:a.test notify", domain=""),
    _sts("XS10", "signed records decide, and the policy does not overrule them",
        _with(BY_POLICY, dane=Policy.ENFORCE),
        (_starttls(ENCRYPTED, tls=_tls(Kind.SELF_SIGNED, sni="a.test")),),
        tlsa=Vouched((OF_OWN,)), dane=VOUCHED,
        tls="SELF_SIGNED notify untrusted name_mismatch verified",
        sts="enforce unverified"),
    _sts("XS11", "nor does it where they do not match (RFC 8461 section 2)",
        _with(BY_POLICY, dane=Policy.ENFORCE), (_starttls(QUI_TLS, tls=_of_a()),),
        "220 clean tls dane_mismatch", tlsa=Vouched((OF_OWN,)), dane=REFUTED,
        tls="GOOD:a.test notify unverified", sts="enforce verified"),
    _sts("XS12", "a domain without exchangers is no host for its policy to name",
        BY_POLICY, (), "0 none dns null_mx", name="", port=Port.SPARED,
        zones=_STS_ZONES | {"mail.test": Zone(mx=((0, ""),), a=_HERE)}, within=1.0),
)

# fmt: on


def _reported(row: Scenario) -> Scenario:
    """Make the variant in which a bad certificate is told of, and fails nothing."""
    end = len(QUI_TLS)
    return replace(
        row,
        id=f"{row.id}-report",
        module=_with(row.module, verify=Policy.REPORT),
        script=(*row.script[:-end], *EHL, *row.script[-end:]),
        failure=None,
    )


def _with_variants(rows: Iterable[Scenario]) -> Iterator[Scenario]:
    for row in rows:
        yield row
        if row.strict_fails:
            yield replace(
                row,
                id=f"{row.id}-strict",
                module=_strict(row.module),
                failure=Failure(Phase.CLOSE, Reason.CLOSE_POLICY),
                strict_fails=False,
            )
        if _is_bad_goodbye(row):
            yield replace(
                row, id=f"{row.id}-observe", module=_observe(row.module), failure=None
            )


def _is_bad_goodbye(row: Scenario) -> bool:
    return (
        row.failure is not None
        and row.failure.phase is Phase.QUIT
        and row.module.quit is QuitPolicy.REQUIRE
    )


SCENARIOS = tuple(
    _with_variants(
        (
            *BASELINE,
            *GREETING,
            *PARSER,
            *SURPLUS,
            *EHLO_REPLIES,
            *GOODBYE,
            *ADDRESSES,
            *AUTHENTICATION,
            *ENVELOPE,
            *OTHER_SERVICES,
            *MORE_GREETINGS,
            *MORE_HOLDS,
            *MORE_EHLO_REPLIES,
            *MORE_AUTHENTICATION,
            *MORE_ENVELOPES,
            *EXPECTATIONS,
            *OTHER_WAYS,
            *MORE_GOODBYES,
            *POLICIES,
            *STARTTLS_ROWS,
            *CERTIFICATES,
            *(_reported(row) for row in CERTIFICATES),
            *GOOD_CERTIFICATES,
            *HANDSHAKES,
            *INSIDE_TLS,
            *SUBMISSIONS,
            *WITHOUT_RECORDS,
        )
    )
)

LOOKUPS = (
    *NAMES,
    *EXCHANGERS,
    *ENCRYPTED_EXCHANGERS,
    *RECORDS,
    *POLICIES_OF_DOMAINS,
)
