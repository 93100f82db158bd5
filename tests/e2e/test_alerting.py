"""The shipped rules and routes in a real Prometheus and a real Alertmanager.

A minute of the rules is a second here: in the group that watches failing probes, `for`,
`keep_firing_for` and the range of 3 minutes are 60 times shorter. Prometheus and the
exporter do every second what they do twice or once a minute, Alertmanager waits for a
group one second, and addresses are the test's own. Nothing else is changed.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.alertmanager import (
    Alertmanager,
    Webhook,
    listening_webhook,
    running_alertmanager,
)
from tests.e2e.programs import EXPORTER, free_port, running
from tests.e2e.prometheus import Prometheus, running_with
from tests.interop.postfix import Postfix

SHIPPED = Path(__file__).parents[2] / "deploy" / "prometheus"
HURRIED = "mailserver-failing"
SUCCESS = "target:smtp_probe_success:min"
CONFIG = """\
schedule: {{interval: 1s}}
targets: [{{host: {host}, port: {port}, name: "post\\"fix", labels: {{site: fra}}}}]
"""


def shipped(name: str) -> Any:
    """Read a file of deploy/prometheus."""
    return yaml.safe_load((SHIPPED / name).read_text("utf-8"))


def hurried(rules: Any) -> Any:
    """Make seconds of the minutes of the one group that the test waits for."""
    for group in rules["groups"]:
        if group["name"] == HURRIED:
            for rule in group["rules"]:
                rule["expr"] = re.sub(r"\[(\d+)m\]", r"[\1s]", rule["expr"])
                for key in ("for", "keep_firing_for"):
                    rule[key] = rule[key].replace("m", "s")
    return rules


def prometheus_config(place: Path, exporter: str, alertmanager: str) -> str:
    """Give the shipped configuration with the test's addresses, and copy the rules."""
    config = shipped("prometheus.yml")
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    for file in SHIPPED.glob("mailserver-*.rules.yml"):
        (place / file.name).write_text(yaml.safe_dump(hurried(shipped(file.name))))
    (to,) = config["alerting"]["alertmanagers"]
    to["static_configs"] = [{"targets": [alertmanager]}]
    (job,) = config["scrape_configs"]
    job["static_configs"] = [{"targets": [exporter]}]
    return yaml.safe_dump(config)


def alertmanager_config(webhook: str) -> str:
    """Give the shipped configuration, sending to the test's webhook in a second."""
    config = shipped("alertmanager.yml")
    config["route"] |= {"group_wait": "1s", "group_interval": "1s"}
    for receiver in config["receivers"]:
        for to in receiver.get("webhook_configs", ()):
            to["url"] = f"{webhook}/{receiver['name']}"
    return yaml.safe_dump(config)


Running = tuple[Alertmanager, Webhook]


@pytest.fixture
def alerting(peer: Callable[[str], Path], tmp_path: Path) -> Iterator[Running]:
    """Run Alertmanager as it is shipped, and listen to what it sends."""
    program = peer("prometheus-alertmanager")
    with (
        listening_webhook() as (webhook, url),
        running_alertmanager(program, tmp_path, alertmanager_config(url)) as running,
    ):
        yield running, webhook


class Watch:
    """An exporter that probes Postfix, on one address over all its restarts."""

    def __init__(self, config: Path) -> None:
        """Start it with a configuration."""
        self.address = f"127.0.0.1:{free_port()}"
        self._command: list[str | Path] = [EXPORTER, "serve"]
        self._command += [f"--config.file={config}"]
        self._command += [f"--web.listen-address={self.address}"]
        self._stack = ExitStack()
        self.start()

    def start(self) -> None:
        """Start it, and wait until it serves."""
        exporter = self._stack.enter_context(running(self._command))
        exporter.await_line("serving metrics")

    def stop(self) -> None:
        """Stop it; prints what it logged."""
        self._stack.close()


@pytest.fixture
def watch(postfix: Postfix, tmp_path: Path) -> Iterator[Watch]:
    """Run an exporter that probes Postfix."""
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG.format(host=postfix.host, port=postfix.port))
    watch = Watch(config)
    try:
        yield watch
    finally:
        watch.stop()


@pytest.fixture
def prometheus(
    watch: Watch, alerting: Running, peer: Callable[[str], Path], tmp_path: Path
) -> Iterator[Prometheus]:
    """Run Prometheus as it is shipped, until it has seen the first success."""
    program = peer("prometheus")
    text = prometheus_config(tmp_path, watch.address, alerting[0].address)
    with running_with(program, tmp_path, text) as prometheus:
        prometheus.await_value(SUCCESS, 1)
        yield prometheus


@pytest.mark.timeout(120)  # half a minute by itself; four programs on a busy machine
def test_a_server_that_is_stopped_and_started(
    prometheus: Prometheus, postfix: Postfix, alerting: Running
) -> None:
    """Stopping Postfix is told by one alert, in words; starting it resolves that."""
    _, webhook = alerting
    assert webhook.heard == []

    postfix.stop()
    fired = webhook.await_alert("MailServerUnreachable", "firing")
    postfix.start()
    resolved = webhook.await_alert("MailServerUnreachable", "resolved")

    assert fired.path == resolved.path == "/page"
    assert fired.labels == {
        "alertname": "MailServerUnreachable",
        "severity": "critical",
        "class": "unreachable",
        "job": "mailserver",
        "target": 'post"fix',
        "host": postfix.host,
        "port": str(postfix.port),
        "module": "mx",
        "site": "fra",
    }
    assert resolved.labels == fired.labels
    assert fired.annotations["summary"] == 'post"fix cannot be reached'
    assert (
        'No connection to post"fix was established for 5 minutes. '
        "Last seen: phase connect, reason refused. "
        "Usually the mail server is not running"
    ) in fired.annotations["description"]
    url = fired.annotations["runbook_url"]
    assert url.endswith("/docs/runbooks/MailServerUnreachable.md")
    assert {sent.labels["alertname"] for sent in webhook.heard} == {
        "MailServerUnreachable"
    }
    prometheus.await_value(SUCCESS, 1)


@pytest.mark.timeout(120)
def test_an_exporter_that_is_restarted(
    prometheus: Prometheus, watch: Watch, alerting: Running
) -> None:
    """An exporter that goes away for a moment fires nothing, though its series end."""
    _, webhook = alerting

    for _ in range(2):
        watch.stop()
        prometheus.await_value("up", 0)
        prometheus.await_value(f"count({SUCCESS}) or vector(0)", 0)
        watch.start()
        prometheus.await_value(SUCCESS, 1)

    assert prometheus.query("resets(smtp_probes_total[5m]) > 0")
    assert prometheus.query('count_over_time(ALERTS{alertstate="firing"}[5m])') == {}
    assert webhook.heard == []


JOB = {"job": "mailserver"}
ONE = {**JOB, "target": "mx1:25", "host": "mx1", "port": "25", "module": "mx"}
OTHER = {**ONE, "target": "mx2:25", "host": "mx2"}
OF_DOMAIN = {
    **ONE,
    "target": "example.org/mx1:25",
    "mx_domain": "example.org",
}
DOMAIN = {**JOB, "port": "25", "module": "mx", "mx_domain": "example.org"}


def alert(
    of: Mapping[str, str], name: str, severity: str = "warning"
) -> dict[str, str]:
    """Give the labels of an alert on something."""
    return {**of, "alertname": f"MailServer{name}", "severity": severity}


@pytest.mark.parametrize(
    ("fires", "muted"),
    [
        pytest.param(
            [
                alert(JOB, "ExporterDown", "critical"),
                alert(ONE, "Unreachable", "critical"),
                alert({**ONE, "job": "another"}, "Unreachable", "critical"),
            ],
            [alert(ONE, "Unreachable", "critical")],
            id="while no exporter answers, its targets' alerts are muted",
        ),
        pytest.param(
            [
                alert(ONE, "TargetStale"),
                alert(ONE, "Silent", "critical"),
                alert(OTHER, "Silent", "critical"),
            ],
            [alert(ONE, "Silent", "critical")],
            id="while a target is stale, its other alerts are muted",
        ),
        pytest.param(
            [
                alert({**JOB, "instance": "e:1"}, "ExporterBehindSchedule"),
                alert(ONE, "TargetStale"),
            ],
            [alert(ONE, "TargetStale")],
            id="while the exporter is late, stale targets are muted",
        ),
        pytest.param(
            [
                alert(DOMAIN, "DomainDown", "critical"),
                alert(OF_DOMAIN, "Refusing", "critical"),
                alert({**OF_DOMAIN, "port": "587"}, "Refusing", "critical"),
                alert(
                    {**OF_DOMAIN, "mx_domain": "example.net"}, "Refusing", "critical"
                ),
                alert(OF_DOMAIN, "CertificateExpiring"),
                alert(ONE, "Refusing", "critical"),
            ],
            [alert(OF_DOMAIN, "Refusing", "critical")],
            id="while all of a domain is down, its hosts' failures are muted",
        ),
        pytest.param(
            [
                alert(ONE, "Refusing", "critical"),
                alert(ONE, "Unsteady"),
                alert(ONE, "CertificateExpiring"),
                alert(OTHER, "Unsteady"),
            ],
            [alert(ONE, "Unsteady")],
            id="while a server fails, its manners are muted",
        ),
        pytest.param(
            [
                alert(ONE, "TlsFailing", "critical"),
                alert(ONE, "CertificateExpiring", "critical"),
                alert(ONE, "StarttlsGone"),
                alert(OTHER, "CertificateExpiring", "critical"),
            ],
            [alert(ONE, "CertificateExpiring", "critical")],
            id="while TLS fails, that the certificate ends is muted",
        ),
        pytest.param(
            [
                alert(ONE, "CertificateExpiring", "critical"),
                alert(ONE, "CertificateExpiring"),
                alert(ONE, "StarttlsGone"),
            ],
            [alert(ONE, "CertificateExpiring")],
            id="the critical half of an alert mutes its warning",
        ),
        pytest.param(
            [
                alert({**JOB, "instance": "e:1"}, "ExporterInstanceDown"),
                alert(JOB, "ExporterTargetsLost"),
                alert(ONE, "Unreachable", "critical"),
            ],
            [alert(JOB, "ExporterTargetsLost")],
            id="one exporter of several that is down mutes no target",
        ),
    ],
)
def test_what_is_muted(
    fires: list[dict[str, str]], muted: list[dict[str, str]], alerting: Running
) -> None:
    """Each rule of inhibition mutes what it is for, and nothing beside it."""
    alertmanager, _ = alerting

    alertmanager.fire(fires)

    alertmanager.await_muted(muted)


def test_what_goes_where(alerting: Running) -> None:
    """Critical alerts are pages, warnings are not, and information is sent nowhere."""
    alertmanager, webhook = alerting

    alertmanager.fire(
        [
            alert({**JOB, "instance": "e:1"}, "ExporterErrors", "info"),
            alert(ONE, "GreetingSlow"),
            alert(OF_DOMAIN, "ExchangerDown"),
            alert(OTHER, "Silent", "critical"),
            alert(DOMAIN, "DomainDown", "critical"),
            alert(JOB, "ExporterShardMissing", "critical"),
        ]
    )
    for name in ("GreetingSlow", "Silent", "DomainDown", "ExporterShardMissing"):
        webhook.await_alert(f"MailServer{name}", "firing")

    assert {sent.labels["alertname"]: sent.path for sent in webhook.heard} == {
        "MailServerGreetingSlow": "/chat",
        "MailServerSilent": "/page",
        "MailServerDomainDown": "/page",
        "MailServerExporterShardMissing": "/page",
    }
