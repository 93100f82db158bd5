"""The PROXY protocol's header (HAProxy's specification, versions 1 and 2).

What a load balancer would send: the addresses of the connection that it stands for.
Ours are those of the probe's own connection. Without addresses (a Unix socket) the
header says so, and the server takes those it sees.
"""

import struct
from ipaddress import IPv4Address, IPv6Address, ip_address

from exporter.vocabulary import ProxyProtocol

_SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
_VERSION_2_PROXY = 0x21
_VERSION_2_LOCAL = 0x20
_TCP = {4: 0x11, 6: 0x21}

# An address literal and a port.
Endpoint = tuple[str, int]


def header(version: ProxyProtocol, ends: tuple[Endpoint, Endpoint] | None) -> bytes:
    """Write the header for a connection from the first of `ends` to the second."""
    if version is ProxyProtocol.OFF:
        return b""
    return _text(ends) if version is ProxyProtocol.V1 else _binary(ends)


def _text(ends: tuple[Endpoint, Endpoint] | None) -> bytes:
    if ends is None:
        return b"PROXY UNKNOWN\r\n"
    (source, source_port), (destination, port) = ends
    version = _ip(source).version
    line = f"PROXY TCP{version} {_ip(source)} {_ip(destination)} {source_port} {port}"
    return line.encode("ascii") + b"\r\n"


def _binary(ends: tuple[Endpoint, Endpoint] | None) -> bytes:
    if ends is None:
        return _SIGNATURE + struct.pack("!BBH", _VERSION_2_LOCAL, 0, 0)
    (source, source_port), (destination, port) = ends
    addresses = _ip(source).packed + _ip(destination).packed
    body = addresses + struct.pack("!HH", source_port, port)
    family = _TCP[_ip(source).version]
    return _SIGNATURE + struct.pack("!BBH", _VERSION_2_PROXY, family, len(body)) + body


def _ip(literal: str) -> IPv4Address | IPv6Address:
    return ip_address(literal.partition("%")[0])
