"""Programs that a test starts and ends by their process ids; nothing is left behind."""

import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

EXPORTER = Path(sys.executable).with_name("mailserver-exporter")
STOP_SECONDS = 10.0
PATIENCE = 20.0


class Program:
    """A running program and what it has written to standard error."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        """Follow a process that was started with its standard error in a pipe."""
        self.process = process
        self._lines: list[str] = []
        self._more = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def log(self) -> str:
        """Everything written so far."""
        with self._more:
            return "".join(self._lines)

    def await_line(self, pattern: str) -> re.Match[str]:
        """Wait for a line that matches; fails when the program ends before."""
        deadline = time.monotonic() + PATIENCE
        with self._more:
            while True:
                for line in self._lines:
                    if match := re.search(pattern, line):
                        return match
                left = deadline - time.monotonic()
                if left <= 0 or not self._reader.is_alive():
                    raise AssertionError(f"no {pattern!r} in:\n{''.join(self._lines)}")
                self._more.wait(min(left, 0.5))

    def stop(self) -> int:
        """Send SIGTERM and wait; gives the exit code."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(STOP_SECONDS)
        self._reader.join(STOP_SECONDS)
        return code

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._more:
                self._lines.append(line)
                self._more.notify_all()


@contextmanager
def running(command: Sequence[str | Path]) -> Iterator[Program]:
    """Run a program; what it wrote is printed at the end, for a failed test."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )
    program = Program(process)
    try:
        yield program
    finally:
        if process.poll() is None:
            program.stop()
        print(f"--- {command[0]}\n{program.log}")  # noqa: T201 -- shown on failure
        assert process.stderr is not None
        process.stderr.close()


@contextmanager
def running_exporter(
    *arguments: str | Path, behind: Sequence[str | Path] = ()
) -> Iterator[tuple[Program, str]]:
    """Run the installed console script on a free port; gives it and its address.

    `behind` is a command that becomes it, such as `env` or `unshare`.
    """
    listen = "--web.listen-address=127.0.0.1:0"
    with running([*behind, EXPORTER, *arguments, listen]) as program:
        match = program.await_line(r"listen=(127\.0\.0\.1:[0-9]+)")
        yield program, match[1]


def free_port() -> int:
    """Find a port that was free a moment ago, for programs that do not take 0."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
