"""MTA-STS policies, fetched from an HTTPS server of the test, on each kind of loop.

The clock is the test's, and so is what the DNS says.
"""

import asyncio
import gc
import ssl
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn, cast

import pytest
from aiohttp import web

from exporter import __version__
from exporter.demo.certificates import Kind, authority, issue
from exporter.probe import policies as room
from exporter.probe import policy_hosts
from exporter.probe.policies import Known, Policies
from exporter.probe.resolve import Address
from exporter.smtp.exchange import Interrupted
from exporter.tls.mta_sts import MAX_AGE, StsPolicy
from exporter.vocabulary import Family, Reason, StsMode

PATIENCE = 20.0  # no test gets near it unless something is broken
SOON = 0.05

DOMAIN = "example.test"
HOST = f"mta-sts.{DOMAIN}"
LOOPBACK = Address("127.0.0.1", Family.IPV4)
DAY = 86400
START = 1_700_000_000.0
STILL_FETCHED = "the policy is still being fetched"

InLoop = Callable[[Coroutine[Any, Any, Any]], Any]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def policy_text(mode: str = "enforce", max_age: int = DAY, mx: str = "mx.test") -> str:
    """Write a policy file."""
    return f"version: STSv1\nmode: {mode}\nmx: {mx}\nmax_age: {max_age}\n"


def record(policy_id: str = "1") -> tuple[bytes, ...]:
    """Write the TXT records that go with it."""
    return (f"v=STSv1; id={policy_id};".encode(),)


def enforced(max_age: int = DAY, mx: str = "mx.test") -> StsPolicy:
    """Give what such a file says."""
    return StsPolicy(StsMode.ENFORCE, (mx,), max_age)


class _NoThreads(ThreadPoolExecutor):
    """An executor that must not be needed."""

    def submit(self, *_: object, **__: object) -> NoReturn:
        """Refuse."""
        raise AssertionError("a thread was asked for")


class Scene:
    """A domain, its policy host, and the policies under test."""

    def __init__(self, folder: Path) -> None:
        """Set out with a record and a good policy."""
        self.now = START
        self.records: dict[str, tuple[bytes, ...] | Reason] = defaultdict(record)
        self.addresses: tuple[Address, ...] | Exception = (LOOPBACK,)
        self.asked: list[str] = []  # TXT names
        self.resolved: list[str] = []  # policy hosts: one for each fetch
        self.requests: list[web.Request] = []
        self.server_names: list[str | None] = []
        self.text = policy_text()
        self.handler: Handler = self.send
        self.was_asked = asyncio.Event()
        self.was_resolved = asyncio.Event()
        self.released = asyncio.Event()
        self._folder = folder
        self.policies: Policies

    async def of(self, domain: str = DOMAIN, limit_seconds: float = PATIENCE) -> Known:
        """Ask the policies under test."""
        return await self.policies.of(domain, limit_seconds)

    async def texts(self, name: str) -> tuple[bytes, ...]:
        """Answer as the DNS."""
        self.asked.append(name)
        found = self.records[name]
        if isinstance(found, Reason):
            raise Interrupted(found)
        return found

    async def look_up(self, host: str) -> tuple[Address, ...]:
        """Answer as the resolver of policy hosts."""
        self.resolved.append(host)
        self.was_resolved.set()
        if isinstance(self.addresses, Exception):
            raise self.addresses
        return self.addresses

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Take a request."""
        self.requests.append(request)
        self.was_asked.set()
        return await self.handler(request)

    async def send(self, _: web.Request) -> web.StreamResponse:
        """Answer with the policy."""
        return web.Response(text=self.text)

    async def hold(self, _: web.Request) -> web.StreamResponse:
        """Answer with the policy once the test says so."""
        await self.released.wait()
        return web.Response(text=self.text)

    async def stop_server(self) -> None:
        """Close the port."""
        self.released.set()
        await self._runner.cleanup()

    async def start_server(self, kind: Kind | None) -> int:
        """Serve on a free port, and give it; without TLS for no certificate."""
        app = web.Application()
        app.router.add_get("/{path:.*}", self.handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(
            self._runner,
            "127.0.0.1",
            0,
            ssl_context=self._context(kind) if kind else None,
        )
        await site.start()
        port: int = self._runner.addresses[0][1]
        return port

    def _context(self, kind: Kind) -> ssl.SSLContext:
        issued, file = issue(kind, HOST), self._folder / kind.name
        file.write_bytes(issued.key + issued.pem)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(file)
        context.sni_callback = lambda _tls, name, _context: self.server_names.append(
            name
        )
        return context


@pytest.fixture
def play(
    in_loop: InLoop, tmp_path: Path
) -> Callable[[Callable[[Scene], Awaitable[None]]], None]:
    """Run a test's coroutine on a scene; nothing may be left of it afterwards."""

    def run(
        act: Callable[[Scene], Awaitable[None]],
        kind: Kind | None = Kind.GOOD,
        **options: ssl.SSLContext | None,
    ) -> None:
        in_loop(_play(act, tmp_path, kind, **options))
        gc.collect()  # what was not closed complains, and that is an error

    return run


Play = Callable[..., None]


async def _play(
    act: Callable[[Scene], Awaitable[None]],
    folder: Path,
    kind: Kind | None,
    **options: ssl.SSLContext | None,
) -> None:
    async with asyncio.timeout(PATIENCE), _scene(folder, kind, **options) as scene:
        await act(scene)
    assert asyncio.all_tasks() == {asyncio.current_task()}


@asynccontextmanager
async def _scene(
    folder: Path, kind: Kind | None, **options: ssl.SSLContext | None
) -> AsyncIterator[Scene]:
    scene = Scene(folder)
    port = await scene.start_server(kind)
    asyncio.get_running_loop().set_default_executor(_NoThreads())
    trust = ssl.create_default_context(cadata=authority().decode("ascii"))
    scene.policies = Policies(
        scene.texts,
        scene.look_up,
        trust=options.get("trust", trust),
        port=port,
        now=lambda: scene.now,
    )
    try:
        yield scene
    finally:
        await scene.policies.close()
        await scene.stop_server()


# --- a policy that is there


@pytest.mark.parametrize("mode", StsMode)
def test_modes(play: Play, mode: StsMode) -> None:
    """A policy of each mode is fetched once, and known until its end."""

    async def act(scene: Scene) -> None:
        scene.text = policy_text(mode)
        known = Known(StsPolicy(mode, ("mx.test",), DAY), START + DAY)
        assert await scene.of() == known
        scene.now += 60
        assert await scene.of() == known
        assert scene.asked == [f"_mta-sts.{DOMAIN}"] * 2
        assert scene.resolved == [HOST]

    play(act)


def test_request(play: Play) -> None:
    """The request is for the well-known path of the policy host, and says who asks."""

    async def act(scene: Scene) -> None:
        await scene.of()
        (request,) = scene.requests
        assert request.path_qs == "/.well-known/mta-sts.txt"
        assert request.host.partition(":")[0] == HOST
        assert request.headers["User-Agent"] == f"mailserver-exporter/{__version__}"
        assert request.headers["Accept-Encoding"] == "identity"
        assert "Cookie" not in request.headers
        assert scene.server_names == [HOST]

    play(act)


def test_spelling_of_domain(play: Play) -> None:
    """A domain is one, whatever its case and final dot."""

    async def act(scene: Scene) -> None:
        known = await scene.of("Example.TEST.")
        assert known.policy == enforced()
        assert await scene.of() == known
        assert scene.resolved == [HOST]

    play(act)


def test_several_addresses(play: Play) -> None:
    """An address where nobody listens is passed over."""

    async def act(scene: Scene) -> None:
        scene.addresses = (Address("127.0.0.2", Family.IPV4), LOOPBACK)
        assert (await scene.of()).policy == enforced()

    play(act)


def test_media_type_with_charset(play: Play) -> None:
    """Parameters of the media type are nothing."""

    async def act(scene: Scene) -> None:
        async def send(_: web.Request) -> web.StreamResponse:
            return web.Response(
                body=scene.text.encode(),
                headers={"Content-Type": "Text/Plain; charset=us-ascii; x=y"},
            )

        scene.handler = send
        assert (await scene.of()).policy == enforced()

    play(act)


def test_largest(play: Play) -> None:
    """A policy of 64 KiB is read."""

    async def act(scene: Scene) -> None:
        scene.text += "x:" + "y" * (65536 - len(scene.text) - 2)
        assert (await scene.of()).policy == enforced()

    play(act)


# --- no record


@pytest.mark.parametrize(
    "records", [Reason.NXDOMAIN, Reason.NODATA, (), (b"v=spf1 -all",)]
)
def test_no_record(play: Play, records: tuple[bytes, ...] | Reason) -> None:
    """A domain without a record has no policy and no trouble, and nobody is asked."""

    async def act(scene: Scene) -> None:
        scene.records[f"_mta-sts.{DOMAIN}"] = records
        assert await scene.of() == Known()
        assert scene.resolved == []

    play(act)


def test_record_removed(play: Play) -> None:
    """A policy outlives its record until its own end (RFC 8461 section 5.1)."""

    async def act(scene: Scene) -> None:
        known = await scene.of()
        scene.records[f"_mta-sts.{DOMAIN}"] = Reason.NXDOMAIN
        scene.now = START + DAY - 1
        assert await scene.of() == known
        scene.now = START + DAY
        assert await scene.of() == Known()
        assert scene.resolved == [HOST]

    play(act)


@pytest.mark.parametrize(
    "records", [record("1") + record("2"), (b"v=STSv1; id=a-b",), (b"v=STSv1",)]
)
def test_record_not_valid(play: Play, records: tuple[bytes, ...]) -> None:
    """Two records, or a bad one, are trouble; a policy from before stays."""

    async def act(scene: Scene) -> None:
        trouble = (
            f"the TXT records of _mta-sts.{DOMAIN} are not one valid record of "
            "version STSv1 with an id of 1 to 32 letters and digits"
        )
        scene.records[f"_mta-sts.{DOMAIN}"] = records
        assert await scene.of() == Known(trouble=trouble)
        assert scene.resolved == []
        scene.records[f"_mta-sts.{DOMAIN}"] = record()
        known = await scene.of()
        scene.records[f"_mta-sts.{DOMAIN}"] = records
        assert await scene.of() == known._replace(trouble=trouble)

    play(act)


@pytest.mark.parametrize(
    ("reason", "why"),
    [
        (Reason.SERVFAIL, Reason.SERVFAIL.meaning),
        (Reason.LOCAL_ERROR, Reason.LOCAL_ERROR.meaning),
        (Reason.TIMEOUT, "no answer in time"),
    ],
)
def test_record_cannot_be_looked_up(play: Play, reason: Reason, why: str) -> None:
    """A failed lookup is never "no record": what was known stays, with trouble."""

    async def act(scene: Scene) -> None:
        trouble = f"the TXT record cannot be looked up: {why}"
        scene.records[f"_mta-sts.{DOMAIN}"] = reason
        assert await scene.of() == Known(trouble=trouble)
        scene.records[f"_mta-sts.{DOMAIN}"] = record()
        known = await scene.of()
        scene.records[f"_mta-sts.{DOMAIN}"] = reason
        scene.now = START + DAY - 1
        assert await scene.of() == known._replace(trouble=trouble)
        scene.now = START + DAY
        assert await scene.of() == Known(trouble=trouble)
        assert scene.resolved == [HOST]

    play(act)


def test_record_does_not_come(play: Play) -> None:
    """A lookup is given up at the caller's limit."""

    async def act(scene: Scene) -> None:
        async def never(_: str) -> tuple[bytes, ...]:
            await asyncio.Event().wait()
            return ()

        policies = Policies(never, scene.look_up)
        assert await policies.of(DOMAIN, SOON) == Known(
            trouble="the TXT record cannot be looked up: no answer in time"
        )
        await policies.close()

    play(act)


# --- a policy that ends or changes


def test_expired(play: Play) -> None:
    """A policy that came to its end is fetched again."""

    async def act(scene: Scene) -> None:
        await scene.of()
        scene.now = START + DAY
        assert await scene.of() == Known(enforced(), START + 2 * DAY)
        assert scene.resolved == [HOST] * 2

    play(act)


def test_expired_and_unreachable(play: Play) -> None:
    """A policy that came to its end and cannot be fetched is none, with trouble."""

    async def act(scene: Scene) -> None:
        await scene.of()
        await scene.stop_server()
        scene.now = START + DAY
        assert await scene.of() == Known(trouble=f"{HOST}: connection refused")

    play(act)


async def _until(scene: Scene, expected: Known) -> None:
    """Ask again and again while a fetch goes on in the background."""
    while await scene.of() != expected:  # noqa: ASYNC110 -- a fetch in the background has no event to the outside
        await asyncio.sleep(0)


def test_refreshed(play: Play) -> None:
    """A policy is refreshed once a day, and nobody waits for that."""

    async def act(scene: Scene) -> None:
        scene.text = policy_text(max_age=MAX_AGE)
        known = await scene.of()
        scene.now = START + DAY - 1
        assert await scene.of() == known
        assert len(scene.resolved) == 1
        scene.now = START + DAY
        scene.handler = scene.hold
        assert await scene.of() == known
        await scene.was_asked.wait()
        assert await scene.of() == known
        scene.text = policy_text("testing", max_age=MAX_AGE)
        scene.released.set()
        testing = enforced(MAX_AGE)._replace(mode=StsMode.TESTING)
        await _until(scene, Known(testing, START + DAY + MAX_AGE))
        assert len(scene.resolved) == 2

    play(act)


def test_refresh_fails(play: Play) -> None:
    """A policy stays when its refresh fails; the next try is five minutes later."""

    async def act(scene: Scene) -> None:
        known = await scene.of()
        await scene.stop_server()
        troubled = known._replace(trouble=f"{HOST}: connection refused")
        scene.now = START + DAY / 2
        await _until(scene, troubled)
        scene.now += room.RETRY_SECONDS - 1
        assert await scene.of() == troubled
        assert len(scene.resolved) == 2
        scene.now += 1
        scene.was_resolved.clear()
        assert await scene.of() == troubled
        await scene.was_resolved.wait()
        assert len(scene.resolved) == 3

    play(act)


def test_brief_policy(play: Play) -> None:
    """A policy for no time at all is honoured for a minute, then fetched again."""

    async def act(scene: Scene) -> None:
        scene.text = policy_text(max_age=0)
        known = Known(enforced(0), START)
        assert await scene.of() == known
        scene.now += room.LEAST_SECONDS - 1
        assert await scene.of() == known
        assert len(scene.resolved) == 1
        scene.now += 1
        assert await scene.of() == Known(enforced(0), scene.now)
        assert len(scene.resolved) == 2

    play(act)


def test_changed_id(play: Play) -> None:
    """Another id in the record means another policy, which is waited for."""

    async def act(scene: Scene) -> None:
        await scene.of()
        scene.text = policy_text(mx="new.test")
        scene.now += 1
        scene.records[f"_mta-sts.{DOMAIN}"] = record("2")
        assert await scene.of() == Known(enforced(mx="new.test"), scene.now + DAY)
        await scene.of()
        assert len(scene.resolved) == 2

    play(act)


def test_changed_id_and_unreachable(play: Play) -> None:
    """A new policy that cannot be had leaves the old one, with trouble.

    Another id is tried at once; the old one coming back ends the trouble.
    """

    async def act(scene: Scene) -> None:
        known = await scene.of()
        good, scene.addresses = scene.addresses, Interrupted(Reason.NXDOMAIN)
        scene.records[f"_mta-sts.{DOMAIN}"] = record("2")
        trouble = f"{HOST}: the name does not exist"
        assert await scene.of() == known._replace(trouble=trouble)
        assert await scene.of() == known._replace(trouble=trouble)
        assert len(scene.resolved) == 2
        scene.records[f"_mta-sts.{DOMAIN}"] = record("1")
        assert await scene.of() == known
        scene.addresses = good
        scene.records[f"_mta-sts.{DOMAIN}"] = record("3")
        assert await scene.of() == known
        assert len(scene.resolved) == 3

    play(act)


def test_clock_steps_back(play: Play) -> None:
    """A failure in what is now the future holds no try up."""

    async def act(scene: Scene) -> None:
        good, scene.addresses = scene.addresses, Interrupted(Reason.SERVFAIL)
        assert (await scene.of()).policy is None
        scene.addresses = good
        scene.now -= 1
        assert await scene.of() == Known(enforced(), scene.now + DAY)

    play(act)


# --- a policy that cannot be had


def test_unreachable(play: Play) -> None:
    """A closed port is trouble, told again for five minutes without another try."""

    async def act(scene: Scene) -> None:
        await scene.stop_server()
        troubled = Known(trouble=f"{HOST}: connection refused")
        assert await scene.of() == troubled
        scene.now += room.RETRY_SECONDS - 1
        assert await scene.of() == troubled
        assert len(scene.resolved) == 1
        scene.now += 1
        assert await scene.of() == troubled
        assert len(scene.resolved) == 2

    play(act)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (Kind.OTHER_NAME, "not valid for"),
        (Kind.COMMON_NAME_ONLY, "not valid for"),
        (Kind.EXPIRED, "expired"),
        (Kind.SELF_SIGNED, "self-signed"),
        (Kind.UNKNOWN_CA, "issuer"),
    ],
)
def test_certificate(play: Play, kind: Kind, said: str) -> None:
    """A policy host whose certificate does not hold is never asked for a policy."""

    async def act(scene: Scene) -> None:
        known = await scene.of()
        assert known.policy is None
        assert known.trouble
        assert known.trouble.startswith(f"{HOST}: the certificate is refused: ")
        assert said in known.trouble
        assert scene.requests == []

    play(act, kind)


def test_trust_of_the_machine(play: Play) -> None:
    """Without other trust it is the machine's that counts."""

    async def act(scene: Scene) -> None:
        known = await scene.of()
        assert known.trouble
        assert known.trouble.startswith(f"{HOST}: the certificate is refused: ")

    play(act, trust=None)


def test_no_tls(play: Play) -> None:
    """A policy host that does not speak TLS is trouble."""

    async def act(scene: Scene) -> None:
        known = await scene.of()
        assert known.trouble
        assert known.trouble.startswith(f"{HOST}: TLS failed: ")

    play(act, None)


def _answer(**options: Any) -> Handler:
    async def handler(_: web.Request) -> web.StreamResponse:
        return web.Response(**options)

    return handler


def _raw(octets: bytes) -> Handler:
    async def handler(request: web.Request) -> web.StreamResponse:
        assert request.transport
        request.transport.write(octets)
        request.transport.close()
        return web.Response()

    return handler


async def _endless(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/plain"})
    await response.prepare(request)
    with suppress(ConnectionError):
        while True:
            await response.write(b"x" * 4096)
    return response


@pytest.mark.parametrize(
    ("handler", "trouble"),
    [
        (
            _answer(status=301, headers={"Location": "/elsewhere"}),
            "redirects (status 301), which MTA-STS forbids to follow",
        ),
        (
            _answer(status=308, headers={"Location": f"https://{HOST}/"}),
            "redirects (status 308), which MTA-STS forbids to follow",
        ),
        (_answer(status=404, text="not here"), "answers with status 404"),
        (_answer(status=503), "answers with status 503"),
        (_answer(status=204), "answers with status 204"),
        (_answer(status=206, text=policy_text()), "answers with status 206"),
        (
            _answer(text=policy_text(), content_type="text/html"),
            "sends the media type 'text/html' instead of text/plain",
        ),
        (
            _answer(text=policy_text(), headers={"Content-Type": "a/" + "b" * 99}),
            f"sends the media type 'a/{'b' * 58}' instead of text/plain",
        ),
        (
            _raw(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
            "sends no media type, and text/plain is due",
        ),
        (
            _answer(
                body=b"\x1f\x8b",
                headers={"Content-Type": "text/plain", "Content-Encoding": "gzip"},
            ),
            "sends an encoding that was not asked for",
        ),
        (_answer(text="x" * 65537), "sends more than 65536 octets"),
        (_endless, "sends more than 65536 octets"),
        (_raw(b"220 mx.test ESMTP\r\n"), "does not answer in proper HTTP"),
    ],
)
def test_answers(play: Play, handler: Handler, trouble: str) -> None:
    """An answer that is no policy is trouble that says what came."""

    async def act(scene: Scene) -> None:
        scene.handler = handler
        assert await scene.of() == Known(trouble=f"{HOST} {trouble}")
        assert len(scene.requests) == 1

    play(act)


def _sockets() -> int:
    files = Path("/proc/self/fd").iterdir()
    return sum(file.is_symlink() and file.is_socket() for file in files)


@pytest.mark.skipif(
    not Path("/proc/self/fd").is_dir(), reason="the kernel does not list descriptors"
)
def test_deaf_policy_host(play: Play) -> None:
    """No connection is left behind by the time that an answer is known as refused."""

    async def act(scene: Scene) -> None:
        async def deaf(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse(status=404, headers={"Content-Length": "9"})
            await response.prepare(request)
            transport = cast(asyncio.Transport, request.transport)
            transport.pause_reading()
            await scene.released.wait()
            transport.resume_reading()
            return response

        scene.handler = deaf
        before = _sockets()
        assert (await scene.of()).trouble == f"{HOST} answers with status 404"
        assert _sockets() <= before + 1  # the server's own
        scene.released.set()

    play(act)


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\nver",
    ],
)
def test_answer_breaks_off(play: Play, octets: bytes) -> None:
    """An answer that breaks off is trouble."""

    async def act(scene: Scene) -> None:
        scene.handler = _raw(octets)
        assert await scene.of() == Known(trouble=f"{HOST}: the answer is not complete")

    play(act)


def test_policy_with_mistake(play: Play) -> None:
    """A policy that cannot be read is trouble that names the mistake."""

    async def act(scene: Scene) -> None:
        scene.text = policy_text("enforced")
        assert await scene.of() == Known(
            trouble="the policy's `mode` is not one of enforce, testing, none"
        )

    play(act)


def test_bug(play: Play) -> None:
    """A bug of ours is told to who waits, and the next caller tries again."""

    async def act(scene: Scene) -> None:
        good, scene.addresses = scene.addresses, RuntimeError("a bug")
        with pytest.raises(RuntimeError, match="a bug"):
            await scene.of()
        scene.addresses = good
        assert (await scene.of()).policy == enforced()

    play(act)


# --- a policy that takes its time


def test_slow(play: Play) -> None:
    """A fetch that outlasts its caller goes on, and the next caller has its fruit."""

    async def act(scene: Scene) -> None:
        scene.handler = scene.hold
        assert await scene.of(limit_seconds=SOON) == Known(trouble=STILL_FETCHED)
        scene.released.set()
        assert await scene.of() == Known(enforced(), START + DAY)
        assert len(scene.resolved) == 1

    play(act)


def test_slow_with_policy_from_before(play: Play) -> None:
    """Who cannot wait for a changed policy has the one from before."""

    async def act(scene: Scene) -> None:
        known = await scene.of()
        scene.handler = scene.hold
        scene.records[f"_mta-sts.{DOMAIN}"] = record("2")
        assert await scene.of(limit_seconds=SOON) == known._replace(
            trouble=STILL_FETCHED
        )

    play(act)


def test_caller_goes_away(play: Play) -> None:
    """A fetch goes on when the probe that began it is cancelled."""

    async def act(scene: Scene) -> None:
        scene.handler = scene.hold
        caller = asyncio.create_task(scene.of())
        await scene.was_asked.wait()
        caller.cancel()
        await asyncio.wait({caller})
        scene.released.set()
        assert (await scene.of()).policy == enforced()
        assert len(scene.requests) == 1

    play(act)


def test_together(play: Play) -> None:
    """Probes of one domain that ask at once share one fetch."""

    async def act(scene: Scene) -> None:
        found = await asyncio.gather(*(scene.of() for _ in range(5)))
        assert found == [Known(enforced(), START + DAY)] * 5
        assert len(scene.requests) == 1

    play(act)


def test_too_slow(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fetch has a limit of its own."""
    monkeypatch.setattr(policy_hosts, "FETCH_SECONDS", SOON)

    async def act(scene: Scene) -> None:
        scene.handler = scene.hold
        assert await scene.of() == Known(trouble=f"{HOST} takes longer than {SOON:g} s")

    play(act)


# --- many domains


def test_few_at_once(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only so many fetches run at once; the others wait for a place."""
    monkeypatch.setattr(room, "MAX_FETCHES", 1)

    async def act(scene: Scene) -> None:
        scene.handler = scene.hold
        first = asyncio.create_task(scene.of())
        await scene.was_asked.wait()
        assert await scene.of("other.test", SOON) == Known(trouble=STILL_FETCHED)
        assert scene.resolved == [HOST]
        scene.released.set()
        assert (await first).policy == enforced()
        assert (await scene.of("other.test")).trouble
        assert scene.resolved == [HOST, "mta-sts.other.test"]

    play(act)


def test_forgotten(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of too many domains the one unasked longest is forgotten."""
    monkeypatch.setattr(room, "MAX_DOMAINS", 2)

    async def act(scene: Scene) -> None:
        for domain in (DOMAIN, "b.test", DOMAIN, "c.test", DOMAIN, "b.test"):
            await scene.of(domain)
        b, c = "mta-sts.b.test", "mta-sts.c.test"
        assert scene.resolved == [HOST, b, c, b]

    play(act)


def test_forgotten_while_fetched(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fetch of a domain that is forgotten is ended."""
    monkeypatch.setattr(room, "MAX_DOMAINS", 1)

    async def act(scene: Scene) -> None:
        scene.handler = scene.hold
        first = asyncio.create_task(scene.of())
        await scene.was_asked.wait()
        await scene.of("b.test")
        assert await first == Known(trouble=STILL_FETCHED)

    play(act)


# --- the end


def test_close(play: Play) -> None:
    """Closing ends the fetches, and whoever waits has what is known by then."""

    async def act(scene: Scene) -> None:
        known = await scene.of()
        scene.handler = scene.hold
        scene.was_asked.clear()
        scene.records[f"_mta-sts.{DOMAIN}"] = record("2")
        waiting = asyncio.create_task(scene.of())
        await scene.was_asked.wait()
        await scene.policies.close()
        assert await waiting == known._replace(trouble=STILL_FETCHED)
        assert await scene.of() == known
        assert await scene.of("b.test") == Known()
        assert len(scene.resolved) == 2

    play(act)
