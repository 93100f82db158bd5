"""What happened when: spans, the transcript, and text that is safe to show."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.outcome import Failure, Outcome, PhaseRecord, Said, Speaker, TcpFacts
from exporter.probe import clock
from exporter.probe.clock import Tick
from exporter.probe.timeline import (
    MAX_ENTRIES,
    MAX_ENTRY_OCTETS,
    Timeline,
    display,
)
from exporter.smtp.exchange import Findings, Interrupted
from exporter.smtp.reply import Reply
from exporter.vocabulary import Close, Family, Phase, Quirk, Reason, Unsolicited

UNIX = 1_700_000_000.0
GREETED = Reply(220, (b"2.0.0 mx.test",))
BYE = Reply(221, (b"2.0.0 bye",))


def at(seconds: float) -> Tick:
    """Give the instant this long after the timeline's start."""
    return Tick(100.0 + seconds, UNIX + seconds)


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Make the clock say what stands last in this list."""
    seconds = [0.0]
    monkeypatch.setattr(clock, "now", lambda: at(seconds[-1]))
    return seconds


@pytest.fixture
def timeline(time: list[float]) -> Timeline:
    """Start a timeline at 0 s, and be connected at once."""
    timeline = Timeline()
    with timeline.phase(Phase.CONNECT) as span:
        span.complete(at(time[-1]))
    timeline.address = "192.0.2.1"
    return timeline


def outcome_of(timeline: Timeline) -> Outcome:
    """Give the outcome of a session that a bug of ours ended."""
    failure = Failure(timeline.phase_now, Reason.INTERNAL_ERROR)
    return timeline.outcome(Findings(failure=failure), Close.ABORTED)


# --- spans


def test_span(timeline: Timeline, time: list[float]) -> None:
    """A completed phase lasts from its start to when its reply was complete."""
    time.append(1.0)
    with timeline.phase(Phase.GREETING) as span:
        time.append(5.0)
        span.complete(at(3.5), GREETED)

    assert outcome_of(timeline).record(Phase.GREETING) == PhaseRecord(
        Phase.GREETING, 2.5, True, 220
    )
    assert timeline.last == at(3.5)
    assert timeline.phase_now is Phase.GREETING


def test_span_not_completed(timeline: Timeline, time: list[float]) -> None:
    """A phase left without completion lasts until it was left."""

    def wait() -> None:
        time.append(2.0)
        raise Interrupted(Reason.TIMEOUT)

    with pytest.raises(Interrupted), timeline.phase(Phase.GREETING):
        wait()

    assert outcome_of(timeline).record(Phase.GREETING) == PhaseRecord(
        Phase.GREETING, 2.0, False
    )
    assert timeline.last == at(2.0)


def test_span_with_another_start(timeline: Timeline, time: list[float]) -> None:
    """A phase may have begun before it was entered."""
    time.append(2.0)
    with timeline.phase(Phase.GREETING) as span:
        span.start = at(0.5)
        span.complete(at(2.5))

    assert outcome_of(timeline).record(Phase.GREETING) == PhaseRecord(
        Phase.GREETING, 2.0, True
    )


def test_second_stay(timeline: Timeline, time: list[float]) -> None:
    """EHLO and HELO are one phase: from the first command to the last reply."""
    with timeline.phase(Phase.EHLO) as span:
        span.complete(at(1.0), Reply(500, (b"what",)))
    time.append(2.0)
    with timeline.phase(Phase.EHLO) as span:
        span.complete(at(3.0), Reply(250, (b"mx",)))

    assert outcome_of(timeline).record(Phase.EHLO) == PhaseRecord(
        Phase.EHLO, 3.0, True, 250
    )


def test_second_stay_not_completed(timeline: Timeline, time: list[float]) -> None:
    """A HELO without an answer leaves EHLO's code, and the phase not completed."""
    with timeline.phase(Phase.EHLO) as span:
        span.complete(at(1.0), Reply(500, (b"what",)))
    with timeline.phase(Phase.EHLO):
        time.append(4.0)

    assert outcome_of(timeline).record(Phase.EHLO) == PhaseRecord(
        Phase.EHLO, 4.0, False, 500
    )


@pytest.mark.parametrize(
    ("phase", "status"),
    [
        (Phase.GREETING, None),
        (Phase.EHLO, None),
        (Phase.EHLO_TLS, None),
        (Phase.STARTTLS, "2.0.0"),
        (Phase.AUTH, "2.0.0"),
        (Phase.MAIL, "2.0.0"),
        (Phase.RCPT, "2.0.0"),
    ],
)
def test_status(timeline: Timeline, phase: Phase, status: str | None) -> None:
    """Every phase tells its reply's status code but those whose replies have none."""
    with timeline.phase(phase) as span:
        span.complete(at(1.0), GREETED)

    record = outcome_of(timeline).record(phase)

    assert record == PhaseRecord(phase, 1.0, True, 220, status)


def test_the_wait_for_the_close(timeline: Timeline, time: list[float]) -> None:
    """The wait for the close has a record, and is not in the duration."""
    with timeline.phase(Phase.QUIT) as span:
        timeline.quit_sent = True
        span.complete(at(1.0), BYE)
    with timeline.phase(Phase.CLOSE) as span:
        span.start = timeline.last
        time.append(3.0)
        span.complete(at(3.0))

    outcome = timeline.outcome(Findings(quit_begun=True, quit_code=221), Close.CLEAN)

    assert outcome.duration == 1.0
    assert outcome.phases == (
        PhaseRecord(Phase.CONNECT, 0.0, True),
        PhaseRecord(Phase.QUIT, 1.0, True, 221, "2.0.0"),
        PhaseRecord(Phase.CLOSE, 2.0, True),
    )


def test_stepped_clock(timeline: Timeline) -> None:
    """A wall clock that stepped back makes no phase and no entry negative."""
    with timeline.phase(Phase.GREETING) as span:
        span.complete(Tick(101.0, UNIX - 3600), GREETED)
    timeline.note("later", Tick(101.0, UNIX - 3600))

    assert outcome_of(timeline).record(Phase.GREETING) == PhaseRecord(
        Phase.GREETING, 1.0, True, 220
    )


def test_outcome(time: list[float]) -> None:
    """What was measured and what was found come together in the outcome."""
    timeline = Timeline()
    with timeline.phase(Phase.DNS) as span:
        span.complete(at(0.1))
    timeline.resolved = ((Family.IPV4, 2),)
    with timeline.phase(Phase.CONNECT) as span:
        span.complete(at(0.2))
    timeline.address, timeline.addresses_failed = "192.0.2.1", 1
    with timeline.phase(Phase.GREETING) as span:
        timeline.first_byte = 0.05
        span.complete(at(0.3), Reply(221, (b"bye",)))
        timeline.heard(b"221 bye\r\n", at(0.3))
    timeline.tcp = TcpFacts(0.001, 0)
    findings = Findings(
        failure=Failure(Phase.GREETING, Reason.UNSOLICITED_221),
        quirks={Quirk.BARE_LF},
        unsolicited=[Unsolicited.CODE_221],
    )
    time.append(9.0)

    outcome = timeline.outcome(findings, Close.UNSOLICITED_221)

    assert outcome.started_at == UNIX
    assert outcome.duration == pytest.approx(0.3)
    assert outcome.failure is findings.failure
    assert outcome.close is Close.UNSOLICITED_221
    assert outcome.banner_first_byte == 0.05
    assert outcome.quirks == {Quirk.BARE_LF}
    assert outcome.unsolicited == (Unsolicited.CODE_221,)
    assert outcome.address == "192.0.2.1"
    assert outcome.addresses_failed == 1
    assert outcome.resolved == ((Family.IPV4, 2),)
    assert outcome.tcp == TcpFacts(0.001, 0)
    assert not outcome.quit_sent
    assert [entry.text for entry in outcome.transcript] == ["221 bye"]


def test_crash(timeline: Timeline, time: list[float]) -> None:
    """A crash tells where it was and what was reached before, and nothing of the talk.

    What it may have spoilt is not told: a 221 that was read contradicts nothing.
    """
    with timeline.phase(Phase.GREETING) as span:
        timeline.first_byte = 0.5
        span.complete(at(1.0), GREETED)
    with timeline.phase(Phase.QUIT) as span:
        timeline.quit_sent = True
        span.complete(at(2.0), BYE)
    time.append(3.0)

    outcome = timeline.outcome_of_crash()

    assert outcome.failure == Failure(Phase.QUIT, Reason.INTERNAL_ERROR)
    assert outcome.close is Close.ABORTED
    assert outcome.address == "192.0.2.1"
    assert outcome.duration == 3.0
    assert outcome.phases == (PhaseRecord(Phase.CONNECT, 0.0, True),)
    assert not outcome.quit_acknowledged
    assert not outcome.banner_present
    assert outcome.transcript[-1].text == Reason.INTERNAL_ERROR.meaning


@pytest.mark.parametrize("phase", [Phase.DNS, Phase.CONNECT])
def test_crash_before_the_connection(phase: Phase, time: list[float]) -> None:
    """A crash before anything was connected has the close class none."""
    timeline = Timeline()
    with timeline.phase(phase):
        time.append(1.0)

    outcome = timeline.outcome_of_crash()

    assert outcome.failure == Failure(phase, Reason.INTERNAL_ERROR)
    assert outcome.close is Close.NONE
    assert outcome.phases == (PhaseRecord(phase, 1.0, False),)


def test_nothing_reached() -> None:
    """A probe that crashed before its first phase still has an outcome."""
    findings = Findings(failure=Failure(Phase.DNS, Reason.INTERNAL_ERROR))
    outcome = Timeline().outcome(findings, Close.NONE)

    assert outcome.phases == ()
    assert outcome.duration == 0.0
    assert outcome.transcript == ()


# --- the transcript


def test_transcript(timeline: Timeline, time: list[float]) -> None:
    """Entries tell when, in which phase, who, and what."""
    timeline.phase_now = Phase.CONNECT
    timeline.note("connected", at(0.5))
    timeline.phase_now = Phase.EHLO
    timeline.sent(b"EHLO probe\r\n", at(1.0))
    timeline.heard(b"250-mx\r\n250 SIZE\r\n", at(1.5))
    time.append(2.0)
    timeline.note("the peer went away")

    assert outcome_of(timeline).transcript == (
        Said(0.5, Phase.CONNECT, Speaker.NETWORK, "connected"),
        Said(1.0, Phase.EHLO, Speaker.CLIENT, "EHLO probe"),
        Said(1.5, Phase.EHLO, Speaker.SERVER, "250-mx\n250 SIZE"),
        Said(2.0, Phase.EHLO, Speaker.NETWORK, "the peer went away"),
    )


def test_nothing_heard(timeline: Timeline) -> None:
    """Silence is no entry."""
    timeline.heard(b"", at(1.0))

    assert outcome_of(timeline).transcript == ()


def test_most_entries(timeline: Timeline) -> None:
    """A transcript keeps its first entries, and no more than its bound."""
    for number in range(MAX_ENTRIES + 10):
        timeline.heard(b"%d" % number, at(number))

    entries = outcome_of(timeline).transcript

    assert [entry.text for entry in entries] == [str(n) for n in range(MAX_ENTRIES)]


# --- display


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        (b"", ""),
        (b"220 mx\r\n", "220 mx"),
        (b"220 mx\n", "220 mx"),
        (b"220 mx", "220 mx"),
        (b"220-a\r\n220 b\r\n", "220-a\n220 b"),
        (b"220 a\r\n\r\n", "220 a\n"),
        (b"220 a\tb\r\n", "220 a\\tb"),
        (b"220 \x1b[31mred\x1b[0m\r\n", "220 \\x1b[31mred\\x1b[0m"),
        (b"220 \x9b31m\r\n", "220 \\x9b31m"),
        (b"220 \xc2\x9b31m\r\n", "220 \\x9b31m"),
        (b"220 a\x00b\r\n", "220 a\\x00b"),
        (b"220 a\rb\r\n", "220 a\\rb"),
        (b"220 a\r\r\n", "220 a\\r"),
        (b"220 \x07\x08\x7f\r\n", "220 \\x07\\x08\\x7f"),
        (b"220 caf\xe9\r\n", "220 caf\\xe9"),
        ("220 café Зд\r\n".encode(), "220 café Зд"),
        ("220 \u202eabc\u2066\r\n".encode(), "220 \\u202eabc\\u2066"),
        ("220 a\u2028b\x85c\r\n".encode(), "220 a\\u2028b\\x85c"),
        ("220 \U000e0041\r\n".encode(), "220 \\U000e0041"),
        (b"220 \xed\xa0\x80\r\n", "220 \\xed\\xa0\\x80"),  # half a surrogate pair
        (b"220 \xc0\xaf\r\n", "220 \\xc0\\xaf"),  # an overlong solidus
        (b"\xff\xfe", "\\xff\\xfe"),
    ],
)
def test_display(octets: bytes, text: str) -> None:
    """Text is shown, and what could steer a terminal is spelled out."""
    assert display(octets) == text


def test_display_is_bounded() -> None:
    """What is too long is cut, and says so."""
    assert display(b"A" * MAX_ENTRY_OCTETS) == "A" * MAX_ENTRY_OCTETS
    assert display(b"A" * (MAX_ENTRY_OCTETS + 1)) == "A" * MAX_ENTRY_OCTETS + " [...]"


def test_display_cuts_within_a_character() -> None:
    """A character cut in half is spelled out, octet by octet."""
    cut = b"A" * (MAX_ENTRY_OCTETS - 1) + "é".encode()

    assert display(cut) == "A" * (MAX_ENTRY_OCTETS - 1) + "\\xc3 [...]"


def test_display_keeps_no_secrets() -> None:
    """A usual text is made once, and none of a session that has secrets is kept."""
    octets = b"334 c2VjcmV0 in a usual line\r\n"

    assert display(bytes(bytearray(octets))) is display(octets)
    assert display(octets, (b"c2VjcmV0",)) == "334 <secret> in a usual line"
    assert display(octets, (b"unsaid",)) is not display(octets)


@given(st.binary(max_size=3000) | st.text(max_size=800).map(str.encode))
def test_display_of_anything(octets: bytes) -> None:
    """Whatever a server says, lines of printable characters come of it."""
    text = display(octets)

    assert all(line.isprintable() for line in text.split("\n"))
    assert len(text) <= 4 * MAX_ENTRY_OCTETS + len(" [...]")
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", text)
    text.encode("utf-8")
