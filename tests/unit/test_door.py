"""The one door for foreign errors: which error leaves by which reason."""

import errno
import os
import socket

import aiodns.error as dns
import pytest
from dns.exception import DNSException, FormError

from exporter.probe.door import Door, asking, connecting, opening, resolving, talking
from exporter.smtp.exchange import Interrupted
from exporter.vocabulary import Phase, Reason

OPENING = {
    "ECONNREFUSED": Reason.REFUSED,
    "ETIMEDOUT": Reason.TIMEOUT,
    "ENETUNREACH": Reason.UNREACHABLE,
    "EHOSTUNREACH": Reason.UNREACHABLE,
    "ENETDOWN": Reason.UNREACHABLE,
    "EHOSTDOWN": Reason.UNREACHABLE,
    "ENOPROTOOPT": Reason.UNREACHABLE,
    "EMFILE": Reason.LOCAL_ERROR,
    "ENFILE": Reason.LOCAL_ERROR,
    "ENOBUFS": Reason.LOCAL_ERROR,
    "ENOMEM": Reason.LOCAL_ERROR,
    "EADDRNOTAVAIL": Reason.LOCAL_ERROR,
    "EADDRINUSE": Reason.LOCAL_ERROR,
    "EACCES": Reason.LOCAL_ERROR,
    "EPERM": Reason.LOCAL_ERROR,
    "ENODEV": Reason.LOCAL_ERROR,
    "EINVAL": Reason.LOCAL_ERROR,
    "EAFNOSUPPORT": Reason.LOCAL_ERROR,
}

CONNECTING = OPENING | {"EACCES": Reason.UNREACHABLE}

TALKING = {
    "ECONNRESET": Reason.RESET,
    "EPIPE": Reason.RESET,
    "ETIMEDOUT": Reason.TIMEOUT,
    "EHOSTUNREACH": Reason.TIMEOUT,
    "ENETUNREACH": Reason.TIMEOUT,
    "EBADF": Reason.INTERNAL_ERROR,
    "ENOTCONN": Reason.INTERNAL_ERROR,
    "EINVAL": Reason.INTERNAL_ERROR,
}

RESOLVING = {
    "ARES_ENOTFOUND": Reason.NXDOMAIN,
    "ARES_ENODATA": Reason.NODATA,
    "ARES_ESERVFAIL": Reason.SERVFAIL,
    "ARES_EREFUSED": Reason.SERVFAIL,
    "ARES_EFORMERR": Reason.SERVFAIL,
    "ARES_ENOTIMP": Reason.SERVFAIL,
    "ARES_EBADRESP": Reason.SERVFAIL,
    "ARES_ECONNREFUSED": Reason.SERVFAIL,
    "ARES_ETIMEOUT": Reason.TIMEOUT,
    "ARES_ENOMEM": Reason.LOCAL_ERROR,
    "ARES_EFILE": Reason.LOCAL_ERROR,
}

ASKING = {
    "EMFILE": Reason.LOCAL_ERROR,
    "ENFILE": Reason.LOCAL_ERROR,
    "ENOBUFS": Reason.LOCAL_ERROR,
    "ENOMEM": Reason.LOCAL_ERROR,
    "EACCES": Reason.LOCAL_ERROR,
    "EPERM": Reason.LOCAL_ERROR,
    "EADDRNOTAVAIL": Reason.LOCAL_ERROR,
    "EAFNOSUPPORT": Reason.LOCAL_ERROR,
    "ECONNREFUSED": Reason.SERVFAIL,
    "ECONNRESET": Reason.SERVFAIL,
    "EHOSTUNREACH": Reason.SERVFAIL,
    "ENETUNREACH": Reason.SERVFAIL,
}

NO_SENSE = FormError()  # type: ignore[no-untyped-call]  # dnspython has no types there
NO_SENSE_IN_WORDS = DNSException("no sense")  # type: ignore[no-untyped-call]  # as above


def let_through(door: Door, error: BaseException) -> BaseException:
    """Raise an error inside the door, and catch what comes out of it."""

    def fail() -> None:
        raise error

    with pytest.raises(BaseException) as caught, door:  # noqa: PT011 -- whatever it is
        fail()
    return caught.value


def reason_of(door: Door, error: BaseException) -> Reason:
    """Give the reason that an error leaves by, having held its cause to be kept."""
    out = let_through(door, error)
    assert isinstance(out, Interrupted)
    assert out.__cause__ is error
    return out.reason


@pytest.mark.parametrize(("name", "reason"), OPENING.items())
def test_opening(name: str, reason: Reason) -> None:
    """An error of socket() and connect() has the reason of its number."""
    number = getattr(errno, name)

    assert reason_of(opening, OSError(number, os.strerror(number))) is reason
    assert Phase.CONNECT in reason.phases


@pytest.mark.parametrize(("name", "reason"), CONNECTING.items())
def test_connecting(name: str, reason: Reason) -> None:
    """What comes back instead of a connection is the same, but for a router's no."""
    number = getattr(errno, name)

    assert reason_of(connecting, OSError(number, os.strerror(number))) is reason


@pytest.mark.parametrize(("name", "reason"), TALKING.items())
def test_talking(name: str, reason: Reason) -> None:
    """An error of a connected socket has the reason of its number."""
    number = getattr(errno, name)

    assert reason_of(talking, OSError(number, os.strerror(number))) is reason
    assert {Phase.GREETING, Phase.EHLO, Phase.QUIT} <= {*reason.phases}


@pytest.mark.parametrize(("name", "reason"), RESOLVING.items())
def test_resolving(name: str, reason: Reason) -> None:
    """An error of a lookup has the reason of its number."""
    error = dns.DNSError(getattr(dns, name), "as c-ares puts it")

    assert reason_of(resolving, error) is reason
    assert Phase.DNS in reason.phases


@pytest.mark.parametrize(("name", "reason"), ASKING.items())
def test_asking(name: str, reason: Reason) -> None:
    """An error of a socket that asks a resolver has the reason of its number."""
    number = getattr(errno, name)

    assert reason_of(asking, OSError(number, os.strerror(number))) is reason
    assert Phase.DNS in reason.phases


@pytest.mark.parametrize(
    ("door", "error", "reason"),
    [
        (opening, OSError(99_999, "unheard of"), Reason.LOCAL_ERROR),
        (opening, OSError(), Reason.LOCAL_ERROR),
        (opening, OSError("in words only"), Reason.LOCAL_ERROR),
        (opening, socket.gaierror(socket.EAI_NONAME, "no name"), Reason.LOCAL_ERROR),
        (connecting, OSError(99_999, "unheard of"), Reason.LOCAL_ERROR),
        (talking, OSError(99_999, "unheard of"), Reason.INTERNAL_ERROR),
        (talking, OSError(), Reason.INTERNAL_ERROR),
        (resolving, dns.DNSError(99_999, "unheard of"), Reason.SERVFAIL),
        (resolving, dns.DNSError(), Reason.SERVFAIL),
        (asking, OSError(99_999, "unheard of"), Reason.SERVFAIL),
        (asking, OSError(), Reason.SERVFAIL),
        (asking, NO_SENSE, Reason.SERVFAIL),
        (asking, NO_SENSE_IN_WORDS, Reason.SERVFAIL),
    ],
)
def test_unknown(door: Door, error: Exception, reason: Reason) -> None:
    """An error that the table lacks leaves by the reason of its door."""
    assert reason_of(door, error) is reason


@pytest.mark.parametrize("door", [opening, connecting, talking, resolving, asking])
@pytest.mark.parametrize(
    "error",
    [
        KeyError("a bug of ours"),
        BlockingIOError(errno.EAGAIN, "not yet"),
        BlockingIOError(errno.EINPROGRESS, "under way"),
        Interrupted(Reason.TIMEOUT),
        KeyboardInterrupt(),
        GeneratorExit(),
    ],
)
def test_others_pass(door: Door, error: BaseException) -> None:
    """What is no foreign failure passes as it is."""
    assert let_through(door, error) is error


@pytest.mark.parametrize(
    ("door", "error"),
    [
        (opening, dns.DNSError(dns.ARES_ENOTFOUND, "no such name")),
        (connecting, dns.DNSError(dns.ARES_ENOTFOUND, "no such name")),
        (talking, dns.DNSError(dns.ARES_ENOTFOUND, "no such name")),
        (resolving, OSError(errno.ECONNREFUSED, "refused")),
        (resolving, NO_SENSE),
        (talking, NO_SENSE),
        (asking, dns.DNSError(dns.ARES_ENOTFOUND, "no such name")),
    ],
)
def test_other_doors(door: Door, error: Exception) -> None:
    """A door turns its own kind of error and no other."""
    assert let_through(door, error) is error


def test_nothing_happens() -> None:
    """Where nothing is raised, nothing is changed."""
    with opening, connecting, talking, resolving, asking:
        passed = True

    assert passed
