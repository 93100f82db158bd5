"""Figures of a busy exporter: the loop comes late, and what the kernel saw counts."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from exporter.demo.listener import LOOPBACK
from exporter.demo.script import BYE, FIN, GRT, QUIT, Script, Wait, script
from exporter.outcome import Outcome
from exporter.probe.clock import stamping
from exporter.targets import Module, Target
from exporter.vocabulary import Close, Phase
from tests.conftest import missing_peer
from tests.e2e.scripted import scripted_server
from tests.wire.play import Probing

LATE = 0.06  # how long the loop is blocked, again and again
PAUSE = 0.03  # between what the server says and what it does next
EXACT = 0.02  # far below LATE; kernel figures are off by less, jiffies included


async def _busy(probing: Probing, script: Script) -> Outcome:
    """Probe a server while callbacks block the loop for most of the time."""

    def block() -> None:
        time.sleep(LATE)
        loop.call_later(0.001, block)

    loop = asyncio.get_running_loop()
    with scripted_server(script) as port:
        module = Module(name="banner", ehlo=False)
        target = Target(
            name="late", host=LOOPBACK, port=port, module=module, interval=60.0
        )
        async with probing() as probe:
            loop.call_soon(block)
            return await probe(target)


@pytest.fixture(autouse=True)
def _kernel() -> None:
    with stamping() as stamped:
        if not stamped:
            missing_peer("this kernel does not time what it receives")


@pytest.mark.parametrize(
    "late", [script(GRT, QUIT, BYE, Wait(PAUSE), FIN), script(GRT, QUIT, BYE, FIN)]
)
def test_goodbye(
    late: Script,
    probing: Probing,
    in_loop: Callable[[Coroutine[Any, Any, Outcome]], Outcome],
) -> None:
    """The answer to QUIT is timed without the loop's lateness or the close."""
    outcome = in_loop(_busy(probing, late))

    record = outcome.record(Phase.QUIT)
    assert record is not None
    assert record.seconds < EXACT
    assert outcome.close is Close.CLEAN


def test_greeting(
    probing: Probing, in_loop: Callable[[Coroutine[Any, Any, Outcome]], Outcome]
) -> None:
    """A greeting after 30 ms takes 30 ms, however late it is read."""
    outcome = in_loop(_busy(probing, script(Wait(PAUSE), GRT, QUIT, BYE, FIN)))

    record = outcome.record(Phase.GREETING)
    assert record is not None
    assert PAUSE - 0.001 <= record.seconds < PAUSE + EXACT
