"""What a module expects of a text: RE2 patterns, in time linear in the text.

Python's own `re` can take years over a banner of a hundred octets; whoever writes the
pattern and whoever writes the banner are two different people.
"""

from functools import lru_cache
from typing import Any

import re2  # type: ignore[import-untyped]  # it ships no stubs

from exporter.smtp.reply import Reply

# A pattern within this compiles and matches in microseconds; RE2 refuses more.
_MAX_MEMORY = 1 << 20


class PatternError(ValueError):
    """A pattern that RE2 does not take; the text is RE2's own."""


def matches(pattern: str, reply: Reply) -> bool:
    """Whether the pattern is found in a reply's whole text, lines joined by LF."""
    text = b"\n".join(reply.lines).decode("utf-8", "replace")
    return compiled(pattern).search(text) is not None


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> Any:
    """Compile a pattern.

    Raises PatternError.
    """
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MAX_MEMORY
    try:
        return re2.compile(pattern, options=options)
    except re2.error as error:
        (why,) = error.args or (b"",)
        raise PatternError(
            why.decode("utf-8", "replace") if isinstance(why, bytes) else str(why)
        ) from error
