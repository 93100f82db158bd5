"""Writes docs/comparison.md from what two exporters have said of the same servers.

Holds words and tables, and refuses to probe: tests/e2e/migrated.py does that, and
tests/e2e/test_migration.py holds the page against it. Written by `make comparison`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from exporter.outcome import Failure
from exporter.vocabulary import Close, Reason

COMPARISON = Path(__file__).with_name("comparison.md")


class Theirs(NamedTuple):
    """What blackbox_exporter said of a server."""

    success: bool
    late: bool  # it used all the time that it had


class Ours(NamedTuple):
    """What this exporter said of it."""

    failure: Failure | None  # None: success
    close: Close

    @property
    def success(self) -> bool:
        """Whether the probe succeeded."""
        return self.failure is None


class Compared(NamedTuple):
    """A server, and both verdicts."""

    module: str
    row: str
    does: str
    theirs: Theirs
    ours: Ours

    @property
    def differ(self) -> bool:
        """Whether the two do not say the same."""
        return self.theirs.success != self.ours.success


class Asked(NamedTuple):
    """A module as each of the two is configured with it."""

    theirs: Mapping[str, Any]
    ours: Mapping[str, Any]


class Run(NamedTuple):
    """All that was probed, and by what."""

    version: str  # of blackbox_exporter
    seconds: float  # that each probe had
    modules: Mapping[str, Asked]
    seen: Sequence[Compared]  # by module


_TOP = """\
# Side by side with blackbox_exporter

What two exporters say of the same servers, good and bad, one by one. A test lets
Debian's blackbox_exporter ({version}) and this exporter, of the same commit as this
page, make the same {count} probes over loopback, configured as [the guide to
migration](migration.md#modules) spells it. The test fails where either says something
else than this page; `make comparison` writes the page.

- A server is a script, a row of `tests/scenarios.py`, and does one thing, mostly a
  wrong one. So the counts tell in how many ways a server can fail, not how often
  servers do. It is probed with each module that asks for what its row is about.
- `here` is success, or [`phase_reason`](vocabulary.md) from `smtp_probe_failure`.
  `close` is [how our session ended](vocabulary.md#how-a-session-ends), from
  `smtp_session_end`; blackbox does not look at that.
- Each of the two had {seconds} s for a probe, in place of the guide's 5 s. `whole
  time`: blackbox used all of it. Here a step that takes longer is a `deadline`; with
  the default limits, where steps have their own, most would be a `timeout`. What a row
  says of its own limits does not count here.
- When this exporter does not believe a certificate, it says QUIT. A client that goes on
  all the same is answered as by any good server.
- Left out: how long a probe took otherwise, since that varies; lookups, as servers are
  given by address; and rows that no module of the guide asks for, among them what
  blackbox cannot be asked for: `hold`, `quit: strict`, PROXY headers, Unix sockets,
  DANE and MTA-STS.

"""

_COLUMNS = ("row", "what the server does", "blackbox", "here", "close", "they differ")
_WHY = "[why](migration.md#where-the-verdicts-differ)"
# To the specification of rows, which is for whoever writes them.
_REFERENCE = re.compile(r" \((?:J[0-9]+|0\.[0-9])\)")


def comparison(run: Run) -> str:
    """Give the page's text."""
    top = _TOP.format(count=len(run.seen), version=run.version, seconds=run.seconds)
    lines = [*_summary(run.seen)]
    for module, seen in groupby(run.seen, lambda one: one.module):
        lines += (f"## `{module}`", "", _asked(run.modules[module]), "")
        lines += (*_head(_COLUMNS), *map(line, seen), "")
    return top + "\n".join(lines)


def line(one: Compared) -> str:
    """Write the row of one server."""
    theirs = "success" if one.theirs.success else "failure"
    return _row(
        f"`{one.row}`",
        _REFERENCE.sub("", one.does).replace("|", r"\|"),
        f"{theirs}, whole time" if one.theirs.late else theirs,
        f"`{one.ours.failure}`" if one.ours.failure else "success",
        f"`{one.ours.close}`",
        _WHY if one.differ else "",
    )


def _summary(seen: Sequence[Compared]) -> Iterator[str]:
    late = [one for one in seen if one.theirs.late and not one.theirs.success]
    sooner = [one for one in late if one.ours.failure and not _is_late(one.ours)]
    counts = {
        "probes of each": len(seen),
        "both say the same": sum(not one.differ for one in seen),
        "success for blackbox, failure here": sum(
            one.differ and one.theirs.success for one in seen
        ),
        "failure for blackbox, success here": sum(
            one.differ and one.ours.success for one in seen
        ),
        "blackbox failed when its whole time was over": len(late),
        "... this exporter had said why before": len(sooner),
        "... this exporter waited as long, and says for what": sum(
            _is_late(one.ours) for one in late
        ),
        "... this exporter succeeded": sum(one.ours.success for one in late),
    }
    yield from ("## Summary", "", *_head(("of all servers", "count")))
    yield from (_row(what, str(count)) for what, count in counts.items())
    yield ""


def _is_late(ours: Ours) -> bool:
    return ours.failure is not None and ours.failure.reason is Reason.DEADLINE


def _asked(module: Asked) -> str:
    tcp = module.theirs["tcp"]
    options = {key: value for key, value in tcp.items() if key != "query_response"}
    steps = [f"`{_flow(options)}`"] if options else []
    steps += map(_step, tcp.get("query_response", ()))
    return f"blackbox: {', '.join(steps)}. Here: `{_flow(module.ours)}`."


def _step(step: Mapping[str, Any]) -> str:
    ((word, value),) = step.items()
    if value is True:
        return word
    text = value.removesuffix("\r")
    return f"{word} `{text}`"


def _flow(keys: Mapping[str, Any]) -> str:
    written = yaml.safe_dump(
        dict(keys), default_flow_style=True, sort_keys=False, width=1000
    )
    return str(written).strip()


def _head(titles: Sequence[str]) -> Iterator[str]:
    yield _row(*titles)
    yield "|---" * len(titles) + "|"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
