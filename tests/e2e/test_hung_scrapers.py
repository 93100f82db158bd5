"""A world of scrapers that hang: they do not read 60 MB, or never end their request."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from exporter.demo.listener import closed_port
from tests.e2e.worlds import MIB, POLL, SLOW, World, world

TARGETS = 5000
NOTE = "n" * 500  # a label that makes each line long
PAGE = 60 * MIB
HUNG, DRIBBLING = 10, 10
SCRAPES = 5
QUICKLY = 1.0
# The page is held once, and each client that does not read holds a slice of it.
MOST_GROWTH = 3 * PAGE
CUT_WITHIN = 45.0  # they are cut after 30 s
ASKED = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
CONFIG = "schedule: {interval: 1h}\nmodules: {mx: {tls: none}}\n"


def written(folder: Path, port: int) -> Path:
    """Write a configuration whose page is large."""
    config, found = folder / "config.yaml", folder / "found.json"
    names = [f"127.0.{n // 250}.{n % 250 + 1}:{port}" for n in range(TARGETS)]
    found.write_text(json.dumps([{"targets": names, "labels": {"note": NOTE}}]))
    config.write_text(f"{CONFIG}discovery: [{{files: [{found}]}}]\n")
    return config


@contextmanager
def hung(address: str) -> Iterator[None]:
    """Ask for the page so many times, and read none of it."""
    host, port = address.split(":")
    with ExitStack() as stack:
        for _ in range(HUNG):
            client = stack.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect((host, int(port)))
            client.sendall(ASKED)
        yield


@contextmanager
def dribbling(address: str) -> Iterator[None]:
    """Keep clients that say their request an octet at a time, and never to its end."""
    host, port = address.split(":")
    over = threading.Event()
    with ExitStack() as stack:
        clients = [
            stack.enter_context(socket.create_connection((host, int(port))))
            for _ in range(DRIBBLING)
        ]

        def dribble() -> None:
            for octet in ASKED.removesuffix(b"\r\n") + b"X: " + b"y" * 10_000:
                for client in clients:
                    with suppress(ConnectionError):  # it is cut after 10 s
                        client.send(bytes((octet,)))
                if over.wait(POLL):
                    return

        thread = threading.Thread(target=dribble)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


@pytest.mark.timeout(120)
def test_scrapers_that_hang(tmp_path: Path) -> None:
    """Others are served as quickly as ever, and memory is that of one page."""
    with (
        closed_port() as port,
        world(written(tmp_path, port), most_growth=MOST_GROWTH) as lives,
    ):
        lives.program.await_line(f"added={TARGETS}|targets={TARGETS}")
        assert len(lives.get("/metrics")) > PAGE
        opened = descriptors(lives)
        with hung(lives.address), dribbling(lives.address):
            for _ in range(SCRAPES):
                assert seconds(lambda: lives.get("/-/healthy")) < QUICKLY
                assert (
                    seconds(lambda: lives.get("/metrics?name[]=smtp_probes_total"))
                    < QUICKLY
                )
            assert len(lives.get("/metrics")) > PAGE
            assert lives.growth < MOST_GROWTH
            if SLOW:
                await_cut(lives, opened)
        assert len(lives.get("/metrics")) > PAGE


def seconds(work: Callable[[], object]) -> float:
    """Time it."""
    begun = time.monotonic()
    work()
    return time.monotonic() - begun


def descriptors(lives: World) -> int:
    """Count what the exporter has open."""
    return len([*Path(f"/proc/{lives.pid}/fd").iterdir()])


def await_cut(lives: World, opened: int) -> None:
    """Wait until the exporter has let go of every client that hangs."""
    deadline = time.monotonic() + CUT_WITHIN
    while descriptors(lives) > opened:
        assert time.monotonic() < deadline
        time.sleep(POLL)  # the exporter's own limit; bounded above
    assert lives.growth < MOST_GROWTH
