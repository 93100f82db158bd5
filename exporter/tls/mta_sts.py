"""MTA-STS: what a domain says of its exchangers, and who satisfies it (RFC 8461).

Holds the reading of records and policies, and the matching of hosts. Refuses to ask
for either, and to remember them: that is done in probe/policies.py.
"""

import re
from typing import NamedTuple

from exporter.vocabulary import Reason, StsMode

VERSION = b"STSv1"
MAX_AGE = 31557600  # seconds; a year (RFC 8461 section 3.2)
MAX_DOMAIN = 253  # RFC 1035 section 2.3.4, without the final dot

_WHITE = b" \t"
_WILDCARD = "*."

# Section 3.1.
_RECORD = re.compile(rb"v=%b[ \t]*;" % VERSION)
_RECORD_FIELD = re.compile(
    rb"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}=[\x21-\x3a\x3c\x3e-\x7e]+"
)
_ID = re.compile(rb"id=([A-Za-z0-9]{1,32})")

# Section 3.2, and the underscore, which the DNS carries and operators use.
_KEY = re.compile(rb"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}")
_SECONDS = re.compile(rb"[0-9]{1,10}")
_LABEL = rb"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_PATTERN = re.compile(rb"(?:\*\.)?(?:%b\.)*%b" % (_LABEL, _LABEL))
_MODES = {mode.encode("ascii"): mode for mode in StsMode}

# What section 4.2 does not ask about is reported beside it, and is no mismatch.
_TOLERATED = frozenset({Reason.CERT_WEAK})


class PolicyError(Exception):
    """A policy that cannot be honoured; a sentence for people, without its text."""


class StsPolicy(NamedTuple):
    """What senders are asked to do, and of which hosts (RFC 8461 section 3.2)."""

    mode: StsMode
    patterns: tuple[str, ...]  # as published; none only where the mode is none
    max_age: int  # seconds from the time when it was fetched


def read_record(texts: tuple[bytes, ...]) -> str | None:
    """Give the id in the TXT records of `_mta-sts.DOMAIN`; None for no valid record.

    Records of other versions are discarded; of this one there must be exactly one
    (RFC 8461 section 3.1). Kinder than its grammar, white space at the end is nothing.
    """
    records = [text for text in texts if _RECORD.match(text)]
    if len(records) != 1:
        return None
    _, *fields, last = (part.strip(_WHITE) for part in records[0].split(b";"))
    if last:  # else it is what stands behind the final delimiter
        fields.append(last)
    if not all(_RECORD_FIELD.fullmatch(field) for field in fields):
        return None
    first = next((field for field in fields if field.startswith(b"id=")), b"")
    found = _ID.fullmatch(first)
    return found[1].decode("ascii") if found else None


def declares(texts: tuple[bytes, ...]) -> bool:
    """Whether somebody meant one of these to be a record, however it is spelt."""
    return any(text.lstrip().lower().startswith(b"v=stsv1") for text in texts)


def read_policy(body: bytes) -> StsPolicy:
    """Read a policy file (RFC 8461 section 3.2).

    Of a field that comes twice the first counts, save for `mx`; unknown ones are
    ignored. Kinder than the grammar, empty lines are ignored too. Raises PolicyError.
    """
    first: dict[bytes, bytes] = {}
    patterns = []
    for number, line in enumerate(body.split(b"\n"), 1):
        if not line.strip(b" \t\r"):
            continue
        key, value = _read_field(line.removesuffix(b"\r"), number)
        if key == b"mx":
            patterns.append(_read_pattern(value, number))
        else:
            first.setdefault(key, value)
    _check_version(first)
    mode = _read_mode(first)
    if not patterns and mode is not StsMode.NONE:
        raise PolicyError("the policy has no `mx`, so it allows no host")
    return StsPolicy(mode, tuple(patterns), _read_max_age(first))


def allows(policy: StsPolicy, host: str) -> bool:
    """Whether one of the patterns is for this host (RFC 8461 section 4.1).

    A wildcard is the whole of the first label, and of no more than that one. The host
    is a name in A-labels.
    """
    name = host.removesuffix(".").lower()
    label, _, parent = name.partition(".")
    wanted = {name, _WILDCARD + parent} if label and parent else {name}
    return any(pattern.lower() in wanted for pattern in policy.patterns)


def satisfied(policy: StsPolicy, host: str, problems: frozenset[Reason] | None) -> bool:
    """Whether a host is as the policy of its domain wants it (RFC 8461 section 4).

    `problems` are those of its certificate, held against the host's own name; None when
    there was no TLS. A policy of mode none wants nothing.
    """
    if policy.mode is StsMode.NONE:
        return True
    if problems is None or not allows(policy, host):
        return False
    return problems <= _TOLERATED


def _read_field(line: bytes, number: int) -> tuple[bytes, bytes]:
    key, colon, value = line.partition(b":")
    if not colon or not _KEY.fullmatch(key):
        raise PolicyError(f"line {number} of the policy is not `key: value`")
    return key, value.strip(_WHITE)


def _read_pattern(value: bytes, number: int) -> str:
    domain = value.removeprefix(_WILDCARD.encode("ascii"))
    if len(domain) > MAX_DOMAIN or not _PATTERN.fullmatch(value):
        raise PolicyError(
            f"line {number} of the policy: `mx` is neither a host name nor `*.` and a "
            "domain"
        )
    return value.decode("ascii")


def _check_version(fields: dict[bytes, bytes]) -> None:
    version = fields.get(b"version")
    if version is None:
        raise PolicyError("the policy has no `version`")
    if version != VERSION:
        raise PolicyError("the version of the policy is not STSv1")


def _read_mode(fields: dict[bytes, bytes]) -> StsMode:
    value = fields.get(b"mode")
    if value is None:
        raise PolicyError("the policy has no `mode`")
    if value not in _MODES:
        raise PolicyError(f"the policy's `mode` is not one of {', '.join(StsMode)}")
    return _MODES[value]


def _read_max_age(fields: dict[bytes, bytes]) -> int:
    value = fields.get(b"max_age")
    if value is None:
        raise PolicyError("the policy has no `max_age`")
    if not _SECONDS.fullmatch(value) or int(value) > MAX_AGE:
        raise PolicyError(
            f"the policy's `max_age` is not a number of seconds from 0 to {MAX_AGE}"
        )
    return int(value)
