"""Whom a probe believes: the authorities of the system, or those of a `ca_file`.

Holds the loaded authorities and what was found of chains lately, for as long as time
alone cannot change it. Refuses to judge: that is done in tls/, of which this is the
memory. It is for one thread.
"""

import hashlib
import os
import re
import ssl
import stat
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Self

from OpenSSL import crypto

from exporter.outcome import Certificate
from exporter.tls.facts import Unreadable, chain_not_after, read_certificate
from exporter.tls.verdict import Authorities, judge
from exporter.vocabulary import Reason

# One process takes ten thousand targets, and each has a name and a chain.
MAX_KEPT = 16384
# The servers behind one name are few. A server that sends a new chain each time fills
# the places of its own name, and pushes nobody else out.
MAX_KEPT_OF_NAME = 32

# A system's own trust has a quarter of a MiB; a wrong path (a log) is noticed.
MAX_PEM_OCTETS = 4 * 1024 * 1024
_PEM = re.compile(
    rb"-----BEGIN (?:X509 )?CERTIFICATE-----[^-]*"
    rb"-----END (?:X509 )?CERTIFICATE-----\n?"
)
# How a directory of authorities names its files (openssl-rehash).
_HASHED = re.compile(r"[0-9a-f]{8}\.[0-9]+")


class TrustError(Exception):
    """Authorities that cannot be loaded; a sentence for people, without a path."""


class Examined(NamedTuple):
    """What was found of a chain."""

    certificate: Certificate | None  # the leaf; None when it cannot be read
    chain_not_after: float | None  # the earliest end in the chain that was sent
    problems: frozenset[Reason]  # of CERTIFICATE_PROBLEMS


class _Loaded(NamedTuple):
    mark: tuple[int, ...]  # tells one content of a file from the next
    authorities: Authorities


class _Kept(NamedTuple):
    chain: bytes  # its digest
    since: float
    until: float
    examined: Examined


_Place = tuple[str | None, str | None, int]  # the ca_file, the name, a place of its own


class Trust:
    """Authorities, each loaded once, and what they make of the chains of servers."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        """Know nobody yet; `now` gives Unix time."""
        self._now = now
        self._loaded: dict[str | None, _Loaded] = {}
        self._kept: OrderedDict[_Place, _Kept] = OrderedDict()

    @classmethod
    def of_this_machine(cls) -> Self:
        """Load whom this machine trusts; some 10 ms, and more while others compute."""
        trust = cls()
        trust.has_system_trust()
        return trust

    def examine(
        self, chain: tuple[bytes, ...], name: str | None, ca_file: str | None
    ) -> Examined:
        """Give what there is to say of a chain, DER and the leaf first.

        `name` is what the certificate must be for; None for a server without a name.
        Who judges is who was loaded last: a file that changes or goes while a probe
        uses it changes nothing for that probe. Raises TrustError where nobody was.
        """
        loaded = self._loaded.get(ca_file)
        trusted = loaded.authorities if loaded else self.load(ca_file)
        digest = hashlib.sha256(b"".join(chain)).digest()  # DER says its own length
        place = (ca_file, name, digest[0] % MAX_KEPT_OF_NAME)
        at = self._now()
        kept = self._kept.get(place)
        if kept and kept.chain == digest and kept.since <= at < kept.until:
            self._kept.move_to_end(place)
            return kept.examined
        problems, until = judge(chain, trusted, name, at)
        examined = Examined(_leaf(chain), chain_not_after(chain), problems)
        self._keep(place, _Kept(digest, at, until, examined))
        return examined

    def load(self, ca_file: str | None) -> Authorities:
        """Give the authorities of a file, as it is now; of the system for None.

        The system's are loaded once. Raises TrustError.
        """
        mark = _mark(ca_file) if ca_file else ()
        loaded = self._loaded.get(ca_file)
        if loaded is None or loaded.mark != mark:
            found = _system() if ca_file is None else _authorities(ca_file)
            loaded = self._loaded[ca_file] = _Loaded(mark, found)
            self._kept.clear()  # what another content made of them
        return loaded.authorities

    def has_system_trust(self) -> bool:
        """Tell whether this machine has authorities of its own."""
        try:
            self.load(None)
        except TrustError:
            return False
        file, directories = _system_places()
        return file is not None or any(map(_has_authorities, directories))

    @property
    def kept(self) -> int:
        """Give how many chains are remembered, at most MAX_KEPT."""
        return len(self._kept)

    def _keep(self, place: _Place, kept: _Kept) -> None:
        self._kept[place] = kept
        self._kept.move_to_end(place)
        if len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)


def _leaf(chain: tuple[bytes, ...]) -> Certificate | None:
    try:
        return read_certificate(chain[0])
    except (Unreadable, IndexError):
        return None


def _authorities(path: str) -> Authorities:
    return Authorities(_certificates(Path(path)))


def _system() -> Authorities:
    """Take what OpenSSL would; a directory is read when an authority is looked for."""
    file, directories = _system_places()
    return Authorities(
        _certificates(file) if file else (), tuple(map(str, directories))
    )


def _certificates(path: Path) -> tuple[crypto.X509, ...]:
    try:
        with path.open("rb") as file:
            octets = file.read(MAX_PEM_OCTETS + 1)
    except OSError as error:
        raise _unreadable(error) from error
    if len(octets) > MAX_PEM_OCTETS:
        raise TrustError(f"the file of authorities has over {MAX_PEM_OCTETS} octets")
    try:
        found = [
            crypto.load_certificate(crypto.FILETYPE_PEM, block)
            for block in _PEM.findall(octets)
        ]
    except crypto.Error as error:
        raise TrustError(
            "a certificate in the file of authorities is broken"
        ) from error
    if not found:
        raise TrustError("there is no certificate in the file of authorities")
    return tuple(found)


def _mark(path: str) -> tuple[int, ...]:
    try:
        status = os.stat(path)  # noqa: PTH116 -- once for each probe; pathlib's costs more
    except OSError as error:
        raise _unreadable(error) from error
    if not stat.S_ISREG(status.st_mode):
        raise TrustError("the file of authorities is not a regular file")
    return status.st_mtime_ns, status.st_size, status.st_ino


def _unreadable(error: OSError) -> TrustError:
    said = os.strerror(error.errno) if error.errno else "it cannot be said why"
    return TrustError(f"the file of authorities cannot be read: {said}")


def _system_places() -> tuple[Path | None, list[Path]]:
    """Give the file and the directories that this machine keeps authorities in.

    As OpenSSL finds them, SSL_CERT_FILE and SSL_CERT_DIR included.
    """
    paths = ssl.get_default_verify_paths()
    places = os.environ.get(paths.openssl_capath_env, paths.openssl_capath)
    directories = [Path(p) for p in places.split(os.pathsep) if p]
    file = Path(paths.cafile) if paths.cafile else None
    return file, [d for d in directories if d.is_dir()]


def _has_authorities(directory: Path) -> bool:
    try:
        return any(_HASHED.fullmatch(file.name) for file in directory.iterdir())
    except OSError:
        return False
