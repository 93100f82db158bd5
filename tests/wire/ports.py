"""A port that drops every SYN, as behind a firewall, without any privilege."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

# One fills a queue of length 0; the others stand in line, so that none gets in later.
_QUEUED = 3


@contextmanager
def filtered_port() -> Iterator[int]:
    """Keep a port whose queue is full: Linux then answers no further SYN."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(_QUEUED):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]
