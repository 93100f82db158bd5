"""`probe`: one session now, as a timeline for people or a document for programs."""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from exporter import app, log
from exporter.cli import USAGE_ERROR, fail
from exporter.config import ConfigError, Refusal, load, single_target
from exporter.diagnosis import verdict
from exporter.diagnosis.certificate import described
from exporter.diagnosis.document import document
from exporter.outcome import Outcome, Said, Speaker
from exporter.targets import Target

_WHO = {Speaker.CLIENT: "C:", Speaker.SERVER: "S:", Speaker.NETWORK: "--"}


def run(arguments: argparse.Namespace) -> int:
    """Probe the target; 0 when it succeeded, 1 when it failed."""
    log.configure("warn", "logfmt")
    try:
        config = load(Path(arguments.config_file)) if arguments.config_file else None
        known = {"modules": config.modules} if config else {}
        target = single_target(arguments.target, arguments.module, **known)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    except Refusal as refusal:
        return fail(str(refusal), USAGE_ERROR)
    outcome = app.run(app.probe_once(target, config.dns_servers if config else ()))
    if arguments.output == "json":
        print(json.dumps(document(target, outcome), indent=2))
    else:
        print("\n".join(timeline(target, outcome)))
    return 0 if outcome.success else 1


def timeline(target: Target, outcome: Outcome) -> Iterator[str]:
    """Write a session: when, in which phase, who said what; then the verdict."""
    where = f"{target.host} port {target.port}" if target.port else target.host
    yield f"{where}, module {target.module.name}"
    yield ""
    before = None
    for said in outcome.transcript:
        yield from _lines(said, show_phase=said.phase is not before)
        before = said.phase
    yield ""
    yield "   ".join(
        f"{record.phase} {record.seconds * 1000:.1f} ms" for record in outcome.phases
    )
    if outcome.tls:
        yield f"certificate: {described(outcome.tls, outcome.started_at)}"
    yield ""
    yield f"{'OK' if outcome.success else 'FAILED'}: {verdict(outcome)}"


def _lines(said: Said, *, show_phase: bool) -> Iterator[str]:
    when, phase = f"{said.at * 1000:9.1f} ms", said.phase if show_phase else ""
    for line in said.text.split("\n"):
        yield f"{when}  {phase:<9} {_WHO[said.speaker]} {line}"
        when, phase = " " * len(when), ""
