"""Ports on this machine: one that plays a script, and one where nobody listens.

Holds sockets and tasks, and refuses to leave any behind: whatever was accepted is
ended when the server is left, and a fault of ours in a script is raised then.
"""

import asyncio
import socket
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Self

from exporter.demo.channel import readable
from exporter.demo.proxy import Endpoint
from exporter.demo.script import FIN, Script
from exporter.demo.session import Session

LOOPBACK = "127.0.0.1"
UNIX = "unix:"  # and a path, in the place of a host; the port is then 0
# Longer than any client of ours waits; a client that never leaves is ended.
LONGEST_SESSION = 60.0
# A demo runs for days; the last sessions are enough to look at.
KEPT_SESSIONS = 32
# Time to let a shortage of descriptors pass before accept() is tried again.
ACCEPT_PAUSE = 0.1


class ScriptedServer:
    """Plays one script against every connection to a free port, each from its start."""

    def __init__(
        self, script: Script, host: str = LOOPBACK, *, window: int | None = None
    ) -> None:
        """Prepare; the port opens when the server is entered.

        `window` bounds the octets that the kernel takes from a client ahead of us.
        """
        self._script = script
        self._host = host
        self._window = window
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0
        self.sessions: deque[Session] = deque(maxlen=KEPT_SESSIONS)

    async def __aenter__(self) -> Self:
        """Open a free port and begin to accept."""
        self._listener, self.port = _bound(self._host, reuse=True)
        if self._window is not None:  # ahead of listen(), or it comes too late
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._window)
        self._listener.listen()
        self._listener.setblocking(False)
        self._accepting = asyncio.create_task(self._accept())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the port, end every session; raise what went wrong in ours."""
        tasks = (self._accepting, *self._tasks)
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        self._listener.close()
        for end in ends:
            if isinstance(end, Exception):
                raise end

    async def settled(self, limit: float) -> bool:
        """Wait until every accepted session has ended; false when the limit ran out."""
        if not self._tasks:
            return True
        _, running = await asyncio.wait(self._tasks, timeout=limit)
        return not running

    async def _accept(self) -> None:
        while True:
            await readable(self._listener)
            try:
                sock, address = self._listener.accept()
            except OSError:
                await asyncio.sleep(ACCEPT_PAUSE)
            else:
                tcp = self._listener.family != socket.AF_UNIX
                self._start(Session(sock, Endpoint(*address[:2]) if tcp else None))

    def _start(self, session: Session) -> None:
        self.sessions.append(session)
        task = asyncio.create_task(play(self._script, session))
        self._tasks.add(task)
        # A task that is cancelled before its first step runs no `finally`.
        task.add_done_callback(lambda _: session.close())
        task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or task.exception() is None:
            self._tasks.discard(task)


async def play(script: Script, session: Session) -> None:
    """Play a script against one session, then FIN unless the session is over."""
    with suppress(TimeoutError):
        async with asyncio.timeout(LONGEST_SESSION):
            for step in (*script, FIN):
                if session.over:
                    break
                await step.play(session)
    session.judge_leftovers()


@contextmanager
def closed_port(host: str = LOOPBACK) -> Iterator[int]:
    """Keep a port that nobody listens on: bound, so that nobody else gets it."""
    bound, port = _bound(host)
    with bound:
        yield port


def _bound(host: str, *, reuse: bool = False) -> tuple[socket.socket, int]:
    """Bind to a free port, or to a Unix socket, which has port 0.

    A port for `reuse` can be bound anew while its old connections are still known.
    """
    if host.startswith(UNIX):
        sock = socket.socket(socket.AF_UNIX)
        return _bound_to(host.removeprefix(UNIX), sock), 0
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(reuse))
    return _bound_to((host, 0), sock), sock.getsockname()[1]


def _bound_to(name: str | tuple[str, int], sock: socket.socket) -> socket.socket:
    try:
        sock.bind(name)
    except OSError:
        sock.close()
        raise
    return sock
