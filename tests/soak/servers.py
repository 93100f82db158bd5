"""Mail servers for the soak, in a process of their own; each counts what it saw.

The good ones answer at once or after a while, and count the sessions that ended with
QUIT: what the exporter says of them has to be the same number. The silent one accepts
and says nothing. Hostile ones are those of the wire ring.
"""

import asyncio
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

import uvloop

from bench.servers import Prompt, process

_BACKLOG = 4096

# By name: seconds until the greeting; None greets nobody.
GOOD_AND_SILENT: dict[str, float | None] = {
    "steady": 0.0,
    "extra": 0.0,
    "slow": 1.0,
    "silent": None,
    **{f"found {number}": 0.0 for number in range(320)},
}


class _Server(Prompt):
    def __init__(self, name: str, delay: float | None, quits: Counter[str]) -> None:
        self._name = name
        self._delay = delay
        self._quits = quits

    def greet(self) -> None:
        if self._delay is not None:
            asyncio.get_running_loop().call_later(self._delay, super().greet)

    def data_received(self, data: bytes) -> None:
        self._quits[self._name] += data[:4].upper() == b"QUIT"
        super().data_received(data)


def _serve(pipe: Connection) -> None:
    async def serve() -> None:
        loop, quits = asyncio.get_running_loop(), Counter[str]()
        ports = {}
        for name, delay in GOOD_AND_SILENT.items():
            server = await loop.create_server(
                lambda name=name, delay=delay: _Server(name, delay, quits),  # type: ignore[misc]  # bound by its defaults
                *("127.0.0.1", 0),
                backlog=_BACKLOG,
            )
            ports[name] = server.sockets[0].getsockname()[1]
        pipe.send(ports)
        while await asyncio.to_thread(pipe.recv):
            pipe.send(dict(quits))

    uvloop.run(serve())


class Servers:
    """The ports of all, and what the good ones have counted."""

    def __init__(self, pipe: Connection) -> None:
        """Take the pipe to their process."""
        self.ports: dict[str, int] = pipe.recv()
        self._pipe = pipe

    def quits(self) -> dict[str, int]:
        """Give how many sessions of each have ended with QUIT."""
        self._pipe.send(True)
        counted: dict[str, int] = self._pipe.recv()
        return counted


@contextmanager
def good_servers() -> Iterator[Servers]:
    """Run the good and the silent ones."""
    with process(_serve) as pipe:
        yield Servers(pipe)


@contextmanager
def hostile_servers() -> Iterator[dict[str, int]]:
    """Run the attacks of the wire ring; gives their ports."""
    attacks = subprocess.Popen(
        [sys.executable, "-m", "tests.wire.hostile"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert attacks.stdin is not None
    assert attacks.stdout is not None
    try:
        yield json.loads(attacks.stdout.readline())
    finally:
        attacks.stdin.close()
        attacks.stdout.close()
        attacks.wait(20)
