"""The installed exporter, run for a measurement."""

import re
import subprocess
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

EXPORTER = Path(sys.executable).with_name("mailserver-exporter")


@contextmanager
def exporter(config: str) -> Iterator[tuple[str, int]]:
    """Serve a configuration; gives the address of its metrics, and its process."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(config)
        file.flush()
        process = subprocess.Popen(  # noqa: S603 -- our own program
            [
                *(EXPORTER, "serve", f"--config.file={file.name}"),
                "--web.listen-address=127.0.0.1:0",
            ],
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield f"http://{_listening(process)}/metrics", process.pid
        finally:
            process.terminate()
            process.wait(10)


def scrape(url: str) -> str:
    """Give what the page says."""
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 -- our own, on loopback
        text: str = answer.read().decode()
    return text


def _listening(process: "subprocess.Popen[str]") -> str:
    assert process.stderr is not None  # noqa: S101 -- it was asked for
    for line in process.stderr:
        if match := re.search(r"listen=(\S+)", line):
            # A log that nobody reads would stop the exporter when the pipe is full.
            threading.Thread(target=process.stderr.read, daemon=True).start()
            return match[1]
    raise SystemExit("the exporter did not start")
