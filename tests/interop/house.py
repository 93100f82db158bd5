"""A house for a server that insists on being root, or on users that the machine lacks.

Inside, it is root, its packages are installed over the machine's own, and /etc and /var
are what the test has furnished. Outside, its root and its users are uids that belong to
nobody, and nothing of the machine has changed: a user namespace with a range of uids,
in a mount namespace. Making one takes root; only root may give more than one uid.
"""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from exporter.demo.certificates import Kind, issue
from tests.conftest import find_peer, missing_peer
from tests.interop.listening import START_SECONDS

CERTIFICATE_FOR = "mail.test"

# Debian's policy (9.2.2) reserves these, so that no user of the machine is one.
_FIRST_UID, _UIDS = 65000, 500
# The users that every Debian has, and none of the machine's own.
_BASE_USERS = Path("/usr/share/base-passwd")

# The namespace of mounts is made by root, which is nobody in that of users until it is
# told who is who: a line is said when there is one to be told of, and one is awaited.
_ENTER = """\
mount --bind "$1/etc" /etc
mount -t overlay -o "lowerdir=$2/usr:/usr" overlay /usr
mount --bind "$1/var" /var
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
shift 2
exec unshare --user --keep-caps sh -euc '
  echo
  read -r _
  exec setpriv --reuid=0 --regid=0 --clear-groups "$@" </dev/null >&2
' sh "$@"
"""


class House:
    """Where a server lives: what it finds in /etc and /var, and how it moves in."""

    def __init__(self, place: Path, users: tuple[str, ...]) -> None:
        """Furnish an empty folder, for a server that has these users."""
        if os.geteuid() != 0:
            missing_peer("a user namespace of many uids takes root, and this is none")
        if not _BASE_USERS.is_dir():
            missing_peer(f"{_BASE_USERS} is not on this machine, so it is no Debian")
        place.chmod(0o755)
        self._place = place
        self._uids = {"root": 0, **{user: 101 + n for n, user in enumerate(users)}}
        for folder in ("/etc", "/var", "/var/log"):
            self.folder(folder)
        own = [(user, self._uids[user]) for user in users]
        passwd = "".join(f"{user}:*:{n}:{n}::/:/usr/sbin/nologin\n" for user, n in own)
        group = "".join(f"{user}:*:{n}:\n" for user, n in own)
        self.file("/etc/passwd", (_BASE_USERS / "passwd.master").read_text() + passwd)
        self.file("/etc/group", (_BASE_USERS / "group.master").read_text() + group)
        self.file("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n")
        self.file("/etc/hosts", f"127.0.0.1 localhost {CERTIFICATE_FOR}\n")
        self.file("/etc/resolv.conf", "nameserver 127.0.0.1\n")
        self.file("/etc/services", "smtp 25/tcp\nsubmission 587/tcp\n")
        self.file("/etc/mailname", f"{CERTIFICATE_FOR}\n")
        self._output = self.file("/var/log/output", "")

    def folder(self, path: str, owner: str = "root", mode: int = 0o755) -> Path:
        """Make a folder in /etc or /var."""
        folder = self._place / path.removeprefix("/")
        folder.mkdir(parents=True)
        return self._given(folder, owner, mode)

    def file(
        self, path: str, content: str | bytes, owner: str = "root", mode: int = 0o644
    ) -> Path:
        """Write a file in /etc or /var."""
        file = self._place / path.removeprefix("/")
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return self._given(file, owner, mode)

    def certificate(self, kind: Kind, chain: str, key: str, owner: str) -> None:
        """Write a certificate and its key, both readable to one user only."""
        issued = issue(kind, CERTIFICATE_FOR)
        self.file(chain, issued.pem, owner, 0o400)
        self.file(key, issued.key, owner, 0o400)

    def text(self, *paths: str) -> str:
        """Read files as far as they are there, and all that the server has printed."""
        files = (self._place / path.removeprefix("/") for path in paths)
        found = (file for file in (*files, self._output) if file.exists())
        return "".join(file.read_text("utf-8", "replace") for file in found)

    def uid(self, user: str) -> int:
        """Give a user's uid, as it is inside; that of its group is the same."""
        return self._uids[user]

    @contextmanager
    def running(
        self, package: Path, command: tuple[str, ...]
    ) -> Iterator["subprocess.Popen[bytes]"]:
        """Run a program of an unpacked package, until the end of the block."""
        unshare = (find_peer("unshare"), "--mount", "--propagation", "private")
        with self._output.open("ab") as output:
            process = subprocess.Popen(
                [*unshare, "sh", "-euc", _ENTER, "sh", self._place, package, *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
                start_new_session=True,
            )
        try:
            self._introduce(process)
            yield process
        except BaseException:
            print(self.text())  # noqa: T201 -- shown on failure
            raise
        finally:
            if process.poll() is None:
                process.terminate()  # itself, which lets the log be written first
                process.wait(START_SECONDS)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    def _introduce(self, process: "subprocess.Popen[bytes]") -> None:
        """Tell the new namespace which uids are its own."""
        assert process.stdin
        assert process.stdout
        with process.stdin, process.stdout:
            if not process.stdout.readline():
                raise RuntimeError(f"no namespace was made: {self.text()}")
            for kind in ("uid_map", "gid_map"):
                lines = f"0 {_FIRST_UID} {_UIDS}\n"
                Path(f"/proc/{process.pid}/{kind}").write_text(lines)
            process.stdin.write(b"\n")

    def _given(self, path: Path, owner: str, mode: int) -> Path:
        uid = _FIRST_UID + self._uids[owner]
        os.chown(path, uid, uid)
        path.chmod(mode)
        return path


def faster(package: Path, times: float) -> tuple[str, ...]:
    """Give what to put ahead of a command whose clocks are to run so much faster."""
    (library,) = package.glob("usr/lib/*/faketime/libfaketime.so.1")
    inside = Path("/") / library.relative_to(package)
    return "/usr/bin/env", f"LD_PRELOAD={inside}", f"FAKETIME=+0x{times:g}"
