"""From a target to a connection: look the name up, then try its addresses in order.

Sequential on purpose: racing addresses would make both latency and reason a matter of
luck (SMTP.md J26). Once TCP stands there is no way back to another address.

A target with an address of its own is that address. A domain whose exchangers were not
found is asked for them first: that lookup is what its probe is about.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

from exporter.probe import clock
from exporter.probe.connection import Connection
from exporter.probe.limit import Limit
from exporter.probe.resolve import Address, Resolver, literal
from exporter.probe.timeline import Timeline
from exporter.smtp.exchange import Interrupted
from exporter.smtp.proxy import header
from exporter.targets import Module, Target
from exporter.vocabulary import Phase, Reason

Permit = Callable[[Address], bool]

# Each is held against a list in turn, on the loop, and whoever runs the DNS of a name
# can give it thousands. No mail server has as many as these.
MAX_PERMITTED = 32


class NotPermitted(Exception):
    """An address that whoever asked for the probe may not reach; nothing was sent.

    It says nothing of the server, and so is no reason of a failure.
    """

    def __init__(self, address: Address) -> None:
        """Keep the address."""
        super().__init__(address.literal)
        self.address = address


async def reach(
    target: Target,
    resolver: Resolver,
    deadline: Limit,
    timeline: Timeline,
    permit: Permit | None = None,
) -> Connection:
    """Open a connection to the target.

    The addresses that are held against `permit` are the very ones that are connected
    to: a second lookup might have another answer. Those past a bound are not tried.
    Raises NotPermitted when any of them is refused; Interrupted in phase dns, or in
    phase connect with the reason of the last address tried.
    """
    itself = literal(target.address or target.host)
    addresses = (
        (itself,) if itself else await _resolve(target, resolver, deadline, timeline)
    )
    if permit:
        addresses = addresses[:MAX_PERMITTED]
        for address in addresses:
            if not permit(address):
                raise NotPermitted(address)
    with timeline.phase(Phase.CONNECT) as span:
        connection = await _first_that_connects(target, addresses, deadline, timeline)
        proxied = header(target.module.proxy_protocol, connection.ends)
        if proxied:
            with suppress(Interrupted):  # a reset is told by whoever reads next
                connection.send(proxied)
            timeline.note(f"sent a PROXY header, {len(proxied)} octets")
        span.complete(connection.established)
    return connection


async def _resolve(
    target: Target, resolver: Resolver, deadline: Limit, timeline: Timeline
) -> tuple[Address, ...]:
    host = target.host
    with timeline.phase(Phase.DNS) as span:
        limit = Limit.after(target.module.timeouts.dns, deadline)
        try:
            async with asyncio.timeout(limit.at - time.monotonic()):
                if target.lost:
                    host = await _exchanger(host, resolver, timeline)
                found = await _look_up(host, target.module, resolver)
        except TimeoutError as error:
            timeline.note(f"{host}: {limit.reason.meaning}")
            raise Interrupted(limit.reason) from error
        except Interrupted as interrupted:
            timeline.note(f"{host}: {interrupted.reason.meaning}")
            raise
        span.complete(clock.now())
    families = (a.family for a in found if a.family)
    timeline.resolved = tuple(sorted(Counter(families).items()))
    timeline.note(f"{host} is {', '.join(a.literal for a in found)}")
    return found


async def _exchanger(domain: str, resolver: Resolver, timeline: Timeline) -> str:
    """Give the exchanger that a domain prefers."""
    hosts = (await resolver.exchangers(domain, aliases=False)).hosts
    timeline.note(f"{hosts[0].name} is the first of {domain}'s {len(hosts)} exchangers")
    return hosts[0].name


async def _look_up(
    host: str, module: Module, resolver: Resolver
) -> tuple[Address, ...]:
    """Give the addresses that the module's family and source address can reach."""
    found = await resolver.addresses(host, module.ip_family)
    source = literal(module.source_address or "")
    usable = tuple(a for a in found if source is None or a.family is source.family)
    if not usable:
        raise Interrupted(Reason.NODATA)
    return usable


async def _first_that_connects(
    target: Target,
    addresses: tuple[Address, ...],
    deadline: Limit,
    timeline: Timeline,
) -> Connection:
    left = len(addresses)
    while True:
        address = addresses[-left]
        share = (deadline.at - time.monotonic()) / left
        limit = Limit.after(min(target.module.timeouts.connect, share), deadline)
        try:
            connection = await Connection.open(
                address, target.port, limit, target.module.source_address
            )
        except Interrupted as interrupted:
            timeline.addresses_failed += 1
            timeline.note(f"{address.literal}: {interrupted.reason.meaning}")
            left -= 1
            if not left:
                raise
        else:
            timeline.address = address.literal
            port = f" port {target.port}" if target.port else ""
            where = f"connected to {address.literal}{port}"
            timeline.note(where, connection.established)
            return connection
