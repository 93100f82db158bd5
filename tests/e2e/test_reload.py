"""The installed exporter is told to read its configuration again."""

import re
import signal
import urllib.error
import urllib.request
from pathlib import Path

from exporter.demo.script import EHL, GRT, QUI, script
from tests.e2e.programs import running_exporter
from tests.e2e.scripted import scripted_server

RELOADED = "mailserver_exporter_config_last_reload_successful"


def written(config: Path, port: int, *names: str) -> None:
    """Write a configuration of these targets."""
    targets = "\n".join(
        f"  - {{host: 127.0.0.1, port: {port}, name: {name}}}" for name in names
    )
    config.write_text(f"schedule: {{interval: 1s}}\ntargets:\n{targets}\n")


def shown(address: str) -> tuple[set[str], float]:
    """Give the targets that have series, and what the last reload came to."""
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    names = set(re.findall(r'^smtp_probes_total\{target="([^"]+)"', text, re.MULTILINE))
    (reloaded,) = re.findall(rf"^{RELOADED} (\S+)$", text, re.MULTILINE)
    return names, float(reloaded)


def asked(address: str) -> tuple[int, str]:
    """Ask for a reload; gives status and text."""
    request = urllib.request.Request(f"http://{address}/-/reload", method="POST")
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 -- as above
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_reload(tmp_path: Path) -> None:
    """SIGHUP and POST reload; a bad file is told, and nothing is lost by it."""
    config = tmp_path / "config.yaml"
    with scripted_server(script(GRT, EHL, QUI)) as port:
        written(config, port, "stays", "goes")
        with running_exporter("serve", "--config.file", config) as (exporter, address):
            assert shown(address) == ({"stays", "goes"}, 1)

            written(config, port, "stays", "comes")
            exporter.process.send_signal(signal.SIGHUP)
            exporter.await_line(
                r'msg="configuration reloaded" targets=2 added=1 removed=1 changed=0'
            )
            assert shown(address) == ({"stays", "comes"}, 1)

            config.write_text("targets: [\n")
            status, text = asked(address)
            assert status == 500
            assert f"{config}:" in text
            assert shown(address) == ({"stays", "comes"}, 0)
            exporter.process.send_signal(signal.SIGHUP)
            exporter.await_line("reload failed, the old configuration stays")

            written(config, port, "stays")
            assert asked(address)[0] == 200
            assert shown(address) == ({"stays"}, 1)
            assert exporter.stop() == 0


def test_auto_reload(tmp_path: Path) -> None:
    """A configuration whose content has changed is read again, without being told."""
    config = tmp_path / "config.yaml"
    arguments = ("serve", "--config.file", config, "--config.auto-reload")
    with scripted_server(script(GRT, EHL, QUI)) as port:
        written(config, port, "before")
        with running_exporter(*arguments) as (exporter, address):
            written(config, port, "after")
            exporter.await_line("configuration reloaded")
            assert shown(address) == ({"after"}, 1)
