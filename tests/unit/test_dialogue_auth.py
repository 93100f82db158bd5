"""The conversation behind EHLO: AUTH, MAIL and RCPT, and what a module expects."""

import base64
from dataclasses import replace

import pytest

from exporter.outcome import Failure
from exporter.smtp.command import MAX_COMMAND_OCTETS
from exporter.targets import Auth, Expect, Mail, Module, SecretSource
from exporter.vocabulary import Mechanism, Phase, Protocol, Quirk, Reason
from tests.unit.test_dialogue import BYE, EHL, GRT, NO, failure_of, held

AUTH = Auth(
    mechanism=Mechanism.PLAIN,
    username="u",
    password=SecretSource(env="UNUSED"),
    allow_plaintext=True,
)
A = Module(name="a", auth=AUTH)
R = Module(name="r", mail=Mail(sender="", recipient="probe@mx.test"))
EHA = b"250-mx.test\r\n250 AUTH PLAIN LOGIN CRAM-MD5 XOAUTH2\r\n"
OK = b"250 2.1.0 ok\r\n"
YES = b"235 2.7.0 ok\r\n"
PLAIN = base64.b64encode(b"\0u\0hunter2")


def auth(**changes: object) -> Module:
    """Change how the module authenticates."""
    return replace(A, auth=replace(AUTH, **changes))  # type: ignore[arg-type]  # the fields of Auth


def expecting(module: Module, **expect: object) -> Module:
    """Change what the module expects."""
    return replace(module, expect=Expect(**expect))  # type: ignore[arg-type]  # the fields of Expect


def lines(module: Module, *heard: bytes | Reason) -> list[bytes | None]:
    """Hold a conversation for what we said after EHLO."""
    return [step.line for step in held(module, *heard)[0][2:]]


# --- AUTH


def test_plain_with_initial_response() -> None:
    """PLAIN goes with the command, and the transcript is shown a cover."""
    steps, findings = held(A, GRT, EHA, YES, BYE)

    assert steps[2].line == b"AUTH PLAIN " + PLAIN + b"\r\n"
    assert steps[2].shown == b"AUTH PLAIN <secret>"
    assert findings.failure is None


def test_plain_without_initial_response() -> None:
    """Without an initial response the server asks for it first."""
    module = auth(initial_response=False)
    steps, findings = held(module, GRT, EHA, b"334 \r\n", YES, BYE)

    assert [s.line for s in steps[2:4]] == [b"AUTH PLAIN\r\n", PLAIN + b"\r\n"]
    assert steps[3].shown == b"<secret>"
    assert findings.failure is None


def test_no_room_for_an_initial_response() -> None:
    """A command line of over 512 octets carries no initial response (RFC 4954 4)."""
    said = lines(auth(username="u" * 400), GRT, EHA, b"334 \r\n", YES, BYE)

    assert said[0] == b"AUTH PLAIN\r\n"
    assert said[1] is not None
    assert len(said[1]) > MAX_COMMAND_OCTETS


def test_login() -> None:
    """LOGIN answers two challenges."""
    said = lines(
        auth(mechanism=Mechanism.LOGIN),
        *(GRT, EHA, b"334 VXNlcm5hbWU6\r\n", b"334 UGFzc3dvcmQ6\r\n", YES, BYE),
    )

    assert said[:3] == [b"AUTH LOGIN\r\n", b"dQ==\r\n", b"aHVudGVyMg==\r\n"]


def test_xoauth2_refused() -> None:
    """An error in JSON is answered by an empty line, and the code behind it counts."""
    module = auth(mechanism=Mechanism.XOAUTH2)
    heard = (GRT, EHA, b"334 eyJzdGF0dXMiOiI0MDEifQ==\r\n", b"535 5.7.8 no\r\n", BYE)

    assert lines(module, *heard)[1] == b"\r\n"
    assert failure_of(module, *heard) == Failure(Phase.AUTH, Reason.REJECTED)


@pytest.mark.parametrize(
    ("module", "offer", "reason"),
    [
        (auth(allow_plaintext=False), EHA, Reason.TLS_REQUIRED),
        (auth(allow_plaintext=False), EHL, Reason.TLS_REQUIRED),
        (A, EHL, Reason.NOT_OFFERED),
        (A, b"250-mx\r\n250 AUTH CRAM-MD5\r\n", Reason.NOT_OFFERED),
    ],
)
def test_nothing_sent(module: Module, offer: bytes, reason: Reason) -> None:
    """What cannot be done safely, or was not offered, is not begun."""
    steps, findings = held(module, GRT, offer, BYE)

    assert [s.phase for s in steps] == [Phase.GREETING, Phase.EHLO, Phase.QUIT]
    assert findings.failure == Failure(Phase.AUTH, reason)


def test_helo_offers_no_auth() -> None:
    """Who says HELO was offered nothing, so AUTH is not begun."""
    assert failure_of(A, GRT, NO, b"250 mx\r\n", BYE) == Failure(
        Phase.AUTH, Reason.NOT_OFFERED
    )


def test_oldstyle() -> None:
    """A mechanism offered as `AUTH=` is offered, with a quirk."""
    _, findings = held(A, GRT, b"250-mx\r\n250 AUTH=PLAIN\r\n", YES, BYE)

    assert findings.failure is None
    assert findings.quirks == {Quirk.AUTH_OLDSTYLE}


@pytest.mark.parametrize(
    "challenge", [b"334 \r\n", b"334 more\r\n", b"334 !\r\n", b"334-a\r\n334 b\r\n"]
)
def test_a_challenge_too_many(challenge: bytes) -> None:
    """A challenge that PLAIN does not expect is cancelled before QUIT."""
    heard = (GRT, EHA, challenge, b"501 cancelled\r\n", BYE)

    assert lines(A, *heard)[1] == b"*\r\n"
    assert failure_of(A, *heard) == Failure(Phase.AUTH, Reason.UNEXPECTED_CODE)


def test_a_challenge_that_is_no_base64() -> None:
    """A challenge that cannot be read is cancelled, also the first one."""
    module = auth(mechanism=Mechanism.CRAM_MD5)
    heard = (GRT, EHA, b"334 !!!\r\n", b"501 ok\r\n", BYE)

    assert lines(module, *heard)[:2] == [b"AUTH CRAM-MD5\r\n", b"*\r\n"]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"421 4.7.0 bye\r\n", Reason.UNAVAILABLE),
        (b"334 \r\n", Reason.UNEXPECTED_CODE),
        (b"235 what\r\n", Reason.UNEXPECTED_CODE),
    ],
)
def test_answers_to_a_cancel(answer: bytes, reason: Reason) -> None:
    """Whatever answers a cancelled AUTH, it did not succeed."""
    failure = failure_of(A, GRT, EHA, b"334 \r\n", answer, BYE)

    assert failure == Failure(Phase.AUTH, reason)


REFUSALS = [
    (b"535 5.7.8 bad\r\n", Reason.REJECTED),
    (b"432 4.7.12 transition\r\n", Reason.DEFERRED),
    (b"421 4.7.0 too many\r\n", Reason.UNAVAILABLE),
    (b"250 ok\r\n", Reason.UNEXPECTED_CODE),
]


@pytest.mark.parametrize(("reply", "reason"), REFUSALS)
def test_refused(reply: bytes, reason: Reason) -> None:
    """A refused AUTH is tried once, and QUIT follows."""
    assert failure_of(A, GRT, EHA, reply, BYE) == Failure(Phase.AUTH, reason)


# --- MAIL and RCPT


def test_envelope() -> None:
    """An envelope is offered with a null sender and left by QUIT, without DATA."""
    said = lines(R, GRT, EHL, OK, OK, BYE)

    assert said == [b"MAIL FROM:<>\r\n", b"RCPT TO:<probe@mx.test>\r\n", b"QUIT\r\n"]


def test_envelope_behind_auth() -> None:
    """AUTH comes before MAIL, and a refused one keeps MAIL from being said."""
    module = replace(R, auth=AUTH)

    assert len(lines(module, GRT, EHA, YES, OK, OK, BYE)) == 4
    failure = failure_of(module, GRT, EHA, b"535 no\r\n", BYE)
    assert failure == Failure(Phase.AUTH, Reason.REJECTED)


@pytest.mark.parametrize("phase", [Phase.MAIL, Phase.RCPT])
@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (b"550 5.1.1 no\r\n", Reason.REJECTED),
        (b"450 4.2.0 later\r\n", Reason.DEFERRED),
        (b"421 4.7.0 bye\r\n", Reason.UNAVAILABLE),
        (b"354 go\r\n", Reason.UNEXPECTED_CODE),
    ],
)
def test_envelope_refused(phase: Phase, reply: bytes, reason: Reason) -> None:
    """A refused MAIL or RCPT is a failure of that phase, and QUIT follows."""
    before = (OK,) if phase is Phase.RCPT else ()

    assert failure_of(R, GRT, EHL, *before, reply, BYE) == Failure(phase, reason)


@pytest.mark.parametrize("code", [250, 251, 252])
def test_recipient_taken(code: int) -> None:
    """Any 2yz takes a recipient (J30)."""
    assert failure_of(R, GRT, EHL, OK, b"%d ok\r\n" % code, BYE) is None


def test_smtputf8() -> None:
    """A non-ASCII mailbox is said in UTF-8 where that is offered, and only there."""
    module = replace(R, mail=Mail(sender="", recipient="caf\u00e9@mx.test"))
    offering = b"250-mx\r\n250 SMTPUTF8\r\n"

    assert lines(module, GRT, offering, OK, OK, BYE)[:2] == [
        b"MAIL FROM:<> SMTPUTF8\r\n",
        "RCPT TO:<caf\u00e9@mx.test>\r\n".encode(),
    ]
    failure = failure_of(module, GRT, EHL, BYE)
    assert failure == Failure(Phase.MAIL, Reason.NOT_OFFERED)


# --- LMTP


def test_lmtp() -> None:
    """LMTP says LHLO, and has no fallback."""
    module = Module(name="lmtp", protocol=Protocol.LMTP)

    steps, findings = held(module, GRT, EHL, BYE)
    assert steps[1].line == b"LHLO [192.0.2.9]\r\n"
    assert findings.failure is None
    assert failure_of(module, GRT, NO, BYE) == Failure(Phase.EHLO, Reason.REJECTED)


# --- what a module expects


@pytest.mark.parametrize(
    ("module", "heard", "failure"),
    [
        (
            expecting(R, reply=((Phase.RCPT, frozenset({550, 554})),)),
            (EHL, OK, b"554 5.7.1 no\r\n"),
            None,
        ),
        (
            expecting(R, reply=((Phase.RCPT, frozenset({550, 554})),)),
            (EHL, OK, OK),
            Failure(Phase.RCPT, Reason.UNEXPECTED_CODE),
        ),
        (
            expecting(R, reply=((Phase.MAIL, frozenset({530})),)),
            (EHL, b"530 5.7.0 no\r\n"),
            None,
        ),
        (
            expecting(A, reply=((Phase.AUTH, frozenset({535})),)),
            (EHA, b"535 5.7.8 no\r\n"),
            None,
        ),
        (
            expecting(A, reply=((Phase.AUTH, frozenset({535})),)),
            (EHA, YES),
            Failure(Phase.AUTH, Reason.UNEXPECTED_CODE),
        ),
        (
            expecting(A, reply=((Phase.EHLO, frozenset({550})),)),
            (b"550-no\r\n550 AUTH PLAIN\r\n",),
            None,
        ),
        (
            expecting(A, reply=((Phase.EHLO, frozenset({550})),)),
            (b"500 no\r\n", b"550 no\r\n"),
            None,
        ),
        (
            expecting(R, extensions=frozenset({"SIZE"})),
            (EHL, OK, OK),
            None,
        ),
        (
            expecting(R, extensions=frozenset({"SIZE", "DSN"})),
            (EHL,),
            Failure(Phase.EHLO, Reason.NOT_OFFERED),
        ),
        (
            expecting(R, extensions_absent=frozenset({"SIZE"})),
            (EHL,),
            Failure(Phase.EHLO, Reason.UNEXPECTED_EXTENSION),
        ),
        (
            expecting(R, extensions_absent=frozenset({"VRFY"})),
            (EHL, OK, OK),
            None,
        ),
    ],
)
def test_expectations(
    module: Module, heard: tuple[bytes, ...], failure: Failure | None
) -> None:
    """A wanted refusal ends the walk as a success; a failed wish fails its phase."""
    assert failure_of(module, GRT, *heard, BYE) == failure


def test_expected_greeting() -> None:
    """A greeting that is wanted and no 2yz goes straight to QUIT."""
    module = expecting(R, greeting=frozenset({554}))

    steps, findings = held(module, b"554 no service here\r\n", BYE)
    assert [s.phase for s in steps] == [Phase.GREETING, Phase.QUIT]
    assert findings.failure is None
    assert failure_of(module, GRT, BYE) == Failure(
        Phase.GREETING, Reason.UNEXPECTED_CODE
    )


def test_expected_banner() -> None:
    """A banner that does not match is a failure of the greeting, and QUIT follows."""
    assert failure_of(expecting(R, banner="ready$"), GRT, EHL, OK, OK, BYE) is None
    assert failure_of(expecting(R, banner="^mail"), GRT, BYE) == Failure(
        Phase.GREETING, Reason.UNEXPECTED_TEXT
    )
