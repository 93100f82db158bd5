"""The pages as text: what they tell, and that nobody else's text is markup in them."""

import asyncio
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.outcome import Certificate, Outcome, Said, Speaker
from exporter.targets import Target
from exporter.vocabulary import Phase, Quirk
from exporter.web.pages import PAGE_SIZE, Pages
from exporter.web.session import CUT, MAX_LINE, MAX_TEXT, session
from tests.unit.accounts import NOW, Book, book
from tests.unit.outcomes import (
    CERTIFICATE,
    TLS,
    encrypted,
    exchanger,
    greeting_timeout,
    outcome,
    outcomes,
    target,
)

NAME = "mx1.example.com:25"
EVIL = '"><script>alert(1)</script><img src=x onerror=alert(2)>&amp;'
# What opens an element in our own templates; anything else came from outside.
_VOID = {"meta", "link", "input"}


class Elements(HTMLParser):
    """The elements of a page, and its text; fails where they are not balanced."""

    def __init__(self, page: str) -> None:
        """Read the page."""
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep an element."""
        self.seen.append((tag, dict(attrs)))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep an element without content."""
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        """Close the element that was opened last."""
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Keep text."""
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """Give the attributes of every element of a kind."""
        return [attributes for name, attributes in self.seen if name == tag]


def status(made: Book, **query: str) -> Elements:
    """Give the status page."""
    return Elements(asyncio.run(Pages(made.shown()).status(query)))


def page(made: Book, name: str = NAME) -> Elements:
    """Give a target's page."""
    written = asyncio.run(Pages(made.shown()).target(name))
    assert written is not None
    return Elements(written)


def names(shown: Elements) -> list[str]:
    """Give the targets that a status page links to, in order."""
    links = [link["href"] or "" for link in shown.all("a")]
    return [link.removeprefix("/targets/") for link in links if "/targets/" in link[:9]]


def assert_ours(shown: Elements) -> None:
    """Hold a page against what the policy allows: nothing that runs stands in it."""
    assert [script["src"] for script in shown.all("script")] == [
        script["src"] for script in shown.all("script") if script["src"]
    ]
    assert len(shown.all("script")) == 1
    assert not shown.all("img")
    assert not shown.all("style")
    for _, attributes in shown.seen:
        assert not [name for name in attributes if name.startswith("on")]
        assert "style" not in attributes


# --- the status page


def test_a_row() -> None:
    """A failing target has state, banner, goodbye, latency, words, and since when."""
    made = book({NAME: [outcome(started_at=NOW - 600), greeting_timeout()]}, [target()])
    shown = status(made)
    text = re.sub(r"\s+", " ", shown.text)

    assert "✕ failing" in text
    assert "✕ none" in text
    assert "no complete greeting came within the limit" in text
    assert "greeting_timeout · last success 9 min ago" in text
    (bar,) = [svg["aria-label"] for svg in shown.all("svg") if "aria-label" in svg]
    assert "greeting" in (bar or "")
    assert "1 target " in text
    assert_ours(shown)


def test_a_well_target_shows_its_last_failure() -> None:
    """What failed before the last success is still told, and since when it is over."""
    made = book({NAME: [greeting_timeout(), outcome()]}, [target()])
    text = re.sub(r"\s+", " ", status(made).text)
    assert "✓ well" in text
    assert "✓ 220" in text
    assert "✓ clean" in text
    assert re.search(r"ago: the connection stood.* greeting_timeout", text)


def test_a_target_that_was_not_probed() -> None:
    """Nothing is told of it but that it is there."""
    text = re.sub(r"\s+", " ", status(book({}, [target()])).text)
    assert "… not probed yet" in text
    assert "none known" in text


def test_no_targets() -> None:
    """An empty page says what to do."""
    assert "Name some under targets or discovery" in status(book({}, [])).text


def test_nothing_matches() -> None:
    """A search that finds nothing says so, and keeps what was typed."""
    shown = status(book({}, [target()]), search=EVIL)
    assert "No target matches." in shown.text
    (field,) = [i for i in shown.all("input") if i["name"] == "search"]
    assert field["value"] == EVIL
    assert_ours(shown)


MANY = book({}, [target(f"t{number:03}") for number in range(2 * PAGE_SIZE + 1)])


@pytest.mark.parametrize(
    ("asked", "first", "count"),
    [
        ("", "t000", PAGE_SIZE),
        ("2", "t100", PAGE_SIZE),
        ("3", "t200", 1),
        ("4", "t200", 1),
        ("99999999999999999999", "t000", PAGE_SIZE),
        ("-1", "t000", PAGE_SIZE),
        ("0", "t000", PAGE_SIZE),
        ("x", "t000", PAGE_SIZE),
        ("²", "t000", PAGE_SIZE),
    ],
)
def test_pages(asked: str, first: str, count: int) -> None:
    """A page has a hundred rows; past the last one stands the last one."""
    shown = names(status(MANY, page=asked))
    assert (shown[0], len(shown)) == (first, count)


def test_the_pager_keeps_what_was_asked() -> None:
    """The links to other pages ask for the same targets in the same order."""
    shown = status(MANY, page="2", search="t", sort="name")
    links = {a["rel"]: a["href"] for a in shown.all("a") if "rel" in a}
    assert links == {
        "prev": "/?search=t&sort=name",
        "next": "/?search=t&sort=name&page=3",
    }
    assert "Page 2 of 3" in shown.text


def test_words_that_are_none_of_ours() -> None:
    """A filter or an order that does not exist is no filter, and no error."""
    shown = status(MANY, state="odd", sort="odd", module="")
    assert len(names(shown)) == PAGE_SIZE


def test_a_prefix() -> None:
    """Every link of every page begins with the prefix."""
    made = book({NAME: [greeting_timeout(), outcome()]}, [target()])
    pages = Pages(made.shown("/mail"))
    written = [
        asyncio.run(pages.status({})),
        asyncio.run(pages.target(NAME)),
        asyncio.run(pages.missing("x")),
    ]
    for text in written:
        assert text is not None
        elements = Elements(text)
        links = [a["href"] or "" for a in elements.all("a") + elements.all("link")]
        links += [form["action"] or "" for form in elements.all("form")]
        links += [script["src"] or "" for script in elements.all("script")]
        assert links
        assert [link for link in links if not link.startswith(("/mail/", "#"))] == []


# --- a target's page


def test_sessions() -> None:
    """Last sessions are told in full, and a failed one that is among them only once."""
    old = [replace(greeting_timeout(), started_at=NOW - 1000 + n) for n in range(2)]
    recent = [outcome(started_at=NOW - 100 + n) for n in range(4)]
    made = book({NAME: [*old, *recent]}, [target()])
    shown = page(made)
    anchors = [d["id"] for d in shown.all("details")]
    assert anchors == [*(f"session-{n}" for n in range(1, 6)), "failure-2"]
    assert [d["id"] for d in shown.all("details") if "open" in d] == ["session-1"]
    assert [a["href"] for a in shown.all("a") if (a["href"] or "").startswith("#")] == [
        "#main",
        "#session-5",
    ]
    assert "6 probes, failed: greeting_timeout" in re.sub(r"\s+", " ", shown.text)
    assert_ours(shown)


def test_what_is_told_of_a_session() -> None:
    """Phases, transcript with milliseconds, goodbye, quirks, certificate, diagnosis."""
    seen = encrypted(TLS, quirks=frozenset({Quirk.BARE_LF}))
    text = re.sub(r"\s+", " ", page(book({NAME: [seen]}, [target()])).text)
    for expected in (
        *("220 mx1.example.com ESMTP", "← server", "250.0", "✓ clean"),
        *("bare lf: a line ended in LF without CR", "TLSv1.3, TLS_AES_256_GCM_SHA384"),
        *("CN=Example R1,O=Example Trust,C=DE", "f1" * 32, "close_notify"),
    ):
        assert expected in text


def test_an_exchanger_with_labels() -> None:
    """What the target is stands above its sessions."""
    mx = exchanger("mx1.example.com", "example.com", labels=(("team", "mail"),))
    text = page(book({}, [mx]), mx.name).text
    assert "Exchanger of" in text
    assert "team=mail" in text
    assert "There was none yet." in text


def test_nothing_remembered() -> None:
    """A target whose sessions were forgotten says where that is configured."""
    made = book({NAME: [outcome()]}, [target()])
    made.history.resize(made.history.bounds._replace(sessions=0))
    assert "None is remembered: see history" in page(made).text


def test_the_latest_is_always_there() -> None:
    """What a small budget has forgotten leaves the last session to be shown."""
    made = book({NAME: [greeting_timeout(), outcome()]}, [target()])
    made.history.resize(made.history.bounds._replace(max_bytes=0))
    assert made.history.of(NAME).sessions == ()
    shown = page(made)
    assert [d["id"] for d in shown.all("details")] == ["session-1"]


def test_missing() -> None:
    """An unknown name is shown as text, and not at any length."""
    pages = Pages(book({}, []).shown())
    assert asyncio.run(pages.target("x")) is None
    shown = Elements(asyncio.run(pages.missing(EVIL + "x" * 5000)))
    assert EVIL in shown.text
    assert len(shown.text) < 1500
    assert_ours(shown)


# --- what others wrote


def _evil_outcome() -> Outcome:
    leaf = CERTIFICATE._replace(subject=EVIL, issuer=EVIL, names=(EVIL,), key=EVIL)
    said = Said(0.25, Phase.GREETING, Speaker.SERVER, f"220 {EVIL}")
    return encrypted(TLS._replace(certificate=leaf, cipher=EVIL), transcript=(said,))


def test_markup_stays_text() -> None:
    """In a name, a label, a transcript or a certificate, markup is shown as it is."""
    evil = target(EVIL, host=EVIL, labels=((EVIL, EVIL),))
    made = book({EVIL: [_evil_outcome()]}, [evil])
    for shown in (status(made), page(made, EVIL)):
        assert EVIL in shown.text
        assert_ours(shown)


def test_text_is_bounded() -> None:
    """A line is cut, and so is a session; what was cut says so."""
    lines = tuple(
        Said(0.1, Phase.GREETING, Speaker.SERVER, "x" * 8000) for _ in range(64)
    )
    told = session(outcome(transcript=lines), "a", NOW)
    assert told.lines[0].text == "x" * MAX_LINE + CUT
    assert told.lines[-1].text == CUT
    shown = sum(len(line.text) - len(CUT) for line in told.lines)
    assert shown <= MAX_TEXT


def test_a_certificate_that_says_nothing() -> None:
    """What is not there is left out, or said to be none."""
    empty = Certificate(*("",) * 6, 0.0, 0.0, ())
    for tls in (TLS._replace(certificate=None), TLS._replace(certificate=empty)):
        assert "TLSv1.3" in page(book({NAME: [encrypted(tls)]}, [target()])).text


_TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
_TARGETS = st.builds(
    lambda name, host, label: target(name, host=host, labels=((label, label),)),
    *(_TEXT, _TEXT, _TEXT),
)


@given(to=_TARGETS, seen=st.lists(outcomes(), max_size=4))
@settings(max_examples=40)
def test_anything(to: Target, seen: list[Outcome]) -> None:
    """Whatever was seen of whatever target, both pages are whole, in our own markup."""
    made = book({to.name: seen}, [to])
    for shown in (status(made), page(made, to.name)):
        assert_ours(shown)
