"""One session as a timeline that a person can read: when, in which phase, who, what."""

from collections.abc import Iterator

from exporter.diagnosis import verdict
from exporter.diagnosis.certificate import described
from exporter.ink import PLAIN, Ink, Style
from exporter.outcome import Outcome, Said, Speaker
from exporter.targets import Target

_WHO = {
    Speaker.CLIENT: ("C:", Style.STRONG),
    Speaker.SERVER: ("S:", Style.PLAIN),
    Speaker.NETWORK: ("--", Style.FAINT),
}


def where(target: Target) -> str:
    """Say what is probed and how."""
    place = f"{target.host} port {target.port}" if target.port else target.host
    return f"{place}, module {target.module.name}"


def timeline(target: Target, outcome: Outcome, ink: Ink = PLAIN) -> Iterator[str]:
    """Write a session line by line; then its figures and the verdict."""
    yield ink(Style.STRONG, where(target))
    yield ""
    before = None
    for said in outcome.transcript:
        yield from _lines(said, ink, show_phase=said.phase is not before)
        before = said.phase
    yield ""
    yield "   ".join(
        f"{ink(Style.PHASE, str(record.phase))} {record.seconds * 1000:.1f} ms"
        for record in outcome.phases
    )
    if outcome.tls:
        told = described(outcome.tls, outcome.started_at)
        yield ink(_certificate(outcome), f"certificate: {told}")
    yield ""
    yield f"{state(outcome, ink)}: {ink(Style.PLAIN, verdict(outcome))}"


def state(outcome: Outcome, ink: Ink = PLAIN, width: int = 0) -> str:
    """Say in one word whether a session succeeded."""
    if outcome.success:
        return ink(Style.GOOD, f"{'OK':<{width}}")
    return ink(Style.BAD, f"{'FAILED':<{width}}")


def _certificate(outcome: Outcome) -> Style:
    return Style.ODD if outcome.tls and outcome.tls.problems else Style.PLAIN


def _lines(said: Said, ink: Ink, *, show_phase: bool) -> Iterator[str]:
    when, phase = f"{said.at * 1000:9.1f} ms", said.phase if show_phase else ""
    who, style = _WHO[said.speaker]
    for line in said.text.split("\n"):
        told = ink(style, f"{who} {line}")
        yield f"{ink(Style.FAINT, when)}  {ink(Style.PHASE, f'{phase:<9}')} {told}"
        when, phase = " " * len(when), ""
