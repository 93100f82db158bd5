"""An outcome in words: what was seen, what it usually means, what to do.

Told to operators by the `probe` command, the pages, the API and the log. It judges
nothing: the sentences stand in tables, and what is added to them here was seen in this
session.
"""

from collections.abc import Iterator
from typing import NamedTuple

from exporter.diagnosis.certificate import wrong
from exporter.diagnosis.proof import is_tls_on_plain_port, proof
from exporter.diagnosis.sidelights import GOODBYES
from exporter.diagnosis.table import TABLE, TLS_ON_PLAIN_PORT, Row, seen
from exporter.outcome import Failure, Outcome
from exporter.vocabulary import CERTIFICATE_PROBLEMS, Close, Phase, Reason


class Diagnosis(NamedTuple):
    """Three clauses, without full stops."""

    seen: str
    means: str
    remedy: str

    def __str__(self) -> str:
        """Join them into one line."""
        return f"{self.seen}. Usually: {self.means}. Try: {self.remedy}."


def _told(row: Row, phase: Phase) -> Diagnosis:
    return Diagnosis(seen(row, phase), row.means, row.remedy)


_DIAGNOSES = {
    (phase, reason): _told(row, phase)
    for reason, rows in TABLE.items()
    for row in rows
    for phase in row.phases
}


def diagnose(failure: Failure) -> Diagnosis:
    """Say what a failure is, what it usually means and what to do."""
    return _DIAGNOSES[failure.phase, failure.reason]


def diagnosed(outcome: Outcome) -> Diagnosis | None:
    """Say of a failed probe what was seen, in the server's words too; else nothing."""
    failure = outcome.failure
    if failure is None:
        return None
    told = diagnose(failure)
    if is_tls_on_plain_port(outcome, failure):
        told = _told(TLS_ON_PLAIN_PORT, failure.phase)
    return told._replace(seen=told.seen + proof(outcome, failure, told.seen))


def verdict(outcome: Outcome) -> str:
    """Say in one line whether the probe succeeded, and why not."""
    if outcome.failure:
        return " ".join(_failed(outcome, outcome.failure))
    return " ".join(_succeeded(outcome))


def brief(outcome: Outcome) -> str:
    """Say what failed and what was seen of it; empty for a success."""
    told = diagnosed(outcome)
    return f"{outcome.failure}: {told.seen}" if told else ""


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
    yield from _reported(outcome)


def _reported(outcome: Outcome) -> Iterator[str]:
    """Tell what is wrong and fails nothing, of what the module asks to be reported."""
    tls, dane, sts = outcome.tls, outcome.dane, outcome.sts
    if tls and tls.problems and tls.verified is not None:
        yield f"Reported of the certificate: {wrong(tls, outcome.started_at)}."
    if dane and dane.verified is False:
        what = "none matches the certificate" if dane.usable else "the lookup failed"
        yield f"Reported of the TLSA records: {what}."
    if sts and sts.verified is False:
        what = "it is not satisfied" if sts.mode else "it cannot be had"
        yield f"Reported of the MTA-STS policy: {what}."


# --- failure


def _failed(outcome: Outcome, failure: Failure) -> Iterator[str]:
    yield f"{failure}: {diagnosed(outcome)}"
    if outcome.tls and failure.reason in CERTIFICATE_PROBLEMS:
        also = wrong(outcome.tls, outcome.started_at, but=failure.reason)
        yield from filter(None, [also and f"Also wrong: {also}."])
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
