"""What every answer says to browsers: run nothing, frame nothing, keep nothing.

Put on when an answer is prepared, so errors and streams have them too. An answer that
says one of them itself keeps its own.
"""

from collections.abc import Mapping
from types import MappingProxyType

from aiohttp import web

# Style and script come from routes of ours; nothing stands inside a page, so that a
# server's text has nothing to imitate. The only image is our icon.
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "script-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
SECURITY: Mapping[str, str] = MappingProxyType(
    {
        "Content-Security-Policy": _POLICY,
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",  # for browsers that do not know frame-ancestors
        "Referrer-Policy": "no-referrer",  # a target's name is nobody else's business
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "no-store",
    }
)


async def _secure(_: web.Request, response: web.StreamResponse) -> None:
    for name, value in SECURITY.items():
        response.headers.setdefault(name, value)


def secure(app: web.Application) -> None:
    """Have every answer of the application carry them."""
    app.on_response_prepare.append(_secure)
