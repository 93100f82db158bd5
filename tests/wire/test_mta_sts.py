"""What no single row of MTA-STS policies can tell: what probes find as time passes.

The rows themselves are in tests/scenarios.py. The clock of the policies is the test's,
and so is what the DNS says; the exchanger's address is given.
"""

import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from exporter.demo.certificates import authority
from exporter.demo.listener import LOOPBACK, ScriptedServer
from exporter.demo.script import EHL, EHS, GRT, QUI_TLS, STARTTLS, Tls, script
from exporter.outcome import Failure, Outcome, StsFacts
from exporter.probe.policies import Policies
from exporter.probe.resolve import Address, Resolver
from exporter.probe.run import World, probe
from exporter.probe.trust import Trust
from exporter.smtp.exchange import Interrupted
from exporter.targets import Exchanger, Module, Target
from exporter.vocabulary import Family, Phase, Reason, StsMode
from tests.scenarios import BY_POLICY, LIMITS, POLICY_SECONDS, policy_file
from tests.wire.play import NO_RESOLVER, policy_host
from tests.wire.ports import filtered_port

EXCHANGER = "a.test"
SCRIPT = script(GRT, EHS, STARTTLS, Tls(name=EXCHANGER), EHL, QUI_TLS)
SATISFIED = policy_file("enforce", EXCHANGER)
OTHERS = policy_file("enforce", "b.test")
START = 1_700_000_000.0
END = START + POLICY_SECONDS
MISMATCH = Failure(Phase.DNS, Reason.STS_MISMATCH)
SOON = 0.3

InLoop = Callable[[Coroutine[Any, Any, Any]], Any]
Act = Callable[["Scene"], Coroutine[Any, Any, None]]
Play = Callable[..., None]


class Scene:
    """An exchanger, its domain's policy host, and the probe under test."""

    def __init__(self, module: Module) -> None:
        """Set out with a record, and the module to probe by."""
        self.now = START
        self.record = b"v=STSv1; id=1;"
        self.lookups: list[str] = []  # of policy hosts: one for each fetch
        self.module = module
        self.world: World
        self.port: int
        self.policy_host = AsyncExitStack()

    async def texts(self, name: str) -> tuple[bytes, ...]:
        """Answer as the DNS."""
        if not self.record:
            raise Interrupted(Reason.NXDOMAIN)
        assert name == "_mta-sts.mail.test"
        return (self.record,)

    async def addresses(self, host: str) -> tuple[Address, ...]:
        """Answer as the resolver of policy hosts."""
        self.lookups.append(host)
        return (Address(LOOPBACK, Family.IPV4),)

    async def probe(self) -> Outcome:
        """Probe the exchanger."""
        target = Target(
            name=f"mail.test/{EXCHANGER}",
            host=EXCHANGER,
            port=self.port,
            module=self.module,
            interval=60.0,
            exchanger=Exchanger(domain="mail.test", preference=10),
            address=LOOPBACK,
        )
        return await probe(target, self.world)


@pytest.fixture
def play(in_loop: InLoop, secrets: Path) -> Play:
    """Run a test's coroutine on a scene whose domain publishes this policy."""
    module = replace(BY_POLICY, ca_file=str(secrets / "authority"))

    async def run(act: Act, published: str | None) -> None:
        async with _scene(module, published) as scene:
            await act(scene)

    return lambda act, published=SATISFIED: in_loop(run(act, published))


@asynccontextmanager
async def _scene(module: Module, published: str | None) -> AsyncIterator[Scene]:
    """Set the scene; a policy host that publishes nothing answers no SYN."""
    scene = Scene(module)
    with ExitStack() as ports:
        async with ScriptedServer(SCRIPT) as server, scene.policy_host:
            port = await scene.policy_host.enter_async_context(policy_host(published))
            policies = Policies(
                scene.texts,
                scene.addresses,
                trust=ssl.create_default_context(cadata=authority().decode("ascii")),
                port=port or ports.enter_context(filtered_port()),
                now=lambda: scene.now,
            )
            scene.port = server.port
            scene.world = World(
                resolver=Resolver((NO_RESOLVER,)), trust=Trust(), policies=policies
            )
            try:
                yield scene
            finally:
                await scene.world.close()


def test_kept(play: Play) -> None:
    """A policy is fetched once for many probes, and its end is told by each."""

    async def act(scene: Scene) -> None:
        for _ in range(3):
            outcome = await scene.probe()
            assert outcome.success
            assert outcome.sts == StsFacts(StsMode.ENFORCE, END, verified=True)
            scene.now += 1
        assert scene.lookups == ["mta-sts.mail.test"]

    play(act)


def test_kept_without_policy_host(play: Play) -> None:
    """To its end a policy is enforced, although its host and its record are gone."""

    async def act(scene: Scene) -> None:
        await scene.probe()
        await scene.policy_host.aclose()
        scene.record = b""
        scene.now = END - 1
        outcome = await scene.probe()
        assert outcome.failure == MISMATCH
        assert outcome.sts == StsFacts(StsMode.ENFORCE, END, verified=False)

    play(act, OTHERS)


def test_expired(play: Play) -> None:
    """A policy that has expired and cannot be had again fails no probe."""

    async def act(scene: Scene) -> None:
        before = await scene.probe()
        await scene.policy_host.aclose()
        scene.now = END
        outcome = await scene.probe()
        assert before.failure == MISMATCH
        assert outcome.success
        assert outcome.sts == StsFacts(None, None, verified=False)
        assert outcome.tls
        assert outcome.tls.verified

    play(act, OTHERS)


def test_expired_without_record(play: Play) -> None:
    """Nor does one that has expired and was withdrawn, and nothing is wrong then."""

    async def act(scene: Scene) -> None:
        await scene.probe()
        scene.record = b""
        scene.now = END
        outcome = await scene.probe()
        assert outcome.success
        assert outcome.sts == StsFacts(None, None)
        assert scene.lookups == ["mta-sts.mail.test"]

    play(act, OTHERS)


def test_new_record(play: Play) -> None:
    """A new id whose policy cannot be had leaves the one from before in force."""

    async def act(scene: Scene) -> None:
        await scene.probe()
        await scene.policy_host.aclose()
        scene.record = b"v=STSv1; id=2;"
        outcome = await scene.probe()
        assert outcome.success
        assert outcome.sts == StsFacts(StsMode.ENFORCE, END, verified=True)
        assert len(scene.lookups) == 2

    play(act)


def test_slow_policy_host(play: Play) -> None:
    """A policy host is waited for as long as for a name; then the probe goes on."""

    async def act(scene: Scene) -> None:
        scene.module = replace(scene.module, timeouts=replace(LIMITS, dns=SOON))
        outcome = await scene.probe()
        assert outcome.success
        assert SOON <= outcome.duration < LIMITS.dns
        assert outcome.sts == StsFacts(None, None, verified=False)

    play(act, None)


@pytest.mark.parametrize(
    ("published", "said"),
    [
        (OTHERS, f"the MTA-STS policy of mail.test does not name {EXCHANGER}"),
        ("", "MTA-STS policy of mail.test: the policy has no `version`"),
    ],
)
def test_transcript(play: Play, published: str, said: str) -> None:
    """The transcript says what is wrong with a policy, or with the host by it."""

    async def act(scene: Scene) -> None:
        outcome = await scene.probe()
        assert said in [line.text for line in outcome.transcript]

    play(act, published)
