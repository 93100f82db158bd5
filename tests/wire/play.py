"""Plays rows of the scenario table: opens what a row describes, and probes it.

Holds what was seen and refuses to judge it. Rows mostly wait, so many are played at
once in one loop; one that takes something from the whole process is played alone.
"""

import asyncio
import os
import resource
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    asynccontextmanager,
    contextmanager,
)
from dataclasses import replace
from ipaddress import IPv4Address
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, Protocol

from aiohttp import web
from dns.rcode import Rcode

from exporter.demo.listener import LOOPBACK, UNIX, ScriptedServer, closed_port
from exporter.demo.session import Session
from exporter.demo.tls_context import Options, server_context
from exporter.discovery.exchangers import expand, unresolved
from exporter.outcome import Outcome
from exporter.probe.policy_hosts import PATH
from exporter.probe.resolve import Resolver
from exporter.smtp.exchange import Interrupted
from exporter.targets import MailDomain, Module, SecretSource, Target
from tests.nameserver import name_server
from tests.scenarios import Port, Says, Scenario, Vouched
from tests.wire.neighbours import served_beside
from tests.wire.ports import filtered_port
from tests.wire.test_tlsa import Told, asking

Probe = Callable[[Target], Awaitable[Outcome]]
Server = tuple[str, int]
# Nobody answers there; a target that is a literal asks nobody.
NO_RESOLVER = ("127.0.0.1", 1)


class Probing(Protocol):
    """Gives the probe under test, which asks this DNS server.

    It knows MTA-STS where there is a port that policy hosts listen on.
    """

    def __call__(
        self, dns_server: Server = NO_RESOLVER, policy_port: int | None = None
    ) -> AbstractAsyncContextManager[Probe]:
        """Give it for the time of a with-block."""


# More at once would make them late on a busy machine; fewer would take too long.
AT_ONCE = 40
# A session ends as soon as the client closes; this is only for one that never does.
SETTLING_SECONDS = 3.0
# Each row's DNS server has an address of its own. In a crowd at one address a port that
# is free over TCP may be taken over UDP, and uvloop leaves a failed bind unclosed.
FIRST_DNS_SERVER = IPv4Address("127.1.0.1")
# A client of a policy host has gone when its probe has ended.
POLICY_HOST_SECONDS = 1.0

_TOLD = {
    Says.SECURE: Told(),
    Says.INSECURE: Told(secure=False),
    Says.BOGUS: Told(bogus=True),
    Says.FAILS: Told(rcode=Rcode.SERVFAIL),
    Says.SILENT: Told(silent=1000),
}


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
    places, numbers = asyncio.Semaphore(AT_ONCE), count()
    played: dict[str, Played | BaseException] = {}

    async def in_its_place(row: Scenario, probe: Probe) -> Played:
        module = _with_secrets(row.module, secrets)
        async with places:
            if row.zones is None:
                return await _play(row, module, probe, NO_RESOLVER)
            address = str(FIRST_DNS_SERVER + next(numbers))
            async with (
                name_server(row.zones, address) as server,
                policy_host(row.published) as policy_port,
                probing(server.address, policy_port) as probe_by_name,
            ):
                return await _play(row, module, probe_by_name, server.address)

    async with probing() as probe:
        for some in _in_turn(rows):
            plays = (in_its_place(row, probe) for row in some)
            ends = await asyncio.gather(*plays, return_exceptions=True)
            played |= zip((row.id for row in some), ends, strict=True)
    return played


def _in_turn(rows: Iterable[Scenario]) -> Iterator[list[Scenario]]:
    """Give the rows that may be played together, and then each of the others."""
    rows = tuple(rows)
    yield [row for row in rows if row.port is not Port.STARVED]
    yield from ([row] for row in rows if row.port is Port.STARVED)


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
    async with (
        _opened(row) as (host, port, server),
        _validating(row.tlsa, row.name or row.domain, port) as validator,
    ):
        module = replace(module, dane_resolver=validator)
        target = Target(
            name=row.id, host=row.name or host, port=port, module=module, interval=60.0
        )
        if row.domain:
            target = await _exchanger(row, target, dns_server)
        with _room(row):
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
async def policy_host(text: str | None) -> AsyncIterator[int | None]:
    """Serve a policy of `mail.test` over HTTPS, and give the port; None serves none."""
    if text is None:
        yield None
        return

    async def send(_: web.Request) -> web.StreamResponse:
        return web.Response(text=text)

    application = web.Application()
    application.router.add_get(PATH, send)
    runner = web.AppRunner(
        application, access_log=None, shutdown_timeout=POLICY_HOST_SECONDS
    )
    await runner.setup()
    try:
        context = server_context(Options(name="mta-sts.mail.test"))
        await web.TCPSite(runner, LOOPBACK, 0, ssl_context=context).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@asynccontextmanager
async def _validating(
    vouched: Vouched | None, name: str, port: int
) -> AsyncIterator[Server | None]:
    """Run the resolver that knows the TLSA records of this host and port."""
    if vouched is None:
        yield None
    elif vouched.says is Says.ABSENT:
        yield NO_RESOLVER
    else:
        async with asking(_table(vouched, f"{name.removesuffix('.')}.", port)) as it:
            yield it.address


def _table(vouched: Vouched, host: str, port: int) -> dict[str, Told]:
    base = f"{vouched.alias_of}." if vouched.alias_of else host
    alias = f"{host} CNAME {base}\n" if vouched.alias_of else ""
    owner = f"_{port}._tcp.{base} TLSA"
    lines = "\n".join(f"{owner} {record}" for record in vouched.records)
    return {
        f"{host} A": Told(
            f"{alias}{base} A {LOOPBACK}", secure=vouched.says is not Says.INSECURE
        ),
        owner: _TOLD[vouched.says]._replace(records=lines),
    }


@contextmanager
def _room(row: Scenario) -> Iterator[None]:
    """Leave the process the descriptors that it has, and none more for some rows."""
    if row.port is not Port.STARVED:
        yield
        return
    usual = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.open(os.devnull, os.O_RDONLY)
    os.close(free)  # the lowest number that is free: all below are taken
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, usual[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, usual)


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
            case Port.OPEN | Port.SPARED | Port.STARVED:
                async with served_beside(row.script, host, row.beside) as server:
                    yield _Open(host, server.port, server)
