"""Plays rows of the scenario table: opens what a row describes, and probes it.

Holds what was seen and refuses to judge it. Rows mostly wait, so many are played at
once in one loop.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    suppress,
)
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, Protocol

from exporter.demo.listener import UNIX, ScriptedServer, closed_port
from exporter.demo.session import Session
from exporter.discovery.exchangers import expand, unresolved
from exporter.outcome import Outcome
from exporter.probe.resolve import Resolver
from exporter.smtp.exchange import Interrupted
from exporter.targets import MailDomain, Module, SecretSource, Target
from tests.nameserver import name_server
from tests.scenarios import Port, Scenario
from tests.wire.neighbours import neighbours
from tests.wire.ports import filtered_port

Probe = Callable[[Target], Awaitable[Outcome]]
Server = tuple[str, int]
# Nobody answers there; a target that is a literal asks nobody.
NO_RESOLVER = ("127.0.0.1", 1)


class Probing(Protocol):
    """Gives the probe under test, which asks this DNS server."""

    def __call__(
        self, dns_server: Server = NO_RESOLVER
    ) -> AbstractAsyncContextManager[Probe]:
        """Give it for the time of a with-block."""


# More at once would make them late on a busy machine; fewer would take too long.
AT_ONCE = 40
# A session ends as soon as the client closes; this is only for one that never does.
SETTLING_SECONDS = 3.0
# A free port of one address is nearly always free at the others.
FREE_PORT_TRIES = 20


class Played(NamedTuple):
    """What one row came to, on both sides."""

    target: Target
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
        module = _with_secrets(row.module, secrets)
        async with places:
            if row.zones is None:
                return await _play(row, module, probe, NO_RESOLVER)
            async with (
                name_server(row.zones) as server,
                probing(server.address) as probe_by_name,
            ):
                return await _play(row, module, probe_by_name, server.address)

    async with probing() as probe:
        plays = (in_its_place(row, probe) for row in rows)
        ends = await asyncio.gather(*plays, return_exceptions=True)
    return dict(zip((row.id for row in rows), ends, strict=True))


def _with_secrets(module: Module, secrets: Path) -> Module:
    """Give the module with its files where the ring has put them."""
    keys = ("ca_file", "cert_file", "key_file")
    named = {key: getattr(module, key) for key in keys}
    paths: dict[str, Any] = {
        key: str(secrets / name) for key, name in named.items() if name
    }
    module = replace(module, **paths)
    if module.auth is None or module.auth.password.file is None:
        return module
    password = SecretSource(file=str(secrets / module.auth.password.file))
    return replace(module, auth=replace(module.auth, password=password))


async def _play(
    row: Scenario, module: Module, probe: Probe, dns_server: Server
) -> Played:
    loop = asyncio.get_running_loop()
    async with _opened(row) as (host, port, server):
        target = Target(
            name=row.id, host=row.name or host, port=port, module=module, interval=60.0
        )
        if row.domain:
            target = await _exchanger(row, target, dns_server)
        started = loop.time()
        outcome = await probe(target)
        elapsed = loop.time() - started
        if server is None:
            return Played(target, outcome, elapsed, (), settled=True)
        settled = await server.settled(SETTLING_SECONDS)
        return Played(target, outcome, elapsed, tuple(server.sessions), settled)


async def _exchanger(row: Scenario, target: Target, dns_server: Server) -> Target:
    """Find the exchanger that the row names, as the exporter does; or the domain."""
    domain = MailDomain(
        domain=row.domain,
        port=target.port,
        module=target.module,
        interval=target.interval,
    )
    resolver = Resolver((dns_server,))
    try:
        async with asyncio.timeout(target.module.timeouts.dns):
            targets = expand(domain, await resolver.exchangers(row.domain))
    except (Interrupted, TimeoutError):
        targets = (unresolved(domain),)
    finally:
        await resolver.close()
    (wanted,) = (one for one in targets if one.host == (row.name or row.domain))
    return wanted


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
            case Port.OPEN | Port.SPARED:
                async with _served(row, host) as server:
                    yield _Open(host, server.port, server)


@asynccontextmanager
async def _served(row: Scenario, host: str) -> AsyncIterator[ScriptedServer]:
    """Serve a port that the row's other addresses have as well."""
    async with AsyncExitStack() as stack:
        for _ in range(FREE_PORT_TRIES):
            server = ScriptedServer(row.script, host)
            await stack.enter_async_context(server)
            with suppress(OSError):
                stack.enter_context(neighbours(row.beside, server.port))
                break
        else:
            raise OSError(f"no port is free at {host} and {', '.join(row.beside)}")
        yield server
