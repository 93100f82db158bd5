"""A world that stands still for the exporter alone: SIGSTOP, and later SIGCONT."""

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from exporter.demo.script import BYE, EHL, FIN, GRT, QUIT, Script, Wait, script
from exporter.demo.session import Session
from tests.e2e.programs import PATIENCE
from tests.e2e.scripted import scripted_server
from tests.e2e.worlds import POLL, SLOW, Figures, World, world

STOPPED = 30.0 if SLOW else 3.0
CONCURRENCY = 16
# By module: how many targets, and the seconds until the server greets.
KINDS = {"quick": (40, 0.05), "patient": (8, 1.0), "brief": (8, 1.0)}
YOUNG = 0.7
EXACT = 0.2  # how far off a mean of greetings may be on a busy machine
LATE = "1.0"  # a bucket's bound: what starts later was held up by more than load
CONFIG = """\
schedule: {{interval: 1s}}
limits: {{concurrency: {concurrency}, per_host: 500}}
modules:
  quick: {{tls: none}}
  patient: {{tls: none, timeout: 90s, interval: 2s}}
  brief: {{tls: none, timeout: 2s, interval: 2s}}
targets:
{targets}
"""


@dataclass
class Crowd:
    """The sessions of a server: how many now, how many at most, and when they began."""

    now: int = 0
    most: int = 0
    begun: list[float] = field(default_factory=list)

    def has_just_begun(self) -> bool:
        """Whether two sessions or more are so young that no slow server has greeted."""
        return len(self.begun) > 1 and time.monotonic() - self.begun[-2] < YOUNG


@dataclass(frozen=True)
class Counted:
    """Steps that are played while their session counts as one of a crowd."""

    crowd: Crowd
    steps: Script

    async def play(self, session: Session) -> None:
        """Count it, play, and count it no more."""
        self.crowd.now += 1
        self.crowd.most = max(self.crowd.most, self.crowd.now)
        self.crowd.begun.append(time.monotonic())
        try:
            for step in self.steps:
                await step.play(session)
        finally:
            self.crowd.now -= 1


@contextmanager
def lived(folder: Path) -> Iterator[tuple[World, dict[str, Crowd]]]:
    """Run the exporter beside servers that count."""
    crowds = {kind: Crowd() for kind in KINDS}
    targets, config = [], folder / "config.yaml"
    with ExitStack() as stack:
        for kind, (count, wait) in KINDS.items():
            # A session counts up to its 221, which comes before the next may begin.
            steps = script(Wait(wait), GRT, EHL, QUIT, BYE)
            counted = script(Counted(crowds[kind], steps), FIN)
            port = stack.enter_context(scripted_server(counted))
            targets += [
                f"  - {{host: 127.0.0.1, port: {port}, module: {kind}, "
                f"name: {kind}-{n}}}"
                for n in range(count)
            ]
        config.write_text(
            CONFIG.format(concurrency=CONCURRENCY, targets="\n".join(targets))
        )
        yield stack.enter_context(world(config)), crowds


def stand_still(lives: World, crowds: dict[str, Crowd]) -> None:
    """Stop the exporter while probes of each slow kind are under way; continue it."""
    deadline = time.monotonic() + PATIENCE
    while not (crowds["patient"].has_just_begun() and crowds["brief"].has_just_begun()):
        assert time.monotonic() < deadline, crowds
        time.sleep(POLL / 10)  # the exporter's own pace; bounded above
    lives.program.process.send_signal(signal.SIGSTOP)
    try:
        time.sleep(STOPPED)  # what is tested is that time goes by
    finally:
        lives.program.process.send_signal(signal.SIGCONT)


def late(figures: Figures, histogram: str) -> float:
    """Give how many observations of a histogram are late."""
    name = f"mailserver_exporter_{histogram}"
    timely = figures.total(f"{name}_bucket", le=LATE)
    return figures.total(f"{name}_count") - timely


def skipped(figures: Figures, cause: str) -> float:
    """Give how many slots were left out for a cause."""
    return figures.total("mailserver_exporter_probes_skipped_total", cause=cause)


@pytest.mark.timeout(120)
def test_stopped_and_continued(tmp_path: Path) -> None:
    """What went by is told as missed, started once, late, and timed by the kernel."""
    quick = KINDS["quick"][0]
    with lived(tmp_path) as (lives, crowds):
        before = lives.await_figures(lambda now: len(now.well()) == 56)
        stand_still(lives, crowds)
        continued = time.monotonic()
        after = lives.await_probes(2)

        missed = skipped(after, "missed") - skipped(before, "missed")
        assert missed >= quick * (STOPPED - 2)
        assert late(after, "schedule_lag_seconds") >= quick
        assert late(after, "loop_lag_seconds") > late(before, "loop_lag_seconds")
        # Once for all that went by, and once for the slot after.
        at_once = [at for at in crowds["quick"].begun if 0 <= at - continued < 0.9]
        assert len(at_once) <= 2 * quick
        assert crowds["quick"].most <= CONCURRENCY
        assert after.well() == {f"{k}-{n}" for k in KINDS for n in range(KINDS[k][0])}
        assert_true_figures(after)


def assert_true_figures(figures: Figures) -> None:
    """See that greetings took what they took, and that only time that was up failed."""
    failed = figures.by("reason", "smtp_probe_failures_total", module="brief")
    assert set(failed) == {"deadline"}
    assert not figures.total("smtp_probe_failures_total", module="patient")
    assert not figures.total("smtp_probe_failures_total", module="quick")
    told = {"phase": "greeting", "module": "patient"}
    sums = figures.by("target", "smtp_phase_latency_seconds_sum", **told)
    counts = figures.by("target", "smtp_phase_latency_seconds_count", **told)
    wait = KINDS["patient"][1]
    for target, seconds in sums.items():
        assert wait <= seconds / counts[target] < wait + EXACT, target
