"""What a PROXY header must say of a connection (the specification by HAProxy).

Holds the two spellings, written down a second time and on their own: a server must
not judge a client by the client's own code. Refuses TLVs, which no client of ours says.
"""

from ipaddress import ip_address
from typing import NamedTuple

_SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
_PROXY = b"\x21"  # version 2, and the command
_LOCAL = b"\x20\x00\x00\x00"  # version 2, without addresses
_TCP_OVER = {4: b"\x11", 6: b"\x21"}


class Endpoint(NamedTuple):
    """One end of a TCP connection."""

    host: str
    port: int


Ends = tuple[Endpoint, Endpoint]  # the client's first


def header(version: int, ends: Ends | None) -> bytes:
    """Give the header by which a client tells the real addresses of its connection.

    Without `ends`, on a Unix socket, it says that there are none.
    """
    if version == 1:
        return (_words(ends) if ends else b"PROXY UNKNOWN") + b"\r\n"
    return _SIGNATURE + (_PROXY + _addresses(ends) if ends else _LOCAL)


def _words(ends: Ends) -> bytes:
    client, server = ends
    family = f"TCP{ip_address(client.host).version}"
    line = f"PROXY {family} {client.host} {server.host} {client.port} {server.port}"
    return line.encode("ascii")


def _addresses(ends: Ends) -> bytes:
    hosts = [ip_address(end.host) for end in ends]
    packed = b"".join(host.packed for host in hosts)
    packed += b"".join(end.port.to_bytes(2, "big") for end in ends)
    return _TCP_OVER[hosts[0].version] + len(packed).to_bytes(2, "big") + packed
