"""What a login is made of: a user's name, and where the secret beside it is kept.

A secret is read once here, to be sure that it can be, and dropped at once. No sentence
shows it, nor the path or the variable that was written: some write the secret there.
"""

import re
from pathlib import Path

from exporter.config.complaint import Refusal
from exporter.config.paths import regular_file
from exporter.config.source import remedy_of
from exporter.secret import SecretError, read_secret
from exporter.targets import SecretSource

MAX_USERNAME = 255

VARIABLE_PATTERN = "^[A-Za-z_][A-Za-z0-9_]*$"
_VARIABLE = re.compile(VARIABLE_PATTERN.strip("^$"))


def check_username(text: str) -> str:
    """Give the name back if a SASL exchange has room for it.

    Raises Refusal.
    """
    octets = len(text.encode())
    if not 1 <= octets <= MAX_USERNAME:
        raise Refusal(f"a user's name has 1 to {MAX_USERNAME} octets, not {octets}")
    return text


def check_variable(name: str) -> str:
    """Give the name of an environment variable back if a secret can be read from it.

    Raises Refusal.
    """
    if not _VARIABLE.fullmatch(name):
        raise Refusal(
            "a variable's name is made of A-Z, a-z, 0-9 and _, no digit first; write "
            "the name alone, as in `SMTP_PASSWORD`"
        )
    _try(SecretSource(env=name), name=f"${name}", called="the variable")
    return name


def check_file(text: str, folder: Path) -> str:
    """Give the full path of a file if a secret can be read from it.

    A relative one begins at the folder. Raises Refusal.
    """
    path = str(regular_file(text, folder, wanted="the secret"))
    _try(SecretSource(file=path), name=path, called="the file")
    return path


def _try(source: SecretSource, *, name: str, called: str) -> None:
    """Read the secret; the name of its place is kept out of what is said.

    Raises Refusal.
    """
    try:
        text = _is_text(read_secret(source))
    except SecretError as error:
        if isinstance(error.__cause__, OSError):
            raise Refusal(remedy_of(error.__cause__)) from None
        raise Refusal(str(error).replace(name, called)) from None
    if not text:
        raise Refusal(f"{called} holds something else than UTF-8 text")


def _is_text(octets: bytes) -> bool:
    try:
        return "\0" not in octets.decode("utf-8")
    except UnicodeDecodeError:
        return False
