"""What every request passes before any page: the rate limit, the headers, the login.

Paths that do not exist are behind it as well, and so is health, as exporter-toolkit
has it.
"""

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from exporter.web.access.bucket import Bucket
from exporter.web.access.current import Access
from exporter.web.access.passwords import BusyError, Passwords, read_basic
from exporter.web.refusals import refusal

_CHALLENGE: dict[str, str] = {
    hdrs.WWW_AUTHENTICATE: 'Basic realm="mailserver-exporter", charset="UTF-8"'
}
_SOON: dict[str, str] = {hdrs.RETRY_AFTER: "1"}


class Gate:
    """Lets requests in by the web config that holds now."""

    def __init__(self, access: Access) -> None:
        """Prepare; no password is checked yet."""
        self._access = access
        self._passwords = Passwords()
        self._bucket = Bucket()

    def guard(self, app: web.Application) -> None:
        """Stand in front of an application."""
        app.middlewares.append(self._pass)
        app.on_response_prepare.append(self.add_headers)
        app.on_cleanup.append(self._close)

    @web.middleware
    async def _pass(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        config = self._access.config
        if not self._bucket.allows(config.rate_limit):
            return refusal(429, "more requests than `rate_limit` allows", _SOON)
        if not config.users:
            return await handler(request)
        login = read_basic(request.headers.getall(hdrs.AUTHORIZATION, ()))
        try:
            known = login is not None and await self._passwords.check(
                login, config.users, request.remote or ""
            )
        except BusyError:
            return refusal(503, "too many passwords wait to be checked", _SOON)
        if not known:
            return refusal(401, "give the name and the password of a user", _CHALLENGE)
        return await handler(request)

    async def add_headers(self, _: web.Request, response: web.StreamResponse) -> None:
        """Put the headers of the web config into an answer."""
        response.headers.update(self._access.config.headers)

    async def _close(self, _: web.Application) -> None:
        self._passwords.close()
