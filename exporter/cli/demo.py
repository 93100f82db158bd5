"""`demo`: a newcomer's first minute, with no configuration and no network."""

import argparse
from collections.abc import Coroutine, Iterator, Sequence
from typing import Any

from exporter import app
from exporter.cli.serve import listen_and_run
from exporter.demo.servers import DEMO, INTERVAL
from exporter.targets import Target
from exporter.web.address import ListenAddress
from exporter.web.listening import Listening

_EVERYWHERE = frozenset({None, "0.0.0.0", "::"})  # noqa: S104 -- nothing is bound
_BROKEN, _WELL = "stays-open", "graceful"  # shown how to be probed by hand


def run(arguments: argparse.Namespace) -> int:
    """Start the demo's mail servers and serve their metrics."""
    return listen_and_run(arguments, _begin)


def _begin(where: Listening) -> Coroutine[Any, Any, None]:
    def tell(opened: Sequence[ListenAddress], targets: Sequence[Target]) -> None:
        print(*where_to_look(urls(where, opened), targets), sep="\n", flush=True)

    return app.serve_demo(where, tell)


def urls(where: Listening, opened: Sequence[ListenAddress]) -> list[str]:
    """Give what a browser of this machine asks for, each once, without a last slash."""
    scheme = "https" if where.access and where.access.config.tls else "http"
    found = (f"{scheme}://{_reached(one)}{where.prefix.routes}" for one in opened)
    return [*dict.fromkeys(found)]


def where_to_look(pages: Sequence[str], targets: Sequence[Target]) -> Iterator[str]:
    """Write what runs where, and what to try."""
    yield (
        f"{len(targets)} mail servers of this machine, good and bad, are probed every "
        f"{INTERVAL:.0f} s."
    )
    yield "Nothing leaves the machine. Ctrl-C ends it."
    yield ""
    yield "Look at"
    yield from (f"  {url}/" for url in pages)
    yield from (f"  {url}/metrics" for url in pages[:1])
    yield ""
    yield "Try"
    port = {target.name: target.port for target in targets}
    yield f"  curl -s {pages[0]}/metrics | grep ^smtp_probe_success"
    yield f"  curl -s {pages[0]}/metrics | grep '^smtp_probe_failure{{'"
    yield f"  curl -s {pages[0]}/metrics | grep '^smtp_session_end{{'"
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


def _reached(address: ListenAddress) -> ListenAddress:
    host = "localhost" if address.host in _EVERYWHERE else address.host
    return ListenAddress(host, address.port)
