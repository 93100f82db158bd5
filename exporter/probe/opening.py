"""From a socket to a connection that stands, without blocking.

Only that: which address, how long, and what is said over it are decided elsewhere. The
process keeps its last descriptors for others than probes.
"""

import asyncio
import errno
import os
import resource
import socket

from exporter.probe.door import connecting, opening
from exporter.probe.limit import Alarm, Limit, settle
from exporter.smtp.exchange import Interrupted
from exporter.vocabulary import Reason

# After the handshake (before it, it is ECONNREFUSED); EPIPE when a FIN came first.
_RESET_SINCE = frozenset({errno.ECONNRESET, errno.EPIPE})
# For pages, lookups and files: when probes have the rest, that can still be told. Of a
# small limit they keep no more than a quarter.
SPARED = 16


def opened(family: socket.AddressFamily) -> socket.socket:
    """Open a non-blocking socket, unless only descriptors that are spared are left.

    Raises Interrupted with local_error.
    """
    with opening:
        sock = socket.socket(family, socket.SOCK_STREAM)
        most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        # The lowest number that is free is given: all below are taken.
        if 0 <= most - min(SPARED, most // 4) <= sock.fileno():
            sock.close()
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
    sock.setblocking(False)
    return sock


async def connect(
    sock: socket.socket, name: tuple[str, int] | str, alarm: Alarm, limit: Limit
) -> bool:
    """Connect a non-blocking socket; true when it stood and was reset since."""
    with opening:
        try:
            sock.connect(name)
        except BlockingIOError as blocking:
            if blocking.errno == errno.EAGAIN:  # a Unix socket whose queue is full
                raise Interrupted(Reason.REFUSED) from blocking
        else:
            return False
    in_time = await _writable(sock, alarm, limit)
    error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if error in _RESET_SINCE:
        return True
    with connecting:
        if error:
            raise OSError(error, os.strerror(error))
        if not in_time and not _stands(sock):
            raise Interrupted(limit.reason)
    return False


async def _writable(sock: socket.socket, alarm: Alarm, limit: Limit) -> bool:
    loop = asyncio.get_running_loop()
    waiter: asyncio.Future[bool] = loop.create_future()
    loop.add_writer(sock.fileno(), settle, waiter, True)
    try:
        return await alarm.until(waiter, limit)
    finally:
        loop.remove_writer(sock.fileno())


def _stands(sock: socket.socket) -> bool:
    """Whether the connection was made although the loop came too late to be told."""
    try:
        sock.getpeername()
    except OSError:
        return False
    return True
