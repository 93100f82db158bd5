"""Answers that are no page: what is refused, in our words and in plain text.

Holds what a request may be at most, and how 404, 405 and 500 read. None shows a
traceback, a version, or what the client has sent.
"""

from collections.abc import Mapping
from http import HTTPStatus

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

SERVER = "mailserver-exporter"
# A request line holds a path and some `name[]`; a proxy in front has such a bound too.
MAX_LINE_OCTETS = 8190
# One field: a browser's cookies for the whole domain are the longest in use.
MAX_FIELD_OCTETS = 8190
# A proxy adds a dozen fields to a browser's dozen.
MAX_FIELDS = 64
# All fields together: what nginx takes by default (4 buffers of 8 KiB).
MAX_HEAD_OCTETS = 32 * 1024
# No page reads a body; what a client sends along with a reload is read and dropped.
MAX_BODY_OCTETS = 64 * 1024
# Where there is nothing to ask about, to echo or to tunnel to.
_NEVER = frozenset({hdrs.METH_OPTIONS, hdrs.METH_TRACE, hdrs.METH_CONNECT})
_READ = {hdrs.ALLOW: "GET,HEAD"}
_FIRST_ERROR = 400
# The colon, the space and the line end of a field.
_AROUND_FIELD = 4


def refusal(
    status: int, sentence: str, headers: Mapping[str, str] | None = None
) -> web.Response:
    """Make the answer: `404 Not Found: the sentence`."""
    return web.Response(
        status=status,
        text=f"{status} {HTTPStatus(status).phrase}: {sentence}.\n",
        headers={
            hdrs.CACHE_CONTROL: "no-store",
            "X-Content-Type-Options": "nosniff",
            **(headers or {}),
            hdrs.SERVER: SERVER,
        },
    )


@web.middleware
async def in_our_words(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer what aiohttp refuses in our words; a redirect is none."""
    try:
        return await handler(request)
    except web.HTTPMethodNotAllowed as error:
        return _not_allowed(error.headers[hdrs.ALLOW])
    except web.HTTPNotFound:
        return refusal(404, f"nothing is served here; there is {_served(request)}")
    except web.HTTPException as error:
        if error.status < _FIRST_ERROR:
            raise
        return refusal(error.status, "this request cannot be served")


@web.middleware
async def within_limits(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse what is too large or never served; a body ends its connection."""
    response = _limit(request) or await handler(request)
    if request.body_exists or request.method in _NEVER:
        response.force_close()
    return response


async def name_no_version(_: web.Request, response: web.StreamResponse) -> None:
    """Take aiohttp's and Python's versions out of the answer."""
    response.headers[hdrs.SERVER] = SERVER


def _limit(request: web.Request) -> web.Response | None:
    if request.method in _NEVER:
        return _not_allowed(_READ[hdrs.ALLOW])
    fields = request.raw_headers
    if sum(len(k) + len(v) + _AROUND_FIELD for k, v in fields) > MAX_HEAD_OCTETS:
        return refusal(431, f"a head has at most {MAX_HEAD_OCTETS} octets")
    if (request.content_length or 0) > MAX_BODY_OCTETS:
        return refusal(413, "no body is needed here")
    return None


def _not_allowed(allow: str) -> web.Response:
    return refusal(
        405, f"this is served for {allow.replace(',', ', ')}", {hdrs.ALLOW: allow}
    )


def _served(request: web.Request) -> str:
    resources = request.match_info.apps[-1].router.resources()
    return ", ".join(
        resource.canonical
        for resource in resources
        if isinstance(resource, web.PlainResource)
    )
