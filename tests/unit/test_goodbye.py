"""The close class table of SMTP.md 0.3, row by row and then whole."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.outcome import Failure
from exporter.smtp.exchange import Findings
from exporter.smtp.goodbye import TcpEnd, close_class, judge_close
from exporter.vocabulary import Close, Phase, QuitPolicy, Reason, Unsolicited

UNAVAILABLE_BEFORE = pytest.mark.parametrize("unavailable", [False, True])


def failed(reason: Reason) -> Failure:
    """Make a failure of this reason, in the first phase that can have it."""
    return Failure(reason.phases[0], reason)


# --- QUIT was not exchanged

WITHOUT_QUIT = {
    Reason.EOF: Close.FIN_WITHOUT_221,
    Reason.RESET: Close.RESET_WITHOUT_221,
}


@pytest.mark.parametrize("reason", [r for r in Reason if r.phases])
@UNAVAILABLE_BEFORE
def test_without_quit(reason: Reason, unavailable: bool) -> None:
    """Without QUIT the session ended by FIN, by RST, or by ourselves."""
    findings = Findings(left_by=reason, unavailable=unavailable)

    assert close_class(findings, None) is WITHOUT_QUIT.get(reason, Close.ABORTED)


def test_unsolicited_221() -> None:
    """A 221 before QUIT is a class of its own."""
    findings = Findings(
        failure=Failure(Phase.HOLD, Reason.UNSOLICITED_221),
        unsolicited=[Unsolicited.CODE_221],
    )

    assert close_class(findings, None) is Close.UNSOLICITED_221


@pytest.mark.parametrize("word", [Unsolicited.CODE_421, Unsolicited.OTHER])
def test_unsolicited_others(word: Unsolicited) -> None:
    """Other unasked replies that keep us from QUIT leave the session aborted."""
    findings = Findings(
        failure=Failure(Phase.EHLO, Reason.UNSOLICITED_REPLY), unsolicited=[word]
    )

    assert close_class(findings, None) is Close.ABORTED


# --- QUIT was answered


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        (TcpEnd.FIN, Close.CLEAN),
        (TcpEnd.RESET, Close.RESET_AFTER_221),
        (TcpEnd.OPEN, Close.OPEN_AFTER_221),
        (None, Close.OPEN_AFTER_221),
    ],
)
@UNAVAILABLE_BEFORE
def test_221(end: TcpEnd | None, expected: Close, unavailable: bool) -> None:
    """After a 221 the class is what TCP did, also where a 421 came before."""
    findings = Findings(quit_begun=True, quit_code=221, unavailable=unavailable)

    assert close_class(findings, end) is expected


@pytest.mark.parametrize("code", [c for c in range(200, 600) if c != 221])
@UNAVAILABLE_BEFORE
def test_other_codes(code: int, unavailable: bool) -> None:
    """Any other answer is code_421 or other_code, whatever came before."""
    findings = Findings(quit_begun=True, quit_code=code, unavailable=unavailable)
    expected = Close.CODE_421 if code == 421 else Close.OTHER_CODE

    assert close_class(findings, None) is expected


# --- QUIT was not answered


@pytest.mark.parametrize(
    ("reason", "expected", "after_421"),
    [
        (Reason.EOF, Close.FIN_WITHOUT_221, Close.CODE_421),
        (Reason.RESET, Close.RESET_WITHOUT_221, Close.CODE_421),
        (Reason.TIMEOUT, Close.TIMEOUT, Close.CODE_421),
        (Reason.DEADLINE, Close.TIMEOUT, Close.CODE_421),
        (Reason.PROTOCOL_ERROR, Close.MALFORMED, Close.MALFORMED),
        (Reason.REPLY_TOO_LONG, Close.MALFORMED, Close.MALFORMED),
        (Reason.INTERNAL_ERROR, Close.ABORTED, Close.ABORTED),
    ],
)
def test_no_answer(reason: Reason, expected: Close, after_421: Close) -> None:
    """What kept QUIT from its answer is the class, unless a 421 was the last word."""
    findings = Findings(quit_begun=True, quit_broken=reason)
    after = Findings(quit_begun=True, quit_broken=reason, unavailable=True)

    assert close_class(findings, None) is expected
    assert close_class(after, None) is after_421


@pytest.mark.parametrize("failure", [None, Failure(Phase.EHLO, Reason.REJECTED)])
def test_the_verdict_is_not_the_close(failure: Failure | None) -> None:
    """How QUIT went decides the class, not what the probe failed by."""
    findings = Findings(
        failure=failure,
        unsolicited=[Unsolicited.CODE_421],
        quit_begun=True,
        quit_code=221,
    )

    assert close_class(findings, TcpEnd.FIN) is Close.CLEAN


# --- whatever was found

FINDINGS = st.builds(
    Findings,
    failure=st.none() | st.sampled_from([r for r in Reason if r.phases]).map(failed),
    unsolicited=st.lists(st.sampled_from(Unsolicited), max_size=2),
    unavailable=st.booleans(),
    quit_begun=st.booleans(),
    quit_code=st.none() | st.integers(200, 599) | st.just(221),
    quit_broken=st.none() | st.sampled_from([r for r in Reason if r.phases]),
)


@given(FINDINGS, st.none() | st.sampled_from(TcpEnd))
def test_only_a_221_is_graceful(findings: Findings, end: TcpEnd | None) -> None:
    """There is always one class, and one after a 221 needs a 221 that answered QUIT."""
    answered = findings.quit_begun and findings.quit_code == 221
    after_221 = {Close.CLEAN, Close.RESET_AFTER_221, Close.OPEN_AFTER_221}
    close = close_class(findings, end)

    assert (close in after_221) is answered
    assert (close is Close.CLEAN) is (answered and end is TcpEnd.FIN)
    assert close is not Close.NONE  # who was never connected does not come here


# --- what a policy makes of it


@pytest.mark.parametrize("close", Close)
@pytest.mark.parametrize("policy", QuitPolicy)
def test_success(policy: QuitPolicy, close: Close) -> None:
    """Only the strict policy fails a success, and only by a close that is not clean."""
    failure = judge_close(policy, Findings(), close)

    if policy is QuitPolicy.STRICT and close is not Close.CLEAN:
        assert failure == Failure(Phase.CLOSE, Reason.CLOSE_POLICY)
    else:
        assert failure is None


@pytest.mark.parametrize("close", Close)
@pytest.mark.parametrize("policy", QuitPolicy)
def test_first_failure_stays(policy: QuitPolicy, close: Close) -> None:
    """No policy puts the close in the place of what failed before."""
    failure = Failure(Phase.GREETING, Reason.REJECTED)

    assert judge_close(policy, Findings(failure=failure), close) == failure
