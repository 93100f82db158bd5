"""TLS in memory: two ends that hand each other octets."""

import ssl
import warnings
from collections.abc import Callable
from contextlib import nullcontext, suppress
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from exporter.demo.certificates import Kind, issue
from exporter.probe.encryption import Encryption, context_of
from exporter.smtp.exchange import Interrupted
from exporter.targets import Module
from exporter.vocabulary import Phase, Reason, TlsVersion

MODULE = Module(name="mx")
VERSIONS = pytest.mark.parametrize(
    "version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
)


class Server:
    """The other end."""

    def __init__(self, context: ssl.SSLContext) -> None:
        """Wait for a ClientHello."""
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)

    def hear(self, octets: bytes) -> bytes:
        """Take octets, go on with the handshake, and give what is to be sent."""
        self._incoming.write(octets)
        with suppress(ssl.SSLError):  # having to wait for more is one
            self.tls.do_handshake()
        return self._outgoing.read()

    def say(self, octets: bytes) -> bytes:
        """Encrypt octets."""
        self.tls.write(octets)
        return self._outgoing.read()

    def end(self) -> bytes:
        """Give a close_notify."""
        with pytest.raises(ssl.SSLWantReadError):
            self.tls.unwrap()
        return self._outgoing.read()


Contexts = Callable[..., ssl.SSLContext]
SPOKEN = [v for v in ssl.TLSVersion if v.name.startswith("TLSv")]


@pytest.fixture(scope="module")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> Contexts:
    """Make a server's context with a certificate of a kind."""
    folder = tmp_path_factory.mktemp("keys")

    def make(
        kind: Kind = Kind.GOOD, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
    ) -> ssl.SSLContext:
        path = folder / f"{kind.name}.pem"
        path.write_bytes(issue(kind).pem + issue(kind).key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        context.load_cert_chain(path)
        with warnings.catch_warnings():  # 1.0 and 1.1 are deprecated
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = min(version, ssl.TLSVersion.TLSv1_2)
            context.maximum_version = version
        return context

    return make


def shaken(context: ssl.SSLContext) -> tuple[Encryption, Server]:
    """Shake hands."""
    client = Encryption(context_of(MODULE), "mail.test")
    server = Server(context)
    client.shake()
    while not client.ready:
        client.shake(server.hear(client.outgoing()))
    client.decrypt(server.hear(client.outgoing()))  # with TLS 1.3, tickets
    return client, server


@VERSIONS
@pytest.mark.parametrize("kind", [Kind.GOOD, Kind.EXPIRED, Kind.WEAK_KEY, Kind.RSA])
def test_handshake(contexts: Contexts, kind: Kind, version: ssl.TLSVersion) -> None:
    """It is completed whatever the certificate says, and gives the chain as sent."""
    client, _ = shaken(contexts(kind, version))
    expected = {"TLSv1_2": "TLSv1.2", "TLSv1_3": "TLSv1.3"}[version.name]

    assert client.agreed.version == expected
    assert client.agreed.cipher
    assert client.agreed.chain == issue(kind).chain


@VERSIONS
def test_both_ways(contexts: Contexts, version: ssl.TLSVersion) -> None:
    """Octets arrive as they were, in pieces of records and in several at once."""
    client, server = shaken(contexts(version=version))
    record = server.say(b"220 hello\r\n")
    client.encrypt(b"QUIT\r\n")
    server.hear(client.outgoing())

    assert client.decrypt(record[:7]) == b""
    assert client.decrypt(record[7:] + server.say(b"221 ")) == b"220 hello\r\n221 "
    assert server.tls.read() == b"QUIT\r\n"


@VERSIONS
def test_close_notify(contexts: Contexts, version: ssl.TLSVersion) -> None:
    """A close_notify is seen, also behind octets, and nothing else is one."""
    client, server = shaken(contexts(version=version))

    assert client.close_notify is False
    assert client.decrypt(server.say(b"221 bye\r\n") + server.end()) == b"221 bye\r\n"
    assert client.close_notify is True


def test_end(contexts: Contexts) -> None:
    """Ours tells the server that nothing more is said."""
    client, server = shaken(contexts())
    client.end()
    server.hear(client.outgoing())

    assert server.tls.read() == b""


@pytest.mark.parametrize("said", [b"220 mx.test ESMTP\r\n", b"5", b"\0", b"\x18"])
def test_plaintext(said: bytes) -> None:
    """What does not begin as a TLS record does is plaintext, from the first octet."""
    client = Encryption(context_of(MODULE), None)
    client.shake()
    with pytest.raises(Interrupted) as caught:
        client.shake(said)

    assert caught.value.reason is Reason.PLAINTEXT


def test_alert() -> None:
    """An alert instead of a handshake is told in OpenSSL's words."""
    client = Encryption(context_of(MODULE), None)
    client.shake()
    with pytest.raises(Interrupted) as caught:
        client.shake(b"\x15\x03\x03\x00\x02\x02\x28")

    assert caught.value.reason is Reason.HANDSHAKE
    assert "handshake failure" in caught.value.detail


def test_min_version(contexts: Contexts) -> None:
    """A server below the lowest version that is spoken is refused, with an alert."""
    modern = Module(name="x", min_version=TlsVersion.TLS13)
    client = Encryption(context_of(modern), None)
    server = Server(contexts(version=ssl.TLSVersion.TLSv1_2))
    client.shake()
    with pytest.raises(Interrupted) as caught:
        client.shake(server.hear(client.outgoing()))

    assert caught.value.reason is Reason.HANDSHAKE


@pytest.mark.parametrize("lowest", TlsVersion)
@pytest.mark.parametrize(
    ("spoken", "name"),
    list(zip(SPOKEN, ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"), strict=True)),
)
def test_every_version(
    contexts: Contexts, lowest: TlsVersion, spoken: ssl.TLSVersion, name: str
) -> None:
    """Every version from the lowest on that the configuration names is spoken."""
    client = Encryption(context_of(Module(name="x", min_version=lowest)), "mail.test")
    server = Server(contexts(Kind.RSA, spoken))
    client.shake()
    refused = suppress(Interrupted) if SPOKEN.index(spoken) < _rank(lowest) else None
    with refused or nullcontext():
        while not client.ready:
            client.shake(server.hear(client.outgoing()))

    assert client.ready is not bool(refused)
    assert refused or client.agreed.version == name


def _rank(version: TlsVersion) -> int:
    return list(TlsVersion).index(version)


def test_refused_in_tls_1_3(contexts: Contexts) -> None:
    """An alert that comes first of all inside TLS is the handshake's failure."""
    context = contexts()
    context.verify_mode = ssl.CERT_REQUIRED
    client = Encryption(context_of(MODULE), None)
    server = Server(context)
    client.shake()
    client.shake(server.hear(client.outgoing()))
    assert client.ready
    with pytest.raises(Interrupted) as caught:
        client.decrypt(server.hear(client.outgoing()))

    assert caught.value.reason is Reason.HANDSHAKE
    assert caught.value.phase is Phase.TLS
    assert "certificate required" in caught.value.detail


def test_garbage(contexts: Contexts) -> None:
    """Octets that are no record of this session can be no reply."""
    client, server = shaken(contexts())
    client.decrypt(server.say(b"220 hello\r\n"))
    with pytest.raises(Interrupted) as caught:
        client.decrypt(b"\x17\x03\x03\x00\x20" + b"x" * 32)

    assert caught.value.reason is Reason.PROTOCOL_ERROR
    assert caught.value.phase is None


@given(st.binary(min_size=1, max_size=400), st.booleans())
def test_hostile_octets(octets: bytes, as_record: bool) -> None:
    """Whatever answers a ClientHello, it is a reason or a wait for more."""
    client = Encryption(context_of(MODULE), None)
    client.shake()
    said = b"\x16\x03\x03" + len(octets).to_bytes(2, "big") if as_record else b""
    try:
        client.shake(said + octets)
    except Interrupted as interrupted:
        assert interrupted.reason in {Reason.PLAINTEXT, Reason.HANDSHAKE}  # noqa: PT017 -- no exception is fine too
    assert not client.ready


def test_contexts_are_shared() -> None:
    """Modules that ask for the same have the same context."""
    one = context_of(Module(name="one"))

    assert context_of(Module(name="two")) is one
    assert context_of(Module(name="x", min_version=TlsVersion.TLS13)) is not one


def test_client_certificate(tmp_path: Path) -> None:
    """A client certificate is read again when its file has changed."""
    path = tmp_path / "client.pem"
    module = Module(name="c", cert_file=str(path), key_file=str(path))
    path.write_bytes(issue(Kind.CLIENT_ONLY).pem + issue(Kind.CLIENT_ONLY).key)
    first = context_of(module)
    again = context_of(module)
    path.write_bytes(issue(Kind.RSA).pem + issue(Kind.RSA).key)

    assert again is first
    assert context_of(module) is not first


def test_client_certificate_of_another_key(tmp_path: Path) -> None:
    """A certificate and a key that do not belong together are a ValueError."""
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    cert.write_bytes(issue(Kind.CLIENT_ONLY).pem)
    for kind in (Kind.GOOD, Kind.RSA):
        key.write_bytes(issue(kind).key)
        with pytest.raises(ValueError, match="the key is not that of the certificate"):
            context_of(Module(name="c", cert_file=str(cert), key_file=str(key)))


def test_client_key_that_is_encrypted(tmp_path: Path) -> None:
    """A key that needs a password is a ValueError, and nobody is asked for it."""
    path = tmp_path / "client.pem"
    key = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
    )
    path.write_bytes(issue(Kind.CLIENT_ONLY).pem + key)
    with pytest.raises(ValueError, match="the key is encrypted"):
        context_of(Module(name="c", cert_file=str(path), key_file=str(path)))


def test_client_certificate_that_is_gone(tmp_path: Path) -> None:
    """A client certificate that cannot be read is an OSError."""
    path = str(tmp_path / "none.pem")
    with pytest.raises(OSError, match="No such file"):
        context_of(Module(name="c", cert_file=path, key_file=path))
