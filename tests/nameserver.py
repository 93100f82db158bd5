"""A small DNS server for every ring: answers from a table that may change meanwhile.

It behaves as a resolver that was asked to recurse: aliases are followed within the
table, and a circle of them is told as far as it goes. A name that is not in the table
does not exist. Over UDP and TCP, on one port of this machine.
"""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from types import MappingProxyType
from typing import NamedTuple, cast

NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED = range(6)
A, CNAME, MX, TXT, AAAA = 1, 5, 15, 16, 28
_HEADER = struct.Struct("!6H")
_QUESTION = struct.Struct("!HH")
_RECORD = struct.Struct("!HHIH")
_INTERNET = 1
_RESPONSE, _TRUNCATED = 0x8180, 0x0200
# A port that is free over TCP is nearly always free over UDP.
_TRIES = 20


class Zone(NamedTuple):
    """What a name server knows of one name, and how it tells it."""

    a: tuple[str, ...] = ()
    aaaa: tuple[str, ...] = ()
    mx: tuple[tuple[int, str], ...] = ()  # "" is the root: null MX
    txt: tuple[tuple[bytes, ...], ...] = ()  # records of strings
    rcode: int = NOERROR
    alias_of: str | None = None
    delay: float = 0.0
    silent: bool = False
    garbled: bool = False  # answers, and the answer is cut off in its middle
    fails_for: int | None = None  # a record type
    silent_for: int | None = None  # a record type
    delay_for: Mapping[int, float] = MappingProxyType({})  # by record type
    one_step: bool = False  # tells of no alias but the first
    over_tcp: bool = False  # too much for a datagram
    ttl: int = 60


Zones = Mapping[str, Zone]


class NameServer(asyncio.DatagramProtocol):
    """Answers from `zones`, whose names have no final dot; keeps what it was asked."""

    def __init__(self, zones: Zones) -> None:
        """Know the zones."""
        self.zones = dict(zones)
        self.asked: list[tuple[str, int]] = []
        self.address = ("", 0)
        self._serving: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer one question, at once or later or not at all."""
        answered = self._answer(data, datagram=True)
        if answered is not None:
            answer, delay = answered
            loop = asyncio.get_running_loop()
            loop.call_later(delay, self._send, answer, addr)

    def _send(self, answer: bytes, addr: tuple[str, int]) -> None:
        if not self._transport.is_closing():
            self._transport.sendto(answer, addr)

    def accept(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Answer the questions of one connection until it ends, or we do."""
        self._serving.add(asyncio.create_task(self._serve(reader, writer)))

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                while True:
                    (octets,) = struct.unpack("!H", await reader.readexactly(2))
                    answered = self._answer(await reader.readexactly(octets))
                    if answered is not None:
                        answer, delay = answered
                        await asyncio.sleep(delay)
                        writer.write(struct.pack("!H", len(answer)) + answer)
        finally:
            writer.close()

    async def end(self) -> None:
        """End the connections that still stand; raise what went wrong in them."""
        for task in self._serving:
            task.cancel()
        for end in await asyncio.gather(*self._serving, return_exceptions=True):
            if isinstance(end, Exception):
                raise end

    def _answer(
        self, message: bytes, *, datagram: bool = False
    ) -> tuple[bytes, float] | None:
        name, after = _name_in(message, _HEADER.size)
        kind, _ = _QUESTION.unpack_from(message, after)
        self.asked.append((name, kind))
        zone = self.zones.get(name, Zone(rcode=NXDOMAIN))
        if zone.silent or zone.silent_for == kind:
            return None
        rcode, records = self._records(name, kind)
        truncated = datagram and zone.over_tcp
        flags = _RESPONSE | rcode | (_TRUNCATED if truncated else 0)
        told = [] if truncated else records
        (number,) = struct.unpack_from("!H", message)
        header = _HEADER.pack(number, flags, 1, len(told), 0, 0)
        question = message[_HEADER.size : after + _QUESTION.size]
        answer = header + question + b"".join(told)
        delay = zone.delay_for.get(kind, zone.delay)
        return (answer[:-3] if zone.garbled else answer), delay

    def _records(self, name: str, kind: int) -> tuple[int, list[bytes]]:
        """Give the code and the records, of the aliases on the way too."""
        records: list[bytes] = []
        seen = set()
        while name not in seen:
            seen.add(name)
            zone = self.zones.get(name, Zone(rcode=NXDOMAIN))
            if zone.rcode != NOERROR or zone.fails_for == kind:
                return zone.rcode or SERVFAIL, records
            if zone.alias_of is None or kind == CNAME:
                records += _own(name, kind, zone)
                break
            records += _own(name, CNAME, zone)
            if zone.one_step:
                break
            name = zone.alias_of
        return NOERROR, records


def _own(name: str, kind: int, zone: Zone) -> list[bytes]:
    owner = _spelt(name)
    return [
        owner + _RECORD.pack(kind, _INTERNET, zone.ttl, len(data)) + data
        for data in _data(kind, zone)
    ]


def _data(kind: int, zone: Zone) -> Iterator[bytes]:
    if kind == A:
        yield from (socket.inet_pton(socket.AF_INET, one) for one in zone.a)
    elif kind == AAAA:
        yield from (socket.inet_pton(socket.AF_INET6, one) for one in zone.aaaa)
    elif kind == MX:
        yield from (struct.pack("!H", one) + _spelt(host) for one, host in zone.mx)
    elif kind == TXT:
        for strings in zone.txt:
            yield b"".join(bytes([len(one)]) + one for one in strings)
    elif kind == CNAME and zone.alias_of is not None:
        yield _spelt(zone.alias_of)


def _spelt(name: str) -> bytes:
    labels = [label.encode("latin-1") for label in name.split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def _name_in(message: bytes, at: int) -> tuple[str, int]:
    labels = []
    while octets := message[at]:
        labels.append(message[at + 1 : at + 1 + octets].decode("latin-1"))
        at += 1 + octets
    return ".".join(labels).lower(), at + 1


@asynccontextmanager
async def name_server(
    zones: Zones, host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[NameServer]:
    """Run a server on this address; on a free port of it, unless one is given."""
    server = NameServer(zones)
    streams, datagrams = await _bound(server, host, port)
    try:
        yield server
    finally:
        datagrams.close()
        streams.close()
        await server.end()
        await streams.wait_closed()


async def _bound(
    server: NameServer, host: str, port: int
) -> tuple[asyncio.Server, asyncio.DatagramTransport]:
    loop = asyncio.get_running_loop()
    for _ in range(_TRIES):
        streams = await asyncio.start_server(server.accept, host, port)
        server.address = streams.sockets[0].getsockname()[:2]
        try:
            datagrams, _ = await loop.create_datagram_endpoint(
                lambda: server, local_addr=server.address
            )
        except OSError:
            streams.close()
        else:
            return streams, datagrams
    raise OSError(f"no port of {host}, or not {port}, is free over UDP and TCP")
