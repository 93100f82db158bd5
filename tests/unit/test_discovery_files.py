"""Files that name targets: what of them is seen, kept, told, and let go."""

import asyncio
import contextvars
import json
import os
import threading
from collections.abc import AsyncIterator, Callable, Hashable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from exporter.discovery import files, sources
from exporter.discovery.files import FileWatch
from exporter.discovery.lists import Make
from exporter.targets import FileSource, Module, Target
from exporter.vocabulary import TargetSource

LONG_AGO = 1_000_000_000
A_SOURCE = FileSource(files=("/nowhere/x.json",), module=None, refresh=7.0)


def make(
    address: str,
    module: str | None,
    labels: Mapping[str, str],
    *,
    source: TargetSource,
) -> Target:
    """Make a target of any address that is not bad."""
    if address.startswith("bad"):
        raise ValueError("it is bad")
    return Target(
        name=address,
        host=address,
        port=25,
        module=Module(name=module or "mx"),
        interval=60.0,
        labels=tuple(labels.items()),
        source=source,
    )


class Sleepers:
    """A sleep that ends when the test says so."""

    def __init__(self) -> None:
        """Begin with nobody asleep."""
        self.seconds: list[float] = []
        self._asleep: list[asyncio.Future[None]] = []
        self._more = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        """Sleep until woken."""
        self.seconds.append(seconds)
        future = asyncio.get_running_loop().create_future()
        self._asleep.append(future)
        self._more.set()
        await future

    async def wake(self, count: int) -> None:
        """Wake this many as soon as all sleep, and wait until all sleep again."""
        await self._all(count)
        for future in self._asleep:
            future.set_result(None)
        await self._all(count)

    async def _all(self, count: int) -> None:
        while True:
            self._asleep = [one for one in self._asleep if not one.done()]
            if len(self._asleep) == count:
                return
            self._more.clear()
            await self._more.wait()


class Watched:
    """A watch, and what its observers heard."""

    def __init__(self, *sources: FileSource, make: Make = make) -> None:
        """Make the watch."""
        self.sources = sources
        self.changes: list[list[str]] = []
        self.failures: list[tuple[str, str]] = []
        self.complaints: list[tuple[str, str]] = []
        self.sleepers = Sleepers()
        self.watch = FileWatch(
            make=make,
            on_change=self.changed,
            on_failure=self.failed,
            on_complaint=self.complained,
            sleep=self.sleepers.sleep,
        )

    @property
    def names(self) -> list[str]:
        """Give the names of the targets as they now are."""
        return [target.name for target in self.watch.targets]

    async def start(self) -> None:
        """Watch the sources from now on."""
        await self.watch.replace(self.sources)

    async def look(self) -> None:
        """Have every source looked at once more."""
        await self.sleepers.wake(len(self.sources))

    async def replace(self, *sources: FileSource, make: Make | None = None) -> None:
        """Watch other sources from now on."""
        self.sources = sources
        await self.watch.replace(sources, make)

    def changed(self, targets: tuple[Target, ...]) -> None:
        """Note the names."""
        assert targets is self.watch.targets
        self.changes.append([target.name for target in targets])

    def failed(self, source: TargetSource, where: str, sentence: str) -> None:
        """Note where, and what."""
        assert source is TargetSource.FILE
        self.failures.append((Path(where).name, sentence))

    def complained(self, source: TargetSource, where: str, sentence: str) -> None:
        """Note where, and what."""
        assert source is TargetSource.FILE
        self.complaints.append((Path(where).name, sentence))


@asynccontextmanager
async def watching(
    folder: Path, *patterns: str, make: Make = make
) -> AsyncIterator[Watched]:
    """Watch one source in a folder, from its start to its stop."""
    watched = Watched(source(folder, *patterns), make=make)
    await watched.start()
    try:
        yield watched
    finally:
        await watched.watch.stop()


def source(
    folder: Path, *patterns: str, module: str | None = None, refresh: float = 30.0
) -> FileSource:
    """Give a source of files in a folder."""
    paths = tuple(str(folder / pattern) for pattern in patterns)
    return FileSource(files=paths, module=module, refresh=refresh)


def listed(*addresses: str) -> str:
    """Write a list of one group, which is JSON and YAML at once."""
    return json.dumps([{"targets": addresses}])


def aged(path: Path, text: str, seconds: int = LONG_AGO) -> None:
    """Write a file whose time is long past, so that its time shows each change."""
    path.write_text(text)
    os.utime(path, (seconds, seconds))


# --- what is seen


async def test_first_look(tmp_path: Path) -> None:
    """A start comes back with the targets of all files, told once, in order."""
    (tmp_path / "b.json").write_text('[{"targets": ["b:25"], "labels": {"x": "y"}}]')
    (tmp_path / "a.yaml").write_text(
        "- targets: [a]\n  labels: {__param_module: lmtp, no: 22:22}\n"
    )
    (tmp_path / "c.yml").write_text("- targets: [c]\n")

    async with watching(tmp_path, "b.json", "*.yaml", "*.yml") as watched:
        assert watched.changes == [["b:25", "a", "c"]]
        b, a, c = watched.watch.targets
        assert watched.failures == watched.complaints == []
        await watched.look()
        assert set(watched.sleepers.seconds) == {30.0}

    assert (b.labels, b.module.name, b.source) == (
        (("x", "y"),),
        "mx",
        TargetSource.FILE,
    )
    assert (a.labels, a.module.name) == ((("no", "22:22"),), "lmtp")
    assert (c.labels, c.module.name) == ((), "mx")
    assert len(watched.changes) == 1


async def test_the_module_of_a_source(tmp_path: Path) -> None:
    """It is that of targets that name none."""
    (tmp_path / "a.json").write_text(
        '[{"targets": ["a"]}, {"targets": ["b"], "labels": {"__param_module": "mx"}}]'
    )
    watched = Watched(source(tmp_path, "a.json", module="lmtp"))
    await watched.start()
    await watched.watch.stop()

    assert [t.module.name for t in watched.watch.targets] == ["lmtp", "mx"]


async def test_no_sources() -> None:
    """Without sources nothing is told and nothing runs."""
    watched = Watched()
    before = asyncio.all_tasks()
    await watched.start()
    assert asyncio.all_tasks() == before
    await watched.watch.stop()

    assert watched.changes == []


async def test_changes(tmp_path: Path) -> None:
    """Each look tells the whole set when it is another, and only then."""
    path = tmp_path / "a.json"
    path.write_text(listed("a", "b"))

    async with watching(tmp_path, "a.json") as watched:
        kept = watched.watch.targets[1]
        await watched.look()
        path.write_text(listed("b", "c"))
        await watched.look()
        assert watched.watch.targets[0] is kept
        path.write_text("[]\n" + " " * 5)
        await watched.look()
        path.write_text("[]")
        await watched.look()

    assert watched.changes == [["a", "b"], ["b", "c"], []]
    assert watched.failures == []


async def test_a_change_within_one_tick(tmp_path: Path) -> None:
    """A file that was young when it was read is read again though nothing shows."""
    path = tmp_path / "a.json"
    path.write_text(listed("a"))
    status = path.stat()

    async with watching(tmp_path, "a.json") as watched:
        path.write_text(listed("b"))
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        assert path.stat().st_ino == status.st_ino
        await watched.look()

    assert watched.changes == [["a"], ["b"]]


async def test_what_did_not_change_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file whose times, size and inode are what they were is left alone."""
    reads: list[str] = []
    read = files._read

    def counted(path: str) -> tuple[bytes, Hashable]:
        reads.append(path)
        return read(path)

    monkeypatch.setattr(files, "_read", counted)
    monkeypatch.setattr(files, "_CLOCK_STEP_SECONDS", -1000.0)  # all files are old
    path = tmp_path / "a.json"
    path.write_text(listed("a"))

    async with watching(tmp_path, "a.json") as watched:
        await watched.look()
        assert len(reads) == 1
        os.utime(path, (LONG_AGO, LONG_AGO))
        await watched.look()
        await watched.look()
        assert len(reads) == 2
        path.unlink()
        path.write_text(listed("b"))
        await watched.look()

    assert len(reads) == 3
    assert watched.changes == [["a"], ["b"]]


async def test_atomic_rename(tmp_path: Path) -> None:
    """A file that is renamed over another is seen, though it is as old and as long."""
    path = tmp_path / "a.yaml"
    aged(path, "- targets: [a]")

    async with watching(tmp_path, "*.yaml") as watched:
        new = tmp_path / ".a.yaml.tmp"
        aged(new, "- targets: [b]")
        new.rename(path)
        await watched.look()

    assert watched.changes == [["a"], ["b"]]
    assert watched.failures == []


async def test_a_config_map(tmp_path: Path) -> None:
    """A folder behind symbolic links is swapped as Kubernetes does it, and is seen."""

    def publish(version: str, **content: str) -> None:
        (tmp_path / f"..{version}").mkdir()
        for name, text in content.items():
            aged(tmp_path / f"..{version}" / f"{name}.yaml", text)
        (tmp_path / "..data_tmp").symlink_to(f"..{version}")
        (tmp_path / "..data_tmp").rename(tmp_path / "..data")

    publish("v1", one="- targets: [a]", two="- targets: [x]")
    for name in ("one", "two"):
        (tmp_path / f"{name}.yaml").symlink_to(f"..data/{name}.yaml")

    async with watching(tmp_path, "*.yaml") as watched:
        publish("v2", one="- targets: [b]", two="- targets: [x]")
        await watched.look()
        publish("v3", one="- targets: [b]")
        (tmp_path / "two.yaml").unlink()
        await watched.look()

    assert watched.changes == [["a", "x"], ["b", "x"], ["b"]]
    assert watched.failures == watched.complaints == []


async def test_files_come_and_go(tmp_path: Path) -> None:
    """A pattern names the files that are there at each look."""
    (tmp_path / "b.json").write_text(listed("b"))
    (tmp_path / "b.txt").write_text(listed("no"))
    (tmp_path / ".b.json").write_text(listed("no"))

    async with watching(tmp_path, "*.json") as watched:
        (tmp_path / "a.json").write_text(listed("a"))
        await watched.look()
        (tmp_path / "b.json").unlink()
        await watched.look()
        (tmp_path / "a.json").rename(tmp_path / "c.json")
        await watched.look()

    assert watched.changes == [["b"], ["a", "b"], ["a"]]
    assert watched.complaints == []


async def test_a_pattern_that_begins_with_a_dot(tmp_path: Path) -> None:
    """Hidden files are meant where they are named."""
    (tmp_path / ".b.json").write_text(listed("b"))

    async with watching(tmp_path, ".*.json") as watched:
        assert watched.names == ["b"]


def change(path: Path, number: int) -> None:
    """Do one of five things to a file; the last of them gives it another name."""
    match number % 5:
        case 0:
            path.write_text(listed(f"a{number}"))
        case 1:
            path.write_text("[{")
        case 2:
            new = path.with_name(".new")
            new.write_text(listed(f"a{number}", "b"))
            new.rename(path)
        case 3:
            path.unlink()
        case _:
            path.symlink_to(path.with_name(".kept"))
            path.with_name(".kept").write_text(listed(f"a{number}"))
            path.rename(path.with_name("b.json"))


async def test_quick_changes(tmp_path: Path) -> None:
    """After two hundred changes of all kinds the last state is what is known."""
    folder = tmp_path / "on"
    folder.mkdir()

    async with watching(folder, "*.json") as watched:
        for number in range(200):
            change(folder / "a.json", number)
            if number % 3 == 0:
                await watched.look()
        await watched.look()
        assert watched.names == ["a199"]
        (folder / "a.json").write_text(listed("z"))
        await watched.look()

    assert watched.changes[-1] == ["z", "a199"]
    assert len(watched.changes) > 60


# --- what is kept, and told


@pytest.mark.parametrize("broken", ["[{", "", "{}", '[{"targets": ["b"]}, ', "\0"])
async def test_broken_and_mended(broken: str, tmp_path: Path) -> None:
    """A broken file names what it did before, and is told of once for each change."""
    path = tmp_path / "a.json"
    path.write_text(listed("a"))

    async with watching(tmp_path, "a.json") as watched:
        path.write_text(broken)
        await watched.look()
        await watched.look()
        assert watched.names == ["a"]
        assert len(watched.failures) == 1
        path.write_text("[[")
        await watched.look()
        assert len(watched.failures) == 2
        path.write_text(listed("a"))
        await watched.look()
        path.write_text(broken)
        await watched.look()
        assert len(watched.failures) == 3
        path.write_text(listed("b"))
        await watched.look()

    assert watched.changes == [["a"], ["b"]]
    assert {where for where, _ in watched.failures} == {"a.json"}


async def test_broken_from_the_start(tmp_path: Path) -> None:
    """The other files' targets are there, and its own come when it is mended."""
    (tmp_path / "a.yaml").write_text("- targets: [a\n")
    (tmp_path / "b.yaml").write_text("- targets: [b]\n")

    async with watching(tmp_path, "*.yaml") as watched:
        assert watched.names == ["b"]
        assert [where for where, _ in watched.failures] == ["a.yaml"]
        (tmp_path / "a.yaml").write_text("- targets: [a]\n")
        await watched.look()

    assert watched.changes == [["b"], ["a", "b"]]


async def test_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No more of a file is read than may be in one."""
    monkeypatch.setattr("exporter.discovery.items.MAX_OCTETS", 100)
    monkeypatch.setattr(files, "MAX_OCTETS", 100)
    (tmp_path / "a.json").write_text(listed("a" * 100))

    async with watching(tmp_path, "a.json") as watched:
        assert watched.failures == [("a.json", "it is longer than 100 octets")]


@pytest.mark.parametrize("kind", [os.mkdir, os.mkfifo])
async def test_what_is_no_file(kind: Callable[[Path], None], tmp_path: Path) -> None:
    """A folder or a pipe in a file's place is told of, and its last list stands."""
    path = tmp_path / "a.json"
    path.write_text(listed("a"))

    async with watching(tmp_path, "*.json") as watched:
        path.unlink()
        kind(path)
        await watched.look()
        await watched.look()

    assert watched.changes == [["a"]]
    assert len(watched.failures) == 2
    assert watched.failures[0][1].startswith("it cannot be read: ")


async def test_a_folder_that_cannot_be_read(tmp_path: Path) -> None:
    """The last lists of the files in it stand."""
    folder = tmp_path / "d"
    folder.mkdir()
    (folder / "a.json").write_text(listed("a"))

    async with watching(folder, "*.json") as watched:
        folder.rename(tmp_path / "e")
        folder.symlink_to(folder)
        await watched.look()
        assert watched.names == ["a"]
        assert watched.failures == [
            (
                "*.json",
                "the folder cannot be read: too many levels of symbolic links",
            )
        ]
        folder.unlink()
        (tmp_path / "e").rename(folder)
        await watched.look()

    assert watched.changes == [["a"]]


async def test_too_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pattern that comes to match too many keeps what it had."""
    monkeypatch.setattr(files, "MAX_FILES", 1)
    (tmp_path / "b.json").write_text(listed("b"))

    async with watching(tmp_path, "*.json") as watched:
        (tmp_path / "a.json").write_text(listed("a"))
        await watched.look()

    assert watched.changes == [["b"]]
    assert watched.failures == [
        ("*.json", "the folder cannot be read: more than 1 files match")
    ]


@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [
        ("a.json", "there is no such file; its targets come with it"),
        ("*.json", "no file matches; targets come when one does"),
        ("d/a.json", "there is no such file; its targets come with it"),
        ("d/*.json", "no file matches; targets come when one does"),
    ],
)
async def test_nothing_there(pattern: str, sentence: str, tmp_path: Path) -> None:
    """It is told once, and again when what had come is gone."""
    complaint = (Path(pattern).name, sentence)
    path = tmp_path / pattern.replace("*", "a")

    async with watching(tmp_path, pattern) as watched:
        await watched.look()
        assert watched.complaints == [complaint]
        path.parent.mkdir(exist_ok=True)
        path.write_text(listed("a"))
        await watched.look()
        assert watched.names == ["a"]
        path.unlink()
        await watched.look()
        await watched.look()

    assert watched.complaints == [complaint] * 2
    assert watched.changes == [["a"], []]
    assert watched.failures == []


async def test_bad_targets(tmp_path: Path) -> None:
    """What cannot be made or read is told of once, in part, and the others go on."""
    path = tmp_path / "a.json"
    bad = [f"bad{number}" for number in range(12)]
    path.write_text(listed("a", *bad, "b"))

    async with watching(tmp_path, "a.json") as watched:
        await watched.look()
        assert watched.complaints == [
            *(("a.json", f"`bad{n}` is left out: it is bad") for n in range(10)),
            ("a.json", "2 more complaints are not shown"),
        ]
        watched.complaints.clear()
        path.write_text('[{"targets": ["a", 7]}, 8]')
        await watched.look()

    assert [sentence for _, sentence in watched.complaints] == [
        "[0].targets[1]: must be text, not a number",
        "[1]: must be a mapping, not a number",
    ]
    assert watched.changes == [["a", "b"], ["a"]]
    assert watched.failures == []


async def test_one_name_twice(tmp_path: Path) -> None:
    """The first has it, within a file, between files and between sources."""
    for name, label in (("a", "1"), ("b", "2"), ("c", "3")):
        group = {"targets": ["x", "x", name], "labels": {"file": label}}
        (tmp_path / f"{name}.json").write_text(json.dumps([group]))
    watched = Watched(source(tmp_path, "c.json"), source(tmp_path, "a.json", "*.json"))
    await watched.start()
    await watched.look()
    assert watched.names == ["x", "c", "a", "b"]
    assert watched.watch.targets[0].labels == (("file", "3"),)
    assert sorted(watched.complaints) == [
        ("a.json", "`x` and 1 more were named before; the first stands"),
        ("b.json", "`x` and 1 more were named before; the first stands"),
        ("c.json", "`x` and 2 more were named before; the first stands"),
        ("c.json", "`x` was named before; the first stands"),
    ]

    (tmp_path / "c.json").unlink()
    await watched.look()
    await watched.watch.stop()

    assert watched.names == ["x", "a", "b"]
    assert watched.watch.targets[0].labels == (("file", "1"),)


async def test_an_error_of_our_own(tmp_path: Path) -> None:
    """It is told of, and the next look is as good as any."""
    broken = True

    def fails(
        address: str,
        module: str | None,
        labels: Mapping[str, str],
        *,
        source: TargetSource,
    ) -> Target:
        if broken:
            raise TypeError
        return make(address, module, labels, source=source)

    (tmp_path / "a.json").write_text(listed("a"))
    async with watching(tmp_path, "a.json", make=fails) as watched:
        assert watched.failures == [
            ("a.json", "an error of the exporter itself: TypeError")
        ]
        broken = False
        await watched.look()

    assert watched.changes == [["a"]]


async def test_a_look_that_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A start does not wait for it, it is told of, and what it brings is taken."""
    monkeypatch.setattr(sources, "SLOW_LOOK_SECONDS", 0.0)
    monkeypatch.setattr(sources, "FIRST_LOOK_SECONDS", 0.0)
    release = threading.Event()
    read = files._read

    def hangs(path: str) -> tuple[bytes, Hashable]:
        assert not path.endswith("hangs.json") or release.wait(30)
        return read(path)

    monkeypatch.setattr(files, "_read", hangs)
    for name in ("hangs", "b"):
        (tmp_path / f"{name}.json").write_text(listed(name))
    watched = Watched(source(tmp_path, "hangs.json"), source(tmp_path, "b.json"))
    await watched.start()
    said = ("hangs.json", "reading it has taken 0 s and has not ended")
    while said not in watched.failures or watched.names != ["b"]:  # noqa: ASYNC110 -- a timer and another thread are what is waited for
        await asyncio.sleep(0.001)
    release.set()
    await watched.look()
    await watched.watch.stop()

    assert watched.changes[-1] == ["hangs", "b"]


# --- other sources, and the end


async def test_replaced(tmp_path: Path) -> None:
    """The targets of sources that are gone go, those of new ones come, told once."""
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.json").write_text(listed(name))
    a, b, c = (source(tmp_path, f"{name}.json") for name in ("a", "b", "c"))
    watched = Watched(a, b)
    await watched.start()
    await watched.look()
    await watched.replace(c, b, c)
    watched.sources = (c, b)
    (tmp_path / "b.json").write_text(listed("bb"))
    await watched.look()
    (tmp_path / "a.json").write_text(listed("aa"))
    await watched.look()
    await watched.replace()
    await watched.watch.stop()

    assert watched.changes == [["a", "b"], ["c", "b"], ["c", "bb"], []]


async def test_replaced_by_the_same(tmp_path: Path) -> None:
    """A source that stays is not read for it, and keeps the very same targets."""
    path = tmp_path / "a.json"
    aged(path, listed("a"))

    async with watching(tmp_path, "a.json") as watched:
        before = watched.watch.targets
        path.write_text("[{")
        await watched.replace(*watched.sources)
        assert watched.watch.targets is before
        assert watched.failures == []

    assert watched.changes == [["a"]]


async def test_a_source_written_otherwise(tmp_path: Path) -> None:
    """A file that another source names from now on keeps its last list."""
    path = tmp_path / "a.json"
    path.write_text(listed("a"))

    async with watching(tmp_path, "a.json") as watched:
        path.write_text("[{")
        await watched.look()
        await watched.replace(source(tmp_path, "*.json", module="lmtp", refresh=1.0))
        assert [target.module.name for target in watched.watch.targets] == ["lmtp"]
        assert len(watched.failures) == 1

    assert watched.changes == [["a"], ["a"]]


async def test_a_source_written_otherwise_that_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until its files were looked at, their last lists stand."""
    monkeypatch.setattr(sources, "FIRST_LOOK_SECONDS", 0.0)
    release = threading.Event()
    read = files._read

    def hangs(path: str) -> tuple[bytes, Hashable]:
        assert release.wait(30)
        return read(path)

    (tmp_path / "a.json").write_text(listed("a"))
    watched = Watched(source(tmp_path, "a.json"))
    await watched.start()
    await watched.look()
    monkeypatch.setattr(files, "_read", hangs)
    await watched.replace(source(tmp_path, "*.json", module="lmtp"))
    assert [target.module.name for target in watched.watch.targets] == ["lmtp"]
    release.set()
    await watched.look()
    await watched.watch.stop()

    assert watched.changes == [["a"], ["a"]]


async def test_other_targets_of_the_same_text(tmp_path: Path) -> None:
    """With another maker, targets are made anew of what was understood last."""
    path = tmp_path / "a.json"
    path.write_text(listed("a", "badly"))

    def kinder(
        address: str,
        module: str | None,
        labels: Mapping[str, str],
        *,
        source: TargetSource,
    ) -> Target:
        return make(address.removeprefix("bad"), module, labels, source=source)

    async with watching(tmp_path, "a.json") as watched:
        path.write_text("[{")
        await watched.look()
        a = watched.watch.targets[0]
        await watched.replace(*watched.sources, make=kinder)
        assert watched.watch.targets[0] is a
        path.write_text(listed("badc"))
        await watched.look()

    assert watched.changes == [["a"], ["a", "ly"], ["c"]]


async def test_the_context_of_a_reload(tmp_path: Path) -> None:
    """Later looks do not run in the context of whoever replaced the sources."""
    request = contextvars.ContextVar("request", default="none")
    heard: list[str] = []
    sleepers = Sleepers()
    watch = FileWatch(
        make=make,
        on_change=lambda _: heard.append(request.get()),
        on_failure=lambda *_: None,
        on_complaint=lambda *_: None,
        sleep=sleepers.sleep,
    )
    request.set("a reload")
    (tmp_path / "a.json").write_text(listed("a"))
    await watch.replace([source(tmp_path, "a.json")])
    (tmp_path / "a.json").write_text(listed("b"))
    await sleepers.wake(1)
    await watch.stop()

    assert heard == ["a reload", "none"]


def open_descriptors() -> int:
    """Count what this process has open."""
    return len([*Path("/proc/self/fd").iterdir()])


async def test_stopped(tmp_path: Path) -> None:
    """Nothing is left: no task, thread or descriptor; and nothing is heard any more."""
    for name in ("a", "b"):
        (tmp_path / f"{name}.json").write_text(listed(name))
    await asyncio.to_thread(int)  # the loop's own threads are not what is counted
    tasks = asyncio.all_tasks()
    descriptors = open_descriptors()
    watched = Watched(source(tmp_path, "a.json"), source(tmp_path, "*.json"))
    await watched.start()
    await watched.look()
    threads = [t for t in threading.enumerate() if t.name.startswith("discovery-file")]
    assert threads
    await watched.watch.stop()
    await watched.watch.stop()
    await watched.replace(source(tmp_path, "b.json"))

    assert asyncio.all_tasks() == tasks
    for thread in threads:
        thread.join(timeout=30)
        assert not thread.is_alive()
    assert open_descriptors() == descriptors
    assert len(watched.changes) == 1


async def test_stopped_while_it_starts(tmp_path: Path) -> None:
    """A start that is under way comes back, and what was looked at is not heard."""
    begun, release = threading.Event(), threading.Event()

    def hangs(
        address: str,
        module: str | None,
        labels: Mapping[str, str],
        *,
        source: TargetSource,
    ) -> Target:
        begun.set()
        assert release.wait(30)
        return make(address, module, labels, source=source)

    (tmp_path / "a.json").write_text(listed("a"))
    watched = Watched(source(tmp_path, "a.json"), make=hangs)
    starting = asyncio.create_task(watched.start())
    assert await asyncio.to_thread(begun.wait, 30)
    stopping = asyncio.create_task(watched.watch.stop())
    await starting
    release.set()
    await stopping

    assert watched.changes == []


async def test_never_started() -> None:
    """A watch that never looked can be stopped."""
    watched = Watched(A_SOURCE)
    await watched.watch.stop()

    assert watched.failures == []
