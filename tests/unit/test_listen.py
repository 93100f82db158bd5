"""Addresses to listen on, read and written; opening them is the wire ring's."""

import errno
import socket
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.cli import DEFAULT_LISTEN
from exporter.web.address import (
    DEFAULT_PORT,
    ListenAddress,
    ListenError,
    parse_listen_address,
)
from exporter.web.listen import _why


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (":10525", ListenAddress(None, 10525)),
        (":0", ListenAddress(None, 0)),
        ("127.0.0.1:10525", ListenAddress("127.0.0.1", 10525)),
        ("0.0.0.0:65535", ListenAddress("0.0.0.0", 65535)),  # noqa: S104 -- nothing is bound
        ("[::1]:10525", ListenAddress("::1", 10525)),
        ("[::]:80", ListenAddress("::", 80)),
        ("[::ffff:192.0.2.1]:80", ListenAddress("::ffff:192.0.2.1", 80)),
        ("localhost:80", ListenAddress("localhost", 80)),
        ("monitor.example.com:80", ListenAddress("monitor.example.com", 80)),
    ],
)
def test_read(text: str, address: ListenAddress) -> None:
    """An address is read into its host and port, and is written as it was."""
    assert parse_listen_address(text) == address
    assert str(address) == text


@pytest.mark.parametrize(
    "text",
    [
        *("", ":", "10525", "127.0.0.1", "127.0.0.1:", "[::1]", "[::1]:"),
        *(":65536", ":99999", ":100000", ":-1", ":+1", ": 1", ":1 ", ":1\n", ":٣"),
        *("::1:10525", "::", "[::1:10525", "::1]:10525", "[]:1", "[mx]:1"),
        *("http://127.0.0.1:1", "127.0.0.1:1/metrics", "[fe80::1%eth0]:1"),
    ],
    ids=ascii,
)
def test_refuse(text: str) -> None:
    """What is no address is refused in one line that shows how one is written."""
    with pytest.raises(ListenError) as raised:
        parse_listen_address(text)

    sentence = str(raised.value)
    assert sentence.isprintable()
    assert sentence.startswith(f"{text!r} is no listen address; write `:10525`")
    assert "`[::1]:10525`" in sentence


@given(st.text() | st.text("[]:.0123456789abcdef%"))
def test_anything(text: str) -> None:
    """Any text is an address, which is read back from what it is written as, or not."""
    with suppress(ListenError):
        address = parse_listen_address(text)
        assert 0 <= address.port <= 65535
        assert parse_listen_address(str(address)) == address


def test_the_default() -> None:
    """The flag's default is every address, at the port that is the exporter's."""
    assert parse_listen_address(DEFAULT_LISTEN) == ListenAddress(None, DEFAULT_PORT)


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (OSError(errno.EADDRINUSE, "error while ..."), "address already in use"),
        (OSError(errno.EACCES, "Permission denied"), "permission denied"),
        (OSError(errno.EADDRNOTAVAIL, "x"), "cannot assign requested address"),
        (
            socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
            "name or service not known",
        ),
        (OSError("no number"), "no number"),
    ],
)
def test_why(error: OSError, why: str) -> None:
    """An address that cannot be had is told in one line, with the remedy."""
    assert _why(ListenAddress("::1", 80), error) == (
        f"cannot listen on [::1]:80: {why}; choose another with --web.listen-address"
    )
