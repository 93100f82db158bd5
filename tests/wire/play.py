"""Plays rows of the scenario table: opens what a row describes, and probes it.

Holds what was seen and refuses to judge it. Rows mostly wait, so many are played at
once in one loop.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import NamedTuple

from exporter.demo.listener import ScriptedServer, closed_port
from exporter.demo.session import Session
from exporter.outcome import Outcome
from exporter.targets import Target
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
    port: int
    server: ScriptedServer | None


async def play_rows(
    rows: Iterable[Scenario], probing: Probing
) -> dict[str, Played | BaseException]:
    """Play all rows, many at once; a row that crashed has its exception."""
    places = asyncio.Semaphore(AT_ONCE)
    rows = tuple(rows)

    async def in_its_place(row: Scenario, probe: Probe) -> Played:
        async with places:
            return await _play(row, probe)

    async with probing() as probe:
        plays = (in_its_place(row, probe) for row in rows)
        ends = await asyncio.gather(*plays, return_exceptions=True)
    return dict(zip((row.id for row in rows), ends, strict=True))


async def _play(row: Scenario, probe: Probe) -> Played:
    loop = asyncio.get_running_loop()
    async with _opened(row) as (port, server):
        target = Target(
            name=row.id, host=row.host, port=port, module=row.module, interval=60.0
        )
        started = loop.time()
        outcome = await probe(target)
        elapsed = loop.time() - started
        if server is None:
            return Played(outcome, elapsed, (), settled=True)
        settled = await server.settled(SETTLING_SECONDS)
        return Played(outcome, elapsed, tuple(server.sessions), settled)


@asynccontextmanager
async def _opened(row: Scenario) -> AsyncIterator[_Open]:
    match row.port:
        case Port.CLOSED:
            with closed_port(row.host) as port:
                yield _Open(port, None)
        case Port.FILTERED:
            with filtered_port() as port:
                yield _Open(port, None)
        case Port.OPEN:
            async with ScriptedServer(row.script, row.host) as server:
                yield _Open(server.port, server)
