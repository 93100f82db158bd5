"""`/probe` before a real Prometheus, configured as for blackbox_exporter."""

import asyncio
import re
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from exporter.demo.script import EHL, GRT, HOLD, QUI, script
from tests.e2e.demo import fetch
from tests.e2e.programs import PATIENCE, running_exporter
from tests.e2e.prometheus import running_with
from tests.e2e.scripted import scripted_server
from tests.nameserver import Zone, Zones, name_server

DOCS = Path(__file__).parents[2] / "docs" / "on-demand.md"
GLOBAL = "global: {scrape_interval: 1s, scrape_timeout: 1s}\n"

# What the operator makes of a Probe with static targets.
OPERATOR = """
scrape_configs:
- job_name: probe/monitoring/mail
  honor_timestamps: true
  metrics_path: /probe
  scheme: http
  params:
    module:
    - plain
  static_configs:
  - targets:
    - {good}
    labels:
      namespace: monitoring
  relabel_configs:
  - source_labels:
    - job
    target_label: __tmp_prometheus_job_name
  - target_label: job
    replacement: mail
  - source_labels:
    - __address__
    target_label: __param_target
  - source_labels:
    - __param_target
    target_label: instance
  - target_label: __address__
    replacement: {exporter}
  - source_labels:
    - __param_target
    - __tmp_hash
    target_label: __tmp_hash
    regex: (.+);
    replacement: $1
    action: replace
  - source_labels:
    - __tmp_hash
    target_label: __tmp_hash
    modulus: 1
    action: hashmod
  - source_labels:
    - __tmp_hash
    regex: "0"
    action: keep
"""
CONFIG = """
dns: {{servers: ["{dns}"]}}
modules: {{plain: {{tls: none}}}}
on_demand:
  enabled: true
  modules: [mx, plain]
  ports: [{port}, 80]
  allow: ["*.listed.test", 127.0.0.1]
"""
ZONES = {
    "good.listed.test": Zone(a=("127.0.0.1",)),
    "metadata.listed.test": Zone(a=("169.254.169.254",)),
    "mixed.listed.test": Zone(a=("127.0.0.1", "127.0.0.3")),
    "rebinds.listed.test": Zone(alias_of="metadata.listed.test"),
}


@contextmanager
def served_zones(zones: Zones) -> Iterator[str]:
    """Run a DNS server on a loop of its own; gives its address."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    serving = name_server(zones)
    try:
        server = asyncio.run_coroutine_threadsafe(serving.__aenter__(), loop).result(5)
        yield "{}:{}".format(*server.address)
        leave = serving.__aexit__(None, None, None)
        asyncio.run_coroutine_threadsafe(leave, loop).result(5)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()


class Site(NamedTuple):
    """An exporter that runs, and the port of a good server."""

    address: str
    port: int

    def probe(self, target: str, **more: str) -> tuple[int, str]:
        """Ask for a probe; gives status and body."""
        query = urllib.parse.urlencode({"target": target, **more})
        try:
            with urllib.request.urlopen(
                f"http://{self.address}/probe?{query}", timeout=10
            ) as answer:
                return int(answer.status), str(answer.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Run an exporter without a target of its own."""
    config = tmp_path_factory.mktemp("on_demand") / "config.yaml"
    with ExitStack() as stack:
        port = stack.enter_context(scripted_server(script(GRT, EHL, QUI)))
        dns = stack.enter_context(served_zones(ZONES))
        config.write_text(CONFIG.format(dns=dns, port=port))
        _, address = stack.enter_context(
            running_exporter("serve", "--config.file", config)
        )
        yield Site(address, port)


def documented(site: Site, *targets: str) -> str:
    """Give the documented scrape configuration, for this exporter and these targets."""
    blocks = re.findall(r"```yaml\n(.*?)```", DOCS.read_text(), re.DOTALL)
    (text,) = (block for block in blocks if block.startswith("scrape_configs:"))
    own = str(text).replace("127.0.0.1:10525", site.address)
    shown = re.search(r"( +- targets:\n)(?: +- mx.*\n)+", own)
    assert shown
    listed = "".join(f"          - '{target}'\n" for target in targets)
    return GLOBAL + own.replace(str(shown[0]), f"{shown[1]}{listed}")


def test_the_documented_configuration(
    site: Site, peer: Callable[[str], Path], tmp_path: Path
) -> None:
    """A scrape as for blackbox_exporter gives each target's success by `instance`."""
    good = f"127.0.0.1:{site.port}"
    named = f"good.listed.test.:{site.port}"
    closed = "127.0.0.1:80"
    inside = [
        f"{name}:{site.port}"
        for name in (
            *("169.254.169.254", "metadata.listed.test.", "mixed.listed.test."),
            *("rebinds.listed.test.", "127.0.0.2", "[::1]", "[::ffff:127.0.0.3]"),
        )
    ]
    text = documented(site, good, named, closed, *inside)
    with running_with(peer("prometheus"), tmp_path, text) as prometheus:
        for target, success in ((good, 1), (named, 1), (closed, 0)):
            labels = f'{{job="mail",instance="{target}"}}'
            prometheus.await_value(f"probe_success{labels}", success)
            prometheus.await_value(f"smtp_probe_success{labels}", success)
            prometheus.await_value(f"up{labels}", 1)
        prometheus.await_value("count(probe_success)", 3)
        prometheus.await_value('probe_ip_protocol{instance="' + named + '"}', 4)
        for target in inside:
            prometheus.await_value(f'up{{job="mail",instance="{target}"}}', 0)
            prometheus.await_error(target, "403")
        prometheus.await_value(
            'mailserver_exporter_on_demand_refused_total{cause="forbidden"} > bool 6', 1
        )


def test_the_operators_configuration(
    site: Site, peer: Callable[[str], Path], tmp_path: Path
) -> None:
    """What the operator makes of a Probe object works as it is."""
    good = f"127.0.0.1:{site.port}"
    text = GLOBAL + OPERATOR.format(good=good, exporter=site.address)
    with running_with(peer("prometheus"), tmp_path, text) as prometheus:
        prometheus.await_value(
            f'probe_success{{job="mail",namespace="monitoring",instance="{good}"}}', 1
        )


def test_promtool_is_silent(site: Site, peer: Callable[[str], Path]) -> None:
    """`promtool check metrics` finds nothing to say about an answer."""
    status, page = site.probe(f"good.listed.test.:{site.port}")
    checked = subprocess.run(
        [peer("promtool"), "check", "metrics"],
        input=page,
        capture_output=True,
        text=True,
        check=False,
    )

    assert status == 200
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_the_documented_configuration_is_sound(
    site: Site, peer: Callable[[str], Path], tmp_path: Path
) -> None:
    """promtool takes the documented scrape configuration for one."""
    config = tmp_path / "prometheus.yml"
    config.write_text(documented(site, "mx1.example.com"))

    subprocess.run([peer("promtool"), "check", "config", config], check=True)


def test_debug(site: Site) -> None:
    """The page for people ends in the metrics and begins with the session."""
    status, page = site.probe(f"127.0.0.1:{site.port}", debug="true")

    assert status == 200
    assert page.startswith(f"127.0.0.1 port {site.port}, module mx\n")
    assert "C: QUIT" in page
    assert page.rstrip().splitlines()[-1].startswith("smtp_")


SLOW = """
modules: {{brief: {{timeout: 1500ms}}}}
on_demand: {{enabled: true, modules: [brief], ports: [{port}], allow: [127.0.0.1]}}
"""


def test_the_end_waits_for_an_answer(tmp_path: Path) -> None:
    """Whoever waits for a probe when SIGTERM comes still has its result."""
    config = tmp_path / "config.yaml"
    with ExitStack() as stack:
        port = stack.enter_context(scripted_server(script(HOLD)))
        config.write_text(SLOW.format(port=port))
        program, address = stack.enter_context(
            running_exporter("serve", "--config.file", config)
        )
        threads = stack.enter_context(ThreadPoolExecutor(1))
        site = Site(address, port)
        asking = threads.submit(site.probe, f"127.0.0.1:{port}", module="brief")
        deadline = time.monotonic() + PATIENCE
        while "on_demand_probes_in_flight 1.0" not in fetch(address):
            assert time.monotonic() < deadline
            time.sleep(0.05)  # another program's pace; bounded above
        code = program.stop()
        status, page = asking.result(PATIENCE)

    assert (code, status) == (0, 200)
    assert 'smtp_probe_failure{phase="greeting",reason="deadline"} 1' in page
    assert "cancelled" not in program.log
