"""Dovecot as Debian ships it: submission, which it hands to a relay, and LMTP.

It looks for its modules and programs where its packages put them, and for two users of
its own, so it has a house (house.py). After how long it ends an idle session is
compiled in: where a test wants less, the clocks of the services run faster.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from string import Template

from exporter.demo.certificates import Kind, authority
from exporter.demo.session import Session
from tests.e2e.scripted import scripted_server
from tests.interop.house import CERTIFICATE_FOR, House, faster
from tests.interop.listening import HOST, await_listener, free_ports
from tests.interop.mta import Door, Mta, unpacked, version

# After how many seconds each service ends an idle session.
IDLE_SECONDS = {"submission-login": 180.0, "submission": 600.0, "lmtp": 300.0}

_LOGIN, _PASSWORD = f"user@{CERTIFICATE_FOR}", "correct horse"
_REFUSED = f"nobody-here@{CERTIFICATE_FOR}"
_DOORS = (Door.SUBMISSION, Door.SUBMISSIONS, Door.LMTP)
_USERS = ("dovecot", "dovenull", "vmail")

_CONFIGURATION = Template("""\
protocols = submission lmtp
listen = $host
hostname = $name
base_dir = /var/run/dovecot
log_path = /var/log/dovecot.log
ssl = required
ssl_cert = </etc/dovecot/chain.pem
ssl_key = </etc/dovecot/key.pem
auth_mechanisms = plain login
passdb {
  driver = passwd-file
  args = scheme=PLAIN username_format=%u /etc/dovecot/users
}
userdb {
  driver = passwd-file
  args = username_format=%u /etc/dovecot/users
}
mail_location = maildir:~/mail
first_valid_uid = $uid
submission_relay_host = $host
submission_relay_port = $relay
service submission-login {
  executable = $login
  inet_listener submission {
    port = $submission
  }
  inet_listener submissions {
    port = $submissions
    ssl = yes
  }
}
service submission {
  executable = $submitter
}
service lmtp {
  executable = $deliverer
  inet_listener lmtp {
    port = $lmtp
  }
}
service anvil {
  # Or each refused AUTH makes whoever comes from the same address wait longer.
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
""")


@contextmanager
def running_dovecot(place: Path, *, idle: float | None = None) -> Iterator[Mta]:
    """Run Dovecot in an empty folder."""
    package = unpacked("dovecot")
    doors = dict(zip(_DOORS, free_ports(len(_DOORS)), strict=True))
    programs = {name: _program(package, name, idle) for name in IDLE_SECONDS}
    with scripted_server((_Relay(),)) as relay:
        house = _furnished(place, doors, programs, relay)
        with house.running(package, ("/usr/sbin/dovecot", "-F")) as process:
            for port in doors.values():
                await_listener("Dovecot", port, process)
            yield Mta(
                name="Dovecot",
                version=version(package),
                host=HOST,
                doors=doors,
                certificate_for=CERTIFICATE_FOR,
                authority=authority(),
                user=_LOGIN,
                password=_PASSWORD,
                refused=_REFUSED,
                log=lambda: house.text("/var/log/dovecot.log"),
            )


def _furnished(
    place: Path, doors: Mapping[Door, int], programs: Mapping[str, str], relay: int
) -> House:
    house = House(place, _USERS)
    house.folder("/etc/dovecot")
    house.folder("/var/run/dovecot")
    house.folder("/var/lib/dovecot")
    house.folder("/var/mail", "vmail")
    house.certificate(
        Kind.GOOD, "/etc/dovecot/chain.pem", "/etc/dovecot/key.pem", "root"
    )
    uid = house.uid("vmail")
    account = f"{_LOGIN}:{_PASSWORD}:{uid}:{uid}::/var/mail\n"
    house.file("/etc/dovecot/users", account, "dovecot", 0o400)
    text = _CONFIGURATION.substitute(
        host=HOST,
        name=CERTIFICATE_FOR,
        relay=relay,
        uid=uid,
        login=programs["submission-login"],
        submitter=programs["submission"],
        deliverer=programs["lmtp"],
        **{str(door): port for door, port in doors.items()},
    )
    house.file("/etc/dovecot/dovecot.conf", text)
    return house


def _program(package: Path, name: str, idle: float | None) -> str:
    """Give what is to be run: a service, by a clock of its own where a test asks."""
    clock = () if idle is None else faster(package, IDLE_SECONDS[name] / idle)
    return " ".join((*clock, f"/usr/lib/dovecot/{name}"))


@dataclass(frozen=True, slots=True)
class _Relay:
    """A relay that takes whatever it is told, save one recipient."""

    async def play(self, session: Session) -> None:
        """Answer each command, QUIT the last."""
        await session.say(b"220 relay.test ESMTP\r\n")
        while (line := await session.command()) is not None:
            await session.say(_answer(line))
            if line == b"QUIT":
                return


_ANSWERS = {
    b"EHLO": b"250-relay.test\r\n250-PIPELINING\r\n250 8BITMIME\r\n",
    b"QUIT": b"221 2.0.0 Bye\r\n",
}


def _answer(line: bytes) -> bytes:
    if line.startswith(f"RCPT TO:<{_REFUSED}>".encode()):
        return b"550 5.1.1 no such user\r\n"
    return _ANSWERS.get(line.split(b" ")[0], b"250 2.0.0 Ok\r\n")
