"""Who is let in, over real sockets: passwords, TLS, certificates, a rate limit."""

import asyncio
import base64
import ssl
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import bcrypt
import pytest
import trustme

from exporter.web.access import passwords
from exporter.web.access.passwords import MAX_WAITING_OF_ONE
from tests.wire.doors import BODY, Place, ask, door

InLoop = Callable[[Coroutine[Any, Any, None]], None]

# How a client finds out depends on when it looks.
REFUSED = (ConnectionError, ssl.SSLError)
PATHS = ["/", "/metrics", "/config", "/-/healthy", "/-/ready", "/nothing", "//"]
PATIENCE = 10.0
# The least that bcrypt takes: how long a check lasts is not what is tested.
HASH = bcrypt.hashpw(b"right", bcrypt.gensalt(4)).decode()
USERS = f"basic_auth_users:\n  alice: {HASH}\n"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Give a folder of its own."""
    return Place(tmp_path)


def basic(user: str, password: str) -> str:
    """Write the header of a login."""
    encoded = base64.b64encode(f"{user}:{password}".encode()).decode()
    return f"Authorization: Basic {encoded}"


# --- passwords


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS", "DELETE"])
def test_every_endpoint_asks(
    path: str, method: str, place: Place, in_loop: InLoop
) -> None:
    """Without a login everything is 401 with a challenge, also what is not there."""
    place.write(USERS)

    async def story() -> None:
        async with door(place.config) as (address, _):
            expects = "Expect: 100-continue"
            status, fields, body = await ask(address, path, expects, method=method)

        assert status == 401
        assert fields["www-authenticate"].startswith('Basic realm="')
        assert BODY not in body

    in_loop(story())


@pytest.mark.parametrize(
    ("login", "status"),
    [
        (basic("alice", "right"), 200),
        (basic("alice", "right").replace("Basic", "bAsIc"), 200),
        (basic("alice", "wrong"), 401),
        (basic("alice", ""), 401),
        (basic("bob", "right"), 401),
        (basic("", "right"), 401),
        (basic("Alice", "right"), 401),
        (basic("alice", "right" + "x" * 68), 401),
        (basic("alice", "x" * 5000), 401),
        (basic("alice", "ri\0ght"), 401),
        ("Authorization: Basic", 401),
        ("Authorization: Basic ====", 401),
        ("Authorization: Basic YWxpY2U=", 401),
        ("Authorization: Bearer right", 401),
        (basic("alice", "right") + "\r\n" + basic("alice", "right"), 401),
    ],
)
def test_login(login: str, status: int, place: Place, in_loop: InLoop) -> None:
    """The right password of a user lets in, whole, and nothing else does."""
    place.write(USERS)

    async def story() -> None:
        async with door(place.config) as (address, _):
            assert (await ask(address, "/metrics", login))[0] in {status, 400 - status}
            assert (await ask(address, "/metrics", login))[0] == status

    in_loop(story())


def test_a_user_is_taken_away_while_running(place: Place, in_loop: InLoop) -> None:
    """Who is taken out of the file is not let in by the next request."""
    place.write(USERS)

    async def story() -> None:
        async with door(place.config) as (address, _):
            login = basic("alice", "right")
            assert (await ask(address, "/metrics", login))[0] == 200
            place.write(USERS.replace("alice", "somebody"))
            assert (await ask(address, "/metrics", login))[0] == 401
            place.write("basic_auth_users: [")  # what cannot be read changes nothing
            other = basic("somebody", "right")
            assert (await ask(address, "/metrics", other))[0] == 200

    in_loop(story())


def test_an_emptied_file_lets_nobody_in(place: Place, in_loop: InLoop) -> None:
    """While the file is written anew, and is empty, a login is asked for as before."""
    place.write(USERS)

    async def story() -> None:
        async with door(place.config) as (address, _):
            place.write("")
            assert (await ask(address))[0] == 401
            place.config.unlink()
            assert (await ask(address))[0] == 401
            place.write(USERS)
            assert (await ask(address, "/metrics", basic("alice", "right")))[0] == 200

    in_loop(story())


def test_a_flood_of_wrong_passwords(
    place: Place, in_loop: InLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the thread is busy, who was let in before is let in without it."""
    place.write(USERS)
    released = threading.Event()

    def busy(*_: object) -> bool:
        released.wait(PATIENCE)
        return False

    async def story() -> None:
        async with door(place.config) as (address, _):
            good = basic("alice", "right")
            assert (await ask(address, "/metrics", good))[0] == 200
            monkeypatch.setattr(passwords, "_compare", busy)
            flood = [
                asyncio.create_task(ask(address, "/metrics", basic("alice", str(n))))
                for n in range(MAX_WAITING_OF_ONE * 3)
            ]
            done: set[asyncio.Task[Any]] = set()
            while len(done) < MAX_WAITING_OF_ONE * 2:
                done, _ = await asyncio.wait(
                    flood, return_when=asyncio.FIRST_COMPLETED, timeout=PATIENCE
                )
                await asyncio.sleep(0)
            assert {task.result()[0] for task in done} == {503}
            assert (await ask(address, "/metrics", good))[0] == 200
            assert len([task for task in flood if task.done()]) == len(done)
            released.set()
            assert {(await task)[0] for task in flood} == {401, 503}

    in_loop(story())


# --- what else a web config says


def test_headers(place: Place, in_loop: InLoop) -> None:
    """Headers of the web config are on every answer, a blank one on none."""
    place.write(
        "http_server_config:\n  headers:\n    X-Frame-Options: deny\n"
        "    Strict-Transport-Security: max-age=60\n    X-XSS-Protection: ''\n"
    )

    async def story() -> None:
        async with door(place.config) as (address, _):
            for path in ("/metrics", "/nothing"):
                _, fields, _ = await ask(address, path)
                assert fields["x-frame-options"] == "deny"
                assert fields["strict-transport-security"] == "max-age=60"
                assert "x-xss-protection" not in fields

    in_loop(story())


def test_rate_limit(place: Place, in_loop: InLoop) -> None:
    """Beyond the burst it is 429, with when to come again."""
    place.write("rate_limit: {interval: 1h, burst: 2}\n")

    async def story() -> None:
        async with door(place.config) as (address, _):
            answers = [await ask(address) for _ in range(3)]

        assert [status for status, _, _ in answers] == [200, 200, 429]
        assert answers[2][1]["retry-after"]

    in_loop(story())


# --- TLS


def test_tls(place: Place, in_loop: InLoop) -> None:
    """Pages come by TLS 1.2 or newer; in the clear there is nothing."""
    place.write_tls()

    async def story() -> None:
        async with door(place.config) as (address, _):
            assert (await ask(address, tls=place.trusting()))[2] == BODY
            with pytest.raises(REFUSED):
                await ask(address)

    in_loop(story())


@pytest.mark.parametrize(
    ("lines", "version", "cipher"),
    [
        (["max_version: TLS12"], "TLSv1.2", None),
        (["min_version: TLS13"], "TLSv1.3", None),
        (
            [
                "max_version: TLS12",
                "cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]",
            ],
            "TLSv1.2",
            "ECDHE-ECDSA-AES256-GCM-SHA384",
        ),
        (["curve_preferences: [CurveP384]"], "TLSv1.3", None),
        (["prefer_server_cipher_suites: false"], "TLSv1.3", None),
    ],
)
def test_what_is_spoken(
    lines: list[str],
    version: str,
    cipher: str | None,
    place: Place,
    in_loop: InLoop,
) -> None:
    """Versions, suites and the curve are those of the web config."""
    place.write_tls(*lines)

    async def story() -> None:
        async with door(place.config) as (address, _):
            _, writer = await asyncio.open_connection(
                address.host, address.port, ssl=place.trusting()
            )
            spoken = writer.get_extra_info("ssl_object")
            assert spoken.version() == version
            assert cipher in {None, spoken.cipher()[0]}
            writer.transport.abort()

    in_loop(story())


def test_a_renewed_certificate(place: Place, in_loop: InLoop) -> None:
    """The next connection sees a new pair; half of one changes nothing."""
    place.write_tls()
    key, certificate = place.folder / "server.key", place.folder / "server.crt"

    async def story() -> None:
        async with door(place.config) as (address, _):
            first = await _certificate(address, place)
            kept = key.read_bytes()
            place.renew()
            renewed, new_key = certificate.read_bytes(), key.read_bytes()
            key.write_bytes(kept)  # the old key beside the new certificate
            assert await _certificate(address, place) == first
            key.write_bytes(new_key)
            second = await _certificate(address, place)
            certificate.write_text("rubbish")
            assert await _certificate(address, place) == second

        assert second != first
        assert ssl.DER_cert_to_PEM_cert(second).strip() == renewed.decode().strip()

    in_loop(story())


async def _certificate(address: Any, place: Place) -> bytes:
    _, writer = await asyncio.open_connection(
        address.host, address.port, ssl=place.trusting()
    )
    found: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.transport.abort()
    return found


STRANGER = trustme.CA()


@pytest.mark.parametrize(
    ("auth", "client", "welcome"),
    [
        ("NoClientCert", None, True),
        ("VerifyClientCertIfGiven", None, True),
        ("VerifyClientCertIfGiven", "ours", True),
        ("VerifyClientCertIfGiven", "stranger", False),
        ("RequireAndVerifyClientCert", None, False),
        ("RequireAndVerifyClientCert", "ours", True),
        ("RequireAndVerifyClientCert", "stranger", False),
        ("RequireAndVerifyClientCert, names", "ours", True),
        ("RequireAndVerifyClientCert, names", "other", False),
    ],
)
def test_client_certificates(
    auth: str, client: str | None, welcome: bool, place: Place, in_loop: InLoop
) -> None:
    """A client is let in by its certificate as the kind of asking has it."""
    kind, _, names = auth.partition(", ")
    lines = [f"client_auth_type: {kind}"]
    if kind != "NoClientCert":
        lines.append("client_ca_file: ca.pem")
    if names:
        lines.append('client_allowed_sans: ["other.test", "prometheus.test"]')
    place.write_tls(*lines)
    context = place.trusting()
    if client:
        ca = STRANGER if client == "stranger" else place.authority
        name = "nobody.test" if client == "other" else "prometheus.test"
        ca.issue_cert(name).configure_cert(context)

    async def story() -> None:
        async with door(place.config) as (address, listeners):
            if welcome:
                assert (await ask(address, tls=context))[0] == 200
            else:
                with pytest.raises(REFUSED):
                    await ask(address, tls=context)
            await asyncio.sleep(0.05)
            assert listeners._connections is not None
            assert len(listeners._connections) == 0

    in_loop(story())
