"""Where targets are found: what is let pass, and what is not."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.config.complaint import Refusal
from exporter.config.discovery import check_files, check_url

FOLDER = Path("/etc/mailserver-exporter")


@pytest.mark.parametrize(
    ("written", "full"),
    [
        ("a.json", "/etc/mailserver-exporter/a.json"),
        ("targets/*.yaml", "/etc/mailserver-exporter/targets/*.yaml"),
        ("../mx-*-*.yml", "/etc/mailserver-exporter/../mx-*-*.yml"),
        ("/srv/a b/ä.JSON", "/srv/a b/ä.JSON"),
    ],
)
def test_good_files(written: str, full: str) -> None:
    """A pattern is made whole and otherwise kept as written."""
    assert check_files(written, FOLDER) == full


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("", "the path is empty"),
        ("targets/*", "the files end in `.json`, `.yml` or `.yaml`"),
        ("a.json.bak", "the files end in"),
        ("*/a.json", r"`\*` may stand in the last part only"),
        ("a*/b*.json", "may stand in the last part only"),
        ("a?.json", r"leave `\?` and `\[` out"),
        ("[ab].json", r"leave `\?` and `\[` out"),
        ("a.Json", "the end is written"),
    ],
)
def test_bad_files(written: str, sentence: str) -> None:
    """Patterns that would mean something else, or nothing, are refused."""
    with pytest.raises(Refusal, match=sentence):
        check_files(written, FOLDER)


@given(st.text(st.sampled_from("a*?[/.json"), max_size=12).map("{}.json".format))
def test_patterns_that_pass(written: str) -> None:
    """Whatever passes has its stars in the last part, and no other pattern at all."""
    try:
        full = check_files(written, FOLDER)
    except Refusal:
        return
    folder, _, last = full.rpartition("/")
    assert "*" not in folder
    assert not {"?", "["} & {*full}
    assert last.endswith(".json")


@pytest.mark.parametrize(
    "url",
    [
        *("http://a", "https://cmdb.example.com/mx?site=fra&x=@y", "HTTP://a/%20"),
        *(
            "http://192.0.2.1:8080/a",
            "http://[2001:db8::1]:1/",
            "http://a_b.example/#x",
        ),
        "http://a/" + "x" * 1991,
    ],
)
def test_good_urls(url: str) -> None:
    """An address of http or https with a host is kept as written."""
    assert check_url(url) == url


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("", "1 to 2000 characters, not 0"),
        ("http://a/" + "x" * 1992, "1 to 2000 characters, not 2001"),
        ("http://a b", "no spaces"),
        ("http://a\n", "no spaces"),
        ("http://bücher.example", "is ASCII"),
        ("//a/mx", "give an address such as"),
        ("file:///etc/passwd", "give an address such as"),
        ("http:/a", "give an address such as"),
        ("http://@a", "credentials are not supported here"),
        ("http://u@a", "credentials are not supported here"),
        ("http://u:p@a:1/", "credentials are not supported here"),
        ("http://:80", "the host in it is neither"),
        ("http://a..b", "the host in it is neither"),
        ("http://192.0.2.256/", "the host in it is neither"),
        ("http://[::1", "the host in it is neither"),
        ("http://[fe80::1%25eth0]/", "the host in it is neither"),
        ("http://a:0", "the port must be"),
        ("http://a:65536", "the port must be"),
        ("http://a:x", "the port must be"),
    ],
)
def test_bad_urls(url: str, sentence: str) -> None:
    """Anything else is refused, and never shown."""
    with pytest.raises(Refusal, match=sentence) as raised:
        check_url(url)
    assert not url or url not in str(raised.value)


@given(st.text(st.sampled_from("htps:/@[]%?#a1.\\ ä"), max_size=20))
def test_any_url(text: str) -> None:
    """Whatever is written, it passes or is refused."""
    url = f"http://{text}"
    with suppress(Refusal):
        assert check_url(url) == url
