"""The installed `healthcheck` beside an installed exporter, as in a container."""

import subprocess
import time

from tests.e2e.programs import EXPORTER, PATIENCE, running_exporter


def _asked(address: str, *flags: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [EXPORTER, "healthcheck", f"--web.listen-address={address}", *flags],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        env={},  # no shell, no PATH, no locale
    )


def test_a_running_exporter() -> None:
    """It is alive at once, ready soon, and neither once it has ended."""
    with running_exporter("demo") as (program, address):
        alive = _asked(address)
        deadline = time.monotonic() + PATIENCE
        while (ready := _asked(address, "--ready")).returncode:
            assert time.monotonic() < deadline
        assert program.stop() == 0
        gone = _asked(address)

    assert (alive.returncode, alive.stderr) == (0, "")
    assert "/-/healthy is well" in alive.stdout
    assert "/-/ready is well" in ready.stdout
    assert (gone.returncode, gone.stdout) == (1, "")
    assert "is it running" in gone.stderr
