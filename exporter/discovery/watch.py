"""Looks names up again and again, and tells which targets they stand for by now.

Holds the last answer to each question, one task for each, and refuses to know what is
asked and of whom. A lookup that failed for now keeps the last answer. One that failed
for good is an answer too: then, as when there never was one, what was asked for stands
for itself, and its probe carries the failure.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterable
from typing import Generic, Protocol, TypeVar

import structlog

from exporter.smtp.exchange import Interrupted
from exporter.targets import Target
from exporter.vocabulary import Reason


class Watched(Protocol):
    """What has to be looked up, and is probed every so many seconds."""

    @property
    def interval(self) -> float:
        """Give the seconds from probe to probe."""


Names = TypeVar("Names")  # who is asked
Item = TypeVar("Item", bound=Watched)
Question = TypeVar("Question", bound=Hashable)
Answer = TypeVar("Answer")

# How old an answer may get; the TTLs of mail's names are longer as a rule.
REFRESH_SECONDS = 60.0
# As long as a probe's own lookup may take, unless its module says otherwise.
LOOKUP_SECONDS = 5.0
# More would look like an attack to a resolver; fewer would make a start long.
LOOKUPS_AT_ONCE = 20
# Being told may cost seconds of CPU: what is found within a second is told at once.
GATHER_SECONDS = 1.0
# What may be otherwise the next time; everything else is what the DNS says.
PASSING = frozenset(
    {Reason.SERVFAIL, Reason.TIMEOUT, Reason.LOCAL_ERROR, Reason.INTERNAL_ERROR}
)

_log = structlog.get_logger(__name__)


class Watch(ABC, Generic[Names, Item, Question, Answer]):
    """Keeps the targets of its items current; a subclass knows what an item is.

    The observers are called on the loop: `on_change` with all targets, each time when
    they are others than before, and `on_failure` with a question and why it has no
    answer this time.
    """

    def __init__(
        self,
        names: Names,
        *,
        on_change: Callable[[tuple[Target, ...]], object],
        on_failure: Callable[[Question, Reason], object],
        refresh: float = REFRESH_SECONDS,
        gather: float = GATHER_SECONDS,
    ) -> None:
        """Take who is asked, the observers, and bounds in seconds; ask nothing yet."""
        self._names = names
        self._on_change = on_change
        self._on_failure = on_failure
        self._refresh = refresh
        self._gather = gather
        self._items: tuple[Item, ...] = ()
        self._periods: dict[Question, float] = {}
        self._answers: dict[Question, Answer | None] = {}  # None: has none
        self._asking: dict[Question, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._places = asyncio.Semaphore(LOOKUPS_AT_ONCE)
        self._timer: asyncio.TimerHandle | None = None
        self._told: tuple[Target, ...] = ()
        self._started = False

    @abstractmethod
    def question(self, item: Item) -> Question:
        """Give what has to be asked for an item; items may share a question."""

    @abstractmethod
    async def ask(self, question: Question) -> Answer:
        """Look it up; raises Interrupted."""

    @abstractmethod
    def expand(self, item: Item, answer: Answer) -> tuple[Target, ...]:
        """Give the targets that an item is; none when it has to stand for itself."""

    @abstractmethod
    def itself(self, item: Item) -> Target:
        """Give the target whose probe shows why the item has no others."""

    @property
    def targets(self) -> tuple[Target, ...]:
        """Give what all items are; one that was not looked up yet is nothing."""
        return tuple(target for item in self._items for target in self._targets(item))

    def start(self) -> None:
        """Begin to ask, on the running loop."""
        self._started = True
        self._ask_and_forget()

    def replace(self, items: Iterable[Item]) -> None:
        """Watch these items from now on; what was asked before keeps its answer."""
        self._items = tuple(items)
        self._periods = {}
        for item in self._items:
            question = self.question(item)
            period = self._periods.get(question, self._refresh)
            self._periods[question] = min(period, item.interval)
        if self._started:
            self._ask_and_forget()
            self._tell_soon()

    async def stop(self) -> None:
        """Ask and tell nothing more; comes back when the last lookup has ended."""
        self._started = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._asking.clear()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _targets(self, item: Item) -> tuple[Target, ...]:
        question = self.question(item)
        if question not in self._answers:
            return ()
        answer = self._answers[question]
        found = () if answer is None else self.expand(item, answer)
        return found or (self.itself(item),)

    def _ask_and_forget(self) -> None:
        for question in self._asking.keys() - self._periods.keys():
            self._asking.pop(question).cancel()
            self._answers.pop(question, None)
        for question in self._periods.keys() - self._asking.keys():
            task = asyncio.create_task(self._keep(question))
            self._asking[question] = task
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _keep(self, question: Question) -> None:
        while True:
            async with self._places:
                answer, reason = await self._answer(question)
            self._take(question, answer, reason)
            await asyncio.sleep(self._periods[question])

    async def _answer(self, question: Question) -> tuple[Answer | None, Reason]:
        try:
            async with asyncio.timeout(LOOKUP_SECONDS):
                return await self.ask(question), Reason.NONE
        except TimeoutError:
            return None, Reason.TIMEOUT
        except Interrupted as interrupted:
            return None, interrupted.reason
        except Exception:  # noqa: BLE001 -- whatever it is, it is asked again
            _log.exception("lookup crashed", question=question)
            return None, Reason.INTERNAL_ERROR

    def _take(self, question: Question, answer: Answer | None, reason: Reason) -> None:
        known = question in self._answers
        if reason in PASSING:
            answer = self._answers.get(question)
            # Not from here: an observer that raises must not be the end of the lookups.
            asyncio.get_running_loop().call_soon(self._on_failure, question, reason)
        if not known or answer != self._answers[question]:
            self._answers[question] = answer
            self._tell_soon()

    def _tell_soon(self) -> None:
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._gather, self._tell)

    def _tell(self) -> None:
        self._timer = None
        targets = self.targets
        if targets != self._told:
            self._told = targets
            self._on_change(targets)
