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
from exporter.diagnosis import diagnose, verdict
from exporter.diagnosis.certificate import described
from exporter.diagnosis.quote import MAX_QUOTED
from exporter.diagnosis.sidelights import GOODBYES, QUIRKS
from exporter.diagnosis.table import TABLE, TLS_ON_PLAIN_PORT
from exporter.outcome import (
    Certificate,
    DaneFacts,
    Failure,
    Outcome,
    PhaseRecord,
    Said,
    Speaker,
    StsFacts,
    TlsFacts,
)
from exporter.vocabulary import (
    CERTIFICATE_PROBLEMS,
    Close,
    Phase,
    Quirk,
    Reason,
    StsMode,
    Unsolicited,
)
from tests.unit.outcomes import (
    CERTIFICATE,
    CERTIFICATES,
    DAY,
    FAILURES,
    PAIRS,
    SUCCESSES,
    TLS,
    encrypted,
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
    """Find words that follow themselves, and runs of words that come twice.

    Numbers may: a TLSA record begins with `3 1 1`.
    """
    said = words(text)
    yield from (a for a, b in pairwise(said) if a == b and not a.isdigit())
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
        (
            Failure(Phase.GREETING, Reason.TIMEOUT),
            ("TLS from the start (465) needs `tls: implicit`",),
        ),
        (Failure(Phase.TLS, Reason.PLAINTEXT), ("use STARTTLS", "`required`")),
        (Failure(Phase.AUTH, Reason.TLS_REQUIRED), ("`opportunistic`", "(587)")),
    ],
    ids=str,
)
def test_what_is_known(failure: Failure, parts: tuple[str, ...]) -> None:
    """What is known about servers is said where it helps."""
    for part in parts:
        assert part in str(diagnose(failure))


def test_no_row_denies_what_this_version_does() -> None:
    """Nothing is said to be missing that there is by now."""
    assert not [
        row for rows in TABLE.values() for row in rows if "this version" in str(row)
    ]


def test_tls_on_a_plain_port_is_told_like_any_row() -> None:
    """The row for what the octets show is written as those of the table are."""
    for clause in TLS_ON_PLAIN_PORT[1:]:
        assert_clause(str(clause))
    general = diagnose(Failure(Phase.GREETING, Reason.PROTOCOL_ERROR))
    assert TLS_ON_PLAIN_PORT.seen.startswith(general.seen)


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


# --- TLS

AT = encrypted().started_at
SELF_SIGNED = CERTIFICATE._replace(issuer=CERTIFICATE.subject)
EXPIRED = CERTIFICATE._replace(not_after=AT - 3 * DAY)
EARLY = CERTIFICATE._replace(not_before=AT + 5 * 3600)


def tls(*problems: Reason, **changes: Any) -> TlsFacts:
    """Give a session whose certificate has these problems."""
    found: dict[str, Any] = {"problems": frozenset(problems), "verified": not problems}
    return TLS._replace(**found | changes)


def refused_for(reason: Reason, facts: TlsFacts) -> Outcome:
    """Give a session whose server was not believed, and which ended in order."""
    seen = encrypted(facts)
    phases = (*seen.phases[:3], *seen.phases[-2:])
    return replace(
        seen,
        phases=phases,
        offer=None,
        banner_first_byte=None,
        failure=Failure(Phase.TLS, reason),
    )


@pytest.mark.parametrize(
    ("facts", "proof"),
    [
        (
            tls(Reason.NAME_MISMATCH),
            'the one probed: "mx1.example.com, mail.example.com". ',
        ),
        (
            tls(
                Reason.NAME_MISMATCH,
                certificate=CERTIFICATE._replace(names=("a", "b", "c", "d", "e")),
            ),
            'the one probed: "a, b, c" and 2 more. ',
        ),
        (
            tls(Reason.NAME_MISMATCH, certificate=CERTIFICATE._replace(names=())),
            'the one probed: no names but a subject, "CN=mx1.example.com". ',
        ),
        (
            tls(Reason.CERT_EXPIRED, certificate=EXPIRED),
            "has expired: the server's own, 3 days ago (2023-11-11 22:13 UTC). ",
        ),
        (
            tls(Reason.CERT_EXPIRED, chain_not_after=AT - 90 * 60),
            "has expired: not the server's own but another, 90 minutes ago "
            "(2023-11-14 20:43 UTC). ",
        ),
        (tls(Reason.CERT_EXPIRED), "has expired. "),
        (
            tls(Reason.CERT_NOT_YET_VALID, certificate=EARLY),
            "is not valid yet: the server's own begins in 5 hours "
            "(2023-11-15 03:13 UTC). ",
        ),
        (tls(Reason.CERT_NOT_YET_VALID), "is not valid yet. "),
        (
            tls(Reason.UNTRUSTED),
            'the probe trusts: issued by "CN=Example R1,O=Example Trust,C=DE". ',
        ),
        (
            tls(Reason.UNTRUSTED, certificate=SELF_SIGNED),
            'the probe trusts: issued by itself, "CN=mx1.example.com". ',
        ),
        (tls(Reason.CERT_WEAK), "to be trusted: the server's own key is EC-P-256. "),
        (tls(Reason.CERT_INVALID), "by trust, name or date. "),
        (tls(Reason.CERT_INVALID, certificate=None), "by trust, name or date. "),
    ],
)
def test_proof_of_a_certificate(facts: TlsFacts, proof: str) -> None:
    """What the certificate says of its problem stands behind what was seen."""
    (reason,) = facts.problems
    before, usually, _ = verdict(refused_for(reason, facts)).partition("Usually: ")

    assert usually
    assert before.endswith(proof)


@pytest.mark.parametrize(
    ("reason", "facts", "proof"),
    [
        (
            Reason.DANE_MISMATCH,
            tls(verified=False),
            f"(DANE): its key would be `3 1 1 {CERTIFICATE.key_sha256}`. ",
        ),
        (
            Reason.STS_MISMATCH,
            tls(Reason.NAME_MISMATCH, Reason.CERT_EXPIRED, certificate=EXPIRED),
            "MTA-STS policy: expired 3 days ago, name mismatch. ",
        ),
        (Reason.STS_MISMATCH, tls(), "MTA-STS policy. "),
    ],
)
def test_proof_of_a_policy(reason: Reason, facts: TlsFacts, proof: str) -> None:
    """A policy that is not satisfied is told with what it is held against."""
    before, _, _ = verdict(refused_for(reason, facts)).partition("Usually: ")

    assert before.endswith(proof)


def test_the_other_problems_are_told_too() -> None:
    """Who mends one problem is told of those that would come next."""
    facts = tls(
        Reason.UNTRUSTED, Reason.NAME_MISMATCH, Reason.CERT_EXPIRED, certificate=EXPIRED
    )
    told = verdict(refused_for(Reason.UNTRUSTED, facts))

    assert told.endswith(
        ". Also wrong: expired 3 days ago, name mismatch. "
        "The session still ended with 221 and a clean close."
    )
    assert "Also" not in verdict(refused_for(Reason.UNTRUSTED, tls(Reason.UNTRUSTED)))


def failed_handshake(reason: Reason, *transcript: Said) -> Outcome:
    """Give a session that never came to TLS."""
    seen = outcome()
    tried = PhaseRecord(Phase.TLS, 0.5, completed=False)
    return outcome(
        phases=(*seen.phases[:2], tried),
        failure=Failure(Phase.TLS, reason),
        close=Close.ABORTED,
        quit_sent=False,
        quit_code=None,
        offer=None,
        banner_first_byte=None,
        starttls_offered=None,
        transcript=transcript,
    )


def network(text: str, phase: Phase = Phase.TLS) -> Said:
    """Give something that the network did."""
    return Said(0.25, phase, Speaker.NETWORK, text)


@pytest.mark.parametrize(
    ("seen", "proof"),
    [
        (
            failed_handshake(
                Reason.HANDSHAKE,
                network("the TLS handshake failed: tlsv1 alert protocol version"),
            ),
            ': "tlsv1 alert protocol version". ',
        ),
        (
            failed_handshake(Reason.HANDSHAKE, network("the TLS handshake failed")),
            "the handshake failed. ",
        ),
        (
            failed_handshake(
                Reason.HANDSHAKE,
                Said(0.1, Phase.TLS, Speaker.SERVER, "the TLS handshake failed: x"),
            ),
            "the handshake failed. ",
        ),
        (
            failed_handshake(Reason.PLAINTEXT, said("220 mx ESMTP", Phase.TLS)),
            'in the clear: "220 mx ESMTP". ',
        ),
        (failed_handshake(Reason.PLAINTEXT), "in the clear. "),
        (
            failed(
                Reason.PROTOCOL_ERROR,
                220,
                network(
                    "octets that cannot be an SMTP reply: bad record mac",
                    Phase.GREETING,
                ),
            ),
            'is not SMTP: "bad record mac". ',
        ),
    ],
)
def test_proof_of_a_handshake(seen: Outcome, proof: str) -> None:
    """What TLS itself had to say is quoted, and only from the network's lines."""
    before, _, _ = verdict(seen).partition("Usually: ")

    assert before.endswith(proof)


@pytest.mark.parametrize("first", [r"\x15\x03\x01\x00\x02\x02F", r"\x16\x03\x03\x00z"])
def test_a_tls_server_on_a_plain_port(first: str) -> None:
    """Octets of TLS in place of a greeting are told as such, and what to do."""
    told = verdict(failed(Reason.PROTOCOL_ERROR, 220, said(first)))

    assert told.startswith(
        "greeting_protocol_error: what came instead of a greeting is not SMTP, but a "
        f'TLS record: "{first}". Usually: this is a TLS server on a port '
    )
    assert "`submissions`" in told
    assert "`implicit`" in told


@pytest.mark.parametrize(
    "seen",
    [
        failed(Reason.PROTOCOL_ERROR, 220, said(r"\x15\x04")),
        failed(Reason.PROTOCOL_ERROR, 220, said(r"a\x15\x03")),
        failed(Reason.PROTOCOL_ERROR, 220, said("220-a"), said(r"\x15\x03")),
        failed(
            Reason.PROTOCOL_ERROR, 250, said(r"\x15\x03", Phase.EHLO), phase=Phase.EHLO
        ),
        encrypted(
            failure=Failure(Phase.GREETING, Reason.PROTOCOL_ERROR),
            transcript=(said(r"\x15\x03"),),
        ),
    ],
    ids=["another octet", "later", "behind a reply", "of EHLO", "inside TLS"],
)
def test_not_every_odd_octet_is_tls(seen: Outcome) -> None:
    """Only the first octets in the clear, and those of a record, are taken for TLS."""
    assert "TLS record" not in verdict(seen)


@pytest.mark.parametrize(
    ("seen", "told"),
    [
        (encrypted(), ""),
        (encrypted(tls(Reason.UNTRUSTED, verified=None)), ""),
        (
            encrypted(
                tls(Reason.NAME_MISMATCH, Reason.CERT_EXPIRED, certificate=EXPIRED)
            ),
            " Reported of the certificate: expired 3 days ago, name mismatch.",
        ),
        (
            encrypted(
                tls(Reason.CERT_EXPIRED, Reason.CERT_NOT_YET_VALID),
                dane=DaneFacts(secure=True, usable=1, unusable=0, verified=True),
                sts=StsFacts(StsMode.TESTING, AT, verified=True),
            ),
            " Reported of the certificate: one of the chain expired, "
            "one of the chain not valid yet.",
        ),
        (
            encrypted(
                tls(Reason.CERT_NOT_YET_VALID, certificate=EARLY),
                dane=DaneFacts(secure=True, usable=1, unusable=0, verified=False),
                sts=StsFacts(StsMode.TESTING, AT, verified=False),
            ),
            " Reported of the certificate: valid in 5 hours. Reported of the TLSA "
            "records: none matches the certificate. Reported of the MTA-STS policy: it "
            "is not satisfied.",
        ),
        (
            encrypted(
                tls(Reason.CERT_EXPIRED, chain_not_after=AT - 30 * DAY),
                dane=DaneFacts(secure=False, usable=0, unusable=0, verified=False),
                sts=StsFacts(None, None, verified=False),
            ),
            " Reported of the certificate: another of the chain expired 30 days "
            "ago. Reported of the TLSA records: the lookup failed. Reported of the "
            "MTA-STS policy: it cannot be had.",
        ),
        (
            encrypted(
                tls(Reason.UNTRUSTED, Reason.CERT_WEAK, Reason.CERT_INVALID),
                dane=DaneFacts(secure=True, usable=0, unusable=2),
                sts=StsFacts(StsMode.NONE, None),
            ),
            " Reported of the certificate: not trusted, weak key or digest, faulty "
            "chain.",
        ),
    ],
)
def test_what_a_success_reports(seen: Outcome, told: str) -> None:
    """What was to be reported and is wrong stands behind the success."""
    plain = f"{GREETED}said goodbye with 221 and closed cleanly, in 500.0 ms."

    assert verdict(seen) == plain + told


# --- a certificate in one line


@pytest.mark.parametrize(
    ("facts", "line"),
    [
        (
            TLS,
            '"mx1.example.com, mail.example.com", issued by "CN=Example R1,O=Example '
            'Trust,C=DE", EC-P-256, 62 days left',
        ),
        (
            tls(
                *(Reason.CERT_EXPIRED, Reason.UNTRUSTED, Reason.NAME_MISMATCH),
                certificate=SELF_SIGNED._replace(
                    not_after=AT - 3 * DAY, names=("old.example.com",), key="RSA-1024"
                ),
            ),
            '"old.example.com", issued by itself, "CN=mx1.example.com", RSA-1024, '
            "expired 3 days ago, not trusted, name mismatch",
        ),
        (
            tls(Reason.CERT_EXPIRED, chain_not_after=AT - 3600),
            '"mx1.example.com, mail.example.com", issued by "CN=Example R1,O=Example '
            'Trust,C=DE", EC-P-256, 62 days left, another of the chain expired '
            "60 minutes ago",
        ),
        (tls(Reason.CERT_INVALID, certificate=None), "unreadable, faulty chain"),
        (
            tls(
                *(Reason.CERT_EXPIRED, Reason.CERT_NOT_YET_VALID),
                certificate=EARLY._replace(not_after=AT - 3 * DAY, names=()),
            ),
            'no names but a subject, "CN=mx1.example.com", issued by "CN=Example R1,'
            'O=Example Trust,C=DE", EC-P-256, expired 3 days ago, valid in 5 hours',
        ),
    ],
)
def test_a_certificate_in_one_line(facts: TlsFacts, line: str) -> None:
    """For whom, by whom, which key, how long, and what is wrong with it."""
    assert described(facts, AT) == line


@pytest.mark.parametrize(
    ("seconds", "left"),
    [
        (0, "a minute left"),
        (119, "a minute left"),
        (120, "2 minutes left"),
        (7199, "119 minutes left"),
        (7200, "2 hours left"),
        (2 * DAY - 1, "47 hours left"),
        (2 * DAY, "2 days left"),
        (90.9 * DAY, "90 days left"),
        (-1, "expired a minute ago"),
        (-2 * DAY, "expired 2 days ago"),
    ],
)
def test_how_long_a_certificate_holds(seconds: float, left: str) -> None:
    """Spans are rounded down, in the largest unit of which there are two."""
    certificate = CERTIFICATE._replace(not_after=AT + seconds)

    assert described(tls(certificate=certificate), AT).endswith(f", {left}")


@given(CERTIFICATES, st.frozensets(st.sampled_from(CERTIFICATE_PROBLEMS)))
def test_any_certificate_in_one_line(
    certificate: Certificate, problems: frozenset[Reason]
) -> None:
    """Whatever its maker wrote into it, the line is bounded and is one line."""
    line = described(TLS._replace(certificate=certificate, problems=problems), AT)

    assert line.isprintable()
    assert len(line) < 2 * MAX_QUOTED + 300
    assert line.count('"') == 4


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
