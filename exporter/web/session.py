"""One session as a target's page shows it: phases, transcript, certificate, diagnosis.

Secrets were covered when the transcript was written. What a server said is bounded here
once more, for the page, and escaped by the template.
"""

from collections.abc import Iterator
from typing import NamedTuple

from exporter.diagnosis import Diagnosis, diagnosed, verdict
from exporter.diagnosis.certificate import described
from exporter.diagnosis.sidelights import GOODBYES, QUIRKS
from exporter.outcome import Certificate, Outcome, Said, Speaker, TlsFacts
from exporter.web.bars import Waterfall, waterfall
from exporter.web.rows import Moment, close_words, moment_of
from exporter.web.spans import moment, took

# A transcript's line, and all lines of a session: more is not read by people, and a
# hundred sessions on a page stay under two megabytes.
MAX_LINE = 2048
MAX_TEXT = 16 * 1024
CUT = " [...]"
_WHO = {
    Speaker.CLIENT: ("\N{RIGHTWARDS ARROW}", "exporter"),
    Speaker.SERVER: ("\N{LEFTWARDS ARROW}", "server"),
    Speaker.NETWORK: ("\N{MIDDLE DOT}", "network"),
}


class Line(NamedTuple):
    """One entry of the transcript."""

    milliseconds: str
    phase: str  # where it differs from the line before
    speaker: Speaker
    sign: str
    who: str
    text: str


class Fact(NamedTuple):
    """A name and what stands beside it."""

    name: str
    value: str


class Note(NamedTuple):
    """A word of the vocabulary, what it means, and what it says of the server."""

    word: str
    meaning: str
    says: str


class Session(NamedTuple):
    """One session, ready to be written down."""

    anchor: str
    started: Moment
    success: bool
    failure: str  # as in `greeting_timeout`
    diagnosis: Diagnosis | None
    verdict: str
    took: str
    waterfall: Waterfall
    lines: tuple[Line, ...]
    close: Note
    graceful: bool
    quirks: tuple[Note, ...]
    certificate: str  # in one line
    facts: tuple[Fact, ...]  # of TLS and the certificate
    connection: tuple[Fact, ...]


def session(outcome: Outcome, anchor: str, now: float) -> Session:
    """Tell a session; its anchor is unique on the page."""
    tls = outcome.tls
    return Session(
        anchor=anchor,
        started=moment_of(outcome.started_at, now),
        success=outcome.success,
        failure=str(outcome.failure or ""),
        diagnosis=diagnosed(outcome),
        verdict=verdict(outcome),
        took=took(outcome.duration),
        waterfall=waterfall(outcome),
        lines=tuple(_lines(outcome.transcript)),
        close=Note(
            close_words(outcome),
            outcome.close.meaning,
            GOODBYES[outcome.close].says,
        ),
        graceful=outcome.graceful,
        quirks=tuple(
            Note(str(quirk).replace("_", " "), quirk.meaning, QUIRKS[quirk])
            for quirk in sorted(outcome.quirks)
        ),
        certificate=described(tls, outcome.started_at) if tls else "",
        facts=tuple(_tls_facts(tls, outcome)) if tls else (),
        connection=tuple(_connection(outcome)),
    )


def _lines(transcript: tuple[Said, ...]) -> Iterator[Line]:
    left, before = MAX_TEXT, None
    for said in transcript:
        text = said.text
        if len(text) > min(left, MAX_LINE):
            text = text[: min(left, MAX_LINE)] + CUT
        left = max(0, left - len(said.text))
        phase = "" if said.phase is before else str(said.phase)
        before = said.phase
        sign, who = _WHO[said.speaker]
        yield Line(f"{said.at * 1000:.1f}", phase, said.speaker, sign, who, text)


def _connection(outcome: Outcome) -> Iterator[Fact]:
    if outcome.address:
        yield Fact("address", outcome.address)
    if outcome.addresses_failed:
        yield Fact("addresses that failed before", str(outcome.addresses_failed))
    if outcome.tcp:
        yield Fact("round trip", took(outcome.tcp.rtt))
        yield Fact("segments sent again", str(outcome.tcp.retransmits))
    if outcome.offer and outcome.offer.extensions:
        yield Fact("extensions", ", ".join(outcome.offer.extensions))
    if outcome.offer and outcome.offer.auth_mechanisms:
        yield Fact("logins", ", ".join(outcome.offer.auth_mechanisms))


_VERIFIED = {True: "yes", False: "no", None: "not asked for"}
_NOTIFIED = {True: "yes", False: "no", None: "not seen"}


def _tls_facts(tls: TlsFacts, outcome: Outcome) -> Iterator[Fact]:
    yield Fact("protocol", f"{tls.version}, {tls.cipher}")
    yield Fact("verified", _VERIFIED[tls.verified])
    for problem in sorted(tls.problems):
        yield Fact("problem", f"{problem}: {problem.meaning}")
    if tls.certificate:
        yield from _certificate(tls.certificate)
    if tls.chain_not_after is not None:
        yield Fact("chain holds until", moment(tls.chain_not_after))
    yield Fact("close_notify", _NOTIFIED[outcome.tls_close_notify])
    dane, sts = outcome.dane, outcome.sts
    if dane:
        records = f"{dane.usable} usable, {dane.unusable} not"
        yield Fact("TLSA records", f"{records}; they match: {_VERIFIED[dane.verified]}")
    if sts:
        mode = sts.mode or "unknown"
        yield Fact("MTA-STS", f"mode {mode}; satisfied: {_VERIFIED[sts.verified]}")


def _certificate(leaf: Certificate) -> Iterator[Fact]:
    yield Fact("subject", leaf.subject)
    yield Fact("names", ", ".join(leaf.names) or "it has no names")
    yield Fact("issuer", leaf.issuer)
    yield Fact("valid from", moment(leaf.not_before))
    yield Fact("valid until", moment(leaf.not_after))
    yield Fact("key", leaf.key)
    yield Fact("serial", leaf.serial)
    yield Fact("SHA-256", leaf.fingerprint_sha256)
    yield Fact("key's SHA-256", leaf.key_sha256)
