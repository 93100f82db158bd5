"""A configuration as it is shown."""

from pathlib import Path

import pytest
import yaml

from exporter.config import redacted

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("key", ["password_file", "password_env"])
@pytest.mark.parametrize(
    "text", ["{{a: 1, {key}: hunter2, b: 2}}", "a: 1\n{key}: |\n  hunter2\nb: 2\n"]
)
def test_secrets(key: str, text: str) -> None:
    """Where a secret is kept is not shown, and everything else is."""
    shown = redacted(text.format(key=key))

    assert "hunter2" not in shown
    assert yaml.safe_load(shown) == {"a": 1, key: "<secret>", "b": 2}


@pytest.mark.parametrize(
    "text",
    [
        "discovery: [{{http: '{}', refresh: 1m}}]\n",
        "discovery:\n- http: {}\n  refresh: 1m\n",
        "discovery:\n- refresh: 1m\n  http: >-\n    {}\n",
        "discovery:\n- {{refresh: 1m, ? http : &list '{}'}}\n",
    ],
)
def test_the_query_of_an_address(text: str) -> None:
    """An address is shown up to its query, which is one secret."""
    shown = redacted(text.format("https://h/l?a=b&token=hunter2?c"))

    assert "hunter2" not in shown
    assert yaml.safe_load(shown) == {
        "discovery": [{"http": "https://h/l?<secret>", "refresh": "1m"}]
    }


def test_an_address_without_a_query() -> None:
    """An address that keeps no secret is shown whole, and so is a `?` elsewhere."""
    text = "discovery:\n- http: https://h/l\nb: is it?\n"

    assert redacted(text) == text


def test_comments() -> None:
    """Comments are left out: they are for those who may read the file."""
    shown = redacted("targets: [a]  # the password is hunter2\n")

    assert "hunter2" not in shown
    assert yaml.safe_load(shown) == {"targets": ["a"]}


def test_spelling() -> None:
    """Values keep their spelling, so that what is shown could be read again."""
    text = "a: 'no'\nb: 0o17\nc: 1m30s\nd: &x [ü]\ne: *x\n"

    assert redacted(text) == text


def test_the_example() -> None:
    """The example is shown whole."""
    text = (ROOT / "config.example.yaml").read_text("utf-8")
    written, shown = yaml.safe_load(text), yaml.safe_load(redacted(text))

    assert written.keys() == shown.keys()
    assert written["targets"] == shown["targets"]
