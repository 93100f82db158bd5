"""Listening sockets: every address, none that is left open, and those of systemd."""

import asyncio
import errno
import os
import socket
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from exporter.web import sockets
from exporter.web.sockets import HandedOverError, bound, handed_over

InLoop = Callable[[Coroutine[Any, Any, None]], None]


def environ(count: str = "1", process: int | None = None) -> dict[str, str]:
    """Write what systemd writes."""
    return {
        "LISTEN_PID": str(os.getpid() if process is None else process),
        "LISTEN_FDS": count,
        "LISTEN_FDNAMES": "http",
        "OTHER": "x",
    }


def test_every_address(in_loop: InLoop) -> None:
    """No host is every address, of each family that there is."""

    async def story() -> None:
        opened = await bound(None, 0)
        families = {one.family for one in opened}
        sockets.close_all(opened)

        assert socket.AF_INET in families
        assert families <= {socket.AF_INET, socket.AF_INET6}
        assert opened == []

    in_loop(story())


def test_a_family_that_is_lacking(
    in_loop: InLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there is no IPv6, every address is those of IPv4; asked for, it fails."""
    listen = sockets._listening

    def lacking(family: int, address: tuple[object, ...]) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(errno.EADDRNOTAVAIL, "no IPv6 here")
        return listen(family, address)

    monkeypatch.setattr(sockets, "_listening", lacking)

    async def story() -> None:
        opened = await bound(None, 0)
        assert {one.family for one in opened} == {socket.AF_INET}
        sockets.close_all(opened)
        with pytest.raises(OSError, match="no IPv6 here"):
            await bound("::1", 0)
        await asyncio.sleep(0)

    in_loop(story())


@pytest.mark.parametrize("variables", [{}, environ("0"), environ("x"), environ("1", 1)])
def test_nothing_handed_over(variables: dict[str, str]) -> None:
    """Variables that are not there, or another's, are no sockets; a child has none."""
    with pytest.raises(HandedOverError, match=r"handed over no socket; start the"):
        handed_over(variables)

    assert {*variables} <= {"OTHER"}


@pytest.mark.parametrize("kind", ["not listening", "datagrams", "unix", "none"])
def test_no_listening_socket(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A descriptor of something else is refused, with what the unit needs."""
    family = socket.AF_UNIX if kind == "unix" else socket.AF_INET
    form = socket.SOCK_DGRAM if kind == "datagrams" else socket.SOCK_STREAM
    with socket.socket(family, form) as other:
        number = 1_000_000 if kind == "none" else other.fileno()
        monkeypatch.setattr(sockets, "FIRST_DESCRIPTOR", number)
        with pytest.raises(HandedOverError, match=r"needs `ListenStream=` with a port"):
            handed_over(environ())
        assert other.fileno() == -1 or kind != "none" or other.getsockname()


def test_handed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """A listening socket is taken as it is, and passed on to nobody."""
    listener = socket.create_server(("127.0.0.1", 0))
    address = listener.getsockname()
    monkeypatch.setattr(sockets, "FIRST_DESCRIPTOR", listener.detach())
    (taken,) = handed_over(environ())
    with taken:
        assert taken.getsockname() == address
        assert not taken.get_inheritable()
        assert not taken.getblocking()
