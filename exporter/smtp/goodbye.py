"""How a session ended: the close class (SMTP.md 0.3), and what a policy makes of it.

Whether the service worked and how the session closed are two facts; only the strict
policy lets the second touch the first.
"""

from enum import Enum, auto

from exporter.outcome import CLOSING, NOT_AVAILABLE, Failure
from exporter.smtp.exchange import Findings
from exporter.vocabulary import Close, Phase, QuitPolicy, Reason, Unsolicited


class TcpEnd(Enum):
    """What TCP did after a complete 221."""

    FIN = auto()
    RESET = auto()
    OPEN = auto()  # still standing when the close limit ran out


_AFTER_221 = {
    TcpEnd.FIN: Close.CLEAN,
    TcpEnd.RESET: Close.RESET_AFTER_221,
    TcpEnd.OPEN: Close.OPEN_AFTER_221,
}
_QUIT_UNANSWERED = {
    Reason.EOF: Close.FIN_WITHOUT_221,
    Reason.RESET: Close.RESET_WITHOUT_221,
    Reason.TIMEOUT: Close.TIMEOUT,
    Reason.DEADLINE: Close.TIMEOUT,
}
_QUIT_ANSWERED_BADLY = {
    Reason.PROTOCOL_ERROR: Close.MALFORMED,
    Reason.REPLY_TOO_LONG: Close.MALFORMED,
}
_WITHOUT_QUIT = {
    Reason.EOF: Close.FIN_WITHOUT_221,
    Reason.RESET: Close.RESET_WITHOUT_221,
}


def close_class(findings: Findings, tcp_end: TcpEnd | None) -> Close:
    """Compute the close class of a session that was connected.

    `tcp_end` is what was seen after a 221 that answered QUIT; None in all other cases.
    """
    if not findings.quit_begun:
        return _without_quit(findings)
    if findings.quit_code is not None:
        return _by_code(findings.quit_code, tcp_end)
    broken = findings.quit_broken or Reason.NONE
    if findings.unavailable and broken in _QUIT_UNANSWERED:
        return Close.CODE_421
    return (_QUIT_UNANSWERED | _QUIT_ANSWERED_BADLY).get(broken, Close.ABORTED)


def _without_quit(findings: Findings) -> Close:
    """Name a session without QUIT; a 221 counts, whatever failed before it."""
    if Unsolicited.CODE_221 in findings.unsolicited:
        return Close.UNSOLICITED_221
    return _WITHOUT_QUIT.get(findings.left_by or Reason.NONE, Close.ABORTED)


def _by_code(code: int, tcp_end: TcpEnd | None) -> Close:
    if code == CLOSING:
        return _AFTER_221[tcp_end or TcpEnd.OPEN]
    return Close.CODE_421 if code == NOT_AVAILABLE else Close.OTHER_CODE


def judge_close(policy: QuitPolicy, findings: Findings, close: Close) -> Failure | None:
    """Give the probe's failure once the close class is known.

    Only the strict policy adds one, and only to a session that had none: after a 221
    the close must be clean.
    """
    if findings.failure or policy is not QuitPolicy.STRICT or close is Close.CLEAN:
        return findings.failure
    return Failure(Phase.CLOSE, Reason.CLOSE_POLICY)
