"""The loops that everything is played on, and the probe under test."""

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest
import uvloop

from exporter.demo.certificates import authority
from exporter.probe.policies import Policies
from exporter.probe.resolve import Resolver
from exporter.probe.run import World, probe
from exporter.probe.trust import Trust
from exporter.vocabulary import IpFamily
from tests.scenarios import CERTIFICATE_FILES, ENVIRONMENT, FILES, Scenario
from tests.wire.play import NO_RESOLVER, Played, Probe, Probing, Server, play_rows

T = TypeVar("T")

_LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}


@asynccontextmanager
async def _probing(
    dns_server: Server = NO_RESOLVER, policy_port: int | None = None
) -> AsyncIterator[Probe]:
    resolver = Resolver((dns_server,))
    policies = _policies(resolver, policy_port) if policy_port else None
    world = World(resolver=resolver, trust=Trust(), policies=policies)
    try:
        yield partial(probe, world=world)
    finally:
        await world.close()


def _policies(resolver: Resolver, port: int) -> Policies:
    return Policies(
        resolver.texts,
        partial(resolver.addresses, family=IpFamily.ANY),
        trust=ssl.create_default_context(cadata=authority().decode("ascii")),
        port=port,
    )


@pytest.fixture(scope="session")
def probing() -> Probing:
    """Give the probe under test, as a function of the target alone."""
    return _probing


# The loop that is used, where the ring is run all day; every loop, where all is tested.
_PLAYED = tuple(_LOOPS) if "EVERY_LOOP" in os.environ else ("uvloop",)


@pytest.fixture(scope="session", params=_PLAYED)
def in_loop(request: pytest.FixtureRequest) -> Callable[[Coroutine[Any, Any, T]], T]:
    """Run a coroutine to its end, in a fresh loop of the kind under test."""

    def run(coroutine: Coroutine[Any, Any, T]) -> T:
        with asyncio.Runner(loop_factory=_LOOPS[request.param]) as runner:
            return runner.run(coroutine)

    return run


@pytest.fixture(scope="session")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder of the files that hold the table's secrets."""
    folder = tmp_path_factory.mktemp("secrets")
    for name, content in (FILES | CERTIFICATE_FILES).items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture(scope="session")
def played(
    request: pytest.FixtureRequest,
    probing: Probing,
    secrets: Path,
    in_loop: Callable[
        [Coroutine[Any, Any, dict[str, Played | BaseException]]],
        dict[str, Played | BaseException],
    ],
) -> dict[str, Played | BaseException]:
    """Play every row that a selected test asks for, once for each kind of loop."""
    rows: dict[str, Scenario] = {}
    for item in request.session.items:
        row = item.callspec.params.get("row") if hasattr(item, "callspec") else None
        if isinstance(row, Scenario):
            rows[row.id] = row
    with pytest.MonkeyPatch.context() as environment:
        for name, value in ENVIRONMENT.items():
            environment.setenv(name, value)
        return in_loop(play_rows(rows.values(), probing, secrets))
