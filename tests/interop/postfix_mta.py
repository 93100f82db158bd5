"""The Postfix that is installed, as one of the servers of the ring."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from exporter.demo.certificates import Kind, authority, issue
from tests.conftest import find_peer
from tests.interop.mta import Door, Mta, installed_version
from tests.interop.postfix import running_postfix

_NAME = "mail.test"


@contextmanager
def running_postfix_mta(place: Path, *, idle: float | None = None) -> Iterator[Mta]:
    """Run Postfix in an empty folder: STARTTLS at one port, TLS at once at another."""
    find_peer("postfix")
    issued = issue(Kind.GOOD, _NAME)
    chain = place / "chain.pem"
    chain.write_bytes(issued.key + issued.pem)
    settings = {
        "myhostname": _NAME,
        "mydestination": _NAME,
        "mynetworks": "",
        "smtpd_tls_chain_files": str(chain),
        "smtpd_tls_security_level": "may",
        **({} if idle is None else {"smtpd_timeout": f"{idle:.0f}s"}),
    }
    with running_postfix(place, settings) as postfix:
        yield Mta(
            name="Postfix",
            version=installed_version("postfix"),
            host=postfix.host,
            doors={Door.SMTP: postfix.port, Door.SUBMISSIONS: postfix.wrapped},
            certificate_for=_NAME,
            authority=authority(),
            user=None,
            password=None,
            refused=f"nobody-here@{_NAME}",
            log=lambda: postfix.log,
        )
