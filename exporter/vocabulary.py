"""Every word that may become a label value, each with its meaning in one line.

A closed, public contract: dashboards and alerts are written against these words.
It holds words and refuses everything else: it imports nothing of ours, decides
nothing, and no other file may spell one of these words as a literal.

`phase` says where, `reason` says what, `close` says how the session ended, `quirk`
says what was ugly but tolerated. Phase and reason are orthogonal, so both
`sum by (phase)` and `sum by (reason)` mean something.
"""

from enum import Enum, StrEnum
from typing import Self


class Word(StrEnum):
    """A label value that carries its own one-line meaning."""

    meaning: str

    def __new__(cls, word: str, meaning: str) -> Self:
        """Make a member of the word, and keep the meaning beside it."""
        member = str.__new__(cls, word)
        member._value_ = word
        member.meaning = meaning
        return member

    __hash__ = str.__hash__  # Enum's own hashes the name in Python; words are dict keys


class Phase(Word):
    """Where a probe is, in chronological order; a failure blames the first that failed.

    `tls` stands before `greeting` with implicit TLS and after `starttls` with STARTTLS.
    """

    DNS = "dns", "the name is turned into addresses"
    CONNECT = "connect", "TCP is established, over all addresses tried"
    TLS = "tls", "the TLS handshake, until the certificate is judged"
    GREETING = "greeting", "waiting for the server's first reply (220)"
    HOLD = "hold", "sitting idle after the greeting, to catch unasked replies"
    EHLO = "ehlo", "EHLO (or LHLO) and its reply, a fallback to HELO included"
    STARTTLS = "starttls", "STARTTLS and its reply"
    EHLO_TLS = "ehlo_tls", "the second EHLO, inside TLS"
    AUTH = "auth", "AUTH, until its final reply"
    MAIL = "mail", "MAIL FROM and its reply"
    RCPT = "rcpt", "RCPT TO and its reply"
    QUIT = "quit", "QUIT and its reply (221)"
    CLOSE = "close", "from the 221 until the server ends the TCP connection"


_CONNECTED = tuple(p for p in Phase if p not in {Phase.DNS, Phase.CONNECT, Phase.CLOSE})
_SPOKEN = tuple(p for p in _CONNECTED if p is not Phase.TLS)
_BEFORE_QUIT = tuple(p for p in _SPOKEN if p is not Phase.QUIT)
_TLS = (Phase.TLS,)
_DNS = (Phase.DNS,)
_CONNECT = (Phase.CONNECT,)


class Reason(Word):
    """What went wrong, and the phases in which it can (`phases`)."""

    phases: tuple[Phase, ...]

    def __new__(cls, word: str, meaning: str, phases: tuple[Phase, ...]) -> Self:
        """Make a member of the word, its meaning and the phases that may blame it."""
        member = str.__new__(cls, word)
        member._value_ = word
        member.meaning = meaning
        member.phases = phases
        return member

    __hash__ = str.__hash__  # Enum's own hashes the name in Python; words are dict keys

    NONE = "none", "no failure", ()
    TIMEOUT = "timeout", "the phase's own limit ran out", tuple(Phase)
    DEADLINE = "deadline", "the whole probe's time ran out first", tuple(Phase)
    EOF = "eof", "the server closed before the session was over", _CONNECTED
    RESET = "reset", "a reset came before the session was over", _CONNECTED
    REFUSED = "refused", "the connection was refused", _CONNECT
    UNREACHABLE = "unreachable", "no route to the host or network", _CONNECT
    LOCAL_ERROR = (
        "local_error",
        "the prober's own machine failed: descriptors, buffers, addresses, permission",
        (Phase.DNS, Phase.CONNECT),
    )
    INTERNAL_ERROR = (
        "internal_error",
        "a bug in the prober; never the server's fault",
        tuple(Phase),
    )
    NXDOMAIN = "nxdomain", "the name does not exist", _DNS
    NODATA = "nodata", "the name exists without a usable record", _DNS
    SERVFAIL = "servfail", "the resolver failed, refused or made no sense", _DNS
    NULL_MX = "null_mx", "the domain says that it takes no mail (RFC 7505)", _DNS
    DNSSEC_BOGUS = "dnssec_bogus", "DNSSEC validation failed where demanded", _DNS
    PROTOCOL_ERROR = "protocol_error", "octets that cannot be an SMTP reply", _SPOKEN
    REPLY_TOO_LONG = "reply_too_long", "one reply went over the size limits", _SPOKEN
    UNSOLICITED_REPLY = (
        "unsolicited_reply",
        "octets when no reply was owed, other than a 221 or 421",
        _BEFORE_QUIT,
    )
    UNSOLICITED_221 = "unsolicited_221", "a 221 before QUIT was written", _BEFORE_QUIT
    UNAVAILABLE = "unavailable", "421: the service is not available", _SPOKEN
    DEFERRED = "deferred", "a 4yz reply other than 421: try again later", _SPOKEN
    REJECTED = "rejected", "a 5yz reply: a permanent no", _SPOKEN
    UNEXPECTED_CODE = "unexpected_code", "a valid reply, not the one expected", _SPOKEN
    UNEXPECTED_TEXT = (
        "unexpected_text",
        "the greeting's text does not match the expected pattern",
        (Phase.GREETING,),
    )
    UNEXPECTED_EXTENSION = (
        "unexpected_extension",
        "an EHLO keyword is there that must be absent",
        (Phase.EHLO, Phase.EHLO_TLS),
    )
    NOT_OFFERED = (
        "not_offered",
        "a required keyword or mechanism is absent, so nothing was sent for it",
        (Phase.EHLO, Phase.STARTTLS, Phase.EHLO_TLS, Phase.AUTH, Phase.MAIL),
    )
    TLS_REQUIRED = (
        "tls_required",
        "the prober itself refused to send credentials in the clear",
        (Phase.AUTH,),
    )
    INJECTION = (
        "injection",
        "plaintext octets behind the 220 to STARTTLS",
        (Phase.STARTTLS,),
    )
    PLAINTEXT = "plaintext", "the ClientHello was answered in the clear", _TLS
    HANDSHAKE = "handshake", "the TLS handshake failed", _TLS
    UNTRUSTED = "untrusted", "no chain to a trusted authority", _TLS
    NAME_MISMATCH = "name_mismatch", "the certificate is for another name", _TLS
    CERT_EXPIRED = "cert_expired", "a certificate of the chain has expired", _TLS
    CERT_NOT_YET_VALID = "cert_not_yet_valid", "a certificate is not valid yet", _TLS
    CERT_WEAK = "cert_weak", "a key or digest is too weak", _TLS
    CERT_INVALID = "cert_invalid", "the chain is faulty in another way", _TLS
    CERT_REVOKED = "cert_revoked", "a certificate was revoked", _TLS
    DANE_MISMATCH = "dane_mismatch", "usable TLSA records, and none matches", _TLS
    STS_MISMATCH = (
        "sts_mismatch",
        "an MTA-STS policy is there and not satisfied",
        (Phase.DNS, Phase.TLS),
    )
    CLOSE_POLICY = (
        "close_policy",
        "221 was read, but the close was not clean and the module is strict",
        (Phase.CLOSE,),
    )


class Close(Word):
    """How a session ended; exactly one per probe. Only `clean` is graceful."""

    NONE = "none", "TCP was never established"
    CLEAN = "clean", "QUIT, a complete 221, then the server's FIN"
    RESET_AFTER_221 = "reset_after_221", "a complete 221, then a reset"
    OPEN_AFTER_221 = "open_after_221", "a complete 221, and TCP stayed open"
    FIN_WITHOUT_221 = "fin_without_221", "the server's FIN, and no 221 ever"
    RESET_WITHOUT_221 = "reset_without_221", "a reset, and no 221 ever"
    TIMEOUT = "timeout", "QUIT was written and never answered"
    UNSOLICITED_221 = "unsolicited_221", "a 221 came before QUIT was written"
    CODE_421 = "code_421", "421 was the last word, and no 221 answered QUIT"
    OTHER_CODE = "other_code", "QUIT was answered by neither 221 nor 421"
    MALFORMED = "malformed", "the answer to QUIT is no reply, or is over the limits"
    ABORTED = "aborted", "the probe ended the session itself, without a QUIT exchange"


class Quirk(Word):
    """A deviation that was seen and tolerated; never a failure."""

    BARE_LF = "bare_lf", "a line ended in LF without CR"
    BARE_CR = "bare_cr", "a CR stood inside a line"
    NO_TEXT = "no_text", "a reply of the code alone"
    LONG_LINE = "long_line", "a reply line of more than 512 octets"
    CONTROL_CHARS = "control_chars", "control characters in a reply's text"
    EIGHT_BIT = "eight_bit", "octets above 127 in a reply's text"
    EHLO_FALLBACK = "ehlo_fallback", "EHLO was refused and HELO was used"
    STARTTLS_READVERTISED = "starttls_readvertised", "STARTTLS offered inside TLS"
    AUTH_OLDSTYLE = "auth_oldstyle", "mechanisms offered as AUTH="
    TRAILING_DATA = "trailing_data", "octets behind the 221"
    TLS_NO_CLOSE_NOTIFY = "tls_no_close_notify", "TLS ended without close_notify"
    MX_CNAME = "mx_cname", "the MX host is an alias"
    NULL_MX_MIXED = "null_mx_mixed", "a null MX stands beside other MXes"
    GREETING_NO_DOMAIN = "greeting_no_domain", "the greeting does not start with a host"


class Skip(Word):
    """Why a scheduled probe was left out."""

    OVERRUN = "overrun", "the target's previous probe was still running"
    CAPPED = "capped", "the target's previous probe was still waiting for a place"
    MISSED = "missed", "the exporter itself came a whole interval late"
    BACKOFF = "backoff", "the server has said 421 more than once in a row"


class Refused(Word):
    """Why a probe on demand was refused."""

    DISABLED = "disabled", "probes on demand are not enabled"
    INVALID = "invalid", "the request is wrong: a bad target, an unknown module"
    FORBIDDEN = "forbidden", "the target, its address, port or module is not allowed"
    BUSY = "busy", "all places are taken, or the exporter stops"


class Unsolicited(Word):
    """Which reply came although none was owed."""

    CODE_221 = "221", "221 before QUIT was written"
    CODE_421 = "421", "421 while no reply was owed"
    OTHER = "other", "anything else while no reply was owed"


class ReplyClass(Word):
    """The first digit of a reply code (RFC 5321 4.2.1)."""

    POSITIVE = "2xx", "positive completion"
    INTERMEDIATE = "3xx", "positive intermediate"
    TRANSIENT = "4xx", "transient negative"
    PERMANENT = "5xx", "permanent negative"


class Family(Word):
    """The family of an address."""

    IPV4 = "ipv4", "an A record or an IPv4 literal"
    IPV6 = "ipv6", "an AAAA record or an IPv6 literal"


class TargetSource(Word):
    """Where a target came from."""

    CONFIG = "config", "written in the configuration file"
    MX = "mx", "a mail exchanger of a domain of the configuration file"
    FILE = "file", "read from a discovery file (file_sd)"
    HTTP = "http", "fetched from a discovery address (http_sd)"


class StsMode(Word):
    """What an MTA-STS policy asks senders to do (RFC 8461 section 5)."""

    ENFORCE = "enforce", "no delivery to a host that does not satisfy the policy"
    TESTING = "testing", "delivery in any case, failures are reported"
    NONE = "none", "the domain has no policy any more"


# What may be wrong with a certificate, the gravest first: which of several names the
# failure (SMTP.md 0.2, the order of OpenSSL).
CERTIFICATE_PROBLEMS = (
    Reason.UNTRUSTED,
    Reason.CERT_WEAK,
    Reason.CERT_INVALID,
    Reason.NAME_MISMATCH,
    Reason.CERT_NOT_YET_VALID,
    Reason.CERT_EXPIRED,
)


class QuitPolicy(Enum):
    """What a module asks of the goodbye (the config key `quit`)."""

    OBSERVE = "observe"  # how the session closes never fails a probe
    REQUIRE = "require"  # QUIT must be answered by a complete 221
    STRICT = "strict"  # and the close class must be clean


class TlsMode(Enum):
    """Whether and how a session is encrypted (the config key `tls`)."""

    NONE = "none"
    OPPORTUNISTIC = "opportunistic"  # STARTTLS where it is offered and granted
    REQUIRED = "required"  # STARTTLS or failure
    IMPLICIT = "implicit"  # TLS from the first octet on


class TlsVersion(Enum):
    """The lowest version that is spoken (the config key `min_version`)."""

    TLS10 = "TLS10"
    TLS11 = "TLS11"
    TLS12 = "TLS12"
    TLS13 = "TLS13"


class Policy(Enum):
    """What a finding does (the config keys `verify`, `dane` and `mta_sts`)."""

    OFF = "off"  # not looked at
    REPORT = "report"  # told by metrics, never fails a probe
    ENFORCE = "enforce"  # fails the probe


class Addresses(Enum):
    """How many addresses of a name are probed (the config key `addresses`)."""

    FIRST = "first"  # in order, until one connects
    ALL = "all"  # each one, with its own series


class IpFamily(Enum):
    """Which addresses of a name are used (the config key `ip_family`)."""

    ANY = "any"
    IPV4 = "ipv4"
    IPV6 = "ipv6"
    PREFER_IPV4 = "prefer_ipv4"
    PREFER_IPV6 = "prefer_ipv6"


class Protocol(Enum):
    """What is spoken (the config key `protocol`)."""

    SMTP = "smtp"
    LMTP = "lmtp"  # RFC 2033: LHLO instead of EHLO


class Mechanism(Enum):
    """A SASL mechanism that the probe speaks (the config key `auth.mechanism`)."""

    PLAIN = "PLAIN"
    LOGIN = "LOGIN"
    CRAM_MD5 = "CRAM-MD5"
    XOAUTH2 = "XOAUTH2"


class ProxyProtocol(Enum):
    """The header sent ahead of everything (the config key `proxy_protocol`)."""

    OFF = "off"
    V1 = "v1"
    V2 = "v2"
