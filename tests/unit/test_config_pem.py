"""The PEM files of a module are tried when the configuration is read."""

import os
import traceback
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from trustme import CA, KeyType

from exporter.config import ConfigError, parse
from exporter.config import pem as config_pem
from exporter.targets import Module

AUTHORITY = CA()
CLIENT = AUTHORITY.issue_cert("probe.example.com")
OTHER = AUTHORITY.issue_cert("other.example.com")
CERTIFICATE = b"".join(pem.bytes() for pem in CLIENT.cert_chain_pems)
KEY = CLIENT.private_key_pem.bytes()
OTHER_KEY = OTHER.private_key_pem.bytes()


def encrypted(form: PrivateFormat) -> bytes:
    key = load_pem_private_key(KEY, None)
    return key.private_bytes(Encoding.PEM, form, BestAvailableEncryption(b"hidden"))


def module(keys: str, folder: Path) -> Module:
    text = f"modules: {{x: {{tls: implicit, {keys}}}}}\ntargets: [a]"
    return parse(text, path=folder / "config.yaml").modules["x"]


def complaint(keys: str, folder: Path) -> str:
    with pytest.raises(ConfigError) as raised:
        module(keys, folder)
    (only,) = raised.value.complaints
    shown = "".join(traceback.format_exception(raised.value)) + repr(only)
    assert KEY.decode().splitlines()[1] not in shown
    return f"{only.path}: {only.message}"


PAIR = "cert_file: client.pem, key_file: client.key"


class TestAuthorities:
    """`ca_file`."""

    @pytest.mark.parametrize(
        "octets",
        [
            AUTHORITY.cert_pem.bytes(),
            AUTHORITY.cert_pem.bytes() * 3,
            b"# of our own\n\n" + AUTHORITY.cert_pem.bytes(),
            AUTHORITY.cert_pem.bytes().replace(b"\n", b"\r\n"),
        ],
    )
    def test_good(self, octets: bytes, tmp_path: Path) -> None:
        """One certificate or more, whatever stands between them; the path is whole."""
        (tmp_path / "ca.pem").write_bytes(octets)
        read = module("ca_file: ca.pem", tmp_path)
        assert read.ca_file == str(tmp_path / "ca.pem")

    @pytest.mark.parametrize(
        "octets",
        [
            *(b"", b"\n", KEY, b"\xff\x00", AUTHORITY.cert_pem.bytes()[:-40]),
            AUTHORITY.cert_pem.bytes().replace(b"MII", b"MIJ"),
        ],
    )
    def test_bad(self, octets: bytes, tmp_path: Path) -> None:
        """Whatever holds no certificate, or half of one, is told at once."""
        (tmp_path / "ca.pem").write_bytes(octets)
        said = complaint("ca_file: ca.pem", tmp_path)
        assert said.startswith("modules.x.ca_file: no certificates can be read")

    def test_too_large(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A file over the limit is refused before it is understood."""
        monkeypatch.setattr(config_pem, "MAX_PEM_OCTETS", 10)
        (tmp_path / "ca.pem").write_bytes(AUTHORITY.cert_pem.bytes())
        assert "larger than 10 octets" in complaint("ca_file: ca.pem", tmp_path)

    def test_not_regular(self, tmp_path: Path) -> None:
        """A pipe is not waited for."""
        os.mkfifo(tmp_path / "ca.pem")
        assert "not a regular file" in complaint("ca_file: ca.pem", tmp_path)

    def test_not_readable(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A file of somebody else's is told with its remedy."""
        (tmp_path / "ca.pem").write_bytes(AUTHORITY.cert_pem.bytes())

        def fail(*_arguments: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "open", fail)
        assert ") may not read it" in complaint("ca_file: ca.pem", tmp_path)


class TestClient:
    """`cert_file` and `key_file`."""

    @pytest.mark.parametrize("key_type", list(KeyType))
    def test_good(self, key_type: KeyType, tmp_path: Path) -> None:
        """A certificate and its key, of RSA or ECDSA, are kept by their full paths."""
        client = AUTHORITY.issue_cert("probe.example.com", key_type=key_type)
        client.cert_chain_pems[0].write_to_path(tmp_path / "client.pem")
        client.private_key_pem.write_to_path(tmp_path / "client.key")
        read = module(PAIR, tmp_path)
        assert read.cert_file == str(tmp_path / "client.pem")
        assert read.key_file == str(tmp_path / "client.key")

    def test_in_one_file(self, tmp_path: Path) -> None:
        """Both may stand in one file, which is then named twice."""
        (tmp_path / "both.pem").write_bytes(KEY + CERTIFICATE)
        read = module("cert_file: both.pem, key_file: both.pem", tmp_path)
        assert read.cert_file == read.key_file == str(tmp_path / "both.pem")

    def test_of_two_pairs(self, tmp_path: Path) -> None:
        """A key of another certificate is told before the first handshake."""
        (tmp_path / "client.pem").write_bytes(CERTIFICATE)
        (tmp_path / "client.key").write_bytes(OTHER_KEY)
        said = complaint(PAIR, tmp_path)
        assert said.startswith("modules.x.key_file: this key belongs to another")

    def test_a_key_beside_no_certificate(self, tmp_path: Path) -> None:
        """Where the certificate cannot be read, nothing is said of its key."""
        (tmp_path / "client.pem").write_bytes(KEY)
        (tmp_path / "client.key").write_bytes(OTHER_KEY)
        assert complaint(PAIR, tmp_path).startswith("modules.x.cert_file: no cert")

    def test_in_the_wrong_order(self, tmp_path: Path) -> None:
        """The client's own certificate comes first in its file."""
        authority = AUTHORITY.cert_pem.bytes()
        (tmp_path / "client.pem").write_bytes(authority + CERTIFICATE)
        (tmp_path / "client.key").write_bytes(KEY)
        assert "the client's own first" in complaint(PAIR, tmp_path)

    @pytest.mark.parametrize(
        "form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL]
    )
    def test_an_encrypted_key(self, form: PrivateFormat, tmp_path: Path) -> None:
        """A key that needs a password is refused with what to do about it."""
        (tmp_path / "client.pem").write_bytes(CERTIFICATE)
        (tmp_path / "client.key").write_bytes(encrypted(form))
        said = complaint(PAIR, tmp_path)
        assert said.startswith("modules.x.key_file: this key is encrypted")
        assert "openssl pkey" in said

    @pytest.mark.parametrize("octets", [b"", CERTIFICATE, KEY[:-40], KEY[10:], b"\xff"])
    def test_no_key(self, octets: bytes, tmp_path: Path) -> None:
        """Whatever holds no key, or half of one, is told at once, and not shown."""
        (tmp_path / "client.pem").write_bytes(CERTIFICATE)
        (tmp_path / "client.key").write_bytes(octets)
        said = complaint(PAIR, tmp_path)
        assert said.startswith("modules.x.key_file: no private key can be read")

    def test_a_key_of_no_use(self, tmp_path: Path) -> None:
        """A key that signs nothing can be nobody's identity in TLS."""
        key = X25519PrivateKey.generate()
        (tmp_path / "client.pem").write_bytes(CERTIFICATE)
        (tmp_path / "client.key").write_bytes(
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        )
        assert "TLS cannot use this key" in complaint(PAIR, tmp_path)

    def test_a_key_written_into_the_configuration(self, tmp_path: Path) -> None:
        """Who writes the key itself, doesn't find it in a complaint."""
        (tmp_path / "client.pem").write_bytes(CERTIFICATE)
        written = KEY.decode().replace("\n", "\\n")
        said = complaint(f'cert_file: client.pem, key_file: "{written}"', tmp_path)
        assert "control characters" in said
