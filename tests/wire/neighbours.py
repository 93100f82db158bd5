"""What another address of this machine does at a port that is served elsewhere."""

import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager

from exporter.demo.listener import ScriptedServer
from exporter.demo.script import Script
from tests.scenarios import Port

# One fills a queue of length 0; the others stand in line, so that none gets in later.
_QUEUED = 3


@contextmanager
def neighbours(beside: Mapping[str, Port], port: int) -> Iterator[None]:
    """Keep the port at each of these addresses, closed or filtered.

    Raises OSError where somebody else has it.
    """
    with ExitStack() as stack:
        for address, what in beside.items():
            listener = stack.enter_context(socket.socket())
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((address, port))
            if what is Port.FILTERED:
                listener.listen(0)
                for _ in range(_QUEUED):
                    client = stack.enter_context(socket.socket())
                    client.setblocking(False)
                    client.connect_ex((address, port))
        yield


# A port that is free at one address may be an outgoing connection's at another.
_ATTEMPTS = 20


@asynccontextmanager
async def served_beside(
    script: Script, host: str, beside: Mapping[str, Port]
) -> AsyncIterator[ScriptedServer]:
    """Serve a port that is also free at these other addresses of this machine."""
    for attempt in range(_ATTEMPTS):
        async with AsyncExitStack() as stack:
            server = await stack.enter_async_context(ScriptedServer(script, host))
            try:
                stack.enter_context(neighbours(beside, server.port))
            except OSError:
                if attempt + 1 == _ATTEMPTS:
                    raise
                continue
            yield server
            return
