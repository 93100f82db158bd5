"""Whole probes under `dane: enforce`, with a validating Unbound: the five verdicts.

The mail server is a scripted one, whose port its TLSA records have to name; the
addresses of its hosts come from the same Unbound.
"""

from collections.abc import Callable, Coroutine
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from exporter.app import probe_once
from exporter.demo.certificates import Kind, authority, issue
from exporter.demo.listener import ScriptedServer
from exporter.demo.script import EHL, EHS, GRT, QUI_TLS, STARTTLS, Tls, script
from exporter.demo.session import Session
from exporter.outcome import DaneFacts, Failure, Outcome
from exporter.targets import Module, Target
from exporter.vocabulary import Phase, Policy, Reason, TlsMode
from tests.interop.unbound import validating_resolver

# PORT is the server's, LEAF the digest of its certificate, OTHER that of another one.
SIGNED = """\
match       A     127.0.0.1
_PORT._tcp.match    TLSA 3 0 1 LEAF
mismatch    A     127.0.0.1
_PORT._tcp.mismatch TLSA 3 0 1 OTHER
tampered    A     127.0.0.1
absent      A     127.0.0.1
_1._tcp.absent      TLSA 3 0 1 OTHER
"""
BOGUS = """\
_PORT._tcp.tampered TLSA 3 0 1 LEAF
"""
UNSIGNED = """\
insecure    A     127.0.0.1
_PORT._tcp.insecure TLSA 3 0 1 OTHER
"""
OTHER = sha256(issue(Kind.GOOD, "other.dane.test").chain[0]).hexdigest()
INSECURE = "insecure.plain"  # below an unsigned delegation

PROVEN_ABSENT = DaneFacts(True, usable=0, unusable=0)
NOT_VOUCHED_FOR = DaneFacts(False, usable=0, unusable=0)

pytestmark = pytest.mark.peer("unbound")


class Probed(NamedTuple):
    """A probe, and what the server saw of it."""

    outcome: Outcome
    sessions: tuple[Session, ...]

    @property
    def verified(self) -> bool | None:
        """Whether the server was taken for who it should be."""
        return self.outcome.tls.verified if self.outcome.tls else None


Probe = Callable[[str, Kind], Coroutine[Any, Any, Probed]]


@pytest.fixture
def probed(peer: Callable[[str], Path], tmp_path: Path) -> Probe:
    """Probe a server that has this host's certificate, of this kind."""
    unbound = peer("unbound")
    ca_file = tmp_path / "authority"
    ca_file.write_bytes(authority())

    async def run(host: str, kind: Kind) -> Probed:
        name = f"{host}.dane.test"
        leaf = sha256(issue(kind, name).chain[0]).hexdigest()
        tls = Tls(kind, name, sni=name)
        async with ScriptedServer(
            script(GRT, EHS, STARTTLS, tls, EHL, QUI_TLS)
        ) as server:
            zones = (
                text.replace("PORT", str(server.port))
                .replace("LEAF", leaf)
                .replace("OTHER", OTHER)
                for text in (SIGNED, UNSIGNED, BOGUS)
            )
            with validating_resolver(unbound, tmp_path, *zones) as resolver:
                target = _target(name, server.port, ca_file, resolver)
                outcome = await probe_once(target, (resolver,))
            return Probed(outcome, tuple(server.sessions))

    return run


def _target(host: str, port: int, ca_file: Path, resolver: tuple[str, int]) -> Target:
    module = Module(
        name="dane",
        tls=TlsMode.OPPORTUNISTIC,
        verify=Policy.ENFORCE,
        ca_file=str(ca_file),
        dane=Policy.ENFORCE,
        dane_resolver=resolver,
    )
    return Target(name=host, host=host, port=port, module=module, interval=60.0)


async def test_match(probed: Probe) -> None:
    """A server that its signed records describe is verified without any authority."""
    seen = await probed("match", Kind.SELF_SIGNED)

    assert seen.outcome.success
    assert seen.outcome.dane == DaneFacts(True, usable=1, unusable=0, verified=True)
    assert seen.verified is True


async def test_mismatch(probed: Probe) -> None:
    """Signed records of another certificate fail a server, whoever vouches for it."""
    seen = await probed("mismatch", Kind.GOOD)

    assert seen.outcome.failure == Failure(Phase.TLS, Reason.DANE_MISMATCH)
    assert seen.outcome.dane == DaneFacts(True, usable=1, unusable=0, verified=False)
    assert seen.verified is False


async def test_bogus(probed: Probe) -> None:
    """Records with a broken signature fail the probe, and nobody is connected to."""
    seen = await probed("tampered", Kind.GOOD)

    assert seen.outcome.failure == Failure(Phase.DNS, Reason.DNSSEC_BOGUS)
    assert seen.outcome.dane == DaneFacts(False, usable=0, unusable=0, verified=False)
    assert seen.sessions == ()


@pytest.mark.parametrize(
    ("host", "dane"), [("absent", PROVEN_ABSENT), (INSECURE, NOT_VOUCHED_FOR)]
)
async def test_no_records(probed: Probe, host: str, dane: DaneFacts) -> None:
    """Without signed records the authorities vouch for a server."""
    seen = await probed(host, Kind.GOOD)

    assert seen.outcome.success
    assert seen.outcome.dane == dane
    assert seen.verified is True


@pytest.mark.parametrize(
    ("host", "dane"), [("absent", PROVEN_ABSENT), (INSECURE, NOT_VOUCHED_FOR)]
)
async def test_no_records_and_no_trust(
    probed: Probe, host: str, dane: DaneFacts
) -> None:
    """Without signed records a server that no authority vouches for is refused."""
    seen = await probed(host, Kind.SELF_SIGNED)

    assert seen.outcome.failure == Failure(Phase.TLS, Reason.UNTRUSTED)
    assert seen.outcome.dane == dane
    assert seen.verified is False
