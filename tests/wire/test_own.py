"""Which addresses are this machine's own, asked of the kernel."""

import socket
import sys

import pytest

from exporter.probe import own
from exporter.probe.own import is_own


@pytest.mark.parametrize("literal", ["127.0.0.1", "::1"])
def test_loopback(literal: str) -> None:
    """Loopback is our own, where the machine has it."""
    family = socket.AF_INET6 if ":" in literal else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.bind((literal, 0))
    except OSError:
        pytest.skip(f"this machine has no {literal}")

    assert is_own(literal)


@pytest.mark.parametrize("literal", ["192.0.2.1", "203.0.113.9", "2001:db8::1"])
def test_nobodys(literal: str) -> None:
    """An address that books use is nobody's, and so not ours."""
    assert not is_own(literal)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of 127.0.0.0/8")
def test_a_machine_that_binds_to_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where every address can be bound to, a bind makes nobody ours."""
    monkeypatch.setattr(own, "_can_be_bound", lambda _: True)

    assert is_own("127.0.0.1")
    assert not is_own("203.0.113.9")


@pytest.mark.parametrize("literal", ["fe80::1", "255.255.255.255", "::ffff:127.0.0.1"])
def test_odd_ones(literal: str) -> None:
    """An address that no socket takes is answered all the same."""
    assert is_own(literal) in {True, False}
