"""Which shard a target belongs to: rendezvous hashing of its name; pure.

Every shard reaches the same answer by itself. With one shard more, only the targets
that it takes over move, and from every other shard about as many (Thaler and
Ravishankar, 1998).
"""

import re
from hashlib import blake2b
from typing import NamedTuple, Self

_DIGEST_SIZE = 8
_POD = re.compile(r".+-([0-9]{1,6})")


class ShardError(ValueError):
    """No shard that could be; the text names the remedy."""


class Shard(NamedTuple):
    """One of `total` processes that share the targets; the first has ordinal 0."""

    ordinal: int = 0
    total: int = 1

    @classmethod
    def checked(cls, ordinal: int, total: int) -> Self:
        """Make it of what somebody wrote.

        Raises ShardError.
        """
        if total < 1:
            raise ShardError(f"--shard.count must be 1 or more, not {total}")
        if not 0 <= ordinal < total:
            raise ShardError(
                f"the shards are 0 to {total - 1}, so there is no shard {ordinal}; "
                "look at --shard.ordinal and --shard.count"
            )
        return cls(ordinal, total)

    def owns(self, name: str) -> bool:
        """Whether the target of this name is probed by this shard."""
        return self.total == 1 or owner(name, self.total) == self.ordinal


ALONE = Shard()


def ordinal_of(host: str) -> int:
    """Read the ordinal at the end of a StatefulSet pod's name, as in `exporter-3`.

    Raises ShardError.
    """
    match = _POD.fullmatch(host)
    if not match:
        raise ShardError(
            f"the name of this machine, {host!r}, does not end in -0, -1, ...; "
            "say which shard this is with --shard.ordinal"
        )
    return int(match[1])


def owner(name: str, count: int) -> int:
    """Give the ordinal of the shard that a name belongs to."""
    key = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_SIZE)
    return max(range(count), key=lambda ordinal: _weight(key, ordinal))


def _weight(key: blake2b, ordinal: int) -> bytes:
    mixed = key.copy()
    mixed.update(b"\0%d" % ordinal)
    return mixed.digest()
