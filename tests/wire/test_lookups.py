"""Every row of names and mail domains, asked of its own DNS server, on both loops."""

import sys
from collections.abc import Mapping

import pytest

from exporter.vocabulary import IpFamily, Phase
from tests.conftest import missing_peer
from tests.scenarios import LOOKUPS, Held, Scenario
from tests.wire import test_scenarios as table
from tests.wire.play import Played

every_lookup = pytest.mark.parametrize(
    "row", [pytest.param(row, id=row.id) for row in LOOKUPS]
)
_ONLY_LINUX = "only Linux has all of 127.0.0.0/8, and calls a multicast group no host"
_IPV6 = frozenset({IpFamily.IPV6, IpFamily.PREFER_IPV6})


@pytest.fixture
def seen(row: Scenario, played: Mapping[str, Played | BaseException]) -> Played:
    """Give what the row came to; skip what this machine cannot play."""
    if not sys.platform.startswith("linux"):
        missing_peer(_ONLY_LINUX)
    if row.module.ip_family in _IPV6 and not table.HAS_IPV6:
        missing_peer("IPv6 is not on this machine")
    came_to = played[row.id]
    if isinstance(came_to, BaseException):
        raise came_to
    return came_to


@every_lookup
def test_report(row: Scenario, seen: Played) -> None:
    """A probe reports exactly what the row says."""
    outcome, exchanger, sts = seen.outcome, seen.target.exchanger, seen.outcome.sts
    quirks = outcome.quirks | (exchanger.quirks if exchanger else frozenset())
    columns = {
        "failure": (row.failure, outcome.failure),
        "greeting code": (row.greeting_code, outcome.code(Phase.GREETING) or 0),
        "quirks": (row.quirks, quirks),
        "addresses failed": (row.addresses_failed, outcome.addresses_failed),
        "mail domain": (row.domain, exchanger.domain if exchanger else ""),
        "TLSA records": (row.dane, outcome.dane),
        "MTA-STS policy": (row.sts, sts and Held(sts.mode, sts.verified)),
    }
    wrong = [
        f"{column}: expected {expected}, seen {reported}"
        for column, (expected, reported) in columns.items()
        if expected != reported
    ]

    assert not wrong, seen
    assert outcome.close in row.closes, seen
    assert outcome.quit_acknowledged in row.quit_221, seen


@every_lookup
def test_phase(row: Scenario, seen: Played) -> None:
    """The lookup is the phase dns, and nothing is connected unless it succeeded."""
    looked_up = row.failure is None or row.failure.phase is not Phase.DNS

    assert seen.outcome.record(Phase.DNS) is not None, seen
    assert seen.outcome.completed(Phase.DNS) is looked_up, seen
    assert (seen.outcome.resolved is not None) is looked_up, seen
    assert (seen.outcome.record(Phase.CONNECT) is not None) is looked_up, seen


@every_lookup
@pytest.mark.usefixtures("seen")
def test_tls(row: Scenario, played: Mapping[str, Played | BaseException]) -> None:
    """A completed handshake is told of, with its certificate as it was issued."""
    table.test_tls(row, played)


@every_lookup
@pytest.mark.usefixtures("seen")
def test_time(row: Scenario, played: Mapping[str, Played | BaseException]) -> None:
    """A probe keeps its deadline, and its phases took the time that they must."""
    table.test_time(row, played)


@every_lookup
@pytest.mark.usefixtures("seen")
def test_manners(row: Scenario, played: Mapping[str, Played | BaseException]) -> None:
    """A probe connects to whom it must and nobody else, and breaks no rule there."""
    table.test_manners(row, played)
