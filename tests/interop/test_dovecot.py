"""Dovecot: what only it has of the ring's servers, and what its log tells of that.

Its log is read when it has ended, so that nothing is still to be written.
"""

import re
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest

from exporter.outcome import Failure, Outcome, Speaker
from exporter.targets import Auth, Mail, Module, SecretSource
from exporter.vocabulary import Close, Mechanism, Phase, Reason
from tests.interop import page
from tests.interop.dovecot import running_dovecot
from tests.interop.mta import Door, Mta
from tests.interop.probing import probed_at
from tests.interop.visit import MODULES, probed

# Its levels of what is not as it should be, save of how a test ends it; and what it
# says of who leaves unasked.
COMPLAINTS = re.compile(
    r"Warning: (?!Killed with signal 15|Shutting down logging)|Error: |Fatal: |Panic: "
    r"|Connection closed"
)
LOG_SECONDS = 5.0
# Where LMTP listens besides, as Debian has it; seen from outside its house.
LMTP_SOCKET = Path("var", "run", "dovecot", "lmtp")
BYE = "221 2.0.0 Bye"

_Seen = TypeVar("_Seen")


@pytest.fixture
def place() -> Iterator[Path]:
    """Give a folder that Dovecot's users can reach, as pytest's own is not."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def stay(place: Path, ask: Callable[[Mta], _Seen]) -> tuple[_Seen, str]:
    """Ask something of a Dovecot that runs for it; give the answer, and its log."""
    with running_dovecot(place) as mta:
        seen = ask(mta)
    log = mta.log()
    print(log)  # noqa: T201 -- shown on failure
    return seen, log


def trusting(mta: Mta, door: Door, desk: Path) -> Module:
    """Give the module of a door that knows whom to trust."""
    ca_file = desk / "ca.pem"
    ca_file.write_bytes(mta.authority)
    return replace(
        MODULES[door], tls_server_name=mta.certificate_for, ca_file=str(ca_file)
    )


def login(
    mta: Mta, door: Door, desk: Path, mechanism: Mechanism, password: str | None = None
) -> Outcome:
    """Probe a door with a login, by another password than the right one if given."""
    assert mta.user is not None
    assert mta.password is not None
    file = desk / "password"
    file.write_text(password or mta.password)
    auth = Auth(
        mechanism=mechanism,
        username=mta.user,
        password=SecretSource(file=str(file)),
    )
    return probed(mta, door, replace(trusting(mta, door, desk), auth=auth))


def test_lhlo(place: Path) -> None:
    """LMTP is begun with LHLO, and EHLO is never tried."""
    outcome, log = stay(place, lambda mta: probed(mta, Door.LMTP, MODULES[Door.LMTP]))

    commands = [s.text for s in outcome.transcript if s.speaker is Speaker.CLIENT]
    assert outcome.success
    assert [command.split(" ")[0] for command in commands] == ["LHLO", "QUIT"]
    assert outcome.code(Phase.EHLO) == 250
    assert "Disconnect from 127.0.0.1: Logged out" in log
    assert not COMPLAINTS.search(log)


def test_lmtp_over_unix_socket(place: Path) -> None:
    """LMTP over a Unix socket shows what it shows over TCP, and is logged as local."""
    module, socket_path = MODULES[Door.LMTP], f"unix:{place / LMTP_SOCKET}"

    def ask(mta: Mta) -> tuple[Outcome, Outcome]:
        here = probed_at(socket_path, 0, module)
        return here, probed(mta, Door.LMTP, module)

    (here, there), log = stay(place, ask)

    assert here.failure is None
    assert here.close is Close.CLEAN
    assert page.said(here, Phase.QUIT) == BYE
    assert here.facts == there.facts
    assert re.findall(r"Connect from (\S+)", log) == ["local", "127.0.0.1"]
    assert not COMPLAINTS.search(log)


@pytest.mark.parametrize("mechanism", [Mechanism.PLAIN, Mechanism.LOGIN])
@pytest.mark.parametrize("door", [Door.SUBMISSION, Door.SUBMISSIONS])
def test_login(place: Path, tmp_path: Path, door: Door, mechanism: Mechanism) -> None:
    """Either mechanism lets in who knows the password, and out again with 221."""
    outcome, log = stay(place, lambda mta: login(mta, door, tmp_path, mechanism))

    assert outcome.failure is None
    assert outcome.code(Phase.AUTH) == 235
    assert page.said(outcome, Phase.QUIT) == BYE
    assert outcome.close is Close.CLEAN
    assert re.search(rf"Login: user=<[^>]+>, method={mechanism.value}, .*TLS", log)
    assert "Disconnected: Logged out" in log
    assert not COMPLAINTS.search(log)


@pytest.mark.parametrize("mechanism", [Mechanism.PLAIN, Mechanism.LOGIN])
def test_login_refused(place: Path, tmp_path: Path, mechanism: Mechanism) -> None:
    """A wrong password is refused with 535, and the session ends with 221."""
    outcome, log = stay(
        place, lambda mta: login(mta, Door.SUBMISSION, tmp_path, mechanism, "wrong")
    )

    assert outcome.failure == Failure(Phase.AUTH, Reason.REJECTED)
    assert outcome.code(Phase.AUTH) == 535
    assert page.said(outcome, Phase.QUIT) == BYE
    assert outcome.close is Close.CLEAN
    assert "auth failed, 1 attempts" in log
    assert not COMPLAINTS.search(log)


def test_mail_without_login(place: Path, tmp_path: Path) -> None:
    """Submission refuses MAIL of who has not logged in, and says goodbye to him."""
    door = Door.SUBMISSIONS

    def ask(mta: Mta) -> Outcome:
        mail = Mail(sender="", recipient=mta.refused)
        return probed(mta, door, replace(trusting(mta, door, tmp_path), mail=mail))

    outcome, log = stay(place, ask)

    assert outcome.failure == Failure(Phase.MAIL, Reason.REJECTED)
    assert outcome.code(Phase.MAIL) == 530
    assert page.said(outcome, Phase.QUIT) == BYE
    assert outcome.close is Close.CLEAN
    assert "Aborted login by logging out (no auth attempts" in log
    assert not COMPLAINTS.search(log)


@pytest.mark.parametrize("door", [Door.SUBMISSION, Door.LMTP])
def test_leaving_unasked(place: Path, door: Door) -> None:
    """A client that leaves without QUIT is complained of, which no probe is."""

    def leave(mta: Mta) -> bytes:
        with socket.create_connection((mta.host, mta.doors[door]), 5.0) as rude:
            greeting = rude.recv(512)
        deadline = time.monotonic() + LOG_SECONDS
        while not COMPLAINTS.search(mta.log()) and time.monotonic() < deadline:
            time.sleep(0.05)  # another process writes it; bounded above
        return greeting

    greeting, log = stay(place, leave)

    assert greeting.startswith(b"220 ")
    assert [m.group() for m in COMPLAINTS.finditer(log)] == ["Connection closed"]
