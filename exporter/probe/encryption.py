"""TLS without a socket: octets in, octets out, and what the two sides agreed on.

It holds one session of TLS over memory (`ssl.MemoryBIO`), so that whoever owns the
socket sees every octet: what came in the clear, close_notify, and TCP's own end. The
handshake is completed whatever the certificate says, at OpenSSL's security level 0,
since a server that is refused unseen cannot be told of; what it said is judged apart.
"""

import os
import ssl
import sys
import warnings
from functools import lru_cache
from typing import NamedTuple

from exporter.probe.door import decrypting, shaking
from exporter.smtp.exchange import Interrupted
from exporter.targets import Module
from exporter.vocabulary import Phase, Reason, TlsVersion

# What a TLS record begins with: change_cipher_spec, alert, handshake, application data.
_RECORD_TYPES = frozenset(range(0x14, 0x18))
_VERSIONS = {
    TlsVersion.TLS10: ssl.TLSVersion.TLSv1,
    TlsVersion.TLS11: ssl.TLSVersion.TLSv1_1,
    TlsVersion.TLS12: ssl.TLSVersion.TLSv1_2,
    TlsVersion.TLS13: ssl.TLSVersion.TLSv1_3,
}
_CIPHERS = "DEFAULT:@SECLEVEL=0"
# One for each client certificate and version in use; modules are few.
_KEPT_CONTEXTS = 64
# More than one record's content (RFC 8446 section 5.1), so that one read takes all.
_READ_OCTETS = 32 * 1024


class Agreed(NamedTuple):
    """What a completed handshake came to."""

    version: str
    cipher: str
    chain: tuple[bytes, ...]  # DER, as sent: the leaf first


class Encryption:
    """One session of TLS, the client's side."""

    def __init__(self, context: ssl.SSLContext, server_name: str | None) -> None:
        """Prepare; `server_name` goes into SNI, None sends none."""
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(
            self._incoming, self._outgoing, server_hostname=server_name
        )
        self._answered = False
        self._spoken = False
        self.ready = False
        self.close_notify = False

    def shake(self, octets: bytes = b"") -> None:
        """Go on with the handshake; sets `ready` when it is complete.

        Raises Interrupted with plaintext or handshake.
        """
        if octets and not self._answered:
            if octets[0] not in _RECORD_TYPES:
                raise Interrupted(Reason.PLAINTEXT)
            self._answered = True
        self._incoming.write(octets)
        try:
            with shaking:
                self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return
        self.ready = True

    @property
    def agreed(self) -> Agreed:
        """Give what the handshake came to."""
        name = self._tls.cipher()
        return Agreed(
            self._tls.version() or "", name[0] if name else "", sent_chain(self._tls)
        )

    def encrypt(self, octets: bytes) -> None:
        """Take octets to send; a session that TLS itself has ended takes them unsaid.

        What the server did is read next, as with plain TCP.
        """
        try:
            self._tls.write(octets)
        except ssl.SSLError:
            return

    def decrypt(self, octets: bytes) -> bytes:
        """Take what arrived; gives the octets that it holds so far.

        Raises Interrupted with protocol_error for records that cannot be TLS; with
        handshake, of phase tls, for an alert ahead of the first octet: it is the
        server's answer to our part of a TLS 1.3 handshake (RFC 8446 section 4.4.2.4).
        """
        self._incoming.write(octets)
        plain = bytearray()
        try:
            with decrypting:
                while more := self._tls.read(_READ_OCTETS):
                    plain += more
            self.close_notify = True
        except ssl.SSLWantReadError:
            pass
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
        try:
            self._tls.unwrap()
        except ssl.SSLError:
            return

    def outgoing(self) -> bytes:
        """Take the octets that are to be sent now."""
        return self._outgoing.read()


def sent_chain(tls: ssl.SSLObject) -> tuple[bytes, ...]:
    """Give the certificates that the server sent, in DER, whatever they are worth.

    Public since Python 3.13; before that, by the object that the public one wraps,
    which is the same one in both closed versions.
    """
    if sys.version_info >= (3, 13):
        return tuple(tls.get_unverified_chain())
    chain = tls._sslobj.get_unverified_chain() or ()  # type: ignore[attr-defined]  # what SSLObject wraps
    return tuple(c.public_bytes(_DER) for c in chain)


_DER = 2  # of _ssl.Certificate.public_bytes; OpenSSL calls it ENCODING_DER


def context_of(module: Module) -> ssl.SSLContext:
    """Give the context of a module, with its client certificate as it is now.

    Raises OSError (ssl.SSLError is one) for a certificate that cannot be loaded.
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
) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers(_CIPHERS)
    with warnings.catch_warnings():  # 1.0 and 1.1 are deprecated, and asked for
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = _VERSIONS[min_version]
    if cert_file:
        context.load_cert_chain(cert_file, key_file, password=_no_password)
    return context


def _no_password() -> str:
    """Answer for a key that is encrypted; without this OpenSSL asks the terminal."""
    raise ValueError("the key is encrypted")
