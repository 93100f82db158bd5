"""Reads a secret from where it is kept: a file or a variable of the environment.

Anew at each use, so a rotated secret needs no reload. Holds none, and no message of
its errors does.
"""

import os
from pathlib import Path

from exporter.targets import SecretSource

# A token of XOAUTH2 may have 2 KiB; RFC 4954 section 4 lets a line have 12288 octets.
MAX_SECRET_OCTETS = 4096


class SecretError(Exception):
    """A secret that cannot be had; the text says why and names the place only."""


def read_secret(source: SecretSource) -> bytes:
    """Read a secret, without the one line end that a file may have behind it.

    Raises SecretError when it is missing, unreadable, empty or too long.
    """
    where = source.file or f"${source.env}"
    secret = _read_file(source.file) if source.file else _read_env(source.env or "")
    if not secret:
        raise SecretError(f"{where} is empty")
    if len(secret) > MAX_SECRET_OCTETS:
        raise SecretError(f"{where} is longer than {MAX_SECRET_OCTETS} octets")
    return secret


def _read_file(path: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            content = file.read(MAX_SECRET_OCTETS + 3)
    except OSError as error:
        why = os.strerror(error.errno).lower() if error.errno else "it is unreadable"
        raise SecretError(f"{path}: {why}") from error
    line_end = b"\r\n" if content.endswith(b"\r\n") else b"\n"
    return content.removesuffix(line_end)


def _read_env(name: str) -> bytes:
    try:
        return os.environb[name.encode()]
    except KeyError:
        raise SecretError(f"${name} is not set") from None
