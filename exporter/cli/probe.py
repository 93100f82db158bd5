"""`probe`: sessions now, as a timeline or a line each for people, or for programs."""

import argparse
import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, TextIO

from exporter import app, log
from exporter.cli import USAGE_ERROR, fail
from exporter.cli.progress import progress
from exporter.cli.series import Plan, hold, on_interrupt, planned, warning
from exporter.cli.tally import Tally
from exporter.config import ConfigError, Refusal, load, single_target
from exporter.config.duration import spell_duration
from exporter.diagnosis import brief
from exporter.diagnosis.document import document
from exporter.diagnosis.session import state, timeline, where
from exporter.ink import Ink, Style, is_terminal, wants_colour
from exporter.outcome import Outcome
from exporter.targets import Target

_INTERRUPTED = 128 + signal.SIGINT


class Asked(NamedTuple):
    """What a command line comes to."""

    target: Target
    plan: Plan
    dns_servers: Sequence[tuple[str, int]]
    json: bool


def run(arguments: argparse.Namespace) -> int:
    """Probe the target; 0 when every session succeeded, 1 when one failed."""
    log.configure("warn", "logfmt")
    try:
        config = load(Path(arguments.config_file)) if arguments.config_file else None
        known = {"modules": config.modules} if config else {}
        target = single_target(arguments.target, arguments.module, **known)
        plan = planned(arguments.count, arguments.interval, target)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    except Refusal as refusal:
        return fail(str(refusal), USAGE_ERROR)
    servers = config.dns_servers if config else ()
    asked = Asked(target, plan, servers, arguments.output == "json")
    if plan.sessions == 1:
        return _one(asked)
    if said := warning(plan, target):
        print(f"mailserver-exporter: {said}", file=sys.stderr)
    code: int = app.run(_many(asked))
    return code


def _one(asked: Asked) -> int:
    outcome: Outcome = app.run(_session(asked))
    if asked.json:
        print(json.dumps(document(asked.target, outcome), indent=2))
    else:
        print("\n".join(timeline(asked.target, outcome, _ink(sys.stdout))))
    return 0 if outcome.success else 1


async def _many(asked: Asked) -> int:
    """Hold the sessions, a line each; the sum of them is told at every end.

    For programs each line is a document, and the sum goes to standard error.
    """
    target, plan = asked.target, asked.plan
    tally, stopping, started = Tally(), asyncio.Event(), time.monotonic()
    on_interrupt(stopping.set)
    ink = _ink(sys.stdout)
    tell = _document_line(target) if asked.json else _line(ink)

    def told(outcome: Outcome) -> None:
        tally.add(outcome)
        print(tell(outcome), flush=True)

    if not asked.json:
        every = spell_duration(plan.interval)
        end = "until Ctrl-C" if plan.sessions == 0 else f"{plan.sessions} sessions"
        print(ink(Style.STRONG, f"{where(target)}, every {every}, {end}"), flush=True)
    await hold(plan, lambda: _session(asked), told, stopping)
    out = sys.stderr if asked.json else sys.stdout
    print(
        *("", *tally.lines(time.monotonic() - started)),
        sep="\n",
        file=out,
        flush=True,
    )
    if not tally.sessions:
        return _INTERRUPTED
    return 1 if tally.failed else 0


def _line(ink: Ink) -> Callable[[Outcome], str]:
    return lambda outcome: session_line(outcome, ink)


def _document_line(target: Target) -> Callable[[Outcome], str]:
    return lambda outcome: json.dumps(document(target, outcome))


def session_line(outcome: Outcome, ink: Ink) -> str:
    """Tell a session in one line: when, whether, how long, how it closed, why not."""
    at = datetime.fromtimestamp(outcome.started_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    close = ink(Style.PLAIN if outcome.graceful else Style.ODD, str(outcome.close))
    parts = (
        ink(Style.FAINT, at),
        state(outcome, ink, width=6),
        f"{outcome.duration * 1000:8.1f} ms",
        close,
        ink(Style.PLAIN, brief(outcome)),
    )
    return "  ".join(filter(None, parts))


async def _session(asked: Asked) -> Outcome:
    """Hold one session; who waits at a terminal sees where it is."""
    onlooker = _Onlooker()
    shown = sys.stderr if is_terminal(sys.stderr, os.environ) else None
    async with progress(shown, onlooker):
        return await app.probe_once(asked.target, asked.dns_servers, onlooker.follow)


class _Onlooker:
    """Tells which phase a session is in, once there is one."""

    def __init__(self) -> None:
        """Look at nothing yet."""
        self._phase: Callable[[], str] | None = None

    def follow(self, phase: Callable[[], str]) -> None:
        """Look at a session that begins."""
        self._phase = phase

    def __call__(self) -> str:
        """Give the phase."""
        return self._phase() if self._phase else "start"


def _ink(stream: TextIO | None) -> Ink:
    return Ink(colour=wants_colour(stream, os.environ))
