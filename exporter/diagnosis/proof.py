"""What one session shows of its failure: the server's own words, or its certificate.

Holds the search through an outcome for what belongs behind the sentence of the table.
Whatever a server chose is quoted.
"""

import re

from exporter.diagnosis.certificate import evidence
from exporter.diagnosis.quote import quoted
from exporter.outcome import CLOSING, NOT_AVAILABLE, Failure, Outcome, Speaker
from exporter.vocabulary import Phase, Reason

# The replies that fail a phase, by how their lines begin.
_FAILING_REPLY = {
    Reason.DEFERRED: re.compile(r"4[0-9][0-9](?=[ -]|$)"),
    Reason.REJECTED: re.compile(r"5[0-9][0-9](?=[ -]|$)"),
    Reason.UNEXPECTED_CODE: re.compile(r"[23][0-9][0-9](?=[ -]|$)"),
    Reason.UNEXPECTED_TEXT: re.compile(r"[2-5][0-9][0-9](?=[ -]|$)"),
    Reason.UNAVAILABLE: re.compile(rf"{NOT_AVAILABLE}(?=[ -]|$)"),
    Reason.UNSOLICITED_221: re.compile(rf"{CLOSING}(?=[ -]|$)"),
}
# Failed by octets that are no reply, or none that was owed.
_FAILED_BY_OCTETS = frozenset(
    {Reason.PROTOCOL_ERROR, Reason.UNSOLICITED_REPLY, Reason.PLAINTEXT}
)
_REPLY_LINE = re.compile(r"[2-5][0-9][0-9](?:[ -]|$)")
# An alert or a handshake (RFC 8446 section 5.1), as the transcript shows octets.
_TLS_RECORD = re.compile(r"\\x1[56]\\x03")


def proof(outcome: Outcome, failure: Failure, seen: str) -> str:
    """Give what goes right behind the words of what was seen; mostly something."""
    if failure.phase is Phase.CONNECT and outcome.addresses_failed > 1:
        return f" (the last of {outcome.addresses_failed} addresses tried)"
    shown = (
        _certificate(outcome, failure)
        or _octets(outcome, failure)
        or _reply(outcome, failure)
        or _detail(outcome, failure)
    )
    if shown:
        return f": {shown}"
    return _code(outcome, failure, seen)


def is_tls_on_plain_port(outcome: Outcome, failure: Failure) -> bool:
    """Whether the first that a server said in the clear is a TLS record."""
    if (failure.phase, failure.reason) != (Phase.GREETING, Reason.PROTOCOL_ERROR):
        return False
    lines = _lines(outcome, failure.phase)
    return outcome.tls is None and bool(lines) and bool(_TLS_RECORD.match(lines[0]))


def _certificate(outcome: Outcome, failure: Failure) -> str:
    if outcome.tls is None or failure.phase is not Phase.TLS:
        return ""
    return evidence(outcome.tls, failure.reason, outcome.started_at)


def _octets(outcome: Outcome, failure: Failure) -> str:
    if failure.reason not in _FAILED_BY_OCTETS:
        return ""
    lines = _lines(outcome, failure.phase)
    return quoted(_oddest(lines)) if lines else ""


def _reply(outcome: Outcome, failure: Failure) -> str:
    begins = _FAILING_REPLY.get(failure.reason)
    if begins is None:
        return ""
    line = _first_of_last_reply(_lines(outcome, failure.phase), begins)
    return quoted(line) if line else ""


def _detail(outcome: Outcome, failure: Failure) -> str:
    """Quote what the network told beyond the reason's own words, as a TLS alert."""
    words = f"{failure.reason.meaning}: "
    for said in reversed(outcome.transcript):
        if said.speaker is Speaker.NETWORK and said.text.startswith(words):
            return quoted(said.text.removeprefix(words))
    return ""


def _code(outcome: Outcome, failure: Failure, seen: str) -> str:
    """Give at least the code of a reply that nobody has the words of any more."""
    begins = _FAILING_REPLY.get(failure.reason)
    code = str(outcome.code(failure.phase))
    unknown = begins is not None and begins.match(code) and code not in seen
    return f" ({code})" if unknown else ""


def _lines(outcome: Outcome, phase: Phase) -> list[str]:
    """Give the lines that the server said in a phase."""
    said = (
        said.text
        for said in outcome.transcript
        if said.phase is phase and said.speaker is Speaker.SERVER
    )
    return [line for text in said for line in text.split("\n") if line.strip()]


def _oddest(lines: list[str]) -> str:
    """Choose the first line that is no reply's; they may all look like one."""
    return next((line for line in lines if not _REPLY_LINE.match(line)), lines[-1])


def _first_of_last_reply(lines: list[str], begins: re.Pattern[str]) -> str | None:
    """Find the last reply that begins so, and give its first line."""
    first: re.Match[str] | None = None
    for line in reversed(lines):
        if first and not line.startswith(f"{first[0]}-"):
            break
        first = begins.match(line) or first
    return first and first.string
