"""What a scripted server's TLS is set to: certificate, version, whom it lets in.

Holds one context for each set of options, built when it is first asked for. Refuses to
be strict: OpenSSL's security level is 0, since weak servers are played as well. What a
client asked for by SNI is kept with its session, and judged elsewhere.
"""

import ssl
import warnings
from functools import cache
from typing import NamedTuple

from exporter.demo.certificates import Kind, authority, issue
from exporter.memory_file import memory_file

_CIPHERS = "DEFAULT:@SECLEVEL=0"


class Asked(NamedTuple):
    """The name that a ClientHello asked for by SNI; None when it had none."""

    name: str | None


class ServerSide(ssl.SSLObject):
    """A session, the server's side."""

    asked: Asked | None = None  # until a ClientHello was understood


class Options(NamedTuple):
    """What one server does in TLS."""

    kind: Kind = Kind.GOOD
    name: str = "mail.test"
    otherwise: Kind | None = None  # for a client that did not ask for `name` by SNI
    version: ssl.TLSVersion | None = None  # this one only; None: 1.2 and above
    client_certificate: bool = False  # one of our authority's is demanded


@cache
def server_context(options: Options) -> ssl.SSLContext:
    """Give the context of these options, the same one each time.

    The first time takes as long as the certificate: up to 0.2 s for RSA.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.sslobject_class = ServerSide
    context.set_ciphers(_CIPHERS)
    if options.version is not None:
        _speak_only(options.version, context)
    if options.client_certificate:
        context.load_verify_locations(cadata=authority().decode("ascii"))
        context.verify_mode = ssl.CERT_REQUIRED
    _load(options.otherwise or options.kind, options.name, context)
    named = (
        server_context(options._replace(otherwise=None)) if options.otherwise else None
    )

    def keep(tls: ssl.SSLObject, asked: str | None, _: ssl.SSLContext) -> None:
        if isinstance(tls, ServerSide):
            tls.asked = Asked(asked)
        if named and asked == options.name:
            tls.context = named

    context.sni_callback = keep
    return context


def _speak_only(version: ssl.TLSVersion, context: ssl.SSLContext) -> None:
    # 1.0 and 1.1 are deprecated, and played all the same.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = version
        context.maximum_version = version


def _load(kind: Kind, name: str, context: ssl.SSLContext) -> None:
    """Load chain and key, which OpenSSL takes from a file only."""
    issued = issue(kind, name)
    with memory_file(issued.key + issued.pem) as path:
        context.load_cert_chain(path)
