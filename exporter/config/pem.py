"""The PEM files of a module: authorities, a client's certificate and its key.

Each is read once here, to be sure that TLS can use it, and dropped at once: it is read
anew when it is used. No sentence shows what a file holds, nor the path to it.
"""

import ssl
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_pem_x509_certificates

from exporter.config.complaint import Refusal
from exporter.config.paths import regular_file
from exporter.config.source import remedy_of

# A system's own trust has a quarter of a MiB; a wrong path (a log) is noticed.
MAX_PEM_OCTETS = 4 * 1024 * 1024

_OF_ANOTHER = "KEY_VALUES_MISMATCH"  # OpenSSL's word


def check_certificates(text: str, folder: Path) -> str:
    """Give the full path of a file if it holds certificates, one or more.

    Raises Refusal.
    """
    path = regular_file(text, folder, wanted="the certificates")
    judge_certificates(pem_octets(path))
    return str(path)


def judge_certificates(octets: bytes) -> None:
    """Refuse what holds no certificates in PEM. Raises Refusal."""
    try:
        load_pem_x509_certificates(octets)
    except ValueError:
        raise Refusal(
            "no certificates can be read from this file; it must hold them in PEM, "
            "each from `-----BEGIN CERTIFICATE-----` to its `-----END CERTIFICATE-----`"
        ) from None


def check_key(text: str, folder: Path) -> str:
    """Give the full path of a file if it holds a key that needs no password.

    Raises Refusal.
    """
    path = regular_file(text, folder, wanted="the key")
    judge_key(pem_octets(path))
    return str(path)


def judge_key(octets: bytes) -> None:
    """Refuse what holds no key in PEM that needs no password. Raises Refusal."""
    try:
        load_pem_private_key(octets, None)
    except TypeError:  # this is how the library says so
        raise Refusal(
            "this key is encrypted, and nobody is there to give its password; store "
            "it without one, as `openssl pkey -in KEY -out PLAIN` does"
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise Refusal(
            "no private key can be read from this file; it must hold one in PEM, "
            "from its `-----BEGIN` to its `-----END` line"
        ) from None


def check_pair(cert_file: str, key_file: str) -> None:
    """Refuse a certificate and a key of which TLS cannot make one identity.

    How strong they are is for the server to judge. Raises Refusal.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    try:
        # Without a password OpenSSL would ask the terminal for one.
        context.load_cert_chain(cert_file, key_file, password="")
    except OSError as error:  # ssl.SSLError is one
        if getattr(error, "reason", None) == _OF_ANOTHER:
            raise Refusal(
                "this key belongs to another certificate than the first in "
                "`cert_file`; give the two of one pair, the client's own first"
            ) from None
        raise Refusal(
            "TLS cannot use this key with the certificate in `cert_file`; give the "
            "two of one pair, of RSA, ECDSA or EdDSA"
        ) from None


def pem_octets(path: Path) -> bytes:
    """Read a file of PEM whole. Raises Refusal when it cannot be, or is too large."""
    try:
        with path.open("rb") as file:
            octets = file.read(MAX_PEM_OCTETS + 1)
    except OSError as error:
        raise Refusal(remedy_of(error)) from None
    if len(octets) > MAX_PEM_OCTETS:
        raise Refusal(f"the file is larger than {MAX_PEM_OCTETS} octets; is it PEM?")
    return octets
