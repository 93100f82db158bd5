"""Listening sockets: those that we bind, and those that systemd hands over.

Holds LISTEN_FDS as sd_listen_fds(3) has it. Refuses what is no listening TCP socket.
"""

import asyncio
import errno
import os
import socket
from collections.abc import MutableMapping

# Where the descriptors that are handed over begin: SD_LISTEN_FDS_START.
FIRST_DESCRIPTOR = 3
# The queue behind each: a burst of scrapers while the loop is busy.
BACKLOG = 128
# A family that this machine lacks, when every address is asked for.
_LACKING = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})


class HandedOverError(Exception):
    """There are no sockets of systemd that can be used; the text says why."""


async def bound(host: str | None, port: int) -> list[socket.socket]:
    """Listen on a name's or an address's sockets; no host is every address.

    Raises OSError or UnicodeError, and leaves nothing open then.
    """
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    sockets: list[socket.socket] = []
    lacking: OSError | None = None
    try:
        for family, _, _, _, address in dict.fromkeys(found):
            try:
                sockets.append(_listening(family, address))
            except OSError as error:
                if host is not None or error.errno not in _LACKING:
                    raise
                lacking = error
        if lacking and not sockets:
            raise lacking
    except OSError:
        close_all(sockets)
        raise
    return sockets


def _listening(family: int, address: tuple[object, ...]) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setblocking(False)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def handed_over(environ: MutableMapping[str, str]) -> list[socket.socket]:
    """Take the sockets of socket activation, once; the variables are gone then.

    Raises HandedOverError.
    """
    process, number = environ.pop("LISTEN_PID", ""), environ.pop("LISTEN_FDS", "")
    environ.pop("LISTEN_FDNAMES", None)
    if process != str(os.getpid()) or not number.isdecimal() or not int(number):
        raise HandedOverError(
            "systemd has handed over no socket; start the .socket unit, whose service "
            "has --web.systemd-socket"
        )
    sockets: list[socket.socket] = []
    for descriptor in range(FIRST_DESCRIPTOR, FIRST_DESCRIPTOR + int(number)):
        try:
            sockets.append(_taken(descriptor))
        except OSError as error:
            close_all(sockets)
            raise HandedOverError(
                f"descriptor {descriptor} from systemd: {error.strerror}; the .socket "
                "unit needs `ListenStream=` with a port, and no `Accept=yes`"
            ) from error
    return sockets


def _taken(descriptor: int) -> socket.socket:
    taken = socket.socket(fileno=descriptor)
    if taken.family not in {socket.AF_INET, socket.AF_INET6} or not taken.getsockopt(
        socket.SOL_SOCKET, socket.SO_ACCEPTCONN
    ):
        taken.detach()  # it was never ours
        raise OSError(errno.EINVAL, "it is no listening TCP socket")
    taken.set_inheritable(False)
    taken.setblocking(False)
    return taken


def close_all(sockets: list[socket.socket]) -> None:
    """Close sockets, and hold none."""
    while sockets:
        sockets.pop().close()
