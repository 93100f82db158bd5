"""The law of the unit ring: opening a network socket raises."""

import socket

import pytest

_NETWORK = frozenset({-1, socket.AF_INET, socket.AF_INET6})  # -1: socket's own default


class _NoNetwork(socket.socket):
    """A socket of this machine's own, such as the pair that wakes an event loop."""

    def __init__(
        self,
        family: int = -1,
        type: int = -1,  # noqa: A002 -- the standard library's own name
        proto: int = -1,
        fileno: int | None = None,
    ) -> None:
        """Refuse the families that lead out of the process."""
        if family in _NETWORK:
            raise RuntimeError("a unit test must not open a network socket")
        super().__init__(family, type, proto, fileno)


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the refusing socket in the place of the real one."""
    monkeypatch.setattr(socket, "socket", _NoNetwork)
