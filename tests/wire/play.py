"""Plays rows of the scenario table: opens what a row describes, and probes it.

Holds what was seen and refuses to judge it. Rows mostly wait, so many are played at
once in one loop.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from exporter.demo.listener import UNIX, ScriptedServer, closed_port
from exporter.demo.session import Session
from exporter.outcome import Outcome
from exporter.targets import Module, SecretSource, Target
from tests.scenarios import Port, Scenario
from tests.wire.ports import filtered_port

Probe = Callable[[Target], Awaitable[Outcome]]
Probing = Callable[[], AbstractAsyncContextManager[Probe]]

# More at once would make them late on a busy machine; fewer would take too long.
AT_ONCE = 40
# A session ends as soon as the client closes; this is only for one that never does.
SETTLING_SECONDS = 3.0


class Played(NamedTuple):
    """What one row came to, on both sides."""

    outcome: Outcome
    elapsed: float
    sessions: tuple[Session, ...]
    settled: bool  # the client closed every connection


class _Open(NamedTuple):
    host: str
    port: int
    server: ScriptedServer | None


async def play_rows(
    rows: Iterable[Scenario], probing: Probing, secrets: Path
) -> dict[str, Played | BaseException]:
    """Play all rows, many at once; a row that crashed has its exception.

    `secrets` is the folder of the files that rows name.
    """
    places = asyncio.Semaphore(AT_ONCE)
    rows = tuple(rows)

    async def in_its_place(row: Scenario, probe: Probe) -> Played:
        async with places:
            return await _play(row, probe, _with_secrets(row.module, secrets))

    async with probing() as probe:
        plays = (in_its_place(row, probe) for row in rows)
        ends = await asyncio.gather(*plays, return_exceptions=True)
    return dict(zip((row.id for row in rows), ends, strict=True))


def _with_secrets(module: Module, secrets: Path) -> Module:
    if module.auth is None or module.auth.password.file is None:
        return module
    password = SecretSource(file=str(secrets / module.auth.password.file))
    return replace(module, auth=replace(module.auth, password=password))


async def _play(row: Scenario, probe: Probe, module: Module) -> Played:
    loop = asyncio.get_running_loop()
    async with _opened(row) as (host, port, server):
        target = Target(name=row.id, host=host, port=port, module=module, interval=60.0)
        started = loop.time()
        outcome = await probe(target)
        elapsed = loop.time() - started
        if server is None:
            return Played(outcome, elapsed, (), settled=True)
        settled = await server.settled(SETTLING_SECONDS)
        return Played(outcome, elapsed, tuple(server.sessions), settled)


@asynccontextmanager
async def _opened(row: Scenario) -> AsyncIterator[_Open]:
    # A Unix socket's path has 108 octets at most, and pytest's folders have long names.
    with TemporaryDirectory(prefix="mx") as folder:
        host = f"{UNIX}{folder}/socket" if row.host == UNIX else row.host
        match row.port:
            case Port.CLOSED:
                with closed_port(host) as port:
                    yield _Open(host, port, None)
            case Port.FILTERED:
                with filtered_port() as port:
                    yield _Open(host, port, None)
            case Port.ABSENT:
                yield _Open(host, 0, None)
            case Port.OPEN:
                async with ScriptedServer(row.script, host) as server:
                    yield _Open(host, server.port, server)
