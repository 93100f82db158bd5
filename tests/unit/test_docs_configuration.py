"""docs/configuration.md is what the model says, with examples that can be used."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from docs.keys import CONFIGURATION, LEVELS, Level, configuration
from exporter.config import parse, schema
from tests.scenarios import CERTIFICATE_FILES

KEYS: dict[str, Any] = schema()["$defs"]  # type: ignore[assignment]  # a mapping, as the generator makes it
TARGET = "targets: [mx1.example.com]\n"
every_example = pytest.mark.parametrize(
    "level", [pytest.param(one, id=one.path) for one in LEVELS if one.example]
)


def test_the_page_is_current() -> None:
    """The page is what `make docs` makes of the model today."""
    assert CONFIGURATION.read_text("utf-8") == configuration()


def test_every_level_is_told() -> None:
    """Each level of keys of the model has a part of its own, and one only."""
    assert sorted(level.definition for level in LEVELS) == sorted(["", *KEYS])


@every_example
def test_an_example_is_sound(
    level: Level, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each example is read without a complaint, where its files are there."""
    monkeypatch.setenv("SMTP_PASSWORD", "secret")
    (tmp_path / "ca.pem").write_bytes(CERTIFICATE_FILES["authority"])
    (tmp_path / "client.pem").write_bytes(CERTIFICATE_FILES["client"])
    (tmp_path / "client.key").write_bytes(CERTIFICATE_FILES["client"])
    (tmp_path / "probe.password").write_text("secret")
    alone = "targets:" in level.example or "discovery:" in level.example
    text = level.example if alone else level.example + TARGET

    assert parse(text, path=tmp_path / "config.yaml").modules


@every_example
def test_an_example_has_every_key(level: Level) -> None:
    """No key of a level is left out of its example."""
    assert {*KEYS[level.definition]["properties"]} <= used(
        yaml.safe_load(level.example)
    )


def used(value: object) -> set[str]:
    """Collect all keys of a document."""
    match value:
        case dict():
            return {*value}.union(*map(used, value.values()))
        case list():
            return set().union(*map(used, value))
        case _:
            return set()
