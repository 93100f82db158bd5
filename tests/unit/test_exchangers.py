"""MX records become exchangers, and exchangers become targets (RFC 5321 5.1)."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.discovery.exchangers import expand, unresolved
from exporter.smtp.exchange import Interrupted
from exporter.smtp.exchangers import (
    MAX_EXCHANGERS,
    MailExchangers,
    MailHost,
    exchangers,
    implicit,
    is_host,
    normal,
)
from exporter.targets import Exchanger, MailDomain, Module, Target
from exporter.vocabulary import Quirk, Reason, TargetSource

MODULE = Module(name="mx")
DOMAIN = MailDomain(
    domain="example.com",
    port=2525,
    module=MODULE,
    interval=30.0,
    labels=(("site", "fra"),),
)
MIXED = frozenset({Quirk.NULL_MX_MIXED})
ALIAS = frozenset({Quirk.MX_CNAME})


def names(*records: tuple[int, str]) -> list[str]:
    """Give the names of the exchangers that these records make."""
    return [host.name for host in exchangers(records).hosts]


def reason_of(*records: tuple[int, str]) -> Reason:
    """Give why these records make no exchangers."""
    with pytest.raises(Interrupted) as caught:
        exchangers(records)
    return caught.value.reason


# --- records


def test_order() -> None:
    """The preferred come first, and equals by name."""
    records = ((20, "a.test"), (10, "z.test"), (10, "b.test"))

    assert names(*records) == ["b.test", "z.test", "a.test"]


def test_preference() -> None:
    """An exchanger keeps its preference."""
    assert exchangers([(7, "a.test")]) == MailExchangers((MailHost("a.test", 7),))


@pytest.mark.parametrize("name", ["A.Test", "a.test.", "A.TEST."])
def test_spelling(name: str) -> None:
    """Names are compared in lower case, without a final dot."""
    assert exchangers([(10, name)]).hosts == (MailHost("a.test", 10),)


def test_double() -> None:
    """A host that is named twice has the lowest of its preferences."""
    records = ((20, "a.test"), (5, "A.test."), (10, "a.test"))

    assert exchangers(records).hosts == (MailHost("a.test", 5),)


@pytest.mark.parametrize("root", ["", "."])
@pytest.mark.parametrize("preference", [0, 10])
def test_null_mx(root: str, preference: int) -> None:
    """A null MX alone says that the domain takes no mail (RFC 7505)."""
    assert reason_of((preference, root)) is Reason.NULL_MX
    assert reason_of((0, root), (preference, root)) is Reason.NULL_MX


def test_null_mx_mixed() -> None:
    """A null MX beside others is a quirk of each of them."""
    found = exchangers([(0, "."), (20, "b.test"), (10, "a.test")])

    assert found.hosts == (MailHost("a.test", 10, MIXED), MailHost("b.test", 20, MIXED))


IMPOSSIBLE = (
    *("192.0.2.1", "10", "mx.25", "a..b", ".a", "-a.test", "a-.test", "a b.test"),
    *("\\255.test", "a.test:25", "[192.0.2.1]", "::1", "2001:db8::1", "*.test", "a\n"),
    *("x" * 64, ".".join(["x" * 63] * 4) + ".xx", "\u00e4.test", "a/b", "@"),
)


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_impossible(name: str) -> None:
    """What cannot be a host's name is no exchanger."""
    assert names((5, name), (10, "a.test")) == ["a.test"]


def test_nothing_possible() -> None:
    """A domain with MX records of which none is a host has no exchanger at all."""
    assert reason_of((10, "192.0.2.1"), (20, "a b")) is Reason.NODATA


def test_null_mx_beside_the_impossible() -> None:
    """A null MX is mixed with whatever else there is, possible or not."""
    assert reason_of((0, ""), (20, "a b")) is Reason.NODATA


@pytest.mark.parametrize(
    "name",
    ["a", "localhost", "mx1.test", "a_b.test", "_x.test", "1a.test", "xn--4ca.de"],
)
def test_possible(name: str) -> None:
    """Labels of letters, digits, hyphens and underscores are a host's name."""
    assert names((10, name)) == [name]


def test_bound() -> None:
    """Of too many exchangers the preferred ones are left."""
    many = [(n, f"mx{n}.test") for n in range(MAX_EXCHANGERS + 10)]

    assert names(*reversed(many)) == [name for _, name in many[:MAX_EXCHANGERS]]


@given(st.lists(st.tuples(st.integers(0, 65535), st.text(max_size=80)), min_size=1))
def test_whatever_is_said(records: list[tuple[int, str]]) -> None:
    """Whatever the records hold, exchangers are possible hosts, each only once."""
    try:
        found = exchangers(records).hosts
    except Interrupted as interrupted:
        assert interrupted.reason in {Reason.NULL_MX, Reason.NODATA}  # noqa: PT017 -- either end is right
        return
    told = [host.name for host in found]

    assert told
    assert len({*told}) == len(told) <= MAX_EXCHANGERS
    assert all(is_host(name) and name == normal(name) for name in told)


def test_implicit() -> None:
    """A domain without MX records is its own exchanger, with preference 0."""
    assert implicit("Example.com.").hosts == (MailHost("example.com", 0),)


def test_aliases() -> None:
    """Aliases are a quirk of those hosts that are some, beside what they have."""
    found = exchangers([(0, ""), (10, "a.test"), (20, "b.test")])

    told = found.with_aliases({"b.test"})

    assert told.hosts == (
        MailHost("a.test", 10, MIXED),
        MailHost("b.test", 20, MIXED | ALIAS),
    )


# --- targets


def test_expand() -> None:
    """Each exchanger is a target that knows its domain."""
    found = exchangers([(20, "mx2.test"), (10, "mx1.test")]).with_aliases({"mx2.test"})

    first, second = expand(DOMAIN, found)

    assert first == Target(
        name="example.com/mx1.test:2525",
        host="mx1.test",
        port=2525,
        module=MODULE,
        interval=30.0,
        labels=(("site", "fra"),),
        source=TargetSource.MX,
        exchanger=Exchanger(domain="example.com", preference=10),
    )
    assert second.name == "example.com/mx2.test:2525"
    assert second.exchanger == Exchanger(
        domain="example.com", preference=20, quirks=ALIAS
    )


def test_two_domains() -> None:
    """Two domains may share a host, and its targets have two names."""
    found = exchangers([(10, "mx.test")])
    other = MailDomain(domain="example.org", port=25, module=MODULE, interval=60.0)

    both = {
        target.name for domain in (DOMAIN, other) for target in expand(domain, found)
    }

    assert both == {"example.com/mx.test:2525", "example.org/mx.test:25"}


def test_unresolved() -> None:
    """A domain without exchangers is a target of its own name, and other port."""
    assert unresolved(replace(DOMAIN, port=25)).name == "example.com"
    assert unresolved(DOMAIN) == Target(
        name="example.com:2525",
        host="example.com",
        port=2525,
        module=MODULE,
        interval=30.0,
        labels=(("site", "fra"),),
        source=TargetSource.MX,
        exchanger=Exchanger(domain="example.com"),
    )
