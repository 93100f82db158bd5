"""The lines we send: one command each, ended by CRLF and holding no other control.

Refuses anything that could smuggle a second command: control characters, octets above
127 (but for SMTPUTF8), and lines over RFC 5321 section 4.5.3.1.4's 512 octets.
"""

from functools import lru_cache
from ipaddress import ip_address

MAX_COMMAND_OCTETS = 512
QUIT = b"QUIT\r\n"  # exactly this: QUIT with arguments is answered by 501


class CommandError(ValueError):
    """An argument that no command line may hold."""


@lru_cache(maxsize=64)  # modules are few, and say the same in each probe
def command(verb: str, argument: str = "", *, smtputf8: bool = False) -> bytes:
    """Make a command line, with SMTPUTF8 (RFC 6531) in UTF-8.

    Raises CommandError for control characters, too long a line, or non-ASCII without
    SMTPUTF8.
    """
    text = f"{verb} {argument}" if argument else verb
    if not (text.isprintable() and (smtputf8 or text.isascii())):
        kind = "characters" if smtputf8 else "ASCII"
        raise CommandError(f"{verb}: only printable {kind} may stand in a command")
    line = text.encode() + b"\r\n"
    if len(line) > MAX_COMMAND_OCTETS:
        raise CommandError(f"{verb}: longer than {MAX_COMMAND_OCTETS} octets")
    return line


@lru_cache(maxsize=64)  # one machine's own addresses; each probe names one
def address_literal(address: str) -> str:
    """Write an IP address as RFC 5321 section 4.1.3 does, for EHLO.

    Raises ValueError for anything that is not an IP address. A zone (`%eth0`) means
    nothing to the server and is left out.
    """
    ip = ip_address(address.partition("%")[0])
    return f"[{ip}]" if ip.version == 4 else f"[IPv6:{ip}]"  # noqa: PLR2004 -- the version's own number
