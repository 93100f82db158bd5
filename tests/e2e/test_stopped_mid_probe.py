"""A world in which SIGTERM comes in the middle of every kind of probe."""

import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from exporter.demo.listener import ScriptedServer
from exporter.demo.script import (
    BYE,
    EHL,
    EHLO,
    EHS,
    FIN,
    GRT,
    HOLD,
    QUIT,
    STARTTLS,
    ClientHello,
    Expect,
    Script,
    Tls,
    Wait,
    script,
)
from exporter.demo.session import Left, Session
from exporter.life import DRAIN_SECONDS
from tests.e2e.programs import PATIENCE
from tests.e2e.scripted import elsewhere
from tests.e2e.worlds import POLL, world

# Behind the drain: cancelled probes close, and the interpreter ends.
ENDING_SECONDS = 2.0
CONFIG = """\
schedule: {{interval: 1s}}
limits: {{per_host: 100}}
modules:
  mx: {{ehlo_name: probe.test}}
targets:
{targets}
"""
HELLO = b"EHLO probe.test\r\n"
BYE_BYE = b"QUIT\r\n"


@dataclass(frozen=True)
class Case:
    """Where a probe is when SIGTERM comes, and all that its server hears of it."""

    before: Script
    heard: bytes | None  # None: TLS, which never becomes a session
    after: Script = (HOLD,)
    module: str = "mx"


# In step: the server owes a reply, and reads a command next.
CASES = {
    "ehlo": Case(script(GRT, EHLO), HELLO + BYE_BYE),
    "starttls": Case(
        script(GRT, EHS, Expect(b"STARTTLS")), HELLO + b"STARTTLS\r\n" + BYE_BYE
    ),
    "inside": Case(
        script(GRT, EHS, STARTTLS, Tls(), EHLO),
        HELLO + b"STARTTLS\r\n" + HELLO + BYE_BYE,
    ),
}
# Not in step: a word now would be an early talker's, a second goodbye, or no TLS.
CASES |= {
    "silent": Case(script(), b""),
    "greeting": Case(script(b"220-mx.test\r\n"), b""),
    "quit": Case(script(GRT, EHL, QUIT), HELLO + BYE_BYE),
    "handshake": Case(script(GRT, EHS, STARTTLS, ClientHello()), None),
    "implicit": Case(script(ClientHello()), None, module="submissions"),
}
CANCELLED = len(CASES)
# Ends by itself, within the drain.
ENDING = (Wait(1.0), *script(b"250 mx.test\r\n", QUIT, BYE, FIN))
CASES |= {"ending": Case(script(GRT, EHLO), HELLO + BYE_BYE, ENDING)}


@dataclass(frozen=True)
class Reached:
    """A step that tells the test that a script came here."""

    event: threading.Event

    async def play(self, _: Session) -> None:
        """Tell."""
        self.event.set()


def test_sigterm_mid_probe(tmp_path: Path) -> None:
    """Each server that reads a command next hears QUIT, no other does; it exits 0."""
    config, targets = tmp_path / "config.yaml", []
    servers: dict[str, ScriptedServer] = {}
    reached = {name: threading.Event() for name in CASES}
    with ExitStack() as stack:
        for name, case in CASES.items():
            played = script(case.before, Reached(reached[name]), case.after)
            server = stack.enter_context(elsewhere(ScriptedServer(played)))
            servers[name] = server
            targets.append(
                f"  - {{host: 127.0.0.1, port: {server.port}, name: {name}, "
                f"module: {case.module}}}"
            )
        config.write_text(CONFIG.format(targets="\n".join(targets)))
        with world(config) as lives:
            for name, event in reached.items():
                assert event.wait(PATIENCE), name
            begun = time.monotonic()
            assert lives.program.stop() == 0
            took = time.monotonic() - begun
        await_ends(servers)
    assert DRAIN_SECONDS <= took < DRAIN_SECONDS + ENDING_SECONDS
    told = lives.program.log.splitlines()[-1]
    assert f'msg="probes cancelled while stopping" probes={CANCELLED}' in told
    for name, case in CASES.items():
        assert_polite(case, servers[name])


def await_ends(servers: dict[str, ScriptedServer]) -> None:
    """Wait until each server has seen its client go."""
    deadline = time.monotonic() + PATIENCE
    sessions = [session for server in servers.values() for session in server.sessions]
    while not all(session.left or session.closed for session in sessions):
        assert time.monotonic() < deadline, [s.story for s in sessions if not s.left]
        time.sleep(POLL)  # its loop is another thread's; bounded above


def assert_polite(case: Case, server: ScriptedServer) -> None:
    """See what a server heard, and that it was left with FIN."""
    assert server.sessions
    for session in server.sessions:
        assert session.violations == [], session.story
        assert session.left is Left.FIN, session.story
        if case.heard is None:
            assert b"QUIT" not in session.received
        else:
            assert bytes(session.received) == case.heard, session.story
