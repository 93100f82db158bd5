"""Pages and API over a real socket: addresses, headers, status codes, shapes."""

import json
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import pytest
from aiohttp import ClientSession
from yarl import URL

from exporter.exposition import Page
from exporter.exposition.negotiation import TEXT
from exporter.web.address import ListenAddress
from exporter.web.headers import SECURITY
from exporter.web.links import Links
from exporter.web.listen import Listeners
from exporter.web.routes import Sources, application
from tests.unit.accounts import Book, book
from tests.unit.outcomes import greeting_timeout, outcome, target

InLoop = Callable[[Coroutine[Any, Any, None]], None]

NAMES = (
    *("mx1.example.com:25", "example.com/mx1.example.com:25", "[2001:db8::1]:25"),
    *("unix:/run/lmtp", "a b", "a?b=c&d#e", "a%2Fb", "a+b", "Zürich", "..", ".", "/"),
    *("//evil.example", "a/../b", "a//b", "\N{ENVELOPE}", "<b>", "'\"", "a\\b", "%"),
    *("?name=x", "a;b", "metrics", "static/style.css", "%2e%2e", "a/%2E%2E/b"),
)


class Answer(NamedTuple):
    """What came back for a request."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        """Read it as JSON."""
        return json.loads(self.text)


Ask = Callable[..., Coroutine[Any, Any, Answer]]


@asynccontextmanager
async def served(made: Book) -> AsyncIterator[Ask]:
    """Serve a book; gives what asks for an address exactly as it is spelt."""

    async def metrics(*_: object) -> Page:
        return Page(TEXT, gzip=False, parts=(b"x 1\n",))

    async def reload() -> str:
        return ""

    sources = Sources(
        *(metrics, lambda: True, reload, lambda: "targets: [a]\n", "1.2"),
        accounts=made.accounts,
        history=made.history,
    )
    listeners = Listeners(application(sources))
    (opened,) = await listeners.open([ListenAddress("127.0.0.1", 0)])
    async with ClientSession() as session:

        async def ask(path: str, method: str = "GET") -> Answer:
            url = URL(f"http://{opened}{path}", encoded=True)
            async with session.request(method, url) as response:
                return Answer(response.status, response.headers, await response.text())

        try:
            yield ask
        finally:
            await listeners.close()


def three() -> Book:
    """Give three targets: well, failing, not probed."""
    return book(
        {"well": [greeting_timeout(), outcome()], "broken": [greeting_timeout()]},
        [
            target("well", labels=(("site", "fra"),)),
            target("broken", host="b.example"),
            target("new"),
        ],
    )


def test_any_name_has_a_page(in_loop: InLoop) -> None:
    """The link to a target leads to its page, whatever its name holds."""

    async def story() -> None:
        made = book({}, [target(name) for name in NAMES])
        links = Links()
        async with served(made) as ask:
            for name in NAMES:
                page = await ask(links.target(name))
                assert page.status == 200, name
                found = await ask(links.document(name))
                assert (found.status, found.json["target"]["name"]) == (200, name)

    in_loop(story())


def test_slashes_may_be_spelt_out_or_not(in_loop: InLoop) -> None:
    """A name with a slash is found by its percent-encoding too."""

    async def story() -> None:
        async with served(book({}, [target("a/b:25")])) as ask:
            for spelt in ("a/b:25", "a%2Fb:25", "a%2fb%3A25"):
                assert (await ask(f"/targets/{spelt}")).status == 200
                assert (await ask(f"/api/v1/targets/{spelt}")).status == 200

    in_loop(story())


@pytest.mark.parametrize(
    "path", ["/targets/nobody", "/targets/", "/targets/?name=x", "/targets/%FF%FE"]
)
def test_no_such_target(path: str, in_loop: InLoop) -> None:
    """An unknown name is 404, as a page for people and as JSON for programs."""

    async def story() -> None:
        async with served(three()) as ask:
            page = await ask(path)
            found = await ask(f"/api/v1{path}")
        assert page.status == 404
        assert page.headers["Content-Type"] == "text/html; charset=utf-8"
        assert "<h1>No such target</h1>" in page.text
        assert found.status == 404
        assert found.json["status"] == "error"

    in_loop(story())


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/targets/well", "/targets/nobody", "/metrics", "/config"),
        *("/-/healthy", "/api/v1/targets", "/static/nothing", "/nowhere"),
        *("/api/v1/targets?limit=x", "/api/v1/targets/nobody"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
def test_every_answer_is_secured(path: str, method: str, in_loop: InLoop) -> None:
    """Errors have the headers too, and no page may run or frame anything."""

    async def story() -> None:
        async with served(three()) as ask:
            answer = await ask(path, method)
        assert {name: answer.headers.get(name) for name in SECURITY} == {**SECURITY}

    in_loop(story())


def test_assets(in_loop: InLoop) -> None:
    """Style and script are kept by browsers, at an address that changes with them."""

    async def story() -> None:
        async with served(three()) as ask:
            style = await ask("/static/style.css?x")
            script = await ask("/static/page.js")
            icon = await ask("/static/icon.svg")
            outside = await ask("/static/..%2froutes.py")
        assert style.headers["Content-Type"] == "text/css; charset=utf-8"
        assert script.headers["Content-Type"] == "text/javascript; charset=utf-8"
        assert icon.headers["Content-Type"] == "image/svg+xml; charset=utf-8"
        assert "immutable" in style.headers["Cache-Control"]
        assert outside.status == 404

    in_loop(story())


# --- the API


def test_targets(in_loop: InLoop) -> None:
    """Each target is told with its state, its last outcome and its counters."""

    async def story() -> None:
        async with served(three()) as ask:
            answer = await ask("/api/v1/targets")
        told = answer.json
        assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
        assert [*told] == [*("status", "counts", "total", "limit", "offset", "targets")]
        assert told["counts"] == {"failing": 1, "pending": 1, "well": 1}
        assert (told["total"], told["limit"], told["offset"]) == (3, 100, 0)
        broken, new, well = told["targets"]
        assert [broken["name"], new["name"], well["name"]] == ["broken", "new", "well"]
        assert broken["last"]["failure"] == {"phase": "greeting", "reason": "timeout"}
        assert "no complete greeting" in broken["last"]["verdict"]
        assert (new["state"], new["last"], new["last_probe_at"]) == (
            *("pending", None, None),
        )
        assert well["labels"] == {"site": "fra"}
        assert well["last"]["graceful_close"] is True
        assert well["counters"] == {
            "probes": 2,
            "failures": [{"phase": "greeting", "reason": "timeout", "count": 1}],
            "session_ends": {"aborted": 1, "clean": 1},
            "banners": {"2xx": 1},
            "unsolicited": {},
        }

    in_loop(story())


@pytest.mark.parametrize(
    ("query", "names", "total"),
    [
        ("limit=2", ["broken", "new"], 3),
        ("limit=2&offset=2", ["well"], 3),
        ("offset=3", [], 3),
        ("limit=0", [], 3),
        ("sort=name&limit=1", ["broken"], 3),
        ("state=well", ["well"], 1),
        ("search=B.EXAMPLE", ["broken"], 1),
        ("module=mx&state=pending", ["new"], 1),
        ("module=none", [], 0),
    ],
)
def test_what_is_asked(
    query: str, names: list[str], total: int, in_loop: InLoop
) -> None:
    """Filters, order and paging hold together; the total is of all that match."""

    async def story() -> None:
        async with served(three()) as ask:
            told = (await ask(f"/api/v1/targets?{query}")).json
        assert [one["name"] for one in told["targets"]] == names
        assert told["total"] == total

    in_loop(story())


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("state=bad", "`state` must be one of failing, pending, well"),
        ("sort=bad", "`sort` must be one of state, name, latency, age"),
        ("limit=1001", "`limit` must be a whole number from 0 to 1000"),
        ("limit=-1", "`limit` must be a whole number from 0 to 1000"),
        ("offset=x", "`offset` must be a whole number from 0 to 10000000"),
        ("offset=%C2%B2", "`offset` must be a whole number from 0 to 10000000"),
        ("limit=", "`limit` must be a whole number from 0 to 1000"),
    ],
)
def test_what_cannot_be_read(query: str, sentence: str, in_loop: InLoop) -> None:
    """A bad question is 400, with what may be asked."""

    async def story() -> None:
        async with served(three()) as ask:
            answer = await ask(f"/api/v1/targets?{query}")
        assert answer.status == 400
        assert answer.json == {"status": "error", "error": sentence}

    in_loop(story())


def test_one_target(in_loop: InLoop) -> None:
    """One target has its last sessions and, apart, its failed ones, in full."""

    async def story() -> None:
        async with served(three()) as ask:
            told = (await ask("/api/v1/targets/well")).json
        assert [*told] == ["status", "target", "sessions", "failed_sessions"]
        assert told["target"]["state"] == "well"
        assert [one["success"] for one in told["sessions"]] == [True, False]
        assert [one["success"] for one in told["failed_sessions"]] == [False]
        assert told["sessions"][0]["transcript"][0]["text"].startswith("220 ")

    in_loop(story())
