"""The conversation, as one generator: what to say next, and what an answer means.

It yields steps and is sent what was heard; it can read neither clock nor socket. The
carrier throws Interrupted when a step cannot be finished. A refusal inside the
conversation still walks on to QUIT; a stream out of step does not (SMTP.md 0.3).

    greeting -> [hold] -> EHLO (HELO after a 5yz) -> QUIT
"""

import re
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import NamedTuple

from exporter.outcome import CLOSING, NOT_AVAILABLE, Failure, Offer
from exporter.smtp.capabilities import capabilities
from exporter.smtp.command import QUIT, command
from exporter.smtp.reply import Reply, ReplyError, ReplyReader
from exporter.targets import Module
from exporter.vocabulary import Phase, Quirk, QuitPolicy, Reason, Unsolicited

READY = frozenset({220})
GOODBYE = frozenset({CLOSING})
PERMANENT = frozenset(range(500, 600))
# J7: codes not listed count by their first digit, but 221 only ever answers QUIT.
POSITIVE = frozenset(range(200, 300)) - GOODBYE

_BY_CODE = {CLOSING: Reason.UNSOLICITED_221, NOT_AVAILABLE: Reason.UNAVAILABLE}
_SURPLUS: dict[int | None, tuple[Unsolicited, Reason]] = {
    CLOSING: (Unsolicited.CODE_221, Reason.UNSOLICITED_221),
    NOT_AVAILABLE: (Unsolicited.CODE_421, Reason.UNAVAILABLE),
}
_BY_FIRST_DIGIT = {4: Reason.DEFERRED, 5: Reason.REJECTED}

# Domain or address literal (RFC 5321 section 4.1.2), as the greeting's first word.
_HOST_FIRST = re.compile(
    rb"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[^\]\s]+\])(?:\s|\Z)"
)


class Step(NamedTuple):
    """One thing to do: write the line if there is one, then wait for what `idle` says.

    With `idle` None one complete reply is awaited; else the line stays silent for that
    many seconds, or until the server says something.
    """

    phase: Phase
    line: bytes | None = None
    idle: float | None = None


class Heard(NamedTuple):
    """What came back: the reply that was awaited, and octets that nobody asked for."""

    reply: Reply | None
    surplus: bytes = b""


class Interrupted(Exception):
    """The step could not be finished; thrown into the dialogue by its carrier."""

    def __init__(self, reason: Reason) -> None:
        """Keep the reason; the phase is that of the step."""
        super().__init__(str(reason))
        self.reason = reason


@dataclass(slots=True)
class Findings:
    """What a conversation has come to; complete once the generator has returned."""

    failure: Failure | None = None
    quirks: set[Quirk] = field(default_factory=set)
    unsolicited: list[Unsolicited] = field(default_factory=list)
    offer: Offer | None = None
    starttls_offered: bool | None = None
    greeted: bool = False  # a complete greeting was read, so QUIT may be written
    unavailable: bool = False  # a 421 was read before QUIT
    quit_begun: bool = False  # the exchange of QUIT was entered
    quit_code: int | None = None
    quit_broken: Reason | None = None  # why QUIT has no complete reply


Dialogue = Generator[Step, Heard, Findings]


class _Failed(Exception):
    """Leaves the conversation; in step means that QUIT can still be exchanged."""

    def __init__(self, phase: Phase, reason: Reason, *, in_step: bool) -> None:
        super().__init__()
        self.failure = Failure(phase, reason)
        self.in_step = in_step


def converse(module: Module, own_name: str) -> Dialogue:
    """Hold the conversation that the module asks for.

    `own_name` is what EHLO says when the module names nothing: the address literal of
    the connected socket. Returns Findings, also after Interrupted was thrown in.
    """
    findings = Findings()
    try:
        yield from _greeting(findings)
        if module.hold:
            yield from _hold(module.hold, findings)
        if module.ehlo:
            yield from _ehlo(module.ehlo_name or own_name, findings)
    except _Failed as failed:
        findings.failure = failed.failure
        if not failed.in_step:
            return findings
    yield from _quit(module.quit, findings)
    return findings


def _greeting(findings: Findings) -> Generator[Step, Heard, None]:
    reply = yield from _exchange(Step(Phase.GREETING), READY, findings)
    if any(reply.lines) and not _HOST_FIRST.match(reply.lines[0]):
        findings.quirks.add(Quirk.GREETING_NO_DOMAIN)


def _hold(seconds: float, findings: Findings) -> Generator[Step, Heard, None]:
    heard = yield from _carry(Step(Phase.HOLD, idle=seconds))
    _refuse(Phase.HOLD, None, _judge_surplus(heard.surplus, findings))


def _ehlo(name: str, findings: Findings) -> Generator[Step, Heard, None]:
    ehlo = Step(Phase.EHLO, command("EHLO", name))
    helo = Step(Phase.EHLO, command("HELO", name))
    reply = yield from _exchange(ehlo, POSITIVE | PERMANENT, findings)
    if reply.code in PERMANENT:  # J21: on any 5yz, and never on 4yz
        findings.quirks.add(Quirk.EHLO_FALLBACK)
        reply = yield from _exchange(helo, POSITIVE, findings)
        reply = Reply(reply.code, reply.lines[:1])  # HELO offers nothing (3.2)
    offered = capabilities(reply)
    findings.offer = offered.offer
    findings.quirks |= offered.quirks
    findings.starttls_offered = offered.starttls


def _quit(policy: QuitPolicy, findings: Findings) -> Generator[Step, Heard, None]:
    findings.quit_begun = True
    reason: Reason | None
    try:
        heard = yield Step(Phase.QUIT, QUIT)
    except Interrupted as interrupted:
        reason = findings.quit_broken = interrupted.reason
    else:
        reply = _owed(heard)
        findings.quirks |= reply.quirks
        findings.quit_code = reply.code
        reason = refusal(reply.code, GOODBYE)
        if heard.surplus and not reason:
            findings.quirks.add(Quirk.TRAILING_DATA)
    if reason and not findings.failure and policy is not QuitPolicy.OBSERVE:
        findings.failure = Failure(Phase.QUIT, reason)


def _exchange(
    step: Step, expected: frozenset[int], findings: Findings
) -> Generator[Step, Heard, Reply]:
    """Await the reply to one step before QUIT; anything but `expected` fails it."""
    heard = yield from _carry(step)
    reply = _owed(heard)
    findings.greeted = True
    findings.quirks |= reply.quirks
    refused = refusal(reply.code, expected)
    if refused is Reason.UNSOLICITED_221:
        findings.unsolicited.append(Unsolicited.CODE_221)
    elif refused is Reason.UNAVAILABLE:
        findings.unavailable = True
    _refuse(step.phase, refused, _judge_surplus(heard.surplus, findings))
    return reply


def _carry(step: Step) -> Generator[Step, Heard, Heard]:
    try:
        return (yield step)
    except Interrupted as interrupted:
        raise _Failed(step.phase, interrupted.reason, in_step=False) from interrupted


def _owed(heard: Heard) -> Reply:
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
    then the server has said its last word and still owes an answer to QUIT (J16).
    """
    if refused:
        in_step = surplus is None and refused is not Reason.UNSOLICITED_221
        raise _Failed(phase, refused, in_step=in_step)
    if surplus:
        raise _Failed(phase, surplus.reason, in_step=surplus.in_step)


class _Surplus(NamedTuple):
    reason: Reason
    in_step: bool


def _judge_surplus(octets: bytes, findings: Findings) -> _Surplus | None:
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
