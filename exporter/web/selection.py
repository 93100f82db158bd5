"""Which targets are shown, in which order: search, filters, sorting, one page of them.

Looks at every target, a slice at a time, so that probes go on between; keeps no more
of them in order than the page needs.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from itertools import islice
from types import MappingProxyType
from typing import NamedTuple

from exporter.ledger import Account

# Accounts that are looked at before the loop has its turn: half a millisecond.
SLICE = 200


class State(StrEnum):
    """How a target is, by its last probe."""

    FAILING = "failing"
    PENDING = "pending"  # not probed yet
    WELL = "well"


class Sort(StrEnum):
    """What comes first."""

    STATE = "state"  # failing, then not probed yet, then well
    NAME = "name"
    LATENCY = "latency"  # the slowest
    AGE = "age"  # whose last probe is the longest ago


class Wanted(NamedTuple):
    """What is asked for; a blank asks for all."""

    search: str = ""  # in name, host and labels, in upper or lower case
    state: State | None = None
    module: str = ""
    sort: Sort = Sort.STATE


class Selected(NamedTuple):
    """What was found."""

    counts: Mapping[State, int]  # of all targets, whatever was asked for
    modules: tuple[str, ...]  # of all targets
    matching: int
    first: tuple[Account, ...]  # as many of the matching ones as were asked for


def state_of(account: Account) -> State:
    """Tell how a target is."""
    if account.latest is None:
        return State.PENDING
    return State.WELL if account.latest.success else State.FAILING


async def select(accounts: Iterable[Account], wanted: Wanted, end: int) -> Selected:
    """Give the first `end` targets of those that are wanted, in their order."""
    counts, modules = dict.fromkeys(State, 0), set()
    matches, key = _matcher(wanted), _KEYS[wanted.sort]
    first: list[tuple[float, str, Account]] = []
    matching = 0
    for part in _slices(tuple(accounts)):
        for account in part:
            counts[state_of(account)] += 1
            modules.add(account.target.module.name)
        found = [(key(a), a.target.name, a) for a in part if matches(a)]
        matching += len(found)
        first = sorted(first + found, key=_order)[:end] if found else first
        await asyncio.sleep(0)
    ordered = tuple(account for _, _, account in first)
    return Selected(counts, tuple(sorted(modules)), matching, ordered)


def _order(found: tuple[float, str, Account]) -> tuple[float, str]:
    return found[:2]


def _slices(accounts: tuple[Account, ...]) -> Iterator[tuple[Account, ...]]:
    rest = iter(accounts)
    while part := tuple(islice(rest, SLICE)):
        yield part


def _matcher(wanted: Wanted) -> Callable[[Account], bool]:
    needle = wanted.search.strip().casefold()

    def matches(account: Account) -> bool:
        if wanted.state is not None and state_of(account) is not wanted.state:
            return False
        if wanted.module and account.target.module.name != wanted.module:
            return False
        return not needle or needle in _searched(account)

    return matches


def _searched(account: Account) -> str:
    target = account.target
    labels = "\n".join([f"{name}={value}" for name, value in target.labels])
    return f"{target.name}\n{target.host}\n{labels}".casefold()


_RANK = MappingProxyType({State.FAILING: 0.0, State.PENDING: 1.0, State.WELL: 2.0})
_LAST = float("inf")

_KEYS: Mapping[Sort, Callable[[Account], float]] = MappingProxyType(
    {
        Sort.STATE: lambda account: _RANK[state_of(account)],
        Sort.NAME: lambda _: 0.0,
        Sort.LATENCY: lambda a: -a.latest.duration if a.latest else _LAST,
        Sort.AGE: lambda a: a.latest.ended_at if a.latest else _LAST,
    }
)
