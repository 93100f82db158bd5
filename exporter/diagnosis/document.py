"""An outcome as plain values, for programs: `probe --output json` and the API.

Holds names and refuses judgement; a key that was shipped stays, since programs read it.
"""

from typing import Any

from exporter.diagnosis import verdict
from exporter.outcome import Outcome, TlsFacts
from exporter.targets import Target


def document(target: Target, outcome: Outcome) -> dict[str, Any]:
    """Give the outcome as plain values."""
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
