"""What another address of this machine does at a port that is served elsewhere."""

import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

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
            listener.bind((address, port))
            if what is Port.FILTERED:
                listener.listen(0)
                for _ in range(_QUEUED):
                    client = stack.enter_context(socket.socket())
                    client.setblocking(False)
                    client.connect_ex((address, port))
        yield
