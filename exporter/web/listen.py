"""Where the pages are served: the listeners, and why an address cannot be had."""

import asyncio
import errno
import os
import socket
from collections.abc import Iterable, Sequence

from aiohttp import web

from exporter.web.access.current import Access
from exporter.web.access.gate import Gate
from exporter.web.address import ListenAddress, ListenError
from exporter.web.connections import Connections
from exporter.web.prefix import Prefix, mounted
from exporter.web.refusals import in_our_words, name_no_version, within_limits
from exporter.web.sockets import HandedOverError, bound, close_all, handed_over

# How long open scrapes may finish when the exporter stops.
SHUTDOWN_SECONDS = 1.0

# Another address would not help.
_OUR_LIMITS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_MORE_ROOM = "raise this machine's limits (`ulimit -n`, LimitNOFILE=, its memory)"
_ANOTHER = "choose another with --web.listen-address"


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
        gate = Gate(self._access)
        if prefix.routes:  # a web config has the last word on a page's headers
            app.on_response_prepare.append(gate.add_headers)
        app = mounted(app, prefix)
        app.middlewares.insert(0, in_our_words)  # the outermost
        gate.guard(app)
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
    remedy = _MORE_ROOM if number in _OUR_LIMITS else _ANOTHER
    return f"cannot listen on {address}: {reason.lower()}; {remedy}"
