"""Whom a stranger may have us probe, and which addresses are never meant by them."""

from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_network,
)

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.allow import NOT_LISTED, OWN, AllowList, spellings
from exporter.config.allow import is_number, read_entry, to_allow_list
from exporter.config.complaint import Refusal


def allow(*entries: str) -> AllowList:
    return to_allow_list(map(read_entry, entries))


def refusal(listed: AllowList, literal: str, *, named: bool = True) -> str | None:
    return listed.refusal(literal, named=named, own=False)


ANY = allow("0.0.0.0/0", "::/0", "*.example.com")


# --- names


@pytest.mark.parametrize(
    ("entry", "host", "listed"),
    [
        ("mx.example.com", "mx.example.com", True),
        ("mx.example.com", "MX.Example.COM.", True),
        ("MX.example.com.", "mx.example.com", True),
        ("mx.example.com", "a.mx.example.com", False),
        ("mx.example.com", "mx.example.com.evil.test", False),
        ("*.example.com", "mx.example.com", True),
        ("*.example.com", "a.b.example.com.", True),
        ("*.example.com", "example.com", False),
        ("*.example.com", "notexample.com", False),
        ("*.example.com", "mx.example.com.evil.test", False),
        ("*.example.com", "mx.example.org", False),
        ("192.0.2.0/24", "mx.example.com", False),
    ],
)
def test_names(entry: str, host: str, listed: bool) -> None:
    """A name is itself, a wildcard everything below a domain, whatever the case."""
    assert allow(entry).names_host(host) is listed


def test_nobody_is_listed_by_default() -> None:
    """An empty list lets nobody be looked up, and no address be reached."""
    nobody = AllowList()

    assert not nobody.names_host("mx.example.com")
    assert not nobody.may_be_asked("192.0.2.1")
    assert not nobody.has_exact
    assert refusal(nobody, "192.0.2.1", named=False) == NOT_LISTED


def test_a_network_lets_names_be_looked_up() -> None:
    """With a network among the entries, it takes a lookup to say no."""
    assert allow("192.0.2.0/24").may_be_asked("any.example.org")
    assert not allow("*.example.com").may_be_asked("any.example.org")


@pytest.mark.parametrize(
    ("entry", "host", "exact"),
    [
        ("mx.example.com", "mx.example.com.", True),
        ("*.example.com", "mx.example.com", False),
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1/32", "::ffff:192.0.2.1", True),
        ("192.0.2.0/24", "192.0.2.1", False),
        ("2001:db8::1", "2001:DB8:0::1", True),
        ("192.0.2.1", "mx.example.com", False),
    ],
)
def test_exact(entry: str, host: str, exact: bool) -> None:
    """An entry is exact when it stands for one host, and a name is no address."""
    assert allow(entry).is_exact(host) is exact


# --- addresses that nobody means

LOOPBACK = ("127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.1", "::ffff:7f00:1")
LINK_LOCAL = ("169.254.169.254", "fe80::1", "febf::1", "::ffff:a9fe:a9fe", "fec0::1")
CARRIED = (
    *("64:ff9b::7f00:1", "64:ff9b::169.254.169.254", "64:ff9b::"),
    *("2002:7f00:1::", "2002:a9fe:a9fe::1", "2002:e000:1::1"),
    *("2001:db8::5efe:127.0.0.1", "2001:db8::200:5efe:169.254.169.254"),
)
OTHERS = (
    *("0.1.2.3", "::", "::ffff:0.0.0.0", "224.0.0.1", "239.1.1.1"),
    *("ff02::1", "255.255.255.255", "240.0.0.1", "::127.0.0.1", "::7f00:1"),
    *("64:ff9b:1::7f00:1", "2001::1", "::ffff:0:127.0.0.1"),
    *("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254"),
    *("fd20:ce::254", "fd00:ec2::23", "fd00:ec2::253", "fd00:c1::a9fe:a9fe"),
    "fd00:42::42",
)


@pytest.mark.parametrize("literal", [*LOOPBACK, *LINK_LOCAL, *CARRIED, *OTHERS])
def test_never_meant(literal: str) -> None:
    """Neither a name nor all of the internet allows them, in whatever spelling."""
    assert refusal(allow("*.example.com"), literal)
    assert refusal(ANY, literal)
    assert refusal(ANY, literal, named=False)


@pytest.mark.parametrize(
    ("literal", "why"),
    [
        ("127.0.0.1", "it is a loopback address"),
        ("::ffff:169.254.169.254", "it is a link-local address"),
        ("fd00:ec2::254", "it is a cloud's metadata address"),
        ("64:ff9b::7f00:1", "it is a loopback address"),
        ("64:ff9b:1::1", "it is a translated address"),
    ],
)
def test_why(literal: str, why: str) -> None:
    """The reason is that of the range, also where the address is carried."""
    assert refusal(ANY, literal) == why


@pytest.mark.parametrize(
    ("entry", "literal", "allowed"),
    [
        ("127.0.0.0/8", "127.0.0.1", True),
        ("127.0.0.0/8", "::ffff:127.0.0.1", True),
        ("127.0.0.2", "127.0.0.1", False),
        ("126.0.0.0/7", "127.0.0.1", False),
        ("127.0.0.0/8", "::1", False),
        ("::1", "::1", True),
        ("169.254.0.0/16", "169.254.169.254", True),
        ("127.0.0.0/8", "64:ff9b::7f00:1", False),
        ("64:ff9b::/96", "64:ff9b::7f00:1", False),
        ("64:ff9b::/96", "64:ff9b::c000:201", True),
        ("64:ff9b::7f00:0/104", "64:ff9b::7f00:1", True),
        ("2002::/16", "2002:7f00:1::1", False),
        ("2002:7f00:1::/48", "2002:7f00:1::1", True),
        ("fd00::/8", "fd00:ec2::254", False),
        ("fd00:ec2::254", "fd00:ec2::254", True),
        ("2001::/32", "2001::1", True),
    ],
)
def test_an_entry_within_the_range(entry: str, literal: str, allowed: bool) -> None:
    """Only an entry that lies within a refused range lets an address of it pass."""
    assert (refusal(allow(entry), literal, named=False) is None) is allowed


@pytest.mark.parametrize(
    "literal",
    [
        *("192.0.2.1", "8.8.8.8", "10.1.2.3", "172.16.0.1", "192.168.1.1"),
        *(
            "100.64.0.1",
            "2001:db8::1",
            "fd12::1",
            "64:ff9b::808:808",
            "2002:808:808::1",
        ),
    ],
)
def test_public_and_private(literal: str) -> None:
    """A name that is listed leads to any other address, a private one too."""
    assert refusal(allow("*.example.com"), literal) is None
    assert refusal(allow("*.example.com"), literal, named=False) == NOT_LISTED
    assert refusal(ANY, literal, named=False) is None


def test_this_machine() -> None:
    """An own address needs an entry that covers it, and is not the whole internet."""
    for entries, named, why in (
        (("*.example.com",), True, OWN),
        (("0.0.0.0/0",), False, OWN),
        (("192.0.2.0/24",), False, None),
        (("192.0.2.1",), True, None),
    ):
        listed = allow(*entries)
        assert listed.refusal("192.0.2.1", named=named, own=True) == why


_V4 = st.integers(0, 2**32 - 1).map(IPv4Address)
_V6 = st.integers(0, 2**128 - 1).map(IPv6Address)
_INSIDE = st.sampled_from(
    [
        ip_network(n)
        for n in ("127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "0.0.0.0/8")
    ]
).flatmap(lambda n: st.integers(0, n.num_addresses - 1).map(lambda i: n[i]))


@given(_INSIDE)
def test_every_disguise(address: IPv4Address) -> None:
    """An address that is refused is refused however it is carried in an IPv6 one."""
    number = int(address)
    disguises = (
        IPv6Address((0xFFFF << 32) | number),
        IPv6Address(number),
        IPv6Address((0x0064FF9B << 96) | number),
        IPv6Address((0x2002 << 112) | (number << 80) | 1),
        IPv6Address((0x20010DB8 << 96) | (0x5EFE << 32) | number),
        IPv6Address((0xFFFF0000 << 32) | number),
    )
    for disguise in (address, *disguises):
        assert refusal(ANY, str(disguise)), disguise
        assert refusal(ANY, disguise.exploded), disguise


@given(_V4 | _V6)
def test_any_address(address: IPv4Address | IPv6Address) -> None:
    """What Python calls loopback or link-local is refused, unless it is listed."""
    bad = (
        *(address.is_loopback, address.is_link_local, address.is_multicast),
        address.is_unspecified,
    )
    literal = str(address)
    if any(bad):
        assert refusal(ANY, literal)
    if getattr(address, "ipv4_mapped", None) is None:
        assert refusal(allow(literal), literal, named=False) is None


@given(_V4 | _V6, st.integers(1, 128))
def test_a_longer_list_allows_more(
    address: IPv4Address | IPv6Address, prefix: int
) -> None:
    """An entry that is added never forbids what was allowed before."""
    bits = min(prefix, address.max_prefixlen)
    network = ip_network(f"{address}/{bits}", strict=False)
    if refusal(ANY, str(address), named=False) is None:
        more = AllowList(suffixes=ANY.suffixes, networks=(*ANY.networks, network))
        assert refusal(more, str(address), named=False) is None


def test_spellings() -> None:
    """An address is told with those that it carries."""
    assert spellings("::ffff:192.0.2.1") == ("192.0.2.1",)
    assert spellings("64:ff9b::c000:201") == ("64:ff9b::c000:201", "192.0.2.1")
    assert spellings("2002:c000:201::1") == ("2002:c000:201::1", "192.0.2.1")
    assert spellings("2001:db8::1") == ("2001:db8::1",)


# --- entries as text


@given(st.text(max_size=30) | st.from_regex(r"[*.:/0-9a-fx%]{1,20}", fullmatch=True))
def test_any_entry(text: str) -> None:
    """Whatever the text, it is an entry or a Refusal in one printable line."""
    try:
        entry = read_entry(text)
    except Refusal as refused:
        said = str(refused)
    else:
        said = str(entry)
        assert isinstance(entry, str | IPv4Network | IPv6Network)
        assert entry != "*."
    assert said.isprintable()


@pytest.mark.parametrize(
    ("host", "number"),
    [
        *(
            ("0x7f.1", True),
            ("0x7f000001", True),
            ("127.0.0.0x1", True),
            ("a.0x", True),
        ),
        *(("mx1", False), ("0xmx.example.com", False), ("192.0.2.1", False)),
        *(("2130706433", True), ("127.1", True), ("mx1.example.com.", False)),
    ],
)
def test_numbers(host: str, number: bool) -> None:
    """A name whose last label is a number in any base is an address to somebody."""
    assert is_number(host) is number
