"""The demo's servers, probed: each shows what it is there to show."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from exporter.demo.servers import DEMO, demo_servers
from exporter.outcome import Failure, Outcome
from exporter.vocabulary import Close, Phase, Quirk, Reason
from tests.wire.play import Probing

SHOWN: dict[str, tuple[Failure | None, Close]] = {
    "graceful": (None, Close.CLEAN),
    "multiline-greeting": (None, Close.CLEAN),
    "slow": (None, Close.CLEAN),
    "no-ehlo": (None, Close.CLEAN),
    "silent-goodbye": (Failure(Phase.QUIT, Reason.EOF), Close.FIN_WITHOUT_221),
    "reset-after-221": (None, Close.RESET_AFTER_221),
    "stays-open": (None, Close.OPEN_AFTER_221),
    "no-221": (Failure(Phase.QUIT, Reason.TIMEOUT), Close.TIMEOUT),
    "refuses-554": (Failure(Phase.GREETING, Reason.REJECTED), Close.CLEAN),
    "busy-421": (Failure(Phase.GREETING, Reason.UNAVAILABLE), Close.CODE_421),
    "unsolicited-221": (
        Failure(Phase.EHLO, Reason.UNSOLICITED_221),
        Close.UNSOLICITED_221,
    ),
    "idle-221": (Failure(Phase.HOLD, Reason.UNSOLICITED_221), Close.UNSOLICITED_221),
    "never-greets": (Failure(Phase.GREETING, Reason.TIMEOUT), Close.ABORTED),
    "resets": (Failure(Phase.GREETING, Reason.RESET), Close.RESET_WITHOUT_221),
    "not-smtp": (Failure(Phase.GREETING, Reason.PROTOCOL_ERROR), Close.ABORTED),
    "starttls": (None, Close.CLEAN),
    "implicit-tls": (None, Close.CLEAN),
    "no-starttls": (Failure(Phase.STARTTLS, Reason.NOT_OFFERED), Close.CLEAN),
    "expired-certificate": (Failure(Phase.TLS, Reason.CERT_EXPIRED), Close.CLEAN),
    "other-name": (Failure(Phase.TLS, Reason.NAME_MISMATCH), Close.CLEAN),
    "plain-on-tls-port": (Failure(Phase.TLS, Reason.PLAINTEXT), Close.ABORTED),
    "refused": (Failure(Phase.CONNECT, Reason.REFUSED), Close.NONE),
}


@pytest.fixture(scope="module")
def outcomes(
    probing: Probing,
    in_loop: Callable[[Coroutine[Any, Any, dict[str, Outcome]]], dict[str, Outcome]],
) -> dict[str, Outcome]:
    """Probe every server of the demo once."""

    async def look() -> dict[str, Outcome]:
        async with demo_servers() as targets, probing() as probe:
            ends = await asyncio.gather(*(probe(target) for target in targets))
        return {t.name: end for t, end in zip(targets, ends, strict=True)}

    return in_loop(look())


@pytest.mark.parametrize("name", [server.name for server in DEMO])
def test_shown(outcomes: dict[str, Outcome], name: str) -> None:
    """Each server shows its one failure and close class, well within the interval."""
    outcome = outcomes[name]

    assert (outcome.failure, outcome.close) == SHOWN[name]
    assert outcome.duration <= 3.0


def test_fallback(outcomes: dict[str, Outcome]) -> None:
    """The server without EHLO shows the quirk of falling back."""
    assert outcomes["no-ehlo"].quirks == frozenset({Quirk.EHLO_FALLBACK})
