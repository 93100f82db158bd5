"""`--web.route-prefix` and `--web.external-url`, read; serving under them is wire's."""

import pytest

from exporter.web.prefix import Prefix, PrefixError, read_prefix


@pytest.mark.parametrize(
    ("route", "url", "prefix"),
    [
        (None, None, Prefix("", "")),
        ("/", None, Prefix("", "")),
        ("", None, Prefix("", "")),
        ("mail", None, Prefix("/mail", "/mail")),
        ("/mail/x/", None, Prefix("/mail/x", "/mail/x")),
        (None, "https://a.example", Prefix("", "")),
        (None, "https://a.example:8443/mail/", Prefix("/mail", "/mail")),
        ("/", "http://[::1]/mail", Prefix("", "/mail")),
        ("/in", "http://a.example/out", Prefix("/in", "/out")),
    ],
)
def test_read(route: str | None, url: str | None, prefix: Prefix) -> None:
    """The routes' prefix is the URL's path, unless it is said; links have the URL's."""
    assert read_prefix(route, url) == prefix


@pytest.mark.parametrize(
    ("route", "url"),
    [
        *((route, None) for route in ("/a b", "/{x}", "/..", "/a/./b", "/a//b", "/ü")),
        *((route, None) for route in ("/a?b", "/%2e", "/a\n")),
        *((None, url) for url in ("mail", "//x/", "ftp://x/", "http:///x", "https://")),
        *((None, url) for url in ("http://x/?a", "http://x/#a", "http://u:p@x/")),
        *((None, url) for url in ("http://x:y/", "http://[::1/", "http://x/a b")),
    ],
)
def test_refused(route: str | None, url: str | None) -> None:
    """What no path can be is refused, with what one is like."""
    with pytest.raises(PrefixError, match=r"--web\.(route-prefix|external-url)="):
        read_prefix(route, url)
