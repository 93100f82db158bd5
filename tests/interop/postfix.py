"""Postfix as Debian ships it, started by a test with a configuration of its own.

On loopback, with its own queue and log; ended by its process id. Postfix's master needs
root, so without it the test skips (or fails where peers are required).
"""

import os
import pwd
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import missing_peer
from tests.interop.listening import HOST, START_SECONDS, await_listener, free_ports

DAEMONS = Path("/usr/lib/postfix/sbin")
LOG_SECONDS = 5.0

# Who has the port, where it is nobody else.
_SMTPD = "127.0.0.1:{port} inet n - n - - smtpd\n"
# What a session without mail needs besides, and no more.
_MASTER = """\
127.0.0.1:{wrapped} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes
tlsmgr unix - - n 1000? 1 tlsmgr
postlog unix-dgram n - n - 1 postlogd
anvil unix - - n - 1 anvil
rewrite unix - - n - - trivial-rewrite
proxymap unix - - n - - proxymap
"""


class Postfix:
    """A running Postfix: where it listens, and what it has logged."""

    def __init__(self, place: Path, port: int, wrapped: int, log: Path) -> None:
        """Start one that is configured already; at `wrapped` it speaks TLS at once."""
        self.host = HOST
        self.port = port
        self.wrapped = wrapped
        self._place = place
        self._log = log
        self._master = _master(place)

    def start(self) -> None:
        """Start it again after `stop`, on the same ports."""
        self._master = _master(self._place)
        self.await_listener()

    def stop(self) -> None:
        """End it, all its processes included."""
        if self._master.poll() is None:
            os.killpg(self._master.pid, signal.SIGTERM)
            self._master.wait(START_SECONDS)

    def await_listener(self) -> None:
        """Wait until it listens."""
        await_listener("Postfix", self.port, self._master)

    @property
    def log(self) -> str:
        """Everything logged so far."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def logged(self, pattern: str, times: int = 1) -> list[str]:
        """Wait until that many lines match, and give all that do."""
        deadline = time.monotonic() + LOG_SECONDS
        while True:
            found = re.findall(pattern, self.log)
            if len(found) >= times or time.monotonic() > deadline:
                return found
            time.sleep(0.05)  # the log is written by another process; bounded above


@contextmanager
def running_postfix(
    place: Path, settings: Mapping[str, str], door: str = _SMTPD
) -> Iterator[Postfix]:
    """Run Postfix in an empty folder; `settings` are lines of main.cf.

    `door` is the lines of master.cf that have to do with the port.
    """
    if os.geteuid() != 0:
        missing_peer("postfix runs as root only, and this is not root")
    port, wrapped = free_ports(2)
    log = place / "mail.log"
    _configure(place, log, settings)
    master_cf = (door + _MASTER).format(port=port, wrapped=wrapped)
    (place / "etc" / "master.cf").write_text(master_cf)
    postfix = Postfix(place, port, wrapped, log)
    try:
        postfix.await_listener()
        yield postfix
    finally:
        postfix.stop()


def _master(place: Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [DAEMONS / "master", "-c", place / "etc", "-d"],
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )


def _configure(place: Path, log: Path, settings: Mapping[str, str]) -> None:
    place.chmod(0o755)
    for folder in (
        "etc",
        "queue",
        "queue/pid",
        "queue/private",
        "queue/public",
        "data",
    ):
        (place / folder).mkdir()
    owner = pwd.getpwnam("postfix")
    for folder in ("queue/private", "queue/public", "data"):
        os.chown(place / folder, owner.pw_uid, owner.pw_gid)
    lines = {
        "compatibility_level": "3.6",
        "queue_directory": str(place / "queue"),
        "data_directory": str(place / "data"),
        "maillog_file": str(log),
        "maillog_file_prefixes": str(place),
        "myhostname": "mx.postfix.test",
        "mydestination": "",
        "mynetworks": "127.0.0.1/32",
        "inet_interfaces": "127.0.0.1",
        "inet_protocols": "ipv4",
        "alias_maps": "",
        "smtputf8_enable": "no",
        **settings,
    }
    text = "".join(f"{name} = {value}\n" for name, value in lines.items())
    (place / "etc" / "main.cf").write_text(text)
