"""The MTA-STS policies of mail domains, asked for and remembered (RFC 8461).

Holds what was fetched for as long as it is valid, and fetches it again before that ends
or when the domain's record says that it has changed. Refuses to judge a host by it:
that is done in tls/mta_sts.py. What goes wrong is a sentence for people and no Reason,
since no policy is no failure of a mail server.
"""

import asyncio
import ssl
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, NamedTuple

from exporter.probe.resolve import Address
from exporter.smtp.exchange import Interrupted
from exporter.smtp.exchangers import normal
from exporter.tls.mta_sts import (
    PolicyError,
    StsPolicy,
    declares,
    read_record,
)
from exporter.vocabulary import Reason

if TYPE_CHECKING:
    from exporter.probe.policy_hosts import PolicyHosts

HTTPS_PORT = 443

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

_STILL_FETCHED = "the policy is still being fetched"
_NO_RECORD = frozenset({Reason.NXDOMAIN, Reason.NODATA})

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
        self._reach = (addresses, trust, port)
        self._hosts: PolicyHosts | None = None
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
        name = normal(domain)
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

    def _opened(self) -> "PolicyHosts":
        if self._hosts is None:
            from exporter.probe.policy_hosts import PolicyHosts  # noqa: PLC0415 -- aiohttp's client is slow to import, and few ask for policies

            self._hosts = PolicyHosts(*self._reach)
        return self._hosts

    async def _refresh(self, name: str, known: _Domain, wanted: str) -> None:
        try:
            async with self._places:
                policy = await self._opened().fetch(f"mta-sts.{name}")
        except PolicyError as error:
            known.failed = _Failed(wanted, self._now(), str(error))
        else:
            known.kept = _Kept(wanted, policy, self._now())
            known.failed = None


def _no_text(reason: Reason) -> str:
    return f"the TXT record cannot be looked up: {why(reason)}"


def why(reason: Reason) -> str:
    """Say why a lookup failed; the limit that ran out may be no phase's."""
    return "no answer in time" if reason is Reason.TIMEOUT else reason.meaning
