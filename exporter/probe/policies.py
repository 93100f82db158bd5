"""The MTA-STS policies of mail domains, asked for and remembered (RFC 8461).

Holds what was fetched for as long as it is valid, and fetches it again before that ends
or when the domain's record says that it has changed. Refuses to judge a host by it:
that is done in tls/mta_sts.py. What goes wrong is a sentence for people, made in this
file, since no policy is no failure of a mail server.
"""

import asyncio
import os
import socket
import ssl
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, NamedTuple

from exporter import __version__
from exporter.probe.resolve import Address
from exporter.smtp.exchange import Interrupted
from exporter.tls.mta_sts import (
    PolicyError,
    StsPolicy,
    declares,
    read_policy,
    read_record,
)
from exporter.vocabulary import Family, Reason

if TYPE_CHECKING:
    from aiohttp import ClientResponse, ClientSession
    from aiohttp.abc import AbstractResolver

HTTPS_PORT = 443
PATH = "/.well-known/mta-sts.txt"
USER_AGENT = f"mailserver-exporter/{__version__}"

# RFC 8461 section 3.3 suggests both bounds; half of its minute serves a slow server.
MAX_OCTETS = 65536
FETCH_SECONDS = 30.0
# Thousands of domains are new at a start; each fetch has a socket and a handshake.
MAX_FETCHES = 16
# As many domains as one process may have targets; the one unasked longest is forgotten.
MAX_DOMAINS = 16384

# RFC 8461 section 3.3: a failure is followed by five minutes without another try for
# the same id, and a policy is refreshed once a day, long before its end.
RETRY_SECONDS = 300.0
REFRESH_SECONDS = 86400.0
# A policy for less would be fetched for each probe; it is held for so long anyway.
LEAST_SECONDS = 60.0

_OK = 200
_REDIRECTS = range(300, 400)
_MEDIA_TYPE = "text/plain"
_PLAIN = frozenset({None, "identity"})
_SHOWN = 60  # characters of what a stranger wrote
_STILL_FETCHED = "the policy is still being fetched"
_NO_RECORD = frozenset({Reason.NXDOMAIN, Reason.NODATA})
_FAMILY = {Family.IPV4: socket.AF_INET, Family.IPV6: socket.AF_INET6}

Texts = Callable[[str], Awaitable[tuple[bytes, ...]]]
Addresses = Callable[[str], Awaitable[tuple[Address, ...]]]


class Known(NamedTuple):
    """What is known of a domain's policy."""

    policy: StsPolicy | None = None
    expires: float | None = None  # Unix time; None without a policy
    trouble: str | None = None  # what keeps senders from its policy, or a newer one


class _Record(NamedTuple):
    """What the DNS says; without an id there is no record, or trouble."""

    id: str | None = None
    trouble: str | None = None


class _Kept(NamedTuple):
    """A policy that was fetched, under which id, and when."""

    id: str
    policy: StsPolicy
    at: float

    @property
    def expires(self) -> float:
        """Give the end of its validity."""
        return self.at + self.policy.max_age

    def holds(self, at: float) -> bool:
        """Whether it is to be honoured."""
        return at < max(self.expires, self.at + LEAST_SECONDS)

    def is_due(self, at: float) -> bool:
        """Whether it is time to look for its successor."""
        refresh = min(REFRESH_SECONDS, self.policy.max_age / 2)
        return at >= self.at + max(refresh, LEAST_SECONDS)


class _Failed(NamedTuple):
    """A fetch that came to nothing, under which id, when, and why."""

    id: str
    at: float
    why: str

    def forbids(self, wanted: str, at: float) -> bool:
        """Whether it is too early for another try."""
        return wanted == self.id and self.at <= at < self.at + RETRY_SECONDS


class _Domain:
    """What is remembered of one domain."""

    def __init__(self) -> None:
        """Know nothing."""
        self.kept: _Kept | None = None
        self.failed: _Failed | None = None
        self.fetching: asyncio.Task[None] | None = None

    def is_current(self, wanted: str, at: float) -> bool:
        """Whether the policy of this id is here."""
        kept = self.kept
        return kept is not None and kept.id == wanted and kept.holds(at)

    def is_due(self, wanted: str, at: float) -> bool:
        """Whether the policy of this id is to be fetched."""
        if self.failed and self.failed.forbids(wanted, at):
            return False
        kept = self.kept
        return kept is None or kept.id != wanted or kept.is_due(at)

    def known(self, at: float, trouble: str | None) -> Known:
        """Tell of the policy that is to be honoured, and of this trouble."""
        if self.kept is None or not self.kept.holds(at):
            return Known(trouble=trouble)
        return Known(self.kept.policy, self.kept.expires, trouble)

    def trouble_with(self, wanted: str) -> str | None:
        """Say why the policy of this id could not be fetched the last time."""
        return self.failed.why if self.failed and self.failed.id == wanted else None


class Policies:
    """The policies of many domains; for one loop."""

    def __init__(
        self,
        texts: Texts,
        addresses: Addresses,
        *,
        trust: ssl.SSLContext | None = None,
        port: int = HTTPS_PORT,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Know nothing yet.

        `texts` looks TXT records up and `addresses` a host; both raise Interrupted.
        `trust` is for the policy hosts, by default whom this machine trusts; it is made
        to hold no common name for a host's. `now` gives Unix time.
        """
        self._texts = texts
        self._hosts = _PolicyHosts(addresses, trust, port)
        self._now = now
        self._domains: OrderedDict[str, _Domain] = OrderedDict()
        self._fetches: set[asyncio.Task[None]] = set()
        self._places = asyncio.Semaphore(MAX_FETCHES)
        self._closed = False

    async def of(self, domain: str, limit_seconds: float) -> Known:
        """Give what is known of a domain's policy by the end of the limit.

        Its record is looked up each time; the policy is fetched when there is none for
        the record's id, and once a day. A fetch goes on beyond the limit. A policy is
        honoured to its end, whatever becomes of its record (RFC 8461 section 5.1).
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + limit_seconds
        name = domain.removesuffix(".").lower()
        record = await self._look_up(name, limit_seconds)
        if record.id is None:
            known = self._domains.get(name, _Domain())
            return known.known(self._now(), record.trouble)
        known = self._remembered(name)
        fetching = self._fetch_if_due(name, known, record.id)
        if fetching and not known.is_current(record.id, self._now()):
            await asyncio.wait({fetching}, timeout=max(until - loop.time(), 0.0))
            if not fetching.done() or fetching.cancelled():
                return known.known(self._now(), _STILL_FETCHED)
            fetching.result()  # raises what is a bug of ours
        return known.known(self._now(), known.trouble_with(record.id))

    async def close(self) -> None:
        """End all fetches, and begin none any more."""
        self._closed = True
        fetches = tuple(self._fetches)
        for fetch in fetches:
            fetch.cancel()
        await asyncio.gather(*fetches, return_exceptions=True)

    async def _look_up(self, name: str, limit_seconds: float) -> _Record:
        try:
            async with asyncio.timeout(limit_seconds):
                texts = await self._texts(f"_mta-sts.{name}")
        except TimeoutError:
            return _Record(trouble=_no_text(Reason.TIMEOUT))
        except Interrupted as interrupted:
            if interrupted.reason in _NO_RECORD:
                return _Record()
            return _Record(trouble=_no_text(interrupted.reason))
        found = read_record(texts)
        if found is None and declares(texts):
            return _Record(
                trouble=f"the TXT records of _mta-sts.{name} are not one valid record "
                "of version STSv1 with an id of 1 to 32 letters and digits"
            )
        return _Record(found)

    def _remembered(self, name: str) -> _Domain:
        known = self._domains.setdefault(name, _Domain())
        self._domains.move_to_end(name)
        if len(self._domains) > MAX_DOMAINS:
            _, forgotten = self._domains.popitem(last=False)
            if forgotten.fetching:
                forgotten.fetching.cancel()
        return known

    def _fetch_if_due(
        self, name: str, known: _Domain, wanted: str
    ) -> asyncio.Task[None] | None:
        """Give the fetch that is under way for a domain, and begin one if need be."""
        if known.fetching and not known.fetching.done():
            return known.fetching
        if self._closed or not known.is_due(wanted, self._now()):
            return None
        fetch = asyncio.create_task(self._refresh(name, known, wanted))
        known.fetching = fetch
        self._fetches.add(fetch)
        fetch.add_done_callback(self._fetches.discard)
        return fetch

    async def _refresh(self, name: str, known: _Domain, wanted: str) -> None:
        try:
            async with self._places:
                policy = await self._hosts.fetch(f"mta-sts.{name}")
        except (_NotFetched, PolicyError) as error:
            known.failed = _Failed(wanted, self._now(), str(error))
        else:
            known.kept = _Kept(wanted, policy, self._now())
            known.failed = None


class _NotFetched(Exception):
    """A policy that cannot be had; a sentence for people."""


class _PolicyHosts:
    """The web servers that policies come from."""

    def __init__(
        self, addresses: Addresses, trust: ssl.SSLContext | None, port: int
    ) -> None:
        """Take what Policies was given."""
        self._addresses = addresses
        self._trust = _strict(trust) if trust else None
        self._port = port

    async def fetch(self, host: str) -> StsPolicy:
        """Fetch a policy (RFC 8461 section 3.3); raises _NotFetched or PolicyError."""
        from aiohttp import ClientError, ClientResponseError  # noqa: PLC0415 -- slow to import, and few ask for policies

        try:
            async with asyncio.timeout(FETCH_SECONDS):
                return read_policy(await self._get(host))
        except TimeoutError as error:
            raise _NotFetched(
                f"{host} takes longer than {FETCH_SECONDS:g} s"
            ) from error
        except ClientResponseError as error:
            raise _NotFetched(f"{host} does not answer in proper HTTP") from error
        except (ClientError, OSError) as error:
            raise _NotFetched(f"{host}: {_in_words(error)}") from error

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

    def _client(self) -> "ClientSession":
        """Make a client for one fetch: strangers' hosts share nothing."""
        import aiohttp  # noqa: PLC0415 -- slow to import, as above

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


def _resolver(addresses: Addresses) -> "AbstractResolver":
    """Let aiohttp ask whom we ask: its own resolvers wait in threads."""
    from aiohttp.abc import AbstractResolver, ResolveResult  # noqa: PLC0415 -- slow to import, as above

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
                raise OSError(None, _why(interrupted.reason)) from interrupted
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


async def _body(response: "ClientResponse", host: str) -> bytes:
    """Read what may be a policy; raises _NotFetched."""
    for refused, sentence in _REFUSED:
        if refused(response):
            said = ascii(response.content_type[:_SHOWN])
            raise _NotFetched(
                f"{host} {sentence.format(status=response.status, said=said)}"
            )
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > MAX_OCTETS:
            raise _NotFetched(f"{host} sends more than {MAX_OCTETS} octets")
    return bytes(body)


# Section 3.3: no redirect is followed, and nothing but 200 is an answer.
_REFUSED: tuple[tuple[Callable[["ClientResponse"], bool], str], ...] = (
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


def _no_text(reason: Reason) -> str:
    return f"the TXT record cannot be looked up: {_why(reason)}"


def _why(reason: Reason) -> str:
    """Say why a lookup failed; the limit that ran out may be no phase's."""
    return "no answer in time" if reason is Reason.TIMEOUT else reason.meaning


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
