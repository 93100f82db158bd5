"""Whom a stranger may have us probe: names, networks, and what is never meant by them.

Pure: whoever tests it needs no network. An address that leads back to this machine,
to its link or to a cloud's credentials is refused whatever name led to it, in each
spelling that carries an IPv4 address inside an IPv6 one, unless an entry of the owner
lies within the very range that is refused: `0.0.0.0/0` allows the world, not loopback.
Refuses to resolve, and to know which addresses are the machine's own.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import NamedTuple

Network = IPv4Network | IPv6Network
_Address = IPv4Address | IPv6Address

NOT_LISTED = "no entry of `allow` covers it"
OWN = "it is this machine's own"


class _Range(NamedTuple):
    """Addresses that nobody means who names a mail server, and why."""

    network: Network
    why: str


def _ranges(why: str, *networks: str) -> Iterator[_Range]:
    for network in networks:
        yield _Range(ip_network(network), why)


_REFUSED: tuple[_Range, ...] = (
    *_ranges("it is unspecified", "0.0.0.0/8", "::/128"),
    *_ranges("it is a loopback address", "127.0.0.0/8", "::1/128"),
    # AWS, Azure, Google and others answer at 169.254.169.254 with credentials.
    *_ranges("it is a link-local address", "169.254.0.0/16", "fe80::/10", "fec0::/10"),
    *_ranges("it is a multicast address", "224.0.0.0/4", "ff00::/8"),
    *_ranges("it is reserved", "240.0.0.0/4"),
    # What clouds answer at beside 169.254.169.254: Azure's host, Alibaba, Oracle's old
    # one; over IPv6 AWS (with its resolver, its clock and the credentials of pods),
    # Google, Oracle and Scaleway.
    *_ranges("it is a cloud's metadata address", "168.63.129.16", "100.100.100.200"),
    *_ranges("it is a cloud's metadata address", "192.0.0.192", "fd00:ec2::/32"),
    *_ranges("it is a cloud's metadata address", "fd20:ce::254", "fd00:c1::a9fe:a9fe"),
    *_ranges("it is a cloud's metadata address", "fd00:42::42"),
    # Deprecated or local translations: which IPv4 address they lead to is the
    # network's secret. RFC 4291 2.5.5.1, RFC 8215, RFC 4380, RFC 7915.
    *_ranges("it is a translated address", "::/96", "64:ff9b:1::/48"),
    *_ranges("it is a translated address", "2001::/32", "::ffff:0:0:0/96"),
)
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052 2.1
_6TO4 = IPv6Network("2002::/16")  # RFC 3056 2
_ISATAP = frozenset({b"\x00\x00\x5e\xfe", b"\x02\x00\x5e\xfe"})  # RFC 5214 6.1


class _Form(NamedTuple):
    """An address, and how many bits stand before it in the one that is written."""

    address: _Address
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowList:
    """The owner's entries; names are in lower case and have no final dot."""

    names: frozenset[str] = frozenset()
    suffixes: tuple[str, ...] = ()  # each begins with the dot behind its `*`
    # An address by itself is one of a single address.
    networks: tuple[Network, ...] = ()

    def names_host(self, host: str) -> bool:
        """Whether an entry names this host; a wildcard has any number of labels."""
        name = _plain(host)
        return name in self.names or name.endswith(self.suffixes)

    def may_be_asked(self, host: str) -> bool:
        """Whether it takes a look at the host's addresses to say no."""
        return self.names_host(host) or bool(self.networks)

    def is_exact(self, host: str) -> bool:
        """Whether an entry stands for this host and no other."""
        address = read_address(host)
        if address is None:
            return _plain(host) in self.names
        single = address.max_prefixlen
        return any(n.prefixlen == single and address in n for n in self.networks)

    @property
    def has_exact(self) -> bool:
        """Whether any entry stands for a single host."""
        return bool(self.names) or any(n.num_addresses == 1 for n in self.networks)

    def refusal(self, literal: str, *, named: bool, own: bool) -> str | None:
        """Say why this address may not be connected to; None when it may.

        `named` tells that an entry names the host that led here, `own` that the address
        is this machine's. Raises ValueError for what is no address literal.
        """
        address = _normal(ip_address(literal))
        covering = [n.prefixlen for n in self.networks if address in n]
        longest = max(covering, default=-1)
        for form, offset in _forms(address):
            for network, why in _REFUSED:
                if form in network and longest < offset + network.prefixlen:
                    return why
        if own and longest < 1:  # all of the internet is no word about this machine
            return OWN
        return None if named or covering else NOT_LISTED


def spellings(literal: str) -> tuple[str, ...]:
    """Give the addresses that this one leads to: itself, and those it carries.

    Raises ValueError for what is no address literal.
    """
    forms = _forms(_normal(ip_address(literal)))
    return tuple(str(form.address) for form in forms)


def read_address(host: str) -> _Address | None:
    """Read an address literal; None for a name."""
    try:
        return _normal(ip_address(host))
    except ValueError:
        return None


def _plain(host: str) -> str:
    return host.removesuffix(".").lower()


def _normal(address: _Address) -> _Address:
    """Give the address that the kernel connects to (RFC 4291 2.5.5.2)."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _forms(address: _Address) -> Iterator[_Form]:
    yield _Form(address, 0)
    if not isinstance(address, IPv6Address):
        return
    octets = address.packed
    if address in _NAT64:
        yield _Form(IPv4Address(octets[12:]), 96)
    if address in _6TO4:
        yield _Form(IPv4Address(octets[2:6]), 16)
    if octets[8:12] in _ISATAP:
        yield _Form(IPv4Address(octets[12:]), 96)
