"""What cannot be true of one session cannot be told of it either."""

import dataclasses
from typing import Any

import pytest

from exporter.outcome import (
    Contradiction,
    DaneFacts,
    Failure,
    Offer,
    Outcome,
    PhaseRecord,
    Said,
    Speaker,
    StsFacts,
    TcpFacts,
)
from exporter.vocabulary import (
    Close,
    Family,
    Phase,
    Quirk,
    Reason,
    ReplyClass,
    StsMode,
    Unsolicited,
)
from tests.unit.outcomes import TLS

CONNECT = PhaseRecord(Phase.CONNECT, 0.01, True)
GREETING = PhaseRecord(Phase.GREETING, 0.2, True, 220)
EHLO = PhaseRecord(Phase.EHLO, 0.03, True, 250)
QUIT = PhaseRecord(Phase.QUIT, 0.04, True, 221, "2.0.0")
CLOSE = PhaseRecord(Phase.CLOSE, 0.05, True)
HANDSHAKE = PhaseRecord(Phase.TLS, 0.02, True)
OFFER = Offer(("PIPELINING", "SIZE"), (), 1000)

CLEAN: dict[str, Any] = {
    "started_at": 1_700_000_000.0,
    "duration": 0.28,
    "phases": (CONNECT, GREETING, EHLO, QUIT, CLOSE),
    "failure": None,
    "close": Close.CLEAN,
    "quit_sent": True,
    "quit_code": 221,
    "banner_first_byte": 0.1,
    "offer": OFFER,
    "starttls_offered": False,
    "address": "192.0.2.1",
}

REFUSED: dict[str, Any] = {
    "started_at": 1_700_000_000.0,
    "duration": 0.01,
    "phases": (PhaseRecord(Phase.CONNECT, 0.01, False),),
    "failure": Failure(Phase.CONNECT, Reason.REFUSED),
    "close": Close.NONE,
    "addresses_failed": 1,
}

UNANSWERED: dict[str, Any] = {
    **CLEAN,
    "phases": (CONNECT, GREETING, EHLO, PhaseRecord(Phase.QUIT, 5.0, False)),
    "failure": Failure(Phase.QUIT, Reason.TIMEOUT),
    "close": Close.TIMEOUT,
    "quit_code": None,
}


def without(phase: Phase) -> tuple[PhaseRecord, ...]:
    """Give the phases of the clean session but one."""
    return tuple(record for record in CLEAN["phases"] if record.phase is not phase)


@pytest.mark.parametrize("session", [CLEAN, REFUSED, UNANSWERED])
def test_possible(session: dict[str, Any]) -> None:
    """What the tests below spoil is a possible session to begin with."""
    assert Outcome(**session).started_at == 1_700_000_000.0


AFTER_221 = frozenset({Close.CLEAN, Close.RESET_AFTER_221, Close.OPEN_AFTER_221})
REFUSED_QUIT: dict[str, Any] = {
    **UNANSWERED,
    "phases": (CONNECT, GREETING, EHLO, QUIT._replace(code=500, status=None)),
    "failure": Failure(Phase.QUIT, Reason.REJECTED),
    "close": Close.OTHER_CODE,
    "quit_code": 500,
}
BUSY_QUIT: dict[str, Any] = {
    **UNANSWERED,
    "phases": (CONNECT, GREETING, EHLO, QUIT._replace(code=421, status=None)),
    "failure": Failure(Phase.QUIT, Reason.UNAVAILABLE),
    "close": Close.CODE_421,
    "quit_code": 421,
}


@pytest.mark.parametrize(
    ("session", "changes", "sentence"),
    [
        pytest.param(
            CLEAN,
            {"phases": (*CLEAN["phases"], EHLO)},
            "recorded twice",
            id="phase twice",
        ),
        pytest.param(CLEAN, {"duration": -0.001}, "negative", id="duration negative"),
        pytest.param(
            CLEAN,
            {"phases": (CONNECT._replace(seconds=-0.001), *CLEAN["phases"][1:])},
            "negative",
            id="phase negative",
        ),
        pytest.param(
            UNANSWERED,
            {"address": None},
            "has an address",
            id="connected, and to no address",
        ),
        pytest.param(
            REFUSED,
            {"address": "192.0.2.1"},
            "has an address",
            id="an address, never connected",
        ),
        pytest.param(
            REFUSED,
            {"phases": (*REFUSED["phases"], GREETING)},
            "reached without a connection",
            id="a greeting of nobody",
        ),
        pytest.param(
            UNANSWERED,
            {"close": Close.NONE},
            "no connection stood",
            id="connected, and close class none",
        ),
        pytest.param(
            REFUSED,
            {"close": Close.ABORTED},
            "no connection stood",
            id="aborted before it began",
        ),
        pytest.param(
            REFUSED,
            {"failure": None},
            "success without a connection",
            id="success without a connection",
        ),
        pytest.param(
            CLEAN,
            {"failure": Failure(Phase.AUTH, Reason.REJECTED)},
            "not reached",
            id="failed in a phase not reached",
        ),
        pytest.param(
            UNANSWERED,
            {"quit_sent": False},
            "was not sent",
            id="timeout of a QUIT never written",
        ),
        pytest.param(
            UNANSWERED,
            {"close": Close.MALFORMED, "quit_sent": False},
            "was not sent",
            id="malformed answer to a QUIT never written",
        ),
        pytest.param(
            CLEAN,
            {"quit_sent": False},
            "was not sent",
            id="221 to a QUIT never written",
        ),
        pytest.param(
            REFUSED_QUIT,
            {"quit_sent": False},
            "was not sent",
            id="500 to a QUIT never written",
        ),
        pytest.param(
            BUSY_QUIT,
            {"quit_sent": False},
            "was not sent",
            id="421 to a QUIT never written",
        ),
        pytest.param(
            CLEAN,
            {"phases": (CONNECT, GREETING, EHLO)},
            "not that of phase quit",
            id="an answer in no phase",
        ),
        pytest.param(
            UNANSWERED,
            {"phases": (CONNECT, GREETING, EHLO, QUIT)},
            "not that of phase quit",
            id="phase quit with a code that answered nothing",
        ),
        pytest.param(
            UNANSWERED,
            {"close": Close.UNSOLICITED_221},
            "nobody saw",
            id="unsolicited_221 that nobody saw",
        ),
        pytest.param(
            UNANSWERED,
            {"phases": (*UNANSWERED["phases"], CLOSE)},
            "phase close without a 221",
            id="phase close without a 221",
        ),
        pytest.param(
            CLEAN,
            {"phases": without(Phase.GREETING)},
            "not waited for",
            id="a first byte without a greeting",
        ),
        pytest.param(
            CLEAN,
            {"phases": without(Phase.EHLO)},
            "complete reply to EHLO",
            id="extensions without EHLO",
        ),
        pytest.param(
            CLEAN,
            {"phases": (*without(Phase.EHLO), EHLO._replace(completed=False))},
            "complete reply to EHLO",
            id="extensions of an incomplete EHLO",
        ),
        pytest.param(
            CLEAN,
            {"resolved": ((Family.IPV4, 1),)},
            "without an answer in phase dns",
            id="resolved without dns",
        ),
        pytest.param(
            CLEAN,
            {
                "resolved": ((Family.IPV4, 1),),
                "phases": (PhaseRecord(Phase.DNS, 5.0, False), *CLEAN["phases"]),
            },
            "without an answer in phase dns",
            id="resolved without an answer",
        ),
        pytest.param(
            CLEAN,
            {"tls": TLS},
            "without a completed handshake",
            id="TLS without its phase",
        ),
        pytest.param(
            CLEAN,
            {
                "tls": TLS,
                "phases": (
                    CONNECT,
                    HANDSHAKE._replace(completed=False),
                    *CLEAN["phases"][1:],
                ),
            },
            "without a completed handshake",
            id="TLS without the end of its handshake",
        ),
        pytest.param(
            CLEAN,
            {"tls_close_notify": False},
            "close_notify without TLS",
            id="no close_notify, in the clear",
        ),
    ],
)
def test_contradiction(
    session: dict[str, Any], changes: dict[str, Any], sentence: str
) -> None:
    """Facts that exclude each other are refused, by a sentence that says which."""
    with pytest.raises(Contradiction, match=sentence):
        Outcome(**(session | changes))


@pytest.mark.parametrize(
    ("session", "allowed"),
    [
        pytest.param(CLEAN, AFTER_221, id="221"),
        pytest.param(REFUSED_QUIT, {Close.OTHER_CODE}, id="500"),
        pytest.param(BUSY_QUIT, {Close.CODE_421}, id="421"),
        pytest.param(
            UNANSWERED,
            {*Close} - AFTER_221 - {Close.OTHER_CODE, Close.NONE},
            id="no answer",
        ),
    ],
)
@pytest.mark.parametrize("close", Close)
def test_close_class(
    session: dict[str, Any], allowed: set[Close], close: Close
) -> None:
    """A code that answered QUIT allows its own close classes and no others."""
    seen = {"close": close, "unsolicited": (Unsolicited.CODE_221,)}
    if close in allowed:
        assert Outcome(**(session | seen)).close is close
    else:
        with pytest.raises(Contradiction, match="close class"):
            Outcome(**(session | seen))


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("reason", Reason)
def test_failure(phase: Phase, reason: Reason) -> None:
    """A failure is refused exactly where the vocabulary does not have the pair."""
    if phase in reason.phases:
        assert str(Failure(phase, reason)) == f"{phase.value}_{reason.value}"
    else:
        with pytest.raises(Contradiction, match="cannot happen in phase"):
            Failure(phase, reason)


@pytest.mark.parametrize(
    ("phase", "reason"),
    [
        (Phase.STARTTLS, Reason.NOT_OFFERED),
        (Phase.AUTH, Reason.TLS_REQUIRED),
        (Phase.RCPT, Reason.INTERNAL_ERROR),
    ],
)
def test_failure_before_the_phase(phase: Phase, reason: Reason) -> None:
    """What was found out before anything was written needs no record of its phase."""
    outcome = Outcome(**CLEAN | {"failure": Failure(phase, reason)})

    assert outcome.record(phase) is None
    assert not outcome.success


@pytest.mark.parametrize(
    "close", [Close.CLEAN, Close.RESET_AFTER_221, Close.OPEN_AFTER_221]
)
def test_goodbye(close: Close) -> None:
    """A 221 is acknowledged whatever TCP did next; only a clean close is graceful."""
    outcome = Outcome(**CLEAN | {"close": close})

    assert outcome.success
    assert outcome.quit_acknowledged
    assert outcome.graceful is (close is Close.CLEAN)


def test_no_goodbye() -> None:
    """Without an answer to QUIT nothing is acknowledged and nothing graceful."""
    outcome = Outcome(**UNANSWERED)

    assert not outcome.success
    assert not outcome.quit_acknowledged
    assert not outcome.graceful


def test_records() -> None:
    """A phase's record and code are found; a phase not reached has neither."""
    outcome = Outcome(**CLEAN)

    assert outcome.record(Phase.QUIT) is QUIT
    assert outcome.code(Phase.EHLO) == 250
    assert outcome.code(Phase.CONNECT) is None
    assert outcome.record(Phase.AUTH) is None
    assert outcome.code(Phase.AUTH) is None


def test_end() -> None:
    """A probe ended its duration after it started."""
    assert Outcome(**CLEAN).ended_at == pytest.approx(1_700_000_000.28)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (220, ReplyClass.POSITIVE),
        (200, ReplyClass.POSITIVE),
        (354, ReplyClass.INTERMEDIATE),
        (421, ReplyClass.TRANSIENT),
        (599, ReplyClass.PERMANENT),
        (None, None),
    ],
)
def test_banner(code: int | None, expected: ReplyClass | None) -> None:
    """A greeting is present when it has a code, and its class is the first digit."""
    greeting = GREETING._replace(code=code, completed=code is not None)
    phases = (CONNECT, greeting, EHLO, QUIT, CLOSE)
    outcome = Outcome(**CLEAN | {"phases": phases})

    assert outcome.banner_present is (code is not None)
    assert outcome.banner_class is expected


def test_no_banner() -> None:
    """A server that was never reached has no banner."""
    outcome = Outcome(**REFUSED)

    assert not outcome.banner_present
    assert outcome.banner_class is None


def test_frozen() -> None:
    """An outcome cannot be changed, and two of the same facts are equal."""
    outcome = Outcome(**CLEAN)

    with pytest.raises(dataclasses.FrozenInstanceError):
        outcome.close = Close.ABORTED  # type: ignore[misc]  # the point of the test
    assert outcome == Outcome(**CLEAN)


def test_everything_at_once() -> None:
    """All the facts of a rich session stand together."""
    dns = PhaseRecord(Phase.DNS, 0.002, True)
    hold = PhaseRecord(Phase.HOLD, 1.5, False)
    outcome = Outcome(
        started_at=1.0,
        duration=2.0,
        phases=(dns, CONNECT, GREETING, hold),
        failure=Failure(Phase.HOLD, Reason.UNSOLICITED_221),
        close=Close.UNSOLICITED_221,
        banner_first_byte=0.0,
        quirks=frozenset({Quirk.BARE_LF}),
        unsolicited=(Unsolicited.CODE_221,),
        address="2001:db8::1",
        resolved=((Family.IPV4, 1), (Family.IPV6, 2)),
        addresses_failed=1,
        tcp=TcpFacts(0.0005, 0),
        transcript=(Said(0.1, Phase.GREETING, Speaker.SERVER, "220 mx"),),
    )

    assert str(outcome.failure) == "hold_unsolicited_221"


@pytest.mark.parametrize("close_notify", [True, False, None])
def test_everything_of_tls_at_once(close_notify: bool | None) -> None:
    """A session inside TLS has its facts beside those of DANE and MTA-STS."""
    phases = (CONNECT, HANDSHAKE, *CLEAN["phases"][1:])
    outcome = Outcome(
        **CLEAN
        | {
            "phases": phases,
            "tls": TLS,
            "tls_close_notify": close_notify,
            "dane": DaneFacts(secure=True, usable=1, unusable=0, verified=True),
            "sts": StsFacts(StsMode.ENFORCE, 1_700_604_800.0, verified=True),
        }
    )

    assert outcome.success
