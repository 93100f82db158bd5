"""Addresses: whatever a target is called, its link leads to it and nowhere else."""

from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.web.links import Links


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("mx1.example.com:25", "/targets/mx1.example.com:25"),
        (
            "example.com/mx1.example.com:25",
            "/targets/example.com/mx1.example.com:25",
        ),
        ("[2001:db8::1]:25", "/targets/%5B2001:db8::1%5D:25"),
        ("unix:/run/lmtp", "/targets/unix:/run/lmtp"),
        ("a b?c#d%2F", "/targets/a%20b%3Fc%23d%252F"),
        ("Zürich", "/targets/Z%C3%BCrich"),
        ("..", "/targets/?name=.."),
        ("a//b", "/targets/?name=a%2F%2Fb"),
        ("/a", "/targets/?name=%2Fa"),
    ],
)
def test_target(name: str, address: str) -> None:
    """A name stands in the path as it is typed, or in the query where it would fold."""
    assert Links().target(name) == address
    assert Links().document(name) == f"/api/v1{address}"


def test_a_prefix() -> None:
    """Every address begins with it."""
    links = Links("/mail")
    assert links.to("metrics") == "/mail/metrics"
    assert links.status() == "/mail/"
    assert links.status(search="a&b", state="") == "/mail/?search=a%26b"
    assert links.target("a") == "/mail/targets/a"


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_any_name(name: str) -> None:
    """The name can be read back from its address, and the address is one of ours."""
    parts = urlsplit(Links().target(name))
    assert (parts.scheme, parts.netloc, parts.fragment) == ("", "", "")
    written = parts.path.removeprefix("/targets/")
    assert not {"", ".", ".."} & {*written.split("/")} or not written
    assert (unquote(written) or parse_qs(parts.query)["name"][0]) == name
