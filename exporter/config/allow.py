"""The entries of `allow`, as text: names, wildcards, addresses, networks.

Holds the syntax, and the sentence for whoever missed it. Refuses to judge anybody by
them: that is exporter/allow.py.
"""

import re
from collections.abc import Iterable
from ipaddress import IPv6Network, ip_network

from exporter.allow import AllowList, Network
from exporter.config.address import Rules, check_host, checked, is_unix, version
from exporter.config.complaint import Refusal
from exporter.printable import quoted

WILDCARD = "*."
# What WHATWG's rule and old resolvers read as an IPv4 address: 0x7f.1, 0x7f000001.
_NUMERIC = re.compile(r"(?:[0-9]+|0x[0-9a-f]*)", re.IGNORECASE)

Entry = str | Network


def read_entry(text: str) -> Entry:
    """Give a name in lower case, `*.` and a name, or a network.

    Raises Refusal.
    """
    if "/" in text and not is_unix(text):
        return _network(text)
    checked(text, _ENTRY_RULES)
    if version(text):
        return _network(text)
    name = check_host(text.removeprefix(WILDCARD)).removesuffix(".").lower()
    return text[: len(WILDCARD)] + name if text.startswith(WILDCARD) else name


def to_allow_list(entries: Iterable[Entry]) -> AllowList:
    """Give what the entries stand for together."""
    entries = tuple(entries)
    names = [entry for entry in entries if isinstance(entry, str)]
    wild = tuple(name for name in names if name.startswith(WILDCARD))
    return AllowList(
        names=frozenset(names) - frozenset(wild),
        suffixes=tuple(name.removeprefix("*") for name in wild),
        networks=tuple(entry for entry in entries if not isinstance(entry, str)),
    )


def is_number(host: str) -> bool:
    """Whether somebody may read this name as an IPv4 address in another spelling."""
    last = host.removesuffix(".").rpartition(".")[2]
    return version(host) is None and _NUMERIC.fullmatch(last) is not None


def _network(text: str) -> Network:
    _, slash, prefix = text.partition("/")
    if "%" in text or (slash and not (prefix.isascii() and prefix.isdecimal())):
        raise Refusal(_no_network(text))  # a netmask is read in two ways
    try:
        network = ip_network(text)
    except ValueError:
        raise Refusal(_about_bits(text)) from None
    if isinstance(network, IPv6Network) and network.network_address.ipv4_mapped:
        raise Refusal(f"{quoted(text)}: write the IPv4 network that is mapped")
    return network


def _no_network(text: str) -> str:
    return f"{quoted(text)} is not a network such as `192.0.2.0/24` or `2001:db8::/32`"


def _about_bits(text: str) -> str:
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        return _no_network(text)
    return (
        f"{quoted(text)} has bits behind its prefix; write {quoted(str(network))} for "
        "the network, or the address alone"
    )


_ENTRY_RULES: Rules = (
    (
        lambda text: not text,
        "the entry is empty; give a name, `*.` and a name, an address or a network",
    ),
    (
        is_unix,
        "{}: Unix sockets are never probed on demand; write them under `targets`",
    ),
    (
        lambda text: text in {"*", WILDCARD, "*.*"},
        "{} would allow every name; name domains, as in `*.example.com`, or allow "
        "every address with `0.0.0.0/0` and `::/0`",
    ),
    (
        lambda text: "*" in text.removeprefix(WILDCARD),
        "{}: `*` may stand alone and first only, as in `*.example.com`",
    ),
    (
        lambda text: version(text) is None and ":" in text,
        "{}: an entry has no port; ports go under `ports`",
    ),
    (is_number, "{} is not an IPv4 address, and a name does not end in a number"),
)
