"""Servers for programs that are not in the test's own loop."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import TypeVar

from exporter.demo.listener import LOOPBACK, ScriptedServer
from exporter.demo.script import Script

_T = TypeVar("_T")


@contextmanager
def elsewhere(server: AbstractAsyncContextManager[_T]) -> Iterator[_T]:
    """Run a server on a loop of its own, for as long as it is needed."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        entered = asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result(5)
        try:
            yield entered
        finally:
            leave = server.__aexit__(None, None, None)
            asyncio.run_coroutine_threadsafe(leave, loop).result(5)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()


@contextmanager
def scripted_server(script: Script, host: str = LOOPBACK) -> Iterator[int]:
    """Play a script; gives the port."""
    with elsewhere(ScriptedServer(script, host)) as server:
        yield server.port
