"""A small name server of zones that it has signed itself, for a resolver to validate.

It knows one signed zone and one below it that is not signed; what is asked of other
names is refused. It answers over UDP, from a thread of its own: the resolver under test
waits for it while the test waits for the resolver.
"""

import socketserver
import threading
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import dns.dnssec
import dns.message
import dns.name
import dns.zone
import dns.zonefile
from cryptography.hazmat.primitives.asymmetric import ec
from dns.dnssectypes import Algorithm, DSDigest
from dns.flags import Flag
from dns.message import Message
from dns.name import Name
from dns.rcode import Rcode
from dns.rdatatype import RdataType
from dns.rdtypes.ANY.RRSIG import RRSIG
from dns.zone import Zone

HOST = "127.0.0.1"
SIGNED = dns.name.from_text("dane.test")
UNSIGNED = dns.name.from_text("plain.dane.test")
# More than any answer of such a zone, so that nobody has to come over TCP.
MAX_OCTETS = 4096

_SIGNATURE_SECONDS = 30 * 86400
_ZONE_KEY, _ENTRY_POINT = 256, 1  # flags of DNSKEY (RFC 4034 section 2.1.1)
_POLL_SECONDS = 0.02
_APEX = """\
$TTL 60
@ SOA ns hostmaster 1 3600 600 86400 60
@ NS ns
ns A 127.0.0.1
"""
_DELEGATION = f"{UNSIGNED} NS ns.{UNSIGNED}\n"


class Zones(NamedTuple):
    """What the name server knows, and the DS record that a validator begins with."""

    signed: Zone
    unsigned: Zone
    anchor: str

    def of(self, name: Name, kind: RdataType) -> Zone | None:
        """Find the zone that a question belongs to; DS is the parent's to tell."""
        for zone in (self.unsigned, self.signed):
            at_cut = kind == RdataType.DS and name == zone.origin
            if zone.origin and name.is_subdomain(zone.origin) and not at_cut:
                return zone
        return None


def make_zones(signed: str, unsigned: str = "", bogus: str = "") -> Zones:
    """Make zones of lines of zone files, with names relative to SIGNED and UNSIGNED.

    The `bogus` ones are under SIGNED too, with signatures that do not fit.
    """
    text = f"{_APEX}{_DELEGATION}{signed}\n{bogus}\n"
    zone = dns.zone.from_text(text, SIGNED, relativize=False)
    private = ec.generate_private_key(ec.SECP256R1())
    key = dns.dnssec.make_dnskey(
        private.public_key(), Algorithm.ECDSAP256SHA256, _ZONE_KEY | _ENTRY_POINT
    )
    dns.dnssec.sign_zone(zone, keys=[(private, key)], lifetime=_SIGNATURE_SECONDS)
    broken = dns.zonefile.read_rrsets(
        bogus, default_ttl=60, origin=SIGNED, relativize=False
    )
    for rrset in broken:
        _break(zone, rrset.name, rrset.rdtype)
    ds = dns.dnssec.make_ds(SIGNED, key, DSDigest.SHA256)
    plain = dns.zone.from_text(f"{_APEX}{unsigned}\n", UNSIGNED, relativize=False)
    return Zones(zone, plain, f"{SIGNED} DS {ds}")


def _break(zone: Zone, name: Name, kind: RdataType) -> None:
    """Change an octet of the signature of one set of records."""
    with zone.writer() as writer:
        signatures = writer.get(name, RdataType.RRSIG, kind)
        assert signatures
        (signature,) = signatures
        assert isinstance(signature, RRSIG)
        first, *rest = signature.signature
        other = signature.replace(signature=bytes([first ^ 1, *rest]))
        writer.replace(name, signatures.ttl, other)


@contextmanager
def serving(zones: Zones) -> Iterator[int]:
    """Run the name server; gives its port."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            octets, sock = self.request
            answer = _answer(zones, dns.message.from_wire(octets))
            sock.sendto(answer.to_wire(max_size=MAX_OCTETS), self.client_address)

    with socketserver.UDPServer((HOST, 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(_POLL_SECONDS,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def _answer(zones: Zones, query: Message) -> Message:
    """Answer with what there is, or with the proof that there is nothing."""
    answer = dns.message.make_response(query)
    asked = query.question[0]
    zone = zones.of(asked.name, asked.rdtype)
    if zone is None:
        answer.set_rcode(Rcode.REFUSED)
        return answer
    answer.flags |= Flag.AA
    for kind in (asked.rdtype, RdataType.CNAME):
        if zone.get_rdataset(asked.name, kind):
            answer.answer += _signed(zone, asked.name, kind)
            return answer
    assert zone.origin
    answer.authority += _signed(zone, zone.origin, RdataType.SOA)
    denied = [asked.name]
    if not any(name.is_subdomain(asked.name) for name in zone):
        answer.set_rcode(Rcode.NXDOMAIN)
        denied.append(_wildcard(zone, asked.name))
    for name in dict.fromkeys(_before(zone, name) for name in denied):
        answer.authority += _signed(zone, name, RdataType.NSEC)
    return answer


def _signed(zone: Zone, name: Name, kind: RdataType) -> list[dns.rrset.RRset]:
    """Give records and their signatures, as far as there are any."""
    found = (
        zone.get_rrset(name, kind),
        zone.get_rrset(name, RdataType.RRSIG, covers=kind),
    )
    return [rrset for rrset in found if rrset]


def _before(zone: Zone, name: Name) -> Name:
    """Give the name whose NSEC record tells of this one (RFC 4035 section 3.1.3)."""
    names = sorted(n for n in zone if zone.get_rdataset(n, RdataType.NSEC))
    return names[bisect_right(names, name) - 1] if names else name


def _wildcard(zone: Zone, name: Name) -> Name:
    """Give the wildcard that would stand for a name that is not there."""
    encloser = name.parent()
    while not any(n.is_subdomain(encloser) for n in zone):
        encloser = encloser.parent()
    return dns.name.Name((b"*",)).concatenate(encloser)
