"""The soak's checks: each holds where it should, and each can fail."""

import pytest

from tests.soak.judge import (
    counted,
    growth,
    wrong_beside,
    wrong_between,
    wrong_in,
    wrong_in_log,
    wrong_with_memory,
    wrong_with_pace,
)

STEADY = "steady@127.0.0.1/7"
DEAD = "dead@127.0.0.1/0"
MB = 1_000_000


def page(
    target: str = STEADY,
    *,
    probes: int = 3,
    failed: str = "",
    failures: int = 0,
    close: str = "clean",
    ends: int = 3,
    answered: int = 3,
) -> str:
    """Write the counters of one target."""
    labels = f'target="{target}",host="127.0.0.1",port="25",module="plain"'
    lines = [
        f"smtp_probes_total{{{labels}}} {probes}",
        f'smtp_session_ends_total{{{labels},close="none"}} 0',
        f'smtp_session_ends_total{{{labels},close="{close}"}} {ends}',
        f'smtp_phase_latency_seconds_count{{{labels},phase="quit"}} {answered}',
    ]
    if failed:
        phase, reason = failed.split()
        of = f'{labels},phase="{phase}",reason="{reason}"'
        lines.append(f"smtp_probe_failures_total{{{of}}} {failures}")
    return "".join(f"{line}\n" for line in lines)


def refused(failures: int = 3, failed: str = "connect refused") -> str:
    """Write those of a target where nobody listens."""
    return page(DEAD, failed=failed, failures=failures, close="none", answered=0)


def test_what_is_counted() -> None:
    """Counters are read by target, and those at 0 are left out."""
    ((name, one),) = counted(refused()).items()

    assert name == DEAD
    assert one.probes.total() == 3
    assert one.failures == {"connect refused": 3}
    assert one.ends == {"none": 3}
    assert one.completed == {}


@pytest.mark.parametrize("good", [page(), refused()], ids=["steady", "dead"])
def test_what_adds_up(good: str) -> None:
    """Probes that are failures or successes, and ends, are right."""
    assert [*wrong_in(good)] == []


@pytest.mark.parametrize(
    "bad",
    [
        page(probes=4),
        page(ends=2),
        page(answered=2),
        page(close="timeout"),
        page(answered=2, failed="greeting timeout", failures=1),
        refused(failures=2),
        refused(failed="connect timeout"),
    ],
    ids=str,
)
def test_what_does_not(bad: str) -> None:
    """One too many or too few anywhere, or another verdict, is told."""
    assert [*wrong_in(bad)]


def test_what_servers_saw() -> None:
    """Each QUIT that a server saw is a clean end, and there is no other."""
    assert [*wrong_beside(page(), {"steady": 3, "slow": 0})] == []
    assert [*wrong_beside(page(), {"steady": 4, "slow": 0})]
    assert [*wrong_beside(page(), {"steady": 3, "slow": 1})]


def test_no_counter_falls() -> None:
    """Of a target that stays, a counter that is less than before is told."""
    later = page(probes=4, ends=4, answered=4)

    assert [*wrong_between(page(), later)] == []
    assert [*wrong_between(later, page())]


def test_memory() -> None:
    """What is held at the end is held against the time behind the warm-up."""
    flat, leak = [100 * MB] * 100, [100 * MB + n * MB // 5 for n in range(100)]

    assert growth([50 * MB] * 20 + flat) == (100 * MB, 100 * MB)
    assert [*wrong_with_memory(flat)] == []
    assert [*wrong_with_memory(leak)]


def test_pace() -> None:
    """A schedule that does not keep up is told."""
    assert [*wrong_with_pace(4900, 10, 500)] == []
    assert [*wrong_with_pace(4500, 10, 500)]


@pytest.mark.parametrize(
    "line",
    [
        "Traceback (most recent call last):",
        "Exception ignored in: <coroutine object>",
        "x.py:1: ResourceWarning: unclosed <socket.socket>",
        'time=x level=error msg="probe crashed"',
    ],
)
def test_the_log(line: str) -> None:
    """Traces of what nobody handled are found among good lines."""
    good = 'time=x level=info msg="configuration reloaded"'

    assert [*wrong_in_log(good)] == []
    assert [*wrong_in_log(f"{good}\n{line}\n{good}")] == [f"log: {line}"]
