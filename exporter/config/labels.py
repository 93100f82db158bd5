"""The names and words that the owner may choose: labels, targets, modules.

Holds what they may look like and which label names are taken. Refuses nothing for
taste: only what Prometheus or this exporter's own metrics could not bear.
"""

import re

from exporter.config.complaint import Refusal
from exporter.printable import quoted

MAX_NAME = 200  # a target's name stands in URLs and in each of its series

LABEL_PATTERN = r"^[a-zA-Z_][a-zA-Z0-9_]*$"
_LABEL = re.compile(LABEL_PATTERN.strip("^$"))

# Prometheus attaches the first four itself; the rest are labels of our own metrics.
RESERVED_LABELS = (
    *("job", "instance", "le", "quantile"),
    *("target", "host", "port", "module", "address", "mx_domain", "mx_preference"),
    *("phase", "reason", "close", "quirk", "extension", "mechanism", "status"),
    *("version", "cipher", "problem", "subject", "issuer", "serial"),
    *("fingerprint_sha256", "key", "usable", "mode", "family", "class", "code"),
    *("source", "cause"),
)
_RESERVED = frozenset(RESERVED_LABELS)
_SURROGATE = re.compile("[\ud800-\udfff]")


def check_label_name(text: str) -> str:
    """Give the name back if a target's own label may have it.

    Raises Refusal.
    """
    if not _LABEL.fullmatch(text):
        raise Refusal("a label's name is made of a-z, A-Z, 0-9 and _, no digit first")
    if text.startswith("__"):
        raise Refusal("names that begin with `__` belong to Prometheus; take another")
    if text in _RESERVED:
        raise Refusal(
            f"the label {quoted(text)} is taken by Prometheus or by this exporter's "
            "own metrics; take another name"
        )
    return text


def check_label_value(text: str) -> str:
    """Give the value back if it can be written as UTF-8.

    Raises Refusal.
    """
    if not text.isascii() and _SURROGATE.search(text):
        raise Refusal("half of a surrogate pair is no character; leave it out")
    return text


def check_name(text: str) -> str:
    """Give the name of a target or module back if it can be shown on one line.

    Raises Refusal.
    """
    if not 1 <= len(text) <= MAX_NAME:
        raise Refusal(f"a name has 1 to {MAX_NAME} characters, not {len(text)}")
    if not text.isprintable():
        raise Refusal(f"{quoted(text)}: a name has printable characters only")
    return text
