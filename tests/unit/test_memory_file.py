"""Octets behind a path: readable while they are needed, where possible on no disk."""

import os
import tempfile
from pathlib import Path

import pytest

from exporter.memory_file import memory_file


def test_on_no_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The octets are read as often as one likes, no folder has them, and then gone."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "there is none"))

    with memory_file(b"key") as path:
        assert [Path(path).read_bytes() for _ in range(2)] == [b"key", b"key"]

    assert not Path(path).exists()


def test_where_there_is_no_such_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A system without memfd has a file that nobody else reads, and then none."""
    monkeypatch.delattr(os, "memfd_create")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    with memory_file(b"key") as path:
        assert Path(path).read_bytes() == b"key"
        assert Path(path).stat().st_mode & 0o777 == 0o600
        assert Path(path).is_relative_to(tmp_path)

    assert list(tmp_path.iterdir()) == []
