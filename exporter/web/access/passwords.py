"""Basic authentication: a header -> a login, and whether its password is right.

Holds the one thread that computes bcrypt, and what it found, under keys that tell
nothing. A name that nobody has costs what the dearest name costs. Nothing here has a
repr or a message with a password or a hash in it.
"""

import asyncio
import base64
import binascii
import os
from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from hashlib import blake2b
from ipaddress import IPv4Address, ip_address, ip_network

import bcrypt

# What bcrypt looks at; its library refuses more, where older ones cut it off.
MAX_PASSWORD_OCTETS = 72
# Right logins remembered: one for each user, and more users than a file should have.
MAX_RIGHT = 1000
# Wrong ones, so that a scraper with an old password costs one check and not one a
# minute; apart from the right ones, which no flood can push out.
MAX_WRONG = 1000
# Checks that wait for the thread: at cost 10 some two seconds of it.
MAX_WAITING = 32
# Of these from one client, so that a flood from one leaves room for the others.
MAX_WAITING_OF_ONE = 4

_SCHEME = "basic"
_OF_ONE_CLIENT = 64  # bits of an IPv6 address
_DUMMY_TAIL = "." * 22 + "0123456789012345678901234567890"


class BusyError(Exception):
    """More passwords wait to be checked than can be soon."""


@dataclass(frozen=True, slots=True)
class Login:
    """What a client says who it is."""

    user: str
    password: bytes = field(repr=False)


def read_basic(headers: Sequence[str]) -> Login | None:
    """Read the values of `Authorization`; None for anything but one whole login.

    RFC 7617: `Basic`, in any case, and Base64 of `user:password` in UTF-8.
    """
    if len(headers) != 1:
        return None
    scheme, _, rest = headers[0].partition(" ")
    if scheme.lower() != _SCHEME:
        return None
    try:
        octets = base64.b64decode(rest.strip(" ").encode("ascii"), validate=True)
        name, colon, password = octets.partition(b":")
        user = name.decode("utf-8")
    except (binascii.Error, ValueError):
        return None
    return Login(user, password) if colon else None


class Passwords:
    """Checks passwords, one at a time, and remembers what it found."""

    def __init__(self) -> None:
        """Start no thread before there is a password to check."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="bcrypt")
        self._key = os.urandom(32)
        self._right: OrderedDict[bytes, None] = OrderedDict()
        self._wrong: OrderedDict[bytes, None] = OrderedDict()
        self._pending: dict[bytes, asyncio.Future[bool]] = {}
        self._waiting_of: Counter[str] = Counter()

    async def check(self, login: Login, users: Mapping[str, str], peer: str) -> bool:
        """Say whether a login is right; `peer` is the address that it came from.

        All addresses of an IPv6 /64 are one client's (RFC 6177 2: a site has as many).

        Raises BusyError.
        """
        if len(login.password) > MAX_PASSWORD_OCTETS:
            return False
        top = max(map(_cost, users.values()), default=0)
        known = users.get(login.user)
        hashed = known or _dummy(top)
        name = self._name(login, hashed)
        if name in self._right:
            self._right.move_to_end(name)
            return known is not None
        if name in self._wrong:
            self._wrong.move_to_end(name)
            return False
        if name not in self._pending:
            self._begin(name, _client(peer), login.password, hashed, top)
        right = await asyncio.shield(self._pending[name])
        return right and known is not None

    def close(self) -> None:
        """Check no further password."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _begin(
        self, name: bytes, client: str, password: bytes, hashed: str, top: int
    ) -> None:
        if (
            len(self._pending) >= MAX_WAITING
            or self._waiting_of[client] >= MAX_WAITING_OF_ONE
        ):
            raise BusyError
        loop = asyncio.get_running_loop()
        checking = loop.run_in_executor(self._thread, _compare, password, hashed, top)
        self._pending[name] = checking
        self._waiting_of[client] += 1
        checking.add_done_callback(partial(self._settle, name, client))

    def _settle(
        self, name: bytes, client: str, checked: "asyncio.Future[bool]"
    ) -> None:
        del self._pending[name]
        self._waiting_of[client] -= 1
        if not self._waiting_of[client]:
            del self._waiting_of[client]
        if checked.cancelled() or checked.exception():
            return
        kept, most = (
            (self._right, MAX_RIGHT) if checked.result() else (self._wrong, MAX_WRONG)
        )
        kept[name] = None
        if len(kept) > most:
            kept.popitem(last=False)

    def _name(self, login: Login, hashed: str) -> bytes:
        digest = blake2b(key=self._key, digest_size=32)
        for part in (login.user.encode(), hashed.encode(), login.password):
            digest.update(len(part).to_bytes(4, "big") + part)
        return digest.digest()


def _client(peer: str) -> str:
    """Give whose address this is: an IPv6 network, or the address itself."""
    try:
        address = ip_address(peer)
    except ValueError:  # no address at all: a socket of the file system
        return peer
    if isinstance(address, IPv4Address) or address.ipv4_mapped:
        return peer
    return str(ip_network((int(address), _OF_ONE_CLIENT), strict=False))


def _compare(password: bytes, hashed: str, top: int) -> bool:
    """Compare, and let a wrong password cost what the dearest hash costs.

    A hash of cost c takes 2^c rounds; one more of each cost up to the highest, which is
    not among them, makes it 2^top.
    """
    right = _check(password, hashed)
    for cost in range(_cost(hashed), top if not right else 0):
        _check(password, _dummy(cost))
    return right


def _check(password: bytes, hashed: str) -> bool:
    try:
        return bcrypt.checkpw(password, hashed.encode())
    except ValueError:  # a password with a NUL, by some of its versions
        return False


def _cost(hashed: str) -> int:
    return int(hashed[4:6])


def _dummy(cost: int) -> str:
    """Give a hash of no password that anybody knows."""
    return f"$2b${cost:02}${_DUMMY_TAIL}"
