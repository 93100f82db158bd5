"""How long a wrong login takes, for names that there are and a name that there is not.

    python -m bench.login_timing

Prints the median and the quartiles in milliseconds over loopback, each login with a
password of its own, in turn so that a busy machine disturbs all alike.
"""

import asyncio
import base64
import statistics
import time
from itertools import count

import bcrypt

from exporter.access import WebConfig
from exporter.exposition import Page
from exporter.exposition.negotiation import TEXT
from exporter.web.access.current import Access
from exporter.web.address import ListenAddress
from exporter.web.listen import Listeners
from exporter.web.routes import Sources, application

ROUNDS = 40
COSTS = {"cost-8": 8, "cost-10": 10}
NAMES = (*COSTS, "unknown")
_PASSWORDS = count()


async def _wrong(address: ListenAddress, user: str) -> float:
    login = base64.b64encode(f"{user}:{next(_PASSWORDS)}".encode()).decode()
    reader, writer = await asyncio.open_connection(address.host, address.port)
    request = f"GET / HTTP/1.0\r\nAuthorization: Basic {login}\r\n\r\n"
    begun = time.perf_counter()
    writer.write(request.encode())
    answer = await reader.read()
    taken = time.perf_counter() - begun
    writer.close()
    assert answer.startswith(b"HTTP/1.0 401"), answer  # noqa: S101 -- or it means nothing
    return taken * 1000


async def _measure() -> None:
    async def metrics(*_: object) -> Page:
        return Page(TEXT, gzip=False, parts=(b"",))

    async def reload() -> str:
        return ""

    users = {
        name: bcrypt.hashpw(b"right", bcrypt.gensalt(cost)).decode()
        for name, cost in COSTS.items()
    }
    sources = Sources(metrics, bool, reload, str, "1")
    listeners = Listeners(application(sources), Access(WebConfig(users=users)))
    (address,) = await listeners.open([ListenAddress("127.0.0.1", 0)])
    taken: dict[str, list[float]] = {name: [] for name in NAMES}
    for _ in range(ROUNDS):
        for name in NAMES:
            taken[name].append(await _wrong(address, name))
    await listeners.close()
    for name, times in taken.items():
        low, middle, high = statistics.quantiles(times, n=4)
        print(f"{name:8} median {middle:7.2f} ms   quartiles {low:7.2f} {high:7.2f}")


if __name__ == "__main__":
    asyncio.run(_measure())
