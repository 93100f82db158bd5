"""A whole exporter whose targets are what the DNS says: they come and go with it."""

import asyncio
import re
import sys
from pathlib import Path

import pytest

from exporter import app
from exporter.config import load
from exporter.demo.script import EHL, GRT, QUI, script
from exporter.life import Exporter
from tests.nameserver import SERVFAIL, NameServer, Zone, name_server
from tests.scenarios import Port
from tests.wire.neighbours import served_beside

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="only Linux has all of 127.0.0.0/8"
)

PATIENCE = 15.0
CONFIG = """\
schedule: {{interval: 1s}}
dns: {{servers: ["{dns}"]}}
modules:
  wide: {{addresses: all, tls: none}}
targets:
  - {{mx: mail.test, port: {port}}}
  - {{host: wide.test., port: {port}, name: wide, module: wide}}
"""
SUCCESS = re.compile(r'^smtp_probe_success\{target="([^"]+)".*\} (\d)$', re.MULTILINE)
FAILURE = re.compile(
    r'^smtp_probe_failure\{target="([^"]+)".*reason="(\w+)"\} 1$', re.MULTILINE
)


async def shown(exporter: Exporter) -> dict[str, str]:
    """Give each target's state: well, or why not."""
    text = (await exporter.metrics("", "", ())).body.decode()
    states = {target: "well" for target, _ in SUCCESS.findall(text)}
    return states | dict(FAILURE.findall(text))


async def await_shown(exporter: Exporter, expected: dict[str, str]) -> None:
    """Wait until exactly these targets are shown, in these states."""
    seen: dict[str, str] = {}
    try:
        async with asyncio.timeout(PATIENCE):
            while seen != expected:
                await asyncio.sleep(0.05)  # lookups and probes have their own pace
                seen = await shown(exporter)
    except TimeoutError:
        assert seen == expected


def test_domains(tmp_path: Path) -> None:
    """Exchangers and addresses have series of their own, which go when they do."""

    async def main() -> None:
        good = script(GRT, EHL, QUI)
        zones = {
            "mail.test": Zone(mx=((10, "a.test"), (20, "b.test"))),
            "a.test": Zone(a=("127.0.0.1",)),
            "b.test": Zone(a=("127.0.0.2",)),
            "wide.test": Zone(a=("127.0.0.1", "127.0.0.2")),
        }
        refusing = {"127.0.0.2": Port.CLOSED}
        async with (
            name_server(zones) as dns,
            served_beside(good, "127.0.0.1", refusing) as server,
        ):
            path = tmp_path / "config.yaml"
            host, port = dns.address
            path.write_text(CONFIG.format(dns=f"{host}:{port}", port=server.port))
            exporter = Exporter(load(path), kernel_timestamps=True)
            await exporter.start()
            try:
                await _day(exporter, dns, server.port)
            finally:
                await exporter.stop()

    app.run(main())


async def _day(exporter: Exporter, dns: NameServer, port: int) -> None:
    a, b = f"mail.test/a.test:{port}", f"mail.test/b.test:{port}"
    wide = {"wide@127.0.0.1": "well", "wide@127.0.0.2": "refused"}
    await await_shown(exporter, {a: "well", b: "refused", **wide})

    dns.zones["mail.test"] = Zone(mx=((10, "a.test"), (20, "c.test")))
    dns.zones["c.test"] = Zone(a=("127.0.0.1",))
    c = f"mail.test/c.test:{port}"
    await await_shown(exporter, {a: "well", c: "well", **wide})

    dns.zones["mail.test"] = Zone(rcode=SERVFAIL)
    dns.zones["wide.test"] = Zone(a=("127.0.0.1",))
    await await_shown(exporter, {a: "well", c: "well", "wide@127.0.0.1": "well"})

    dns.zones["mail.test"] = Zone(mx=((0, ""),))
    dns.zones["wide.test"] = Zone()
    await await_shown(exporter, {f"mail.test:{port}": "null_mx", "wide": "nodata"})
    page = (await exporter.metrics("", "", ("mailserver_exporter_targets",))).body
    assert b'mailserver_exporter_targets{source="mx"} 1.0' in page
