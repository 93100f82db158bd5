"""Whether an address is one of this machine's own, found out without a packet.

Holds that one look. Refuses to remember: addresses come and go.
"""

import socket
from contextlib import suppress

_DISCARD = 9  # any port would do: nothing is sent
# RFC 5737 keeps it for books. Where it can be bound to, every address can
# (net.ipv4.ip_nonlocal_bind, which load balancers set), and a bind tells nothing.
_NOBODYS = "192.0.2.1"


def is_own(literal: str) -> bool:
    """Whether a connection to this address would come back to this machine."""
    if _routed_to_itself(literal):
        return True
    return _can_be_bound(literal) and not _can_be_bound(_NOBODYS)


def _can_be_bound(literal: str) -> bool:
    with suppress(OSError), _datagrams(literal) as sock:
        sock.bind((literal, 0))
        return True
    return False


def _routed_to_itself(literal: str) -> bool:
    """Whether the kernel would speak to it from the very address."""
    with suppress(OSError), _datagrams(literal) as sock:
        sock.connect((literal, _DISCARD))
        return bool(sock.getsockname()[0] == sock.getpeername()[0])
    return False


def _datagrams(literal: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in literal else socket.AF_INET
    return socket.socket(family, socket.SOCK_DGRAM)
