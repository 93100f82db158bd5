"""Unbound as Debian ships it, validating a zone that the test has signed.

On loopback, unprivileged, with a folder and a configuration of its own; it asks nobody
but a name server inside the test. Ended by its process id.
"""

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.interop.signed_zone import HOST, MAX_OCTETS, SIGNED, make_zones, serving

START_SECONDS = 10.0

# `test.` is a name that Unbound would answer for by itself (RFC 6761).
_CONFIG = """\
server:
  interface: {host}
  port: {port}
  directory: "{place}"
  username: ""
  chroot: ""
  pidfile: ""
  use-syslog: no
  logfile: ""
  val-log-level: 2
  do-daemonize: no
  do-ip6: no
  num-threads: 1
  edns-buffer-size: {octets}
  do-not-query-localhost: no
  module-config: "validator iterator"
  local-zone: "test." nodefault
  trust-anchor: "{anchor}"
remote-control:
  control-enable: no
stub-zone:
  name: "{zone}"
  stub-addr: {host}@{authority}
stub-zone:
  name: "."
  stub-addr: {host}@{authority}
"""


@contextmanager
def validating_resolver(
    unbound: Path, place: Path, signed: str, unsigned: str = "", bogus: str = ""
) -> Iterator[tuple[str, int]]:
    """Run Unbound, with a folder as its place; gives the address to ask.

    It validates records of the zones `dane.test` (signed), `plain.dane.test` (unsigned)
    and, of the first too, `bogus` ones with signatures that do not fit: lines of a zone
    file, with relative names or with absolute ones. Its log is printed at the end.
    """
    zones = make_zones(signed, unsigned, bogus)
    with serving(zones) as authority:
        port = _free_port()
        text = _CONFIG.format(
            host=HOST,
            port=port,
            place=place,
            zone=SIGNED,
            octets=MAX_OCTETS,
            anchor=zones.anchor,
            authority=authority,
        )
        (place / "unbound.conf").write_text(text)
        with _running(unbound, place, port):
            yield HOST, port


@contextmanager
def _running(unbound: Path, place: Path, port: int) -> Iterator[None]:
    log = place / "unbound.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [unbound, "-d", "-c", place / "unbound.conf"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        _await_listener(port, process)
        yield
    finally:
        process.terminate()
        process.wait(START_SECONDS)
        print(log.read_text(errors="replace"))  # noqa: T201 -- shown on failure


def _free_port() -> int:
    """Find a port that was free a moment ago, over TCP and UDP."""
    while True:
        with socket.socket() as stream, socket.socket(type=socket.SOCK_DGRAM) as other:
            stream.bind((HOST, 0))
            try:
                other.bind(stream.getsockname())
            except OSError:
                continue
            return int(stream.getsockname()[1])


def _await_listener(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"Unbound ended with {process.returncode}")
        try:
            socket.create_connection((HOST, port), START_SECONDS).close()
        except ConnectionRefusedError:
            time.sleep(0.02)  # another process starts; bounded above
        else:
            return
    raise RuntimeError("Unbound did not begin to listen")
