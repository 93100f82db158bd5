"""A world whose disk is full, or may only be read: nothing that we need is on it."""

import os
import re
import signal
from pathlib import Path

import pytest

from exporter.demo.script import (
    EHLO,
    EHS,
    GRT,
    OFFER,
    QUI_TLS,
    STARTTLS,
    Tls,
    script,
)
from tests.e2e.namespaces import unshared
from tests.e2e.scripted import scripted_server
from tests.e2e.worlds import World, world
from tests.wire.doors import Place

GOOD = script(GRT, EHS, STARTTLS, Tls(), EHLO, OFFER, QUI_TLS)
CONFIG = """\
schedule: {{interval: 1s}}
on_demand: {{enabled: true, allow: [127.0.0.1], ports: [{port}]}}
targets: [{{host: 127.0.0.1, port: {port}, name: good}}]
"""
FILLER = "filler"
# A file system that no other process sees, and that goes with this one; and nobody who
# measures what the tests cover, since that is written to a file.
# Nor is it noted of files when they were read: the kernel would, in what it counts.
MOUNT = f"""
mount -o remount,bind,noatime / || exit
mount -t tmpfs -o size=64k none "$1" && cd "$1" || exit
cat /dev/zero >{FILLER} 2>/dev/null
mount -o "remount,$2" none "$1" || exit
shift 2
export TMPDIR="$PWD" HOME="$PWD" PYTHONDONTWRITEBYTECODE=1
unset COVERAGE_PROCESS_CONFIG COVERAGE_PROCESS_START
exec "$@"
"""
# Each page that is made of something, plain and on demand.
PAGES = (
    *("/", "/targets/good", "/api/v1/targets", "/config", "/-/ready"),
    *("/probe?target=127.0.0.1:{port}&debug=true", "/metrics?name[]=smtp_tls_info"),
)


@pytest.mark.parametrize("mode", ["rw", "ro"], ids=["full", "read-only"])
def test_a_full_disk(mode: str, tmp_path: Path) -> None:
    """With no octet to write to, it probes, serves over TLS, reloads and ends."""
    place, folder, config = Place(tmp_path), tmp_path / "disk", tmp_path / "config.yaml"
    place.write_tls()
    folder.mkdir()
    disk = (*unshared("--mount"), "sh", "-c", MOUNT, "sh", str(folder), mode)
    with scripted_server(GOOD) as port:
        config.write_text(CONFIG.format(port=port))
        web = f"--web.config.file={place.config}"
        with world(config, web, behind=disk, tls=place.trusting()) as lives:
            lives.await_probes()
            for page in PAGES:
                assert lives.get(page.format(port=port))
            lives.program.process.send_signal(signal.SIGHUP)
            lives.program.await_line("configuration reloaded")
            assert lives.await_probes(2).well() == {"good"}
            assert is_full(lives)
            assert [path.name for path in disk_of(lives).iterdir()] == [FILLER]
            assert written(lives) == 0


def disk_of(lives: World) -> Path:
    """Give a path to its working directory, as it sees it."""
    return Path(f"/proc/{lives.pid}/cwd")


def is_full(lives: World) -> bool:
    """Whether there is no room on its disk."""
    return os.statvfs(disk_of(lives)).f_bfree == 0


def written(lives: World) -> int:
    """Give how many octets it has caused to be written to any disk."""
    counted = Path(f"/proc/{lives.pid}/io").read_text()
    octets = re.search(r"^write_bytes: (\d+)$", counted, re.MULTILINE)
    assert octets
    return int(octets[1])
