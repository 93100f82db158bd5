"""Names to addresses, by c-ares: hosts file, resolv.conf, search lists.

A thread of its own waits for servers, the loop never does. Address literals are never
looked up. Every probe asks; c-ares answers by itself while the TTL of an earlier answer
lasts, and then the lookup takes no time.
"""

import ipaddress
import socket
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

import aiodns

from exporter.probe.door import resolving
from exporter.smtp.exchange import Interrupted
from exporter.vocabulary import Family, IpFamily, Reason


class Address(NamedTuple):
    """An address literal and its family.

    Without a family it is the path of a Unix socket.
    """

    literal: str
    family: Family | None


UNIX = "unix:"
# Each try waits twice as long as the one before: nine are 17 minutes.
_FIRST_TRY_SECONDS = 2.0
_TRIES = 9
_LOOKUP_FAMILY = {
    IpFamily.IPV4: socket.AF_INET,
    IpFamily.IPV6: socket.AF_INET6,
}
_PREFERRED = {
    IpFamily.PREFER_IPV4: Family.IPV4,
    IpFamily.PREFER_IPV6: Family.IPV6,
}
_FAMILY = {socket.AF_INET: Family.IPV4, socket.AF_INET6: Family.IPV6}


def literal(host: str) -> Address | None:
    """Read a host as an address literal or a Unix socket's path; None for a name."""
    if host.startswith(UNIX):
        return Address(host.removeprefix(UNIX), None)
    with suppress(ValueError):
        version = ipaddress.ip_address(host).version
        return Address(host, Family.IPV4 if version == 4 else Family.IPV6)  # noqa: PLR2004 -- the version's own number
    return None


class Resolver:
    """Looks names up, with the system's servers or with those given."""

    def __init__(self, servers: Sequence[tuple[str, int]] = ()) -> None:
        """Open a channel on the running loop; close() ends it.

        `servers` are address literals and ports; none means those of the system.
        """
        written = [f"[{host}]:{port}" for host, port in servers]
        # The probe's own limit ends a lookup; these reach beyond the largest of them.
        self._dns = aiodns.DNSResolver(
            nameservers=written or None, timeout=_FIRST_TRY_SECONDS, tries=_TRIES
        )

    async def addresses(self, host: str, family: IpFamily) -> tuple[Address, ...]:
        """Look a name up, in the order to try; never empty.

        Raises Interrupted: nxdomain, nodata, servfail, timeout or local_error.
        """
        wanted = _LOOKUP_FAMILY.get(family, socket.AF_UNSPEC)
        with resolving:
            found = await self._dns.getaddrinfo(
                host, family=wanted, type=socket.SOCK_STREAM
            )
        addresses = [
            Address(_text(node.addr[0]), _FAMILY[socket.AddressFamily(node.family)])
            for node in found.nodes
        ]
        if not addresses:
            raise Interrupted(Reason.NODATA)
        first = _PREFERRED.get(family)
        return tuple(sorted(addresses, key=lambda a: first not in (None, a.family)))

    async def close(self) -> None:
        """End the channel and whatever it still waits for."""
        await self._dns.close()


def _text(address: str | bytes) -> str:
    return address.decode("ascii") if isinstance(address, bytes) else address
