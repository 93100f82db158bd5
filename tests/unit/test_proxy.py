"""The PROXY header, as HAProxy's specification writes it."""

import pytest

from exporter.smtp.proxy import Endpoint, header
from exporter.vocabulary import ProxyProtocol

V4: tuple[Endpoint, Endpoint] = (("192.0.2.1", 56324), ("192.0.2.2", 25))
V6: tuple[Endpoint, Endpoint] = (("2001:db8::1", 56324), ("fe80::2%eth0", 25))
SIGNATURE = bytes.fromhex("0d0a0d0a000d0a515549540a")


@pytest.mark.parametrize(
    ("version", "ends", "octets"),
    [
        (ProxyProtocol.OFF, V4, b""),
        (ProxyProtocol.V1, V4, b"PROXY TCP4 192.0.2.1 192.0.2.2 56324 25\r\n"),
        (ProxyProtocol.V1, V6, b"PROXY TCP6 2001:db8::1 fe80::2 56324 25\r\n"),
        (ProxyProtocol.V1, None, b"PROXY UNKNOWN\r\n"),
        (
            ProxyProtocol.V2,
            V4,
            SIGNATURE + bytes.fromhex("2111000c c0000201 c0000202 dc04 0019"),
        ),
        (
            ProxyProtocol.V2,
            V6,
            SIGNATURE
            + bytes.fromhex("21210024")
            + bytes.fromhex("20010db8000000000000000000000001")
            + bytes.fromhex("fe800000000000000000000000000002")
            + bytes.fromhex("dc040019"),
        ),
        (ProxyProtocol.V2, None, SIGNATURE + bytes.fromhex("20000000")),
    ],
)
def test_header(
    version: ProxyProtocol, ends: tuple[Endpoint, Endpoint] | None, octets: bytes
) -> None:
    """The header holds the connection's own addresses, or says that it has none."""
    assert header(version, ends) == octets
