"""The style and the script of the pages, served from the package as they are.

Their addresses hold a digest of what is in them: a browser keeps them for as long as
they stay the same, and no longer.
"""

from collections.abc import Mapping
from functools import cache
from hashlib import blake2b
from importlib.resources import files
from types import MappingProxyType

from aiohttp import web

from exporter.web.links import Links

_TYPES: Mapping[str, str] = MappingProxyType(
    {"style.css": "text/css", "page.js": "text/javascript", "icon.svg": "image/svg+xml"}
)
_KEPT = "public, max-age=31536000, immutable"  # a year: the address changes with it


@cache
def _content(name: str) -> bytes:
    return files("exporter.web").joinpath("static", name).read_bytes()


def address(links: Links, name: str) -> str:
    """Give the address of a file, which changes with its content."""
    return links.to(
        f"static/{name}?{blake2b(_content(name), digest_size=6).hexdigest()}"
    )


async def _serve(request: web.Request) -> web.Response:
    name = request.match_info["name"]
    if name not in _TYPES:
        raise web.HTTPNotFound
    return web.Response(
        body=_content(name),
        content_type=_TYPES[name],
        charset="utf-8",
        headers={"Cache-Control": _KEPT},
    )


def routes() -> list[web.RouteDef]:
    """Give the route of the files."""
    return [web.get("/static/{name}", _serve)]
