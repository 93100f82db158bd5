"""What a service manager is told, read from a socket in its place."""

import asyncio
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.notify import Notifier


class Manager:
    """A service manager that listens."""

    def __init__(self, address: str) -> None:
        """Listen on a path, or on `@name`."""
        self.environ = {"NOTIFY_SOCKET": address}
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.settimeout(5.0)
        self.socket.bind(address.replace("@", "\0", 1))

    def heard(self) -> list[str]:
        """Give the lines of the next datagram."""
        return self.socket.recv(4096).decode().split("\n")


@pytest.fixture(params=["file", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    """Give a manager at both kinds of address."""
    name = f"@mailserver-exporter-test-{os.getpid()}"
    one = Manager(str(tmp_path / "s") if request.param == "file" else name)
    yield one
    one.socket.close()


def test_a_life(manager: Manager) -> None:
    """Ready, a reload with its time, ready again, stopping."""

    async def reload() -> str:
        return "a complaint"

    async def story() -> None:
        notifier = Notifier(manager.environ)
        notifier.ready()
        assert manager.heard() == ["READY=1"]
        before = time.monotonic_ns() // 1000
        assert await notifier.reloading(reload) == "a complaint"
        begun, at = manager.heard()
        assert begun == "RELOADING=1"
        assert before <= int(at.removeprefix("MONOTONIC_USEC=")) < before + 10_000_000
        assert manager.heard() == ["READY=1"]
        notifier.stopping()
        assert manager.heard() == ["STOPPING=1"]
        notifier.close()

    asyncio.run(story())


def test_reloads_that_overlap(manager: Manager) -> None:
    """They are one to the manager; one that the start or the end cuts is none."""
    going_on = asyncio.Event()

    async def reload() -> str:
        await going_on.wait()
        return ""

    async def story() -> None:
        notifier = Notifier(manager.environ)
        early = asyncio.create_task(notifier.reloading(reload))
        await asyncio.sleep(0)
        notifier.ready()
        late = asyncio.create_task(notifier.reloading(reload))
        await asyncio.sleep(0)
        going_on.set()
        await asyncio.gather(early, late)
        going_on.clear()
        cut = asyncio.create_task(notifier.reloading(reload))
        await asyncio.sleep(0)
        notifier.stopping()
        cut.cancel()
        await asyncio.wait([cut])
        told = [manager.heard()[0] for _ in range(4)]

        assert told == ["READY=1", "READY=1", "RELOADING=1", "STOPPING=1"]
        manager.socket.setblocking(False)
        with pytest.raises(BlockingIOError):
            manager.socket.recv(100)

    asyncio.run(story())


def test_watchdog(manager: Manager) -> None:
    """It is told twice in the time that it asks for, as long as the loop turns."""
    environ = manager.environ | {
        "WATCHDOG_USEC": "20000",
        "WATCHDOG_PID": str(os.getpid()),
    }

    async def story() -> None:
        notifier = Notifier(environ)
        notifier.ready()
        assert manager.heard() == ["READY=1"]
        for _ in range(3):
            assert await asyncio.to_thread(manager.heard) == ["WATCHDOG=1"]
        notifier.close()

    asyncio.run(story())


@pytest.mark.parametrize(
    "environ",
    [
        {"WATCHDOG_USEC": "20000", "WATCHDOG_PID": "1"},
        {"WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": "0"},
        {},
    ],
)
def test_no_watchdog(environ: dict[str, str]) -> None:
    """One that is for another process, or for nobody, is not fed."""

    async def story() -> None:
        notifier = Notifier(environ)
        notifier.ready()
        assert len(asyncio.all_tasks()) == 1
        notifier.close()

    asyncio.run(story())


def test_nobody_listens(tmp_path: Path) -> None:
    """A manager that is gone stops nothing."""
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")}).stopping()
    Notifier({}).stopping()
