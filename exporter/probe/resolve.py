"""What the DNS says of a name: addresses, exchangers and texts, by c-ares.

Addresses come with hosts file, resolv.conf, search lists and ndots; a mail domain and
the name of texts are absolute. Address literals are never looked up.

Every probe asks anew. c-ares would keep answers for their TTL and "no data" for an
hour, and its binding has no switch for that; so a channel, with all that it keeps and
whatever nobody waits for any more, is replaced after a second. What is asked twice
within that second may be answered without a question, and then takes no time.
"""

import asyncio
import ipaddress
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import lru_cache
from typing import NamedTuple

import pycares

from exporter.probe.channel import Channel
from exporter.smtp.exchange import Interrupted
from exporter.smtp.exchangers import MailExchangers, exchangers, implicit
from exporter.vocabulary import Family, IpFamily, Reason


class Address(NamedTuple):
    """An address literal and its family.

    Without a family it is the path of a Unix socket.
    """

    literal: str
    family: Family | None


UNIX = "unix:"
# Each probe asks three times about its host; a process has ten thousand targets.
_KEPT_LITERALS = 16384
# The shortest interval of a target: each of its probes has a new channel.
FRESH_SECONDS = 1.0
# Each has a thread and some descriptors; past this many the newest is used on.
MAX_CHANNELS = 16
# Who is an alias is a sidelight: exchangers are not held up for it.
ALIAS_SECONDS = 1.0
_TYPES = {IpFamily.IPV4: ("A",), IpFamily.IPV6: ("AAAA",)}
_PREFERRED = {
    IpFamily.PREFER_IPV4: Family.IPV4,
    IpFamily.PREFER_IPV6: Family.IPV6,
}
_NOTHING_THERE = frozenset({Reason.NODATA, Reason.NXDOMAIN})


@lru_cache(maxsize=_KEPT_LITERALS)
def literal(host: str) -> Address | None:
    """Read a host as an address literal or a Unix socket's path; None for a name."""
    if host.startswith(UNIX):
        return Address(host.removeprefix(UNIX), None)
    with suppress(ValueError):
        version = ipaddress.ip_address(host).version
        return Address(host, Family.IPV4 if version == 4 else Family.IPV6)  # noqa: PLR2004 -- the version's own number
    return None


class _Used:
    """A channel, since when it stands, and how many wait for it."""

    def __init__(self, servers: Sequence[str]) -> None:
        """Ask these servers from now on."""
        self.servers = servers
        self.channel = Channel(servers)
        self.waiting = 0
        self._since = time.monotonic()

    @property
    def fresh(self) -> bool:
        """Whether nothing that it keeps is older than a second."""
        return time.monotonic() - self._since < FRESH_SECONDS


class Resolver:
    """Looks names up, with the system's servers or with those given."""

    def __init__(self, servers: Sequence[tuple[str, int]] = ()) -> None:
        """Take the servers, address literals and ports; none means the system's.

        Lookups need a running loop, always the same; close() ends them.
        """
        self._used: list[_Used] = []  # the newest is the last
        self.ask(servers)

    def ask(self, servers: Sequence[tuple[str, int]]) -> None:
        """Ask these servers from now on; lookups under way go on with the others."""
        self._servers = [f"[{host}]:{port}" for host, port in servers]

    async def addresses(self, host: str, family: IpFamily) -> tuple[Address, ...]:
        """Look a name up, in the order to try; never empty.

        Raises Interrupted: nxdomain, nodata, servfail, timeout or local_error.
        """
        async with self._asking() as channel:
            try:
                found = await channel.addresses(host, family)
            except Interrupted as interrupted:
                if interrupted.reason is not Reason.NODATA:
                    raise
                found = []
            if not found:
                raise Interrupted(await _why_none(channel, host, family))
        first = _PREFERRED.get(family)
        addresses = [Address(*one) for one in found]
        return tuple(sorted(addresses, key=lambda a: first not in (None, a.family)))

    async def exchangers(self, domain: str, *, aliases: bool = True) -> MailExchangers:
        """Look up where a domain's mail goes (RFC 5321 section 5.1).

        With `aliases` also which of the hosts are some, as far as it is known soon.
        Raises Interrupted: nxdomain, null_mx, servfail, timeout or local_error; nodata
        when no MX record names a possible host.
        """
        async with self._asking() as channel:
            records = await _mx(channel, domain)
            if not records:
                return implicit(domain)
            found = exchangers((mx.priority, mx.exchange) for mx in records)
            if not aliases:
                return found
            names = [host.name for host in found.hosts]
            return found.with_aliases(await _aliases(channel, names))

    async def texts(self, name: str) -> tuple[bytes, ...]:
        """Look TXT records up: the strings of each, joined; never empty.

        Raises Interrupted: nxdomain, nodata, servfail, timeout or local_error.
        """
        async with self._asking() as channel:
            records = await channel.records(name, "TXT")
            texts = tuple(
                record.data.data
                for record in records
                if isinstance(record.data, pycares.TXTRecordData)
            )
            if not texts:
                raise Interrupted(await channel.why_none(name, "TXT"))
            return texts

    async def close(self) -> None:
        """End all lookups; whoever waits for one has a servfail."""
        used, self._used = self._used, []
        for one in used:
            await one.channel.close()

    @asynccontextmanager
    async def _asking(self) -> AsyncIterator[Channel]:
        used = self._used
        current = used and used[-1].fresh and used[-1].servers is self._servers
        if not current and len(used) < MAX_CHANNELS:
            used.append(_Used(self._servers))
        newest = used[-1]
        newest.waiting += 1
        try:
            yield newest.channel
        finally:
            newest.waiting -= 1
            await self._retire()

    async def _retire(self) -> None:
        """Close what nobody waits for; the newest may still be asked."""
        for one in self._used[:-1]:
            if not one.waiting:
                self._used.remove(one)
                await one.channel.close()


async def _why_none(channel: Channel, host: str, family: IpFamily) -> Reason:
    """Look closer at a name without addresses: a failure counts before "no data"."""
    for kind in _TYPES.get(family, ("A", "AAAA")):
        reason = await channel.why_none(host, kind)
        if reason not in _NOTHING_THERE:
            return reason
    return Reason.NODATA


async def _mx(channel: Channel, domain: str) -> list[pycares.MXRecordData]:
    """Give the MX records of a domain that exists; there may be none."""
    reason = Reason.NODATA
    try:
        records = await channel.records(domain, "MX")
    except Interrupted as interrupted:
        reason, records = interrupted.reason, []
    found = [r.data for r in records if isinstance(r.data, pycares.MXRecordData)]
    if records and not found:
        reason = await channel.why_none(domain, "MX")
    if not found and reason is not Reason.NODATA:
        raise Interrupted(reason)
    return found


async def _aliases(channel: Channel, names: Iterable[str]) -> set[str]:
    """Give those names that are aliases, and that are known to be in time."""
    aliases = set()

    async def ask(name: str) -> None:
        if await channel.is_alias(name):
            aliases.add(name)

    with suppress(TimeoutError):
        async with asyncio.timeout(ALIAS_SECONDS), asyncio.TaskGroup() as group:
            for name in names:
                group.create_task(ask(name))
    return aliases
