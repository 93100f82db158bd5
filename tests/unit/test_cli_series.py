"""Session after session: how many, how far apart, and how one leaves."""

import asyncio

import pytest

from exporter.cli.series import (
    LONGEST_WAIT,
    Pace,
    Plan,
    hold,
    is_here,
    planned,
    warning,
)
from exporter.config import Refusal, single_target
from exporter.outcome import Failure, Outcome
from exporter.vocabulary import Close, Phase, Reason
from tests.unit.outcomes import outcome, target

ELSEWHERE = target()
HERE = target(host="127.0.0.1")


def busy() -> Outcome:
    """Give a session that a 421 answered."""
    greeting = outcome().phases[2]._replace(code=421)
    return outcome(
        phases=(*outcome().phases[:2], greeting),
        failure=Failure(Phase.GREETING, Reason.UNAVAILABLE),
        close=Close.CODE_421,
        quit_sent=False,
        quit_code=None,
        offer=None,
        starttls_offered=None,
    )


# --- the plan


def test_the_plan() -> None:
    """Flags are read into numbers."""
    assert planned(5, "1m30s", ELSEWHERE) == Plan(5, 90.0)
    assert planned(0, "1s", ELSEWHERE) == Plan(0, 1.0)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.8.8.8", "[::1]", "localhost", "LOCALHOST.", "unix:/a/b"]
)
def test_here(host: str) -> None:
    """A server of this machine may be asked as often as its owner likes."""
    assert is_here(single_target(host))
    assert planned(9, "0", single_target(host)).interval == 0


@pytest.mark.parametrize("host", ["192.0.2.1", "mx1.example.com", "localhost.test"])
def test_elsewhere(host: str) -> None:
    """Nobody floods a server of somebody else's."""
    assert not is_here(single_target(host))
    with pytest.raises(Refusal, match="must be 1s or more"):
        planned(9, "999ms", single_target(host))


def test_a_word_of_warning() -> None:
    """Hurry is warned of where it may hurt, and only there."""
    assert "less than 5s between sessions" in warning(Plan(9, 1.0), ELSEWHERE)
    assert warning(Plan(9, 5.0), ELSEWHERE) == ""
    assert warning(Plan(1, 1.0), ELSEWHERE) == ""
    assert warning(Plan(9, 0.0), HERE) == ""


def test_the_pace() -> None:
    """From the second 421 in a row on the pauses double, to a minute at most."""
    pace = Pace(5.0)

    assert pace.after(outcome()) == 5.0
    assert [pace.after(busy()) for _ in range(7)] == [5, 5 * 2, 20, 40, 60, 60, 60]
    assert pace.after(outcome()) == 5.0
    assert LONGEST_WAIT == 60.0


def test_a_slow_pace_stays() -> None:
    """An interval above the longest wait is not made shorter."""
    pace = Pace(300.0)

    assert [pace.after(busy()) for _ in range(3)] == [300.0] * 3


def test_a_pace_for_days() -> None:
    """Any number of refusals is borne."""
    pace = Pace(1.0)

    assert {pace.after(busy()) for _ in range(5000)} == {1, 2, 4, 8, 16, 32, 60}


# --- the sessions


class Sessions:
    """Sessions that come back with what they are given."""

    def __init__(self, *seen: Outcome) -> None:
        """Hold one after the other."""
        self.seen = list(seen)
        self.told: list[Outcome] = []
        self.stopping = asyncio.Event()
        self.running = 0
        self.most = 0

    async def one(self) -> Outcome:
        """Hold one, never beside another."""
        self.running += 1
        self.most = max(self.most, self.running)
        await asyncio.sleep(0)
        self.running -= 1
        return self.seen.pop(0)

    async def hold(self, plan: Plan) -> None:
        """Hold them by a plan."""
        await hold(plan, self.one, self.told.append, self.stopping, now=lambda: 0.0)


async def test_so_many() -> None:
    """As many sessions are held as were asked for, one at a time."""
    sessions = Sessions(*[outcome()] * 5)
    await sessions.hold(Plan(3, 0.0))

    assert (len(sessions.told), len(sessions.seen), sessions.most) == (3, 2, 1)


async def test_without_end() -> None:
    """0 goes on until somebody stops it, and what was held is told."""
    sessions = Sessions(*[outcome()] * 100)

    def told(seen: Outcome) -> None:
        sessions.told.append(seen)
        if len(sessions.told) == 7:
            sessions.stopping.set()

    await hold(Plan(0, 0.0), sessions.one, told, sessions.stopping)
    assert len(sessions.told) == 7


async def test_stopped_while_it_waits() -> None:
    """Ctrl-C between two sessions ends the series at once."""
    sessions = Sessions(outcome(), outcome())
    task = asyncio.create_task(sessions.hold(Plan(0, 3600.0)))
    while not sessions.told:  # noqa: ASYNC110 -- a turn of the loop, and no time
        await asyncio.sleep(0)
    sessions.stopping.set()
    await task

    assert len(sessions.told) == 1


async def stopped_in_a_session(*, twice: bool) -> tuple[list[Outcome], list[str]]:
    """Stop while a session runs; gives what was told, and what became of it."""
    begun, end = asyncio.Event(), asyncio.Event()
    stopping, fate, told = asyncio.Event(), list[str](), list[Outcome]()

    async def session() -> Outcome:
        begun.set()
        try:
            await end.wait()
        except asyncio.CancelledError:
            fate.append("cut off")
            raise
        fate.append("ended")
        return outcome()

    task = asyncio.create_task(hold(Plan(0, 0.0), session, told.append, stopping))
    await begun.wait()
    stopping.set()
    while stopping.is_set():  # noqa: ASYNC110 -- a turn of the loop, and no time
        await asyncio.sleep(0)
    (stopping if twice else end).set()
    await task
    return told, fate


async def test_a_session_may_say_goodbye() -> None:
    """The session that runs at Ctrl-C may end, and is told."""
    told, fate = await stopped_in_a_session(twice=False)

    assert (len(told), fate) == (1, ["ended"])


async def test_ctrl_c_twice() -> None:
    """The second Ctrl-C cuts the session off, and it is not told."""
    told, fate = await stopped_in_a_session(twice=True)

    assert (told, fate) == ([], ["cut off"])


async def test_a_fault_of_the_teller() -> None:
    """What goes wrong while telling comes out; a closed pipe ends a series."""

    def told(_: Outcome) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        await hold(Plan(0, 0.0), Sessions(outcome()).one, told, asyncio.Event())
