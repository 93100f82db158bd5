"""Postfix with postscreen in front, as its manual has it: new clients have to wait.

postscreen has the port. It says the first line of a greeting and waits whether the
client speaks too early; who kept silent is handed to an smtpd, which greets him whole,
and is remembered: his next session begins there at once.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from exporter.demo.certificates import Kind, authority, issue
from tests.interop.mta import Door, Mta, installed_version
from tests.interop.postfix import Postfix, running_postfix

NAME = "mail.test"
GREET_WAIT = 2.0

_SERVICES = """\
127.0.0.1:{port} inet n - n - 1 postscreen
smtpd pass - - n - - smtpd
tlsproxy unix - - n - 0 tlsproxy
"""
_SETTINGS = {
    "myhostname": NAME,
    # Nobody is let through for where he comes from, or the tests would see nothing.
    "postscreen_access_list": "",
    "postscreen_greet_wait": f"{GREET_WAIT:g}s",
    "postscreen_greet_action": "enforce",
    "smtpd_tls_security_level": "may",
    "smtpd_tls_loglevel": "1",
    "smtpd_relay_restrictions": "reject_unauth_destination",
}


@contextmanager
def screened_postfix(
    place: Path, settings: Mapping[str, str] | None = None
) -> Iterator[Postfix]:
    """Run both in an empty folder; `settings` are lines of main.cf."""
    certificate = issue(Kind.GOOD, NAME)
    chain = place / "chain.pem"
    chain.write_bytes(certificate.key + certificate.pem)
    lines = {**_SETTINGS, "smtpd_tls_chain_files": str(chain), **(settings or {})}
    with running_postfix(place, lines, _SERVICES) as postfix:
        yield postfix


@contextmanager
def running_postscreen(place: Path, *, idle: float | None = None) -> Iterator[Mta]:
    """Run it as a server among others."""
    settings = {} if idle is None else {"smtpd_timeout": f"{idle:.0f}s"}
    with screened_postfix(place, settings) as postfix:
        yield Mta(
            name="Postfix postscreen",
            version=installed_version("postfix"),
            host=postfix.host,
            doors={Door.SMTP: postfix.port},
            certificate_for=NAME,
            authority=authority(),
            user=None,
            password=None,
            refused="nobody@elsewhere.test",
            log=lambda: postfix.log,
        )
