"""postscreen, which tells mail clients from robots: what we see of it, and it of us."""

import re
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from exporter.demo.certificates import authority
from exporter.outcome import Failure, Outcome
from exporter.targets import Mail, Module
from exporter.vocabulary import Close, Phase, Policy, Reason, TlsMode
from tests.interop.conftest import starting
from tests.interop.listening import HOST
from tests.interop.postfix import Postfix
from tests.interop.postscreen import GREET_WAIT, NAME, screened_postfix
from tests.interop.probing import probed_at

MX = Module(name="mx")
# What does not wait ends far below this, on a machine that is late too.
AT_ONCE = GREET_WAIT / 2
# Where the rude come from, so that nothing of theirs is remembered of us.
ELSEWHERE = "127.0.0.2"
# All that postscreen says of a client that does not behave.
COMPLAINTS = re.compile(
    r"PREGREET|HANGUP|COMMAND|BARE NEWLINE|NON-SMTP|NOQUEUE|DNSBL|UNPASS|UNFAIL"
    r"|warning|fatal|panic|lost connection|improper command"
)

Start = Callable[..., Postfix]


@pytest.fixture
def start(peer: Callable[[str], Path]) -> Iterator[Start]:
    """Start postscreen with lines of main.cf of the test's own; ended with the test."""
    peer("postfix")
    with starting(screened_postfix) as start:
        yield lambda **settings: start(settings)


@pytest.fixture
def starttls(tmp_path: Path) -> Module:
    """Give the module that demands STARTTLS, and the certificate's authority."""
    ca_file = tmp_path / "ca.pem"
    ca_file.write_bytes(authority())
    return Module(
        name="starttls",
        tls=TlsMode.REQUIRED,
        verify=Policy.ENFORCE,
        tls_server_name=NAME,
        ca_file=str(ca_file),
    )


def probed(postfix: Postfix, module: Module = MX) -> Outcome:
    """Probe it once."""
    return probed_at(postfix.host, postfix.port, module)


def greeted(outcome: Outcome) -> tuple[float, float]:
    """Give the seconds until the greeting began and until it was complete."""
    record = outcome.record(Phase.GREETING)
    assert record is not None
    assert record.code == 220
    assert outcome.banner_first_byte is not None
    return outcome.banner_first_byte, record.seconds


def test_new_client(start: Start) -> None:
    """A first probe sees the greeting begin at once, and waits until it is complete."""
    postfix = start()
    outcome = probed(postfix)

    began, complete = greeted(outcome)
    assert outcome.success
    assert outcome.close is Close.CLEAN
    assert outcome.quirks == frozenset()
    assert began < AT_ONCE
    # The server's clock and the kernel's stamps are two: a hundredth between them.
    assert GREET_WAIT - 0.01 < complete < GREET_WAIT + AT_ONCE
    assert postfix.logged(r"PASS (\w+) \[127\.0\.0\.1\]") == ["NEW"]
    assert postfix.logged(r"disconnect from \S+ (.*)") == ["ehlo=1 quit=1 commands=2"]
    assert not COMPLAINTS.search(postfix.log)


def test_known_client(start: Start) -> None:
    """Probes after the first are known, and greeted at once."""
    postfix = start()
    outcomes = [probed(postfix) for _ in range(5)]

    assert [o.success for o in outcomes] == [True] * 5
    assert {o.close for o in outcomes} == {Close.CLEAN}
    assert all(greeted(o)[1] < AT_ONCE for o in outcomes[1:])
    passed = postfix.logged(r"PASS (\w+) \[127\.0\.0\.1\]", 5)
    assert passed == ["NEW", "OLD", "OLD", "OLD", "OLD"]
    assert not COMPLAINTS.search(postfix.log)


def test_impatient_module(start: Start) -> None:
    """A limit below the wait ends without a word of ours, which is logged as HANGUP."""
    postfix = start()
    limits = replace(MX.timeouts, greeting=GREET_WAIT / 4)
    outcome = probed(postfix, replace(MX, timeouts=limits))

    assert outcome.failure == Failure(Phase.GREETING, Reason.TIMEOUT)
    assert outcome.banner_first_byte is not None
    assert not outcome.banner_present
    assert postfix.logged(r"HANGUP after \S+ from \[127\.0\.0\.1\]")
    assert "PREGREET" not in postfix.log


def test_starttls(start: Start, starttls: Module) -> None:
    """A new client that passed is spoken TLS to by the smtpd it was handed to."""
    postfix = start()
    outcome = probed(postfix, starttls)

    assert outcome.failure is None
    assert outcome.close is Close.CLEAN
    assert outcome.tls_close_notify is True
    assert outcome.tls is not None
    assert outcome.tls.verified is True
    ends = postfix.logged(r"disconnect from \S+ (.*)")
    assert ends == ["ehlo=2 starttls=1 quit=1 commands=4"]
    assert not COMPLAINTS.search(postfix.log)


@pytest.mark.parametrize("tls", [TlsMode.NONE, TlsMode.REQUIRED])
def test_deep_tests(start: Start, starttls: Module, tls: TlsMode) -> None:
    """With tests behind the greeting it is postscreen itself that says goodbye."""
    postfix = start(postscreen_pipelining_enable="yes")
    outcome = probed(postfix, replace(starttls, tls=tls))

    assert outcome.failure is None
    assert outcome.close is Close.CLEAN
    assert outcome.quit_code == 221
    assert greeted(outcome)[0] < AT_ONCE
    assert postfix.logged(r"DISCONNECT \[127\.0\.0\.1\]")
    assert not postfix.logged(r"disconnect from", 0)
    assert not COMPLAINTS.search(postfix.log)


def test_deferred(start: Start) -> None:
    """What tests behind the greeting put off is a deferred recipient, and a goodbye."""
    postfix = start(postscreen_pipelining_enable="yes")
    mail = Mail(sender="", recipient=f"postmaster@{NAME}")
    outcome = probed(postfix, replace(MX, mail=mail))

    assert outcome.failure == Failure(Phase.RCPT, Reason.DEFERRED)
    assert outcome.code(Phase.RCPT) == 450
    assert outcome.close is Close.CLEAN


@pytest.mark.parametrize(
    ("said", "complaint"),
    [(b"EHLO early.test\r\n", "PREGREET"), (b"", "HANGUP")],
    ids=["early", "gone"],
)
def test_the_rude(start: Start, said: bytes, complaint: str) -> None:
    """Who speaks before the greeting is complete, or leaves, is complained of."""
    postfix = start()
    with socket.create_connection(
        (HOST, postfix.port), GREET_WAIT * 2, source_address=(ELSEWHERE, 0)
    ) as rude:
        if said:
            rude.sendall(said)
            assert postfix.logged(rf"{complaint} .*\[{ELSEWHERE}\]")
    assert postfix.logged(rf"{complaint} .*\[{ELSEWHERE}\]")
    assert COMPLAINTS.search(postfix.log)
