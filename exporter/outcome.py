"""What one probe saw: frozen, complete, and unable to contradict itself.

Holds facts about a single session and refuses judgement: whether a fact is good or
bad was decided by the dialogue. Times are seconds; `at` counts from the probe's start.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from exporter.vocabulary import (
    Close,
    Family,
    Phase,
    Quirk,
    Reason,
    ReplyClass,
    StsMode,
    Unsolicited,
)

CLOSING = 221  # the answer to QUIT (RFC 5321 section 4.2.3)
NOT_AVAILABLE = 421  # may answer any command, or come unasked


class Contradiction(ValueError):
    """Facts that cannot all be true of one session."""


@dataclass(frozen=True, slots=True)
class Failure:
    """The first phase that failed, and why.

    Raises Contradiction for a reason that this phase cannot have.
    """

    phase: Phase
    reason: Reason

    def __post_init__(self) -> None:
        """Hold the pair against the vocabulary."""
        if self.phase not in self.reason.phases:
            raise Contradiction(f"{self.reason} cannot happen in phase {self.phase}")

    def __str__(self) -> str:
        """Give the display code, as in `greeting_timeout`."""
        return f"{self.phase}_{self.reason}"


class PhaseRecord(NamedTuple):
    """One phase that was reached; a phase not reached has no record."""

    phase: Phase
    seconds: float  # until it ended, well or not
    completed: bool  # what the phase waits for arrived, whatever it said
    code: int | None = None  # reply code of its last complete reply
    status: str | None = None  # enhanced status code of that reply (RFC 3463)


class Speaker(StrEnum):
    """Who is behind a line of the transcript."""

    CLIENT = "client"
    SERVER = "server"
    NETWORK = "network"


class Said(NamedTuple):
    """One line of the transcript; text is bounded and decoded for display only."""

    at: float
    phase: Phase
    speaker: Speaker
    text: str


class Offer(NamedTuple):
    """What the last EHLO offered; keywords in upper case, in the order seen."""

    extensions: tuple[str, ...]
    auth_mechanisms: tuple[str, ...]
    size_limit: int | None  # octets; None when SIZE is absent or declares no limit


class TcpFacts(NamedTuple):
    """TCP_INFO, where the platform has it."""

    rtt: float  # seconds, smoothed by the kernel
    retransmits: int  # segments sent again since the first SYN


class Certificate(NamedTuple):
    """What a certificate says of itself; times are Unix seconds."""

    subject: str  # RFC 4514, bounded
    issuer: str
    serial: str  # hexadecimal, lower case
    fingerprint_sha256: str  # of the DER, hexadecimal, lower case
    key: str  # as in RSA-2048, EC-P-256, Ed25519
    key_sha256: str  # of the SubjectPublicKeyInfo, hexadecimal, lower case
    not_before: float
    not_after: float
    names: tuple[str, ...]  # subjectAltName: DNS names and addresses, bounded


class TlsFacts(NamedTuple):
    """A TLS session as it was agreed on, and what was found of its certificate."""

    version: str  # as in TLSv1.3
    cipher: str
    certificate: Certificate | None  # the leaf; None when it cannot be read
    chain_not_after: float | None  # the earliest end in the chain that was sent
    problems: frozenset[Reason]  # of CERTIFICATE_PROBLEMS, each judged by itself
    verified: bool | None  # by whom the module asked; None: nobody asked


class DaneFacts(NamedTuple):
    """The TLSA records of a host (RFC 7672), when a module asks for DANE."""

    secure: bool  # the records, or that there are none, are signed and valid
    usable: int  # records of usage 2 or 3 that we can match
    unusable: int
    verified: bool | None = None  # a usable one matches; None: not held against any


class StsFacts(NamedTuple):
    """The MTA-STS policy of a mail domain (RFC 8461), when a module asks for it."""

    mode: StsMode | None  # None: the domain has no policy, or none that can be had
    expires: float | None  # Unix time
    verified: bool | None = None  # host and certificate satisfy it; None: not judged


# Found out before anything was written for the phase, so the phase was never reached.
_UNREACHED_REASONS = frozenset(
    {Reason.NOT_OFFERED, Reason.TLS_REQUIRED, Reason.INTERNAL_ERROR}
)
_CLASS_OF_FIRST_DIGIT = dict(zip((2, 3, 4, 5), ReplyClass, strict=True))
_BEFORE_CONNECTED = frozenset({Phase.DNS, Phase.CONNECT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Everything one probe saw of one server.

    Raises Contradiction when the facts cannot all be true: a 221 that was not read, a
    figure for a phase not reached, a close class that its session does not allow.
    """

    started_at: float  # Unix time
    duration: float  # until the answer to QUIT; the wait for the close is not in it
    phases: tuple[PhaseRecord, ...]
    failure: Failure | None
    close: Close
    quit_sent: bool = False  # for its answer; a courtesy QUIT is none
    quit_code: int | None = None  # of a complete reply that answered QUIT
    banner_first_byte: float | None = None
    quirks: frozenset[Quirk] = frozenset()
    unsolicited: tuple[Unsolicited, ...] = ()
    offer: Offer | None = None
    starttls_offered: bool | None = None  # by the plaintext EHLO
    address: str | None = None  # the one connected to
    resolved: tuple[tuple[Family, int], ...] | None = None  # None: no name to resolve
    addresses_failed: int = 0  # tried before one connected, or all of them
    tcp: TcpFacts | None = None
    tls: TlsFacts | None = None  # of a handshake that was completed
    tls_close_notify: bool | None = None  # the server's; None without TLS
    dane: DaneFacts | None = None
    sts: StsFacts | None = None
    transcript: tuple[Said, ...] = ()

    def __post_init__(self) -> None:
        """Hold the facts against the laws below."""
        for holds, sentence in _LAWS:
            if not holds(self):
                raise Contradiction(f"{sentence} ({self.failure}, {self.close})")

    @property
    def facts(self) -> tuple[object, ...]:
        """Give all that is no figure and no time of this one session.

        A server that stays as it is gives equal facts, probe after probe.
        """
        return (
            *(self.failure, self.close, self.quit_code, self.quirks, self.unsolicited),
            *(self.offer, self.starttls_offered, self.resolved),
            *(self.tls, self.tls_close_notify, self.dane, self.sts),
            *[
                fact
                for r in self.phases
                for fact in (r.phase, r.completed, r.code, r.status)
            ],
        )

    def record(self, phase: Phase) -> PhaseRecord | None:
        """Find the record of a phase; None when it was not reached."""
        for record in self.phases:
            if record.phase is phase:
                return record
        return None

    def code(self, phase: Phase) -> int | None:
        """Give the code of a phase's last complete reply, if there was one."""
        record = self.record(phase)
        return None if record is None else record.code

    def completed(self, phase: Phase) -> bool:
        """Whether a phase was reached and what it waits for arrived."""
        record = self.record(phase)
        return record is not None and record.completed

    @property
    def ended_at(self) -> float:
        """When the probe was over but for the wait for the close, as Unix time."""
        return self.started_at + self.duration

    @property
    def success(self) -> bool:
        """Whether everything that the module asks for held."""
        return self.failure is None

    @property
    def banner_present(self) -> bool:
        """Whether one complete, well-formed greeting was read (SMTP.md J34)."""
        return self.code(Phase.GREETING) is not None

    @property
    def banner_class(self) -> ReplyClass | None:
        """Give the class of the greeting's code; None without a greeting."""
        code = self.code(Phase.GREETING)
        return None if code is None else _CLASS_OF_FIRST_DIGIT[code // 100]

    @property
    def quit_acknowledged(self) -> bool:
        """Whether a complete 221 answered QUIT, whatever TCP did next."""
        return self.quit_code == CLOSING

    @property
    def graceful(self) -> bool:
        """Whether QUIT got 221 and the server then closed cleanly."""
        return self.close is Close.CLEAN


def _close_by_code(outcome: Outcome) -> bool:
    """Hold the close class against the code that answered QUIT."""
    if outcome.quit_code is None:
        return outcome.close not in _ANSWERED
    return outcome.close in _CLOSE_OF_CODE.get(outcome.quit_code, _OTHER_CODE)


_AFTER_221 = frozenset({Close.CLEAN, Close.RESET_AFTER_221, Close.OPEN_AFTER_221})
_OTHER_CODE = frozenset({Close.OTHER_CODE})
_CLOSE_OF_CODE = {
    CLOSING: _AFTER_221,
    NOT_AVAILABLE: frozenset({Close.CODE_421}),
}
_ANSWERED = _AFTER_221 | _OTHER_CODE
_QUIT_WRITTEN = _ANSWERED | {Close.TIMEOUT, Close.MALFORMED}

_LAWS: tuple[tuple[Callable[[Outcome], bool], str], ...] = (
    (
        lambda o: len({r.phase for r in o.phases}) == len(o.phases),
        "a phase is recorded twice",
    ),
    (
        lambda o: o.duration >= 0 and all(r.seconds >= 0 for r in o.phases),
        "a duration is negative",
    ),
    (
        lambda o: o.completed(Phase.CONNECT) == (o.address is not None),
        "a connection that stands has an address, and no other has",
    ),
    (
        lambda o: (
            o.address is not None or all(r.phase in _BEFORE_CONNECTED for r in o.phases)
        ),
        "a phase was reached without a connection",
    ),
    (
        lambda o: (o.close is Close.NONE) == (o.address is None),
        "the close class is none when no connection stood, and only then",
    ),
    (
        lambda o: o.failure is not None or o.address is not None,
        "a success without a connection",
    ),
    (
        lambda o: (
            o.failure is None
            or o.failure.reason in _UNREACHED_REASONS
            or o.record(o.failure.phase) is not None
        ),
        "a phase failed that was not reached",
    ),
    (_close_by_code, "the close class is not that of the code that answered QUIT"),
    (
        lambda o: o.quit_sent or (o.quit_code is None and o.close not in _QUIT_WRITTEN),
        "an answer to QUIT, or a class of one, and QUIT was not sent",
    ),
    (
        lambda o: o.quit_code == o.code(Phase.QUIT),
        "the code that answered QUIT is not that of phase quit",
    ),
    (
        lambda o: (
            o.close is not Close.UNSOLICITED_221
            or Unsolicited.CODE_221 in o.unsolicited
        ),
        "an unsolicited 221 that nobody saw",
    ),
    (
        lambda o: o.record(Phase.CLOSE) is None or o.quit_acknowledged,
        "phase close without a 221",
    ),
    (
        lambda o: o.banner_first_byte is None or o.record(Phase.GREETING) is not None,
        "the first byte of a greeting that was not waited for",
    ),
    (
        lambda o: o.offer is None or o.completed(Phase.EHLO),
        "extensions without a complete reply to EHLO",
    ),
    (
        lambda o: (o.tls is None) or o.completed(Phase.TLS),
        "TLS facts without a completed handshake",
    ),
    (
        lambda o: o.tls is not None or o.tls_close_notify is None,
        "close_notify without TLS",
    ),
    (
        lambda o: o.resolved is None or o.completed(Phase.DNS),
        "resolved addresses without an answer in phase dns",
    ),
)
