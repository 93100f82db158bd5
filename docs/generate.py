"""Writes docs/vocabulary.md from the code's own tables; a test holds it current.

python docs/generate.py
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from exporter.vocabulary import Close, Phase, Quirk, Reason, Skip, Word

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
"""


def vocabulary() -> str:
    """Give the page's text."""
    return (
        "\n".join(
            (
                _TOP,
                *_section("Phases", "phase", Phase),
                "`tls` comes before `greeting` on a port with implicit TLS.",
                "",
                *_reasons(),
                *_section("How a session ends", "close", Close),
                "Only `clean` is graceful: `smtp_graceful_close` is 1 for it alone.",
                "",
                *_section("Quirks", "quirk", Quirk),
                *_section("Why a scheduled probe was left out", "cause", Skip),
            )
        ).rstrip()
        + "\n"
    )


def _section(title: str, label: str, words: Iterable[Word]) -> Iterator[str]:
    yield from (f"## {title}", "", f"| `{label}` | meaning |", "|---|---|")
    yield from (f"| `{word}` | {word.meaning} |" for word in words)
    yield ""


def _reasons() -> Iterator[str]:
    yield from ("## Reasons", "", "| `reason` | meaning | phases |", "|---|---|---|")
    for reason in Reason:
        yield f"| `{reason}` | {reason.meaning} | {_phases(reason)} |"
    yield ""


def _phases(reason: Reason) -> str:
    phases = reason.phases
    if phases == tuple(Phase):
        return "all"
    if len(phases) > _SPELT_OUT:
        return f"`{phases[0]}` to `{phases[-1]}`"
    return " ".join(f"`{phase}`" for phase in phases)


if __name__ == "__main__":
    VOCABULARY.write_text(vocabulary(), encoding="utf-8")
