"""What no single row of TLSA records can tell: what is asked, and what is not kept.

The rows themselves are in tests/scenarios.py. The host's address is given, so that the
resolver that validates is the only one that is asked.
"""

from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from exporter.demo.listener import LOOPBACK, ScriptedServer
from exporter.demo.script import EHL, EHS, GRT, QUI_TLS, STARTTLS, Tls, script
from exporter.outcome import Failure, Outcome
from exporter.targets import Target
from exporter.vocabulary import Phase, Policy, Reason
from tests.scenarios import DANE, OF_LEAF, OF_OWN, REFUTED, VOUCHED
from tests.wire.play import Probing
from tests.wire.test_tlsa import Told, Validator, asking

HOST = "mail.test."
SCRIPT = script(GRT, EHS, STARTTLS, Tls(), EHL, QUI_TLS)

InLoop = Callable[[Coroutine[Any, Any, Any]], Any]


class Scene(NamedTuple):
    """A server, the resolver that knows its records, and the probe under test."""

    table: dict[str, Told]
    owner: str  # of the records
    validator: Validator
    probe: Callable[[Policy], Coroutine[Any, Any, Outcome]]

    def publish(self, record: str, **told: Any) -> None:
        """Have the resolver tell of this record, and of no other."""
        lines = f"{self.owner} TLSA {record}"
        self.table[f"{self.owner} TLSA"] = Told(lines, **told)


@pytest.fixture
def play(
    in_loop: InLoop, probing: Probing, secrets: Path
) -> Callable[[Callable[[Scene], Coroutine[Any, Any, None]]], None]:
    """Run a test's coroutine on a scene."""

    async def run(act: Callable[[Scene], Coroutine[Any, Any, None]]) -> None:
        table = {f"{HOST} A": Told(f"{HOST} A {LOOPBACK}")}
        async with (
            ScriptedServer(SCRIPT) as server,
            asking(table) as (resolver, validator),
            probing() as probe,
        ):
            module = replace(
                DANE, ca_file=str(secrets / "authority"), dane_resolver=resolver
            )

            async def probed(policy: Policy) -> Outcome:
                target = Target(
                    name="mail",
                    host=HOST,
                    port=server.port,
                    module=replace(module, dane=policy),
                    interval=60.0,
                    address=LOOPBACK,
                )
                return await probe(target)

            await act(Scene(table, f"_{server.port}._tcp.{HOST}", validator, probed))

    return lambda act: in_loop(run(act))


Play = Callable[[Callable[[Scene], Coroutine[Any, Any, None]]], None]


def test_questions(play: Play) -> None:
    """The records are those of the target's own port and host, asked for once."""

    async def act(scene: Scene) -> None:
        scene.publish(OF_LEAF)
        outcome = await scene.probe(Policy.ENFORCE)
        assert outcome.dane == VOUCHED
        asked = [
            f"{question.name} {question.kind}" for question in scene.validator.asked
        ]
        assert asked == [f"{HOST} A", f"{scene.owner} TLSA"]

    play(act)


def test_phase(play: Play) -> None:
    """The lookup is the phase dns, also where no address has to be looked up."""

    async def act(scene: Scene) -> None:
        scene.publish(OF_LEAF)
        outcome = await scene.probe(Policy.ENFORCE)
        assert outcome.success
        assert outcome.completed(Phase.DNS)
        assert outcome.resolved is None

    play(act)


def test_nobody_is_asked(play: Play) -> None:
    """A module without DANE has its validating resolver left alone."""

    async def act(scene: Scene) -> None:
        scene.publish(OF_OWN)
        outcome = await scene.probe(Policy.OFF)
        assert outcome.success
        assert outcome.dane is None
        assert outcome.record(Phase.DNS) is None
        assert scene.validator.asked == []

    play(act)


def test_records_change(play: Play) -> None:
    """A chain that was vouched for is held against the records anew by each probe."""

    async def act(scene: Scene) -> None:
        verdicts = []
        for record in (OF_LEAF, OF_OWN, OF_LEAF):
            scene.publish(record)
            outcome = await scene.probe(Policy.ENFORCE)
            verdicts.append((outcome.failure, outcome.dane))
        mismatch = Failure(Phase.TLS, Reason.DANE_MISMATCH)
        assert verdicts == [(None, VOUCHED), (mismatch, REFUTED), (None, VOUCHED)]

    play(act)


@pytest.mark.parametrize("policy", [Policy.REPORT, Policy.ENFORCE])
def test_transcript_of_failure(play: Play, policy: Policy) -> None:
    """The transcript says which question has failed and how."""

    async def act(scene: Scene) -> None:
        scene.publish(OF_LEAF, bogus=True)
        outcome = await scene.probe(policy)
        asked = f"TLSA {scene.owner.removesuffix('.')}"
        (said,) = (s for s in outcome.transcript if s.text.startswith(asked))
        assert said.phase is Phase.DNS
        assert said.text == f"{asked}: {Reason.DNSSEC_BOGUS.meaning}"

    play(act)


def test_transcript(play: Play) -> None:
    """The transcript says how many records are there."""

    async def act(scene: Scene) -> None:
        scene.publish(OF_LEAF)
        outcome = await scene.probe(Policy.ENFORCE)
        texts = [said.text for said in outcome.transcript]
        assert "1 signed TLSA records, 1 usable" in texts

    play(act)
