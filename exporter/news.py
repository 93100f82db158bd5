"""What the log tells of targets: a line when a state changes, and none while it stays.

A state is what failed and how the session closed. Holds the words, and what keeps a
target that flaps from filling the log; at debug it tells whole dialogues too. Whatever
a server said was covered and made printable by the timeline, and the log escapes anew.
"""

import time
from collections import deque
from collections.abc import Callable, Collection, Container
from dataclasses import dataclass, field
from typing import NamedTuple

import structlog

from exporter.diagnosis import verdict
from exporter.outcome import Outcome
from exporter.targets import Target

# More changes than these in the window are one thing to know, and not one each.
MOST_CHANGES = 6
FLAPPING_SECONDS = 600.0

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Story:
    """What was told of one target; only one that changed has a story."""

    failing_since: float | None = None  # when it was first heard, monotonic
    failed: int = 0  # probes in a row
    # When it changed, by the monotonic clock; one more than may be told.
    changes: deque[float] = field(
        default_factory=lambda: deque(maxlen=MOST_CHANGES + 1)
    )
    unsaid: int = 0  # changes, since it was said to flap
    flapping: bool = False


class News:
    """Tells of what changes; one per exporter."""

    def __init__(
        self, *, dialogues: bool, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """Tell dialogues as well, or not."""
        self._dialogues = dialogues
        self._monotonic = monotonic
        self._stories: dict[str, _Story] = {}

    def keep(self, names: Container[str]) -> None:
        """Forget the targets that are not among these."""
        for name in [name for name in self._stories if name not in names]:
            del self._stories[name]

    def told(self, target: Target, before: Outcome | None, now: Outcome) -> None:
        """Hear of a probe that ended, and say what is new.

        The first success of a target is no news; ten thousand lines at a start would
        be.
        """
        if self._dialogues:
            _tell_dialogue(target, now)
        story = self._stories.get(target.name)
        if not _is_news(before, now):
            if story:
                self._settle(target, story, now)
                self._count(story, now)
            return
        story = self._stories.setdefault(target.name, _Story())
        recent = self._changed(story)
        if recent <= MOST_CHANGES:
            self._tell_change(target, before, now, story)
        elif not story.flapping:
            story.flapping = True
            _log.warning(
                "target flaps; silent until it stays as it is for 10 minutes",
                **_facts(target, now),
                changes=recent,
            )
        else:
            story.unsaid += 1
        self._count(story, now)

    def _changed(self, story: _Story) -> int:
        """Note a change; gives how many there were in the window."""
        at = self._monotonic()
        story.changes.append(at)
        recent = sum(at - one <= FLAPPING_SECONDS for one in story.changes)
        return MOST_CHANGES + 1 if story.flapping else recent

    def _settle(self, target: Target, story: _Story, now: Outcome) -> None:
        """Say how a target that flapped is, once it has stayed so long enough."""
        quiet = self._monotonic() - story.changes[-1]
        if not story.flapping or quiet <= FLAPPING_SECONDS:
            return
        say = _log.info if now.success else _log.warning
        say(
            "target flaps no more",
            **_facts(target, now),
            changes_unsaid=story.unsaid,
            verdict=verdict(now),
        )
        story.flapping, story.unsaid = False, 0

    def _tell_change(
        self, target: Target, before: Outcome | None, now: Outcome, story: _Story
    ) -> None:
        facts: dict[str, object] = {**_facts(target, now)}
        if now.failure:
            if before and before.failure:
                facts["before"] = str(before.failure)
            _log.warning("target fails", **facts, verdict=verdict(now))
            return
        if story.failing_since is not None:  # else it closes otherwise than before
            seconds = self._monotonic() - story.failing_since
            facts["failed_seconds"] = round(seconds, 1)
            facts["failed_probes"] = story.failed
        _log.info("target succeeds", **facts, verdict=verdict(now))

    def _count(self, story: _Story, now: Outcome) -> None:
        if now.success:
            story.failing_since, story.failed = None, 0
            return
        story.failed += 1
        if story.failing_since is None:
            story.failing_since = self._monotonic()


def _is_news(before: Outcome | None, now: Outcome) -> bool:
    if before is None:
        return not now.success
    return (before.failure, before.close) != (now.failure, now.close)


def _facts(target: Target, now: Outcome) -> dict[str, str]:
    facts = {"target": target.name, "close": str(now.close)}
    if now.failure:
        facts["failure"] = str(now.failure)
    return facts


def _tell_dialogue(target: Target, now: Outcome) -> None:
    """Write each entry of a transcript, which is bounded, as one line."""
    for said in now.transcript:
        _log.debug(
            "said",
            target=target.name,
            at_ms=round(said.at * 1000, 1),
            phase=str(said.phase),
            who=str(said.speaker),
            text=said.text,
        )


class Difference(NamedTuple):
    """What a new set of targets has, against the one before."""

    added: int
    removed: int
    changed: int


def difference(before: Collection[Target], after: Collection[Target]) -> Difference:
    """Count what came, what went, and what is probed otherwise under its old name."""
    old = {target.name: target for target in before}
    new = {target.name: target for target in after}
    kept = old.keys() & new.keys()
    changed = sum(old[n] is not new[n] and old[n] != new[n] for n in kept)
    return Difference(len(new) - len(kept), len(old) - len(kept), changed)
