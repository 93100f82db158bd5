"""Which hosts take a domain's mail, judged from its MX records (RFC 5321 section 5.1).

Pure: whoever asked the DNS hands over what it said. That the lookup itself failed, for
now or for good, is not judged here; a failed lookup is never "no MX".
"""

import re
from collections.abc import Collection, Iterable
from typing import NamedTuple

from exporter.smtp.exchange import Interrupted
from exporter.vocabulary import Quirk, Reason

# The largest of the large providers have some twenty; each becomes a target.
MAX_EXCHANGERS = 64
MAX_HOST = 253  # RFC 1035 section 2.3.4, without the final dot
ROOT = ""
# RFC 1123 section 2.1, and the underscore, which the DNS carries and operators use.
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
# A name whose last label is digits is an address in the wrong place.
_HOST = re.compile(rf"(?:{_LABEL}\.)*(?![0-9]+\Z){_LABEL}")


class MailHost(NamedTuple):
    """One exchanger of a domain: its name in lower case, without a final dot."""

    name: str
    preference: int  # the lowest is tried first
    quirks: frozenset[Quirk] = frozenset()


class MailExchangers(NamedTuple):
    """The exchangers of a domain, by preference and name; there is always one."""

    hosts: tuple[MailHost, ...]

    def with_aliases(self, names: Collection[str]) -> "MailExchangers":
        """Note of these hosts that they are aliases, which RFC 5321 leaves open."""
        return MailExchangers(
            tuple(
                host._replace(quirks=host.quirks | {Quirk.MX_CNAME})
                if host.name in names
                else host
                for host in self.hosts
            )
        )


def implicit(domain: str) -> MailExchangers:
    """Give the exchangers of a domain that exists without MX records: itself."""
    return MailExchangers((MailHost(normal(domain), 0),))


def exchangers(records: Iterable[tuple[int, str]]) -> MailExchangers:
    """Judge the MX records of a domain, one at least: preferences and hosts.

    A host that is no host name is left out, and so is one beyond MAX_EXCHANGERS. Raises
    Interrupted: null_mx (RFC 7505), or nodata when no host is left, since a domain that
    has MX records has no other way in.
    """
    best: dict[str, int] = {}
    for preference, name in records:
        host = normal(name)
        best[host] = min(preference, best.get(host, preference))
    mixed = best.pop(ROOT, None) is not None
    if mixed and not best:
        raise Interrupted(Reason.NULL_MX)
    quirks = frozenset({Quirk.NULL_MX_MIXED} if mixed else ())
    hosts = sorted(
        (MailHost(name, preference, quirks) for name, preference in best.items()),
        key=lambda host: (host.preference, host.name),
    )
    possible = tuple(host for host in hosts if is_host(host.name))
    if not possible:
        raise Interrupted(Reason.NODATA)
    return MailExchangers(possible[:MAX_EXCHANGERS])


def normal(name: str) -> str:
    """Spell a name of the DNS in the one way in which names are compared."""
    return name.removesuffix(".").lower()


def is_host(name: str) -> bool:
    """Whether a name in its normal spelling can be a host's."""
    return len(name) <= MAX_HOST and _HOST.fullmatch(name) is not None
