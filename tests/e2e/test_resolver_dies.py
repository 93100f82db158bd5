"""A world whose resolver dies, comes back mute, and then answers again."""

from pathlib import Path

from exporter.demo.script import EHL, GRT, QUI, script
from tests.e2e.scripted import elsewhere, scripted_server
from tests.e2e.worlds import Figures, World, world
from tests.nameserver import Zone, name_server

CONFIG = """\
schedule: {{interval: 1s}}
dns: {{servers: ["127.0.0.1:{dns}"]}}
modules: {{mx: {{tls: none, timeouts: {{dns: 500ms}}}}}}
targets:
  - {{host: mail.test., port: {port}, name: named}}
  - {{host: 127.0.0.1, port: {port}, name: literal}}
  - {{mx: mail.test, port: {port}}}
"""
ZONES = {
    "mail.test": Zone(a=("127.0.0.1",), mx=((10, "mx.mail.test"),)),
    "mx.mail.test": Zone(a=("127.0.0.1",)),
}
MUTE = {name: Zone(silent=True) for name in ZONES}


def failing_so(reason: str, exchanger: str) -> dict[str, str]:
    """Give the failures of those that need a name."""
    return {"named": reason, exchanger: reason}


def lost(figures: Figures) -> float:
    """Give how many lookups of exchangers have failed."""
    return figures.total("mailserver_exporter_discovery_failures_total", source="mx")


def test_a_resolver_that_dies_and_returns(tmp_path: Path) -> None:
    """Names fail in phase dns, addresses go on, and a new answer is used at once."""
    config = tmp_path / "config.yaml"
    with scripted_server(script(GRT, EHL, QUI)) as port:
        exchanger = f"mail.test/mx.mail.test:{port}"
        with elsewhere(name_server(ZONES)) as dns:
            dns_port = dns.address[1]
            config.write_text(CONFIG.format(dns=dns_port, port=port))
            with_dns = {"named", "literal", exchanger}
        # Its port is closed from here on: a resolver that is dead.
        with world(config) as lives:
            lives.await_figures(lambda now: now.failures())
            with elsewhere(name_server(ZONES, port=dns_port)):
                lives.await_figures(lambda now: now.well() == with_dns)
            dies(lives, "dns_servfail", exchanger)
            with elsewhere(name_server(MUTE, port=dns_port)):
                dies(lives, "dns_timeout", exchanger)
            with elsewhere(name_server(ZONES, port=dns_port)):
                lives.await_figures(lambda now: now.well() == with_dns)
                figures = lives.await_probes()
                assert figures.well() == with_dns
                assert lost(figures) >= 2
        told = lives.program.log
    assert told.count(f'"target fails" target={exchanger} ') == 2
    assert told.count('"target fails" target=named ') == 3
    assert told.count('"target succeeds" target=named ') == 2
    assert told.count("trouble=") >= 2


def dies(lives: World, reason: str, exchanger: str) -> None:
    """See that names fail so, and that what needs none goes on."""
    failing = failing_so(reason, exchanger)
    before = lives.await_figures(lambda now: now.failures() == failing)
    after = lives.await_probes()
    assert after.failures() == failing
    assert after.well() == {"literal"}
    assert lost(after) >= lost(before)
