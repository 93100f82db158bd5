"""The web config as it is now: read again when one of its files has changed.

Holds the configuration and the TLS context made of it. A new one that is refused keeps
the old and is told once. Refuses to switch TLS on or off: clients would meet the other
protocol on a connection that they trust; and to take a lock off the door: a file that
is being written may be read when it is empty or half there.
"""

import ssl
from collections.abc import Callable
from pathlib import Path
from time import monotonic

import structlog

from exporter.access import ClientAuth, WebConfig
from exporter.web.access.tls import TlsRefused, server_context

_log = structlog.get_logger(__name__)

# A file that a refused web config names, and that nobody watches, may have come since.
RETRY_SECONDS = 10.0
_NO_SWITCH = "TLS cannot be switched on or off while running; restart for that"
_NO_OPENING = "`{}` cannot be taken out while running; restart for that"

_Signature = tuple[tuple[int, ...] | None, ...]


class Access:
    """Who may reach the pages now; without a web config, anybody in the clear."""

    def __init__(
        self,
        first: WebConfig = WebConfig(),  # noqa: B008 -- it is frozen
        read: Callable[[], WebConfig] | None = None,
        refused: type[Exception] = TlsRefused,
    ) -> None:
        """Begin with what was read; `read` raises `refused` with a sentence.

        Raises TlsRefused.
        """
        self._config = first
        self._context = server_context(first.tls) if first.tls else None
        self._read = read
        self._refused = (refused, TlsRefused)
        self._seen: _Signature | None = None
        self._complaint = ""
        self._retry_at = 0.0

    @property
    def config(self) -> WebConfig:
        """Give the web config, as its files say now."""
        self._look()
        return self._config

    @property
    def context(self) -> ssl.SSLContext | None:
        """Give the TLS context for a new connection; None: in the clear."""
        self._look()
        return self._context

    def _look(self) -> None:
        if self._read is None:
            return
        found = tuple(map(_signature, self._config.files))
        if found == self._seen and not self._is_due():
            return
        self._seen = found  # as it was before reading: a change meanwhile is seen next
        try:
            self._take(self._read())
            self._complaint = ""
        except self._refused as error:
            self._retry_at = monotonic() + RETRY_SECONDS
            if self._complaint != str(error):
                self._complaint = str(error)
                _log.error(
                    "web config refused, the old one stays", error=self._complaint
                )

    def _is_due(self) -> bool:
        return bool(self._complaint) and monotonic() >= self._retry_at

    def _take(self, new: WebConfig) -> None:
        if new == self._config:
            return
        if (new.tls is None) != (self._config.tls is None):
            raise TlsRefused(_NO_SWITCH)
        for key in _locks(self._config):
            if key not in _locks(new):
                raise TlsRefused(_NO_OPENING.format(key))
        if new.tls != self._config.tls and new.tls:
            self._context = server_context(new.tls)
        self._config = new
        self._seen = None
        _log.info("web config reloaded")


def _locks(config: WebConfig) -> tuple[str, ...]:
    """Give the keys by which some are let in and others are not."""
    held = {
        "basic_auth_users": config.users,
        "client_auth_type": config.tls
        and config.tls.client_auth is ClientAuth.REQUIRED,
        "client_allowed_sans": config.tls and config.tls.client_allowed_sans,
    }
    return tuple(key for key, holds in held.items() if holds)


def _signature(path: Path) -> tuple[int, ...] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return (stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size, stat.st_ino)
