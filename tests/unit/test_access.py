"""The web config as it is now, a client's names, and the rate limit's bucket."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import structlog
import trustme

from exporter.access import ClientAuth, RateLimit, TlsServer, WebConfig
from exporter.web.access import bucket, current
from exporter.web.access.current import Access
from exporter.web.access.tls import TlsRefused, allowed, server_context

CA = trustme.CA()


def tls() -> TlsServer:
    """Issue a pair."""
    issued = CA.issue_cert("localhost")
    return TlsServer(
        chain=issued.cert_chain_pems[0].bytes(), key=issued.private_key_pem.bytes()
    )


TLS = tls()
AUTHORITY = CA.cert_pem.bytes()


class File:
    """A web config whose content a test sets."""

    def __init__(self, path: Path) -> None:
        """Begin with nobody."""
        self.path = path
        self.number = 0
        self.says(WebConfig())

    def says(self, what: WebConfig | str) -> None:
        """Change what is written; text is a complaint."""
        self.number += 1
        self.path.write_text("x" * self.number)
        self._what = what

    def read(self) -> WebConfig:
        """Read it."""
        if isinstance(self._what, str):
            raise ValueError(self._what)  # noqa: TRY004 -- what a refusal is here
        return WebConfig(tls=self._what.tls, users=self._what.users, files=(self.path,))


@pytest.fixture
def file(tmp_path: Path) -> File:
    """Give a file of its own."""
    return File(tmp_path / "web.yml")


def test_a_change_counts_at_once(file: File) -> None:
    """What the file says now is what counts, and it is read when it has changed."""
    access = Access(file.read(), file.read, ValueError)
    assert access.config.users == {}
    file.says(WebConfig(users={"a": "b"}))
    assert access.config.users == {"a": "b"}


def test_a_bad_change_keeps_the_old(
    file: File, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told once, tried again later, and over when the file is good again."""
    times = [0.0]
    monkeypatch.setattr(current, "monotonic", lambda: times[0])
    file.says(WebConfig(users={"a": "b"}))
    access = Access(file.read(), file.read, ValueError)
    with structlog.testing.capture_logs() as logged:
        file.says("line 1 is bad")
        for _ in range(3):
            assert access.config.users == {"a": "b"}
            times[0] += 60.0
    assert [line["error"] for line in logged] == ["line 1 is bad"]
    file.says(WebConfig(users={"c": "d"}))
    assert access.config.users == {"c": "d"}


def test_tls_is_not_switched(file: File) -> None:
    """TLS that is taken out of the file stays, until a restart."""
    file.says(WebConfig(tls=tls()))
    access = Access(file.read(), file.read, ValueError)
    first = access.context
    file.says(WebConfig())
    assert access.context is first
    assert access.config.tls
    file.says(WebConfig(tls=tls()))
    assert access.context is not first


LOCKS = {
    "basic_auth_users": WebConfig(users={"a": "b"}),
    "client_auth_type": WebConfig(
        tls=replace(TLS, client_auth=ClientAuth.REQUIRED, client_ca=AUTHORITY)
    ),
    "client_allowed_sans": WebConfig(tls=replace(TLS, client_allowed_sans=("a",))),
}


@pytest.mark.parametrize("key", LOCKS)
def test_no_lock_is_taken_off(key: str, file: File, tmp_path: Path) -> None:
    """A file that is empty, cut off or gone opens no door that was locked."""
    locked = LOCKS[key]
    file.says(locked)
    access = Access(file.read(), file.read, ValueError)
    with structlog.testing.capture_logs() as logged:
        file.says(WebConfig(tls=locked.tls and TLS))
        assert (access.config.users, access.config.tls) == (locked.users, locked.tls)
        (tmp_path / "web.yml").unlink()
        assert (access.config.users, access.config.tls) == (locked.users, locked.tls)
    assert [line["error"] for line in logged] == [
        f"`{key}` cannot be taken out while running; restart for that"
    ]
    file.says(replace(locked, headers={"X-Frame-Options": "deny"}))
    assert (access.config.users, access.config.tls) == (locked.users, locked.tls)


def test_no_web_config() -> None:
    """Without a web config it is anybody, in the clear, and no file is looked at."""
    access = Access()

    assert (access.context, access.config) == (None, WebConfig())


def test_a_pair_that_is_none() -> None:
    """What OpenSSL does not take is one sentence without an octet of the key."""
    one, other = tls(), tls()
    with pytest.raises(TlsRefused, match="OpenSSL does not take") as raised:
        server_context(TlsServer(chain=one.chain, key=other.key))

    assert "BEGIN" not in str(raised.value)


@pytest.mark.parametrize(
    ("sans", "welcome"),
    [
        ((), True),
        (("a.test",), True),
        (("x", "a.test"), True),
        (("A.test",), False),
        (("*.test",), False),
        (("ops@a.test",), True),
        (("2001:db8::1",), True),
        (("192.0.2.1",), True),
        (("192.0.2.2",), False),
        (("spiffe://a/b",), True),
        (("not a name",), False),
    ],
)
def test_names(sans: tuple[str, ...], welcome: bool) -> None:
    """A name is allowed when it is the certificate's exactly, of whatever kind."""
    certificate = {
        "subjectAltName": (
            ("DNS", "a.test"),
            ("email", "ops@a.test"),
            ("IP Address", "2001:DB8:0:0:0:0:0:1"),
            ("IP Address", "192.0.2.1"),
            ("URI", "spiffe://a/b"),
            ("othername", "not a name"),
        )
    }

    assert allowed(certificate, sans) is welcome
    assert allowed(None, sans) is (not sans)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Give what sets the bucket's clock."""
    now = [0.0]
    monkeypatch.setattr(bucket, "monotonic", lambda: now[0])
    return lambda seconds: now.__setitem__(0, seconds)


def test_bucket(clock: Callable[[float], None]) -> None:
    """A burst passes at once, then one an interval; a change begins anew."""
    taps = bucket.Bucket()
    limit = RateLimit(interval=2.0, burst=3)
    assert [taps.allows(limit) for _ in range(4)] == [True, True, True, False]
    clock(1.9)
    assert not taps.allows(limit)
    clock(2.0)
    assert taps.allows(limit)
    clock(1000.0)
    assert [taps.allows(limit) for _ in range(4)] == [True, True, True, False]
    assert taps.allows(RateLimit(interval=2.0, burst=4))
    assert taps.allows(None)
