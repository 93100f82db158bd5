"""A session as a timeline for people: line by line, then the phases, then the verdict.

Holds text alone, which the `probe` command prints and `/probe` shows; refuses colours.
"""

from collections.abc import Iterator

from exporter.diagnosis import verdict
from exporter.diagnosis.certificate import described
from exporter.outcome import Outcome, Said, Speaker
from exporter.targets import Target

_WHO = {Speaker.CLIENT: "C:", Speaker.SERVER: "S:", Speaker.NETWORK: "--"}


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
