"""The lines we send: one command each, ended by CRLF and holding no other control.

Refuses anything that could smuggle a second command: control characters, octets above
127, and lines over RFC 5321 section 4.5.3.1.4's 512 octets.
"""

import re
from ipaddress import ip_address

MAX_COMMAND_OCTETS = 512
QUIT = b"QUIT\r\n"  # exactly this: QUIT with arguments is answered by 501

_PRINTABLE = re.compile(r"[\x20-\x7e]*\Z")


class CommandError(ValueError):
    """An argument that no command line may hold."""


def command(verb: str, argument: str = "") -> bytes:
    """Make a command line.

    Raises CommandError for control characters, non-ASCII or too long a line.
    """
    text = f"{verb} {argument}" if argument else verb
    if not _PRINTABLE.match(text):
        raise CommandError(f"{verb}: only printable ASCII may stand in a command")
    if len(text) + 2 > MAX_COMMAND_OCTETS:
        raise CommandError(f"{verb}: longer than {MAX_COMMAND_OCTETS} octets")
    return text.encode("ascii") + b"\r\n"


def address_literal(address: str) -> str:
    """Write an IP address as RFC 5321 section 4.1.3 does, for EHLO.

    Raises ValueError for anything that is not an IP address. A zone (`%eth0`) means
    nothing to the server and is left out.
    """
    ip = ip_address(address.partition("%")[0])
    return f"[{ip}]" if ip.version == 4 else f"[IPv6:{ip}]"  # noqa: PLR2004 -- the version's own number
