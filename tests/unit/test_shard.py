"""Targets spread over shards: whole, disjoint, even, and few that move."""

from collections import Counter

import pytest

from exporter.schedule.shard import Shard, ShardError, ordinal_of, owner

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


@pytest.mark.parametrize(
    ("ordinal", "total", "word"),
    [(0, 0, "count"), (3, 3, "0 to 2"), (-1, 3, "ordinal"), (1, 1, "0 to 0")],
)
def test_no_shard(ordinal: int, total: int, word: str) -> None:
    """A shard that cannot be is refused with the numbers that could."""
    with pytest.raises(ShardError, match=word):
        Shard.checked(ordinal, total)


def test_checked() -> None:
    """A shard that can be is given."""
    assert Shard.checked(2, 3) == Shard(2, 3)


def test_pods() -> None:
    """A StatefulSet's pods have their ordinal at the end of their names."""
    assert ordinal_of("mailserver-exporter-0") == 0
    assert ordinal_of("mx-4-17") == 17


@pytest.mark.parametrize("name", ["exporter", "exporter-", "exporter-x1", "-1", ""])
def test_no_pods(name: str) -> None:
    """Another machine's name says so, and what to do."""
    with pytest.raises(ShardError, match=r"--shard\.ordinal"):
        ordinal_of(name)
