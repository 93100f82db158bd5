"""`/api/v1/targets`: what the pages tell, as JSON for programs (docs/api.md).

A key that was shipped stays. A question that cannot be read is 400 with a sentence that
says what may be asked.
"""

import asyncio
import json
from collections.abc import Iterable, Mapping
from enum import StrEnum
from http import HTTPStatus
from typing import Any, TypeVar

from aiohttp import web

from exporter.diagnosis import verdict
from exporter.diagnosis.document import document
from exporter.ledger import Account
from exporter.outcome import Outcome
from exporter.targets import Target
from exporter.web.links import asked_name
from exporter.web.selection import Sort, State, Wanted, select, state_of
from exporter.web.shown import Shown

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000  # a megabyte or so; more come page by page
MAX_OFFSET = 10_000_000
NO_SUCH = "no target has this name; /api/v1/targets names them"
# Entries that are made before the loop has its turn: a millisecond.
AT_ONCE = 20

_Word = TypeVar("_Word", bound=StrEnum)


class Unreadable(Exception):
    """A question that cannot be read; the text says what may be asked."""


class Api:
    """The handlers."""

    def __init__(self, shown: Shown) -> None:
        """Answer from this."""
        self._shown = shown

    def routes(self) -> list[web.RouteDef]:
        """Give the routes of the API."""
        return [
            web.get("/api/v1/targets", self._answer_targets),
            web.get("/api/v1/targets/{name:.*}", self._answer_target),
        ]

    async def targets(self, query: Mapping[str, str]) -> dict[str, Any]:
        """Give the targets that are asked for; raises Unreadable."""
        wanted = _wanted(query)
        limit = _number(query, "limit", DEFAULT_LIMIT, MAX_LIMIT)
        offset = _number(query, "offset", 0, MAX_OFFSET)
        accounts = self._shown.accounts().values()
        selected = await select(accounts, wanted, offset + limit)
        targets = []
        for account in selected.first[offset:]:
            targets.append(_entry(account))
            if len(targets) % AT_ONCE == 0:
                await asyncio.sleep(0)
        return {
            "status": "success",
            "counts": dict(selected.counts),
            "total": selected.matching,
            "limit": limit,
            "offset": offset,
            "targets": targets,
        }

    async def target(self, name: str) -> dict[str, Any] | None:
        """Give a target with its sessions; nothing where none has this name."""
        account = self._shown.accounts().get(name)
        if account is None:
            return None
        kept, target = self._shown.remembered(account), account.target
        return {
            "status": "success",
            "target": _entry(account),
            "sessions": await _documents(target, kept.sessions),
            "failed_sessions": await _documents(target, kept.failures),
        }

    async def _answer_targets(self, request: web.Request) -> web.Response:
        try:
            return await _answer(HTTPStatus.OK, await self.targets(request.query))
        except Unreadable as complaint:
            return await _error(HTTPStatus.BAD_REQUEST, str(complaint))

    async def _answer_target(self, request: web.Request) -> web.Response:
        found = await self.target(asked_name(request))
        if found is None:
            return await _error(HTTPStatus.NOT_FOUND, NO_SUCH)
        return await _answer(HTTPStatus.OK, found)


async def _documents(
    target: Target, sessions: Iterable[Outcome]
) -> list[dict[str, Any]]:
    told = []
    for session in sessions:
        told.append(document(target, session))
        await asyncio.sleep(0)  # one may have hundreds of lines
    return told


async def _answer(status: int, body: dict[str, Any]) -> web.Response:
    text = await asyncio.to_thread(json.dumps, body, allow_nan=False)
    return web.json_response(text=text + "\n", status=status)


async def _error(status: int, sentence: str) -> web.Response:
    return await _answer(status, {"status": "error", "error": sentence})


# --- what is asked for


def _wanted(query: Mapping[str, str]) -> Wanted:
    return Wanted(
        search=query.get("search", ""),
        state=_word(query, "state", State),
        module=query.get("module", ""),
        sort=_word(query, "sort", Sort) or Sort.STATE,
    )


def _word(query: Mapping[str, str], key: str, words: type[_Word]) -> _Word | None:
    text = query.get(key, "")
    if text and text not in {*words}:
        raise Unreadable(f"`{key}` must be one of {', '.join(words)}")
    return words(text) if text else None


def _number(query: Mapping[str, str], key: str, default: int, most: int) -> int:
    text = query.get(key, str(default))
    digits = text.isascii() and text.isdigit() and len(text) <= len(str(most))
    if not digits or int(text) > most:
        raise Unreadable(f"`{key}` must be a whole number from 0 to {most}")
    return int(text)


# --- what is told


def _entry(account: Account) -> dict[str, Any]:
    target, latest = account.target, account.latest
    return {
        **_identity(target),
        "state": state_of(account),
        "last_probe_at": latest.ended_at if latest else None,
        "last_success_at": account.last_success_at,
        "last": _summary(latest) if latest else None,
        "counters": {
            "probes": account.probes,
            "failures": [
                {"phase": phase, "reason": reason, "count": count}
                for (phase, reason), count in account.failures.items()
            ],
            "session_ends": dict(account.session_ends),
            "banners": dict(account.banners),
            "unsolicited": dict(account.unsolicited),
        },
    }


def _identity(target: Target) -> dict[str, Any]:
    return {
        "name": target.name,
        "host": target.host,
        "port": target.port,
        "module": target.module.name,
        "labels": dict(target.labels),
        "address": target.address,
        "mx_domain": target.exchanger and target.exchanger.domain,
        "source": target.source,
        "interval_seconds": target.interval,
    }


def _summary(latest: Outcome) -> dict[str, Any]:
    failure = latest.failure
    return {
        "success": latest.success,
        "failure": failure and {"phase": failure.phase, "reason": failure.reason},
        "verdict": verdict(latest),
        "duration_seconds": latest.duration,
        "phases": {record.phase: record.seconds for record in latest.phases},
        "banner_present": latest.banner_present,
        "quit_acknowledged": latest.quit_acknowledged,
        "close": latest.close,
        "graceful_close": latest.graceful,
        "quirks": sorted(latest.quirks),
    }
