"""Which targets are shown: filters, order, and what is counted on the way."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.ledger import Account
from exporter.targets import Module
from exporter.web.selection import SLICE, Selected, Sort, State, Wanted, select
from tests.unit.accounts import Book, book
from tests.unit.outcomes import greeting_timeout, outcome, target

BANNER = Module(name="banner")


@pytest.fixture(scope="module")
def some() -> Book:
    """Give four targets: two well, one failing, one not probed."""
    return book(
        {
            "slow": [outcome(duration=5.0, started_at=100.0)],
            "quick": [outcome(duration=0.1, started_at=300.0)],
            "broken": [greeting_timeout()],
        },
        [
            target("slow", host="mx.example.org", labels=(("site", "Fra"),)),
            target("quick", module=BANNER),
            target("broken", host="2001:db8::1"),
            target("new", module=BANNER),
        ],
    )


def selected(some: Book, end: int = 10, **wanted: Any) -> Selected:
    """Select in a loop of its own."""
    return asyncio.run(select(some.accounts().values(), Wanted(**wanted), end))


def names(found: Selected) -> list[str]:
    """Give the names, in order."""
    return [account.target.name for account in found.first]


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        (Sort.STATE, ["broken", "new", "quick", "slow"]),
        (Sort.NAME, ["broken", "new", "quick", "slow"]),
        (Sort.LATENCY, ["broken", "slow", "quick", "new"]),
        (Sort.AGE, ["slow", "quick", "broken", "new"]),
    ],
)
def test_order(some: Book, sort: Sort, order: list[str]) -> None:
    """Each order puts what matters to it first, and what was not probed has no time."""
    assert names(selected(some, sort=sort)) == order


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"search": "QUI"}, {"quick"}),
        ({"search": " example.ORG "}, {"slow"}),
        ({"search": "site=fra"}, {"slow"}),
        ({"search": "2001:db8"}, {"broken"}),
        ({"search": "nobody"}, set()),
        ({"state": State.FAILING}, {"broken"}),
        ({"state": State.PENDING}, {"new"}),
        ({"module": "banner"}, {"quick", "new"}),
        ({"module": "banner", "state": State.WELL}, {"quick"}),
        ({"module": "ban"}, set()),
    ],
)
def test_filters(some: Book, wanted: dict[str, Any], found: set[str]) -> None:
    """Each filter leaves what it names, and together they leave what all of them do."""
    chosen = selected(some, **wanted)
    assert {*names(chosen)} == found
    assert chosen.matching == len(found)


def test_what_is_counted(some: Book) -> None:
    """Totals and modules are of all targets, whatever is asked for."""
    found = selected(some, search="nobody")
    assert found.counts == {State.FAILING: 1, State.PENDING: 1, State.WELL: 2}
    assert found.modules == ("banner", "mx")


_SEEN = st.sampled_from(
    [None, greeting_timeout(), *(outcome(duration=float(d)) for d in (1, 2))]
)


@given(
    seen=st.lists(_SEEN, max_size=12),
    sort=st.sampled_from(Sort),
    end=st.integers(0, 15),
)
def test_the_first_of_many(seen: list[object], sort: Sort, end: int) -> None:
    """However many slices there are, the first ones are those of one whole sort."""
    accounts = [
        Account(target(f"t{n % 7}-{n}"), latest=latest)  # type: ignore[arg-type]  # drawn above
        for n, latest in enumerate(seen)
    ]
    whole = [
        replace(a, target=target(f"{k}-{a.target.name}"))
        for a in accounts
        for k in range(SLICE // 10)
    ]
    one = asyncio.run(select(whole, Wanted(sort=sort), end))
    every = asyncio.run(select(reversed(whole), Wanted(sort=sort), len(whole)))
    assert one.first == every.first[:end]
    assert one.matching == len(whole)


def test_the_loop_has_its_turn() -> None:
    """Between slices other work goes on."""
    accounts = [Account(target(str(n))) for n in range(5 * SLICE)]
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def story() -> None:
        counting = asyncio.create_task(count())
        await select(accounts, Wanted(), 10)
        counting.cancel()

    asyncio.run(story())
    assert turns >= 4
