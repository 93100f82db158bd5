"""What happened when, while a probe runs: phases as with-blocks, and the transcript.

Holds measurements only; what they mean is judged elsewhere. Everything kept is bounded:
a phase has one record, and a transcript so many lines of so many octets.
"""

from functools import lru_cache
from types import TracebackType
from typing import Self

from exporter.outcome import (
    DaneFacts,
    Failure,
    Outcome,
    PhaseRecord,
    Said,
    Speaker,
    StsFacts,
    TcpFacts,
    TlsFacts,
)
from exporter.printable import printable
from exporter.probe import clock
from exporter.probe.clock import Tick
from exporter.smtp.exchange import Findings
from exporter.smtp.reply import Reply
from exporter.vocabulary import Close, Family, Phase, Reason

# A usual session has under ten entries of under 200 octets; these are for the others.
MAX_ENTRIES = 64
MAX_ENTRY_OCTETS = 2048
# What is kept until an entry is made of it: more, since secrets are covered before the
# cut to an entry, which then shows no half of one.
KEPT_OCTETS = 16 * 1024
# Much of what is said is the same in each session, and its text need not be made anew
# nor kept twice: 6 MiB at most, and nothing of a session that has secrets.
_KEPT_TEXTS = 2048
_KEPT_TEXT_OCTETS = 512

_BEFORE_TALKING = frozenset({Phase.DNS, Phase.CONNECT})
# RFC 2034 section 3: the greeting and EHLO's reply carry no enhanced status code.
_WITHOUT_STATUS = frozenset({Phase.GREETING, Phase.EHLO, Phase.EHLO_TLS})


class Span:
    """One stay in a phase, as a with-block; left without `complete`, it did not."""

    def __init__(self, timeline: "Timeline", phase: Phase) -> None:
        """Belong to a timeline, which keeps the record."""
        self._timeline = timeline
        self._phase = phase
        self._end: Tick | None = None
        self._reply: Reply | None = None
        self.start = clock.now()

    def complete(self, at: Tick, reply: Reply | None = None) -> None:
        """Say that what the phase waits for arrived, when, and what it was."""
        self._end = at
        self._reply = reply

    def __enter__(self) -> Self:
        """Enter the phase."""
        self._timeline.phase_now = self._phase
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Record the phase, completed or not."""
        end = self._end or clock.now()
        self._timeline.record(
            self._phase, self.start, end, self._end is not None, self._reply
        )


class Timeline:
    """The measurements of one probe."""

    def __init__(self) -> None:
        """Start now."""
        self.start = clock.now()
        self.phase_now = Phase.DNS
        self.last = self.start  # when the last phase ended, close excepted
        self.address: str | None = None  # the one connected to
        self.resolved: tuple[tuple[Family, int], ...] | None = None
        self.addresses_failed = 0
        self.first_byte: float | None = None
        self.quit_sent = False
        self.tcp: TcpFacts | None = None
        self.tls: TlsFacts | None = None
        self.tls_close_notify: bool | None = None
        self.dane: DaneFacts | None = None
        self.sts: StsFacts | None = None
        self.secrets: tuple[bytes, ...] = ()  # never shown, whoever says them
        self._said: list[Said] = []
        self._starts: dict[Phase, Tick] = {}
        self._records: dict[Phase, PhaseRecord] = {}

    def phase(self, phase: Phase) -> Span:
        """Make the with-block of a phase; entered again, the phase goes on."""
        return Span(self, phase)

    def record(
        self,
        phase: Phase,
        start: Tick,
        end: Tick,
        completed: bool,
        reply: Reply | None,
    ) -> None:
        """Keep a phase's record; a second stay extends the first."""
        start = self._starts.setdefault(phase, start)
        before = self._records.get(phase)
        code = reply.code if reply else before.code if before else None
        status = reply.status if reply and phase not in _WITHOUT_STATUS else None
        seconds = clock.elapsed(start, end)
        self._records[phase] = PhaseRecord(phase, seconds, completed, code, status)
        if phase is not Phase.CLOSE:
            self.last = end

    def note(self, text: str, at: Tick | None = None) -> None:
        """Add what the network did to the transcript."""
        self._say(Speaker.NETWORK, text, at or clock.now())

    def sent(self, octets: bytes, at: Tick) -> None:
        """Add a line of ours."""
        self._say(Speaker.CLIENT, display(octets, self.secrets), at)

    def heard(self, octets: bytes, at: Tick) -> None:
        """Add lines of the server's."""
        if octets:
            self._say(Speaker.SERVER, display(octets, self.secrets), at)

    def _say(self, speaker: Speaker, text: str, at: Tick) -> None:
        if len(self._said) < MAX_ENTRIES:
            offset = clock.elapsed(self.start, at)
            self._said.append(Said(offset, self.phase_now, speaker, text))

    def outcome(self, findings: Findings, close: Close) -> Outcome:
        """Join what was measured with what it was found to mean."""
        return Outcome(
            started_at=self.start.realtime,
            duration=clock.elapsed(self.start, self.last),
            phases=tuple(self._records.values()),
            failure=findings.failure,
            close=close,
            quit_sent=self.quit_sent,
            quit_code=findings.quit_code,
            banner_first_byte=self.first_byte,
            quirks=frozenset(findings.quirks),
            unsolicited=tuple(findings.unsolicited),
            offer=findings.offer,
            starttls_offered=findings.starttls_offered,
            address=self.address,
            resolved=self.resolved,
            addresses_failed=self.addresses_failed,
            tcp=self.tcp,
            tls=self.tls,
            tls_close_notify=self.tls_close_notify,
            dane=self.dane,
            sts=self.sts,
            transcript=tuple(self._said),
        )

    def outcome_of_crash(self) -> Outcome:
        """Tell of a bug of ours: where, and nothing that it may have spoilt."""
        self.note(Reason.INTERNAL_ERROR.meaning)
        reached = [r for p, r in self._records.items() if p in _BEFORE_TALKING]
        return Outcome(
            started_at=self.start.realtime,
            duration=clock.elapsed(self.start, clock.now()),
            phases=tuple(reached),
            failure=Failure(self.phase_now, Reason.INTERNAL_ERROR),
            close=Close.ABORTED if self.address else Close.NONE,
            address=self.address,
            transcript=tuple(self._said),
        )


def display(octets: bytes, secrets: tuple[bytes, ...] = ()) -> str:
    """Decode octets for people.

    Bounded, nothing in it can steer a terminal, and every secret is covered, also where
    a server says it back to us.
    """
    if not secrets and len(octets) <= _KEPT_TEXT_OCTETS:
        return _known_text(octets)
    for secret in secrets:
        octets = octets.replace(secret, b"<secret>")
    return _text(octets)


def _text(octets: bytes) -> str:
    text = octets[:MAX_ENTRY_OCTETS].decode("utf-8", "backslashreplace")
    lines = text.replace("\r\n", "\n").removesuffix("\n").split("\n")
    shown = "\n".join(map(printable, lines))
    return shown + " [...]" if len(octets) > MAX_ENTRY_OCTETS else shown


_known_text = lru_cache(maxsize=_KEPT_TEXTS)(_text)
