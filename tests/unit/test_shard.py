"""Targets spread over shards: whole, disjoint, even, and few that move."""

from collections import Counter

import pytest

from exporter.schedule.shard import Shard, owner

NAMES = [f"mx{n}.example.com:25" for n in range(10_000)]


def test_alone() -> None:
    """One shard has everything."""
    assert all(Shard().owns(name) for name in NAMES)


@pytest.mark.parametrize("count", [2, 5, 16])
def test_whole_and_disjoint(count: int) -> None:
    """Every target belongs to exactly one shard."""
    shards = [Shard(ordinal, count) for ordinal in range(count)]

    assert all(sum(shard.owns(name) for shard in shards) == 1 for name in NAMES[:2000])


def test_even() -> None:
    """No shard has much more than its part."""
    sizes = Counter(owner(name, 5) for name in NAMES)

    assert set(sizes) == set(range(5))
    assert max(sizes.values()) < 1.1 * len(NAMES) / 5


def test_one_more() -> None:
    """From 4 to 5 shards a fifth of the targets move, all of them to the new one."""
    moved = [n for n in NAMES if owner(n, 4) != owner(n, 5)]

    assert 0.18 * len(NAMES) < len(moved) < 0.22 * len(NAMES)
    assert {owner(name, 5) for name in moved} == {4}


def test_the_same_everywhere() -> None:
    """The answer is a matter of the name alone, and stays between versions."""
    assert [owner(name, 5) for name in NAMES[:8]] == OWNERS_OF_5


OWNERS_OF_5 = [3, 0, 1, 0, 4, 2, 1, 3]
