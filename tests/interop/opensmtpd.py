"""OpenSMTPD as Debian ships it, with the lines of its own smtpd.conf.

It insists on being root, on two users of its own and on a folder to change its root to,
so it has a house (house.py). TLS it offers where it is given a certificate, as Debian's
smtpd.conf gives it none; no handshake with it succeeds (test_opensmtpd.py).

An idle session it ends after 300 s, a number that cannot be configured: where a test
wants fewer, its clock runs faster (libfaketime).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from exporter.demo.certificates import Kind, authority
from tests.interop.house import CERTIFICATE_FOR, House, faster
from tests.interop.listening import HOST, await_listener, free_ports
from tests.interop.mta import Door, Mta, unpacked, version

IDLE_SECONDS = 300

_USERS = ("opensmtpd", "opensmtpq")
_PLAIN = {Door.SMTP: ""}
_ENCRYPTED = {
    Door.SMTP: f"tls pki {CERTIFICATE_FOR}",
    Door.SUBMISSIONS: f"smtps pki {CERTIFICATE_FOR}",
}

_KEYS = f"""\
pki {CERTIFICATE_FOR} cert "/etc/ssl/mail.pem"
pki {CERTIFICATE_FOR} key "/etc/ssl/mail.key"
"""
_CONFIGURATION = f"""\
table aliases file:/etc/aliases
action "local" maildir alias <aliases>
action "relay" relay
match from any for domain "{CERTIFICATE_FOR}" action "local"
match for local action "local"
match from local for any action "relay"
"""


@contextmanager
def running_opensmtpd(
    place: Path, *, idle: float | None = None, certificate: Kind | None = None
) -> Iterator[Mta]:
    """Run OpenSMTPD in an empty folder; with a `certificate` it offers TLS."""
    package = unpacked("opensmtpd")
    listeners = _ENCRYPTED if certificate else _PLAIN
    doors = dict(zip(listeners, free_ports(len(listeners)), strict=True))
    house = _furnished(place)
    text = "".join(
        f"listen on {HOST} port {doors[door]} hostname {CERTIFICATE_FOR} {how}\n"
        for door, how in listeners.items()
    )
    if certificate:
        house.folder("/etc/ssl")
        house.certificate(certificate, "/etc/ssl/mail.pem", "/etc/ssl/mail.key", "root")
        text = f"{_KEYS}{text}"
    house.file("/etc/smtpd.conf", f"{text}{_CONFIGURATION}")
    clock = () if idle is None else faster(package, IDLE_SECONDS / idle)
    with house.running(package, (*clock, "/usr/sbin/smtpd", "-d")) as process:
        for port in doors.values():
            await_listener("OpenSMTPD", port, process)
        yield Mta(
            name="OpenSMTPD",
            version=version(package),
            host=HOST,
            doors=doors,
            certificate_for=CERTIFICATE_FOR,
            authority=authority(),
            user=None,
            password=None,
            refused=f"nobody-here@{CERTIFICATE_FOR}",
            log=house.text,
        )


def _furnished(place: Path) -> House:
    house = House(place, _USERS)
    house.folder("/var/run")
    house.folder("/var/lib/opensmtpd/empty")
    house.folder("/var/spool/smtpd", mode=0o711)
    house.file("/etc/aliases", "postmaster: root\n")
    return house
