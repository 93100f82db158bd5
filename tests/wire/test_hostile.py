"""Hostile servers cost a probe neither more time than its limits nor much memory.

The servers are a process of their own, so that nothing they do is counted. Memory is
all that Python allocates between the start of a probe and its end, at its highest, by
whatever file: tracemalloc is started right before, so what was there earlier counts
nothing, and no filter is needed. What the kernel keeps in its buffers is not ours.

Time is judged by the best of a few tries: a busy machine only ever adds to it, so a
probe that is late by itself is late in each.
"""

import gc
import json
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import pytest

from exporter.demo.listener import LOOPBACK
from exporter.outcome import Outcome
from exporter.targets import Target
from tests.scenarios import ENVIRONMENT
from tests.wire.hostile import ATTACKS, RESETS_AT_ONCE, SECRET, Attack
from tests.wire.play import Probe, Probing

T = TypeVar("T")
InLoop = Callable[[Coroutine[Any, Any, T]], T]
Ports = dict[str, int]

MEMORY = 256 * 1024
GRACE = 0.1
TRIES = 4
RESETS = 100
HARMLESS = ATTACKS[:2]


class Cost(NamedTuple):
    """What one probe came to."""

    outcome: Outcome
    seconds: float
    octets: int


@pytest.fixture(scope="module")
def ports() -> Iterator[Ports]:
    """Give the port of each attack, played by a process of its own."""
    with subprocess.Popen(
        (sys.executable, "-m", "tests.wire.hostile"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        found: Ports = json.loads(process.stdout.readline())
        yield found


def _target(attack: Attack, ports: Ports, files: Path) -> Target:
    return Target(
        name=attack.name,
        host=LOOPBACK,
        port=ports[attack.name],
        module=replace(attack.module, ca_file=str(files / "authority")),
        interval=60.0,
    )


async def _cost(probe: Probe, target: Target) -> Cost:
    gc.collect()
    tracemalloc.start()
    try:
        started = time.monotonic()
        outcome = await probe(target)
        seconds = time.monotonic() - started
        _, octets = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return Cost(outcome, seconds, octets)


async def _costs(
    probing: Probing, attack: Attack, ports: Ports, files: Path
) -> list[Cost]:
    """Probe until a try is in time; what is made but once is made before."""
    costs: list[Cost] = []
    async with probing() as probe:
        for harmless in HARMLESS:
            await probe(_target(harmless, ports, files))
        while len(costs) < TRIES:
            costs.append(await _cost(probe, _target(attack, ports, files)))
            if costs[-1].seconds <= attack.within + GRACE:
                break
    return costs


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_cost(
    in_loop: InLoop[list[Cost]],
    probing: Probing,
    ports: Ports,
    attack: Attack,
    secrets: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A probe ends in its limit and within 256 KiB, and knows what it met."""
    monkeypatch.setenv(SECRET, ENVIRONMENT[SECRET])

    costs = in_loop(_costs(probing, attack, ports, secrets))

    seconds = min(cost.seconds for cost in costs)
    octets = max(cost.octets for cost in costs)
    assert {_end(cost.outcome) for cost in costs} == {attack.end}
    assert seconds <= attack.within + GRACE
    assert octets <= MEMORY


def _end(outcome: Outcome) -> str:
    failure = outcome.failure
    failed = f" {failure.phase} {failure.reason}" if failure else ""
    return f"{outcome.close}{failed}"


def test_resets(
    in_loop: InLoop[set[str]], probing: Probing, ports: Ports, secrets: Path
) -> None:
    """A connection that is reset at once never crashes a probe, wherever it strikes."""
    target = _target(RESETS_AT_ONCE, ports, secrets)

    async def probe_often() -> set[str]:
        async with probing() as probe:
            return {_end(await probe(target)) for _ in range(RESETS)}

    assert in_loop(probe_often()) == {RESETS_AT_ONCE.end}
