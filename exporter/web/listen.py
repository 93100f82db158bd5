"""Where the pages are served: addresses in the ecosystem's spelling, and the listeners.

`:10525` is every address of the machine, `127.0.0.1:10525` and `[::1]:10525` are one.
"""

import asyncio
import errno
import os
import re
import socket
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from aiohttp import web

from exporter.web.access.current import Access
from exporter.web.access.gate import Gate
from exporter.web.connections import Connections
from exporter.web.prefix import Prefix, mounted
from exporter.web.refusals import in_our_words, name_no_version, within_limits
from exporter.web.sockets import HandedOverError, bound, close_all, handed_over

# A claim on the port registry of the Prometheus wiki; nothing in /etc/services has it.
DEFAULT_PORT = 10525
# How long open scrapes may finish when the exporter stops.
SHUTDOWN_SECONDS = 1.0

_ADDRESS = re.compile(
    r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[^:\[\]]*)):(?P<port>[0-9]{1,5})"
)
_MAX_PORT = 65535
# Another address would not help.
_OUR_LIMITS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class ListenError(Exception):
    """An address that cannot be read or listened on; the text names the remedy."""


class ListenAddress(NamedTuple):
    """One address to listen on; no host is every address."""

    host: str | None
    port: int

    def __str__(self) -> str:
        """Spell it as it is written on the command line."""
        host = self.host or ""
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"


def parse_listen_address(text: str) -> ListenAddress:
    """Read `:10525`, `host:10525` or `[::1]:10525`.

    Raises ListenError.
    """
    match = _ADDRESS.fullmatch(text)
    if not match or int(match["port"]) > _MAX_PORT:
        raise ListenError(
            f"{text!r} is no listen address; write `:{DEFAULT_PORT}`, "
            f"`127.0.0.1:{DEFAULT_PORT}` or `[::1]:{DEFAULT_PORT}`"
        )
    return ListenAddress(match["v6"] or match["host"] or None, int(match["port"]))


class Listeners:
    """The open listeners of one application."""

    def __init__(
        self,
        app: web.Application,
        access: Access | None = None,
        prefix: Prefix = Prefix(),  # noqa: B008 -- it is a tuple
    ) -> None:
        """Prepare; nothing listens yet. Without `access` anybody is let in."""
        self._access = access or Access()
        app = mounted(app, prefix)
        app.middlewares.insert(0, in_our_words)  # the outermost
        Gate(self._access).guard(app)
        app.middlewares.append(within_limits)
        app.on_response_prepare.append(name_no_version)
        self._runner = web.AppRunner(
            app, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS
        )
        self._sockets: list[socket.socket] = []
        self._connections: Connections | None = None

    async def open(
        self, addresses: Iterable[ListenAddress], *, systemd: bool = False
    ) -> Sequence[ListenAddress]:
        """Listen on every address; gives them with the ports really taken.

        With `systemd` the sockets come from there. Raises ListenError with the first
        that cannot be had.
        """
        await self._runner.setup()
        server = self._runner.server
        if server is None:
            raise ListenError("the listeners are closed")
        self._connections = connections = Connections(server, self._access)
        if systemd:
            try:
                self._sockets += handed_over(os.environ)
            except HandedOverError as error:
                raise ListenError(str(error)) from error
        for address in () if systemd else addresses:
            try:
                self._sockets += await bound(address.host, address.port)
            except (OSError, UnicodeError) as error:
                raise ListenError(_why(address, error)) from error
        for listener in self._sockets:
            connections.accept_on(listener)
        return self.addresses

    @property
    def addresses(self) -> Sequence[ListenAddress]:
        """Give the addresses that are listened on."""
        return [ListenAddress(*s.getsockname()[:2]) for s in self._sockets]

    async def close(self) -> None:
        """Stop listening, and let answers under way finish within a second."""
        if self._connections:
            await self._connections.close()
        close_all(self._sockets)
        await self._runner.cleanup()
        if self._connections:
            self._connections.cut()
        await asyncio.sleep(0)  # closed transports run their last callback


def _why(address: ListenAddress, error: OSError | UnicodeError) -> str:
    number = getattr(error, "errno", None) or 0  # name errors have negative ones
    told = getattr(error, "strerror", None) or str(error)
    reason = os.strerror(number) if number > 0 else told
    remedy = "" if number in _OUR_LIMITS else "; choose another with "
    return (
        f"cannot listen on {address}: {reason.lower()}"
        f"{remedy and remedy + '--web.listen-address'}"
    )
