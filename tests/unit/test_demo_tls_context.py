"""A scripted server's TLS is set up once for its options, and leaves no file."""

import ssl
import tempfile
from pathlib import Path

import pytest

from exporter.demo.certificates import Kind
from exporter.demo.tls_context import Options, server_context


def test_built_once() -> None:
    """The same options have the same context, and others have another."""
    context = server_context(Options(Kind.GOOD))

    assert server_context(Options(Kind.GOOD, "mail.test")) is context
    assert server_context(Options(Kind.GOOD, "mx.test")) is not context


def test_no_key_remains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What OpenSSL takes the key from is gone afterwards."""
    load, paths = ssl.SSLContext.load_cert_chain, []

    def watched(context: ssl.SSLContext, file: str) -> None:
        paths.append(Path(file))
        load(context, file)

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", watched)
    server_context.__wrapped__(Options())

    assert [path.exists() for path in paths] == [False]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", Kind)
def test_every_kind(kind: Kind) -> None:
    """A server can be given any kind of certificate, weak ones too."""
    assert isinstance(server_context(Options(kind)), ssl.SSLContext)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_3])
def test_one_version(version: ssl.TLSVersion) -> None:
    """A server that speaks one version speaks no other."""
    context = server_context(Options(version=version))

    assert context.minimum_version == version
    assert context.maximum_version == version


def test_client_certificate() -> None:
    """A client's certificate is demanded only where the options say so."""
    demanding = server_context(Options(client_certificate=True))

    assert demanding.verify_mode is ssl.CERT_REQUIRED
    assert demanding.cert_store_stats()["x509_ca"] == 1
    assert server_context(Options()).verify_mode is ssl.CERT_NONE
