"""Where the pages live below a host: `--web.route-prefix` and `--web.external-url`.

Holds how the two are read, and how an application is put under a prefix.
"""

import re
from typing import NamedTuple
from urllib.parse import urlsplit

from aiohttp import hdrs, web

_PATH = re.compile(r"(?:/[A-Za-z0-9._~-]+)*")
_DOTS = re.compile(r"/\.{1,2}(?:/|$)")


class PrefixError(Exception):
    """A prefix or URL that cannot be served under; the text names the remedy."""


class Prefix(NamedTuple):
    """Both are empty or begin with a slash, and end without one."""

    routes: str = ""  # what requests come with
    links: str = ""  # what a client has to ask for: a proxy may take a part away


def read_prefix(route_prefix: str | None, external_url: str | None) -> Prefix:
    """Read the two flags; the prefix of the routes is by default the URL's path.

    Raises PrefixError.
    """
    links = None if external_url is None else _path_of(external_url)
    if route_prefix is None:
        return Prefix(links or "", links or "")
    routes = _path(route_prefix, f"--web.route-prefix={route_prefix}")
    return Prefix(routes, routes if links is None else links)


def _path_of(url: str) -> str:
    shown = f"--web.external-url={url}"
    try:
        parts = urlsplit(url)
        host = parts.hostname
        _ = parts.port  # raises for what is no port
    except ValueError:
        host = None
    else:
        if host and parts.scheme in {"http", "https"} and not _has_more(url):
            return _path(parts.path, shown)
    raise PrefixError(
        f"{shown}: write the URL of `/` as a browser has it, as in "
        "https://monitor.example.com/mail; no user, query or fragment"
    )


def _has_more(url: str) -> bool:
    return not url.isprintable() or any(sign in url for sign in "?#@")


def _path(text: str, shown: str) -> str:
    path = f"/{text.strip('/')}".rstrip("/")
    if not _PATH.fullmatch(path) or _DOTS.search(path):
        raise PrefixError(
            f"{shown}: a prefix is made of A-Z, a-z, 0-9, `.`, `_`, `~` and `-` "
            "between slashes, as in /mail"
        )
    return path


def mounted(app: web.Application, prefix: Prefix) -> web.Application:
    """Give the application under its prefix, to which `/` then leads."""
    if not prefix.routes:
        return app
    root = web.Application()

    async def lead_on(_: web.Request) -> web.StreamResponse:
        return web.Response(
            status=302,
            headers={hdrs.LOCATION: f"{prefix.routes}/"},
            text=f"The pages are at {prefix.routes}/\n",
        )

    root.router.add_get("/", lead_on)
    root.router.add_get(prefix.routes, lead_on)
    root.add_subapp(prefix.routes, app)
    return root
