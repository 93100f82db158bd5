"""One target as a row of the status page: everything in words, nothing in colour alone.

Turns an account into what a template writes down; decides nothing about what is good.
"""

from typing import NamedTuple

from exporter.diagnosis import diagnosed
from exporter.ledger import Account
from exporter.outcome import Outcome
from exporter.targets import Target
from exporter.vocabulary import Phase
from exporter.web.bars import Bar, shares
from exporter.web.selection import State, state_of
from exporter.web.spans import ago, machine_moment, moment, took

# A word and a sign for each state; the sign differs in shape, not just in colour.
SIGNS = {
    State.FAILING: "\N{MULTIPLICATION X}",
    State.PENDING: "\N{HORIZONTAL ELLIPSIS}",
    State.WELL: "\N{CHECK MARK}",
}
WORDS = {
    State.FAILING: "failing",
    State.PENDING: "not probed yet",
    State.WELL: "well",
}
# A diagnosis quotes the server; a row has room for its beginning.
MAX_WORDS = 220
_CUT = "\N{HORIZONTAL ELLIPSIS}"


class Moment(NamedTuple):
    """A point in time, as three readers want it."""

    ago: str
    utc: str
    machine: str


class Trouble(NamedTuple):
    """A failure in words."""

    code: str  # as in `greeting_timeout`
    words: str
    when: Moment


class Row(NamedTuple):
    """One target."""

    name: str
    where: str  # host and port; nothing where the name says it already
    module: str
    labels: tuple[tuple[str, str], ...]
    state: State
    banner: int | None  # the greeting's code
    close: str  # the close class in words; nothing before the first probe
    graceful: bool
    took: str
    bars: tuple[Bar, ...]
    trouble: Trouble | None  # of now, or the last that is remembered
    last_probe: Moment | None
    last_success: Moment | None


def row(account: Account, remembered: Outcome | None, now: float) -> Row:
    """Tell of a target; `remembered` is its last failed session, if one is kept."""
    target, latest = account.target, account.latest
    failed = latest if latest and latest.failure else remembered
    return Row(
        name=target.name,
        where=where_beside_name(target),
        module=target.module.name,
        labels=target.labels,
        state=state_of(account),
        banner=latest.code(Phase.GREETING) if latest else None,
        close=close_words(latest) if latest else "",
        graceful=latest.graceful if latest else False,
        took=took(latest.duration) if latest else "",
        bars=shares(latest) if latest else (),
        trouble=trouble(failed, now) if failed else None,
        last_probe=moment_of(latest.ended_at, now) if latest else None,
        last_success=moment_if_any(account.last_success_at, now),
    )


def moment_of(at: float, now: float) -> Moment:
    """Spell a Unix time against now."""
    return Moment(ago(now - at), moment(at), machine_moment(at))


def moment_if_any(at: float | None, now: float) -> Moment | None:
    """Spell a Unix time against now; nothing for what never was."""
    return None if at is None else moment_of(at, now)


def trouble(failed: Outcome, now: float) -> Trouble | None:
    """Tell of a failed session what was seen; nothing of one that succeeded."""
    told = diagnosed(failed)
    if told is None:
        return None
    words = told.seen
    if len(words) > MAX_WORDS:
        words = words[: MAX_WORDS - len(_CUT)] + _CUT
    return Trouble(str(failed.failure), words, moment_of(failed.ended_at, now))


def close_words(outcome: Outcome) -> str:
    """Spell the close class with spaces; it stays the vocabulary's word."""
    return str(outcome.close).replace("_", " ")


def where(target: Target) -> str:
    """Give host and port as they are dialled."""
    if not target.port:
        return target.host
    host = f"[{target.host}]" if ":" in target.host else target.host
    return f"{host}:{target.port}"


def where_beside_name(target: Target) -> str:
    """Give host and port unless the name ends in them."""
    dialled = where(target)
    return "" if target.name.endswith(dialled) else dialled
