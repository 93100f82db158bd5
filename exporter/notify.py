"""What the service manager is told: ready, reloading, stopping, and still alive.

Holds sd_notify(3)'s protocol, a datagram to NOTIFY_SOCKET. Without that variable
nothing is told, and a manager that does not listen stops nothing here.
"""

import asyncio
import os
import socket
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

_ABSTRACT = "@"  # as systemd writes the NUL before a name that is no file
_MICROSECONDS = 1_000_000


class Notifier:
    """Tells the service manager, if there is one."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        """Read where to tell it, and how often that we are alive."""
        self._address = environ.get("NOTIFY_SOCKET", "")
        self._watchdog = _watchdog_seconds(environ)
        self._beating: asyncio.Task[None] | None = None
        self._is_ready = False  # between the start and the end
        self._reloads = 0  # under way

    def ready(self) -> None:
        """Tell that pages are served; from now on also, where asked, that we live."""
        self._is_ready = True
        self._tell("READY=1")
        if self._watchdog and self._beating is None:
            self._beating = asyncio.create_task(self._beat(self._watchdog))

    async def reloading(self, reload: Callable[[], Awaitable[str]]) -> str:
        """Tell that a reload begins, and that the last one under way has ended.

        Gives what it gives. While the exporter starts or stops, that is what is told.
        """
        if self._is_ready and not self._reloads:
            now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
            self._tell("RELOADING=1", f"MONOTONIC_USEC={now}")
        self._reloads += 1
        try:
            return await reload()
        finally:
            self._reloads -= 1
            if self._is_ready and not self._reloads:
                self._tell("READY=1")

    def stopping(self) -> None:
        """Tell that the end has begun."""
        self._is_ready = False
        self._tell("STOPPING=1")

    def close(self) -> None:
        """Tell nothing more."""
        if self._beating is not None:
            self._beating.cancel()
            self._beating = None

    async def _beat(self, seconds: float) -> None:
        """Tell it by the loop that probes, so that a loop that hangs is found out."""
        while True:
            self._tell("WATCHDOG=1")
            await asyncio.sleep(seconds)

    def _tell(self, *lines: str) -> None:
        if not self._address:
            return
        address = self._address
        if address.startswith(_ABSTRACT):
            address = "\0" + address.removeprefix(_ABSTRACT)
        with (
            suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock,
        ):
            sock.setblocking(False)
            sock.sendto("\n".join(lines).encode(), address)


def _watchdog_seconds(environ: Mapping[str, str]) -> float:
    """Give half of the time after which we would be taken for dead; 0: nobody asks."""
    microseconds = environ.get("WATCHDOG_USEC", "")
    process = environ.get("WATCHDOG_PID", str(os.getpid()))
    if not microseconds.isdecimal() or process != str(os.getpid()):
        return 0.0
    return int(microseconds) / _MICROSECONDS / 2
