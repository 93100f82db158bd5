"""Which shard a target belongs to: rendezvous hashing of its name; pure.

Every shard reaches the same answer by itself. With one shard more, only the targets
that it takes over move, and from every other shard about as many (Thaler and
Ravishankar, 1998).
"""

from hashlib import blake2b
from typing import NamedTuple

_DIGEST_SIZE = 8


class Shard(NamedTuple):
    """One of `total` processes that share the targets; the first has ordinal 0."""

    ordinal: int = 0
    total: int = 1

    def owns(self, name: str) -> bool:
        """Whether the target of this name is probed by this shard."""
        return self.total == 1 or owner(name, self.total) == self.ordinal


def owner(name: str, count: int) -> int:
    """Give the ordinal of the shard that a name belongs to."""
    key = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_SIZE)
    return max(range(count), key=lambda ordinal: _weight(key, ordinal))


def _weight(key: blake2b, ordinal: int) -> bytes:
    mixed = key.copy()
    mixed.update(b"\0%d" % ordinal)
    return mixed.digest()
