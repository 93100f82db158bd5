"""One step of a conversation and what may come back, owed or not.

A reply code is held against what was expected, octets that nobody asked for are never
taken for the answer to the next command (SMTP.md J15), and whether the stream is still
in step decides whether QUIT can be exchanged. What steps there are, and what their
replies mean, is the dialogue's business.
"""

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from exporter.outcome import CLOSING, NOT_AVAILABLE, Failure, Offer
from exporter.smtp.reply import Reply, ReplyError, ReplyReader
from exporter.vocabulary import Phase, Quirk, Reason, Unsolicited

T = TypeVar("T")

_SURPLUS: dict[int | None, tuple[Unsolicited, Reason]] = {
    CLOSING: (Unsolicited.CODE_221, Reason.UNSOLICITED_221),
    NOT_AVAILABLE: (Unsolicited.CODE_421, Reason.UNAVAILABLE),
}
_BY_CODE = {CLOSING: Reason.UNSOLICITED_221, NOT_AVAILABLE: Reason.UNAVAILABLE}
_BY_FIRST_DIGIT = {4: Reason.DEFERRED, 5: Reason.REJECTED}


class Step(NamedTuple):
    """One thing to do: write the line if there is one, then wait for what `idle` says.

    With `idle` None one complete reply is awaited; else the line stays silent for that
    many seconds, or until the server says something. With `encrypt` TLS is begun, and
    nothing is written or awaited but its handshake.
    """

    phase: Phase
    line: bytes | None = None
    idle: float | None = None
    shown: bytes | None = None  # instead of a line that holds a secret
    encrypt: bool = False


class Heard(NamedTuple):
    """What came back: the reply that was awaited, and octets that nobody asked for.

    Where octets were there before the line was written, it was not, and there is no
    reply. After a handshake, `refused` is why the module's policies do not take the
    server for who it should be.
    """

    reply: Reply | None
    surplus: bytes | bytearray = b""
    refused: Reason | None = None


class Interrupted(Exception):
    """The step could not be finished; thrown into the dialogue by its carrier."""

    def __init__(
        self, reason: Reason, *, phase: Phase | None = None, detail: str = ""
    ) -> None:
        """Keep the reason; the phase is that of the step, unless another is named.

        `detail` is what the reason's own words leave out, for people.
        """
        super().__init__(str(reason))
        self.reason = reason
        self.phase = phase
        self.detail = detail


@dataclass(slots=True)
class Findings:
    """What a conversation has come to; complete once the generator has returned."""

    failure: Failure | None = None
    quirks: set[Quirk] = field(default_factory=set)
    unsolicited: list[Unsolicited] = field(default_factory=list)
    offer: Offer | None = None
    starttls_offered: bool | None = None
    encrypted: bool = False
    unavailable: bool = False  # a 421 was read before QUIT
    left_by: Reason | None = None  # what ended the conversation before QUIT
    quit_begun: bool = False  # the exchange of QUIT was entered
    quit_code: int | None = None
    quit_broken: Reason | None = None  # why QUIT has no complete reply


class Failed(Exception):
    """Leaves the conversation; in step means that QUIT can still be exchanged."""

    def __init__(self, phase: Phase, reason: Reason, *, in_step: bool = True) -> None:
        """Keep what failed."""
        super().__init__()
        self.failure = Failure(phase, reason)
        self.in_step = in_step


# What a part of a conversation is: steps out, answers in, a value at its end.
Part = Generator[Step, Heard, T]


def exchange(
    step: Step,
    expected: frozenset[int],
    findings: Findings,
    *,
    behind: Reason | None = None,
) -> Part[Reply]:
    """Await the reply to one step before QUIT.

    Raises Failed for anything but `expected`; for octets behind it with the reason
    `behind`, where one is given.
    """
    heard = yield from _carry(step)
    if heard.reply is None:
        _refuse(step.phase, None, _judge_surplus(heard.surplus, findings))
    reply = owed(heard)
    findings.quirks |= reply.quirks
    refused = refusal(reply.code, expected)
    if refused is Reason.UNSOLICITED_221:
        findings.unsolicited.append(Unsolicited.CODE_221)
    elif refused is Reason.UNAVAILABLE:
        findings.unavailable = True
    surplus = _judge_surplus(heard.surplus, findings)
    if surplus and behind and not refused:
        surplus = _Surplus(behind, in_step=False)
    _refuse(step.phase, refused, surplus)
    return reply


def sit_idle(step: Step, findings: Findings) -> Part[None]:
    """Say nothing for a while.

    Raises Failed for anything that is said meanwhile.
    """
    heard = yield from _carry(step)
    _refuse(step.phase, None, _judge_surplus(heard.surplus, findings))


def begin_tls(findings: Findings) -> Part[None]:
    """Encrypt; a server that is not taken for who it should be is a failure noted.

    The conversation goes on from there, to its QUIT inside TLS (RFC 3207 section 4.1).
    Raises Failed when there is no TLS.
    """
    heard = yield from _carry(Step(Phase.TLS, encrypt=True))
    findings.encrypted = True
    if heard.refused:
        findings.failure = Failure(Phase.TLS, heard.refused)


def _carry(step: Step) -> Part[Heard]:
    try:
        return (yield step)
    except Interrupted as interrupted:
        phase = interrupted.phase or step.phase
        raise Failed(phase, interrupted.reason, in_step=False) from interrupted


def owed(heard: Heard) -> Reply:
    """Give the reply that a step awaited."""
    if heard.reply is None:
        raise TypeError("a step that awaits a reply was sent none")
    return heard.reply


def refusal(code: int, expected: frozenset[int]) -> Reason | None:
    """Name what is wrong with a reply code where `expected` codes were awaited."""
    if code in expected:
        return None
    return _BY_CODE.get(code) or _BY_FIRST_DIGIT.get(
        code // 100, Reason.UNEXPECTED_CODE
    )


def _refuse(phase: Phase, refused: Reason | None, surplus: "_Surplus | None") -> None:
    """Fail the phase by its reply first, and only then by what came behind it.

    A stream with surplus octets is out of step, save when they are one complete 421:
    then the server has said its last word and still owes an answer to QUIT (J16), also
    behind a refusal.
    """
    if refused:
        quiet = surplus is None or surplus.in_step
        in_step = quiet and refused is not Reason.UNSOLICITED_221
        raise Failed(phase, refused, in_step=in_step)
    if surplus:
        raise Failed(phase, surplus.reason, in_step=surplus.in_step)


class _Surplus(NamedTuple):
    reason: Reason
    in_step: bool


def _judge_surplus(octets: bytes | bytearray, findings: Findings) -> _Surplus | None:
    """Judge octets that came while no reply was owed (J15); note them in findings."""
    if not octets:
        return None
    reader = ReplyReader()
    reader.feed(octets)
    try:
        reply = reader.next()
    except ReplyError:
        reply = None
    unsolicited, reason = _SURPLUS.get(
        reply.code if reply else None, (Unsolicited.OTHER, Reason.UNSOLICITED_REPLY)
    )
    unavailable = reason is Reason.UNAVAILABLE
    findings.unsolicited.append(unsolicited)
    findings.unavailable |= unavailable
    return _Surplus(reason, in_step=unavailable and not reader.midway)
