"""Hosts, ports and EHLO names: what is let pass, and what is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.config.address import (
    check_address,
    check_domain,
    check_ehlo_name,
    check_host,
    check_server_name,
    is_loopback,
    is_unix,
    join_port,
    read_dns_server,
    split_port,
)
from exporter.config.complaint import Refusal

LABEL = "a" * 63


@pytest.mark.parametrize(
    "host",
    [
        *("a", "A.b.", "mx-1.example.com", "_25._tcp.example.com", "1and1.com", "3com"),
        *("192.0.2.1", "::1", "2001:db8::192.0.2.1", "::ffff:192.0.2.1"),
        *(
            LABEL,
            ".".join([LABEL] * 3 + ["a" * 61]),
            ".".join([LABEL] * 3 + ["a" * 61, ""]),
        ),
    ],
)
def test_good_hosts(host: str) -> None:
    """Names in A-labels and address literals are hosts, and are kept as written."""
    assert check_host(host) == host


@pytest.mark.parametrize(
    ("host", "sentence"),
    [
        ("", "is empty"),
        ("bücher.example", "xn--"),
        ("a b", "not a host name"),
        ("a\n", "not a host name"),
        (".", "not a host name"),
        (".a", "not a host name"),
        ("a..b", "not a host name"),
        ("a..", "not a host name"),
        ("-a", "not a host name"),
        ("a-", "not a host name"),
        ("a/b", "not a host name"),
        (LABEL + "a", "not a host name"),
        (".".join([LABEL] * 3 + ["a" * 62]), "longer than 253"),
        ("192.0.2", "not an IPv4 address"),
        ("192.0.02.1", "not an IPv4 address"),
        ("1", "not an IPv4 address"),
        ("a:25", "not an IPv6 address"),
        ("[::1]", "without brackets"),
        ("fe80::1%eth0", "zones"),
    ],
)
def test_bad_hosts(host: str, sentence: str) -> None:
    """Whatever could never be resolved or connected to is refused in a sentence."""
    with pytest.raises(Refusal, match=sentence):
        check_host(host)


@pytest.mark.parametrize(
    "domain", ["example.com", "Example.COM.", "xn--mil-qla.example", "a_b.example", "a"]
)
def test_good_domains(domain: str) -> None:
    """A mail domain is a name, kept as written."""
    assert check_domain(domain) == domain


@pytest.mark.parametrize(
    "domain",
    ["", ".", "192.0.2.1", "::1", "[::1]", "unix:/a", "a:25", "bücher.example", "a b"],
)
def test_bad_domains(domain: str) -> None:
    """Addresses and sockets have no mail exchangers."""
    with pytest.raises(Refusal):
        check_domain(domain)


@pytest.mark.parametrize(
    "name", ["mail.example.com", "mx_1.example.com", "192.0.2.1", "2001:db8::1", "a"]
)
def test_good_server_names(name: str) -> None:
    """A server's name is what a certificate can be for."""
    assert check_server_name(name) == name


@pytest.mark.parametrize(
    "name", ["", "a.", "*.a", "a:25", "[::1]", "fe80::1%eth0", "1.2", "ä", "unix:/a"]
)
def test_bad_server_names(name: str) -> None:
    """Patterns, ports and final dots stand in no certificate's name."""
    with pytest.raises(Refusal):
        check_server_name(name)


@pytest.mark.parametrize(
    ("address", "here"),
    [
        *(("127.0.0.1", True), ("127.9.9.9", True), ("::1", True)),
        *(("::ffff:127.0.0.1", True), ("::ffff:192.0.2.1", False)),
        *(("192.0.2.1", False), ("2001:db8::1", False), ("0.0.0.0", False)),  # noqa: S104 -- it is asked about, and not listened on
    ],
)
def test_loopback(address: str, here: bool) -> None:
    """Loopback is 127.0.0.0/8 and ::1, in either family's spelling."""
    assert is_loopback(address) is here


@pytest.mark.parametrize(
    "name",
    [
        *("a", "probe.example.com", "1.example", "xn--mil-qla.example", "a-b.c"),
        *("[192.0.2.1]", "[IPv6:2001:db8::1]", "[ipv6:::1]"),
        ".".join([LABEL] * 3 + ["a" * 63]),
    ],
)
def test_good_ehlo_names(name: str) -> None:
    """Domains and address literals of RFC 5321 4.1.2 may follow EHLO."""
    assert check_ehlo_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        *("", " ", "a b", "a\r\nRSET", "a\x00", "a.", ".a", "a..b", "-a", "a-", "a_b"),
        *(
            "ä.example",
            "192.0.2.1",
            "::1",
            "[192.0.2.256]",
            "[::1]",
            "[IPv6:192.0.2.1]",
        ),
        *("[]", "[192.0.2.1", "[Tag:x]", "[192.0.2.1]x", "[IPv6:fe80::1%eth0]", "a]"),
        ".".join([LABEL] * 4 + ["a"]),
        LABEL + "a",
    ],
)
def test_bad_ehlo_names(name: str) -> None:
    """Anything else may not, line breaks least of all."""
    with pytest.raises(Refusal):
        check_ehlo_name(name)


@pytest.mark.parametrize(
    "host", ["unix:/run/lmtp.sock", "unix:/", "unix:/a b/ö", "unix:/" + "r" * 106]
)
def test_good_sockets(host: str) -> None:
    """A Unix socket is a host, kept as written, and takes no port."""
    assert check_host(host) == host
    assert split_port(host) == (host, None)
    assert join_port(host, 25) == host


@pytest.mark.parametrize(
    "host",
    [
        *("unix:", "unix:run/lmtp.sock", "unix:@lmtp", "unix:/a\0", "unix:/a\nb"),
        *("unix:/" + "r" * 107, "unix:/" + "é" * 54, "unix:/\ud800", "UNIX:/run/a"),
    ],
)
def test_bad_sockets(host: str) -> None:
    """A path that is relative, too long or not printable is refused."""
    with pytest.raises(Refusal):
        check_host(host)


def test_a_host_named_unix() -> None:
    """A name and a port stay what they were."""
    assert not is_unix("unix:25")
    assert split_port("unix:25") == ("unix", 25)


@pytest.mark.parametrize("text", ["192.0.2.1", "::1", "2001:db8::192.0.2.1"])
def test_good_addresses(text: str) -> None:
    """An address literal is given back."""
    assert check_address(text) == text


@pytest.mark.parametrize(
    "text", ["", "a", "192.0.2.1:25", "[::1]", "fe80::1%eth0", "192.0.2.0/24", "1"]
)
def test_bad_addresses(text: str) -> None:
    """Names, ports, brackets, zones and networks are no address."""
    with pytest.raises(Refusal, match="is not an IPv4 or IPv6 address"):
        check_address(text)


@given(st.ip_addresses() | st.sampled_from(["a", "a.b."]), st.integers(1, 65535))
def test_ports_come_off_again(host: object, port: int) -> None:
    """What is joined is split into the same host and port."""
    assert split_port(join_port(str(host), port)) == (str(host), port)
    assert split_port(str(host)) == (str(host), None)


@pytest.mark.parametrize(
    "text", ["a:", ":25:", "a:b", "a:-1", "[a]:25", "[::1]25", "[::1]:", "a:1:2", "a:٣"]
)
def test_not_a_host_and_port(text: str) -> None:
    """A colon too many, or something else than a number behind it, is refused."""
    with pytest.raises(Refusal, match="is not `host`"):
        split_port(text)


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("192.0.2.53", ("192.0.2.53", 53)),
        ("192.0.2.53:5353", ("192.0.2.53", 5353)),
        ("::1", ("::1", 53)),
        ("[::1]", ("::1", 53)),
        ("[::1]:5353", ("::1", 5353)),
    ],
)
def test_dns_servers(text: str, server: tuple[str, int]) -> None:
    """A DNS server is an address, with port 53 unless said otherwise."""
    assert read_dns_server(text) == server


@pytest.mark.parametrize("text", ["", "ns.example.com", "192.0.2.53:0", "[::1]:65536"])
def test_bad_dns_servers(text: str) -> None:
    """A name would need a DNS server to find it."""
    with pytest.raises(Refusal):
        read_dns_server(text)
