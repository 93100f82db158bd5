"""A scripted server for programs that are not in the test's own loop."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from exporter.demo.listener import ScriptedServer
from exporter.demo.script import Script


@contextmanager
def scripted_server(script: Script) -> Iterator[int]:
    """Play a script on a loop of its own; gives the port."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = ScriptedServer(script)
    try:
        asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result(5)
        try:
            yield server.port
        finally:
            leave = server.__aexit__(None, None, None)
            asyncio.run_coroutine_threadsafe(leave, loop).result(5)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()
