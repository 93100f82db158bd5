"""The open connections: accepted, bounded in number, and each bounded in time.

Holds accepting, the TLS handshake in a task of its own, and the limits that aiohttp
lacks: on a head that does not come to its end, on a reader that does not read, and on
how many there are. Refuses to know what is served.
"""

import asyncio
import errno
import socket
from collections.abc import Callable
from typing import Any

import structlog
from aiohttp import hdrs, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.http_parser import RawRequestMessage
from aiohttp.web_protocol import RequestPayloadError
from multidict import CIMultiDictProxy

from exporter.web.access.current import Access
from exporter.web.access.tls import allowed
from exporter.web.refusals import (
    MAX_FIELD_OCTETS,
    MAX_FIELDS,
    MAX_HEAD_OCTETS,
    MAX_LINE_OCTETS,
    refusal,
)

_log = structlog.get_logger(__name__)

# Some scrapers, some browsers with six each, and a margin; half of the descriptors
# that a process has by default, the other half are the probes'.
MAX_OPEN = 512
# From the first octet of a head, or from the connection, to the head's last octet.
HEAD_SECONDS = 10.0
HANDSHAKE_SECONDS = 10.0
_TLS_LIMITS = ("ssl_handshake_timeout", "ssl_shutdown_timeout")
# Longer than Prometheus keeps a connection (5 minutes): it closes, and never finds one
# closed that it is about to use.
IDLE_SECONDS = 330.0
# How long what was written may wait until the client has read most of it.
SENDING_SECONDS = 30.0
# A body that nobody asked for is read this long, so that its sender sees the answer.
LINGER_SECONDS = 1.0
# Without descriptors a connection cannot even be refused; some come back meanwhile.
_PAUSE_SECONDS = 0.5
_NO_DESCRIPTORS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
# Who wanted to connect has gone already; there may be a next one at once.
_LOST = frozenset({errno.ECONNABORTED, errno.EPROTO})
# A client that left, or never spoke; nothing to tell.
_GONE = (HttpProcessingError, RequestPayloadError, ConnectionError)
_FULL_TOLD_SECONDS = 60.0


class Connection(web.RequestHandler):
    """One connection: waits for a request, or serves one."""

    __slots__ = (
        "_head",
        "_left",
        "_more",
        "_sans",
        "_timer",
        "_wire",
        "ended",
        "opening",
        "serving",
        "since",
    )

    def __init__(
        self,
        server: web.Server,
        loop: asyncio.AbstractEventLoop,
        left: "Callable[[Connection], None]",
        sans: tuple[str, ...] = (),
    ) -> None:
        """Prepare; `left` is told when the connection is no more."""
        super().__init__(
            server,
            loop=loop,
            access_log=None,  # type: ignore[arg-type]  # this is how there is none
            # Ours is the one that ends it.
            keepalive_timeout=IDLE_SECONDS + HEAD_SECONDS,
            lingering_time=LINGER_SECONDS,
            max_line_size=MAX_LINE_OCTETS,
            max_field_size=MAX_FIELD_OCTETS,
            max_headers=MAX_FIELDS,
            auto_decompress=False,
        )
        self._left = left
        self._sans = sans
        self._timer: asyncio.TimerHandle | None = None
        # Our own: aiohttp forgets one that closes while its client still reads.
        self._wire: asyncio.BaseTransport | None = None
        self.ended = False  # the client says nothing more
        self._head = 0  # octets since the last request began
        self._more = False  # some came while it was served: the next head has begun
        self.opening: asyncio.Task[None] | None = None  # while TLS is shaken hands on
        self.serving = False
        self.since = loop.time()  # the last change between waiting and serving

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for the first request, if the client's names are welcome."""
        if not allowed(transport.get_extra_info("peercert"), self._sans):
            _log.debug("a client's certificate has no name that is allowed")
            self._left(self)
            transport.abort()  # type: ignore[attr-defined]  # every transport we get
            return
        self._wire = transport
        super().connection_made(transport)
        self._wait(HEAD_SECONDS)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Be no more."""
        self._wire = None
        self._stop_waiting()
        self._left(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take octets; those of a head must end in time, and be few enough."""
        self._more = True
        if not self.serving:
            if self._head > MAX_HEAD_OCTETS:
                self.cut()
                return
            if not self._head:
                self._wait(HEAD_SECONDS)
            self._head += len(data)
        super().data_received(data)

    def eof_received(self) -> bool:  # type: ignore[override]  # a transport asks for it
        """Answer what came before its client has stopped to speak, and no more.

        TLS has no such half of a connection here: its transport ends as a whole.
        """
        self.ended = True
        if not self.serving:
            self._wait(LINGER_SECONDS)  # long enough to begin with a whole request
        wire = self._wire
        return wire is not None and wire.get_extra_info("sslcontext") is None

    def begin(self) -> None:
        """Serve a request, whose head is complete."""
        self._stop_waiting()
        self._head = 0
        self._more = False
        self.serving = True
        self.since = self._loop.time()

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: Any
    ) -> tuple[web.StreamResponse, bool]:
        """Send the rest of an answer, and wait for the next request."""
        if self.ended:
            resp.force_close()
        try:
            return await super().finish_response(request, resp, start_time)
        finally:
            self.serving = False
            self.since = self._loop.time()
            if self._wire is not None:
                self._rest()

    def pause_writing(self) -> None:
        """Wait for a client that does not read, and not for ever."""
        super().pause_writing()
        self._wait(SENDING_SECONDS)

    def resume_writing(self) -> None:
        """Go on: the client has read."""
        super().resume_writing()
        if self.serving:
            self._stop_waiting()
        else:
            self._rest()

    def cut(self) -> None:
        """End at once, without a word, whatever is under way."""
        self._stop_waiting()
        if self.opening is not None:
            self.opening.cancel()
        if self._wire is not None:
            self._wire.abort()  # type: ignore[attr-defined]  # every transport we get

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 -- aiohttp's words echo the request
    ) -> web.StreamResponse:
        """Answer what could not be read or served, and close."""
        if exc is not None and not isinstance(exc, _GONE):
            self.logger.error("a request could not be served", exc_info=exc)
        writer: AbstractStreamWriter = request.writer
        if writer.output_size > 0:
            raise ConnectionError("an answer has begun and cannot become another")
        response = refusal(status, _SENTENCES.get(status, _SENTENCES[500]))
        response.force_close()
        return response

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Log what is a fault of ours, and nothing that a client has sent."""
        if not isinstance(kw.get("exc_info"), _GONE):
            super().log_exception(*args, **kw)

    def _rest(self) -> None:
        """Wait for the next request, or until the last answer has been read."""
        idle = HEAD_SECONDS if self._more else IDLE_SECONDS
        self._wait(SENDING_SECONDS if self.writing_paused else idle)

    def _wait(self, seconds: float) -> None:
        self._stop_waiting()
        self._timer = self._loop.call_later(seconds, self.cut)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def has_left(request: web.Request) -> bool:
    """Tell whether a client that waits for its answer is gone.

    One that has only stopped to speak counts too: whoever hangs up looks like that.
    """
    transport, protocol = request.transport, request.protocol
    if transport is None or transport.is_closing():
        return True
    return isinstance(protocol, Connection) and protocol.ended


_SENTENCES = {
    400: "this is no request that can be read",
    500: "this page could not be made; the log says why",
    504: "this page took too long",
}


class Connections:
    """All of them, on every listener."""

    def __init__(self, server: web.Server, access: Access) -> None:
        """Accept nothing yet."""
        self._server = server
        self._answer = server.request_handler
        server.request_handler = self._begin
        self._request: Callable[..., web.BaseRequest] = server.request_factory
        server.request_factory = self._read
        self._access = access
        self._loop = asyncio.get_running_loop()
        self._open: dict[Connection, None] = {}
        # Those whose task has not begun yet.
        self._accepted: dict[Connection, socket.socket] = {}
        self._accepting: list[asyncio.Task[None]] = []
        self._told_at = -_FULL_TOLD_SECONDS

    def __len__(self) -> int:
        """Count those that are open, in a handshake too."""
        return len(self._open)

    def accept_on(self, listener: socket.socket) -> None:
        """Take what comes on a listening socket, from now on."""
        self._accepting.append(self._loop.create_task(self._accept(listener)))

    async def close(self) -> None:
        """Accept no more; those that are served stay, those in a handshake do not."""
        opening = [c.opening for c in self._open if c.opening is not None]
        for connection in [*self._accepted]:
            self._forget(connection)
        for task in (*self._accepting, *opening):
            task.cancel()
        await asyncio.gather(*self._accepting, *opening, return_exceptions=True)

    def cut(self) -> None:
        """End every connection that is left."""
        for connection in [*self._open]:
            connection.cut()

    async def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                accepted, _ = await self._loop.sock_accept(listener)
            except OSError as error:
                if error.errno in _NO_DESCRIPTORS:
                    self._make_room()
                if error.errno not in _LOST:
                    await asyncio.sleep(_PAUSE_SECONDS)
                continue
            if len(self._open) >= MAX_OPEN and not self._make_room():
                accepted.close()
                continue
            try:
                self._take(accepted)
            except Exception:  # noqa: BLE001 -- the next ones must be accepted
                accepted.close()
                _log.exception("a connection could not be taken")

    def _make_room(self) -> bool:
        """Close the connection that has waited longest, for a request or to be read."""
        waiting = [c for c in self._open if not c.serving or c.writing_paused]
        now = self._loop.time()
        if now - self._told_at >= _FULL_TOLD_SECONDS:
            self._told_at = now
            _log.warning(
                "connections are closed to make room",
                open=len(self._open),
                waiting=len(waiting),
            )
        if not waiting:
            return False
        idlest = min(waiting, key=lambda c: c.since)
        self._forget(idlest)
        idlest.cut()
        return True

    async def _begin(self, request: web.BaseRequest) -> web.StreamResponse:
        if isinstance(request.protocol, Connection):
            request.protocol.begin()
        return await self._answer(request)

    def _read(self, message: RawRequestMessage, *rest: Any) -> web.BaseRequest:
        """Take a request as if nothing were expected: its answer says it all.

        aiohttp would answer an expectation ahead of the rate limit and the login; RFC
        9110 10.1.1 allows a final answer at once, and no page reads a body.
        """
        if hdrs.EXPECT in message.headers:
            fields = message.headers.copy()
            del fields[hdrs.EXPECT]
            message = message._replace(headers=CIMultiDictProxy(fields))
        return self._request(message, *rest)

    def _take(self, accepted: socket.socket) -> None:
        tls = self._access.config.tls
        connection = Connection(
            self._server,
            self._loop,
            self._forget,
            tls.client_allowed_sans if tls else (),
        )
        self._open[connection] = None
        self._accepted[connection] = accepted
        connection.opening = self._loop.create_task(self._shake(connection))

    async def _shake(self, connection: Connection) -> None:
        """Bring a connection to where its first request can come."""
        accepted = self._accepted.pop(connection)
        context = self._access.context
        limits = dict.fromkeys(_TLS_LIMITS, HANDSHAKE_SECONDS) if context else {}
        try:
            await self._loop.connect_accepted_socket(
                lambda: connection, accepted, ssl=context, **limits
            )
        except (OSError, EOFError) as error:  # ssl.SSLError and time-outs are OSErrors
            _log.debug("no TLS with a client", error=str(error))
            self._forget(connection)
        except asyncio.CancelledError:
            self._forget(connection)
            raise
        except Exception:  # noqa: BLE001 -- one connection less, and no other
            accepted.close()
            self._forget(connection)
            _log.exception("a connection could not be begun")
        finally:
            connection.opening = None

    def _forget(self, connection: Connection) -> None:
        self._open.pop(connection, None)
        if accepted := self._accepted.pop(connection, None):
            accepted.close()  # its task ends before it has begun
