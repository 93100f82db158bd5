"""`probe`: one session now, as a timeline for people or a document for programs."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from exporter import app, log
from exporter.cli import USAGE_ERROR, fail
from exporter.config import ConfigError, Refusal, load, single_target
from exporter.diagnosis import verdict
from exporter.diagnosis.session import timeline
from exporter.outcome import Outcome, TlsFacts
from exporter.targets import Target


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


def document(target: Target, outcome: Outcome) -> dict[str, Any]:
    """Give the outcome as plain values, for `--output json`."""
    failure, offer = outcome.failure, outcome.offer
    return {
        "target": target.name,
        "host": target.host,
        "port": target.port,
        "module": target.module.name,
        "address": outcome.address,
        "addresses_failed": outcome.addresses_failed,
        "resolved": outcome.resolved and dict(outcome.resolved),
        "started_at": outcome.started_at,
        "duration_seconds": outcome.duration,
        "success": outcome.success,
        "failure": failure and {"phase": failure.phase, "reason": failure.reason},
        "verdict": verdict(outcome),
        "banner_present": outcome.banner_present,
        "banner_first_byte_seconds": outcome.banner_first_byte,
        "quit_code": outcome.quit_code,
        "quit_acknowledged": outcome.quit_acknowledged,
        "close": outcome.close,
        "graceful_close": outcome.graceful,
        "unsolicited": list(outcome.unsolicited),
        "quirks": sorted(outcome.quirks),
        "phases": [record._asdict() for record in outcome.phases],
        "extensions": offer and list(offer.extensions),
        "auth_mechanisms": offer and list(offer.auth_mechanisms),
        "message_size_limit_bytes": offer and offer.size_limit,
        "starttls_offered": outcome.starttls_offered,
        "tls": outcome.tls and _tls(outcome.tls, outcome.tls_close_notify),
        "dane": outcome.dane and outcome.dane._asdict(),
        "mta_sts": outcome.sts and outcome.sts._asdict(),
        "tcp": outcome.tcp and outcome.tcp._asdict(),
        "transcript": [said._asdict() for said in outcome.transcript],
    }


def _tls(tls: TlsFacts, close_notify: bool | None) -> dict[str, Any]:
    return tls._asdict() | {
        "certificate": tls.certificate and tls.certificate._asdict(),
        "problems": sorted(tls.problems),
        "close_notify": close_notify,
    }
