"""A day of changes in half a minute: configuration and discovery, good and broken.

Two hundred times something is added, changed, removed, renamed, broken or mended while
servers are probed every second. After each of them the exporter has exactly the targets
that are written, and at the end nothing else is left of the day.
"""

import asyncio
import gc
import json
import random
import time
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from exporter import life
from exporter.config import load
from exporter.demo.listener import ScriptedServer
from exporter.demo.script import EHL, GRT, QUI, script
from exporter.discovery import supply
from exporter.discovery.files import FileWatch
from exporter.life import ConfigSource, Exporter
from exporter.outcome import Outcome
from exporter.probe.run import World, probe
from exporter.targets import Target

CHANGES = 200
INTERVAL = 1.0
PATIENCE = 10.0
# How much faster discovery looks than it is written to.
FASTER = 50.0
STEADY = "steady"  # a target that nobody touches

Everything = tuple[str, int, str]  # name, port, module


@dataclass
class Day:
    """What is written by now, and who does the writing."""

    folder: Path
    ports: list[int]
    chance: random.Random = field(default_factory=lambda: random.Random(4711))  # noqa: S311 -- a script, not a secret
    written: dict[str, dict[str, object]] = field(default_factory=dict)
    found: dict[str, list[str]] = field(default_factory=dict)
    broken: bool = False
    names: int = 0

    @property
    def config(self) -> Path:
        """Where the configuration is."""
        return self.folder / "config.yaml"

    def write(self) -> None:
        """Write the configuration as it should be."""
        self.broken = False
        steady = {"host": "127.0.0.1", "port": self.ports[0], "name": STEADY}
        document = {
            "schedule": {"interval": "1s"},
            "limits": {"per_host": 100},
            "modules": {"brief": {"ehlo": False, "quit": "observe"}},
            "targets": [steady, *self.written.values()],
            "discovery": [{"files": ["sd/*.json"], "refresh": "1s"}],
        }
        self._put(self.config, yaml.safe_dump(document))

    def find(self, name: str) -> None:
        """Write a discovery file as it should be, or remove it."""
        path = self.folder / "sd" / f"{name}.json"
        if name not in self.found:
            path.unlink(missing_ok=True)
            return
        self._put(path, json.dumps([{"targets": self.found[name]}]))

    def _put(self, path: Path, text: str) -> None:
        new = path.with_name(f".{path.name}.new")
        new.write_text(text)
        new.replace(path)

    @property
    def expected(self) -> set[str]:
        """The names of the targets that there should be."""
        found = {target for targets in self.found.values() for target in targets}
        return {STEADY, *self.written, *found}

    # --- what may happen; each gives whether a reload is asked for

    def add(self) -> bool:
        """Write another target."""
        self.names += 1
        name = f"written-{self.names}"
        port = self.chance.choice(self.ports)
        self.written[name] = {"host": "127.0.0.1", "port": port, "name": name}
        return self._rewritten()

    def remove(self) -> bool:
        """Take a target out."""
        if self.written:
            del self.written[self.chance.choice(sorted(self.written))]
        return self._rewritten()

    def rename(self) -> bool:
        """Give a target another name."""
        if self.written:
            keys = self.written.pop(self.chance.choice(sorted(self.written)))
            self.names += 1
            name = f"renamed-{self.names}"
            self.written[name] = {**keys, "name": name}
        return self._rewritten()

    def change(self) -> bool:
        """Give a target another module, interval or label."""
        if self.written:
            keys = self.written[self.chance.choice(sorted(self.written))]
            keys |= self.chance.choice(
                [
                    {"module": "brief"},
                    {"interval": "2s"},
                    {"labels": {"site": "fra"}},
                    {"port": self.chance.choice(self.ports)},
                ]
            )
        return self._rewritten()

    def spoil(self) -> bool:
        """Break the configuration."""
        self.broken = True
        self._put(self.config, self.chance.choice(["targets: [", "tragets: []", "\0"]))
        return True

    def discover(self) -> bool:
        """Write a discovery file anew."""
        name = self.chance.choice("abc")
        ports = self.chance.sample(self.ports, self.chance.randrange(1, 3))
        self.found[name] = [f"127.0.0.{ord(name) - 90}:{port}" for port in ports]
        self.find(name)
        return False

    def forget(self) -> bool:
        """Remove a discovery file."""
        name = self.chance.choice("abc")
        self.found.pop(name, None)
        self.find(name)
        return False

    def garble(self) -> bool:
        """Break a discovery file that names targets, and mend it later."""
        name = self.chance.choice("abc")
        if name in self.found:
            (self.folder / "sd" / f"{name}.json").write_text('[{"targets": [')
        return False

    def _rewritten(self) -> bool:
        self.write()
        return True


def _happenings(day: Day) -> Iterator[Callable[[], bool]]:
    often = (day.add, day.add, day.remove, day.rename, day.change)
    seldom = (day.spoil, day.discover, day.discover, day.forget, day.garble)
    for _ in range(CHANGES):
        yield day.chance.choice(often + seldom)


async def _settled(exporter: Exporter, day: Day) -> None:
    """Wait until the exporter has the targets that are written."""
    async with asyncio.timeout(PATIENCE):
        while await _names(exporter) != day.expected:  # noqa: ASYNC110 -- nobody tells: a thread looks at files
            await asyncio.sleep(0.01)


async def _names(exporter: Exporter) -> set[str]:
    page = await exporter.metrics("", "", ["smtp_probes_total"])
    return {
        sample.labels["target"]
        for family in text_string_to_metric_families(page.body.decode())
        for sample in family.samples
    }


async def _probes(exporter: Exporter, name: str) -> float:
    page = await exporter.metrics("", "", ["smtp_probes_total"])
    return sum(
        sample.value
        for family in text_string_to_metric_families(page.body.decode())
        for sample in family.samples
        if sample.labels["target"] == name
    )


async def _live(day: Day, exporter: Exporter) -> None:
    """Let everything happen, and look after each time."""
    for happen in _happenings(day):
        before = await _probes(exporter, STEADY)
        if happen():
            complaint = await exporter.reload()
            assert bool(complaint) is day.broken, (happen.__name__, complaint)
        await _settled(exporter, day)
        assert await _probes(exporter, STEADY) >= before
    for name in "abc":
        day.find(name)
    day.write()
    assert not await exporter.reload()
    await _settled(exporter, day)


def test_a_day(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    in_loop: Callable[[Coroutine[Any, Any, None]], None],
) -> None:
    """Two hundred changes leave the right series, and no task or descriptor."""
    starts: dict[tuple[Target, ...], list[float]] = defaultdict(list)

    async def counted(target: Target, world: World) -> Outcome:
        starts[(target,)].append(time.monotonic())
        return await probe(target, world)

    monkeypatch.setattr(life, "probe", counted)
    quick = partial(FileWatch, sleep=lambda seconds: asyncio.sleep(seconds / FASTER))
    monkeypatch.setattr(supply, "FileWatch", quick)
    (tmp_path / "sd").mkdir()

    async def main() -> None:
        await asyncio.to_thread(int)  # the loop's own threads are not what is counted
        good = script(GRT, EHL, QUI)
        async with ScriptedServer(good) as one, ScriptedServer(good) as other:
            tasks, descriptors = asyncio.all_tasks(), _descriptors()
            day = Day(tmp_path, [one.port, other.port])
            day.write()
            source = ConfigSource(day.config)
            exporter = Exporter(load(day.config), source, kernel_timestamps=True)
            await exporter.start()
            await _live(day, exporter)
            assert await _probes(exporter, STEADY) > 0
            await exporter.stop()
            await one.settled(PATIENCE)
            await other.settled(PATIENCE)
            gc.collect()
            assert asyncio.all_tasks() <= tasks
            await _closed_to(descriptors)

    in_loop(main())

    assert not _too_early(starts)


async def _closed_to(descriptors: int) -> None:
    """Wait until no more than these are open: the loop closes some behind us."""
    deadline = time.monotonic() + PATIENCE
    while _descriptors() > descriptors:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


def _descriptors() -> int:
    """Count what is open; nothing where the system does not tell."""
    folder = Path("/proc/self/fd")
    return len([*folder.iterdir()]) if folder.is_dir() else 0


def _too_early(
    starts: dict[tuple[Target, ...], list[float]],
) -> list[tuple[str, float]]:
    """Give the targets that were probed twice in one interval."""
    return [
        (target.name, later - earlier)
        for (target,), times in starts.items()
        for earlier, later in pairwise(times)
        if later - earlier < 0.5 * target.interval
    ]


def test_a_bug_of_ours_costs_one_change(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    in_loop: Callable[[Coroutine[Any, Any, None]], None],
) -> None:
    """Targets that could not be taken do not keep later ones from being taken."""
    quick = partial(FileWatch, sleep=lambda seconds: asyncio.sleep(seconds / FASTER))
    monkeypatch.setattr(supply, "FileWatch", quick)
    (tmp_path / "sd").mkdir()
    day = Day(tmp_path, [9])

    async def main() -> None:
        day.write()
        exporter = Exporter(load(day.config), kernel_timestamps=True)
        await exporter.start()
        broken = asyncio.Event()

        def breaks(_: object) -> None:
            monkeypatch.undo()
            broken.set()
            raise RuntimeError("a bug")

        monkeypatch.setattr(exporter._schedule, "replace", breaks)
        day.found["a"] = ["127.0.0.7:9"]
        day.find("a")
        await asyncio.wait_for(broken.wait(), PATIENCE)
        day.found["b"] = ["127.0.0.8:9"]
        day.find("b")
        await _settled(exporter, day)
        await exporter.stop()

    in_loop(main())
