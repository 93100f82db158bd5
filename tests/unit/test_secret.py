"""Secrets are read anew at each use, and no error shows one."""

from pathlib import Path

import pytest

from exporter.secret import MAX_SECRET_OCTETS, SecretError, read_secret
from exporter.targets import SecretSource


@pytest.mark.parametrize(
    ("content", "secret"),
    [
        (b"hunter2", b"hunter2"),
        (b"hunter2\n", b"hunter2"),
        (b"hunter2\r\n", b"hunter2"),
        (b"hunter2\n\n", b"hunter2\n"),
        (b"hunter2\r", b"hunter2\r"),
        (b" $HOME ", b" $HOME "),
        (b"x" * MAX_SECRET_OCTETS + b"\r\n", b"x" * MAX_SECRET_OCTETS),
    ],
)
def test_file(tmp_path: Path, content: bytes, secret: bytes) -> None:
    """A file's octets are the secret, but for one line end behind them."""
    file = tmp_path / "password"
    file.write_bytes(content)

    assert read_secret(SecretSource(file=str(file))) == secret


def test_file_is_read_anew(tmp_path: Path) -> None:
    """A secret that was rotated is the new one at the next use."""
    file = tmp_path / "password"
    source = SecretSource(file=str(file))
    file.write_text("old")
    read_secret(source)
    file.write_text("new")

    assert read_secret(source) == b"new"


def test_env(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable's octets are the secret as they are."""
    monkeypatch.setenv("MAIL_PASSWORD", "p w\n")

    assert read_secret(SecretSource(env="MAIL_PASSWORD")) == b"p w\n"


def test_refusals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be had is refused with its place, and nothing of its content."""
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "long").write_text("hunter2" * MAX_SECRET_OCTETS)
    monkeypatch.setenv("EMPTY", "")
    monkeypatch.delenv("ABSENT", raising=False)
    told = {}
    for source in (
        *(SecretSource(file=str(tmp_path / n)) for n in ("none", "empty", "long", "")),
        *(SecretSource(env=name) for name in ("EMPTY", "ABSENT")),
    ):
        with pytest.raises(SecretError) as raised:
            read_secret(source)
        told[source.file or source.env] = str(raised.value)

    assert told == {
        str(tmp_path / "none"): f"{tmp_path / 'none'}: no such file or directory",
        str(tmp_path / "empty"): f"{tmp_path / 'empty'} is empty",
        str(tmp_path / "long"): f"{tmp_path / 'long'} is longer than 4096 octets",
        str(tmp_path): f"{tmp_path}: is a directory",
        "EMPTY": "$EMPTY is empty",
        "ABSENT": "$ABSENT is not set",
    }
