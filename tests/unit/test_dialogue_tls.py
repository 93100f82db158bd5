"""TLS in the conversation, held without a server and without TLS."""

import pytest

from exporter.outcome import Failure, Offer
from exporter.smtp.command import QUIT
from exporter.smtp.dialogue import converse
from exporter.smtp.exchange import Findings, Heard, Interrupted, Step
from exporter.smtp.reply import ReplyReader
from exporter.targets import Auth, Expect, Module, SecretSource
from exporter.vocabulary import (
    Mechanism,
    Phase,
    Quirk,
    Reason,
    TlsMode,
    Unsolicited,
)

REQUIRED = Module(name="required", tls=TlsMode.REQUIRED)
OPPORTUNISTIC = Module(name="opportunistic", tls=TlsMode.OPPORTUNISTIC)
IMPLICIT = Module(name="implicit", tls=TlsMode.IMPLICIT)
BY_STARTTLS = pytest.mark.parametrize("module", [REQUIRED, OPPORTUNISTIC])

GREETING = Step(Phase.GREETING)
EHLO = Step(Phase.EHLO, b"EHLO [192.0.2.9]\r\n")
STARTTLS = Step(Phase.STARTTLS, b"STARTTLS\r\n")
HANDSHAKE = Step(Phase.TLS, encrypt=True)
EHLO_TLS = Step(Phase.EHLO_TLS, b"EHLO [192.0.2.9]\r\n")
HELO_TLS = Step(Phase.EHLO_TLS, b"HELO [192.0.2.9]\r\n")
QUITTING = Step(Phase.QUIT, QUIT)

GRT = b"220 mx.test ESMTP ready\r\n"
EHL = b"250-mx.test\r\n250 8BITMIME\r\n"
EHS = b"250-mx.test\r\n250-STARTTLS\r\n250 SIZE 1000\r\n"
GO = b"220 2.0.0 go ahead\r\n"
BYE = b"221 2.0.0 bye\r\n"

SHAKEN = Heard(None)


def held(
    module: Module, *heard: bytes | Heard | Interrupted
) -> tuple[list[Step], Findings]:
    """Hold a conversation to its end, and be sure that it takes all of `heard`."""
    dialogue = converse(module, "[192.0.2.9]", b"secret")
    steps = [next(dialogue)]
    try:
        for thing in heard:
            if isinstance(thing, Interrupted):
                steps.append(dialogue.throw(thing))
            else:
                steps.append(dialogue.send(_heard(thing)))
    except StopIteration as stop:
        assert len(steps) == len(heard)
        findings: Findings = stop.value
        return steps, findings
    raise AssertionError(f"the conversation waits at {steps[-1]}")


def _heard(thing: bytes | Heard) -> Heard:
    if isinstance(thing, Heard):
        return thing
    reader = ReplyReader()
    reader.feed(thing)
    return Heard(reader.next(), reader.rest)


def failure_of(module: Module, *heard: bytes | Heard | Interrupted) -> Failure | None:
    """Hold a conversation for its verdict."""
    return held(module, *heard)[1].failure


@BY_STARTTLS
def test_starttls(module: Module) -> None:
    """STARTTLS is granted, TLS begun, and EHLO said anew inside it."""
    steps, findings = held(module, GRT, EHS, GO, SHAKEN, EHL, BYE)

    assert steps == [GREETING, EHLO, STARTTLS, HANDSHAKE, EHLO_TLS, QUITTING]
    assert findings.failure is None
    assert findings.encrypted
    assert findings.starttls_offered is True
    assert findings.offer == Offer(("8BITMIME",), (), None)
    assert findings.quirks == set()


def test_implicit() -> None:
    """With implicit TLS the handshake is first, and the greeting inside it."""
    steps, findings = held(IMPLICIT, SHAKEN, GRT, EHL, BYE)

    assert steps == [HANDSHAKE, GREETING, EHLO, QUITTING]
    assert findings.failure is None
    assert findings.starttls_offered is None


def test_not_offered() -> None:
    """Where STARTTLS is required and not offered it is not sent."""
    steps, findings = held(REQUIRED, GRT, EHL, BYE)

    assert steps == [GREETING, EHLO, QUITTING]
    assert findings.failure == Failure(Phase.STARTTLS, Reason.NOT_OFFERED)


@pytest.mark.parametrize("answer", [b"454 4.7.0 no\r\n", b"502 5.5.1 no\r\n"])
def test_not_to_be_had(answer: bytes) -> None:
    """An opportunistic session goes on in the clear, whether refused or not offered."""
    refused = held(OPPORTUNISTIC, GRT, EHS, answer, BYE)
    absent = held(OPPORTUNISTIC, GRT, EHL, BYE)

    assert refused[0] == [GREETING, EHLO, STARTTLS, QUITTING]
    assert absent[0] == [GREETING, EHLO, QUITTING]
    assert refused[1].failure is absent[1].failure is None
    assert refused[1].starttls_offered is True
    assert absent[1].starttls_offered is False


@pytest.mark.parametrize(
    ("module", "answer", "reason"),
    [
        (REQUIRED, b"454 4.7.0 no\r\n", Reason.DEFERRED),
        (REQUIRED, b"502 5.5.1 no\r\n", Reason.REJECTED),
        (REQUIRED, b"250 2.0.0 go\r\n", Reason.UNEXPECTED_CODE),
        (REQUIRED, b"421 4.3.2 no\r\n", Reason.UNAVAILABLE),
        (OPPORTUNISTIC, b"250 2.0.0 go\r\n", Reason.UNEXPECTED_CODE),
        (OPPORTUNISTIC, b"421 4.3.2 no\r\n", Reason.UNAVAILABLE),
    ],
)
def test_refused(module: Module, answer: bytes, reason: Reason) -> None:
    """A refusal that is no option of the module's fails STARTTLS and leads to QUIT."""
    steps, findings = held(module, GRT, EHS, answer, BYE)

    assert steps[-1] == QUITTING
    assert findings.failure == Failure(Phase.STARTTLS, reason)


@BY_STARTTLS
@pytest.mark.parametrize("behind", [b"250 mx\r\n", b"x", b"\0", b"250-AUTH PLAIN"])
def test_injection(module: Module, behind: bytes) -> None:
    """Whatever stands behind the 220 in the clear ends the session, without QUIT."""
    steps, findings = held(module, GRT, EHS, GO + behind)

    assert steps == [GREETING, EHLO, STARTTLS]
    assert findings.failure == Failure(Phase.STARTTLS, Reason.INJECTION)
    assert findings.unsolicited == [Unsolicited.OTHER]
    assert not findings.quit_begun


@pytest.mark.parametrize("reason", [Reason.UNTRUSTED, Reason.DANE_MISMATCH])
def test_refused_server(reason: Reason) -> None:
    """A server that is not who it should be hears QUIT inside TLS and nothing else."""
    refused = Heard(None, refused=reason)
    steps, findings = held(REQUIRED, GRT, EHS, GO, refused, BYE)

    assert steps == [GREETING, EHLO, STARTTLS, HANDSHAKE, QUITTING]
    assert findings.failure == Failure(Phase.TLS, reason)
    assert findings.quit_code == 221


def test_refused_server_with_implicit_tls() -> None:
    """Its greeting is awaited before QUIT, and no failure behind hides the first."""
    refused = Heard(None, refused=Reason.CERT_EXPIRED)
    expired = Failure(Phase.TLS, Reason.CERT_EXPIRED)
    steps, findings = held(IMPLICIT, refused, GRT, BYE)
    broken = held(IMPLICIT, refused, Interrupted(Reason.EOF))[1]
    rejected = held(IMPLICIT, refused, b"554 5.7.1 no\r\n", BYE)[1]

    assert steps == [HANDSHAKE, GREETING, QUITTING]
    assert findings.failure == broken.failure == rejected.failure == expired
    assert broken.left_by is Reason.EOF


@pytest.mark.parametrize("reason", [Reason.HANDSHAKE, Reason.TIMEOUT])
def test_no_handshake(reason: Reason) -> None:
    """A handshake that fails ends the session: nothing in the clear follows it."""
    steps, findings = held(OPPORTUNISTIC, GRT, EHS, GO, Interrupted(reason))

    assert steps[-1] == HANDSHAKE
    assert findings.failure == Failure(Phase.TLS, reason)
    assert not findings.encrypted


def test_late_alert() -> None:
    """A refusal of the handshake that comes with the first reply is the handshake's."""
    late = Interrupted(Reason.HANDSHAKE, phase=Phase.TLS)
    findings = held(IMPLICIT, SHAKEN, late)[1]

    assert findings.failure == Failure(Phase.TLS, Reason.HANDSHAKE)


def test_readvertised() -> None:
    """STARTTLS offered inside TLS is a quirk, and not sent again."""
    steps, findings = held(REQUIRED, GRT, EHS, GO, SHAKEN, EHS, BYE)

    assert steps.count(STARTTLS) == 1
    assert findings.quirks == {Quirk.STARTTLS_READVERTISED}
    assert held(IMPLICIT, SHAKEN, GRT, EHS, BYE)[1].quirks == findings.quirks


def test_said_before_ehlo() -> None:
    """A reply that waits inside TLS before EHLO is said is not taken for its answer."""
    forged = Heard(None, b"250-mx.test\r\n250 AUTH PLAIN\r\n")
    steps, findings = held(REQUIRED, GRT, EHS, GO, SHAKEN, forged)

    assert steps[-1] == EHLO_TLS
    assert findings.failure == Failure(Phase.EHLO_TLS, Reason.UNSOLICITED_REPLY)
    assert findings.offer == Offer(("STARTTLS", "SIZE"), (), 1000)


def test_goodbye_before_ehlo() -> None:
    """A 421 that waits inside TLS is unavailability, and QUIT still follows."""
    farewell = Heard(None, b"421 4.3.2 mx.test down\r\n")
    steps, findings = held(REQUIRED, GRT, EHS, GO, SHAKEN, farewell, BYE)

    assert steps[-1] == QUITTING
    assert findings.failure == Failure(Phase.EHLO_TLS, Reason.UNAVAILABLE)


def test_helo_inside_tls() -> None:
    """EHLO that is refused inside TLS falls back to HELO, as outside."""
    steps, findings = held(
        REQUIRED, GRT, EHS, GO, SHAKEN, b"502 no\r\n", b"250 mx.test\r\n", BYE
    )

    assert steps[-2] == HELO_TLS
    assert findings.failure is None
    assert findings.quirks == {Quirk.EHLO_FALLBACK}


AUTH = Auth(
    mechanism=Mechanism.PLAIN, username="u", password=SecretSource(env="SECRET")
)
EHA = b"250-mx.test\r\n250 AUTH PLAIN\r\n"


@pytest.mark.parametrize("tls", [TlsMode.REQUIRED, TlsMode.OPPORTUNISTIC])
def test_auth_inside_tls(tls: TlsMode) -> None:
    """Inside TLS a secret may be sent without being allowed in the clear."""
    module = Module(name="a", tls=tls, auth=AUTH)
    steps, findings = held(module, GRT, EHS, GO, SHAKEN, EHA, b"235 ok\r\n", BYE)

    assert steps[-2].phase is Phase.AUTH
    assert findings.failure is None


def test_auth_without_tls() -> None:
    """An opportunistic session without TLS sends no secret."""
    module = Module(name="a", tls=TlsMode.OPPORTUNISTIC, auth=AUTH)

    assert failure_of(module, GRT, EHA, BYE) == Failure(Phase.AUTH, Reason.TLS_REQUIRED)


def test_auth_offered_before_tls_only() -> None:
    """What was offered before TLS does not count inside it (RFC 3207 section 4.2)."""
    module = Module(name="a", tls=TlsMode.REQUIRED, auth=AUTH)
    before = b"250-mx.test\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n"

    failure = failure_of(module, GRT, before, GO, SHAKEN, EHL, BYE)

    assert failure == Failure(Phase.AUTH, Reason.NOT_OFFERED)


def _expecting(tls: TlsMode, present: str = "", absent: str = "") -> Module:
    expect = Expect(
        extensions=frozenset(present.split()),
        extensions_absent=frozenset(absent.split()),
    )
    return Module(name="x", tls=tls, expect=expect)


def test_expected_extensions() -> None:
    """STARTTLS is looked for before TLS, and everything else in the last EHLO."""
    required = _expecting(TlsMode.REQUIRED, "STARTTLS 8BITMIME", "SIZE")
    encrypted = (GRT, EHS, GO, SHAKEN, EHL, BYE)

    assert failure_of(required, *encrypted) is None
    assert failure_of(_expecting(TlsMode.REQUIRED, "SIZE"), *encrypted) == Failure(
        Phase.EHLO_TLS, Reason.NOT_OFFERED
    )
    assert failure_of(
        _expecting(TlsMode.REQUIRED, absent="8BITMIME"), *encrypted
    ) == Failure(Phase.EHLO_TLS, Reason.UNEXPECTED_EXTENSION)


def test_expected_extensions_in_the_clear() -> None:
    """Without TLS the first EHLO is the last, and STARTTLS may be wanted or not."""
    wanted = _expecting(TlsMode.OPPORTUNISTIC, "STARTTLS")
    unwanted = _expecting(TlsMode.OPPORTUNISTIC, absent="STARTTLS")
    other = _expecting(TlsMode.OPPORTUNISTIC, "SIZE")

    assert failure_of(wanted, GRT, EHL, BYE) == Failure(Phase.EHLO, Reason.NOT_OFFERED)
    assert failure_of(unwanted, GRT, EHS, BYE) == Failure(
        Phase.EHLO, Reason.UNEXPECTED_EXTENSION
    )
    assert failure_of(other, GRT, EHL, BYE) == Failure(Phase.EHLO, Reason.NOT_OFFERED)
