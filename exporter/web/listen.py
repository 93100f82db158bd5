"""Where the pages are served: the listeners, and why an address cannot be had."""

import asyncio
import errno
import logging
import os
from collections.abc import Iterable, Sequence

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from exporter.web.address import (
    DEFAULT_PORT,
    ListenAddress,
    ListenError,
    parse_listen_address,
)

__all__ = [
    "DEFAULT_PORT",
    "ListenAddress",
    "ListenError",
    "Listeners",
    "parse_listen_address",
]

# How long open scrapes may finish when the exporter stops.
SHUTDOWN_SECONDS = 1.0

# Another address would not help.
_OUR_LIMITS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_MORE_ROOM = "raise this machine's limits (`ulimit -n`, LimitNOFILE=, its memory)"
_ANOTHER = "choose another with --web.listen-address"


class Listeners:
    """The open listeners of one application."""

    def __init__(self, app: web.Application) -> None:
        """Prepare; nothing listens yet."""
        logging.getLogger("aiohttp.server").addFilter(_is_ours)
        self._runner = web.AppRunner(
            app, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS
        )

    async def open(self, addresses: Iterable[ListenAddress]) -> Sequence[ListenAddress]:
        """Listen on every address; gives them with the ports really taken.

        Raises ListenError with the first that cannot be had.
        """
        await self._runner.setup()
        for address in addresses:
            site = web.TCPSite(self._runner, address.host, address.port)
            try:
                await site.start()
            except (OSError, UnicodeError) as error:
                raise ListenError(_why(address, error)) from error
        return [ListenAddress(name[0], name[1]) for name in self._runner.addresses]

    async def close(self) -> None:
        """Stop listening, and let answers under way finish within a second."""
        await self._runner.cleanup()
        await asyncio.sleep(0)  # closed transports run their last callback


def _why(address: ListenAddress, error: OSError | UnicodeError) -> str:
    number = getattr(error, "errno", None) or 0  # name errors have negative ones
    told = getattr(error, "strerror", None) or str(error)
    reason = os.strerror(number) if number > 0 else told
    remedy = _MORE_ROOM if number in _OUR_LIMITS else _ANOTHER
    return f"cannot listen on {address}: {reason.lower()}; {remedy}"


def _is_ours(record: logging.LogRecord) -> bool:
    """Leave out what only says that a client sent no proper HTTP."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, HttpProcessingError)
