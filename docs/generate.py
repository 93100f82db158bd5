"""Writes docs/vocabulary.md from the code's own tables, and docs/configuration.md.

Tests hold both current.

python -m docs.generate
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from docs.keys import CONFIGURATION, configuration
from exporter.diagnosis.sidelights import GOODBYES, QUIRKS
from exporter.diagnosis.table import TABLE, Row, seen
from exporter.vocabulary import (
    CERTIFICATE_PROBLEMS,
    Close,
    Phase,
    Quirk,
    Reason,
    Refused,
    Skip,
    StsMode,
    TargetSource,
    Word,
)

VOCABULARY = Path(__file__).with_name("vocabulary.md")

# More phases than this are always a stretch of the chronological order.
_SPELT_OUT = 3

_TOP = """\
# Vocabulary

The words that stand in labels, each with its meaning. They are a closed list and part
of the public interface: a word is never renamed or reused, and a new one stands in the
[changelog](../CHANGELOG.md). This page is written by `docs/generate.py`.

`phase` says where, `reason` says what, `close` says how the session ended, `quirk` says
what was ugly but tolerated. A probe that fails blames the first phase that failed; how
its session ended is told besides, whatever the verdict. Written in one word, a failure
is `phase_reason`: `greeting_timeout`, `connect_refused`, `ehlo_unsolicited_221`.

An alert can link to a reason: each has [its own section](#what-to-do) under its word,
as in `vocabulary.md#timeout`.
"""

# What the contract allows and no probe can come to: the sections below have it too.
_NEVER_YET = f"""\
The column says where a word may stand, and some of these pairs do not come about: what
is said during `{Phase.HOLD}` is `{Reason.UNAVAILABLE}`, `{Reason.UNSOLICITED_221}` or
`{Reason.UNSOLICITED_REPLY}`, whatever its code; what goes wrong in `{Phase.CLOSE}` is
`{Reason.CLOSE_POLICY}`; and no probe looks for `{Reason.CERT_REVOKED}` yet."""

_WHAT_TO_DO = """\
## What to do

For each reason: what was seen, by phase; what it usually means; what to try. The
`probe` command and the log say the same, with the server's own words where it gave any.
Only the first line of an entry is certain; the rest is what is usual.
"""


def vocabulary() -> str:
    """Give the page's text."""
    return (
        "\n".join(
            (
                _TOP,
                *_table("Phases", "phase", Phase),
                "`tls` comes before `greeting` on a port with implicit TLS.",
                "",
                *_reasons(),
                *_problems(),
                _WHAT_TO_DO,
                *_diagnoses(),
                *_table("How a session ends", "close", Close, _GOODBYE),
                "Only `clean` is graceful: `smtp_graceful_close` is 1 for it alone.",
                "",
                *_table("Quirks", "quirk", Quirk, _QUIRK),
                *_table("What an MTA-STS policy asks", "mode", StsMode),
                *_table("Where targets come from", "source", TargetSource),
                *_table("Why a scheduled probe was left out", "cause", Skip),
                *_table("Why a probe on demand was refused", "cause", Refused),
            )
        ).rstrip()
        + "\n"
    )


class _More(NamedTuple):
    """A third column: its title, and what stands in it."""

    title: str
    cells: Mapping[Word, str]


_GOODBYE = _More("what it says", {word: told.says for word, told in GOODBYES.items()})
_QUIRK = _More("why it matters", dict(QUIRKS.items()))


def _table(
    title: str, label: str, words: Iterable[Word], more: _More | None = None
) -> Iterator[str]:
    yield from (f"## {title}", "")
    titles = (f"`{label}`", "meaning", *([more.title] if more else []))
    yield f"| {' | '.join(titles)} |"
    yield "|---" * len(titles) + "|"
    for word in words:
        cells = (f"`{word}`", word.meaning, *([more.cells[word]] if more else []))
        yield f"| {' | '.join(cells)} |"
    yield ""


def _reasons() -> Iterator[str]:
    yield from ("## Reasons", "", "| `reason` | meaning | phases |", "|---|---|---|")
    for reason in Reason:
        word = f"[`{reason}`](#{reason})" if reason.phases else f"`{reason}`"
        yield f"| {word} | {reason.meaning} | {_phases(reason)} |"
    yield ""
    yield from (_NEVER_YET, "")


def _problems() -> Iterator[str]:
    words = ", ".join(f"`{problem}`" for problem in CERTIFICATE_PROBLEMS)
    yield f"The label `problem` has some of them for its values: {words}."
    yield "A certificate may have several; the first in this order names the failure."
    yield ""


def _diagnoses() -> Iterator[str]:
    for reason, rows in TABLE.items():
        if rows:
            yield from (f"### `{reason}`", "", f"{_sentence(reason.meaning)}", "")
            for row in rows:
                yield from _entry(row)
            yield ""


def _entry(row: Row) -> Iterator[str]:
    where = "any phase" if row.phases == tuple(Phase) else _spelt(row.phases)
    yield f"- {where}: {seen(row, *row.phases)}."
    yield f"  - *Usually:* {row.means}."
    yield f"  - *Try:* {row.remedy}."


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _spelt(phases: Iterable[Phase]) -> str:
    return " ".join(f"`{phase}`" for phase in phases)


def _phases(reason: Reason) -> str:
    phases = reason.phases
    if phases == tuple(Phase):
        return "all"
    if len(phases) > _SPELT_OUT:
        return f"`{phases[0]}` to `{phases[-1]}`"
    return _spelt(phases)


if __name__ == "__main__":
    VOCABULARY.write_text(vocabulary(), encoding="utf-8")
    CONFIGURATION.write_text(configuration(), encoding="utf-8")
