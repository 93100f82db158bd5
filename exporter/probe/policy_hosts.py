"""The web servers that MTA-STS policies are fetched from (RFC 8461 section 3.3).

Holds one fetch: bounded in time and octets, no redirect followed, nobody's certificate
but the host's. Refuses to remember. It is imported when a first policy is due, since
aiohttp's client is slow to import and few ask for policies.
"""

import asyncio
import os
import socket
import ssl
from collections.abc import Callable

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from exporter import __version__
from exporter.probe.policies import Addresses, why
from exporter.smtp.exchange import Interrupted
from exporter.tls.mta_sts import PolicyError, StsPolicy, read_policy
from exporter.vocabulary import Family

PATH = "/.well-known/mta-sts.txt"
USER_AGENT = f"mailserver-exporter/{__version__}"

# RFC 8461 section 3.3 suggests both bounds; half of its minute serves a slow server.
MAX_OCTETS = 65536
FETCH_SECONDS = 30.0

_OK = 200
_REDIRECTS = range(300, 400)
_MEDIA_TYPE = "text/plain"
_PLAIN = frozenset({None, "identity"})
_SHOWN = 60  # characters of what a stranger wrote
_FAMILY = {Family.IPV4: socket.AF_INET, Family.IPV6: socket.AF_INET6}


class NotFetched(PolicyError):
    """A policy that cannot be had; a sentence for people."""


class PolicyHosts:
    """The web servers that policies come from."""

    def __init__(
        self, addresses: Addresses, trust: ssl.SSLContext | None, port: int
    ) -> None:
        """Take what Policies was given."""
        self._addresses = addresses
        self._trust = _strict(trust) if trust else None
        self._port = port

    async def fetch(self, host: str) -> StsPolicy:
        """Fetch a policy (RFC 8461 section 3.3); raises NotFetched or PolicyError."""
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                return read_policy(await self._get(host))
        except TimeoutError as error:
            raise NotFetched(f"{host} takes longer than {FETCH_SECONDS:g} s") from error
        except aiohttp.ClientResponseError as error:
            raise NotFetched(f"{host} does not answer in proper HTTP") from error
        except (aiohttp.ClientError, OSError) as error:
            raise NotFetched(f"{host}: {_in_words(error)}") from error

    async def _get(self, host: str) -> bytes:
        """Get the file; what is still being sent by then is aborted."""
        client = self._client()
        try:
            response = await client.get(
                f"https://{host}:{self._port}{PATH}", allow_redirects=False
            )
            try:
                return await _body(response, host)
            finally:
                await client.close()  # first: the response would end it politely
                response.close()
        finally:
            await client.close()

    def _client(self) -> aiohttp.ClientSession:
        """Make a client for one fetch: strangers' hosts share nothing."""
        if self._trust is None:  # it takes some 40 ms, and few need it
            self._trust = _strict(ssl.create_default_context())
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                ssl=self._trust,
                resolver=_resolver(self._addresses),
                use_dns_cache=False,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(),  # none but that of the whole fetch
            auto_decompress=False,  # what is sent small may not become large
            headers={
                "User-Agent": USER_AGENT,
                "Accept": _MEDIA_TYPE,
                "Accept-Encoding": "identity",
            },
        )


def _strict(context: ssl.SSLContext) -> ssl.SSLContext:
    """Let the names of subjectAltName count alone (RFC 8461 section 3.3)."""
    context.hostname_checks_common_name = False
    context.set_alpn_protocols(["http/1.1"])
    return context


def _resolver(addresses: Addresses) -> AbstractResolver:
    """Let aiohttp ask whom we ask: its own resolvers wait in threads."""

    class Resolver(AbstractResolver):
        async def resolve(
            self,
            host: str,
            port: int = 0,
            family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002 -- the client asks for any
        ) -> list[ResolveResult]:
            try:
                found = await addresses(host)
            except Interrupted as interrupted:
                raise OSError(None, why(interrupted.reason)) from interrupted
            return [
                ResolveResult(
                    hostname=host,
                    host=address.literal,
                    port=port,
                    family=_FAMILY[address.family],
                    proto=0,
                    flags=socket.AI_NUMERICHOST,
                )
                for address in found
                if address.family
            ]

        async def close(self) -> None:
            """Leave the lookups to those who lent them."""

    return Resolver()


async def _body(response: aiohttp.ClientResponse, host: str) -> bytes:
    """Read what may be a policy; raises NotFetched."""
    for refused, sentence in _REFUSED:
        if refused(response):
            said = ascii(response.content_type[:_SHOWN])
            raise NotFetched(
                f"{host} {sentence.format(status=response.status, said=said)}"
            )
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > MAX_OCTETS:
            raise NotFetched(f"{host} sends more than {MAX_OCTETS} octets")
    return bytes(body)


# Section 3.3: no redirect is followed, and nothing but 200 is an answer.
_REFUSED: tuple[tuple[Callable[[aiohttp.ClientResponse], bool], str], ...] = (
    (
        lambda response: response.status in _REDIRECTS,
        "redirects (status {status}), which MTA-STS forbids to follow",
    ),
    (lambda response: response.status != _OK, "answers with status {status}"),
    (
        lambda response: "Content-Type" not in response.headers,
        f"sends no media type, and {_MEDIA_TYPE} is due",
    ),
    (
        lambda response: response.content_type != _MEDIA_TYPE,
        f"sends the media type {{said}} instead of {_MEDIA_TYPE}",
    ),
    (
        lambda response: response.headers.get("Content-Encoding") not in _PLAIN,
        "sends an encoding that was not asked for",
    ),
)


def _in_words(error: Exception) -> str:
    """Say what went wrong below HTTP; aiohttp wraps it in errors of its own."""
    match error.__cause__ or error:
        case ssl.SSLCertVerificationError() as cause:
            return f"the certificate is refused: {cause.verify_message}"
        case ssl.SSLError() as cause:
            return f"TLS failed: {str(cause.reason).lower().replace('_', ' ')}"
        case OSError(errno=int(number)):
            return os.strerror(number).lower()
        case OSError(strerror=str(said)):
            return said
        case _:
            return "the answer is not complete"
