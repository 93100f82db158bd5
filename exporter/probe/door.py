"""The one door for foreign errors: those of OS, TLS and DNS become a Reason here.

What one of them means to a probe stands in these tables and nowhere else. The cause is
kept on the Interrupted that leaves the door.
"""

import errno
from types import TracebackType

import aiodns.error as dns
from dns.exception import DNSException
from OpenSSL import SSL
from pycares import AresError

from exporter.smtp.exchange import Interrupted
from exporter.vocabulary import Reason

_UNREACHABLE = (
    *(errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN),
    # ICMP "protocol unreachable" and "host isolated" (Linux net/ipv4/icmp.c).
    *(errno.ENOPROTOOPT, getattr(errno, "ENONET", errno.EHOSTUNREACH)),
)
_OPENING = {
    **dict.fromkeys(_UNREACHABLE, Reason.UNREACHABLE),
    errno.ECONNREFUSED: Reason.REFUSED,
    errno.ENOENT: Reason.REFUSED,  # no Unix socket of this name: nobody listens
    errno.ETIMEDOUT: Reason.TIMEOUT,
}
# What comes back from the network instead of a SYN-ACK; before a SYN is sent, EACCES is
# this machine's own rule.
_CONNECTING = _OPENING | {errno.EACCES: Reason.UNREACHABLE}
_TALKING = {
    errno.ECONNRESET: Reason.RESET,
    errno.EPIPE: Reason.RESET,
    # The kernel gave up waiting for the peer; it tells the last that a router said.
    **dict.fromkeys(_UNREACHABLE, Reason.TIMEOUT),
    errno.ETIMEDOUT: Reason.TIMEOUT,
    errno.EACCES: Reason.TIMEOUT,
    errno.ECONNREFUSED: Reason.TIMEOUT,
}
_RESOLVING = {
    dns.ARES_ENOTFOUND: Reason.NXDOMAIN,
    dns.ARES_ENODATA: Reason.NODATA,
    dns.ARES_ETIMEOUT: Reason.TIMEOUT,
    dns.ARES_ENOMEM: Reason.LOCAL_ERROR,
    dns.ARES_EFILE: Reason.LOCAL_ERROR,
}
# Where we ask by ourselves: what is wrong with the resolver is SERVFAIL, and with this
# machine are these.
_ASKING = dict.fromkeys(
    (
        *(errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM),
        *(errno.EACCES, errno.EPERM, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT),
    ),
    Reason.LOCAL_ERROR,
)


# To have to wait, and the end of what TLS carries.
_NO_FAILURE = (BlockingIOError, SSL.WantReadError, SSL.ZeroReturnError)


class Door:
    """A context in which one kind of foreign error turns into Interrupted."""

    def __init__(
        self,
        error: type[Exception] | tuple[type[Exception], ...],
        reasons: dict[int, Reason],
        otherwise: Reason,
    ) -> None:
        """Map `error` by its first argument; what the table lacks is `otherwise`."""
        self._error = error
        self._reasons = reasons
        self._otherwise = otherwise

    def __enter__(self) -> None:
        """Open the door; nothing is held."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Raise Interrupted with the error's reason; having to wait is no failure."""
        interrupted = self.named(error)
        if interrupted:
            raise interrupted from error

    def named(self, error: BaseException | None) -> Interrupted | None:
        """Give what an error leaves as; None for what does not go through this door."""
        if not isinstance(error, self._error) or isinstance(error, _NO_FAILURE):
            return None
        reason = self._reasons.get(_number(error), self._otherwise)
        return Interrupted(reason, detail=_in_words(error))


def _number(error: Exception) -> int:
    """Give the number that an error begins with; OpenSSL's begin with a list."""
    first = error.args[0] if error.args else 0
    return first if isinstance(first, int) else 0


def _in_words(error: Exception) -> str:
    """Say what OpenSSL said last; the other errors say no more than their reason."""
    queue = error.args[0] if isinstance(error, SSL.Error) and error.args else ()
    return str(queue[-1][-1]) if isinstance(queue, list) and queue else ""


opening = Door(OSError, _OPENING, Reason.LOCAL_ERROR)
connecting = Door(OSError, _CONNECTING, Reason.LOCAL_ERROR)
talking = Door(OSError, _TALKING, Reason.INTERNAL_ERROR)
shaking = Door(SSL.Error, {}, Reason.HANDSHAKE)
decrypting = Door(SSL.Error, {}, Reason.PROTOCOL_ERROR)
resolving = Door(dns.DNSError, _RESOLVING, Reason.SERVFAIL)
starting = Door(AresError, {}, Reason.LOCAL_ERROR)
asking = Door((DNSException, OSError), _ASKING, Reason.SERVFAIL)
