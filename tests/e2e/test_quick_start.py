"""The quick start's Postfix, Prometheus and Alertmanager, as the programs read them."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

from tests.e2e.programs import EXPORTER
from tests.interop.conftest import StartPostfix
from tests.unit.test_deploy_compose import CERTIFICATE, COMPOSE, settings


def of_any_machine() -> dict[str, str]:
    """Give main.cf without what is the container's own: its log and its certificate."""
    return {
        name: value
        for name, value in settings().items()
        if name != "maillog_file" and not name.startswith("smtpd_tls_")
    }


def test_the_postfix_does_not_relay(
    start_postfix: StartPostfix, tmp_path: Path
) -> None:
    """A Postfix with this main.cf refuses a stranger's mail, as the module expects."""
    postfix = start_postfix(of_any_machine())
    config = tmp_path / "config.yaml"
    authority = tmp_path / "cert.pem"
    trustme.CA().cert_pem.write_to_path(str(authority))
    text = (COMPOSE / "exporter/config.yaml").read_text("utf-8")
    config.write_text(text.replace(CERTIFICATE, str(authority)))
    command: list[str | Path] = [EXPORTER, "probe", f"{postfix.host}:{postfix.port}"]
    command += ["--module=no-relay", "--config.file", config]
    probed = subprocess.run(command, capture_output=True, text=True, check=False)

    assert probed.returncode == 0, probed.stdout
    assert postfix.logged("reject: RCPT .* 554 5.7.1 .*: Relay access denied")


@pytest.mark.parametrize(
    ("program", "arguments"),
    [
        ("promtool", ["check", "config", "monitoring/prometheus.yml"]),
        ("amtool", ["check-config", "monitoring/alertmanager.yml"]),
    ],
    ids=["prometheus", "alertmanager"],
)
def test_the_monitors_read_their_files(
    peer: Callable[[str], Path], program: str, arguments: list[str]
) -> None:
    """Prometheus and Alertmanager find nothing wrong with their configuration."""
    read = subprocess.run(
        [peer(program), *arguments],
        cwd=COMPOSE,
        capture_output=True,
        text=True,
        check=False,
    )

    assert read.returncode == 0, read.stdout + read.stderr
