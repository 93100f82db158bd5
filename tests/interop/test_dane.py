"""TLSA records as a validating Unbound tells them: match, mismatch, bogus, absent."""

import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from exporter.demo.certificates import Kind, issue
from exporter.probe.tlsa import TlsaAnswer, look_up_tlsa
from exporter.smtp.exchange import Interrupted
from exporter.tls.dane import Tlsa, matches, usable
from exporter.vocabulary import Reason
from tests.interop.unbound import validating_resolver

PATIENCE = 10.0

CHAIN = issue(Kind.GOOD, "match.dane.test").chain
OTHER = issue(Kind.SELF_SIGNED, "match.dane.test").chain

LEAF, ISSUER, STRANGER = (sha256(der).hexdigest() for der in (*CHAIN, OTHER[0]))
WHOLE = "\n".join(f"_25._tcp.whole TLSA 2 0 0 {der.hex()}" for der in (*CHAIN, *OTHER))

SIGNED = f"""\
match       A     127.0.0.1
_25._tcp.match    TLSA 3 0 1 {LEAF}
_25._tcp.match    TLSA 1 0 1 {STRANGER}
above       A     127.0.0.1
_25._tcp.above    TLSA 2 0 1 {ISSUER}
mismatch    A     127.0.0.1
_25._tcp.mismatch TLSA 3 0 1 {STRANGER}
absent      A     127.0.0.1
_465._tcp.absent  TLSA 3 0 1 {LEAF}
whole       A     127.0.0.1
six         AAAA  ::1
_25._tcp.six      CNAME dane
dane              TLSA 3 0 1 {LEAF}
alias       CNAME match
leaving     CNAME match.plain
_25._tcp.leaving  TLSA 3 0 1 {LEAF}
tampered    A     127.0.0.1
{WHOLE}
"""
BOGUS = f"""\
_25._tcp.tampered TLSA 3 0 1 {LEAF}
spoofed     A     127.0.0.1
"""
UNSIGNED = f"""\
match       A     127.0.0.1
_25._tcp.match    TLSA 3 0 1 {LEAF}
alias       CNAME match.dane.test.
_25._tcp.alias    TLSA 3 0 1 {LEAF}
"""

pytestmark = pytest.mark.peer("unbound")


@pytest.fixture
def resolver(peer: Callable[[str], Path], tmp_path: Path) -> Iterator[tuple[str, int]]:
    """Run Unbound over these zones."""
    with validating_resolver(
        peer("unbound"), tmp_path, SIGNED, UNSIGNED, BOGUS
    ) as address:
        yield address


async def told(
    resolver: tuple[str, int], host: str, port: int = 25
) -> tuple[TlsaAnswer, bool]:
    """Look a host under `dane.test` up, and hold its records against the chain."""
    answer = await look_up_tlsa(f"{host}.dane.test", port, resolver, PATIENCE)
    names = (answer.base, "match.dane.test")
    return answer, matches(CHAIN, answer.records, names, time.time())


async def reason(resolver: tuple[str, int], host: str) -> Reason:
    """Look up what fails, and give the reason."""
    with pytest.raises(Interrupted) as caught:
        await told(resolver, host)
    return caught.value.reason


async def test_match(resolver: tuple[str, int]) -> None:
    """Signed records that describe the leaf vouch for the chain."""
    answer, vouched = await told(resolver, "match")

    assert vouched
    assert answer.secure
    assert answer.base == "match.dane.test"
    assert {record: usable(record) for record in answer.records} == {
        Tlsa(3, 0, 1, bytes.fromhex(LEAF)): True,
        Tlsa(1, 0, 1, bytes.fromhex(STRANGER)): False,
    }


async def test_match_of_an_authority(resolver: tuple[str, int]) -> None:
    """Signed records that describe the leaf's issuer vouch for the chain."""
    _, vouched = await told(resolver, "above")

    assert vouched


async def test_mismatch(resolver: tuple[str, int]) -> None:
    """Signed records that describe another certificate are there, and do not vouch."""
    answer, vouched = await told(resolver, "mismatch")

    assert not vouched
    assert answer == TlsaAnswer(
        True, (Tlsa(3, 0, 1, bytes.fromhex(STRANGER)),), "mismatch.dane.test"
    )


@pytest.mark.parametrize("host", ["tampered", "spoofed"])
async def test_bogus(resolver: tuple[str, int], host: str) -> None:
    """Records of the host or its address with a broken signature are bogus."""
    assert await reason(resolver, host) is Reason.DNSSEC_BOGUS


@pytest.mark.parametrize("host", ["absent", "nobody"])
async def test_absent(resolver: tuple[str, int], host: str) -> None:
    """That there are no records is proven by the zone's signed denial."""
    answer, vouched = await told(resolver, host)

    assert not vouched
    assert answer == TlsaAnswer(True, (), f"{host}.dane.test")


@pytest.mark.parametrize("host", ["match", "alias", "nobody"])
async def test_insecure(resolver: tuple[str, int], host: str) -> None:
    """Below an unsigned delegation nothing is vouched for, whatever is published."""
    answer, vouched = await told(resolver, f"{host}.plain")

    assert not vouched
    assert answer == TlsaAnswer(False, (), f"{host}.plain.dane.test")


@pytest.mark.parametrize(
    ("host", "base"), [("alias", "match"), ("leaving", "leaving"), ("six", "six")]
)
async def test_alias(resolver: tuple[str, int], host: str, base: str) -> None:
    """An alias leads to the base domain; one that leaves what is signed is it itself.

    An alias of the records alone changes nothing.
    """
    answer, vouched = await told(resolver, host)

    assert vouched
    assert answer.secure
    assert answer.base == f"{base}.dane.test"


async def test_large_answer(resolver: tuple[str, int]) -> None:
    """Whole certificates, too large for a datagram, come over TCP."""
    assert sum(map(len, (*CHAIN, *OTHER))) > 1232
    answer, vouched = await told(resolver, "whole")

    assert vouched
    assert answer.secure
    assert {record.data for record in answer.records} == {*CHAIN, *OTHER}


async def test_refused(resolver: tuple[str, int]) -> None:
    """A name that the resolver cannot find out about is a failure, and not bogus."""
    with pytest.raises(Interrupted) as caught:
        await look_up_tlsa("mx.example.test", 25, resolver, PATIENCE)

    assert caught.value.reason is Reason.SERVFAIL
