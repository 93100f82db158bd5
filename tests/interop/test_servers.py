"""The same questions to every mail server, as Debian ships them and as they answer.

What they answer is docs/interop.md too, which `make interop-table` writes.
"""

import os
import re
import socket
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

from exporter.demo.certificates import Kind, issue
from exporter.outcome import Failure
from exporter.tls.facts import read_certificate
from exporter.vocabulary import Close, Phase, Reason, TlsMode, Unsolicited
from tests.interop import page
from tests.interop.dovecot import running_dovecot
from tests.interop.exim import running_exim
from tests.interop.mta import Door
from tests.interop.opensmtpd import running_opensmtpd
from tests.interop.postfix_mta import running_postfix_mta
from tests.interop.postscreen import running_postscreen
from tests.interop.visit import MODULES, Running, Visit, visit


class Server(NamedTuple):
    """One of the servers."""

    running: Running
    doors: tuple[Door, ...]
    offers: frozenset[str]  # by the last EHLO at each door, and maybe more
    has_tls: bool = True


_TRADITIONAL = frozenset({"PIPELINING", "SIZE", "8BITMIME"})

_SUBMIT = (Door.SUBMISSION, Door.SUBMISSIONS)

SERVERS = {
    "postfix": Server(running_postfix_mta, (Door.SMTP, Door.SUBMISSIONS), _TRADITIONAL),
    "postscreen": Server(running_postscreen, (Door.SMTP,), _TRADITIONAL),
    "exim": Server(running_exim, (Door.SMTP, *_SUBMIT), _TRADITIONAL),
    "opensmtpd": Server(
        running_opensmtpd, (Door.SMTP,), _TRADITIONAL - {"PIPELINING"}, has_tls=False
    ),
    "dovecot": Server(running_dovecot, (*_SUBMIT, Door.LMTP), _TRADITIONAL - {"SIZE"}),
}

# Seconds until something is in a log that is certain to come.
PATIENCE = 10.0

# What servers say in their logs of clients that do not behave.
COMPLAINTS = (
    "lost connection",
    "synchronization",  # Exim: spoken to out of turn
    "did not issue",  # Sendmail's of a session without mail
    "no MAIL in",  # Exim's
    "SSL_accept error",
    "TLS error",
    "unexpected",
    "pipelining",
    "improper command",
    "PREGREET",  # postscreen's of who did not wait for the greeting
    "HANGUP",  # its of who left
    "COMMAND ",  # and of commands that make no sense
    "bad-input",  # OpenSMTPD's of what makes no sense
    "io-error",  # its of a connection that broke
    "reason=disconnect",  # and of one that was left
    "Connection closed",  # Dovecot's
    "protocol error",
)

# How a probe sees an idle session end: what it was told, the class, what was unasked.
HOW_IDLE_ENDS: Mapping[Reason, tuple[str, Close, tuple[Unsolicited, ...]]] = {
    Reason.UNAVAILABLE: ("421", Close.CODE_421, (Unsolicited.CODE_421,)),
    Reason.UNSOLICITED_221: ("221", Close.UNSOLICITED_221, (Unsolicited.CODE_221,)),
    Reason.EOF: ("", Close.FIN_WITHOUT_221, ()),
    Reason.PROTOCOL_ERROR: ("", Close.ABORTED, ()),  # Exim's, in the clear inside TLS
}


# A visit is three starts of a server and dozens of sessions; Exim takes half a second
# for the end of each inside TLS.
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def visits(request: pytest.FixtureRequest) -> Iterator[dict[str, Future[Visit]]]:
    """Visit the servers that selected tests ask about, once and at the same time."""
    wanted: set[str] = set()
    for item in request.session.items:
        if isinstance(item, pytest.Function) and item.module is request.module:
            one = item.callspec.params["name"] if hasattr(item, "callspec") else None
            wanted |= {str(one)} if one else SERVERS.keys()
    with ThreadPoolExecutor(max_workers=len(SERVERS)) as pool:
        yield {name: pool.submit(visit, SERVERS[name].running) for name in wanted}


@pytest.fixture(params=SERVERS)
def name(request: pytest.FixtureRequest) -> str:
    """Take one server after the other."""
    return str(request.param)


@pytest.fixture
def seen(name: str, visits: dict[str, Future[Visit]]) -> Visit:
    """Give what a visit to it has shown; its log is printed with a test that fails."""
    found = visits[name].result()
    for log in (found.log, found.log_of_mailing, found.log_of_idle):
        print(log)  # noqa: T201 -- shown on failure
    return found


def test_doors(name: str, seen: Visit) -> None:
    """A server has the doors that the table says it has, and each was visited."""
    for visits in (seen.mta.doors, seen.plain, seen.mailing, seen.idle):
        assert tuple(visits) == SERVERS[name].doors


def test_plain_probes(seen: Visit) -> None:
    """Twenty sessions in a row succeed, each with a 220, a 221 and a clean close."""
    for door, outcomes in seen.plain.items():
        for outcome in outcomes:
            assert outcome.failure is None, door
            assert outcome.banner_present
            assert outcome.code(Phase.GREETING) == 220
            assert outcome.code(Phase.EHLO) == 250
            assert outcome.quit_code == 221
            assert outcome.close is Close.CLEAN
            assert outcome.unsolicited == ()


def test_same_each_time(seen: Visit) -> None:
    """All sessions at a door show the same facts."""
    for outcomes in seen.plain.values():
        assert len({outcome.facts for outcome in outcomes}) == 1


def test_extensions(name: str, seen: Visit) -> None:
    """The last EHLO offers what the server is known to have."""
    for outcome, *_ in seen.plain.values():
        assert outcome.offer is not None
        offered = set(outcome.offer.extensions)
        assert offered >= SERVERS[name].offers


def test_tls(name: str, seen: Visit) -> None:
    """A door that is probed over TLS shows the certificate issued, and verified."""
    issued = read_certificate(issue(Kind.GOOD, seen.mta.certificate_for).chain[0])
    for door, (outcome, *_) in seen.plain.items():
        if MODULES[door].tls is TlsMode.NONE or not SERVERS[name].has_tls:
            assert outcome.tls is None
            continue
        by_command = MODULES[door].tls is not TlsMode.IMPLICIT
        assert outcome.starttls_offered is (True if by_command else None)
        assert outcome.code(Phase.STARTTLS) == (220 if by_command else None)
        assert outcome.tls is not None
        assert outcome.tls.version == "TLSv1.3"
        assert outcome.tls.verified is True
        assert outcome.tls.problems == frozenset()
        assert outcome.tls.certificate == issued


def test_recipient_refused(seen: Visit) -> None:
    """A refused recipient fails the probe, which is said goodbye to all the same."""
    for mailing in seen.mailing.values():
        outcome = mailing.refused
        assert outcome.failure == Failure(Phase.RCPT, Reason.REJECTED)
        assert outcome.quit_code == 221
        assert outcome.close is Close.CLEAN


def test_login(seen: Visit) -> None:
    """AUTH PLAIN inside TLS succeeds with the password and is refused with another."""
    for door, mailing in seen.mailing.items():
        has_auth = seen.mta.user and door in {Door.SUBMISSION, Door.SUBMISSIONS}
        if not has_auth:
            assert mailing.login is None
            assert mailing.wrong_password is None
            continue
        assert mailing.login is not None
        assert mailing.login.failure is None
        assert mailing.login.code(Phase.AUTH) == 235
        assert mailing.login.close is Close.CLEAN
        assert mailing.wrong_password is not None
        assert mailing.wrong_password.failure == Failure(Phase.AUTH, Reason.REJECTED)
        assert mailing.wrong_password.quit_code == 221
        assert mailing.wrong_password.close is Close.CLEAN


def test_idle(seen: Visit) -> None:
    """An idle session ends as it is told: by 421, by 221, or without a word."""
    for outcome in seen.idle.values():
        assert outcome.banner_present
        assert outcome.failure is not None
        assert outcome.failure.phase is Phase.HOLD
        told, close, unsolicited = HOW_IDLE_ENDS[outcome.failure.reason]
        assert page.said(outcome, Phase.HOLD)[:3] == told
        assert outcome.close is close
        assert outcome.unsolicited == unsolicited


def test_nothing_complains(seen: Visit) -> None:
    """Nothing in a server's log complains of a plain probe, a login or a recipient."""
    for log in (seen.log, seen.log_of_mailing):
        assert [line for line in log.splitlines() if _COMPLAINT.search(line)] == []


_COMPLAINT = re.compile("|".join(map(re.escape, COMPLAINTS)))


def test_complaint(name: str) -> None:
    """Each log complains of a client that speaks out of turn and hangs up."""
    with (
        tempfile.TemporaryDirectory() as place,
        SERVERS[name].running(Path(place)) as mta,
    ):
        port = mta.doors[SERVERS[name].doors[0]]
        with socket.create_connection((mta.host, port), PATIENCE) as client:
            client.sendall(b"EHLO rude.test\r\nMAIL FROM:<>\r\n")
            assert client.recv(1)
        deadline = time.monotonic() + PATIENCE
        while not _COMPLAINT.search(mta.log()):
            assert time.monotonic() < deadline, mta.log()
            time.sleep(0.05)  # the log is written by another process; bounded above


def test_page(visits: dict[str, Future[Visit]]) -> None:
    """docs/interop.md tells what was seen, but for the milliseconds of its machine."""
    written = page.written([visits[name].result() for name in SERVERS])
    if os.environ.get("INTEROP_WRITE") == "1":
        page.PAGE.write_text(written, encoding="utf-8")
    assert page.comparable(page.PAGE.read_text("utf-8")) == page.comparable(written)
