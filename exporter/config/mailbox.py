"""The mailboxes of an envelope, as text.

Holds the syntax of RFC 5321 4.1.2, with the characters that RFC 6531 adds, and the
sentence for whoever missed it. Refuses what would need escaping inside `<` and `>`.
"""

import re

from exporter.config.address import Rules, checked, is_bad_literal
from exporter.config.complaint import Refusal

# RFC 5321 4.5.3.1.3: a path has 256 octets, two of which are `<` and `>`.
MAX_MAILBOX = 254

# For JSON Schema: what an editor can see without knowing the grammar.
RECIPIENT_PATTERN = r"^[^\s<>]+@[^\s<>@]+$"
SENDER_PATTERN = rf"^$|{RECIPIENT_PATTERN}"

_WIDE = "\x80-\U0010ffff"  # RFC 6531 3.3; controls and blanks have a rule of their own
_ATOM = rf"[A-Za-z0-9!#$%&'*+/=?^_`{{|}}~{_WIDE}-]+"
_QUOTED = rf'"(?:[!#-\[\]-~{_WIDE}]|\\[!-~])*"'
_LOCAL_PART = re.compile(rf"{_ATOM}(?:\.{_ATOM})*|{_QUOTED}")
_OUTER = f"A-Za-z0-9{_WIDE}"
_SUB_DOMAIN = rf"[{_OUTER}](?:[{_OUTER}-]{{0,61}}[{_OUTER}])?"
_DOMAIN = re.compile(rf"{_SUB_DOMAIN}(?:\.{_SUB_DOMAIN})*")


def check_recipient(text: str) -> str:
    """Give the mailbox back if it can stand in RCPT TO.

    Raises Refusal.
    """
    return checked(text, _RULES)


def check_sender(text: str) -> str:
    """Give the mailbox back if it can stand in MAIL FROM; "" is the null reverse-path.

    Raises Refusal.
    """
    if text == "<>":
        raise Refusal('write the null reverse-path as `""`')
    return text and checked(text, _RULES)


def _local_part(text: str) -> str:
    return text.rpartition("@")[0]


def _domain(text: str) -> str:
    return text.rpartition("@")[2]


def _is_bad_domain(text: str) -> bool:
    if text.startswith("["):
        return is_bad_literal(text)
    return not _DOMAIN.fullmatch(text)


_RULES: Rules = (
    (
        lambda text: "<" in text or ">" in text,
        "{}: write the mailbox without `<` and `>`",
    ),
    (lambda text: bool(re.search(r"\s", text)), "{}: a mailbox has no spaces in it"),
    (
        lambda text: len(text.encode()) > MAX_MAILBOX,
        f"{{}} is longer than {MAX_MAILBOX} octets",
    ),
    (
        lambda text: "@" not in text,
        "{} is not a mailbox; write its domain too, as in `postmaster@example.com`",
    ),
    (
        lambda text: not _LOCAL_PART.fullmatch(_local_part(text)),
        "{}: what stands before the last `@` is neither words with dots between them "
        "nor text in double quotes (RFC 5321 4.1.2)",
    ),
    (
        lambda text: _is_bad_domain(_domain(text)),
        "{}: what follows the `@` is neither a domain nor an address literal such as "
        "`[192.0.2.1]` (RFC 5321 4.1.2)",
    ),
)
