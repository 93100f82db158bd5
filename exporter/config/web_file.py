"""A web config in exporter-toolkit's format -> `WebConfig`, or every complaint.

Holds its keys and what they need of each other, and reads the files that it names, so
that a certificate and its key are taken at one moment. Opens no socket.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_pem_x509_certificates

from exporter.access import ClientAuth, RateLimit, TlsBound, TlsServer, WebConfig
from exporter.config import web_words
from exporter.config.complaint import Complaints, Place, Refusal
from exporter.config.kinds import Flag, Span, Text, Whole
from exporter.config.paths import regular_file
from exporter.config.pem import judge_certificates, judge_key, pem_octets
from exporter.config.reader import Node, read
from exporter.config.source import read_text
from exporter.config.web_level import Each, Level, Named, walk

_TEXT = Text(str)
_TLS = Level(
    {
        "cert": _TEXT.read,
        "key": _TEXT.read,
        "client_ca": _TEXT.read,
        "cert_file": _TEXT.read,
        "key_file": _TEXT.read,
        "client_ca_file": _TEXT.read,
        "client_auth_type": web_words.client_auth,
        "client_allowed_sans": Each(web_words.san),
        "min_version": web_words.version,
        "max_version": web_words.version,
        "cipher_suites": Each(web_words.cipher),
        "prefer_server_cipher_suites": Flag().read,
        "curve_preferences": Each(web_words.curve),
    }
)
_ROOT = Level(
    {
        "tls_server_config": _TLS,
        "http_server_config": Level(
            {
                # HTTP/1.1 is spoken whatever this says; a client that offers HTTP/2
                # takes it, as it does where Go's server has no TLS.
                "http2": Flag().read,
                "headers": Level(
                    {name: web_words.Header(name).read for name in web_words.HEADERS}
                ),
            }
        ),
        "basic_auth_users": Named(web_words.user, web_words.bcrypt_hash),
        "rate_limit": Level(
            {"interval": Span("0s", "1d").read, "burst": Whole(0, 1_000_000).read}
        ),
    }
)
_SECTION = "tls_server_config"
_PAIR = (
    ("cert", "the certificates", judge_certificates),
    ("key", "the key", judge_key),
    ("client_ca", "the authorities", judge_certificates),
)


def load_web(path: Path) -> WebConfig:
    """Read a web config and the files that it names.

    Raises ConfigError with every complaint.
    """
    return parse_web(read_text(path, Complaints(path)), path=path)


def parse_web(text: str, *, path: Path) -> WebConfig:
    """Read a web config's text; relative paths begin at the folder of `path`.

    Raises ConfigError with every complaint.
    """
    complaints = Complaints(path)
    root = read(text, complaints)
    if root is None or root.value is None:
        return WebConfig(files=(path,))
    document = cast(dict[str, Any], walk(root, _ROOT, (), complaints))
    _check_rate(root, document.get("rate_limit", {}), complaints)
    laws = _TlsLaws(root, document.get(_SECTION, {}), path.parent, complaints)
    tls, files = laws.settle() if document.get(_SECTION) else (None, ())
    return complaints.settle(
        WebConfig(
            tls=tls,
            headers={
                name: value
                for name, value in _headers(document).items()
                if value  # blank unsets it
            },
            users=document.get("basic_auth_users", {}),
            rate_limit=_rate(document.get("rate_limit", {})),
            files=(path, *files),
        )
    )


def _headers(document: dict[str, Any]) -> dict[str, str]:
    headers = document.get("http_server_config", {}).get("headers", {})
    return cast(dict[str, str], headers)


def _rate(written: Mapping[str, Any]) -> RateLimit | None:
    interval, burst = written.get("interval"), written.get("burst")
    return RateLimit(interval=interval, burst=burst) if interval and burst else None


def _check_rate(root: Node, written: Mapping[str, Any], complaints: Complaints) -> None:
    entry = root.find("rate_limit")
    if entry and written.get("interval") and not written.get("burst"):
        complaints.add(
            "without a `burst` of at least 1 no request would ever be served",
            place=entry.place,
            path=("rate_limit",),
        )


class _TlsLaws:
    """What the keys of `tls_server_config` need of each other, and their files."""

    def __init__(
        self, root: Node, written: dict[str, Any], folder: Path, complaints: Complaints
    ) -> None:
        self._root = root
        self._written = written
        self._folder = folder
        self._complaints = complaints
        self._files: list[Path] = []
        self._sound = True

    def settle(self) -> tuple[TlsServer | None, tuple[Path, ...]]:
        """Give the facts, if there is nothing to complain about."""
        written = self._written
        octets = {name: self._octets(name, what, judge) for name, what, judge in _PAIR}
        for name in ("cert", "key"):
            if not octets[name] and self._sound:
                self._complain(
                    _SECTION,
                    f"TLS needs `{name}_file`, or `{name}` with the PEM itself",
                )
        self._check_versions()
        self._check_clients(octets["client_ca"])
        self._check_curves()
        if not self._sound:
            return None, ()
        self._check_pair(octets["cert"], octets["key"])
        curves = written.get("curve_preferences") or ("",)
        server = TlsServer(
            chain=octets["cert"], key=octets["key"], client_ca=octets["client_ca"]
        )
        given: dict[str, Any] = {
            "client_auth": written.get("client_auth_type"),
            "client_allowed_sans": written.get("client_allowed_sans"),
            "min_version": written.get("min_version"),
            "max_version": written.get("max_version"),
            "ciphers": written.get("cipher_suites"),
            "server_preference": written.get("prefer_server_cipher_suites"),
            "curve": curves[0],
        }
        known = {key: value for key, value in given.items() if value is not None}
        return replace(server, **known), tuple(self._files)

    def _octets(self, name: str, what: str, judge: Callable[[bytes], None]) -> bytes:
        """Give the PEM that is written here or in a file, the one that there is."""
        inline, file = self._written.get(name), self._written.get(f"{name}_file")
        if inline is not None and file is not None:
            self._complain(name, f"leave out this or `{name}_file`: both say it")
            return b""
        try:
            if file is not None:
                path = regular_file(file, self._folder, wanted=what)
                self._files.append(path)
                octets = pem_octets(path)
            elif inline is not None:
                octets = inline.encode()
            else:
                return b""
            judge(octets)
        except Refusal as refusal:
            self._complain(f"{name}_file" if file is not None else name, str(refusal))
            return b""
        return octets

    def _check_pair(self, chain: bytes, key: bytes) -> None:
        try:
            ours = load_pem_x509_certificates(chain)[0].public_key()
            same = ours == load_pem_private_key(key, None).public_key()
        except (ValueError, UnsupportedAlgorithm):  # a certificate of an odd key
            same = False
        if not same:
            at = "key_file" if "key_file" in self._written else "key"
            self._complain(
                at,
                "this key belongs to another certificate than the first in the chain",
            )

    def _check_versions(self) -> None:
        low = self._written.get("min_version")
        high = self._written.get("max_version")
        if (low, high) == (TlsBound.TLS13, TlsBound.TLS12):
            self._complain("max_version", "is older than `min_version`")
        if low is TlsBound.TLS13 and self._written.get("cipher_suites"):
            self._complain(
                "cipher_suites",
                "these are for TLS 1.2, which `min_version` rules out; leave this out",
            )

    def _check_clients(self, authorities: bytes) -> None:
        auth = self._written.get("client_auth_type", ClientAuth.NONE)
        if authorities and auth is ClientAuth.NONE:
            name = "client_ca" if "client_ca" in self._written else "client_ca_file"
            self._complain(
                name, "nobody is asked for a certificate; set `client_auth_type` too"
            )
        if auth not in {ClientAuth.NONE, None} and not authorities and self._sound:
            self._complain(
                "client_auth_type",
                "needs `client_ca_file`: without it, whoever has a certificate of any "
                "public authority would be let in",
            )
        if self._written.get("client_allowed_sans") and auth is not ClientAuth.REQUIRED:
            self._complain(
                "client_allowed_sans",
                "needs `client_auth_type: RequireAndVerifyClientCert`, or a client "
                "without a certificate would have no name to judge",
            )

    def _check_curves(self) -> None:
        if len(self._written.get("curve_preferences", ())) > 1:
            self._complain(
                "curve_preferences",
                "Python's TLS can set one curve only; write one, or leave this out "
                "for the defaults of OpenSSL",
            )

    def _complain(self, key: str, message: str) -> None:
        self._sound = False
        path = (_SECTION,) if key == _SECTION else (_SECTION, key)
        entry = self._root.find(*path) or self._root.find(_SECTION)
        place = entry.place if entry else Place(1, 1)
        self._complaints.add(message, place=place, path=path)
