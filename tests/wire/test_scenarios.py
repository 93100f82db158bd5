"""Every row of the table, probed over real sockets, on both kinds of loop."""

import base64
import socket
import sys
from collections.abc import Mapping

import pytest

from exporter.demo.certificates import issue
from exporter.demo.session import Left
from exporter.targets import Auth
from exporter.tls.facts import chain_not_after, read_certificate
from exporter.vocabulary import Phase
from tests.conftest import missing_peer
from tests.scenarios import ENVIRONMENT, FILES, SCENARIOS, Port, Scenario
from tests.wire.play import Played

GRACE = 0.5  # SMTP.md section 5, rule 8
# Who closes with octets unread makes the kernel reset; past this a client need not
# read on, and no real reply comes near it.
MUST_READ_OCTETS = 128 * 1024


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


HAS_IPV6 = _has_ipv6()
ROWS = [pytest.param(row, id=row.id) for row in SCENARIOS]

every_row = pytest.mark.parametrize("row", ROWS)
every_row_with_a_secret = pytest.mark.parametrize(
    "row", [pytest.param(row, id=row.id) for row in SCENARIOS if row.module.auth]
)

_MULTICAST = "224.0.0.1"
_SECOND_LOOPBACK = "127.0.0.2"


def _of(row: Scenario, played: Mapping[str, Played | BaseException]) -> Played:
    if ":" in row.host and not HAS_IPV6:
        missing_peer("::1 is not on this machine")
    if not sys.platform.startswith("linux"):
        if row.port is Port.FILTERED:
            missing_peer("only Linux drops a SYN when a listener's queue is full")
        if row.host == _MULTICAST:
            missing_peer("only Linux is known to call a multicast group unreachable")
        if row.module.source_address == _SECOND_LOOPBACK:
            missing_peer("only Linux has all of 127.0.0.0/8")
    seen = played[row.id]
    if isinstance(seen, BaseException):
        raise seen
    return seen


def _told(row: Scenario, seen: Played) -> str:
    """Tell both sides of a session, for the reader of a failure."""
    said = (
        f"{line.at:7.3f} {line.phase} {line.speaker}: {line.text}"
        for line in seen.outcome.transcript
    )
    heard = (line for session in seen.sessions for line in session.story)
    return "\n".join(
        (
            f"{row.id}: {row.note}",
            f"failure {seen.outcome.failure}, close {seen.outcome.close}",
            "-- the probe's transcript",
            *said,
            "-- the server's record",
            *heard,
        )
    )


@every_row
def test_report(row: Scenario, played: Mapping[str, Played | BaseException]) -> None:
    """A probe reports exactly what the row says."""
    seen = _of(row, played)
    outcome = seen.outcome

    columns = {
        "ok": (row.ok, outcome.success),
        "failure": (row.failure, outcome.failure),
        "greeting present": (row.greeting_present, outcome.banner_present),
        "greeting code": (row.greeting_code, outcome.code(Phase.GREETING) or 0),
        "quirks": (row.quirks, outcome.quirks),
        "unsolicited": (row.unsolicited, outcome.unsolicited),
        "TLSA records": (row.dane, outcome.dane),
        "MTA-STS policy": (row.sts, outcome.sts),
    }
    wrong = [
        f"{column}: expected {expected}, seen {reported}"
        for column, (expected, reported) in columns.items()
        if expected != reported
    ]

    assert not wrong, _told(row, seen)
    assert outcome.close in row.closes, _told(row, seen)
    assert outcome.quit_acknowledged in row.quit_221, _told(row, seen)
    assert outcome.record(Phase.DNS) is None, _told(row, seen)
    if row.answered is not None:
        record = outcome.record(row.answered.phase)
        assert record is not None, _told(row, seen)
        answer = (record.code, record.status)
        assert answer == (row.answered.code, row.answered.status), _told(row, seen)


@every_row
def test_tls(row: Scenario, played: Mapping[str, Played | BaseException]) -> None:
    """A completed handshake is told of, with its certificate as it was issued."""
    seen = _of(row, played)
    facts, expected = seen.outcome.tls, row.tls

    assert (facts is None) == (expected is None), _told(row, seen)
    if facts is None or expected is None:
        assert seen.outcome.tls_close_notify is None, _told(row, seen)
        return
    issued = issue(expected.kind, expected.name)
    assert facts.certificate == read_certificate(issued.chain[0]), _told(row, seen)
    assert facts.chain_not_after == chain_not_after(issued.chain), _told(row, seen)
    assert facts.problems == expected.problems, _told(row, seen)
    assert facts.verified is expected.verified, _told(row, seen)
    assert seen.outcome.tls_close_notify is expected.close_notify, _told(row, seen)


@every_row_with_a_secret
def test_secrets(row: Scenario, played: Mapping[str, Played | BaseException]) -> None:
    """No spelling of a secret is left in what a probe comes back with."""
    seen = _of(row, played)
    assert row.module.auth is not None
    told = [repr(seen.outcome), *(line.text for line in seen.outcome.transcript)]

    for spelling in _spellings(row.module.auth):
        assert not any(spelling in text for text in told), spelling


def _spellings(auth: Auth) -> list[str]:
    """Give a secret as it is, and in base64 as each mechanism sends it."""
    source = auth.password
    if source.file:
        secret = FILES.get(source.file, b"").rstrip(b"\r\n")
    else:
        secret = ENVIRONMENT.get(source.env or "", "").encode()
    if not secret:
        return []
    user = auth.username.encode()
    sent = (
        secret,
        b"\0" + user + b"\0" + secret,
        b"user=" + user + b"\x01auth=Bearer " + secret + b"\x01\x01",
    )
    coded = [base64.b64encode(octets).decode() for octets in sent]
    return [secret.decode(), *coded]


@every_row
def test_time(row: Scenario, played: Mapping[str, Played | BaseException]) -> None:
    """A probe keeps its deadline, and its phases took the time that they must."""
    seen = _of(row, played)
    outcome = seen.outcome

    assert seen.elapsed <= row.module.timeout + GRACE, _told(row, seen)
    if row.within is not None:
        assert outcome.duration <= row.within, _told(row, seen)
    if row.at_least is not None:
        phase, seconds = row.at_least
        record = outcome.record(phase)
        assert record is not None, _told(row, seen)
        assert record.seconds >= seconds, _told(row, seen)
    if row.first_byte_within is not None:
        assert outcome.banner_first_byte is not None, _told(row, seen)
        assert outcome.banner_first_byte <= row.first_byte_within, _told(row, seen)


@every_row
def test_manners(row: Scenario, played: Mapping[str, Played | BaseException]) -> None:
    """A probe connects once, breaks no rule of a client's, and never resets.

    What a client must not do is in the session's own judgement; leaving by FIN takes
    having read what was there.
    """
    seen = _of(row, played)
    violations = [v for session in seen.sessions for v in session.violations]
    resets = [
        session
        for session in seen.sessions
        if session.left is Left.RST and session.said_octets <= MUST_READ_OCTETS
    ]

    assert not violations, _told(row, seen)
    assert len(seen.sessions) == (1 if row.port is Port.OPEN else 0), _told(row, seen)
    assert seen.settled, _told(row, seen)
    assert not resets, _told(row, seen)
