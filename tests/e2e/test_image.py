"""The image, built and run as Docker would: read-only, without privilege or a shell."""

import json
import os
import re
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from exporter import __version__
from exporter.demo.script import EHL, GRT, HOLD, QUI, script
from tests.conftest import missing_peer
from tests.e2e.containers import (
    BASE_TAR,
    EXPORTER_INSIDE,
    PYTHON,
    SHELLS,
    STOP_SECONDS,
    Store,
    store,
)
from tests.e2e.programs import PATIENCE
from tests.e2e.scripted import scripted_server

# Two builds that install thirty packages each, and what runs them.
pytestmark = pytest.mark.timeout(600)

IMAGE, BARE = "localhost/mailserver-exporter", "localhost/mailserver-exporter-bare"
REVISION = "8b217b7"
UID = 65532
CONFIG = "/etc/mailserver-exporter/config.yaml"


@pytest.fixture(scope="module")
def images(peer: Callable[[str], Path]) -> Iterator[Store]:
    """Build the image on Debian, and once more to run where there is no shell."""
    for program in ("buildah", "podman"):
        peer(program)
    if not BASE_TAR.exists():
        missing_peer("peer image-base is not on this machine: make image-base")
    if os.geteuid() != 0:
        missing_peer("peer root is not who runs this: images are mounted by root")
    with store() as kept:
        kept.base("base")
        kept.base("shell-less", without=SHELLS)
        told = {"BASE": "base", "VERSION": __version__, "REVISION": REVISION}
        kept.build(IMAGE, **told)
        kept.build(BARE, **told, RUNTIME="shell-less")
        yield kept


def _written(config: Path, text: str, mode: int = 0o644) -> str:
    config.write_text(text)
    config.chmod(mode)
    return f"--volume={config}:{CONFIG}:ro"


def test_what_the_image_says(images: Store) -> None:
    """User, command, health check, port and labels are told; none needs a shell."""
    (image,) = images.inspected(IMAGE)
    config = image["Config"]

    assert config["User"] == f"{UID}:{UID}"
    assert config["Entrypoint"] == [EXPORTER_INSIDE]
    assert config["Cmd"] == ["serve"]
    assert config["StopSignal"] == "SIGTERM"
    assert config["ExposedPorts"] == {"10525/tcp": {}}
    assert image["Healthcheck"]["Test"] == [
        *("CMD", EXPORTER_INSIDE, "healthcheck", "--pid=1")
    ]
    labels = {
        key.removeprefix("org.opencontainers.image."): value
        for key, value in config["Labels"].items()
    }
    assert labels["title"] == "mailserver-exporter"
    assert (labels["version"], labels["revision"]) == (__version__, REVISION)
    assert labels["description"]


LOOK = """
import importlib.util, json, os, pathlib, shutil, site
packages = pathlib.Path(site.getsitepackages()[0])
sources = [p for p in packages.rglob("*.py")]
print(json.dumps({
    "not compiled": [str(p) for p in sources
        if not os.path.exists(importlib.util.cache_from_source(p))],
    "of pip": [p.name for p in packages.iterdir() if p.name.startswith("pip")],
    "programs": [n for n in ("gcc", "cc", "make", "git", "curl") if shutil.which(n)],
    "left over": [n for n in ("/src", "/tools", "/run/secrets") if os.path.exists(n)],
    "not root's": [str(p) for p in packages.rglob("*")
        if p.lstat().st_uid or not p.is_symlink() and p.lstat().st_mode & 0o022],
}))
"""


def test_what_is_in_it(images: Store) -> None:
    """All is compiled and root's own; nothing that built it, and no secret, remains."""
    done = images.run(IMAGE, "-c", LOOK, entrypoint=PYTHON)

    assert done.returncode == 0, done.stderr
    assert {
        name: found for name, found in json.loads(done.stdout).items() if found
    } == {}


TELL = """
import json, os
lines = [line.split(":\\t", 1) for line in open("/proc/1/status")]
status = dict(line for line in lines if len(line) == 2)
refused = []
for folder in ("/", "/tmp", "/etc/mailserver-exporter", "/opt/venv", "/var/tmp"):
    try:
        open(folder + "/written", "w")
    except OSError as error:
        refused.append(error.strerror)
print(json.dumps([os.getuid(), status["Uid"].split(), status["CapBnd"].strip(),
    status["CapEff"].strip(), status["NoNewPrivs"].strip(), sorted(set(refused)),
    len(refused), open("/proc/1/cmdline").read().split("\\0")[:3]]))
"""


def test_a_scrape(images: Store, tmp_path: Path) -> None:
    """Without root, capabilities or a place to write it probes and is scraped."""
    with (
        scripted_server(script(GRT, EHL, QUI)) as good,
        scripted_server(script(HOLD)) as silent,
    ):
        mount = _written(
            tmp_path / "config.yaml",
            "schedule: {interval: 1s}\ntargets:\n"
            f"  - {{host: 127.0.0.1, port: {good}, name: good}}\n"
            f"  - {{host: 127.0.0.1, port: {silent}, name: silent}}\n",
        )
        with images.running(
            *(IMAGE, "serve", "--web.listen-address=127.0.0.1:0"),
            options=[mount],
            network="host",
        ) as container:
            line = container.await_line("serving metrics")
            address = re.findall(r"listen=(\S+)", line)[0]
            told = json.loads(container.python(TELL))
            text = _scraped(address, 'smtp_probe_success{target="good"')
            ended = container.stop()

    number = str(UID)
    none = "0" * 16
    assert told[:5] == [UID, [number] * 4, none, none, "1"]
    assert told[5:7] == [["Read-only file system"], 5]
    assert told[7] == [PYTHON, EXPORTER_INSIDE, "serve"]
    assert re.search(r'^smtp_probe_success\{target="good",.* 1$', text, re.MULTILINE)
    assert f'revision="{REVISION}"' in text
    assert ended.code == 0
    assert ended.seconds < STOP_SECONDS


def _scraped(address: str, part: str) -> str:
    deadline = time.monotonic() + PATIENCE
    while True:
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=5) as answer:
            text: str = answer.read().decode()
        if part in text:
            return text
        assert time.monotonic() < deadline, text
        time.sleep(0.1)  # another program's pace; bounded above


def test_the_demo_without_a_shell(images: Store) -> None:
    """It is well without a shell, a network and IPv6, and not well when it hangs."""
    shell = images.run(BARE, "-c", "true", entrypoint="/bin/sh")
    # Its health check is told of neither: it looks for them itself.
    flags = ("--web.listen-address=:9100", "--web.route-prefix=/mail")
    with images.running(
        *(BARE, "demo", *flags), options=["--sysctl=net.ipv6.conf.all.disable_ipv6=1"]
    ) as container:
        container.await_line("serving metrics")
        well = container.health()
        text = container.python(
            "import urllib.request as r; "
            "print(r.urlopen('http://127.0.0.1:9100/mail/metrics').read().decode())"
        )
        container.signal("STOP")
        hanging = container.health()
        container.signal("CONT")
        recovered = container.health()
        ended = container.stop()
        gone = container.health()

    assert shell.returncode == 127
    assert (well.returncode, hanging.returncode, recovered.returncode) == (0, 1, 0)
    assert gone.returncode != 0
    assert "mailserver_exporter_build_info" in text
    assert ended.code == 0
    assert ended.seconds < STOP_SECONDS


def test_a_newcomer(images: Store) -> None:
    """Without a configuration it leaves with 1, and says what to do."""
    done = images.run(IMAGE)

    assert done.returncode == 1
    assert f"{CONFIG}: there is no such file" in done.stderr
    assert "into a container, mount it there" in done.stderr
    assert "mailserver-exporter demo" in done.stderr


def test_a_configuration_that_it_may_not_read(images: Store, tmp_path: Path) -> None:
    """A file of its owner's only is refused by the number that cannot read it."""
    mount = _written(tmp_path / "config.yaml", "targets: [mx.example.com]\n", 0o600)
    with images.running(IMAGE, options=[mount]) as container:
        line = container.await_line(CONFIG)

    assert f"this user (uid {UID}) may not read it" in line


def test_sigterm_while_a_session_hangs(images: Store) -> None:
    """`probe` ends at SIGTERM, although the kernel shields the first process."""
    with (
        scripted_server(script(HOLD)) as silent,
        images.running(
            *(IMAGE, "probe", f"127.0.0.1:{silent}"), network="host"
        ) as container,
    ):
        container.python(AWAIT_CONNECTION.format(port=silent))
        ended = container.stop()

    assert ended.code == 143
    assert ended.seconds < STOP_SECONDS


# The exporter's own session, as the kernel lists it: state 01 is ESTABLISHED.
AWAIT_CONNECTION = """
import time
end = time.monotonic() + 20
while ":{port:04X} 01" not in open("/proc/net/tcp").read():
    assert time.monotonic() < end
    time.sleep(0.05)
"""
