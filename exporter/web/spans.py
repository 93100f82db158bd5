"""Seconds and moments as people read them: `12.3 ms`, `4 min ago`, a time in UTC."""

from datetime import UTC, datetime

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_TWO_OF_A_UNIT = 2  # with fewer, the next smaller unit says more
# Digits behind the point of milliseconds, from this many on.
_DIGITS = ((100, 0), (1, 1))
_UNITS = ((_DAY, "days"), (_HOUR, "h"), (_MINUTE, "min"))


def took(seconds: float) -> str:
    """Spell how long something took, in three digits or so."""
    if seconds >= 1:
        return f"{seconds:.2f} s"
    milliseconds = seconds * 1000
    digits = next((digits for least, digits in _DIGITS if milliseconds >= least), 2)
    return f"{milliseconds:.{digits}f} ms"


def ago(seconds: float) -> str:
    """Spell how long ago something was; a clock that was set back is `now` as well."""
    if seconds < 1:
        return "now"
    for unit, name in _UNITS:
        if seconds >= _TWO_OF_A_UNIT * unit:
            return f"{int(seconds // unit)} {name} ago"
    return f"{int(seconds)} s ago"


def moment(at: float) -> str:
    """Spell a Unix time."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"


def machine_moment(at: float) -> str:
    """Spell a Unix time for the attribute `datetime`."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}"
