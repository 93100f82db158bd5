"""The page of one probe, without labels of a target: Prometheus puts those there."""

from collections.abc import Iterable

from exporter.exposition.lines import Page
from exporter.exposition.negotiation import Accepted
from exporter.exposition.packing import packed
from exporter.metrics.family import Sample
from exporter.metrics.text import Kind, header, number

_END = b"# EOF\n"

# A gauge: name, meaning, samples.
Gauges = Iterable[tuple[str, str, Iterable[Sample]]]


def single_page(gauges: Gauges, accepted: Accepted) -> Page:
    """Give the page in what the client accepts; a gauge without samples is left out."""
    parts = (single_text(gauges, openmetrics=accepted.openmetrics),)
    made = packed(parts) if accepted.gzip else parts
    return Page(accepted.content_type, accepted.gzip, made)


def single_text(gauges: Gauges, *, openmetrics: bool) -> bytes:
    """Give the text of the page."""
    parts: list[bytes] = []
    for name, text, samples in gauges:
        lines = "".join(_line(name, extra, value) for _, extra, value in samples)
        if lines:
            parts += (
                header(name, Kind.GAUGE, text, openmetrics=openmetrics),
                lines.encode(),
            )
    return b"".join(parts) + (_END if openmetrics else b"")


def _line(name: str, extra: str, value: float) -> str:
    labels = extra.removeprefix(",")
    braced = f"{{{labels}}}" if labels else ""
    return f"{name}{braced} {number(value)}\n"
