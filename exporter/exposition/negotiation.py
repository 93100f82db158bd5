"""Which format and coding a client gets, by its Accept and Accept-Encoding headers.

RFC 9110 sections 12.5.1 and 12.5.3, for the two formats that we write: text 0.0.4 and
OpenMetrics 1.0.0. A client that accepts neither gets text. Nothing that a header may
hold raises, and no version is announced but the one that is written.
"""

from collections.abc import Container, Iterable, Iterator, Mapping
from typing import NamedTuple

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"

# The ranges that each format answers to, the most specific first (12.5.1), and the
# versions that we would write for one. OpenMetrics is for whoever names it.
_Ranges = Mapping[str, Container[str | None]]
_OPENMETRICS_RANGES: _Ranges = {"application/openmetrics-text": {"1.0.0", None}}
_TEXT_RANGES: _Ranges = {"text/plain": {"0.0.4", None}, "text/*": {None}, "*/*": {None}}
# Headers are short; a longer list is cut, not refused.
_MAX_RANGES = 50


# A range's name and its parameters.
_Range = tuple[str, dict[str, str]]


class Accepted(NamedTuple):
    """What will be written for a client."""

    openmetrics: bool
    gzip: bool

    @property
    def content_type(self) -> str:
        """The Content-Type header."""
        return OPENMETRICS if self.openmetrics else TEXT


def negotiate(accept: str, accept_encoding: str) -> Accepted:
    """Choose by quality; between equals, OpenMetrics when it was named."""
    ranges = tuple(_ranges(accept))
    openmetrics = _best(ranges, _OPENMETRICS_RANGES)
    text = _best(ranges, _TEXT_RANGES)
    return Accepted(0 < openmetrics >= text, _accepts_gzip(accept_encoding))


def _best(ranges: Iterable[_Range], answers_to: _Ranges) -> float:
    """Give the quality that the most specific of the ranges gives to a format."""
    for name, versions in answers_to.items():
        qualities = [
            _quality(parameters)
            for given, parameters in ranges
            if given == name and parameters.get("version") in versions
        ]
        if qualities:
            return max(qualities)
    return 0.0


def _accepts_gzip(header: str) -> bool:
    qualities = {name: _quality(p) for name, p in _ranges(header)}
    return qualities.get("gzip", qualities.get("*", 0.0)) > 0


def _ranges(header: str) -> Iterator[_Range]:
    for item in header.split(",", _MAX_RANGES)[:_MAX_RANGES]:
        name, *rest = (part.strip().lower() for part in item.split(";"))
        pairs = (part.partition("=") for part in rest)
        yield name, {key.strip(): value.strip(' "') for key, _, value in pairs}


def _quality(parameters: dict[str, str]) -> float:
    """Read `q`; junk counts as not accepted."""
    try:
        quality = float(parameters.get("q", "1"))
    except ValueError:
        return 0.0
    return quality if 0 <= quality <= 1 else 0.0
