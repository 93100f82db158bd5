"""A host becomes one target for each of its addresses."""

from dataclasses import replace
from typing import NamedTuple

import pytest

from exporter.discovery.addresses import (
    MAX_ADDRESSES,
    AddressWatch,
    Lookup,
    expand,
    fans_out,
)
from exporter.targets import Exchanger, Module, Target
from exporter.vocabulary import Addresses, IpFamily

ALL = Module(name="all", addresses=Addresses.ALL)
FIRST = Module(name="first")
TARGET = Target(
    name="mx.test:25",
    host="mx.test",
    port=25,
    module=ALL,
    interval=60.0,
    labels=(("site", "fra"),),
)
V4 = "192.0.2.1"
V6 = "2001:db8::1"


class Found(NamedTuple):
    """An address as a resolver gives it."""

    literal: str


class Canned:
    """Knows the same addresses for every name."""

    def __init__(self, *literals: str) -> None:
        """Keep them in this order."""
        self._literals = literals
        self.asked: list[tuple[str, IpFamily]] = []

    async def addresses(self, host: str, family: IpFamily) -> tuple[Found, ...]:
        """Give them."""
        self.asked.append((host, family))
        return tuple(map(Found, self._literals))


def watch(*literals: str) -> tuple[AddressWatch, Canned]:
    """Make a watch whose every host has these addresses."""
    canned = Canned(*literals)
    return AddressWatch(canned, on_change=print, on_failure=print), canned


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (TARGET, True),
        (replace(TARGET, module=FIRST), False),
        (replace(TARGET, host=V4), False),
        (replace(TARGET, host=V6), False),
        (replace(TARGET, host="unix:/run/lmtp", port=0), False),
        (replace(TARGET, exchanger=Exchanger(domain="mx.test", preference=0)), True),
        (replace(TARGET, exchanger=Exchanger(domain="mx.test")), False),
    ],
    ids=["name", "first", "v4", "v6", "unix", "exchanger", "lost domain"],
)
def test_fans_out(target: Target, expected: bool) -> None:
    """Only a host that has a name has addresses to be looked up."""
    assert fans_out(target) is expected


def test_expand() -> None:
    """Each address is a target of its own name that is all else like the host."""
    assert expand(TARGET, (V4, V6)) == (
        replace(TARGET, name="mx.test:25@192.0.2.1", address=V4),
        replace(TARGET, name="mx.test:25@2001:db8::1", address=V6),
    )


@pytest.mark.parametrize(
    ("source", "expected"), [(None, [V4, V6]), ("192.0.2.9", [V4]), ("::1", [V6])]
)
def test_source_address(source: str | None, expected: list[str]) -> None:
    """A source address reaches addresses of its own family only."""
    target = replace(TARGET, module=replace(ALL, source_address=source))

    assert [one.address for one in expand(target, (V4, V6))] == expected


def test_question() -> None:
    """Targets of one host share a question unless they want other families."""
    addresses, _ = watch()
    submission = replace(TARGET, name="mx.test:587", port=587)
    ipv6 = replace(TARGET, module=replace(ALL, ip_family=IpFamily.IPV6))

    assert addresses.question(TARGET) == addresses.question(submission)
    assert addresses.question(ipv6) == Lookup("mx.test", IpFamily.IPV6)


async def test_order() -> None:
    """The order in which a server names addresses makes no difference."""
    literals = ("2001:db8::1", "192.0.2.10", "192.0.2.9", "192.0.2.10")
    addresses, canned = watch(*literals)

    found = await addresses.ask(Lookup("mx.test", IpFamily.ANY))

    assert found == ("192.0.2.9", "192.0.2.10", "2001:db8::1")
    assert canned.asked == [("mx.test", IpFamily.ANY)]


async def test_bound() -> None:
    """A name has no more targets than a bound."""
    addresses, _ = watch(*(f"192.0.2.{n}" for n in range(MAX_ADDRESSES + 10)))

    found = await addresses.ask(Lookup("mx.test", IpFamily.ANY))

    assert len(found) == MAX_ADDRESSES


def test_itself() -> None:
    """A target whose host has no addresses stands as it is."""
    addresses, _ = watch()

    assert addresses.itself(TARGET) is TARGET
