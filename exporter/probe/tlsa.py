"""TLSA records of a host, asked of a resolver that validates DNSSEC (RFC 7672).

It asks, and says whether the resolver vouches for the answer (the AD bit); what a
record means for a certificate is judged in tls/dane.py. The resolver is the one that
the owner declares trusted: nothing is validated here. dnspython is slow to load, so
who needs this file imports it late.
"""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple, cast

import dns.message
import dns.name
from dns.exception import DNSException, FormError
from dns.flags import Flag
from dns.inet import af_for_address
from dns.message import Message, QueryMessage, Truncated
from dns.name import Name
from dns.rcode import Rcode
from dns.rdatatype import RdataType

from exporter.probe.door import asking
from exporter.probe.resolve import literal
from exporter.smtp.exchange import Interrupted
from exporter.tls.dane import Tlsa
from exporter.vocabulary import Reason

# A datagram may be lost; a resolver that is slow knows the answer by the next try.
_TRY_SECONDS = 2.0
# What crosses any network in one piece (DNS flag day 2020); more comes over TCP.
_DATAGRAM_OCTETS = 1232
_ASK = Flag.RD | Flag.AD
_ASK_UNCHECKED = _ASK | Flag.CD
# With these a resolver has told something, be it that there is nothing.
_TOLD = frozenset({Rcode.NOERROR, Rcode.NXDOMAIN})
_MAX_OCTETS = 65535  # of a message, over either
# Datagrams that answer nothing that was asked: somebody guesses, and is not waited out.
_MAX_STRAYS = 100


class TlsaAnswer(NamedTuple):
    """The TLSA records of a host and port.

    `secure` says that they, or their absence, were validated; records that were not are
    left out. `base` is the TLSA base domain: the name for SNI, and one of those that a
    certificate under a usage 2 may have; the host's own where there are no records.
    """

    secure: bool
    records: tuple[Tlsa, ...]
    base: str


async def look_up_tlsa(
    host: str, port: int, resolver: tuple[str, int], limit_seconds: float
) -> TlsaAnswer:
    """Look up the TLSA records of a host (RFC 7672 sections 2.2.2 and 2.2.3).

    `resolver` is an address literal and a port. Literals and Unix sockets have no
    records, and nobody is asked. Raises Interrupted with dnssec_bogus, servfail or
    timeout, or local_error when it is this machine that fails: a lookup that fails
    never means that there are no records (section 2.2).
    """
    if literal(host):
        return TlsaAnswer(False, (), host)
    try:
        async with asyncio.timeout(limit_seconds):
            with asking:
                return await _look_up(dns.name.from_text(host), port, resolver)
    except TimeoutError as error:
        raise Interrupted(Reason.TIMEOUT) from error


async def _look_up(host: Name, port: int, resolver: tuple[str, int]) -> TlsaAnswer:
    bases = await _bases(host, resolver)
    secure = bool(bases)
    for base in bases:
        owner = Name((f"_{port}".encode(), b"_tcp")).concatenate(base)
        answer = await _ask(resolver, owner, RdataType.TLSA)
        records = tuple(_records(answer))
        if records and _validated(answer):
            return TlsaAnswer(True, records, _text(base))
        secure &= _validated(answer)
    return TlsaAnswer(secure, (), _text(host))


async def _bases(host: Name, resolver: tuple[str, int]) -> tuple[Name, ...]:
    """Give the names under which TLSA records count, in order; none for unsigned hosts.

    One question tells both where the aliases lead and whether all of it is signed, for
    a host without an A record too: its absence is validated like any answer. Behind an
    alias that is signed and leads out of what is signed, the alias's own name counts.
    """
    answer = await _ask(resolver, host, RdataType.A)
    chain = answer.resolve_chaining()
    if _validated(answer):
        return tuple(dict.fromkeys((chain.canonical_name, host)))
    if chain.cnames and _validated(await _ask(resolver, host, RdataType.CNAME)):
        return (host,)
    return ()


def _records(answer: QueryMessage) -> Iterator[Tlsa]:
    """Give the records of an answer; aliases of their owner change no base."""
    for record in answer.resolve_chaining().answer or ():
        yield Tlsa(record.usage, record.selector, record.mtype, record.cert)


def _validated(answer: QueryMessage) -> bool:
    return bool(answer.flags & Flag.AD)


def _text(name: Name) -> str:
    return name.to_text(omit_final_dot=True)


async def _ask(resolver: tuple[str, int], name: Name, kind: RdataType) -> QueryMessage:
    """Ask one question; what the resolver tells only without checking it is bogus."""
    answer = await _answer(resolver, name, kind, _ASK)
    if answer.rcode() in _TOLD:
        return answer
    reason = Reason.SERVFAIL
    if answer.rcode() == Rcode.SERVFAIL:
        unchecked = await _answer(resolver, name, kind, _ASK_UNCHECKED)
        if unchecked.rcode() in _TOLD:
            reason = Reason.DNSSEC_BOGUS
    raise Interrupted(reason, detail=f"{kind.name} {_text(name)}")


async def _answer(
    resolver: tuple[str, int], name: Name, kind: RdataType, flags: Flag
) -> QueryMessage:
    """Ask until there is an answer; whoever waits for it ends it."""
    while True:
        query = dns.message.make_query(
            name, kind, flags=flags, want_dnssec=True, payload=_DATAGRAM_OCTETS
        )
        with suppress(TimeoutError):
            async with asyncio.timeout(_TRY_SECONDS):
                # The answer to a query is one: is_response() looks at that, too.
                return cast(QueryMessage, await _exchange(resolver, query))


async def _exchange(resolver: tuple[str, int], query: Message) -> Message:
    """Ask once, and over TCP what is too large for a datagram."""
    answer = await _over_udp(resolver, query)
    if answer.flags & Flag.TC:
        answer = await _over_tcp(resolver, query)
    return answer


async def _over_udp(resolver: tuple[str, int], query: Message) -> Message:
    """Wait for the datagram that is the answer; strays may be anybody's."""
    loop = asyncio.get_running_loop()
    with _socket(resolver, socket.SOCK_DGRAM) as sock:
        sock.connect(resolver)  # then the kernel tells of a port where nobody listens
        await loop.sock_sendall(sock, query.to_wire())
        for _ in range(_MAX_STRAYS):
            octets = await loop.sock_recv(sock, _MAX_OCTETS)
            with suppress(DNSException):
                answer = _read(octets)
                if query.is_response(answer):
                    return answer
    raise FormError


async def _over_tcp(resolver: tuple[str, int], query: Message) -> Message:
    loop = asyncio.get_running_loop()
    with _socket(resolver, socket.SOCK_STREAM) as sock:
        await loop.sock_connect(sock, resolver)
        await loop.sock_sendall(sock, query.to_wire(prepend_length=True))
        octets = int.from_bytes(await _exactly(2, sock))
        answer = _read(await _exactly(octets, sock))
    if not query.is_response(answer):
        raise FormError
    return answer


async def _exactly(octets: int, sock: socket.socket) -> bytes:
    loop = asyncio.get_running_loop()
    read = bytearray()
    while len(read) < octets:
        more = await loop.sock_recv(sock, octets - len(read))
        if not more:
            raise FormError
        read += more
    return bytes(read)


def _socket(resolver: tuple[str, int], kind: socket.SocketKind) -> socket.socket:
    """Open a socket of our own: those of dnspython outlive a cancellation in uvloop."""
    sock = socket.socket(af_for_address(resolver[0]), kind)
    sock.setblocking(False)
    return sock


def _read(octets: bytes) -> Message:
    try:
        return dns.message.from_wire(octets, raise_on_truncation=True)
    except Truncated as truncated:
        return truncated.message()  # type: ignore[no-any-return,no-untyped-call]  # it is one
