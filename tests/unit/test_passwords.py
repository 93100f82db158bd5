"""Logins: how they are read, what a check costs, and what is remembered of it."""

import asyncio
import base64

import bcrypt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.web.access import passwords
from exporter.web.access.passwords import (
    MAX_WAITING_OF_ONE,
    BusyError,
    Login,
    Passwords,
    read_basic,
)

HASHES = {
    "cheap": bcrypt.hashpw(b"right", bcrypt.gensalt(4)).decode(),
    "dear": bcrypt.hashpw(b"right", bcrypt.gensalt(6)).decode(),
}


def header(login: bytes) -> str:
    """Write a header's value."""
    return f"Basic {base64.b64encode(login).decode()}"


@given(st.text().filter(lambda t: ":" not in t), st.binary())
def test_read(user: str, password: bytes) -> None:
    """Whatever name and password are written are read back."""
    assert read_basic([header(user.encode() + b":" + password)]) == Login(
        user, password
    )


@given(st.text())
def test_read_anything(text: str) -> None:
    """Any header is a login or none, and nothing else."""
    for value in (text, f"Basic {text}"):
        assert isinstance(read_basic([value]), Login | None)


@pytest.mark.parametrize(
    "values",
    [
        [],
        [header(b"a:b"), header(b"a:b")],
        [header(b"nocolon")],
        [header(b"\xff:b")],
        ["Basic YTpi!"],
        ["Basic YTp"],
        ["Basic"],
        ["Digest YTpi"],
    ],
)
def test_no_login(values: list[str]) -> None:
    """What is not one whole login is none."""
    assert read_basic(values) is None


def test_no_repr() -> None:
    """A login does not show its password."""
    assert "secret" not in repr(Login("a", b"secret"))


def rounds(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count the rounds of every comparison from now on."""
    counted: list[int] = []
    compare = bcrypt.checkpw

    def counting(password: bytes, hashed: bytes) -> bool:
        counted.append(2 ** int(hashed[4:6]))
        return compare(password, hashed)

    monkeypatch.setattr(bcrypt, "checkpw", counting)
    return counted


@pytest.mark.parametrize("user", ["cheap", "dear", "unknown"])
def test_a_wrong_password_costs_the_same(
    user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever it is for, it takes the rounds of the dearest hash."""

    async def story() -> None:
        checks = Passwords()
        counted = rounds(monkeypatch)
        assert not await checks.check(Login(user, b"wrong"), HASHES, "x")
        assert sum(counted) == 2**6
        assert not await checks.check(Login(user, b"wrong"), HASHES, "x")
        assert sum(counted) == 2**6  # remembered
        checks.close()

    asyncio.run(story())


def test_a_right_password_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is computed once, until its hash is another; wrong ones do not push it out."""
    monkeypatch.setattr(passwords, "MAX_WRONG", 2)

    async def story() -> None:
        checks = Passwords()
        counted = rounds(monkeypatch)
        good = Login("cheap", b"right")
        assert await checks.check(good, HASHES, "x")
        for number in range(5):
            wrong = Login("cheap", b"%d" % number)
            assert not await checks.check(wrong, HASHES, "x")
        before = len(counted)
        assert await checks.check(good, HASHES, "x")
        assert len(counted) == before
        assert len(checks._wrong) == 2
        assert not await checks.check(good, {"dear": HASHES["dear"]}, "x")
        checks.close()

    asyncio.run(story())


def test_a_password_that_bcrypt_would_cut_off() -> None:
    """72 octets are the most; one more is wrong even where the first 72 are right."""
    users = {"a": bcrypt.hashpw(b"x" * 72, bcrypt.gensalt(4)).decode()}

    async def story() -> None:
        checks = Passwords()
        assert await checks.check(Login("a", b"x" * 72), users, "x")
        assert not await checks.check(Login("a", b"x" * 73), users, "x")
        assert not await checks.check(Login("a", b"x\0y"), users, "x")
        checks.close()

    asyncio.run(story())


def test_an_unknown_user_with_the_password_of_nobody() -> None:
    """A name that is not there is not let in, whatever its password."""

    async def story() -> None:
        checks = Passwords()
        for password in (b"", b"right", b"0123456789012345678901234567890"):
            assert not await checks.check(Login("?", password), HASHES, "x")
        checks.close()

    asyncio.run(story())


@pytest.mark.parametrize(
    ("flood", "one_more", "other"),
    [
        ("192.0.2.1", "192.0.2.1", "192.0.2.2"),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.1", "::ffff:192.0.2.99"),
        ("2001:db8::{}", "2001:DB8::ffff:0:0:1", "2001:db8:0:1::1"),
        ("fe80::{}%lo", "fe80::9", "2001:db8::1"),
        ("", "", "192.0.2.1"),
    ],
)
def test_a_full_queue(flood: str, one_more: str, other: str) -> None:
    """One client has some places in it, another still gets in, and all end."""

    async def story() -> None:
        checks = Passwords()
        waiting = [
            asyncio.create_task(
                checks.check(Login("dear", b"%d" % n), HASHES, flood.format(n))
            )
            for n in range(MAX_WAITING_OF_ONE)
        ]
        await asyncio.sleep(0)
        with pytest.raises(BusyError):
            await checks.check(Login("dear", b"more"), HASHES, one_more)
        assert await checks.check(Login("dear", b"right"), HASHES, other)
        assert not any(await asyncio.gather(*waiting))
        await asyncio.sleep(0)
        assert not checks._pending
        assert not checks._waiting_of
        checks.close()

    asyncio.run(story())


def test_the_same_login_twice_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is computed once for both."""

    async def story() -> None:
        checks = Passwords()
        counted = rounds(monkeypatch)
        login = Login("dear", b"right")
        both = (checks.check(login, HASHES, "x"), checks.check(login, HASHES, "x"))
        assert all(await asyncio.gather(*both))
        assert len(counted) == 1
        checks.close()

    asyncio.run(story())
