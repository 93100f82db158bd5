"""What one probe saw: frozen, complete, and unable to contradict itself.

Holds facts about a single session and refuses judgement: whether a fact is good or
bad was decided by the dialogue. Times are seconds; `at` counts from the probe's start.
"""

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
    Unsolicited,
)


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
    """TCP_INFO at the session's end, where the platform has it."""

    rtt: float
    retransmits: int


# Found out before anything was written for the phase, so the phase was never reached.
_UNREACHED_REASONS = frozenset(
    {Reason.NOT_OFFERED, Reason.TLS_REQUIRED, Reason.INTERNAL_ERROR}
)
_CLASS_OF_FIRST_DIGIT = dict(zip((2, 3, 4, 5), ReplyClass, strict=True))
_AFTER_221 = frozenset({Close.CLEAN, Close.RESET_AFTER_221, Close.OPEN_AFTER_221})
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
    quit_sent: bool = False
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
    transcript: tuple[Said, ...] = ()

    def __post_init__(self) -> None:
        """Refuse contradictions, each by its own sentence."""
        for broken, sentence in (
            *self._about_phases(),
            *self._about_failure(),
            *self._about_close(),
            *self._about_details(),
        ):
            if broken:
                raise Contradiction(sentence)

    def _about_phases(self) -> tuple[tuple[bool, str], ...]:
        reached = [record.phase for record in self.phases]
        return (
            (len(set(reached)) != len(reached), "a phase is recorded twice"),
            (
                self.duration < 0 or any(r.seconds < 0 for r in self.phases),
                "a duration is negative",
            ),
            (
                any(r.code is not None and not r.completed for r in self.phases),
                "a phase has a reply code without a complete reply",
            ),
            (
                (self.close is Close.NONE)
                != (set(reached) <= _BEFORE_CONNECTED and self.address is None),
                "close class none and an established connection exclude each other",
            ),
        )

    def _about_failure(self) -> tuple[tuple[bool, str], ...]:
        if self.failure is None:
            return ()
        return (
            (
                self.failure.reason not in _UNREACHED_REASONS
                and self.record(self.failure.phase) is None,
                f"phase {self.failure.phase} failed but has no record",
            ),
        )

    def _about_close(self) -> tuple[tuple[bool, str], ...]:
        return (
            (
                (self.close in _AFTER_221) != (self.quit_code == 221),  # noqa: PLR2004 -- RFC 5321's own number
                f"close class {self.close} with {self.quit_code} in answer to QUIT",
            ),
            (
                self.quit_code is not None and not self.quit_sent,
                "QUIT was answered without having been sent",
            ),
            (
                self.quit_code != self.code(Phase.QUIT),
                "the code that answered QUIT is not that of phase quit",
            ),
            (
                self.record(Phase.CLOSE) is not None and not self.quit_acknowledged,
                "phase close without a 221",
            ),
        )

    def _about_details(self) -> tuple[tuple[bool, str], ...]:
        return (
            (
                self.banner_first_byte is not None
                and self.record(Phase.GREETING) is None,
                "a first byte of a greeting that was never waited for",
            ),
            (
                self.offer is not None and not self._completed(Phase.EHLO),
                "extensions without a complete reply to EHLO",
            ),
            (
                self.resolved is not None and self.record(Phase.DNS) is None,
                "resolved addresses without phase dns",
            ),
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

    def _completed(self, phase: Phase) -> bool:
        record = self.record(phase)
        return record is not None and record.completed

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
        return self.quit_code == 221  # noqa: PLR2004 -- RFC 5321's own number

    @property
    def graceful(self) -> bool:
        """Whether QUIT got 221 and the server then closed cleanly."""
        return self.close is Close.CLEAN
