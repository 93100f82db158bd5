"""Where the pages are served: addresses in the ecosystem's spelling, and the listeners.

`:10525` is every address of the machine, `127.0.0.1:10525` and `[::1]:10525` are one.
"""

import asyncio
import errno
import logging
import os
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

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
    remedy = "" if number in _OUR_LIMITS else "; choose another with "
    return (
        f"cannot listen on {address}: {reason.lower()}"
        f"{remedy and remedy + '--web.listen-address'}"
    )


def _is_ours(record: logging.LogRecord) -> bool:
    """Leave out what only says that a client sent no proper HTTP."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, HttpProcessingError)
