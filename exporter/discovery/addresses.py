"""A host becomes its addresses, each a target, where a module says `addresses: all`.

Behind one name there may be ten servers, and one of them may be broken. A host that has
no addresses by now is a target of its own name, whose lookup carries the failure.
"""

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple, Protocol

from exporter.discovery.watch import Watch
from exporter.targets import Target
from exporter.vocabulary import Addresses, IpFamily

# What a name of a provider has is below ten; each becomes a target.
MAX_ADDRESSES = 64


class Found(Protocol):
    """An address as it is found."""

    @property
    def literal(self) -> str:
        """Give it in its own spelling."""


class KnowsAddresses(Protocol):
    """Who can be asked for the addresses of a host."""

    async def addresses(self, host: str, family: IpFamily) -> Sequence[Found]:
        """Look them up; raises Interrupted."""


class Lookup(NamedTuple):
    """A host, and which of its addresses are wanted."""

    host: str
    family: IpFamily


def fans_out(target: Target) -> bool:
    """Whether a target is to be probed at each address of a host that has a name.

    A mail domain whose exchangers were not found is not: what is looked up is not it.
    """
    if target.module.addresses is not Addresses.ALL:  # most: this is asked of all
        return False
    return target.port != 0 and _version(target.host) is None and not target.lost


def expand(target: Target, addresses: Iterable[str]) -> tuple[Target, ...]:
    """Give one target for each address that the module's source address can reach."""
    source = _version(target.module.source_address or "")
    return tuple(
        replace(target, name=f"{target.name}@{address}", address=address)
        for address in addresses
        if source is None or _version(address) == source
    )


class AddressWatch(Watch[KnowsAddresses, Target, Lookup, tuple[str, ...]]):
    """Keeps the addresses of targets that fan out; a target without stands as it is."""

    def question(self, item: Target) -> Lookup:
        """Give the host, and the family that the module wants."""
        return Lookup(item.host, item.module.ip_family)

    async def ask(self, question: Lookup) -> tuple[str, ...]:
        """Look the addresses up, in an order of their own; raises Interrupted."""
        found = await self._names.addresses(question.host, question.family)
        addresses = {ipaddress.ip_address(one.literal) for one in found}
        in_order = sorted(addresses, key=lambda one: (one.version, int(one)))
        return tuple(map(str, in_order[:MAX_ADDRESSES]))

    def expand(self, item: Target, answer: tuple[str, ...]) -> tuple[Target, ...]:
        """Give one target for each address."""
        return expand(item, answer)

    def itself(self, item: Target) -> Target:
        """Give the target itself, whose host is looked up when it is probed."""
        return item


def _version(text: str) -> int | None:
    try:
        return ipaddress.ip_address(text).version
    except ValueError:
        return None
