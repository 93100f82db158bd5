"""Sources of targets, looked at again and again: files, and addresses of HTTP.

Each source has a task that looks at it every so often; threads read, parse and make
targets, and the loop only takes the result. Refuses to know what a target is made of,
and what becomes of the targets: both come as arguments.
"""

import asyncio
import contextvars
from abc import ABC, abstractmethod
from collections.abc import (
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import ClassVar, Generic, TypeVar

import structlog

from exporter.discovery.lists import (
    Document,
    Joined,
    Look,
    Make,
    Maker,
    S,
    Said,
    Tell,
    join,
)
from exporter.targets import Target
from exporter.vocabulary import TargetSource

# A start waits for the first look at a source this long: above what an address may
# take to answer. What comes later is taken when it comes.
FIRST_LOOK_SECONDS = 12.0
# A look that takes longer hangs, as on a file server that is gone: that is told.
SLOW_LOOK_SECONDS = 60.0
_THREADS = 4  # of each watch: a file server that hangs holds up its own source only

R = TypeVar("R")

_log = structlog.get_logger(__name__)


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
        *,
        make: Make,
        on_change: Callable[[tuple[Target, ...]], object],
        on_failure: Tell,
        on_complaint: Tell,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        """Take the observers; there is nothing to look at before `replace`."""
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

    async def replace(self, sources: Iterable[S], make: Make | None = None) -> None:
        """Look at these sources from now on, and at no others.

        A file or address that was known keeps its list, also in a source that is
        written otherwise now. With another `make` (None: the same) all targets are made
        anew, without reading. Returns when every new source was looked at, or after
        FIRST_LOOK_SECONDS; the targets change once.
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
            *(self.origin, source.where),
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
        try:
            yield
        except Exception as error:  # noqa: BLE001 -- whatever it is, only this look fails
            _log.exception("discovery crashed", where=source.where)
            said = f"an error of the exporter itself: {type(error).__name__}"
            self._on_failure(self.origin, source.where, said)

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
