"""What operators are told: something for every failure, and always on one line."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter import diagnosis
from exporter.diagnosis import Diagnosis, diagnose, verdict
from exporter.outcome import Failure, Outcome
from exporter.vocabulary import Close, Phase, Reason
from tests.unit.outcomes import (
    FAILURES,
    PAIRS,
    SUCCESSES,
    greeting_timeout,
    outcome,
    outcomes,
    refused,
    unsolicited_221,
)

# No session of plain SMTP, with neither credentials nor expectations, ends in these.
NOT_PLAIN_SMTP = {
    Reason.NONE: "no failure",
    Reason.NULL_MX: "of domains, not of hosts",
    Reason.DNSSEC_BOGUS: "of DANE",
    Reason.UNEXPECTED_TEXT: "of expectations",
    Reason.UNEXPECTED_EXTENSION: "of expectations",
    Reason.NOT_OFFERED: "of STARTTLS and AUTH",
    Reason.TLS_REQUIRED: "of AUTH",
    Reason.INJECTION: "of STARTTLS",
    Reason.PLAINTEXT: "of TLS",
    Reason.HANDSHAKE: "of TLS",
    Reason.UNTRUSTED: "of TLS",
    Reason.NAME_MISMATCH: "of TLS",
    Reason.CERT_EXPIRED: "of TLS",
    Reason.CERT_NOT_YET_VALID: "of TLS",
    Reason.CERT_WEAK: "of TLS",
    Reason.CERT_INVALID: "of TLS",
    Reason.CERT_REVOKED: "of TLS",
    Reason.DANE_MISMATCH: "of DANE",
    Reason.STS_MISMATCH: "of MTA-STS",
}
PLAIN_PHASES = {
    *(Phase.DNS, Phase.CONNECT, Phase.GREETING, Phase.HOLD),
    *(Phase.EHLO, Phase.QUIT, Phase.CLOSE),
}
PLAIN_PAIRS = [
    (phase, reason)
    for phase, reason in PAIRS
    if phase in PLAIN_PHASES and reason not in NOT_PLAIN_SMTP
]
ROWS = [
    *diagnosis._BY_REASON.items(),
    *diagnosis._BY_PHASE_AND_REASON.items(),
]


@pytest.mark.parametrize(("phase", "reason"), PLAIN_PAIRS)
def test_every_failure_of_plain_smtp(phase: Phase, reason: Reason) -> None:
    """Whatever plain SMTP can fail with is explained, and something can be done."""
    told = diagnose(Failure(phase, reason))

    assert told.seen == f"{phase}_{reason}: {reason.meaning}"
    assert told.means
    assert told.remedy


@pytest.mark.parametrize("pair", diagnosis._BY_PHASE_AND_REASON, ids="_".join)
def test_every_row_can_happen(pair: tuple[Phase, Reason]) -> None:
    """A row of a phase is about a failure that this phase can have."""
    assert str(Failure(*pair)) == "_".join(pair)


@pytest.mark.parametrize("reason", diagnosis._BY_REASON)
def test_every_general_row_is_needed(reason: Reason) -> None:
    """A row of a reason serves at least one phase that has no row of its own."""
    own = {phase for phase, r in diagnosis._BY_PHASE_AND_REASON if r is reason}

    assert {*reason.phases} - own


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row[0]))
def test_rows_are_sentences_without_their_stops(
    row: tuple[object, tuple[str, str]],
) -> None:
    """Both parts of a row are one line, to which the full stop is added later."""
    for part in row[1]:
        assert part.isprintable()
        assert part == part.strip()
        assert part[-1] not in ".;,"


def test_a_phase_goes_before_the_reason() -> None:
    """A timeout of the greeting is told otherwise than one of EHLO."""
    greeting = diagnose(Failure(Phase.GREETING, Reason.TIMEOUT))
    ehlo = diagnose(Failure(Phase.EHLO, Reason.TIMEOUT))

    assert "timeouts.greeting" in greeting.remedy
    assert "timeouts.greeting" not in ehlo.remedy
    assert greeting.means != ehlo.means


@pytest.mark.parametrize("reason", [*NOT_PLAIN_SMTP][1:])
def test_what_has_no_row(reason: Reason) -> None:
    """A reason without a row is told by its meaning alone, and nothing is made up."""
    phase = reason.phases[0]

    failure = Failure(phase, reason)
    assert str(diagnose(failure)) == f"{failure}: {reason.meaning}."


@pytest.mark.parametrize(
    ("told", "line"),
    [
        (Diagnosis("seen", "this", "that"), "seen. Usually: this. Try: that."),
        (Diagnosis("seen", "this"), "seen. Usually: this."),
        (Diagnosis("seen"), "seen."),
    ],
)
def test_one_line(told: Diagnosis, line: str) -> None:
    """What is empty is left out."""
    assert str(told) == line


# --- verdicts


@pytest.mark.parametrize(
    ("seen", "line"),
    [
        (
            outcome(),
            "greeted with 220 and said goodbye with 221 and closed cleanly, "
            "in 500.0 ms.",
        ),
        (
            outcome(close=Close.RESET_AFTER_221),
            "greeted with 220 and said goodbye with 221, then reset the connection, "
            "in 500.0 ms.",
        ),
        (
            outcome(close=Close.OPEN_AFTER_221),
            "greeted with 220 and said goodbye with 221, but left the connection open, "
            "in 500.0 ms.",
        ),
    ],
    ids=["clean", "reset", "open"],
)
def test_success(seen: Outcome, line: str) -> None:
    """A success tells of the greeting, the goodbye and the time."""
    assert verdict(seen) == line


@pytest.mark.parametrize(
    "seen",
    [greeting_timeout(), unsolicited_221(), refused()],
    ids=lambda o: str(o.close),
)
def test_failure(seen: Outcome) -> None:
    """A failure tells its diagnosis."""
    assert seen.failure
    assert verdict(seen) == str(diagnose(seen.failure))


@given(outcomes(SUCCESSES))
@settings(max_examples=30)
def test_any_success(seen: Outcome) -> None:
    """Whatever the goodbye was, a success is one line, with the greeting's code."""
    line = verdict(seen)

    assert line.isprintable()
    assert line.startswith("greeted with 220 and ")
    assert line.endswith(" ms.")


@given(outcomes(FAILURES) | st.just(refused()))
@settings(max_examples=60)
def test_any_failure(seen: Outcome) -> None:
    """Every failure is one line that begins with its phase and reason."""
    assert seen.failure
    line = verdict(seen)

    assert line.isprintable()
    assert line.startswith(f"{seen.failure}: ")
    assert line.endswith(".")
    assert ".." not in line
