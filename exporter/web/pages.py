"""The pages for people: `/`, and `/targets/{name}`.

Rows are made on the loop, since accounts change on it; a thread writes the HTML. What
a server or a configuration said is text: autoescape is on for every template.
"""

import asyncio
from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from typing import NamedTuple

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined

from exporter.history import Remembered
from exporter.ledger import Account
from exporter.vocabulary import Phase
from exporter.web import assets
from exporter.web.bars import KIND_OF, TALK
from exporter.web.links import asked_name
from exporter.web.rows import (
    SIGNS,
    WORDS,
    Row,
    moment_if_any,
    moment_of,
    row,
    trouble,
    where,
)
from exporter.web.selection import (
    Selected,
    Sort,
    State,
    Wanted,
    select,
    state_of,
)
from exporter.web.session import Session, session
from exporter.web.shown import Shown

PAGE_SIZE = 100
# Rows that are made before the loop has its turn: two milliseconds.
ROWS_AT_ONCE = 20
# What is looked for is a name or a part of one.
MAX_SEARCH = 256
# The last page that can be asked for: beyond any count of targets in one process.
MAX_PAGE = 100_000


@cache
def _templates() -> Environment:
    """Read the templates of the package; they are compiled once."""
    return Environment(
        loader=PackageLoader("exporter.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )


class Pager(NamedTuple):
    """Which page of how many; its rows are numbered from one."""

    page: int
    pages: int
    first: int
    last: int


class Pages:
    """The handlers, and the templates that they write with."""

    def __init__(self, shown: Shown) -> None:
        """Show this."""
        links = shown.links
        self._shown = shown
        self._everywhere = {
            "links": links,
            "version": shown.version,
            "style": assets.address(links, "style.css"),
            "script": assets.address(links, "page.js"),
            "icon": assets.address(links, "icon.svg"),
            "signs": SIGNS,
            "words": WORDS,
            "State": State,
            "Sort": Sort,
            "kinds": _LEGEND,
        }

    def routes(self) -> list[web.RouteDef]:
        """Give the routes of the pages."""
        return [
            web.get("/", self._answer_status),
            web.get("/targets/{name:.*}", self._answer_target),
        ]

    async def status(self, query: Mapping[str, str]) -> str:
        """Write the status page for what is asked in its query."""
        wanted, page = _wanted(query), _page(query)
        accounts = self._shown.accounts().values()
        selected = await select(accounts, wanted, page * PAGE_SIZE)
        pager = _pager(selected.matching, page)
        rows = await self._rows(selected, pager)
        return await self._written(
            "status.html",
            wanted=wanted,
            query=_asked_again(wanted),
            selected=selected,
            total=sum(selected.counts.values()),
            pager=pager,
            rows=rows,
        )

    async def target(self, name: str) -> str | None:
        """Write the page of a target; nothing where none has this name."""
        account = self._shown.accounts().get(name)
        if account is None:
            return None
        now, latest = self._shown.now(), account.latest
        return await self._written(
            "target.html",
            target=account.target,
            probes=account.probes,
            where=where(account.target),
            state=state_of(account),
            trouble=trouble(latest, now) if latest else None,
            last_probe=moment_of(latest.ended_at, now) if latest else None,
            last_success=moment_if_any(account.last_success_at, now),
            failures=_failures(account),
            told=await _sessions(self._shown.remembered(account), now),
        )

    async def missing(self, name: str) -> str:
        """Write that there is no such target."""
        return await self._written("missing.html", name=name)

    async def _rows(self, selected: Selected, pager: Pager) -> list[Row]:
        rows: list[Row] = []
        now, history = self._shown.now(), self._shown.history
        for account in selected.first[max(0, pager.first - 1) : pager.last]:
            rows.append(row(account, history.last_failure(account.target.name), now))
            if len(rows) % ROWS_AT_ONCE == 0:
                await asyncio.sleep(0)
        return rows

    async def _written(self, template: str, **shown: object) -> str:
        written = _templates().get_template(template)
        return await asyncio.to_thread(written.render, self._everywhere | shown)

    async def _answer_status(self, request: web.Request) -> web.Response:
        return _html(await self.status(request.query))

    async def _answer_target(self, request: web.Request) -> web.Response:
        name = asked_name(request)
        page = await self.target(name)
        if page is None:
            return _html(await self.missing(name), HTTPStatus.NOT_FOUND)
        return _html(page)


def _html(text: str, status: int = HTTPStatus.OK) -> web.Response:
    return web.Response(text=text, status=status, content_type="text/html")


# --- what is asked for

_STATES = {str(state): state for state in State}
_SORTS = {str(sort): sort for sort in Sort}


def _wanted(query: Mapping[str, str]) -> Wanted:
    """Read what is asked for; a word that is none of ours asks for nothing."""
    state, sort = query.get("state", ""), query.get("sort", "")
    return Wanted(
        search=query.get("search", "")[:MAX_SEARCH],
        state=_STATES.get(state),
        module=query.get("module", ""),
        sort=_SORTS.get(sort, Sort.STATE),
    )


def _page(query: Mapping[str, str]) -> int:
    text = query.get("page", "")
    digits = text.isascii() and text.isdigit() and len(text) <= len(str(MAX_PAGE))
    return max(1, min(int(text), MAX_PAGE)) if digits else 1


def _asked_again(wanted: Wanted) -> dict[str, str]:
    """Give what was asked for as a query again, defaults left out."""
    return {
        "search": wanted.search,
        "state": wanted.state or "",
        "module": wanted.module,
        "sort": "" if wanted.sort is Sort.STATE else wanted.sort,
    }


def _pager(matching: int, page: int) -> Pager:
    pages = max(1, -(-matching // PAGE_SIZE))
    page = min(page, pages)
    first = (page - 1) * PAGE_SIZE
    return Pager(page, pages, first + 1, min(first + PAGE_SIZE, matching))


# --- what is told

_KIND_WORDS = {
    "net": "name, connection",
    "welcome": "greeting and hold",
    "crypto": "TLS handshake",
    TALK: "commands",
    "end": "goodbye",
}
_LEGEND = tuple(
    (kind, words, ", ".join(p for p in Phase if KIND_OF.get(p, TALK) == kind))
    for kind, words in _KIND_WORDS.items()
)


def _failures(account: Account) -> list[tuple[str, str, int]]:
    """Give what failed how often since the start, the most frequent first."""
    counts = sorted(account.failures.items(), key=lambda item: -item[1])
    return [
        (f"{phase}_{reason}", reason.meaning, count)
        for (phase, reason), count in counts
    ]


class Told(NamedTuple):
    """A target's sessions; a failed one that is among the last is told once."""

    sessions: list[Session]
    failed: list[Session]
    also: list[Session]  # failed, and among the last


async def _sessions(remembered: Remembered, now: float) -> Told:
    last: dict[int, Session] = {}
    for number, outcome in enumerate(remembered.sessions, 1):
        last[id(outcome)] = session(outcome, f"session-{number}", now)
        await asyncio.sleep(0)
    told = Told([*last.values()], [], [])
    for number, outcome in enumerate(remembered.failures, 1):
        if id(outcome) in last:
            told.also.append(last[id(outcome)])
        else:
            told.failed.append(session(outcome, f"failure-{number}", now))
            await asyncio.sleep(0)
    return told
