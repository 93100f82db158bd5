"""Targets from addresses of HTTP, in the format of Prometheus's http_sd.

Only a whole answer of 200 in JSON counts; whatever else comes, the last list stands.
Every request fetches the whole list, over a connection of its own. What is told of an
address has no query: there may be a token in it.
"""

from collections.abc import Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from exporter import __version__
from exporter.discovery.items import MAX_OCTETS, Form
from exporter.discovery.lists import Document, Look
from exporter.discovery.sources import SourceWatch
from exporter.printable import quoted
from exporter.targets import HttpSource
from exporter.vocabulary import TargetSource

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aiohttp import ClientResponse, ClientSession

# For the whole answer, redirects included; less where the next look comes earlier.
ANSWER_SECONDS = 10.0
# A name that moved, and http that became https; more are a circle.
MAX_REDIRECTS = 5
REFRESH_HEADER = "X-Prometheus-Refresh-Interval-Seconds"

_OK = 200
_JSON = "application/json"


class _NoList(Exception):
    """There is no answer that would count; the text says why."""


class HttpWatch(SourceWatch[HttpSource]):
    """Watches addresses in the format of http_sd; see SourceWatch.

    Each look that brings no list is told of.
    """

    origin = TargetSource.HTTP
    _session: "ClientSession | None" = None

    async def _look(self, source: HttpSource, look: Look) -> None:
        try:
            octets = await self._fetch(source)
        except _NoList as error:
            look.fail(source.url, source.where, str(error))
            return
        understood = await self._off_loop(
            look.read, source.url, Document(source.where, Form.JSON), octets
        )
        if not understood:
            look.keep(source.url)  # and so the same text is told of again

    def _has(self, source: HttpSource, key: str) -> bool:
        return key == source.url

    async def _close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _fetch(self, source: HttpSource) -> bytearray:
        seconds = min(ANSWER_SECONDS, source.refresh)
        with _telling(seconds):
            return await _list_from(self._opened(), source, seconds)

    def _opened(self) -> "ClientSession":
        import aiohttp  # noqa: PLC0415 -- who discovers nothing need not wait for it

        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(force_close=True),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
            )
        return self._session


async def _list_from(
    session: "ClientSession", source: HttpSource, seconds: float
) -> bytearray:
    import aiohttp  # noqa: PLC0415 -- as above

    async with session.get(
        source.url,
        headers=_headers(source.refresh),
        timeout=aiohttp.ClientTimeout(total=seconds),
        max_redirects=MAX_REDIRECTS + 1,  # aiohttp counts the answer that is one more
    ) as response:
        _check(response)
        octets = bytearray()
        async for chunk in response.content.iter_any():
            octets += chunk
            if len(octets) > MAX_OCTETS:
                raise _NoList(f"the answer is longer than {MAX_OCTETS} octets")
        return octets


def _headers(refresh: float) -> Mapping[str, str]:
    return {
        "Accept": _JSON,
        "Accept-Encoding": "identity",  # a few octets could become gigabytes
        "User-Agent": f"mailserver-exporter/{__version__}",
        REFRESH_HEADER: f"{refresh:.3f}".rstrip("0").rstrip("."),
    }


def _check(response: "ClientResponse") -> None:
    if response.status != _OK:
        raise _NoList(f"it answered with the status {response.status}, not {_OK}")
    if response.content_type != _JSON:
        kind = quoted(response.headers.get("Content-Type", ""))
        raise _NoList(f"it answered with the type {kind}, not `{_JSON}`")
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise _NoList("it answered with a compressed text, which was not asked for")


@contextmanager
def _telling(seconds: float) -> "Iterator[None]":
    """Turn whatever aiohttp raises into a sentence, in which there is no URL."""
    try:
        yield
    except _NoList:
        raise
    except Exception as error:
        names = (kind.__name__ for kind in type(error).__mro__)
        said = next(filter(None, map(_SENTENCE_OF.get, names)), "no answer")
        why = getattr(error, "strerror", None)
        detail = f": {why}" if isinstance(why, str) else ""
        raise _NoList(said.format(seconds=f"{seconds:g}") + detail) from error


_NO_ADDRESS = "it leads to what is no address of http or https"
# By the names of aiohttp's exceptions, the nearest first.
_SENTENCE_OF: Final[Mapping[str, str]] = {
    "TimeoutError": "no whole answer within {seconds} s",
    "ClientConnectorCertificateError": "its certificate is not trusted",
    "ClientConnectorDNSError": "its name cannot be looked up",
    "ClientConnectorError": "cannot connect",
    "ServerDisconnectedError": "the connection ended before an answer",
    "ClientPayloadError": "the connection ended within the answer",
    "TooManyRedirects": f"it redirects more than {MAX_REDIRECTS} times",
    "InvalidURL": _NO_ADDRESS,
    "NonHttpUrlClientError": _NO_ADDRESS,
    "ClientOSError": "the connection broke",
}
