"""A world whose network loses 30 % of all packets and holds each back for 300 ms.

The story is lived by this file as a program, in a network namespace of its own.
"""

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from exporter.demo.script import EHL, GRT, QUI, script
from tests.conftest import missing_peer
from tests.e2e.lossy_link import FAR, NEAR, Flow, lossy_link
from tests.e2e.namespaces import unshared
from tests.e2e.scripted import scripted_server
from tests.e2e.worlds import World, world

TARGETS = 8
LOSS, DELAY = 0.3, 0.3
PATIENCE = 60.0
EXACT = 0.1  # the link and the exporter share the machine with others
CONFIG = """\
schedule: {{interval: 5s}}
history: {{sessions: 50}}
limits: {{per_host: 100}}
modules: {{mx: {{tls: none}}}}
targets:
{targets}
"""
# The places of the server's segments: its SYN, then what it says.
SYN, GREETING, BYE = 0, 1, -1


@pytest.mark.timeout(150)
def test_a_lossy_network(tmp_path: Path) -> None:
    """Verdicts are true, retransmits are told, and latencies are what the link saw."""
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        missing_peer("no /dev/net/tun that may be used on this machine")
    command = (*unshared("--net"), sys.executable, "-m", __name__, str(tmp_path))
    lived = subprocess.run(command, capture_output=True, text=True, check=False)
    print(lived.stdout)  # noqa: T201 -- shown on failure
    assert lived.returncode == 0, lived.stderr


def live(folder: Path) -> None:
    """Probe through the link, and then through one that loses nothing."""
    with ExitStack() as stack:
        link = stack.enter_context(lossy_link(LOSS, DELAY))
        served = script(GRT, EHL, QUI)
        ports = [
            stack.enter_context(scripted_server(served, NEAR)) for _ in range(TARGETS)
        ]
        config = folder / "config.yaml"
        targets = "\n".join(f"  - {{host: {FAR}, port: {port}}}" for port in ports)
        config.write_text(CONFIG.format(targets=targets))
        lives = stack.enter_context(world(config))
        lives.await_probes(patience=PATIENCE)
        well = [
            port
            for port in ports
            for session, flow in zip(
                sessions(lives, port), link.flows[port], strict=False
            )
            if assert_true(session, flow)
        ]
        assert len(well) >= TARGETS / 2
        link.loss, link.delay = 0.0, 0.0
        lives.await_figures(lambda now: len(now.well()) == TARGETS, PATIENCE)


def sessions(lives: World, port: int) -> list[dict[str, Any]]:
    """Give the sessions of a target, the first one first."""
    told = json.loads(lives.get(f"/api/v1/targets/{FAR}:{port}"))
    return sorted(told["sessions"], key=lambda session: float(session["started_at"]))


def assert_true(session: dict[str, Any], flow: Flow) -> bool:
    """Hold what was told of a session against what has passed; gives its success."""
    phases = {phase["phase"]: phase["seconds"] for phase in session["phases"]}
    print(session["failure"], phases, session["tcp"], flow.resent, flow.lost)  # noqa: T201 -- shown on failure
    if not session["success"]:
        assert session["failure"]["reason"] in {"timeout", "deadline"}
        return False
    assert session["tcp"]["retransmits"] == flow.resent
    assert session["tcp"]["rtt"] >= 2 * DELAY
    seen = {
        "connect": flow.instant(SYN) - flow.begun,
        "greeting": flow.instant(GREETING) - flow.instant(SYN),
    }
    for phase, seconds in seen.items():
        assert abs(phases[phase] - seconds) < EXACT, (phase, seconds)
    took = flow.instant(BYE) - flow.begun
    assert abs(session["duration_seconds"] - took) < EXACT, (took, flow)
    return True


if __name__ == "__main__":
    live(Path(sys.argv[1]))
