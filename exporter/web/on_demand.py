"""`/probe` over HTTP: what a request says, and how an answer is sent.

Holds the reading of parameters and headers as they stand, and the watch for a client
that hangs up. Refuses to judge them, and knows no probe.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from aiohttp import web
from aiohttp.typedefs import Handler

from exporter.web.connections import has_left

# How often a waiting handler looks whether its client is still there: aiohttp tells
# nobody. A mail server is held for this much longer than anybody waits.
LOOK_SECONDS = 0.25

_SCRAPE_TIMEOUT = "X-Prometheus-Scrape-Timeout-Seconds"


class Asked(NamedTuple):
    """A request as it came: each parameter and header as often as it was given."""

    targets: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    hostnames: tuple[str, ...] = ()
    debug: bool = False
    scrape_timeouts: tuple[str, ...] = ()  # seconds, unread
    accept: str = ""
    accept_encoding: str = ""


class Answer(NamedTuple):
    """What is sent back."""

    status: int
    content_type: str
    body: bytes
    gzip: bool = False
    retry_after: int | None = None  # seconds


Ask = Callable[[Asked], Awaitable[Answer]]

_PLAIN = "text/plain; charset=utf-8"
_OFF = Answer(404, _PLAIN, b"There are no probes on demand here.\n")
_GONE = Answer(503, _PLAIN, b"")  # nobody is there to read it


async def never(_: Asked) -> Answer:
    """Answer where there is nobody to probe."""
    return _OFF


def on_demand(ask: Ask) -> Handler:
    """Make the handler of GET and HEAD."""

    async def handle(request: web.Request) -> web.StreamResponse:
        answering = asyncio.ensure_future(ask(_asked(request)))
        try:
            while not answering.done():
                if has_left(request):
                    break
                await asyncio.wait({answering}, timeout=LOOK_SECONDS)
        finally:
            answering.cancel()  # nothing happens to one that is done
        await asyncio.wait({answering})
        return _response(_GONE if answering.cancelled() else answering.result())

    return handle


def _asked(request: web.Request) -> Asked:
    query, headers = request.query, request.headers
    return Asked(
        targets=tuple(query.getall("target", ())),
        modules=tuple(query.getall("module", ())),
        hostnames=tuple(query.getall("hostname", ())),
        debug=query.get("debug") == "true",
        scrape_timeouts=tuple(headers.getall(_SCRAPE_TIMEOUT, ())),
        accept=",".join(headers.getall("Accept", ())),
        accept_encoding=",".join(headers.getall("Accept-Encoding", ())),
    )


def _response(answer: Answer) -> web.Response:
    headers = {
        "Content-Type": answer.content_type,
        "Vary": "Accept, Accept-Encoding",
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",  # a server's own words may be in it
    }
    if answer.gzip:
        headers["Content-Encoding"] = "gzip"
    if answer.retry_after is not None:
        headers["Retry-After"] = str(answer.retry_after)
    return web.Response(status=answer.status, body=answer.body, headers=headers)
