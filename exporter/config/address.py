"""Hosts, sockets, ports, domains, and the names of client and server, as text.

Holds the syntax of each, and the sentence for whoever missed it. Refuses to resolve:
whether a host exists is found out by probing it.
"""

import ipaddress
import re
from collections.abc import Callable, Iterable

from exporter.config.complaint import Refusal
from exporter.printable import quoted

DNS_PORT = 53
MAX_PORT = 65535
MAX_HOST = 253  # RFC 1035 2.3.4: 255 octets on the wire; a final dot is not counted
MAX_EHLO_NAME = 255  # RFC 5321 4.5.3.1.2
MAX_SOCKET_PATH = 107  # sun_path has 108 octets, and the last one is a NUL

UNIX = "unix:"  # begins a host that is a Unix socket
UNIX_PORT = 0  # stands where such a host has none

_IPV6 = 6
_HOST_AND_PORT = re.compile(r"(?P<host>[^:\[\]]*)(?::(?P<port>[0-9]{1,9}))?")
_IPV6_AND_PORT = re.compile(r"\[(?P<host>[^\[\]]*)\](?::(?P<port>[0-9]{1,9}))?")
# RFC 1123 2.1, and the underscore, which the DNS carries and operators use.
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?")
# RFC 5321 4.1.2: Domain = sub-domain *("." sub-domain), without the underscore.
_SUB_DOMAIN = _LABEL.replace("_", "")
_DOMAIN = re.compile(rf"{_SUB_DOMAIN}(?:\.{_SUB_DOMAIN})*")
_ADDRESS_LITERAL = re.compile(
    r"\[(?:(?P<v4>[0-9.]+)|IPv6:(?P<v6>[0-9a-f:.]+))\]", re.IGNORECASE
)

Rule = tuple[Callable[[str], bool], str]
Rules = Iterable[Rule]


def check_host(text: str) -> str:
    """Give the host back if it is a name, an address literal or a Unix socket.

    Raises Refusal.
    """
    if is_unix(text):
        return checked(text, _UNIX_RULES)
    return text if version(text) else checked(text, _HOST_RULES)


def check_domain(text: str) -> str:
    """Give the name of a mail domain back.

    Raises Refusal.
    """
    return checked(text, _MAIL_DOMAIN_RULES)


def check_server_name(text: str) -> str:
    """Give the name back if a certificate can be for it: a name or an address literal.

    Raises Refusal.
    """
    return text if version(text) else checked(text, _SERVER_NAME_RULES)


def check_address(text: str) -> str:
    """Give the address literal back.

    Raises Refusal.
    """
    return checked(text, _ADDRESS_RULES)


def check_ehlo_name(text: str) -> str:
    """Give the name back if RFC 5321 lets a client call itself so.

    Raises Refusal.
    """
    return checked(text, _EHLO_RULES)


def is_unix(host: str) -> bool:
    """Whether this stands for a Unix socket; `unix:25` is port 25 of the host unix."""
    return host.startswith(UNIX) and not host.removeprefix(UNIX).isdecimal()


def split_port(text: str) -> tuple[str, int | None]:
    """Give host and port of `host`, `host:port` or `[IPv6]:port`.

    A bare IPv6 literal and a Unix socket have none. The host is not judged yet, nor
    whether the port is within range. Raises Refusal.
    """
    if is_unix(text) or version(text) == _IPV6:
        return text, None
    plain = _HOST_AND_PORT.fullmatch(text)
    bracketed = _IPV6_AND_PORT.fullmatch(text)
    match = plain or bracketed
    if match is None or (bracketed and version(bracketed["host"]) != _IPV6):
        raise Refusal(f"{quoted(text)} is not `host`, `host:port` or `[IPv6]:port`")
    return match["host"], None if match["port"] is None else int(match["port"])


def join_port(host: str, port: int) -> str:
    """Spell host and port as one, with brackets around an IPv6 literal.

    A Unix socket is spelt by itself.
    """
    if is_unix(host):
        return host
    return f"[{host}]:{port}" if version(host) == _IPV6 else f"{host}:{port}"


def read_dns_server(text: str) -> tuple[str, int]:
    """Give address and port of a DNS server; port 53 when none is written.

    Raises Refusal.
    """
    host, port = split_port(text)
    if version(host) is None:
        raise Refusal(f"{quoted(host)} is not an IPv4 or IPv6 address; give one")
    return host, check_port(DNS_PORT if port is None else port)


def check_port(port: int) -> int:
    """Give the port back if it is within range.

    Raises Refusal.
    """
    if not 1 <= port <= MAX_PORT:
        raise Refusal(f"the port must be from 1 to {MAX_PORT}, not {port}")
    return port


def is_loopback(address: str) -> bool:
    """Whether an address literal stays on this machine."""
    read = ipaddress.ip_address(address)
    mapped = read.ipv4_mapped if isinstance(read, ipaddress.IPv6Address) else None
    return (mapped or read).is_loopback


def version(text: str) -> int | None:
    """Give 4 or 6 for an address literal, None for all else, an IPv6 zone included."""
    if ":" not in text and not text[-1:].isdigit():
        return None  # a name, found out without the cost of an exception
    try:
        return None if "%" in text else ipaddress.ip_address(text).version
    except ValueError:
        return None


def checked(text: str, rules: Rules) -> str:
    """Give the text back if it breaks none of the rules.

    Raises Refusal with the sentence of the first that it breaks.
    """
    for broken, sentence in rules:
        if broken(text):
            raise Refusal(sentence.format(quoted(text)))
    return text


def is_bad_literal(text: str) -> bool:
    """Whether this is no address literal of RFC 5321 4.1.3, brackets and all."""
    literal = _ADDRESS_LITERAL.fullmatch(text)
    if literal is None:
        return True
    return version(literal["v4"] or literal["v6"]) != (4 if literal["v4"] else 6)


_UNIX_RULES: Rules = (
    (
        lambda text: not text.startswith(f"{UNIX}/"),
        f"{{}}: name the socket by its absolute path, as in `{UNIX}/run/lmtp.sock`",
    ),
    (
        lambda text: not text.isprintable(),
        "{}: the path of a socket has printable characters only",
    ),
    (
        lambda text: len(text.removeprefix(UNIX).encode()) > MAX_SOCKET_PATH,
        f"{{}}: the path of a socket has at most {MAX_SOCKET_PATH} octets",
    ),
)

_ADDRESS_RULES: Rules = (
    (
        lambda text: version(text) is None,
        "{} is not an IPv4 or IPv6 address; give one, without port and brackets",
    ),
)

_NOT_ASCII: Rule = (
    lambda text: not text.isascii(),
    "{} is not ASCII; write it in A-labels (`xn--...`), as the DNS has it",
)
_TOO_LONG: Rule = (
    lambda text: len(text.removesuffix(".")) > MAX_HOST,
    f"{{}} is longer than {MAX_HOST} characters",
)
_ENDS_IN_DIGITS: Rule = (
    lambda text: text.removesuffix(".").rpartition(".")[2].isdecimal(),
    "{} is not an IPv4 address, and a name does not end in digits only",
)
_LABELS = "labels of 1 to 63 letters, digits, `-` and `_`, with dots between them"

_HOST_RULES: Rules = (
    (lambda text: not text, "the host is empty; give a name or an address"),
    _NOT_ASCII,
    (lambda text: text.startswith("["), "{}: write the address without brackets"),
    (lambda text: "%" in text, "{}: IPv6 zones (`%eth0`) are not supported"),
    (lambda text: ":" in text, "{} is not an IPv6 address; a port goes under `port:`"),
    _TOO_LONG,
    _ENDS_IN_DIGITS,
    (lambda text: not _HOST.fullmatch(text), f"{{}} is not a host name: {_LABELS}"),
)

_MAIL_DOMAIN_RULES: Rules = (
    (lambda text: not text, "the domain is empty; write it as in `example.com`"),
    _NOT_ASCII,
    (
        lambda text: version(text.strip("[]")) is not None,
        "{} is an address, and only a domain has mail exchangers; probe the address "
        "itself with `host:`",
    ),
    (is_unix, "{} is a Unix socket, and only a domain has mail exchangers"),
    (lambda text: ":" in text, "{} is not a domain; a port goes under `port:`"),
    _TOO_LONG,
    _ENDS_IN_DIGITS,
    (lambda text: not _HOST.fullmatch(text), f"{{}} is not a domain: {_LABELS}"),
)

_SERVER_NAME_RULES: Rules = (
    (lambda text: not text, "the name is empty; give the one in the certificate"),
    _NOT_ASCII,
    (lambda text: text.startswith("["), "{}: write the address without brackets"),
    (lambda text: ":" in text, "{} is not an IPv6 address, and a name has no port"),
    (
        lambda text: "*" in text,
        "{}: name the server itself, which a wildcard in its certificate may match",
    ),
    (
        lambda text: text.endswith("."),
        "{}: leave out the final dot, which no certificate has (RFC 6066 section 3)",
    ),
    _TOO_LONG,
    _ENDS_IN_DIGITS,
    (lambda text: not _HOST.fullmatch(text), f"{{}} is not a host name: {_LABELS}"),
)

_EHLO_RULES: Rules = (
    (
        lambda text: len(text.encode()) > MAX_EHLO_NAME,
        f"{{}} is longer than {MAX_EHLO_NAME} octets",
    ),
    (
        lambda text: version(text) is not None,
        "{} is an address; write it as the literal `[192.0.2.1]` or `[IPv6:::1]`",
    ),
    (
        lambda text: text.startswith("[") and is_bad_literal(text),
        "{} is no address literal such as `[192.0.2.1]` or `[IPv6:2001:db8::1]`",
    ),
    (
        lambda text: not (text.startswith("[") or _DOMAIN.fullmatch(text)),
        "{} is not a domain (RFC 5321 4.1.2): labels of 1 to 63 letters, digits and "
        "`-`, with dots between them",
    ),
)
