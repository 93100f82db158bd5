"""A real Alertmanager on loopback, and a webhook that hears what it sends."""

import json
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, NamedTuple

from tests.e2e.programs import PATIENCE, free_port, running


class Sent(NamedTuple):
    """One alert of a notification: where it was sent, and what it said."""

    path: str
    status: str  # firing or resolved
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


class Webhook:
    """A receiver, and all that was sent to it."""

    def __init__(self) -> None:
        """Begin with nothing heard."""
        self._heard: list[Sent] = []
        self._more = threading.Condition()

    @property
    def heard(self) -> list[Sent]:
        """Everything that was sent so far."""
        with self._more:
            return list(self._heard)

    def hear(self, path: str, notification: Mapping[str, Any]) -> None:
        """Keep what a notification says."""
        with self._more:
            self._heard += [
                Sent(path, one["status"], one["labels"], one["annotations"])
                for one in notification["alerts"]
            ]
            self._more.notify_all()

    def await_alert(self, name: str, status: str) -> Sent:
        """Wait for an alert of this name and status; gives the first."""
        deadline = time.monotonic() + PATIENCE
        with self._more:
            while True:
                for sent in self._heard:
                    if (sent.labels["alertname"], sent.status) == (name, status):
                        return sent
                left = deadline - time.monotonic()
                assert left > 0, f"no {name} that is {status} in {self._heard}"
                self._more.wait(left)


class Alertmanager:
    """A running Alertmanager."""

    def __init__(self, address: str) -> None:
        """Talk to one that runs already."""
        self.address = address
        self._alerts = f"http://{address}/api/v2/alerts"

    def fire(self, alerts: Sequence[Mapping[str, str]]) -> None:
        """Tell of alerts that fire, by their labels."""
        request = urllib.request.Request(  # noqa: S310 -- our own, on loopback
            self._alerts,
            json.dumps([{"labels": labels} for labels in alerts]).encode(),
            {"Content-Type": "application/json"},
        )
        urllib.request.urlopen(request, timeout=5).close()  # noqa: S310 -- our own, on loopback

    def await_muted(self, alerts: Sequence[Mapping[str, str]]) -> None:
        """Wait until exactly these alerts, by their labels, are inhibited."""
        deadline = time.monotonic() + PATIENCE
        while (seen := self._muted()) != alerts:
            assert time.monotonic() < deadline, seen
            time.sleep(0.1)  # another program's pace; bounded above

    def _muted(self) -> list[dict[str, str]]:
        with urllib.request.urlopen(self._alerts, timeout=5) as answer:  # noqa: S310 -- our own, on loopback
            alerts = json.load(answer)
        return [one["labels"] for one in alerts if one["status"]["inhibitedBy"]]


@contextmanager
def running_alertmanager(
    program: Path, place: Path, config: str
) -> Iterator[Alertmanager]:
    """Run Alertmanager in an empty folder, alone and without a cluster."""
    file = place / "alertmanager.yml"
    file.write_text(config)
    address = f"127.0.0.1:{free_port()}"
    command: list[str | Path] = [
        program,
        f"--config.file={file}",
        f"--storage.path={place / 'alertmanager'}",
        f"--web.listen-address={address}",
        "--cluster.listen-address=",
    ]
    with running(command) as started:
        started.await_line("Listening on")
        yield Alertmanager(address)


@contextmanager
def listening_webhook() -> Iterator[tuple[Webhook, str]]:
    """Listen for notifications; gives what is heard, and the address."""
    webhook = Webhook()
    server = HTTPServer(("127.0.0.1", 0), _handler(webhook.hear))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield webhook, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()


def _handler(
    hear: Callable[[str, Mapping[str, Any]], None],
) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Hear each POST, and answer it."""

        def do_POST(self) -> None:
            """Take a notification."""
            length = int(self.headers["Content-Length"])
            hear(self.path, json.loads(self.rfile.read(length)))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler
