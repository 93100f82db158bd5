"""Targets of several sources as one set."""

from exporter.discovery.catalog import Catalog, choose
from exporter.schedule.shard import Shard
from exporter.targets import Module, Target
from exporter.vocabulary import TargetSource

MX = Module(name="mx")


def target(name: str, source: TargetSource = TargetSource.CONFIG) -> Target:
    """Make a target."""
    return Target(
        name=name, host=name, port=25, module=MX, interval=60.0, source=source
    )


def test_joined() -> None:
    """The sources' targets stand together, and each put replaces its source's."""
    catalog = Catalog()
    catalog.put(TargetSource.FILE, [target("c", TargetSource.FILE)])
    catalog.put(TargetSource.CONFIG, [target("a"), target("b")])
    catalog.put(TargetSource.CONFIG, [target("a")])

    assert [t.name for t in catalog.all().targets] == ["a", "c"]
    assert catalog.all().doubles == ()


def test_doubles() -> None:
    """What is written by hand goes before what was found, whichever came first."""
    catalog = Catalog()
    catalog.put(TargetSource.HTTP, [target("a", TargetSource.HTTP)])
    catalog.put(TargetSource.FILE, [target("a", TargetSource.FILE)])
    found = catalog.all()
    catalog.put(TargetSource.CONFIG, [target("a")])
    written = catalog.all()

    assert [t.source for t in found.targets] == [TargetSource.FILE]
    assert [t.source for t in written.targets] == [TargetSource.CONFIG]
    assert found.doubles == ("a",)
    assert written.doubles == ("a", "a")


def test_unchanged() -> None:
    """A target that did not change is the object that it was."""
    before = (target("a"), target("b"))
    changed = Target(name="b", host="other", port=25, module=MX, interval=60.0)

    after = choose([target("a"), changed, target("c")], Shard().owns, before)

    assert after[0] is before[0]
    assert after[1] is changed
    assert [t.name for t in after] == ["a", "b", "c"]


def test_shards() -> None:
    """The shards' parts are whole and disjoint."""
    all_targets = [target(f"mx{n}") for n in range(200)]
    parts = [choose(all_targets, Shard(n, 3).owns, ()) for n in range(3)]

    assert sorted(t.name for part in parts for t in part) == sorted(
        t.name for t in all_targets
    )
    assert all(parts)
