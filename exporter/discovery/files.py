"""Targets from files: what has changed is read again, and what is broken is kept.

Holds the watch, which is the same for files and for addresses of HTTP (each source has
a task that looks at it every so often; threads read, parse and make targets; the loop
only takes the result), and how files are looked at. Refuses to know what a target is
made of, and what becomes of the targets: both come as arguments.
"""

import asyncio
import contextvars
import errno
import os
import stat
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import (
    Awaitable,
    Callable,
    Hashable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from hashlib import blake2b
from pathlib import Path
from typing import ClassVar, Final, Generic, NamedTuple, Protocol, TypeVar

import structlog

from exporter.discovery.groups import (
    MAX_OCTETS,
    Form,
    Found,
    Unreadable,
    read_groups,
    shown,
)
from exporter.targets import FileSource, HttpSource, Target
from exporter.vocabulary import TargetSource

# A start waits for the first look at a source this long: above what an address may
# take to answer. What comes later is taken when it comes.
FIRST_LOOK_SECONDS = 12.0
# A look that takes longer hangs, as on a file server that is gone: that is told.
SLOW_LOOK_SECONDS = 60.0
# Complaints about one text that are told; whoever mends ten knows the others.
MAX_TOLD = 10
# A file for each target of one process is ten thousand.
MAX_FILES = 20_000
# FAT's clock has steps of 2 s. A file changed so shortly before it is read may change
# once more without its times showing.
_CLOCK_STEP_SECONDS = 2.0
_THREADS = 4  # of each watch: a file server that hangs holds up its own source only
_making = threading.Lock()  # with two at it the loop would wait twice as long

S = TypeVar("S", FileSource, HttpSource)
R = TypeVar("R")
Octets = bytes | bytearray
Said = tuple[str, str]  # a file or an address, and a sentence about it
Tell = Callable[[TargetSource, str, str], object]

_log = structlog.get_logger(__name__)


class Make(Protocol):
    """Makes a target of what was found; called in a thread, one call at a time."""

    def __call__(
        self,
        address: str,
        module: str | None,
        labels: Mapping[str, str],
        *,
        source: TargetSource,
    ) -> Target:
        """Raise ValueError with a sentence for one that cannot be."""


@dataclass(frozen=True, slots=True)
class Maker:
    """What makes the targets of one source."""

    make: Make
    module: str | None  # of targets that name none
    origin: TargetSource

    def targets(
        self,
        octets: Octets,
        form: Form,
        before: tuple[Target, ...],
        complain: Callable[[str], object],
    ) -> tuple[Target, ...]:
        """Make the targets that a text names; one that was there before is the same.

        Where hardly any is new, hardly anything is left for the garbage collector,
        which would hold the loop. Raises Unreadable.
        """
        with _making:
            now = tuple(self._targets(octets, form, before, complain))
        return before if now == before else now

    def _targets(
        self,
        octets: Octets,
        form: Form,
        before: tuple[Target, ...],
        complain: Callable[[str], object],
    ) -> Iterator[Target]:
        known = {target.name: target for target in before}
        for found in read_groups(octets, form, complain):
            try:
                made = self._made(found)
            except ValueError as error:
                complain(f"{shown(found.address)} is left out: {error}")
            else:
                old = known.get(made.name)
                yield old if old is not None and old == made else made

    def _made(self, found: Found) -> Target:
        return self.make(
            found.address,
            found.module or self.module,
            dict(found.labels),
            source=self.origin,
        )


@dataclass(frozen=True, slots=True)
class Document:
    """What a file or an address names, as it was last understood.

    The text is kept, for targets to be made of it anew: it is one object, and what is
    found in it would be ten for each target.
    """

    where: str  # how it is told of
    form: Form
    stamp: Hashable = None  # shows without reading that it is the same; None: reads it
    digest: bytes = b""  # of the text last read, understood or not
    octets: Octets | None = None  # the text last understood; None: none was
    maker: Maker | None = None
    targets: tuple[Target, ...] = ()

    def made_by(self, maker: Maker) -> tuple["Document", Sequence[Said]]:
        """Give it with the targets that this maker makes, and what to tell of them.

        Raises Unreadable for a text that was not understood before.
        """
        if self.maker == maker or self.octets is None:
            return self, ()
        said: list[str] = []
        targets = maker.targets(self.octets, self.form, self.targets, said.append)
        told = [(self.where, sentence) for sentence in said[:MAX_TOLD]]
        if said[MAX_TOLD:]:
            more = len(said) - MAX_TOLD
            told.append((self.where, f"{more} more complaints are not shown"))
        return replace(self, maker=maker, targets=targets), told


class Look:
    """One look at a source: what it names by now, and what there is to tell."""

    def __init__(self, known: Mapping[str, Document], maker: Maker) -> None:
        """Begin with what was known before, by path or URL."""
        self.known = known
        self.documents: dict[str, Document] = {}
        self.failures: list[Said] = []
        self.complaints: list[Said] = []
        self._maker = maker

    def differs(self, known: Mapping[str, Document]) -> bool:
        """Whether what is named may be other than what is known."""
        return self.documents.keys() != known.keys() or any(
            document.targets is not known[key].targets
            for key, document in self.documents.items()
        )

    def keep(self, key: str) -> None:
        """Let a document stand as it was known."""
        if key in self.known:
            self.documents[key] = self.known[key]
        else:
            self.documents.pop(key, None)

    def fail(self, key: str, where: str, sentence: str) -> None:
        """Tell that a document cannot be had; it stands as it was known."""
        self.failures.append((where, sentence))
        self.keep(key)

    def read(self, key: str, empty: Document, octets: Octets) -> bool:
        """Take a text for an empty document; not for the thread of the loop.

        False for one that is not understood: the document names what it did before.
        """
        digest = blake2b(octets).digest()
        known = self.known.get(key, empty)
        stamped = replace(known, stamp=empty.stamp, digest=digest)
        self.documents[key] = stamped
        if digest == known.digest:
            return True
        try:
            document, told = replace(stamped, octets=octets, maker=None).made_by(
                self._maker
            )
        except Unreadable as error:
            self.failures.append((empty.where, str(error)))
            return False
        self.documents[key] = document
        self.complaints.extend(told)
        return True


class Joined(NamedTuple, Generic[S]):
    """The documents of all sources, and their targets without a name coming twice."""

    documents: Mapping[S, Mapping[str, Document]]
    targets: tuple[Target, ...] = ()
    doubles: tuple[Said, ...] = ()
    told: tuple[Said, ...] = ()  # complaints not told before


def join(
    documents: Mapping[S, Mapping[str, Document]],
    makers: Mapping[S, Maker],
    before: Joined[S],
) -> Joined[S]:
    """Join what the sources name; where two name a target alike, the first has it.

    The targets are the very ones of before if nothing is different. May take seconds:
    not for the thread of the loop.
    """
    chosen: dict[str, Target] = {}
    told: list[Said] = []
    doubles: list[Said] = []
    made: dict[S, dict[str, Document]] = {}
    for source, by_key in documents.items():
        made[source] = {}
        for key, document in by_key.items():
            made[source][key], complaints = document.made_by(makers[source])
            told.extend(complaints)
            doubles.extend(_doubles(made[source][key], chosen))
    told.extend(said for said in doubles if said not in before.doubles)
    targets = tuple(chosen.values())
    if targets == before.targets:
        targets = before.targets
    return Joined(made, targets, tuple(doubles), tuple(told))


def _doubles(document: Document, chosen: dict[str, Target]) -> Iterator[Said]:
    """Add the targets to the chosen; tell of those whose names were taken."""
    names: list[str] = []
    for target in document.targets:
        if target.name in chosen:
            names.append(target.name)
        else:
            chosen[target.name] = target
    if names:
        others = f" and {len(names) - 1} more were" if names[1:] else " was"
        yield (
            document.where,
            f"{shown(names[0])}{others} named before; the first stands",
        )


class SourceWatch(ABC, Generic[S]):
    """Looks at sources again and again, and tells when what they name has changed.

    The observers are called on the loop: `on_change` with all targets whenever one is
    another, new or gone; `on_failure` when a source or a part of it could not be had or
    understood, so that the last list stands; `on_complaint` with what was left out of a
    list. The two have the kind of source, the file or address, and a sentence, which
    holds no secret. The context that looks run in is taken when the watch is made.
    """

    origin: ClassVar[TargetSource]

    def __init__(
        self,
        sources: Iterable[S],
        *,
        make: Make,
        on_change: Callable[[tuple[Target, ...]], object],
        on_failure: Tell,
        on_complaint: Tell,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        """Take the sources and the observers; look at nothing yet."""
        self._given: tuple[S, ...] = tuple(sources)
        self._make = make
        self._on_change = on_change
        self._on_failure = on_failure
        self._on_complaint = on_complaint
        self._sleep = sleep
        self._documents: dict[S, Mapping[str, Document]] = {}
        self._joined: Joined[S] = Joined({})
        self._looks: dict[S, Look] = {}  # not yet taken
        self._keepers: dict[S, asyncio.Task[None]] = {}
        self._turn = asyncio.Lock()  # of whoever changes what is known
        self._executor = ThreadPoolExecutor(_THREADS, f"discovery-{self.origin}")
        self._context = contextvars.copy_context()
        self._stopped = False

    @property
    def targets(self) -> tuple[Target, ...]:
        """Give the targets as they now are."""
        return self._joined.targets

    async def start(self) -> None:
        """Look at each source for the first time, and go on looking.

        Returns when every source was looked at, or after FIRST_LOOK_SECONDS.
        """
        await self.replace(self._given)

    async def replace(self, sources: Iterable[S], make: Make | None = None) -> None:
        """Look at these sources from now on, and at no others.

        A file or address that was known keeps its list, also in a source that is
        written otherwise now. With another `make` (None: the same) all targets are made
        anew, without reading. Returns as `start` does; the targets change once.
        """
        async with self._turn:
            if self._stopped:
                return
            self._make = make or self._make
            await self._take_over(tuple(dict.fromkeys(sources)))
            await self._settle(anyway=True)

    async def stop(self) -> None:
        """Look no more; what a thread is still at ends without being heard."""
        if self._stopped:
            return
        self._stopped = True
        await self._end(tuple(self._keepers))
        await self._close()
        self._executor.shutdown(wait=False, cancel_futures=True)

    @abstractmethod
    async def _look(self, source: S, look: Look) -> None:
        """Fill the look with what the source names now."""

    @abstractmethod
    def _has(self, source: S, key: str) -> bool:
        """Whether a document of this path or URL would be one of the source's."""

    @abstractmethod
    def _where(self, source: S) -> str:
        """Say where the source is, without secrets."""

    async def _close(self) -> None:
        """Close what looking has opened."""

    async def _off_loop(self, work: Callable[..., R], *arguments: object) -> R:
        """Do what may hang in a thread of the watch's own."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, work, *arguments)

    def _maker(self, source: S) -> Maker:
        return Maker(self._make, source.module, self.origin)

    async def _take_over(self, sources: Sequence[S]) -> None:
        await self._end([source for source in self._keepers if source not in sources])
        known = [pair for each in self._documents.values() for pair in each.items()]
        self._documents = {
            source: self._documents[source]
            if source in self._documents
            else {key: document for key, document in known if self._has(source, key)}
            for source in sources
        }
        new = [source for source in sources if source not in self._keepers]
        looked = [self._begin(source) for source in new]
        if looked:
            await asyncio.wait(looked, timeout=FIRST_LOOK_SECONDS)

    def _begin(self, source: S) -> asyncio.Future[None]:
        """Start a source's keeper; gives what is done when it has looked once."""
        loop = asyncio.get_running_loop()
        looked: asyncio.Future[None] = loop.create_future()
        keeper = loop.create_task(self._keep(source, looked), context=self._context)
        keeper.add_done_callback(lambda _: looked.cancel())
        self._keepers[source] = keeper
        return looked

    async def _end(self, sources: Sequence[S]) -> None:
        keepers = [self._keepers.pop(source) for source in sources]
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)
        for source in sources:
            self._looks.pop(source, None)

    async def _keep(self, source: S, looked: asyncio.Future[None]) -> None:
        await self._look_once(source)
        looked.set_result(None)
        while True:
            with self._surviving(source):
                async with self._turn:
                    await self._settle()
            await self._sleep(source.refresh)
            await self._look_once(source)

    async def _look_once(self, source: S) -> None:
        look = Look(self._documents[source], self._maker(source))
        slow = asyncio.get_running_loop().call_later(
            SLOW_LOOK_SECONDS,
            self._on_failure,
            *(self.origin, self._where(source)),
            f"reading it has taken {SLOW_LOOK_SECONDS:g} s and has not ended",
        )
        try:
            with self._surviving(source):
                await self._look(source, look)
                self._looks[source] = look
        finally:
            slow.cancel()

    @contextmanager
    def _surviving(self, source: S) -> Iterator[None]:
        """Let no error be the end of all looks."""
        where = self._where(source)
        try:
            yield
        except Exception as error:  # noqa: BLE001 -- whatever it is, only this look fails
            _log.exception("discovery crashed", where=where)
            said = f"an error of the exporter itself: {type(error).__name__}"
            self._on_failure(self.origin, where, said)

    async def _settle(self, *, anyway: bool = False) -> None:
        """Take what the looks have brought; only for whoever has the turn."""
        if self._stopped:
            return
        looks, self._looks = self._looks, {}
        for source, look in looks.items():
            anyway = anyway or look.differs(self._documents[source])
            self._documents[source] = look.documents
            self._tell(self._on_failure, look.failures)
            self._tell(self._on_complaint, look.complaints)
        if not anyway:
            return
        makers = {source: self._maker(source) for source in self._documents}
        joined = await asyncio.to_thread(join, self._documents, makers, self._joined)
        if self._stopped:
            return
        before, self._joined = self._joined, joined
        self._documents = dict(joined.documents)
        self._tell(self._on_complaint, joined.told)
        if joined.targets is not before.targets:
            self._on_change(joined.targets)

    def _tell(self, observer: Tell, told: Iterable[Said]) -> None:
        for where, sentence in told:
            observer(self.origin, where, sentence)


# --- files

_MISSING: Final = "missing"  # the stamp of a file, or a pattern's files, not there
_NOT_THERE = (FileNotFoundError, NotADirectoryError)


class FileWatch(SourceWatch[FileSource]):
    """Watches files in the format of file_sd; see SourceWatch.

    A file is read again when its times, size or inode are others, behind symbolic
    links. A broken one names what it did before, and is told of once for each change;
    one that is gone names nothing.
    """

    origin = TargetSource.FILE

    async def _look(self, source: FileSource, look: Look) -> None:
        await self._off_loop(_look_at, source.files, look)

    def _has(self, source: FileSource, key: str) -> bool:
        return any(_matches(key, pattern) for pattern in source.files)

    def _where(self, source: FileSource) -> str:
        return ", ".join(source.files)


def _look_at(patterns: Iterable[str], look: Look) -> None:
    for pattern in patterns:
        for path in _matching(pattern, look):
            if path not in look.documents:
                _visit(path, look)


def _matching(pattern: str, look: Look) -> Sequence[str]:
    """Give the paths of a pattern in order; none when the folder cannot be read."""
    if "*" not in pattern:
        return [pattern]
    try:
        paths = _listed(pattern)
    except OSError as error:
        look.failures.append((pattern, f"the folder cannot be read: {_reason(error)}"))
        for path in look.known:
            if _matches(path, pattern):
                look.keep(path)
        return ()
    if not paths:
        _miss(pattern, look, "no file matches; targets come when one does")
    return paths


def _listed(pattern: str) -> Sequence[str]:
    try:
        files = [str(path) for path in Path(pattern).parent.iterdir()]
    except _NOT_THERE:
        return ()
    paths = sorted(path for path in files if _matches(path, pattern))
    if len(paths) > MAX_FILES:
        raise OSError(errno.E2BIG, f"more than {MAX_FILES} files match")
    return paths


def _matches(path: str, pattern: str) -> bool:
    """Whether a path is meant; a leading dot, as of half-written copies, never is."""
    folder, _, name = path.rpartition("/")
    wanted, _, names = pattern.rpartition("/")
    hidden = name.startswith(".") and not names.startswith(".")
    return folder == wanted and not hidden and fnmatchcase(name, names)


def _visit(path: str, look: Look) -> None:
    known = look.known.get(path)
    try:
        if known and known.stamp == _stamp(Path(path).stat()):
            look.keep(path)
            return
        octets, stamp = _read(path)
    except _NOT_THERE:
        _miss(path, look, "there is no such file; its targets come with it")
    except OSError as error:
        look.fail(path, path, f"it cannot be read: {_reason(error)}")
    else:
        look.read(path, Document(path, _form(path), stamp), octets)


def _miss(path: str, look: Look, sentence: str) -> None:
    """Note that nothing is there, and tell it once."""
    known = look.known.get(path)
    if not known or known.stamp != _MISSING:
        look.complaints.append((path, sentence))
    look.documents[path] = Document(path, _form(path), _MISSING)


def _form(path: str) -> Form:
    return Form.JSON if path.lower().endswith(".json") else Form.YAML


def _read(path: str) -> tuple[bytes, Hashable]:
    # A pipe of that name would wait for a writer without O_NONBLOCK.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
        octets = file.read(MAX_OCTETS + 1)
    age = time.time() - max(status.st_mtime, status.st_ctime)
    return octets, _stamp(status) if age > _CLOCK_STEP_SECONDS else None


def _stamp(status: os.stat_result) -> Hashable:
    """Give what is another after any change: an inode and a time may come again."""
    times = status.st_mtime_ns, status.st_ctime_ns
    return times, status.st_size, status.st_ino, status.st_dev


def _reason(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()
