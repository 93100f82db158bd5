"""The line that somebody sees who waits: drawn, drawn anew, and wiped."""

import asyncio
import io

from exporter.cli.progress import PATIENCE, REDRAW, WIPE, drawn, progress


class Clock:
    """A clock that sleeping moves; after so many sleeps one lasts for ever."""

    def __init__(self, sleeps: int) -> None:
        """Start at 100."""
        self.now = 100.0
        self.left = sleeps
        self.slept: list[float] = []
        self.asleep = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        """Move on."""
        self.slept.append(seconds)
        if not self.left:
            self.asleep.set()
            await asyncio.Event().wait()
        self.left -= 1
        self.now += seconds


def test_a_drawing() -> None:
    """It says what is waited for, and whole seconds."""
    assert drawn("greeting", 12.3) == f"{WIPE}greeting ... 12 s"


async def test_drawn_and_wiped() -> None:
    """The line is drawn with the phase of the moment, and gone in the end."""
    stream, clock = io.StringIO(), Clock(sleeps=3)
    phases = iter(["connect", "greeting", "greeting"])

    async with progress(
        stream, lambda: next(phases), now=lambda: clock.now, sleep=clock.sleep
    ):
        await clock.asleep.wait()

    assert stream.getvalue() == (
        f"{WIPE}connect ... 0 s{WIPE}greeting ... 1 s{WIPE}greeting ... 1 s{WIPE}"
    )
    assert clock.slept == [PATIENCE, REDRAW, REDRAW, REDRAW]


async def test_who_waits_for_nothing_sees_nothing() -> None:
    """A session that is over at once draws nothing."""
    stream, clock = io.StringIO(), Clock(sleeps=0)
    async with progress(
        stream, lambda: "dns", now=lambda: clock.now, sleep=clock.sleep
    ):
        await clock.asleep.wait()

    assert stream.getvalue() == ""


async def test_no_terminal_no_line() -> None:
    """Without a stream nothing is asked."""

    def ask() -> str:
        raise AssertionError

    async with progress(None, ask):
        await asyncio.sleep(0)
