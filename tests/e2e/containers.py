"""Images and containers without a daemon: buildah builds them, podman runs them.

Holds a store of its own in a folder of its own: nothing of the machine's is read, and
nothing is left behind. Refuses registries: the base is what `make image-base` made.
"""

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from ast import literal_eval
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from tests.e2e.programs import PATIENCE

ROOT = Path(__file__).parents[2]
BASE_TAR = ROOT / ".cache" / "image-base.tar"
PYTHON = "/opt/venv/bin/python"
EXPORTER_INSIDE = "/opt/venv/bin/mailserver-exporter"
SHELLS = ("bash", "dash", "rbash", "sh")
# The exporter must have ended by then.
STOP_SECONDS = 5
# What Docker allows before it kills: enough to tell how long it really took.
_KILL_SECONDS = 10
# Where packages come from; what names a file of this machine is not there in a build.
_PLACES = frozenset({"index-url", "trusted-host", "proxy", "default-timeout"})
# podman asks for more files and processes than a machine may grant.
_MOST = 1024

Completed = subprocess.CompletedProcess[str]


class Ended(NamedTuple):
    """How a container ended: its exit code, and how long it took from SIGTERM on."""

    code: int
    seconds: float


class Container:
    """A running container."""

    def __init__(self, store: "Store", name: str) -> None:
        """Follow a container that was started."""
        self._store, self.name = store, name

    @property
    def log(self) -> str:
        """What it has written to standard output and standard error."""
        told = self._store.podman("logs", self.name, check=False)
        return told.stdout + told.stderr

    def await_line(self, part: str) -> str:
        """Wait for a line with this in it; gives the line."""
        deadline = time.monotonic() + PATIENCE
        while True:
            for line in self.log.splitlines():
                if part in line:
                    return line
            assert time.monotonic() < deadline, f"no {part!r} in:\n{self.log}"
            time.sleep(0.1)  # another program's pace; bounded above

    def run(self, *command: str, check: bool = True) -> Completed:
        """Run a program inside."""
        return self._store.podman("exec", self.name, *command, check=check)

    def python(self, source: str) -> str:
        """Run Python inside; gives what it printed."""
        return self.run(PYTHON, "-c", source).stdout

    def health(self) -> Completed:
        """Run the image's own health check inside."""
        return self._store.podman("healthcheck", "run", self.name, check=False)

    def signal(self, name: str) -> None:
        """Send a signal to its first process."""
        self._store.podman("kill", f"--signal={name}", self.name)

    def stop(self) -> Ended:
        """Stop it as Docker does: the image's signal, and SIGKILL when time is up."""
        begin = time.monotonic()
        self._store.podman("stop", f"--time={_KILL_SECONDS}", self.name)
        seconds = time.monotonic() - begin
        (state,) = self._store.inspected(self.name)
        return Ended(int(state["State"]["ExitCode"]), seconds)


class Store:
    """Where images and containers are kept, and the programs that know it."""

    def __init__(self, folder: Path) -> None:
        """Keep everything in a folder."""
        where = ("--root", str(folder / "root"), "--runroot", str(folder / "run"))
        # An overlay is no copy for each container; not every file system bears one.
        overlay = (*where, "--storage-driver", "overlay")
        borne = _ran("buildah", *overlay, "info", check=False).returncode == 0
        self._where = overlay if borne else (*where, "--storage-driver", "vfs")
        self._runtime = ("--runtime", "runc") if shutil.which("runc") else ()

    def buildah(self, *arguments: str | Path) -> str:
        """Run buildah; gives what it printed."""
        return _ran("buildah", *self._where, *arguments).stdout.strip()

    def podman(self, *arguments: str | Path, check: bool = True) -> Completed:
        """Run podman."""
        cgroups = ("--cgroup-manager", "cgroupfs")
        command = (*self._where, *self._runtime, *cgroups, *arguments)
        return _ran("podman", *command, check=check)

    def base(self, name: str, *, without: Sequence[str] = ()) -> None:
        """Make an image of the base's tar file, without programs of these names."""
        container = self.buildah("from", "scratch")
        self.buildah("add", "--quiet", container, BASE_TAR, "/")
        self.buildah("config", "--env", f"PATH={os.defpath}", container)
        if without:
            mounted = Path(self.buildah("mount", container))
            for folder in ("bin", "sbin"):
                for program in without:
                    (mounted / "usr" / folder / program).unlink(missing_ok=True)
        self.buildah("commit", "--quiet", "--rm", container, name)

    def build(self, name: str, **arguments: str) -> None:
        """Build the Dockerfile, with these build arguments."""
        with TemporaryDirectory() as folder:
            given = [f"--build-arg={key}={value}" for key, value in arguments.items()]
            # Docker's own format: that of the OCI has no place for a health check.
            self.buildah(
                *("bud", "--isolation=chroot", "--format=docker", "--quiet"),
                *_pip_of_this_machine(Path(folder)),
                *given,
                f"--tag={name}",
                ROOT,
            )

    def inspected(self, name: str) -> list[dict[str, Any]]:
        """Give what podman knows of a container or an image."""
        told: list[dict[str, Any]] = json.loads(self.podman("inspect", name).stdout)
        return told

    def run(self, image: str, *arguments: str, **how: str) -> Completed:
        """Run a container to its end."""
        command = ("--rm", *_confined(how), image, *arguments)
        return self.podman("run", *command, check=False)

    @contextmanager
    def running(
        self, image: str, *arguments: str, options: Sequence[str] = (), **how: str
    ) -> Iterator[Container]:
        """Run a container, confined; its log is printed for a failed test."""
        command = (*_confined(how), *options, image, *arguments)
        container = Container(
            self, self.podman("run", "--detach", *command).stdout.strip()
        )
        try:
            yield container
        finally:
            print(f"--- {image} {arguments}\n{container.log}")  # noqa: T201 -- shown on failure
            self.podman("rm", "--force", "--time=0", container.name, check=False)


@contextmanager
def store() -> Iterator[Store]:
    """Give a store that is gone, mounts and all, at the end."""
    with TemporaryDirectory() as folder:
        kept = Store(Path(folder))
        try:
            yield kept
        finally:
            kept.podman("rm", "--all", "--force", "--time=0", check=False)
            kept.buildah("rm", "--all")


def _confined(how: Mapping[str, str]) -> Iterator[str]:
    """Take away whatever a container can do without."""
    yield from (
        "--read-only",
        "--read-only-tmpfs=false",  # no /tmp to write to, as with Docker
        "--cap-drop=all",
        "--security-opt=no-new-privileges",
    )
    for limit, kind in (
        ("nofile", resource.RLIMIT_NOFILE),
        ("nproc", resource.RLIMIT_NPROC),
    ):
        most = resource.getrlimit(kind)[1]
        most = _MOST if most == resource.RLIM_INFINITY else min(most, _MOST)
        yield f"--ulimit={limit}={most}:{most}"
    yield from (f"--{key}={value}" for key, value in {"network": "none", **how}.items())


def _pip_of_this_machine(folder: Path) -> Iterator[str]:
    """Hand pip's configuration of this machine in, as docs/container.md tells it."""
    said: dict[str, str] = {}
    for line in _ran(sys.executable, "-m", "pip", "config", "list").stdout.splitlines():
        key, _, value = line.partition("=")
        said.setdefault(key.rpartition(".")[2], literal_eval(value))  # first: strongest
    lines = [f"{name} = {said[name]}" for name in _PLACES & said.keys()]
    if "cert" in said:
        lines.append("cert = /run/secrets/ca.pem")
        yield f"--secret=id=ca.pem,src={said['cert']}"
    (folder / "pip.conf").write_text("\n".join(["[global]", *lines, ""]))
    yield f"--secret=id=pip.conf,src={folder / 'pip.conf'}"


def _ran(program: str, *arguments: str | Path, check: bool = True) -> Completed:
    done = subprocess.run(
        [program, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    assert not check or done.returncode == 0, (
        f"{program} {arguments} left with {done.returncode}:\n"
        f"{done.stdout}{done.stderr}"
    )
    return done
