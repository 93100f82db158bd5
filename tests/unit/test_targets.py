"""What is probed, and how places are named."""

import pytest

from exporter.targets import FileSource, HttpSource


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://a.test/mx", "http://a.test/mx"),
        ("http://user:pass@a.test:8/mx?token=x", "http://a.test:8/mx"),
        ("https://a.test?x=/@", "https://a.test"),
        ("https://a.test/mx#user:pass@b", "https://a.test/mx"),
    ],
)
def test_no_login_is_shown(url: str, shown: str) -> None:
    """Where an address is has neither a password nor a token in it."""
    assert HttpSource(url=url, module=None, refresh=60.0).where == shown


def test_files_are_named_all() -> None:
    """Where files are is every pattern of theirs."""
    source = FileSource(files=("/a/*.json", "/b.yaml"), module=None, refresh=30.0)
    assert source.where == "/a/*.json, /b.yaml"
