"""What must hold when the soak is over: pure, by pages of metrics and samples.

Each check gives the sentences of what is wrong; without any it holds.
"""

import re
import statistics
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from tests.soak.kinds import SUCCESS, Kind, kind_of

GROWTH = 1.05  # of memory, from after the warm-up to the end
WARM_UP = 0.2  # of the time
_SOME = 10  # samples whose median stands for a moment
_FROM_PACE = 0.95  # probes, of those that the pace asks for
# What Python or the exporter writes when something was left over or went unnoticed.
TRACES = (
    "Traceback",
    "never awaited",
    "never retrieved",
    "was destroyed",
    "Exception ignored",
    "Warning:",
    "crashed",
    "level=error",
    "level=critical",
)


_FAMILIES = (
    "smtp_probes_total",
    "smtp_probe_failures_total",
    "smtp_session_ends_total",
    "smtp_phase_latency_seconds_count",
)
# The client's own parser takes seconds for a page, and this is read every ten.
_LINE = re.compile(
    rf'^({"|".join(_FAMILIES)}){{target="([^"]+)",[^}}]*'
    r'module="[^"]*"([^}]*)} (\S+)$',
    re.MULTILINE,
)
_VALUE = re.compile(r'="([^"]*)"')


class Counted(NamedTuple):
    """The counters of one target that are not 0, each by its labels' values."""

    probes: Counter[str]
    failures: Counter[str]  # by `PHASE REASON`
    ends: Counter[str]  # by close class
    completed: Counter[str]  # by phase


def counted(page: str) -> dict[str, Counted]:
    """Read a page's counters by target."""
    found: dict[str, Counted] = {}
    for name, target, labels, value in _LINE.findall(page):
        one = found.setdefault(
            target, Counted(Counter(), Counter(), Counter(), Counter())
        )
        if count := int(value):
            one[_FAMILIES.index(name)][" ".join(_VALUE.findall(labels))] = count
    return found


def wrong_in(page: str) -> Iterator[str]:
    """Hold every target's counters against each other, and against its kind."""
    for name, one in counted(page).items():
        probes, failed = one.probes.total(), one.failures.total()
        succeeded = one.completed["quit"]  # of the kinds there are
        if probes != failed + succeeded:
            yield f"{name}: {probes} probes, {failed} failed, {succeeded} succeeded"
        if probes != one.ends.total():
            yield f"{name}: {probes} probes, {one.ends.total()} ends"
        yield from _against(kind_of(name), name, one)


def _against(kind: Kind, name: str, one: Counted) -> Iterator[str]:
    probes = one.probes.total()
    expected = {} if kind.failure == SUCCESS else {kind.failure: probes}
    if probes and one.failures != expected:
        yield f"{name}: failures {dict(one.failures)} of {probes}"
    if probes and one.ends != {kind.close: probes}:
        yield f"{name}: ends {dict(one.ends)} of {probes}"


def wrong_beside(page: str, quits: Mapping[str, int]) -> Iterator[str]:
    """Hold what servers have counted against what is said of them."""
    for server in ("steady", "slow"):
        said = sum(
            one.ends["clean"]
            for name, one in counted(page).items()
            if kind_of(name).server == server
        )
        if said != quits[server]:
            yield f"{server} servers saw {quits[server]} QUITs, and {said} are told"


def wrong_between(before: str, after: str) -> Iterator[str]:
    """Hold two pages against each other: of who stayed, no counter falls."""
    now = counted(after)
    for name, then in counted(before).items():
        if kind_of(name).server in {"extra", "found"}:
            continue
        for was, its in zip(then, now[name], strict=True):
            if was - its:
                yield f"{name}: {dict(was)}, and later {dict(its)}"


def wrong_with_memory(resident: Sequence[int]) -> Iterator[str]:
    """Hold the end against the time after the warm-up."""
    early, late = growth(resident)
    if late > early * GROWTH:
        yield f"memory grew from {early / 1e6:.1f} to {late / 1e6:.1f} MB"


def growth(resident: Sequence[int]) -> tuple[float, float]:
    """Give the octets held after the warm-up, and at the end."""
    warm = resident[int(len(resident) * WARM_UP) :]
    return statistics.median(warm[:_SOME]), statistics.median(warm[-_SOME:])


def wrong_with_pace(probes: float, seconds: float, pace: float) -> Iterator[str]:
    """Hold the number of probes against what the schedule asks for."""
    if probes < pace * seconds * _FROM_PACE:
        yield f"{probes:.0f} probes in {seconds:.0f} s, of {pace:.0f} a second"


def wrong_in_log(log: str) -> Iterator[str]:
    """Look for traces of what nobody handled."""
    for line in log.splitlines():
        if any(trace in line for trace in TRACES):
            yield f"log: {line[:200]}"
