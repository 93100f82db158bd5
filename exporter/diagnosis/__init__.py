"""An outcome in words: what was seen, what it usually means, what to do.

Told to operators by the `probe` command and the log. It judges nothing: the sentences
stand in tables, and what is added to them here was seen in this session.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from exporter.diagnosis.sidelights import GOODBYES
from exporter.diagnosis.table import TABLE, seen
from exporter.outcome import CLOSING, NOT_AVAILABLE, Failure, Outcome, Speaker
from exporter.vocabulary import Close, Phase, Reason

# A refusal's text is mostly one short sentence; the transcript has the rest.
MAX_QUOTED = 120
_CUT = " [...]"


class Diagnosis(NamedTuple):
    """Three clauses, without full stops."""

    seen: str
    means: str
    remedy: str

    def __str__(self) -> str:
        """Join them into one line."""
        return f"{self.seen}. Usually: {self.means}. Try: {self.remedy}."


_DIAGNOSES = {
    (phase, reason): Diagnosis(seen(row, phase), row.means, row.remedy)
    for reason, rows in TABLE.items()
    for row in rows
    for phase in row.phases
}


def diagnose(failure: Failure) -> Diagnosis:
    """Say what a failure is, what it usually means and what to do."""
    return _DIAGNOSES[failure.phase, failure.reason]


def verdict(outcome: Outcome) -> str:
    """Say in one line whether the probe succeeded, and why not."""
    if outcome.failure:
        return " ".join(_failed(outcome, outcome.failure))
    return " ".join(_succeeded(outcome))


# --- success


def _succeeded(outcome: Outcome) -> Iterator[str]:
    goodbye = GOODBYES[outcome.close].did.format(code=outcome.quit_code)
    unclean = "" if outcome.graceful else f" ({outcome.close})"
    yield (
        f"greeted with {outcome.code(Phase.GREETING)} and {goodbye}{unclean}, "
        f"in {outcome.duration * 1000:.1f} ms."
    )
    if outcome.quirks:
        told = (f"{quirk} ({quirk.meaning})" for quirk in sorted(outcome.quirks))
        yield f"Tolerated: {', '.join(told)}."


# --- failure


def _failed(outcome: Outcome, failure: Failure) -> Iterator[str]:
    told = diagnose(failure)
    yield f"{failure}: {told._replace(seen=told.seen + _proof(outcome, failure))}"
    if failure.phase is not Phase.QUIT and not _is_the_failure(outcome.close, failure):
        yield from filter(None, [_ending(outcome)])


def _ending(outcome: Outcome) -> str:
    return GOODBYES[outcome.close].after.format(code=outcome.quit_code)


def _is_the_failure(close: Close, failure: Failure) -> bool:
    """Whether a close class says only what its failure has said."""
    return (failure.reason, close) in _SAID_ALREADY


_SAID_ALREADY = frozenset(
    {
        (Reason.EOF, Close.FIN_WITHOUT_221),
        (Reason.RESET, Close.RESET_WITHOUT_221),
        (Reason.TIMEOUT, Close.OPEN_AFTER_221),
        (Reason.DEADLINE, Close.OPEN_AFTER_221),
        (Reason.UNSOLICITED_221, Close.UNSOLICITED_221),
    }
)


# --- the server's own words

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


def _proof(outcome: Outcome, failure: Failure) -> str:
    """Quote what the server said to fail the phase, or give at least its code."""
    if failure.phase is Phase.CONNECT and outcome.addresses_failed > 1:
        return f" (the last of {outcome.addresses_failed} addresses tried)"
    lines = _lines(outcome, failure.phase)
    if failure.reason in _FAILED_BY_OCTETS:
        return _quoted(_oddest(lines)) if lines else ""
    begins = _FAILING_REPLY.get(failure.reason)
    if begins is None:
        return ""
    line = _first_of_last_reply(lines, begins)
    if line:
        return _quoted(line)
    code = str(outcome.code(failure.phase))
    known = code in diagnose(failure).seen
    return f" ({code})" if begins.match(code) and not known else ""


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


def _quoted(line: str) -> str:
    """Quote a server's line so that it cannot pass for words of ours."""
    shown = "".join(c if c.isprintable() else "?" for c in line).replace('"', "'")
    if len(shown) > MAX_QUOTED:
        shown = shown[: MAX_QUOTED - len(_CUT)] + _CUT
    return f': "{shown}"'
