"""What a module may ask of a server's words: a banner's pattern, EHLO's keywords.

Holds their syntax; refuses to know what a server answers.
"""

import re

from exporter.config.complaint import Refusal
from exporter.printable import on_one_line, quoted
from exporter.smtp.expectation import compiled

MAX_PATTERN = 1000

KEYWORD_PATTERN = "^[A-Za-z0-9][A-Za-z0-9-]*$"  # RFC 5321 4.1.1.1
_KEYWORD = re.compile(KEYWORD_PATTERN.strip("^$"))


def check_pattern(text: str) -> str:
    """Give the pattern back if it can be searched for.

    Raises Refusal.
    """
    if not 1 <= len(text) <= MAX_PATTERN:
        raise Refusal(f"a pattern has 1 to {MAX_PATTERN} characters, not {len(text)}")
    try:
        compiled(text)
    except ValueError as error:  # RE2's, or half of a surrogate pair
        raise Refusal(
            f"{quoted(text)} is not an RE2 pattern: {on_one_line(str(error))}"
        ) from None
    return text


def check_keyword(text: str) -> str:
    """Give an EHLO keyword in upper case.

    Raises Refusal.
    """
    if not _KEYWORD.fullmatch(text):
        raise Refusal(
            f"{quoted(text)} is not an EHLO keyword: letters, digits and `-`, no `-` "
            "first; what stands behind the keyword is not compared"
        )
    return text.upper()
