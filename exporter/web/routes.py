"""The routes, and what each answers. Knows no target, probe or metric by itself.

What it serves comes in as callables, so a page can be asked for without a probe.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from aiohttp import hdrs, web

from exporter.history import Bounds, History
from exporter.ledger import Account
from exporter.web import assets
from exporter.web.api import Api
from exporter.web.headers import secure
from exporter.web.links import Links
from exporter.web.on_demand import Ask, never, on_demand
from exporter.web.pages import Pages
from exporter.web.refusals import refusal
from exporter.web.shown import Shown


class Page(Protocol):
    """A scrape's answer, whole."""

    @property
    def content_type(self) -> str:
        """The Content-Type header."""

    @property
    def gzip(self) -> bool:
        """Whether the body is compressed."""

    @property
    def parts(self) -> Sequence[bytes]:
        """The octets to send, one part behind the other."""


class Sources(NamedTuple):
    """Where the pages get what they show."""

    # Accept, Accept-Encoding, name[] -> the exposition
    metrics: Callable[[str, str, Iterable[str]], Awaitable[Page]]
    ready: Callable[[], bool]
    # What is wrong with the new configuration, or nothing
    reload: Callable[[], Awaitable[str]]
    config: Callable[[], str]  # that runs, without secrets
    version: str
    accounts: Callable[[], Mapping[str, Account]] = dict  # by name
    history: History = History(Bounds(0, 0, 0))
    # Of every address that a page links to, without a slash at its end.
    prefix: str = ""
    probe: Ask = never


# What `Sec-Fetch-Site` says of a page that is not ours.
_ELSEWHERE = frozenset({"cross-site", "same-site"})
# What is written before the client has taken the rest; also the smallest page sliced.
_SLICE_OCTETS = 64 * 1024
# Longer than any scrape timeout in use; 75 MB in this time are 20 Mbit/s.
_SENDING_SECONDS = 30.0

_SOURCES = web.AppKey("sources", Sources)


def application(sources: Sources) -> web.Application:
    """Make the application; GET routes answer HEAD as well."""
    app = web.Application()
    app[_SOURCES] = sources
    secure(app)
    shown = Shown(
        sources.accounts,
        sources.history,
        sources.version,
        Links(sources.prefix),
        time.time,
    )
    app.add_routes(
        [
            *Pages(shown).routes(),
            *Api(shown).routes(),
            *assets.routes(),
            web.get("/metrics", _metrics),
            web.get("/probe", on_demand(sources.probe)),
            web.get("/-/healthy", _healthy),
            web.get("/config", _config),
            web.get("/-/ready", _ready),
            web.post("/-/reload", _reload),
            web.put("/-/reload", _reload),
        ]
    )
    return app


async def _metrics(request: web.Request) -> web.StreamResponse:
    page = await request.app[_SOURCES].metrics(
        ",".join(request.headers.getall("Accept", ())),
        ",".join(request.headers.getall("Accept-Encoding", ())),
        request.query.getall("name[]", ()),
    )
    headers = {"Content-Type": page.content_type, "Vary": "Accept, Accept-Encoding"}
    if page.gzip:
        headers["Content-Encoding"] = "gzip"
    octets = sum(map(len, page.parts))
    if octets <= _SLICE_OCTETS:
        return web.Response(body=b"".join(page.parts), headers=headers)
    return await _in_slices(request, page.parts, octets, headers)


async def _in_slices(
    request: web.Request,
    parts: Sequence[bytes],
    octets: int,
    headers: dict[str, str],
) -> web.StreamResponse:
    """Send a shared page slice by slice, as fast as the client reads.

    One that does not read holds a slice and not a copy of the whole, and only so long.
    """
    response = web.StreamResponse(headers=headers)
    response.content_length = octets
    await response.prepare(request)
    if request.method == "HEAD":
        return response
    try:
        async with asyncio.timeout(_SENDING_SECONDS):
            for part in parts:
                view = memoryview(part)
                for start in range(0, len(part), _SLICE_OCTETS):
                    await response.write(view[start : start + _SLICE_OCTETS])
                    # While the socket has room, a write does not wait for anything.
                    await asyncio.sleep(0)
    except TimeoutError:
        if request.transport:
            request.transport.abort()
        return response
    await response.write_eof()
    return response


async def _healthy(_: web.Request) -> web.Response:
    return web.Response(text="mailserver-exporter is healthy.\n")


async def _ready(request: web.Request) -> web.Response:
    if request.app[_SOURCES].ready():
        return web.Response(text="mailserver-exporter is ready.\n")
    return web.Response(status=503, text="mailserver-exporter is not ready.\n")


async def _config(request: web.Request) -> web.Response:
    return web.Response(text=request.app[_SOURCES].config())


async def _reload(request: web.Request) -> web.Response:
    if _is_of_another_site(request):
        return refusal(403, "a page of another site may not ask for a reload")
    complaint = await request.app[_SOURCES].reload()
    if complaint:
        return web.Response(
            status=500, text=f"The configuration was not reloaded:\n{complaint}\n"
        )
    return web.Response(text="The configuration was reloaded.\n")


def _is_of_another_site(request: web.Request) -> bool:
    """Whether a browser tells that a page from elsewhere made it ask.

    `Sec-Fetch-Site` (W3C Fetch Metadata) comes by TLS only, `Origin` with every POST.
    """
    origin = request.headers.get(hdrs.ORIGIN)
    return request.headers.get("Sec-Fetch-Site") in _ELSEWHERE or (
        origin is not None and origin.partition("://")[2] != request.host
    )
