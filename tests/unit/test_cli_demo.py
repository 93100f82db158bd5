"""Where the demo tells a newcomer to look."""

from exporter.cli.demo import where_to_look
from exporter.demo.servers import DEMO
from exporter.web.address import ListenAddress
from tests.unit.outcomes import target

TARGETS = [
    target(server.name, host="127.0.0.1", port=40001 + n)
    for n, server in enumerate(DEMO)
]


def test_where_to_look() -> None:
    """It names the pages, commands to try, and what each server is there to show."""
    opened = [ListenAddress("127.0.0.1", 10525), ListenAddress("::1", 8080)]
    told = [*where_to_look(opened, TARGETS)]

    assert "  http://127.0.0.1:10525/metrics" in told
    assert "  http://[::1]:8080/" in told
    assert (
        "  curl -s http://127.0.0.1:10525/metrics | grep '^smtp_probe_failure{'" in told
    )
    assert "  mailserver-exporter probe 127.0.0.1:40001" in told
    for server, line in zip(DEMO, told[-len(DEMO) :], strict=True):
        assert server.name in line
        assert line.endswith(server.description)


def test_every_address_is_this_machine() -> None:
    """Who listens everywhere is looked at here."""
    for host in ("0.0.0.0", "::", None):  # noqa: S104 -- nothing is bound
        told = [*where_to_look([ListenAddress(host, 10525)], TARGETS)]
        assert "  http://localhost:10525/metrics" in told
