"""How long the pages take with ten thousand targets, and how long they hold the loop.

Says nothing of a browser: it asks for the text, as the HTTP server does.
"""

import asyncio
import gc
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from statistics import median

from bench.hold import watched
from exporter.app import SWITCH_SECONDS
from exporter.web.api import Api
from exporter.web.pages import Pages
from tests.unit.accounts import NOW, Book
from tests.unit.outcomes import encrypted, greeting_timeout, target

TARGETS = 10_000
ROUNDS = 15


def filled() -> Book:
    """Give a book of targets, each tenth of which fails."""
    names = [f"mx{number:05}.example.com:25" for number in range(TARGETS)]
    book = Book(*[target(n, labels=(("site", n[2:4]),)) for n in names])
    for number, name in enumerate(names):
        at = NOW - number % 60
        seen = greeting_timeout() if number % 10 == 0 else encrypted()
        book.record(name, replace(seen, started_at=at))
    return book


async def measured(ask: Callable[[], Awaitable[object]]) -> tuple[float, float]:
    """Give the median seconds of an answer, and the longest hold of the loop."""
    await ask()
    took = []
    async with watched(0.0) as hold:
        for _ in range(ROUNDS):
            start = time.perf_counter()
            await ask()
            took.append(time.perf_counter() - start)
    return median(took), hold.longest


async def main() -> None:
    """Print a table."""
    book = filled()
    gc.collect()
    gc.freeze()  # as the exporter does when its targets are settled
    pages, api = Pages(book.shown()), Api(book.shown())
    asked: dict[str, Callable[[], Awaitable[object]]] = {
        "/": lambda: pages.status({}),
        "/?page=100": lambda: pages.status({"page": "100"}),
        "/?search=site=01": lambda: pages.status({"search": "site=01"}),
        "/?sort=latency": lambda: pages.status({"sort": "latency"}),
        "/targets/...": lambda: pages.target("mx00000.example.com:25"),
        "/api/v1/targets": lambda: api.targets({}),
        "/api/v1/targets?limit=1000": lambda: api.targets({"limit": "1000"}),
    }
    print(f"{TARGETS} targets: median time, longest hold of the loop")
    for path, ask in asked.items():
        took, held = await measured(ask)
        print(f"{path:<28}{took * 1000:7.1f} ms {held * 1000:7.1f} ms")


if __name__ == "__main__":
    sys.setswitchinterval(SWITCH_SECONDS)
    asyncio.run(main())
