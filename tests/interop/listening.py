"""Ports on loopback: free ones to give to a server, and the wait until it listens."""

import secrets
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

HOST = "127.0.0.1"
START_SECONDS = 10.0


# Below those that the kernel gives to whoever names none: a connection that somebody
# opens cannot take one between here and the server's start. None is given twice, so no
# server that starts meanwhile can, either.
_PORTS = range(10240, 32768)
_ONCE = iter(secrets.SystemRandom().sample(_PORTS, len(_PORTS)))


def free_ports(count: int) -> tuple[int, ...]:
    """Find ports that were free a moment ago: these servers cannot be given port 0."""
    found: set[int] = set()
    while len(found) < count:
        port = next(_ONCE)
        with socket.socket() as probe, suppress(OSError):
            probe.bind((HOST, port))
            found.add(port)
    return tuple(found)


def await_listener(name: str, port: int, process: "subprocess.Popen[bytes]") -> None:
    """Wait until a server listens, whose process this is."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{name} ended with {process.returncode}")
        if _listens(port):
            return
        time.sleep(0.05)  # another process starts; bounded above
    raise RuntimeError(f"{name} did not begin to listen")


def _listens(port: int) -> bool:
    """Look into the kernel's table: a connection would be a session in the log."""
    wanted = f"0100007F:{port:04X} 00000000:0000 0A"
    return wanted in Path("/proc/net/tcp").read_text()
