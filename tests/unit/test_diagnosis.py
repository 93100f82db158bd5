"""What operators are told: something for every failure, and always on one line."""

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from docs.generate import VOCABULARY, vocabulary
from exporter.diagnosis import MAX_QUOTED, diagnose, verdict
from exporter.diagnosis.sidelights import GOODBYES, QUIRKS
from exporter.diagnosis.table import TABLE
from exporter.outcome import Failure, Outcome, PhaseRecord, Said, Speaker
from exporter.vocabulary import Close, Phase, Quirk, Reason, Unsolicited
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

# More words than this in a row, twice in one line, are a sentence said twice.
ECHO = 5

every_pair = pytest.mark.parametrize(
    ("phase", "reason"), PAIRS, ids=[f"{phase}_{reason}" for phase, reason in PAIRS]
)


def words(text: str) -> list[str]:
    """Give the words of a text without what stands around them."""
    return [word.strip("`.,:;()").lower() for word in text.split()]


def repeated(text: str) -> Iterator[str]:
    """Find words that follow themselves, and runs of words that come twice."""
    said = words(text)
    yield from (a for a, b in pairwise(said) if a == b)
    runs = [" ".join(said[i : i + ECHO]) for i in range(len(said) - ECHO + 1)]
    yield from (run for run in runs if runs.count(run) > 1)


def without_quotes(line: str) -> str:
    """Take out what the server said."""
    return re.sub(r'"[^"]*"', '""', line)


def assert_clause(text: str) -> None:
    """Hold a clause to what its joiners count on."""
    assert text
    assert text.isprintable()
    assert text == " ".join(text.split())
    assert text[-1] not in ".;,:"
    assert not re.match(r"[A-Z][a-z]", text)
    assert not {*"{}|<>"} & {*text}  # no slot left, nothing that Markdown would take
    assert text.count("`") % 2 == 0
    assert text.count("(") == text.count(")")
    assert not [*repeated(text)]


# --- the table


def test_the_table_is_complete() -> None:
    """Each legal pair stands in the table exactly once, and no other does."""
    told = [
        (phase, reason)
        for reason, rows in TABLE.items()
        for row in rows
        for phase in row.phases
    ]

    assert sorted(told) == sorted(PAIRS)
    assert [*TABLE] == [*Reason]


@every_pair
def test_every_failure(phase: Phase, reason: Reason) -> None:
    """Whatever can fail is named, explained, and something can be done."""
    told = diagnose(Failure(phase, reason))

    for clause in told:
        assert_clause(clause)
    assert not told.remedy.startswith("try ")  # it is said after "Try:"
    assert not [*repeated(str(told))]


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason.phases])
def test_the_phase_is_in_what_was_seen(reason: Reason) -> None:
    """No two phases of a reason are told in the same words."""
    told = {diagnose(Failure(phase, reason)).seen for phase in reason.phases}

    assert len(told) == len(reason.phases)


@pytest.mark.parametrize(
    ("failure", "parts"),
    [
        (
            Failure(Phase.GREETING, Reason.TIMEOUT),
            ("server is running", "port is right", "firewall", "timeouts.greeting"),
        ),
        (
            Failure(Phase.HOLD, Reason.UNSOLICITED_221),
            ("times out idle sessions", "shutting down", "Stalwart"),
        ),
        (
            Failure(Phase.EHLO, Reason.EOF),
            ("the server closed the connection instead of answering EHLO",),
        ),
        (Failure(Phase.RCPT, Reason.UNEXPECTED_CODE), ("open relay",)),
    ],
    ids=str,
)
def test_what_is_known(failure: Failure, parts: tuple[str, ...]) -> None:
    """What is known about servers is said where it helps."""
    for part in parts:
        assert part in str(diagnose(failure))


# --- goodbyes and quirks


@pytest.mark.parametrize("close", Close)
def test_every_goodbye(close: Close) -> None:
    """Each close class has words for a success, for a failure, and for the page."""
    told = GOODBYES[close]

    for text in (told.did, told.after):
        assert [*re.findall(r"{(\w*)}", text)] in ([], ["code"])
        assert not [*repeated(text)]
    assert_clause(told.did.format(code=250))
    assert_clause(told.says)
    assert bool(told.after) == (close not in {Close.NONE, Close.ABORTED})
    assert not told.after or re.fullmatch(r"[A-Z].*[^.]\.", told.after)


@pytest.mark.parametrize("quirk", Quirk)
def test_every_quirk(quirk: Quirk) -> None:
    """Each quirk has one sentence about why it matters."""
    assert_clause(QUIRKS[quirk])


# --- verdicts of successes

GREETED = "greeted with 220 and "


@pytest.mark.parametrize(
    ("seen", "line"),
    [
        (
            outcome(),
            f"{GREETED}said goodbye with 221 and closed cleanly, in 500.0 ms.",
        ),
        (
            outcome(close=Close.RESET_AFTER_221),
            f"{GREETED}said goodbye with 221, then reset the connection "
            "(reset_after_221), in 500.0 ms.",
        ),
        (
            outcome(close=Close.OPEN_AFTER_221),
            f"{GREETED}said goodbye with 221, but left the connection open "
            "(open_after_221), in 500.0 ms.",
        ),
        (
            outcome(
                phases=(
                    *outcome().phases[:-2],
                    PhaseRecord(Phase.QUIT, 0.1, completed=True, code=250),
                ),
                quit_code=250,
                close=Close.OTHER_CODE,
            ),
            f"{GREETED}answered QUIT with 250 instead of 221 (other_code), "
            "in 500.0 ms.",
        ),
        (
            outcome(quirks=frozenset({Quirk.NO_TEXT, Quirk.BARE_LF})),
            f"{GREETED}said goodbye with 221 and closed cleanly, in 500.0 ms. "
            "Tolerated: bare_lf (a line ended in LF without CR), "
            "no_text (a reply of the code alone).",
        ),
    ],
    ids=["clean", "reset", "open", "other code", "quirks"],
)
def test_success(seen: Outcome, line: str) -> None:
    """A success tells of the greeting, the goodbye, the time, and what was ugly."""
    assert verdict(seen) == line


# --- verdicts of failures


@pytest.mark.parametrize(
    "seen",
    [greeting_timeout(), unsolicited_221(), refused()],
    ids=lambda o: str(o.close),
)
def test_failure(seen: Outcome) -> None:
    """Where nothing can be added, a failure tells its code and its diagnosis."""
    assert seen.failure
    assert verdict(seen) == f"{seen.failure}: {diagnose(seen.failure)}"


def said(text: str, phase: Phase = Phase.GREETING) -> Said:
    """Give something that the server said."""
    return Said(0.25, phase, Speaker.SERVER, text)


def failed(
    reason: Reason, code: int, *transcript: Said, phase: Phase = Phase.GREETING
) -> Outcome:
    """Give a session that failed by a reply, and ended in order."""
    passed = PhaseRecord(Phase.GREETING, 0.25, completed=True, code=220)
    before = () if phase is Phase.GREETING else (passed,)
    return outcome(
        phases=(
            PhaseRecord(Phase.CONNECT, 0.0005, completed=True),
            *before,
            PhaseRecord(phase, 0.25, completed=True, code=code),
            PhaseRecord(Phase.QUIT, 0.0015, completed=True, code=221),
            PhaseRecord(Phase.CLOSE, 0.00025, completed=True),
        ),
        failure=Failure(phase, reason),
        resolved=None,
        offer=None,
        starttls_offered=None,
        transcript=transcript,
    )


def test_a_refusal_in_full() -> None:
    """A refused session: the code, what was seen and said, the diagnosis, the end."""
    told = diagnose(Failure(Phase.GREETING, Reason.REJECTED))

    assert verdict(failed(Reason.REJECTED, 554, said("554 mx.test no service"))) == (
        "greeting_rejected: the greeting is a permanent no (a 5yz reply): "
        f'"554 mx.test no service". Usually: {told.means}. Try: {told.remedy}. '
        "The session still ended with 221 and a clean close."
    )


@pytest.mark.parametrize(
    ("seen", "proof"),
    [
        (failed(Reason.REJECTED, 554), " (554). "),
        (failed(Reason.REJECTED, 554, said("554\n")), ': "554". '),
        (failed(Reason.REJECTED, 554, said("554-one\n554 two")), ': "554-one". '),
        (
            failed(
                Reason.REJECTED,
                501,
                said("500 EHLO?", Phase.EHLO),
                said("501-HELO?\n501 no", Phase.EHLO),
                said("221 bye", Phase.QUIT),
                phase=Phase.EHLO,
            ),
            ': "501-HELO?". ',
        ),
        (
            failed(
                Reason.UNEXPECTED_CODE,
                501,
                said("334 more", Phase.AUTH),
                said("501 cancelled", Phase.AUTH),
                phase=Phase.AUTH,
            ),
            ': "334 more". ',
        ),
        (failed(Reason.UNEXPECTED_CODE, 501), "not expected. "),
        (failed(Reason.UNAVAILABLE, 220, said("220 hi\n421 no")), ': "421 no". '),
        (failed(Reason.UNAVAILABLE, 421), "with its greeting. "),
        (failed(Reason.UNAVAILABLE, 220), "with its greeting. "),
        (failed(Reason.UNEXPECTED_TEXT, 220, said("220 x\n")), ': "220 x". '),
        (failed(Reason.DEFERRED, 451, said('451 a "b"')), ": \"451 a 'b'\". "),
        (failed(Reason.DEFERRED, 451, said("451 a\x1b\u202eb")), ': "451 a??b". '),
        (failed(Reason.PROTOCOL_ERROR, 220, said("SSH-2.0")), ': "SSH-2.0". '),
        (failed(Reason.PROTOCOL_ERROR, 220, said("220-a\n421 b")), ': "421 b". '),
        (failed(Reason.PROTOCOL_ERROR, 220), "is not SMTP. "),
        (failed(Reason.UNSOLICITED_REPLY, 220, said("220 a\nhm")), ': "hm". '),
        (failed(Reason.REPLY_TOO_LONG, 220, said("220-a")), "sensible size. "),
        (replace(refused(), addresses_failed=3), " (the last of 3 addresses tried). "),
    ],
)
def test_proof(seen: Outcome, proof: str) -> None:
    """What the server said to fail the phase is quoted, or else its code is given."""
    before, usually, _ = verdict(seen).partition("Usually: ")

    assert usually
    assert before.endswith(proof)


def test_what_the_client_said_is_no_proof() -> None:
    """Only the server is quoted, and only from the phase that failed."""
    own = Said(0.2, Phase.GREETING, Speaker.CLIENT, "554 own")
    other = said("554 other", Phase.QUIT)

    assert "(554)" in verdict(failed(Reason.REJECTED, 554, own, other))


@given(st.text())
@example('"' * 500)
@example("\n554 again")
@example("x" * 116)
@example("x" * 117)
@settings(max_examples=200)
def test_a_quote_is_bounded(text: str) -> None:
    """Whatever a server says, the line holds one short quote of it and no more."""
    line = verdict(failed(Reason.REJECTED, 554, said(f"554 {text}")))
    (quote,) = re.findall(r'"([^"]*)"', line)

    assert line.isprintable()
    assert quote.startswith("554")
    assert len(quote) <= MAX_QUOTED
    assert quote.endswith(" [...]") or len(quote) < MAX_QUOTED or len(text) == 116


@pytest.mark.parametrize(
    ("changes", "end"),
    [
        ({"close": Close.CLEAN}, GOODBYES[Close.CLEAN].after),
        ({"close": Close.OPEN_AFTER_221}, GOODBYES[Close.OPEN_AFTER_221].after),
        (
            {"close": Close.OTHER_CODE, "quit_code": 500},
            "QUIT was answered with 500 instead of 221.",
        ),
        ({"close": Close.TIMEOUT, "quit_code": None}, GOODBYES[Close.TIMEOUT].after),
        (
            {
                "close": Close.UNSOLICITED_221,
                "quit_sent": False,
                "quit_code": None,
                "unsolicited": (Unsolicited.CODE_221,),
            },
            GOODBYES[Close.UNSOLICITED_221].after,
        ),
        ({"close": Close.ABORTED, "quit_sent": False, "quit_code": None}, ""),
    ],
    ids=lambda value: str(value["close"]) if isinstance(value, dict) else "",
)
def test_how_a_failed_session_ended(changes: dict[str, Any], end: str) -> None:
    """How the session ended is the last sentence, where it is worth one."""
    seen = failed(Reason.REJECTED, 554)
    code = changes.get("quit_code", 221)
    answer = PhaseRecord(Phase.QUIT, 0.1, completed=bool(code), code=code)
    tail = seen.phases[-2:] if code == 221 else (answer,)
    told = verdict(replace(seen, phases=(*seen.phases[:2], *tail), **changes))
    remedy = diagnose(Failure(Phase.GREETING, Reason.REJECTED)).remedy

    assert told.endswith(f"{remedy}. {end}" if end else f"{remedy}.")


@pytest.mark.parametrize(
    ("reason", "close", "told"),
    [
        (Reason.CLOSE_POLICY, Close.RESET_AFTER_221, True),
        (Reason.CLOSE_POLICY, Close.OPEN_AFTER_221, True),
        (Reason.TIMEOUT, Close.OPEN_AFTER_221, False),
    ],
)
def test_the_end_is_not_told_twice(reason: Reason, close: Close, told: bool) -> None:
    """A close class that the failure has told already is left out."""
    seen = outcome(failure=Failure(Phase.CLOSE, reason), close=close)

    assert verdict(seen).endswith(GOODBYES[close].after) is told


# --- any outcome


@given(outcomes(SUCCESSES))
@settings(max_examples=50)
def test_any_success(seen: Outcome) -> None:
    """Whatever the goodbye was, a success is one line, with the greeting's code."""
    line = verdict(seen)

    assert line.isprintable()
    assert line.startswith(GREETED)
    assert " ms." in line
    assert line.endswith(".")
    assert ".." not in line
    assert all(f" {quirk} (" in line for quirk in seen.quirks)


@given(outcomes(FAILURES) | st.just(refused()))
@settings(max_examples=200)
def test_any_failure(seen: Outcome) -> None:
    """Every failure is one line: its code, what was seen, what to do, how it ended."""
    assert seen.failure
    line = without_quotes(verdict(seen))

    assert line.isprintable()
    assert line.startswith(f"{seen.failure}: {diagnose(seen.failure).seen}")
    assert line.count("Usually: ") == line.count("Try: ") == 1
    assert line.endswith(".")
    assert ".." not in line
    assert not [*repeated(line)]


# --- the page


def test_the_page_is_current() -> None:
    """docs/vocabulary.md is what the tables say."""
    assert VOCABULARY.read_text("utf-8") == vocabulary()


def test_an_alert_can_link_to_each_reason() -> None:
    """Each reason has one section under its word, and no other heading takes it."""
    headings = re.findall(r"^#+ (.*)$", vocabulary(), re.MULTILINE)
    anchors = [h.strip("`").lower().replace(" ", "-") for h in headings]

    assert len({*anchors}) == len(anchors)
    for reason in Reason:
        assert anchors.count(reason) == bool(reason.phases)


@every_pair
def test_the_page_tells_every_pair(phase: Phase, reason: Reason) -> None:
    """What is told of a failure stands in its reason's section."""
    told = diagnose(Failure(phase, reason))
    section = vocabulary().partition(f"### `{reason}`\n")[2].partition("\n#")[0]

    assert f"*Usually:* {told.means}.\n  - *Try:* {told.remedy}.\n" in section + "\n"
