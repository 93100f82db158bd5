"""Where the demo tells a newcomer to look."""

from exporter.cli.demo import urls, where_to_look
from exporter.demo.servers import DEMO
from exporter.web.address import ListenAddress
from exporter.web.listening import Listening
from exporter.web.prefix import Prefix
from tests.unit.outcomes import target

TARGETS = [
    target(server.name, host="127.0.0.1", port=40001 + n)
    for n, server in enumerate(DEMO)
]


def test_where_to_look() -> None:
    """It names the pages, commands to try, and what each server is there to show."""
    opened = [ListenAddress("127.0.0.1", 10525), ListenAddress("::1", 8080)]
    told = [*where_to_look(urls(Listening([]), opened), TARGETS)]

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
        opened = [ListenAddress(host, 10525)]
        assert urls(Listening([]), opened) == ["http://localhost:10525"]


def test_both_families_are_one_page() -> None:
    """Who listens everywhere on IPv4 and on IPv6 is named once."""
    opened = [ListenAddress("0.0.0.0", 10525), ListenAddress("::", 10525)]  # noqa: S104 -- nothing is bound

    assert urls(Listening([]), opened) == ["http://localhost:10525"]


def test_below_a_prefix() -> None:
    """Who serves below a prefix is looked at there."""
    where = Listening([], prefix=Prefix("/mail", "/other"))

    assert urls(where, [ListenAddress("::1", 1)]) == ["http://[::1]:1/mail"]
