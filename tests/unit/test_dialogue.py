"""The conversation, held without a server: a list of what is heard is enough."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.outcome import Failure, Offer
from exporter.smtp.command import QUIT
from exporter.smtp.dialogue import GOODBYE, PERMANENT, POSITIVE, converse
from exporter.smtp.exchange import Findings, Heard, Interrupted, Step, refusal
from exporter.smtp.reply import ReplyReader
from exporter.targets import Expect, Module
from exporter.vocabulary import Phase, Quirk, QuitPolicy, Reason, Unsolicited

BANNER = Module(name="banner", ehlo=False)
MX = Module(name="mx")
HOLD = Module(name="hold", ehlo=False, hold=1.5)
OWN_NAME = "[192.0.2.9]"
SECRET = b"hunter2"

GRT = b"220 mx.test ESMTP ready\r\n"
EHL = b"250-mx.test\r\n250-SIZE 1000\r\n250 8BITMIME\r\n"
BYE = b"221 2.0.0 bye\r\n"
NO = b"500 5.5.1 what\r\n"
QUIET = b""

GREETING = Step(Phase.GREETING)
HOLDING = Step(Phase.HOLD, idle=1.5)
EHLO = Step(Phase.EHLO, b"EHLO [192.0.2.9]\r\n")
HELO = Step(Phase.EHLO, b"HELO [192.0.2.9]\r\n")
QUITTING = Step(Phase.QUIT, QUIT)

# What may keep a step from being finished, whatever it waits for.
BREAKS = (
    Reason.TIMEOUT,
    Reason.DEADLINE,
    Reason.EOF,
    Reason.RESET,
    Reason.PROTOCOL_ERROR,
    Reason.REPLY_TOO_LONG,
    Reason.INTERNAL_ERROR,
)


def heard_by(step: Step, octets: bytes) -> Heard:
    """Make of octets what the carrier would: the reply that is owed, and the rest."""
    if step.idle is not None:
        return Heard(None, octets)
    reader = ReplyReader()
    reader.feed(octets)
    reply = reader.next()
    assert reply is not None, f"{octets!r} is no reply to {step}"
    return Heard(reply, reader.rest)


def held_at_most(
    module: Module, heard: Iterable[bytes | Reason]
) -> tuple[list[Step], Findings]:
    """Hold a conversation to its end, however little of `heard` that takes."""
    dialogue = converse(module, OWN_NAME, SECRET)
    steps = [next(dialogue)]
    try:
        for thing in heard:
            if isinstance(thing, Reason):
                step = dialogue.throw(Interrupted(thing))
            else:
                step = dialogue.send(heard_by(steps[-1], thing))
            steps.append(step)
    except StopIteration as stop:
        findings: Findings = stop.value
        return steps, findings
    raise AssertionError(f"the conversation waits at {steps[-1]}")


def held(module: Module, *heard: bytes | Reason) -> tuple[list[Step], Findings]:
    """Hold a conversation: octets are heard, a reason interrupts the step."""
    steps, findings = held_at_most(module, heard)
    assert len(steps) == len(heard), "the conversation ended before all was heard"
    return steps, findings


def failure_of(module: Module, *heard: bytes | Reason) -> Failure | None:
    """Hold a conversation for its verdict."""
    return held(module, *heard)[1].failure


# --- when all is well


def test_banner_only() -> None:
    """Without EHLO a session is the greeting and QUIT."""
    steps, findings = held(BANNER, GRT, BYE)

    assert steps == [GREETING, QUITTING]
    assert findings == Findings(quit_begun=True, quit_code=221)


def test_ehlo() -> None:
    """A session greets, says EHLO by the socket's own address, and quits."""
    steps, findings = held(MX, GRT, EHL, BYE)

    assert steps == [GREETING, EHLO, QUITTING]
    assert findings == Findings(
        quit_begun=True,
        quit_code=221,
        offer=Offer(("SIZE", "8BITMIME"), (), 1000),
        starttls_offered=False,
    )


def test_ehlo_name() -> None:
    """EHLO and HELO say the name that the module was given."""
    module = Module(name="named", ehlo_name="probe.example.com")
    steps, _ = held(module, GRT, NO, EHL, BYE)

    assert [step.line for step in steps] == [
        None,
        b"EHLO probe.example.com\r\n",
        b"HELO probe.example.com\r\n",
        QUIT,
    ]


def test_hold() -> None:
    """A silent hold comes between the greeting and what follows it."""
    module = Module(name="both", hold=1.5)
    steps, findings = held(module, GRT, QUIET, EHL, BYE)

    assert steps == [GREETING, HOLDING, EHLO, QUITTING]
    assert findings.failure is None


@pytest.mark.parametrize("offered", [b"STARTTLS", b"starttls"])
def test_starttls_offered(offered: bytes) -> None:
    """STARTTLS is offered by a keyword line of the EHLO reply."""
    _, findings = held(MX, GRT, b"250-mx\r\n250 " + offered + b"\r\n", BYE)

    assert findings.starttls_offered is True


def test_first_line_offers_nothing() -> None:
    """STARTTLS as the server's name is not STARTTLS offered."""
    _, findings = held(MX, GRT, b"250 STARTTLS\r\n", BYE)

    assert findings.starttls_offered is False
    assert findings.offer == Offer((), (), None)


def test_starttls_behind_many_keywords() -> None:
    """STARTTLS is offered however many keywords stand before it."""
    many = b"".join(b"250-X%d\r\n" % number for number in range(64))
    _, findings = held(MX, GRT, b"250-mx\r\n" + many + b"250 STARTTLS\r\n", BYE)

    assert findings.starttls_offered is True


def test_no_ehlo_offers_nothing() -> None:
    """Where EHLO was not asked, nothing is said of what is offered."""
    _, findings = held(BANNER, GRT, BYE)

    assert findings.offer is None
    assert findings.starttls_offered is None


# --- codes

REFUSALS = {
    b"421 a\r\n": Reason.UNAVAILABLE,
    b"450 a\r\n": Reason.DEFERRED,
    b"451 a\r\n": Reason.DEFERRED,
    b"400 a\r\n": Reason.DEFERRED,
    b"499 a\r\n": Reason.DEFERRED,
    b"500 a\r\n": Reason.REJECTED,
    b"521 a\r\n": Reason.REJECTED,
    b"554 a\r\n": Reason.REJECTED,
    b"571 a\r\n": Reason.REJECTED,
    b"599 a\r\n": Reason.REJECTED,
    b"300 a\r\n": Reason.UNEXPECTED_CODE,
    b"334 a\r\n": Reason.UNEXPECTED_CODE,
    b"354 a\r\n": Reason.UNEXPECTED_CODE,
}


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        *REFUSALS.items(),
        (b"200 news ready\r\n", Reason.UNEXPECTED_CODE),
        (b"250 a\r\n", Reason.UNEXPECTED_CODE),
        (b"211 a\r\n", Reason.UNEXPECTED_CODE),
    ],
)
def test_greeting_codes(reply: bytes, reason: Reason) -> None:
    """A greeting other than 220 fails, EHLO is not said, and QUIT still is."""
    steps, findings = held(MX, reply, BYE)

    assert steps == [GREETING, QUITTING]
    assert findings.failure == Failure(Phase.GREETING, reason)
    assert findings.quit_code == 221
    assert findings.unsolicited == []


@pytest.mark.parametrize("reply", [c for c in REFUSALS if c[:1] != b"5"])
def test_ehlo_codes(reply: bytes) -> None:
    """An EHLO reply of neither 2yz nor 5yz fails without HELO, and QUIT is said."""
    steps, findings = held(MX, GRT, reply, BYE)

    assert steps == [GREETING, EHLO, QUITTING]
    assert findings.failure == Failure(Phase.EHLO, REFUSALS[reply])
    assert findings.offer is None
    assert findings.quirks == set()
    assert findings.quit_code == 221


@pytest.mark.parametrize("reply", REFUSALS)
def test_helo_codes(reply: bytes) -> None:
    """A HELO reply that is not 2yz fails the phase of EHLO, and QUIT is said."""
    steps, findings = held(MX, GRT, NO, reply, BYE)

    assert steps == [GREETING, EHLO, HELO, QUITTING]
    assert findings.failure == Failure(Phase.EHLO, REFUSALS[reply])
    assert findings.offer is None
    assert findings.quirks == {Quirk.EHLO_FALLBACK}


@pytest.mark.parametrize("reply", [c for c in REFUSALS if c[:1] == b"5"])
def test_fallback(reply: bytes) -> None:
    """Any 5yz to EHLO is followed by HELO, which is enough for success."""
    steps, findings = held(MX, GRT, reply, b"250 mx.test\r\n", BYE)

    assert steps == [GREETING, EHLO, HELO, QUITTING]
    assert findings.failure is None
    assert findings.quirks == {Quirk.EHLO_FALLBACK}


def test_helo_offers_nothing() -> None:
    """Keyword lines in the reply to HELO count for nothing."""
    _, findings = held(
        MX, GRT, NO, b"250-mx\r\n250-AUTH=LOGIN\r\n250 STARTTLS\r\n", BYE
    )

    assert findings.offer == Offer((), (), None)
    assert findings.starttls_offered is False
    assert findings.quirks == {Quirk.EHLO_FALLBACK}


@pytest.mark.parametrize("code", [200, 211, 220, 250, 251, 252, 299])
def test_any_positive_code_answers_ehlo(code: int) -> None:
    """EHLO is answered by any 2yz but 221."""
    assert failure_of(MX, GRT, b"%d mx\r\n" % code, BYE) is None


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        *REFUSALS.items(),
        (b"250 a\r\n", Reason.UNEXPECTED_CODE),
        (b"220 a\r\n", Reason.UNEXPECTED_CODE),
    ],
)
def test_quit_codes(reply: bytes, reason: Reason) -> None:
    """Any answer to QUIT but 221 fails, and its code is kept."""
    _, findings = held(BANNER, GRT, reply)

    assert findings.failure == Failure(Phase.QUIT, reason)
    assert findings.quit_code == int(reply[:3])
    assert findings.quit_broken is None
    assert findings.unsolicited == []


@pytest.mark.parametrize("code", range(200, 600))
def test_refusal(code: int) -> None:
    """A code that is not expected has one reason, by itself or by its first digit."""
    whole = {221: Reason.UNSOLICITED_221, 421: Reason.UNAVAILABLE}
    by_digit = {4: Reason.DEFERRED, 5: Reason.REJECTED}
    reason = whole.get(code, by_digit.get(code // 100, Reason.UNEXPECTED_CODE))

    assert refusal(code, frozenset()) is reason
    assert refusal(code, frozenset({code})) is None


def test_expected_codes() -> None:
    """Steps expect what RFC 5321 section 4.3.2 and J7 say."""
    assert Expect().greeting == {220}
    assert {221} == GOODBYE
    assert {*range(200, 300)} - {221} == POSITIVE
    assert {*range(500, 600)} == PERMANENT


# --- 221 and 421 where nobody asked


def test_221_as_greeting() -> None:
    """A 221 greeting is a complete greeting, unsolicited, and the end of it."""
    steps, findings = held(MX, BYE)

    assert steps == [GREETING]
    assert findings.failure == Failure(Phase.GREETING, Reason.UNSOLICITED_221)
    assert findings.unsolicited == [Unsolicited.CODE_221]
    assert not findings.quit_begun


@pytest.mark.parametrize("before", [(GRT,), (GRT, NO)], ids=["EHLO", "HELO"])
def test_221_in_answer_to_ehlo(before: tuple[bytes, ...]) -> None:
    """A 221 that answers EHLO or HELO is unsolicited, and QUIT is not exchanged."""
    steps, findings = held(MX, *before, BYE)

    assert QUITTING not in steps
    assert findings.failure == Failure(Phase.EHLO, Reason.UNSOLICITED_221)
    assert findings.unsolicited == [Unsolicited.CODE_221]


@pytest.mark.parametrize("before", [(), (GRT,), (GRT, NO)])
def test_421_in_answer(before: tuple[bytes, ...]) -> None:
    """A 421 in a reply's place is no unsolicited one; QUIT is said after it."""
    steps, findings = held(MX, *before, b"421 4.3.2 busy\r\n", BYE)

    assert steps[-1] == QUITTING
    assert findings.failure == Failure(steps[-2].phase, Reason.UNAVAILABLE)
    assert findings.unsolicited == []
    assert findings.unavailable


# --- surplus

SURPLUS = {
    "whole": (b"250 extra\r\n", Reason.UNSOLICITED_REPLY, Unsolicited.OTHER),
    "4yz": (b"451 timeout\r\n", Reason.UNSOLICITED_REPLY, Unsolicited.OTHER),
    "partial": (b"2", Reason.UNSOLICITED_REPLY, Unsolicited.OTHER),
    "garbage": (b"\x00", Reason.UNSOLICITED_REPLY, Unsolicited.OTHER),
    "line end": (b"\r\n", Reason.UNSOLICITED_REPLY, Unsolicited.OTHER),
    "221": (BYE, Reason.UNSOLICITED_221, Unsolicited.CODE_221),
    "221 alone": (b"221\n", Reason.UNSOLICITED_221, Unsolicited.CODE_221),
    "221 and more": (BYE + b"x", Reason.UNSOLICITED_221, Unsolicited.CODE_221),
    "221 of lines": (
        b"221-a\r\n221 b\r\n",
        Reason.UNSOLICITED_221,
        Unsolicited.CODE_221,
    ),
    "partial 221": (b"221 bye", Reason.UNSOLICITED_REPLY, Unsolicited.OTHER),
    "unended 221": (b"221-bye\r\n", Reason.UNSOLICITED_REPLY, Unsolicited.OTHER),
    "partial 421": (b"421 by", Reason.UNSOLICITED_REPLY, Unsolicited.OTHER),
    "221 second": (b"250 a\r\n" + BYE, Reason.UNSOLICITED_REPLY, Unsolicited.OTHER),
    "421 and more": (
        b"421 a\r\n" + BYE,
        Reason.UNAVAILABLE,
        Unsolicited.CODE_421,
    ),
    "421 and a part": (b"421 a\r\n2", Reason.UNAVAILABLE, Unsolicited.CODE_421),
}

every_surplus = pytest.mark.parametrize(
    ("surplus", "reason", "word"), SURPLUS.values(), ids=SURPLUS
)


@every_surplus
def test_surplus_behind_the_greeting(
    surplus: bytes, reason: Reason, word: Unsolicited
) -> None:
    """Octets behind the greeting fail it, and are never the answer to QUIT."""
    steps, findings = held(BANNER, GRT + surplus)

    assert steps == [GREETING]
    assert findings.failure == Failure(Phase.GREETING, reason)
    assert findings.unsolicited == [word]
    assert not findings.quit_begun


@every_surplus
def test_surplus_behind_ehlo(surplus: bytes, reason: Reason, word: Unsolicited) -> None:
    """Octets behind the reply to EHLO fail it."""
    steps, findings = held(MX, GRT, EHL + surplus)

    assert steps == [GREETING, EHLO]
    assert findings.failure == Failure(Phase.EHLO, reason)
    assert findings.unsolicited == [word]
    assert findings.offer is None


@every_surplus
def test_surplus_behind_a_refused_ehlo(
    surplus: bytes, reason: Reason, word: Unsolicited
) -> None:
    """Octets behind a 5yz to EHLO fail it, and HELO is not said."""
    steps, findings = held(MX, GRT, NO + surplus)

    assert steps == [GREETING, EHLO]
    assert findings.failure == Failure(Phase.EHLO, reason)
    assert findings.unsolicited == [word]


@every_surplus
def test_surplus_in_the_hold(surplus: bytes, reason: Reason, word: Unsolicited) -> None:
    """Octets while we sit idle fail the hold."""
    steps, findings = held(HOLD, GRT, surplus)

    assert steps == [GREETING, HOLDING]
    assert findings.failure == Failure(Phase.HOLD, reason)
    assert findings.unsolicited == [word]


@every_surplus
def test_surplus_behind_a_refusal(
    surplus: bytes, reason: Reason, word: Unsolicited
) -> None:
    """A refusal with octets behind it keeps its reason and leaves us out of step."""
    steps, findings = held(MX, b"554 no\r\n" + surplus)

    assert steps == [GREETING]
    assert findings.failure == Failure(Phase.GREETING, Reason.REJECTED)
    assert findings.unsolicited == [word]
    assert reason is not Reason.REJECTED


@pytest.mark.parametrize(
    ("module", "heard", "phase"),
    [
        (BANNER, (GRT + b"421 a\r\n",), Phase.GREETING),
        (MX, (GRT, EHL + b"421-a\r\n421 b\r\n"), Phase.EHLO),
        (HOLD, (GRT, b"421 4.4.2 timeout\n"), Phase.HOLD),
    ],
)
def test_unasked_421(module: Module, heard: tuple[bytes, ...], phase: Phase) -> None:
    """One complete 421 that nobody asked for leaves us in step: QUIT is still owed."""
    steps, findings = held(module, *heard, BYE)

    assert steps[-1] == QUITTING
    assert findings.failure == Failure(phase, Reason.UNAVAILABLE)
    assert findings.unsolicited == [Unsolicited.CODE_421]
    assert findings.unavailable
    assert findings.quit_code == 221


@pytest.mark.parametrize("code", [b"421", b"500", b"221"])
def test_octets_behind_the_221(code: bytes) -> None:
    """Octets behind the 221 are a quirk and no failure."""
    _, findings = held(BANNER, GRT, BYE + code + b" more\r\n")

    assert findings.failure is None
    assert findings.quirks == {Quirk.TRAILING_DATA}
    assert findings.unsolicited == []


def test_octets_behind_another_answer() -> None:
    """Trailing data stands behind a 221; there is none behind a refused QUIT."""
    _, findings = held(BANNER, GRT, b"500 what\r\n221 bye\r\n")

    assert findings.failure == Failure(Phase.QUIT, Reason.REJECTED)
    assert findings.quirks == set()


# --- interruptions


@pytest.mark.parametrize("reason", BREAKS)
@pytest.mark.parametrize(
    ("module", "before", "phase"),
    [
        pytest.param(MX, (), Phase.GREETING, id="greeting"),
        pytest.param(HOLD, (GRT,), Phase.HOLD, id="hold"),
        pytest.param(MX, (GRT,), Phase.EHLO, id="EHLO"),
        pytest.param(MX, (GRT, NO), Phase.EHLO, id="HELO"),
    ],
)
def test_interrupted(
    module: Module, before: tuple[bytes, ...], phase: Phase, reason: Reason
) -> None:
    """A step that cannot be finished ends the session in its phase, without QUIT."""
    steps, findings = held(module, *before, reason)

    assert QUITTING not in steps
    assert findings.failure == Failure(phase, reason)
    assert not findings.quit_begun
    assert findings.quit_broken is None


@pytest.mark.parametrize("reason", BREAKS)
def test_interrupted_quit(reason: Reason) -> None:
    """A QUIT that is not answered fails its phase, and why is kept."""
    _, findings = held(BANNER, GRT, reason)

    assert findings.failure == Failure(Phase.QUIT, reason)
    assert findings.quit_begun
    assert findings.quit_code is None
    assert findings.quit_broken is reason


def test_interruption_keeps_its_cause() -> None:
    """An interruption tells its reason in words."""
    interrupted = Interrupted(Reason.EOF)

    assert interrupted.reason is Reason.EOF
    assert str(interrupted) == "eof"


def test_reply_owed() -> None:
    """A carrier that gives no reply where one is owed is told so at once."""
    dialogue = converse(MX, OWN_NAME)
    next(dialogue)

    with pytest.raises(TypeError, match="was sent none"):
        dialogue.send(Heard(None))


# --- policies


@pytest.mark.parametrize("policy", QuitPolicy)
@pytest.mark.parametrize("answer", [b"500 what\r\n", b"421 a\r\n", *BREAKS])
def test_policies(policy: QuitPolicy, answer: bytes | Reason) -> None:
    """A bad goodbye fails the probe unless the module only observes it."""
    module = Module(name="policy", ehlo=False, quit=policy)
    _, findings = held(module, GRT, answer)
    observed = policy is QuitPolicy.OBSERVE

    assert (findings.failure is None) is observed
    assert (findings.quit_code is None) is isinstance(answer, Reason)


@pytest.mark.parametrize("policy", QuitPolicy)
def test_observing_excuses_only_the_goodbye(policy: QuitPolicy) -> None:
    """No policy excuses what failed before QUIT."""
    module = Module(name="policy", quit=policy)

    assert failure_of(module, b"554 no\r\n", BYE) == Failure(
        Phase.GREETING, Reason.REJECTED
    )


@pytest.mark.parametrize("answer", [b"500 what\r\n", BYE, Reason.TIMEOUT, Reason.RESET])
def test_first_failure_wins(answer: bytes | Reason) -> None:
    """What failed first is the verdict, however QUIT goes."""
    _, findings = held(MX, GRT, b"451 later\r\n", answer)

    assert findings.failure == Failure(Phase.EHLO, Reason.DEFERRED)
    assert findings.quit_begun


# --- quirks


def test_quirks_of_every_reply() -> None:
    """The quirks of all replies come together."""
    _, findings = held(
        MX,
        b"220 caf\xe9\r\n",
        b"500\r\n",
        b"250 mx\x00\r\n",
        b"221 bye\n",
    )

    assert findings.failure is None
    assert findings.quirks == {
        Quirk.EIGHT_BIT,
        Quirk.NO_TEXT,
        Quirk.EHLO_FALLBACK,
        Quirk.CONTROL_CHARS,
        Quirk.BARE_LF,
        Quirk.GREETING_NO_DOMAIN,
    }


def test_quirks_of_a_refusal() -> None:
    """A reply that fails the probe still tells its quirks."""
    _, findings = held(MX, b"554 no\n", BYE)

    assert findings.quirks == {Quirk.BARE_LF}


def test_auth_oldstyle() -> None:
    """AUTH= in the EHLO reply is a quirk of the session."""
    _, findings = held(MX, GRT, b"250-mx\r\n250 AUTH=LOGIN\r\n", BYE)

    assert findings.quirks == {Quirk.AUTH_OLDSTYLE}


@pytest.mark.parametrize(
    ("text", "host_first"),
    [
        (b" mx.test ESMTP", True),
        (b" mx.test", True),
        (b" mx.test\tESMTP", True),
        (b" localhost ESMTP", True),
        (b" a ESMTP", True),
        (b" [192.0.2.1] ready", True),
        (b" [IPv6:2001:db8::1] ready", True),
        (b"-mx.test one\r\n220 two", True),
        (b" ************************", False),
        (b" -mx.test ESMTP", False),
        (b" mx.test. ESMTP", False),
        (b" mx_1.test ESMTP", False),
        (b" <mx.test> ESMTP", False),
        (b" mx.test, ESMTP", False),
        (b" caf\xe9.test ESMTP", False),
        (b"-\r\n220 mx.test", False),
        (b"", True),  # no text at all is a quirk of its own
        (b" ", True),
    ],
)
def test_greeting_domain(text: bytes, host_first: bool) -> None:
    """A greeting whose first word is no host is a quirk."""
    _, findings = held(BANNER, b"220" + text + b"\r\n", BYE)

    assert (Quirk.GREETING_NO_DOMAIN not in findings.quirks) is host_first
    assert findings.failure is None


# --- whatever is heard

ANSWERS = st.sampled_from(
    (GRT, EHL, BYE, NO, b"421 a\r\n", b"451 a\r\n", b"354 a\r\n", b"554\n", b"250\r\n")
)
PARTS = st.sampled_from((b"", b"", b"", b"x", b"2", BYE, b"421 a\r\n", b"250 a\r\n"))
THINGS = st.tuples(ANSWERS, PARTS).map(b"".join) | st.sampled_from(BREAKS)
FIVE_THINGS = st.lists(THINGS, min_size=5, max_size=5)  # the longest there is
MODULES = st.builds(
    Module,
    name=st.just("any"),
    ehlo=st.booleans(),
    hold=st.sampled_from((0.0, 1.5)),
    quit=st.sampled_from(QuitPolicy),
)


@given(MODULES, FIVE_THINGS)
def test_manners(module: Module, things: list[bytes | Reason]) -> None:
    """Whatever is heard, we wait for the greeting, say QUIT once, and nothing after."""
    steps, findings = held_at_most(module, things)
    lines = [step.line for step in steps]

    assert steps[0] == GREETING
    assert lines.count(None) == 1 + (HOLDING in steps)
    assert lines.count(QUIT) == findings.quit_begun
    assert QUIT not in lines[:-1]
    assert (findings.quit_code is not None) <= findings.quit_begun
    assert findings.quit_begun or findings.failure is not None


@given(MODULES, FIVE_THINGS)
def test_success(module: Module, things: list[bytes | Reason]) -> None:
    """Success is a 220, every step held, and QUIT answered as the policy asks."""
    steps, findings = held_at_most(module, things)

    if findings.failure is None:
        assert isinstance(things[0], bytes)
        assert things[0].startswith(b"220")
        assert steps[-1] == QUITTING
        assert findings.quit_code == 221 or module.quit is QuitPolicy.OBSERVE
        assert findings.unsolicited == []
        assert (findings.offer is not None) is module.ehlo
    else:
        assert findings.failure.phase in {step.phase for step in steps}
