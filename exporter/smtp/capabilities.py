"""An EHLO reply to what it offers (RFC 5321 section 4.1.1.1).

The first line is the server's domain and never a keyword. Keywords become label
values, so only what the grammar allows passes, and only so many: a server must not be
able to write our metrics for us.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from exporter.outcome import Offer
from exporter.smtp.reply import Reply
from exporter.vocabulary import Quirk

# The longest registered keyword has 19 octets; the bound is against invented ones.
_KEYWORD = re.compile(rb"[A-Z0-9][A-Z0-9-]{0,39}\Z")
# RFC 4422 section 3.1: up to 20 of these.
_MECHANISM = re.compile(rb"[A-Z0-9_-]{1,20}\Z")
# RFC 1870 section 4: up to 20 digits.
_SIZE = re.compile(rb"[0-9]{1,20}\Z")
# Servers offer about 10 to 20; each is a series for each target.
MAX_KEYWORDS = 64
MAX_MECHANISMS = 32
# Servers of one make offer the same, and one server does so probe after probe. What is
# odd, or longer than anybody's, is read anew: so these are 6 MiB at most.
_KEPT_OFFERS = 256
_KEPT_LINES = 32


class Capabilities(NamedTuple):
    """What an EHLO reply says: all of it, and as much of it as may become labels."""

    offer: Offer
    keywords: frozenset[str]
    mechanisms: frozenset[str]
    quirks: frozenset[Quirk]


NOTHING_OFFERED = Capabilities(
    Offer((), (), None), frozenset(), frozenset(), frozenset()
)


def capabilities(reply: Reply) -> Capabilities:
    """Read the keyword lines of a positive reply to EHLO."""
    lines = reply.lines[1:]
    if reply.quirks or len(lines) > _KEPT_LINES:
        return _read(lines)
    return _read_once(lines)


def _read(lines: tuple[bytes, ...]) -> Capabilities:
    keywords: list[bytes] = []
    mechanisms: list[bytes] = []
    size: int | None = None
    oldstyle = False
    for line in lines:
        keyword, *arguments = line.upper().split() or [b""]
        if keyword.startswith(b"AUTH="):
            oldstyle = True
            mechanisms += [keyword.removeprefix(b"AUTH="), *arguments]
            continue
        keywords.append(keyword)
        if keyword == b"AUTH":
            mechanisms += arguments
        elif keyword == b"SIZE" and arguments and _SIZE.match(arguments[0]):
            size = int(arguments[0]) or None  # 0 declares no limit
    words = _words(keywords, _KEYWORD)
    offered = _words(mechanisms, _MECHANISM)
    offer = Offer(words[:MAX_KEYWORDS], offered[:MAX_MECHANISMS], size)
    quirks = frozenset({Quirk.AUTH_OLDSTYLE} if oldstyle else ())
    return Capabilities(offer, frozenset(words), frozenset(offered), quirks)


_read_once = lru_cache(maxsize=_KEPT_OFFERS)(_read)


def _words(words: Iterable[bytes], grammar: re.Pattern[bytes]) -> tuple[str, ...]:
    """Keep distinct words that the grammar allows, in the order seen."""
    return tuple(dict.fromkeys(w.decode("ascii") for w in words if grammar.match(w)))
