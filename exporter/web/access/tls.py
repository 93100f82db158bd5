"""TLS on our listeners: facts of a web config -> a context, and a client's names.

Holds what Python's TLS is told. Refuses to judge a file: what comes in was read and
judged together, so a context has the two halves of one pair or is not made.
"""

import ssl
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from ipaddress import ip_address
from typing import Any

from exporter.access import ClientAuth, TlsBound, TlsServer
from exporter.memory_file import memory_file

_VERSIONS = {
    TlsBound.TLS12: ssl.TLSVersion.TLSv1_2,
    TlsBound.TLS13: ssl.TLSVersion.TLSv1_3,
}
_VERIFY = {
    ClientAuth.NONE: ssl.CERT_NONE,
    ClientAuth.IF_GIVEN: ssl.CERT_OPTIONAL,
    ClientAuth.REQUIRED: ssl.CERT_REQUIRED,
}


class TlsRefused(Exception):
    """What OpenSSL does not take, such as a key that is too small; no octet of it."""


def server_context(tls: TlsServer) -> ssl.SSLContext:
    """Make the context that new connections are wrapped in.

    Raises TlsRefused.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _VERSIONS[tls.min_version]
    context.maximum_version = _VERSIONS[tls.max_version]
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    if tls.server_preference:
        context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    else:
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    context.set_alpn_protocols(["http/1.1"])
    try:
        if tls.ciphers:
            context.set_ciphers(":".join(tls.ciphers))
        if tls.curve:
            context.set_ecdh_curve(tls.curve)
        with ExitStack() as stack:
            chain, key = (
                stack.enter_context(memory_file(o)) for o in (tls.chain, tls.key)
            )
            # Without a password OpenSSL would ask the terminal for one.
            context.load_cert_chain(chain, key, password="")
        _ask_clients(context, tls)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        reason = getattr(error, "reason", None) or "it cannot be used"
        said = str(reason).replace("_", " ").lower()
        raise TlsRefused(
            f"OpenSSL does not take the certificate, its key or the authorities of "
            f"`tls_server_config`: {said}"
        ) from None
    return context


def _ask_clients(context: ssl.SSLContext, tls: TlsServer) -> None:
    context.verify_mode = _VERIFY[tls.client_auth]
    if tls.client_auth is ClientAuth.NONE:
        return
    with memory_file(tls.client_ca) as path:
        context.load_verify_locations(path)
    # As in Go, any certificate in the file is trusted, an intermediate one too.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    # Who was let in once is judged again: a session that is resumed shows no names.
    context.num_tickets = 0
    context.options |= ssl.OP_NO_TICKET


def allowed(certificate: Mapping[str, Any] | None, sans: tuple[str, ...]) -> bool:
    """Say whether a client's verified certificate has one of these names.

    It is spelt as `ssl.SSLSocket.getpeercert` gives it; no names allow everybody.
    """
    if not sans:
        return True
    names = (certificate or {}).get("subjectAltName", ())
    wanted = {*map(_spelt, sans)}
    return any(_spelt(name) in wanted for kind, name in names if kind in _KINDS)


_KINDS = frozenset({"DNS", "email", "URI", "IP Address"})


def _spelt(name: str) -> str:
    with suppress(ValueError):
        return str(ip_address(name))
    return name
