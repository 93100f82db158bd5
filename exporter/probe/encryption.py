"""TLS without a socket: octets in, octets out, and what the two sides agreed on.

It holds one session of TLS over memory, so that whoever owns the socket sees every
octet: what came in the clear, close_notify, and TCP's own end. The handshake is
completed whatever the certificate says, at OpenSSL's security level 0, since a server
that is refused unseen cannot be told of; what it said is judged apart.

OpenSSL is the one that cryptography brings along, not the one of Python's ssl module
(docs/decisions/0016-openssl-of-cryptography.md).
"""

import os
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from OpenSSL import SSL, crypto
from OpenSSL._util import lib

from exporter.probe.door import decrypting, shaking
from exporter.smtp.exchange import Interrupted
from exporter.targets import Module
from exporter.vocabulary import Phase, Reason, TlsVersion

# What a TLS record begins with: change_cipher_spec, alert, handshake, application data.
_RECORD_TYPES = frozenset(range(0x14, 0x18))
_VERSIONS = {
    TlsVersion.TLS10: SSL.TLS1_VERSION,
    TlsVersion.TLS11: SSL.TLS1_1_VERSION,
    TlsVersion.TLS12: SSL.TLS1_2_VERSION,
    TlsVersion.TLS13: SSL.TLS1_3_VERSION,
}
_CIPHERS = b"DEFAULT:@SECLEVEL=0"
# Those of OpenSSL 3.0. From 3.5 on a key for ML-KEM comes first of all, made anew for
# each handshake: 70 us of its 500.
_GROUPS = b"X25519:P-256:X448:P-521:P-384:ffdhe2048:ffdhe3072:ffdhe4096"
# One for each client certificate and version in use; modules are few.
_KEPT_CONTEXTS = 64
# More than a usual reply, and than a flight of ours; what is longer takes more reads.
_READ_OCTETS = 4 * 1024


class Agreed(NamedTuple):
    """What a completed handshake came to."""

    version: str
    cipher: str
    chain: tuple[bytes, ...]  # DER, as sent: the leaf first


class Encryption:
    """One session of TLS, the client's side."""

    def __init__(self, context: SSL.Context, server_name: str | None) -> None:
        """Prepare; `server_name` goes into SNI, None sends none."""
        self._tls = SSL.Connection(context)
        if server_name:
            self._tls.set_tlsext_host_name(server_name.encode("idna"))
        self._tls.set_connect_state()
        self._answered = False
        self._spoken = False
        self.ready = False
        self.close_notify = False

    def shake(self, octets: bytes = b"") -> None:
        """Go on with the handshake; sets `ready` when it is complete.

        Raises Interrupted with plaintext or handshake.
        """
        if octets:
            if not self._answered and octets[0] not in _RECORD_TYPES:
                raise Interrupted(Reason.PLAINTEXT)
            self._answered = True
            self._tls.bio_write(octets)
        try:
            with shaking:
                self._tls.do_handshake()
        except SSL.WantReadError:
            return
        self.ready = True

    @property
    def agreed(self) -> Agreed:
        """Give what the handshake came to."""
        tls = self._tls
        chain = tls.get_peer_cert_chain() or ()
        return Agreed(
            tls.get_protocol_version_name(),
            tls.get_cipher_name() or "",
            tuple(crypto.dump_certificate(crypto.FILETYPE_ASN1, c) for c in chain),
        )

    def encrypt(self, octets: bytes) -> None:
        """Take octets to send; a session that TLS itself has ended takes them unsaid.

        What the server did is read next, as with plain TCP.
        """
        with suppress(SSL.Error):
            self._tls.send(octets)

    def decrypt(self, octets: bytes) -> bytes:
        """Take what arrived; gives the octets that it holds so far.

        Raises Interrupted with protocol_error for records that cannot be TLS; with
        handshake, of phase tls, for an alert ahead of the first octet: it is the
        server's answer to our part of a TLS 1.3 handshake (RFC 8446 section 4.4.2.4).
        """
        if octets:
            self._tls.bio_write(octets)
        plain = bytearray()
        try:
            with decrypting:
                while True:  # until there is no more, or no more will come
                    plain += self._tls.recv(_READ_OCTETS)
        except SSL.WantReadError:
            pass
        except SSL.ZeroReturnError:
            self.close_notify = True
        except Interrupted as interrupted:
            if not plain:
                raise self._refused(interrupted) from interrupted.__cause__
        self._spoken |= bool(plain)
        return bytes(plain)

    def _refused(self, interrupted: Interrupted) -> Interrupted:
        if self._spoken or "alert" not in interrupted.detail:
            return interrupted
        return Interrupted(Reason.HANDSHAKE, phase=Phase.TLS, detail=interrupted.detail)

    def end(self) -> None:
        """Say close_notify."""
        with suppress(SSL.Error):
            self._tls.shutdown()

    def outgoing(self) -> bytes:
        """Take the octets that are to be sent now."""
        octets = b""
        try:
            while len(octets) % _READ_OCTETS == 0:
                octets += self._tls.bio_read(_READ_OCTETS)
        except SSL.WantReadError:  # nothing more
            pass
        return octets


def context_of(module: Module) -> SSL.Context:
    """Give the context of a module, with its client certificate as it is now.

    Raises OSError or ValueError for a certificate that cannot be loaded.
    """
    if module.cert_file is None or module.key_file is None:
        return _context(module.min_version, None, None, ())
    marks = tuple(_mark(path) for path in (module.cert_file, module.key_file))
    return _context(module.min_version, module.cert_file, module.key_file, marks)


def _mark(path: str) -> tuple[int, int, int]:
    """Tell one content of a file from the next."""
    status = os.stat(path)  # noqa: PTH116 -- once for each probe; pathlib's costs more
    return status.st_mtime_ns, status.st_size, status.st_ino


@lru_cache(maxsize=_KEPT_CONTEXTS)
def _context(
    min_version: TlsVersion,
    cert_file: str | None,
    key_file: str | None,
    _marks: tuple[tuple[int, int, int], ...],
) -> SSL.Context:
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_verify(SSL.VERIFY_NONE)
    context.set_cipher_list(_CIPHERS)
    _agree_on(context, _GROUPS)
    context.set_min_proto_version(_VERSIONS[min_version])
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    if cert_file and key_file:
        _show(context, cert_file, key_file)
    return context


def _show(context: SSL.Context, cert_file: str, key_file: str) -> None:
    """Have the server shown a certificate when it asks for one."""
    leaf, *rest = x509.load_pem_x509_certificates(Path(cert_file).read_bytes())
    try:
        key = load_pem_private_key(Path(key_file).read_bytes(), password=None)
    except TypeError as error:
        raise ValueError("the key is encrypted") from error
    try:
        context.use_certificate(leaf)
        for certificate in rest:
            context.add_extra_chain_cert(certificate)
        context.use_privatekey(key)  # type: ignore[arg-type]  # another kind is a TypeError
        context.check_privatekey()
    except (SSL.Error, TypeError) as error:
        raise ValueError("the key is not that of the certificate") from error


def _agree_on(context: SSL.Context, groups: bytes) -> None:
    """Name the groups for key agreement, for which pyOpenSSL has no word of its own.

    Where a version of it hides OpenSSL's, the default serves, and takes longer.
    """
    name_them = getattr(lib, "SSL_CTX_set1_curves_list", None)
    if name_them:
        name_them(context._context, groups)
