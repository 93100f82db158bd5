"""Durations as Prometheus writes them: `30s`, `1m30s`, `500ms`, `1d`, `0`.

Holds both directions, text -> seconds and seconds -> text. Refuses fractions, units
out of order and units said twice, as Prometheus does.
"""

import re

_MILLISECONDS_OF = {
    "y": 365 * 24 * 3_600_000,
    "w": 7 * 24 * 3_600_000,
    "d": 24 * 3_600_000,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1_000,
    "ms": 1,
}
# Eighteen digits are more than any duration needs, and few enough for every reader.
_PARTS = "".join(rf"(?:([0-9]{{1,18}}){unit})?" for unit in _MILLISECONDS_OF)
_DURATION = re.compile(rf"(?=.){_PARTS}")

# The same for JSON Schema, where nobody takes the numbers out.
PATTERN = rf"^(0|(?=.){''.join(f'([0-9]+{unit})?' for unit in _MILLISECONDS_OF)})$"


def parse_duration(text: str) -> float:
    """Give the seconds that a duration says.

    Raises ValueError for anything that Prometheus would not read.
    """
    if text == "0":
        return 0.0
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f"not a duration: {text!r}")
    pairs = zip(match.groups(), _MILLISECONDS_OF.values(), strict=True)
    return sum(int(number) * unit for number, unit in pairs if number) / 1000


def spell_duration(seconds: float) -> str:
    """Spell a duration with as few units as it takes; below a millisecond is lost."""
    rest = round(seconds * 1000)
    spelt = ""
    for unit, milliseconds in _MILLISECONDS_OF.items():
        number, rest = divmod(rest, milliseconds)
        spelt += f"{number}{unit}" if number else ""
    return spelt or "0s"
