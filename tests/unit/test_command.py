"""A command line holds one command, whatever it is made of."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.smtp.command import (
    MAX_COMMAND_OCTETS,
    QUIT,
    CommandError,
    address_literal,
    command,
)

PRINTABLE = st.text(
    st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=400
)


def test_quit() -> None:
    """QUIT is exactly QUIT, since servers answer 501 to one with arguments."""
    assert QUIT == b"QUIT\r\n"


@pytest.mark.parametrize(
    ("verb", "argument", "line"),
    [
        ("EHLO", "probe.example.com", b"EHLO probe.example.com\r\n"),
        ("EHLO", "[IPv6:2001:db8::1]", b"EHLO [IPv6:2001:db8::1]\r\n"),
        ("NOOP", "", b"NOOP\r\n"),
        ("RCPT", "TO:<a b@example.com>", b"RCPT TO:<a b@example.com>\r\n"),
    ],
)
def test_line(verb: str, argument: str, line: bytes) -> None:
    """A command is its verb, its argument if there is one, and CRLF."""
    assert command(verb, argument) == line


@pytest.mark.parametrize(
    "argument",
    [
        "a\r\nRCPT TO:<x>",
        "a\n",
        "a\r",
        "\na",
        "a\x00",
        "a\tb",
        "a\x1b[31m",
        "a\x7f",
        "a\x85b",
        "müller",
        "a\u2028b",
        "\udc80",
    ],
)
def test_smuggling(argument: str) -> None:
    """What could end a line early, or is no printable ASCII, is refused."""
    with pytest.raises(CommandError, match="printable ASCII"):
        command("EHLO", argument)


def test_smuggling_by_the_verb() -> None:
    """A verb is held against the same law as its argument."""
    with pytest.raises(CommandError, match="printable ASCII"):
        command("EHLO\r\nQUIT")


def test_longest() -> None:
    """The longest line that a server must take is sent, and one octet more is not."""
    room = MAX_COMMAND_OCTETS - len("EHLO ") - len("\r\n")

    assert len(command("EHLO", "a" * room)) == MAX_COMMAND_OCTETS == 512
    with pytest.raises(CommandError, match="longer than 512 octets"):
        command("EHLO", "a" * (room + 1))


@given(st.text())
def test_one_line_or_none(argument: str) -> None:
    """Whatever the argument, there is one line of printable ASCII or an error."""
    try:
        line = command("EHLO", argument)
    except CommandError:
        line = b"\r\n"

    text = line.removesuffix(b"\r\n").decode("ascii")
    assert len(text) == len(line) - 2
    assert text == "" or text.isprintable()


@given(PRINTABLE)
def test_nothing_is_changed(argument: str) -> None:
    """A printable argument is sent as it is."""
    assert command("EHLO", argument) == b"EHLO " + argument.encode() + b"\r\n"


@pytest.mark.parametrize(
    ("address", "literal"),
    [
        ("192.0.2.1", "[192.0.2.1]"),
        ("127.0.0.1", "[127.0.0.1]"),
        ("::1", "[IPv6:::1]"),
        ("2001:DB8:0:0:0:0:0:1", "[IPv6:2001:db8::1]"),
        ("fe80::1%eth0", "[IPv6:fe80::1]"),
        ("fe80::1%lo%x", "[IPv6:fe80::1]"),
    ],
)
def test_address_literal(address: str, literal: str) -> None:
    """An IPv6 literal carries its tag, and no literal carries a zone."""
    assert address_literal(address) == literal


@pytest.mark.parametrize("address", ["", "mx.example.com", "[192.0.2.1]", "1.2.3"])
def test_no_address(address: str) -> None:
    """What is no IP address has no literal."""
    with pytest.raises(ValueError, match="IPv4 or IPv6"):
        address_literal(address)


@given(st.ip_addresses())
def test_every_address_fits(address: object) -> None:
    """Every address has a literal that EHLO can say, in the grammar's own octets."""
    line = command("EHLO", address_literal(str(address)))

    assert line.startswith(b"EHLO [")
    assert line.endswith(b"]\r\n")
    assert set(line[6:-3].decode()) <= {*string.hexdigits, *".:IPv"}
