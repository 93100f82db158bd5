"""A token bucket: one request an interval, and a burst of them at once."""

from time import monotonic

from exporter.access import RateLimit


class Bucket:
    """Counts requests against the limit that holds now."""

    def __init__(self) -> None:
        """Start without a limit."""
        self._limit: RateLimit | None = None
        self._tokens = 0.0
        self._at = 0.0

    def allows(self, limit: RateLimit | None) -> bool:
        """Take a token, if there is one; a limit that is new begins with all."""
        if limit is None:
            return True
        now = monotonic()
        if limit != self._limit:
            self._limit, self._tokens = limit, float(limit.burst)
        else:
            grown = (now - self._at) / limit.interval
            self._tokens = min(limit.burst, self._tokens + grown)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
