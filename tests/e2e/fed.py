"""A scrape of what no demo server shows, made by the exporter's own code and served.

An mx: domain with two exchangers that were probed in every phase, with TLS, DANE and
MTA-STS: one is well, the other is wrong in all of it. Nothing is probed for it.
"""

import asyncio
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from exporter.exposition import Exposition, negotiate
from exporter.exposition.single import single_text
from exporter.ledger import Ledger
from exporter.metrics.families import gauges_of_latest
from exporter.metrics.own import OwnMetrics
from exporter.outcome import DaneFacts, Failure, Outcome, PhaseRecord, StsFacts
from exporter.vocabulary import (
    Close,
    Family,
    Phase,
    Quirk,
    Reason,
    StsMode,
    Unsolicited,
)
from tests.unit.outcomes import CERTIFICATE, DAY, TLS, encrypted, exchanger

WELL, WRONG = "mx1.example.com", "mx2.example.com"
_CODES = {Phase.GREETING: 220, Phase.STARTTLS: 220, Phase.AUTH: 235, Phase.QUIT: 221}
_MUTE = frozenset({Phase.DNS, Phase.CONNECT, Phase.HOLD, Phase.TLS, Phase.CLOSE})
_ORDER = tuple(p for p in Phase if p is not Phase.TLS)
_AT = _ORDER.index(Phase.EHLO_TLS)
_EVERY_PHASE = (*_ORDER[:_AT], Phase.TLS, *_ORDER[_AT:])


def _records(phases: tuple[Phase, ...]) -> tuple[PhaseRecord, ...]:
    return tuple(
        PhaseRecord(
            phase,
            0.01 * (place + 1),
            completed=True,
            code=None if phase in _MUTE else _CODES.get(phase, 250),
            status="2.0.0" if phase is Phase.QUIT else None,
        )
        for place, phase in enumerate(phases)
    )


def _well(now: float) -> Outcome:
    return encrypted(
        TLS._replace(
            certificate=CERTIFICATE._replace(
                not_before=now - 30 * DAY, not_after=now + 60 * DAY
            ),
            chain_not_after=now + 60 * DAY,
        ),
        started_at=now,
        phases=_records(_EVERY_PHASE),
        starttls_offered=True,
        resolved=((Family.IPV4, 1), (Family.IPV6, 1)),
        dane=DaneFacts(secure=True, usable=2, unusable=0, verified=True),
        sts=StsFacts(StsMode.ENFORCE, now + 7 * DAY, verified=True),
        quirks=frozenset({Quirk.GREETING_NO_DOMAIN}),
    )


def _wrong(now: float) -> Outcome:
    end = now - DAY
    return encrypted(
        TLS._replace(
            certificate=CERTIFICATE._replace(
                key_sha256="77" * 32, not_before=now - 90 * DAY, not_after=end
            ),
            chain_not_after=end,
            problems=frozenset({Reason.CERT_EXPIRED, Reason.UNTRUSTED}),
            verified=False,
        ),
        started_at=now,
        phases=_records((*_EVERY_PHASE[: _AT + 1], Phase.QUIT, Phase.CLOSE)),
        failure=Failure(Phase.TLS, Reason.DANE_MISMATCH),
        close=Close.CLEAN,
        starttls_offered=True,
        tls_close_notify=False,
        unsolicited=(Unsolicited.CODE_421,),
        dane=DaneFacts(secure=True, usable=1, unusable=1, verified=False),
        sts=StsFacts(StsMode.TESTING, now + DAY, verified=False),
    )


def exposition(well: Collection[str] = (WELL,)) -> bytes:
    """Write the scrape; all hosts are wrong but those."""
    now = time.time()
    ledger = Ledger()
    targets = {host: exchanger(host) for host in (WELL, WRONG)}
    ledger.open(targets.values())
    own = OwnMetrics("0", kernel_timestamps=True)
    own.loaded(now)
    own.allow(500)
    own.count_targets(targets.values())
    shown = Exposition(ledger, own.registry)
    for host, target in targets.items():
        ledger.record(target, _well(now) if host in well else _wrong(now))
        shown.update(ledger.accounts[target.name])
    return asyncio.run(shown.page(negotiate("", ""))).body


def on_demand() -> bytes:
    """Write what /probe says of the host that is well: no labels of a target."""
    gauges = (
        (name, text, samples(_well(time.time())))
        for name, _, text, samples in gauges_of_latest()
    )
    return single_text(gauges, openmetrics=False)


@contextmanager
def serving(body: bytes) -> Iterator[str]:
    """Serve a body to whoever scrapes; gives the address."""

    class Scraped(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Scraped) as server:
        thread = Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
