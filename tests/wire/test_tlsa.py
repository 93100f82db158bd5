"""TLSA records, asked of a resolver that lives in the test, on each kind of loop.

It validates nothing: what it vouches for, and what it finds bogus, is what a test says.
"""

import asyncio
import errno
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple, cast

import dns.flags
import dns.message
import dns.zonefile
import pytest
from dns.flags import Flag
from dns.rcode import Rcode

from exporter.probe.tlsa import TlsaAnswer, look_up_tlsa
from exporter.smtp.exchange import Interrupted
from exporter.tls.dane import Tlsa
from exporter.vocabulary import Phase, Reason
from tests.conftest import missing_peer

PATIENCE = 10.0  # no test gets near it unless something is broken
SOON = 0.2
PORTS = 10  # to try; one of the first is free
_TCP_OCTETS = 65535

InLoop = Callable[[Coroutine[Any, Any, Any]], Any]
Serve = Callable[
    [asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]
]


class Told(NamedTuple):
    """What the resolver tells of one name and type."""

    records: str = ""  # lines of a zone file
    secure: bool = True
    rcode: Rcode = Rcode.NOERROR
    bogus: bool = False  # SERVFAIL, unless checking is disabled
    large: bool = False  # over TCP only
    silent: int = 0  # so many questions stay without an answer
    garbled: bytes | None = None  # sent instead
    strays: int = 0  # so many come first, or over TCP instead, for another question


class Question(NamedTuple):
    """What the resolver was asked."""

    name: str
    kind: str
    flags: Flag
    over_tcp: bool


class Validator(asyncio.DatagramProtocol):
    """Answers from a table; a name that is not in it does not exist."""

    def __init__(self, table: Mapping[str, Told]) -> None:
        """Know the table: `NAME TYPE` and what is told of it."""
        self._table = table
        self.asked: list[Question] = []
        self.was_asked = asyncio.Event()
        self.options: set[tuple[int, int, int]] = set()  # of EDNS

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer a datagram."""
        answer = self._answer(data, over_tcp=False)
        if answer is not None:
            for _ in range(self.told(self.asked[-1]).strays):
                self._transport.sendto(_to_another(answer), addr)
            self._transport.sendto(answer, addr)

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Answer what comes over TCP, if it comes whole."""
        try:
            octets = int.from_bytes(await reader.readexactly(2))
            query = await reader.readexactly(octets)
        except asyncio.IncompleteReadError:
            answer = None
        else:
            answer = self._answer(query, over_tcp=True)
        if answer is not None and self.told(self.asked[-1]).strays:
            answer = _to_another(answer)
        if answer is not None:
            writer.write(len(answer).to_bytes(2) + answer)
        writer.close()
        with suppress(OSError):  # whoever asked has gone
            await writer.wait_closed()

    def told(self, question: Question) -> Told:
        """Give what is told of a name and type."""
        nothing = Told(rcode=Rcode.NXDOMAIN)
        return self._table.get(f"{question.name} {question.kind}", nothing)

    def _answer(self, data: bytes, *, over_tcp: bool) -> bytes | None:
        query = dns.message.from_wire(data)
        asked = query.question[0]
        question = Question(
            asked.name.to_text().lower(), asked.rdtype.name, Flag(query.flags), over_tcp
        )
        self.asked.append(question)
        self.was_asked.set()
        self.options.add((query.edns, query.ednsflags, query.payload))
        told = self.told(question)
        if sum(q[:2] == question[:2] for q in self.asked) <= told.silent:
            return None
        return _written(query, told, over_tcp=over_tcp)


def _to_another(answer: bytes) -> bytes:
    """Make it the answer to a question with another number."""
    return bytes([answer[0] ^ 1]) + answer[1:]


def _written(query: dns.message.Message, told: Told, *, over_tcp: bool) -> bytes:
    if told.garbled is not None:
        return query.to_wire()[:2] + told.garbled
    answer = dns.message.make_response(query, recursion_available=True)
    if told.large and not over_tcp:
        answer.flags |= Flag.TC
        return answer.to_wire()
    answer.set_rcode(told.rcode)
    if told.bogus and not query.flags & Flag.CD:
        answer.set_rcode(Rcode.SERVFAIL)
        return answer.to_wire()
    answer.answer = dns.zonefile.read_rrsets(told.records, default_ttl=60)
    if told.secure and not query.flags & Flag.CD:
        answer.flags |= Flag.AD
    return answer.to_wire(max_size=_TCP_OCTETS if over_tcp else 0)


class Asking(NamedTuple):
    """A resolver that is up."""

    address: tuple[str, int]
    validator: Validator


@asynccontextmanager
async def asking(
    table: Mapping[str, Told], host: str = "127.0.0.1", serve: Serve | None = None
) -> AsyncIterator[Asking]:
    """Run a resolver over UDP and TCP, or with a TCP of the test's own."""
    validator = Validator(table)
    datagrams, stream = one_port(host)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: validator, sock=datagrams
    )
    server = await asyncio.start_server(serve or validator.serve, sock=stream)
    try:
        yield Asking(stream.getsockname()[:2], validator)
    finally:
        transport.close()
        server.close()
        await server.wait_closed()


def one_port(host: str) -> tuple[socket.socket, socket.socket]:
    """Bind a socket for datagrams and one for streams to the same port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for _ in range(PORTS):
        stream = socket.create_server((host, 0), family=family)
        datagrams = socket.socket(family, socket.SOCK_DGRAM)
        try:
            datagrams.bind(stream.getsockname())
        except OSError:  # somebody has the port over UDP
            stream.close()
            datagrams.close()
        else:
            return datagrams, stream
    raise AssertionError("no port is free over both")


class Found(NamedTuple):
    """What a lookup came to, and what it asked."""

    answer: TlsaAnswer
    validator: Validator

    @property
    def asked(self) -> list[str]:
        """Give the names and types, in order."""
        return [f"{q.name} {q.kind}" for q in self.validator.asked]


async def look_up(
    table: Mapping[str, Told], name: str = "mx.test", server: str = "127.0.0.1"
) -> Found:
    """Look up the records of port 25."""
    async with asking(table, server) as (resolver, validator):
        answer = await look_up_tlsa(name, 25, resolver, PATIENCE)
        return Found(answer, validator)


async def fail(table: Mapping[str, Told], limit_seconds: float = PATIENCE) -> Reason:
    """Look up what cannot be, and give the reason."""
    async with asking(table) as (resolver, _):
        with pytest.raises(Interrupted) as caught:
            await look_up_tlsa("mx.test", 25, resolver, limit_seconds)
    assert Phase.DNS in caught.value.reason.phases
    return caught.value.reason


DIGEST = "00ff" * 16
RECORD = Tlsa(3, 1, 1, bytes.fromhex(DIGEST))
TLSA = "_25._tcp.mx.test. TLSA"
TLSA_LINE = f"_25._tcp.mx.test. TLSA 3 1 1 {DIGEST}"
A_LINE = "mx.test. A 192.0.2.1"
HOST = {"mx.test. A": Told(A_LINE)}

ALIAS_LINE = "alias.test. CNAME mx.test."
ALIAS = HOST | {
    "alias.test. A": Told(f"{ALIAS_LINE}\n{A_LINE}"),
    "alias.test. CNAME": Told(ALIAS_LINE),
}
ALIAS_TLSA = "_25._tcp.alias.test. TLSA"
ALIAS_TLSA_LINE = f"_25._tcp.alias.test. TLSA 3 1 1 {DIGEST}"


# --- the host itself


def test_secure(in_loop: InLoop) -> None:
    """Records that the resolver vouches for are found under the port and the host."""
    found = in_loop(look_up(HOST | {TLSA: Told(TLSA_LINE)}))

    assert found.answer == TlsaAnswer(True, (RECORD,), "mx.test")
    assert found.asked == ["mx.test. A", TLSA]


def test_what_is_asked_for(in_loop: InLoop) -> None:
    """Each question asks to be told of validation, and for no more than one packet."""
    found = in_loop(look_up(HOST | {TLSA: Told(TLSA_LINE)}))

    assert {q.flags for q in found.validator.asked} == {Flag.RD | Flag.AD}
    assert found.validator.options == {(0, dns.flags.DO, 1232)}


def test_every_record(in_loop: InLoop) -> None:
    """Every record is told as it is, the useless ones too."""
    rest = (f"2 0 1 {DIGEST}", "0 0 0 01", "255 254 253 00")
    lines = "\n".join(f"_25._tcp.mx.test. TLSA {fields}" for fields in rest)

    found = in_loop(look_up(HOST | {TLSA: Told(lines)}))

    assert {*found.answer.records} == {
        Tlsa(2, 0, 1, RECORD.data),
        Tlsa(0, 0, 0, b"\1"),
        Tlsa(255, 254, 253, b"\0"),
    }


def test_other_port(in_loop: InLoop) -> None:
    """The port is the first label of the name that is asked for."""

    async def story() -> TlsaAnswer:
        line = f"_465._tcp.mx.test. TLSA 3 1 1 {DIGEST}"
        async with asking(HOST | {"_465._tcp.mx.test. TLSA": Told(line)}) as it:
            return await look_up_tlsa("mx.test", 465, it.address, PATIENCE)

    assert in_loop(story()).records == (RECORD,)


@pytest.mark.parametrize("rcode", [Rcode.NOERROR, Rcode.NXDOMAIN])
@pytest.mark.parametrize("secure", [True, False])
def test_absent(in_loop: InLoop, rcode: Rcode, secure: bool) -> None:
    """That there are no records is as secure as the resolver says it is."""
    found = in_loop(look_up(HOST | {TLSA: Told(secure=secure, rcode=rcode)}))

    assert found.answer == TlsaAnswer(secure, (), "mx.test")


def test_insecure_host(in_loop: InLoop) -> None:
    """For a host whose address nobody vouches for, no records are asked for."""
    table = {"mx.test. A": Told(A_LINE, secure=False), TLSA: Told(TLSA_LINE)}

    found = in_loop(look_up(table))

    assert found.answer == TlsaAnswer(False, (), "mx.test")
    assert found.asked == ["mx.test. A"]


def test_insecure_records(in_loop: InLoop) -> None:
    """Records that nobody vouches for are none."""
    found = in_loop(look_up(HOST | {TLSA: Told(TLSA_LINE, secure=False)}))

    assert found.answer == TlsaAnswer(False, (), "mx.test")


def test_no_ipv4(in_loop: InLoop) -> None:
    """A host without an A record has its records all the same."""
    found = in_loop(look_up({"mx.test. A": Told(), TLSA: Told(TLSA_LINE)}))

    assert found.answer == TlsaAnswer(True, (RECORD,), "mx.test")


def test_no_such_host(in_loop: InLoop) -> None:
    """A host that securely does not exist securely has no records."""
    assert in_loop(look_up({})).answer == TlsaAnswer(True, (), "mx.test")


def test_final_dot(in_loop: InLoop) -> None:
    """A final dot says what is so anyway, and is no part of the base domain."""
    found = in_loop(look_up(HOST | {TLSA: Told(TLSA_LINE)}, "mx.test."))

    assert found.answer == TlsaAnswer(True, (RECORD,), "mx.test")


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "unix:/run/lmtp"])
def test_no_name(in_loop: InLoop, host: str) -> None:
    """For what is no name nobody is asked."""
    found = in_loop(look_up({}, host))

    assert found.answer == TlsaAnswer(False, (), host)
    assert found.asked == []


# --- aliases


def test_alias(in_loop: InLoop) -> None:
    """The host behind an alias is the base domain when it has the records."""
    table = ALIAS | {TLSA: Told(TLSA_LINE), ALIAS_TLSA: Told(ALIAS_TLSA_LINE)}

    found = in_loop(look_up(table, "alias.test"))

    assert found.answer == TlsaAnswer(True, (RECORD,), "mx.test")
    assert found.asked == ["alias.test. A", TLSA]


@pytest.mark.parametrize(
    "there", [Told(), Told(rcode=Rcode.NXDOMAIN), Told(TLSA_LINE, secure=False)]
)
def test_alias_with_records(in_loop: InLoop, there: Told) -> None:
    """Where the host behind an alias has no secure records, the alias's own count."""
    table = ALIAS | {TLSA: there, ALIAS_TLSA: Told(ALIAS_TLSA_LINE)}

    found = in_loop(look_up(table, "alias.test"))

    assert found.answer == TlsaAnswer(True, (RECORD,), "alias.test")
    assert found.asked == ["alias.test. A", TLSA, ALIAS_TLSA]


@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize("here", [True, False])
def test_alias_without_records(in_loop: InLoop, there: bool, here: bool) -> None:
    """That neither name has records is secure when both absences are."""
    table = ALIAS | {TLSA: Told(secure=there), ALIAS_TLSA: Told(secure=here)}

    found = in_loop(look_up(table, "alias.test"))

    assert found.answer == TlsaAnswer(there and here, (), "alias.test")


def test_alias_into_the_unsigned(in_loop: InLoop) -> None:
    """A signed alias of an unsigned host may have records of its own."""
    table = ALIAS | {
        "alias.test. A": Told(f"{ALIAS_LINE}\n{A_LINE}", secure=False),
        ALIAS_TLSA: Told(ALIAS_TLSA_LINE),
    }

    found = in_loop(look_up(table, "alias.test"))

    assert found.answer == TlsaAnswer(True, (RECORD,), "alias.test")
    assert found.asked == ["alias.test. A", "alias.test. CNAME", ALIAS_TLSA]


def test_insecure_alias(in_loop: InLoop) -> None:
    """For an alias that nobody vouches for, no records are asked for."""
    table = ALIAS | {
        "alias.test. A": Told(f"{ALIAS_LINE}\n{A_LINE}", secure=False),
        "alias.test. CNAME": Told(ALIAS_LINE, secure=False),
        TLSA: Told(TLSA_LINE),
        ALIAS_TLSA: Told(ALIAS_TLSA_LINE),
    }

    found = in_loop(look_up(table, "alias.test"))

    assert found.answer == TlsaAnswer(False, (), "alias.test")
    assert found.asked == ["alias.test. A", "alias.test. CNAME"]


def test_alias_of_the_records(in_loop: InLoop) -> None:
    """An alias of the records' own name is followed, and is not the base domain."""
    lines = f"_25._tcp.mx.test. CNAME dane.test.\ndane.test. TLSA 3 1 1 {DIGEST}"

    found = in_loop(look_up(HOST | {TLSA: Told(lines)}))

    assert found.answer == TlsaAnswer(True, (RECORD,), "mx.test")


# --- failures


@pytest.mark.parametrize("question", ["mx.test. A", TLSA])
@pytest.mark.parametrize(
    ("told", "reason"),
    [
        (Told(bogus=True), Reason.DNSSEC_BOGUS),
        (Told(bogus=True, rcode=Rcode.NXDOMAIN), Reason.DNSSEC_BOGUS),
        (Told(rcode=Rcode.SERVFAIL), Reason.SERVFAIL),
        (Told(bogus=True, rcode=Rcode.REFUSED), Reason.SERVFAIL),
        (Told(rcode=Rcode.REFUSED), Reason.SERVFAIL),
        (Told(rcode=Rcode.NOTIMP), Reason.SERVFAIL),
        (Told(rcode=Rcode.FORMERR), Reason.SERVFAIL),
        (Told("mx.test. CNAME mx.test."), Reason.SERVFAIL),
    ],
)
def test_failure(in_loop: InLoop, question: str, told: Told, reason: Reason) -> None:
    """A failed lookup is a failure, and bogus is what only goes without validation."""
    if "CNAME" in told.records and question == TLSA:
        told = told._replace(records="_25._tcp.mx.test. CNAME _25._tcp.mx.test.")

    assert in_loop(fail(HOST | {TLSA: Told(TLSA_LINE)} | {question: told})) is reason


def test_bogus_alias(in_loop: InLoop) -> None:
    """A failure under the base domain is one, whatever the alias itself has."""

    async def story() -> None:
        table = ALIAS | {TLSA: Told(bogus=True), ALIAS_TLSA: Told(ALIAS_TLSA_LINE)}
        async with asking(table) as it:
            with pytest.raises(Interrupted) as caught:
                await look_up_tlsa("alias.test", 25, it.address, PATIENCE)
        assert caught.value.reason is Reason.DNSSEC_BOGUS
        assert caught.value.detail == "TLSA _25._tcp.mx.test"

    in_loop(story())


@pytest.mark.parametrize(
    ("told", "flags"),
    [
        (Told(A_LINE, bogus=True), [Flag.RD | Flag.AD, Flag.RD | Flag.AD | Flag.CD]),
        (Told(rcode=Rcode.REFUSED), [Flag.RD | Flag.AD]),
    ],
)
def test_asked_again(in_loop: InLoop, told: Told, flags: list[Flag]) -> None:
    """After SERVFAIL, and only then, the same is asked once without validation."""

    async def story() -> list[Question]:
        async with asking({"mx.test. A": told}) as it:
            with pytest.raises(Interrupted):
                await look_up_tlsa("mx.test", 25, it.address, PATIENCE)
            return it.validator.asked

    expected = [Question("mx.test.", "A", each, over_tcp=False) for each in flags]
    assert in_loop(story()) == expected


@pytest.mark.parametrize("question", ["mx.test. A", TLSA])
def test_silence(in_loop: InLoop, question: str) -> None:
    """A resolver that says nothing is a timeout, when the limit has run out."""
    table = HOST | {TLSA: Told(TLSA_LINE)} | {question: Told(silent=1000)}

    assert in_loop(fail(table, SOON)) is Reason.TIMEOUT


@pytest.mark.parametrize("limit_seconds", [0.0, -1.0])
def test_no_time_left(in_loop: InLoop, limit_seconds: float) -> None:
    """Without any time left the lookup is a timeout."""
    assert in_loop(fail(HOST, limit_seconds)) is Reason.TIMEOUT


def test_lost_datagram(in_loop: InLoop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A question that gets lost is asked again."""
    monkeypatch.setattr("exporter.probe.tlsa._TRY_SECONDS", SOON)

    found = in_loop(look_up(HOST | {TLSA: Told(TLSA_LINE, silent=1)}))

    assert found.answer == TlsaAnswer(True, (RECORD,), "mx.test")
    assert found.asked == ["mx.test. A", TLSA, TLSA]


def test_garbled_datagram(in_loop: InLoop) -> None:
    """A datagram that is no answer is as good as none: who knows who sent it."""
    table = HOST | {TLSA: Told(garbled=b"\x81\x80\0\1\0\1\0\0\0\0garbled")}

    assert in_loop(fail(table, SOON)) is Reason.TIMEOUT


def test_strays(in_loop: InLoop) -> None:
    """Datagrams that answer another question are passed over."""
    found = in_loop(look_up(HOST | {TLSA: Told(TLSA_LINE, strays=99)}))

    assert found.answer == TlsaAnswer(True, (RECORD,), "mx.test")


def test_too_many_strays(in_loop: InLoop) -> None:
    """A hundred such datagrams are somebody's guesses, and end the lookup."""
    table = HOST | {TLSA: Told(TLSA_LINE, strays=100)}

    assert in_loop(fail(table)) is Reason.SERVFAIL


def test_nobody_listens(in_loop: InLoop) -> None:
    """A port where no resolver listens is told at once."""

    async def story() -> Reason:
        with socket.socket(type=socket.SOCK_DGRAM) as closed:
            closed.bind(("127.0.0.1", 0))
            address = closed.getsockname()
        with pytest.raises(Interrupted) as caught:
            await look_up_tlsa("mx.test", 25, address, PATIENCE)
        return caught.value.reason

    assert in_loop(story()) is Reason.SERVFAIL


def test_no_descriptors(in_loop: InLoop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A resolver is not blamed when this machine has no socket for it."""

    def no_socket(*_: object) -> None:
        raise OSError(errno.EMFILE, "no more descriptors")

    monkeypatch.setattr("exporter.probe.tlsa._socket", no_socket)

    assert in_loop(fail(HOST)) is Reason.LOCAL_ERROR


# --- over TCP


def test_truncated(in_loop: InLoop) -> None:
    """An answer too large for a datagram is asked for over TCP."""
    certificate = "ab" * 2000
    line = f"_25._tcp.mx.test. TLSA 2 0 0 {certificate}"

    found = in_loop(look_up(HOST | {TLSA: Told(line, large=True)}))

    assert found.answer.records == (Tlsa(2, 0, 0, bytes.fromhex(certificate)),)
    assert [q.over_tcp for q in found.validator.asked] == [False, False, True]


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        (Told(bogus=True, large=True), Reason.DNSSEC_BOGUS),
        (Told(rcode=Rcode.SERVFAIL, large=True), Reason.SERVFAIL),
        (Told(TLSA_LINE, large=True, strays=1), Reason.SERVFAIL),
    ],
)
def test_truncated_failure(in_loop: InLoop, told: Told, reason: Reason) -> None:
    """A failure is told over TCP as it is over UDP, where strays are none."""
    assert in_loop(fail(HOST | {TLSA: told})) is reason


@pytest.mark.parametrize(
    "octets",
    [
        *(b"", b"\0", b"\0\x10short", b"\0\x02xy"),
        *(b"\0\x0c" + bytes(12), b"\0\x0c" + b"\xff" * 12),
    ],
)
def test_tcp_breaks(in_loop: InLoop, octets: bytes) -> None:
    """A resolver that makes no sense over TCP is no resolver."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        size = int.from_bytes(await reader.readexactly(2))
        await reader.readexactly(size)
        writer.write(octets)
        writer.close()
        await writer.wait_closed()

    async def story() -> Reason:
        table = {"mx.test. A": Told(large=True)}
        async with asking(table, serve=serve) as it:
            with pytest.raises(Interrupted) as caught:
                await look_up_tlsa("mx.test", 25, it.address, PATIENCE)
            return caught.value.reason

    assert in_loop(story()) is Reason.SERVFAIL


def test_resolver_over_ipv6(in_loop: InLoop) -> None:
    """A resolver may be asked over IPv6, both ways."""
    table = HOST | {TLSA: Told(TLSA_LINE, large=True)}
    try:
        found = in_loop(look_up(table, server="::1"))
    except OSError as error:
        missing_peer(f"::1 is not on this machine: {error}")

    assert found.answer == TlsaAnswer(True, (RECORD,), "mx.test")


# --- given up


def sockets() -> set[str]:
    """Give the sockets that this process holds."""
    held = set()
    for link in Path("/proc/self/fd").iterdir():
        try:
            held.add(str(link.readlink()))
        except FileNotFoundError:  # the listing's own descriptor
            continue
    return {name for name in held if name.startswith("socket:")}


async def left_alone(before: set[str]) -> None:
    """Wait until no socket is held but those of before; the loop closes them late."""
    async with asyncio.timeout(PATIENCE):
        while sockets() - before:  # noqa: ASYNC110 -- no event tells of descriptors
            await asyncio.sleep(0)


def test_cancelled(in_loop: InLoop) -> None:
    """A lookup that is cancelled while it waits leaves no socket and no task behind."""

    async def story() -> None:
        async with asking({"mx.test. A": Told(silent=1000)}) as it:
            before, tasks = sockets(), asyncio.all_tasks()
            lookup = asyncio.create_task(
                look_up_tlsa("mx.test", 25, it.address, PATIENCE)
            )
            await it.validator.was_asked.wait()
            assert sockets() - before
            lookup.cancel()
            with pytest.raises(asyncio.CancelledError):
                await lookup
            assert asyncio.all_tasks() == tasks
            await left_alone(before)

    in_loop(story())


def test_cancelled_at_any_time(in_loop: InLoop) -> None:
    """Wherever a lookup is cancelled, it ends so."""

    async def story() -> int:
        async with asking(HOST | {TLSA: Told(TLSA_LINE, large=True)}) as it:
            for turns in count():
                before = sockets()
                lookup = asyncio.create_task(
                    look_up_tlsa("mx.test", 25, it.address, PATIENCE)
                )
                for _ in range(turns):
                    await asyncio.sleep(0)
                if lookup.done():
                    assert lookup.result().records == (RECORD,)
                    return turns
                lookup.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await lookup
                await left_alone(before)
        raise AssertionError("never reached")

    assert in_loop(story()) > 2
