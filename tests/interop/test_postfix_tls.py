"""Postfix with TLS: STARTTLS and wrapped, behind an intermediate, as it logs us."""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from exporter.outcome import Failure, Outcome
from exporter.targets import Module
from exporter.tls.facts import read_certificate
from exporter.vocabulary import Close, Phase, Policy, Reason, TlsMode
from tests.interop.conftest import StartPostfix
from tests.interop.postfix import Postfix
from tests.interop.probing import probed_at

NAME = "mx.postfix.test"


@dataclass
class Secured:
    """A Postfix with a certificate, and the modules that probe it."""

    postfix: Postfix
    starttls: Module
    wrapped: Module
    leaf: bytes  # PEM

    def probed(self, module: Module) -> Outcome:
        """Probe it once, on the port that goes with the module."""
        implicit = module.tls is TlsMode.IMPLICIT
        port = self.postfix.wrapped if implicit else self.postfix.port
        return probed_at(self.postfix.host, port, module)


@pytest.fixture
def secured(start_postfix: StartPostfix, tmp_path: Path) -> Secured:
    """Run Postfix with a certificate of an intermediate of an authority of ours."""
    root = trustme.CA()
    issued = root.create_child_ca().issue_cert(NAME)
    chain, ca_file = tmp_path / "chain.pem", tmp_path / "ca.pem"
    issued.private_key_and_cert_chain_pem.write_to_path(str(chain))
    root.cert_pem.write_to_path(str(ca_file))
    postfix = start_postfix(
        {
            "smtpd_tls_chain_files": str(chain),
            "smtpd_tls_security_level": "may",
            "smtpd_tls_loglevel": "1",
        }
    )
    starttls = Module(
        name="submission",
        tls=TlsMode.REQUIRED,
        verify=Policy.ENFORCE,
        tls_server_name=NAME,
        ca_file=str(ca_file),
    )
    wrapped = replace(starttls, name="submissions", tls=TlsMode.IMPLICIT)
    leaf = issued.cert_chain_pems[0].bytes()
    return Secured(postfix, starttls, wrapped, leaf)


@pytest.mark.parametrize("way", ["starttls", "wrapped"])
def test_verified(secured: Secured, way: str) -> None:
    """The chain is verified, the session clean, and Postfix complains of nothing."""
    outcomes = [secured.probed(getattr(secured, way)) for _ in range(10)]

    for outcome in outcomes:
        assert outcome.failure is None
        assert outcome.close is Close.CLEAN
        assert outcome.quirks == frozenset()
        assert outcome.tls_close_notify is True
        assert outcome.tls is not None
        assert outcome.tls.verified is True
        assert outcome.tls.version == "TLSv1.3"
        assert outcome.tls.certificate is not None
        assert outcome.tls.certificate.names == (NAME,)
        assert outcome.tls.certificate == read_certificate(_der(secured.leaf))
    ends = secured.postfix.logged(r"disconnect from \S+ (.*)", 10)
    commands = {
        "starttls": "ehlo=2 starttls=1 quit=1 commands=4",
        "wrapped": "ehlo=1 quit=1 commands=2",
    }
    assert ends == [commands[way]] * 10
    for complaint in ("lost connection", "SSL_accept error", "warning", "pipelining"):
        assert complaint not in secured.postfix.log


def _der(pem: bytes) -> bytes:
    return x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)


@pytest.mark.parametrize("way", ["starttls", "wrapped"])
def test_refused(secured: Secured, way: str) -> None:
    """A server of another name hears QUIT inside TLS, and logs no complaint."""
    module = replace(getattr(secured, way), tls_server_name="other.test")
    outcome = secured.probed(module)

    assert outcome.failure == Failure(Phase.TLS, Reason.NAME_MISMATCH)
    assert outcome.close is Close.CLEAN
    (end,) = secured.postfix.logged(r"disconnect from \S+ (.*)")
    assert end.endswith("quit=1 commands=" + ("3" if way == "starttls" else "1"))
    for complaint in ("lost connection", "SSL_accept error", "warning"):
        assert complaint not in secured.postfix.log


def test_reported(secured: Secured) -> None:
    """A chain that nobody vouches for is told of, and the session has its 221."""
    module = replace(secured.starttls, verify=Policy.REPORT, ca_file=None)
    outcome = secured.probed(module)

    assert outcome.success
    assert outcome.tls is not None
    assert outcome.tls.verified is False
    assert outcome.tls.problems == {Reason.UNTRUSTED}
    assert outcome.tls.certificate is not None
    assert outcome.code(Phase.EHLO_TLS) == 250
    assert outcome.quit_code == 221


def test_plain_on_the_wrapped_port(secured: Secured) -> None:
    """A plain probe of the wrapped port waits for a greeting that cannot come."""
    limits = replace(secured.starttls.timeouts, greeting=0.5)
    plain = Module(name="mx", timeouts=limits)
    outcome = probed_at(secured.postfix.host, secured.postfix.wrapped, plain)

    assert outcome.failure == Failure(Phase.GREETING, Reason.TIMEOUT)


def test_tls_on_the_plain_port(secured: Secured) -> None:
    """A TLS probe of the plain port is answered in the clear."""
    outcome = probed_at(secured.postfix.host, secured.postfix.port, secured.wrapped)

    assert outcome.failure == Failure(Phase.TLS, Reason.PLAINTEXT)
