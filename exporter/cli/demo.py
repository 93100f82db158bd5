"""`demo`: a newcomer's first minute, with no configuration and no network."""

import argparse
from collections.abc import Iterator, Sequence

from exporter import app
from exporter.cli.serve import listen_and_run
from exporter.demo.servers import DEMO, INTERVAL
from exporter.targets import Target
from exporter.web.address import ListenAddress

_EVERYWHERE = frozenset({None, "0.0.0.0", "::"})  # noqa: S104 -- nothing is bound
_BROKEN, _WELL = "stays-open", "graceful"  # shown how to be probed by hand


def run(arguments: argparse.Namespace) -> int:
    """Start the demo's mail servers and serve their metrics."""

    def tell(opened: Sequence[ListenAddress], targets: Sequence[Target]) -> None:
        print(*where_to_look(opened, targets), sep="\n", flush=True)

    return listen_and_run(arguments, lambda where: app.serve_demo(where, tell))


def where_to_look(
    opened: Sequence[ListenAddress], targets: Sequence[Target]
) -> Iterator[str]:
    """Write what runs where, and what to try."""
    yield (
        f"{len(targets)} mail servers of this machine, good and bad, are probed every "
        f"{INTERVAL:.0f} s."
    )
    yield "Nothing leaves the machine. Ctrl-C ends it."
    yield ""
    yield "Look at"
    urls = [_url(address) for address in opened]
    yield from (f"  {url}/" for url in urls)
    yield from (f"  {url}/metrics" for url in urls[:1])
    yield ""
    yield "Try"
    port = {target.name: target.port for target in targets}
    yield f"  curl -s {urls[0]}/metrics | grep ^smtp_probe_success"
    yield f"  curl -s {urls[0]}/metrics | grep '^smtp_probe_failure{{'"
    yield f"  curl -s {urls[0]}/metrics | grep '^smtp_session_end{{'"
    yield from (
        f"  mailserver-exporter probe 127.0.0.1:{port[name]}"
        for name in (_WELL, _BROKEN)
        if name in port
    )
    yield ""
    yield "Servers"
    told = {server.name: server.description for server in DEMO}
    for target in targets:
        where = f"{target.host}:{target.port}"
        yield f"  {where:<15}  {target.name:<19}  {told[target.name]}"


def _url(address: ListenAddress) -> str:
    host = "localhost" if address.host in _EVERYWHERE else address.host
    return f"http://{ListenAddress(host, address.port)}"
