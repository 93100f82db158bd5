"""One c-ares channel: what was answered, and why there was none.

Threads of c-ares' own wait for servers; the loop and its executor never do. Holds
questions and answers; who asks when, and what an answer means, is decided elsewhere.
"""

import socket
from collections.abc import Iterable, Sequence

import aiodns
import pycares

from exporter.probe.door import resolving, starting
from exporter.smtp.exchange import Interrupted
from exporter.smtp.exchangers import normal
from exporter.vocabulary import Family, IpFamily, Reason

# Each try waits twice as long as the one before: nine are 17 minutes.
_FIRST_TRY_SECONDS = 2.0
_TRIES = 9
# As many as BIND follows; a longer chain is as good as a circle.
MAX_ALIASES = 16
_LOOKUP_FAMILY = {
    IpFamily.IPV4: socket.AF_INET,
    IpFamily.IPV6: socket.AF_INET6,
}
_FAMILY = {socket.AF_INET: Family.IPV4, socket.AF_INET6: Family.IPV6}


class Channel:
    """Asks servers, remembers their answers, and forgets all of it when closed."""

    def __init__(self, servers: Sequence[str]) -> None:
        """Open it on the running loop; no servers means those of the system.

        Raises Interrupted with local_error.
        """
        # The probe's own limit ends a lookup; these reach beyond the largest of them.
        with starting:
            self._dns = aiodns.DNSResolver(
                nameservers=servers or None, timeout=_FIRST_TRY_SECONDS, tries=_TRIES
            )

    async def addresses(self, host: str, family: IpFamily) -> list[tuple[str, Family]]:
        """Look a name up, through hosts file and search lists.

        Raises Interrupted with what c-ares makes of it.
        """
        wanted = _LOOKUP_FAMILY.get(family, socket.AF_UNSPEC)
        with resolving:
            found = await self._dns.getaddrinfo(
                host, family=wanted, type=socket.SOCK_STREAM
            )
        return [
            (_text(node.addr[0]), _FAMILY[socket.AddressFamily(node.family)])
            for node in found.nodes
        ]

    async def records(self, name: str, kind: str) -> list[pycares.DNSRecord]:
        """Ask for the records of an absolute name.

        The answer may also hold aliases on the way to them. Raises Interrupted.
        """
        with resolving:
            return (await self._dns.query_dns(name, kind)).answer

    async def why_none(self, name: str, kind: str) -> Reason:
        """Say why a name has no such records, by following its aliases.

        c-ares takes aliases that lead in a circle for "no data", as it does a failure
        that came ahead of an empty answer.
        """
        name, seen = normal(name), set[str]()
        while name not in seen and len(seen) < MAX_ALIASES:
            seen.add(name)
            try:
                alias = alias_of(name, await self.records(name, kind))
            except Interrupted as interrupted:
                return interrupted.reason
            if alias is None:
                return Reason.NODATA
            name = alias
        return Reason.SERVFAIL

    async def is_alias(self, name: str) -> bool:
        """Whether a name has a CNAME record; not when that cannot be found out."""
        name = normal(name)
        try:
            return alias_of(name, await self.records(name, "CNAME")) is not None
        except Interrupted:
            return False

    async def close(self) -> None:
        """End it, and with a servfail whatever it still asks."""
        await self._dns.close()


def alias_of(name: str, records: Iterable[pycares.DNSRecord]) -> str | None:
    """Find what a name, in its normal spelling, is an alias of."""
    for record in records:
        if normal(record.name) == name and isinstance(
            record.data, pycares.CNAMERecordData
        ):
            return normal(record.data.cname)
    return None


def _text(address: str | bytes) -> str:
    return address.decode("ascii") if isinstance(address, bytes) else address
