"""A browser walks the demo's pages: what is to be seen, used and not to be found."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from exporter.demo.servers import DEMO
from tests.e2e.browser import DESKTOP, PHONE, Scheme, Tab, running_browser, tab
from tests.e2e.demo import running_demo

pytestmark = pytest.mark.peer("chromium")

FAILING = "never-greets"
PATHS = ("/", f"/targets/{FAILING}", "/targets/implicit-tls", "/targets/nobody")


@pytest.fixture(scope="module")
def demo() -> Iterator[str]:
    """Run the demo until each of its targets was probed; gives its address."""
    with running_demo() as address:
        yield address


@pytest.fixture(scope="module")
def browser(peer: Callable[[str], Path]) -> Iterator[Browser]:
    """Run the machine's Chromium."""
    with running_browser(peer("chromium")) as running:
        yield running


@pytest.fixture
def shown(browser: Browser, demo: str) -> Iterator[Tab]:
    """Open a tab, which must have stayed quiet in the end."""
    with tab(browser, demo) as opened:
        yield opened
        opened.assert_quiet()


def names(shown: Tab) -> list[str]:
    """Give the targets in the table, in order."""
    return shown.page.locator("tbody th a").all_inner_texts()


def test_list(shown: Tab) -> None:
    """Every target has a row, failing ones first, and the totals add up."""
    shown.go("/")

    assert {*names(shown)} == {server.name for server in DEMO}
    states = shown.page.locator("tbody .state").all_inner_texts()
    failing = [text for text in states if "failing" in text]
    assert states[: len(failing)] == failing
    totals = shown.page.locator(".totals b").all_inner_texts()
    assert int(totals[0]) == len(DEMO) == sum(map(int, totals[1:]))
    expect(shown.page.get_by_role("heading", level=1)).to_have_text("Mail servers")


def test_search(shown: Tab) -> None:
    """`/` leads to the search, which finds by a part of a name."""
    shown.go("/")
    shown.page.keyboard.press("/")
    shown.page.keyboard.type("GREET")
    shown.page.keyboard.press("Enter")

    expect(shown.page.locator("tbody tr")).to_have_count(2)
    assert {*names(shown)} == {"multiline-greeting", FAILING}
    expect(shown.page.locator("input[name=search]")).to_have_value("GREET")


def test_filters(shown: Tab) -> None:
    """State and module narrow the table as soon as they are chosen."""
    shown.go("/")
    shown.page.locator("select[name=state]").select_option("well")
    expect(shown.page.locator("tbody .state.failing")).to_have_count(0)
    shown.page.locator("select[name=module]").select_option("submissions")
    expect(shown.page.locator("tbody tr")).to_have_count(1)
    assert names(shown) == ["implicit-tls"]


def test_sorting(shown: Tab) -> None:
    """A heading sorts by its column and says so."""
    shown.go("/")
    shown.page.get_by_role("columnheader", name="Target").get_by_role("link").click()
    heading = shown.page.get_by_role("columnheader", name="Target")
    expect(heading).to_have_attribute("aria-sort", "ascending")
    assert names(shown) == sorted(names(shown))


def test_a_failing_target(shown: Tab) -> None:
    """Its page has the words, the waterfall and the transcript of its sessions."""
    shown.go("/")
    shown.page.get_by_role("link", name=FAILING).click()

    expect(shown.page.get_by_role("heading", level=1)).to_have_text(FAILING)
    callout = shown.page.locator(".callout")
    expect(callout).to_contain_text("no complete greeting came within the limit")
    expect(callout).to_contain_text("greeting_timeout")
    session = shown.page.locator("details.session").first
    greeting = session.locator(".waterfall tbody tr", has_text="greeting")
    expect(greeting).to_contain_text("not completed")
    bar = greeting.locator("rect").bounding_box()
    lane = greeting.locator("svg").bounding_box()
    assert bar
    assert lane
    assert bar["width"] > 0.9 * lane["width"]
    said = session.locator(".transcript tbody tr")
    expect(said.first).to_contain_text("connected to 127.0.0.1")
    assert all(float(t) >= 0 for t in said.locator(".number").all_inner_texts())


def test_a_link_opens_its_session(shown: Tab) -> None:
    """A failed session among the last ones is told there, and its link unfolds it."""
    shown.go(f"/targets/{FAILING}")
    link = shown.page.locator(".also a").last
    anchor = link.get_attribute("href") or ""
    link.click()
    expect(shown.page.locator(anchor)).to_have_attribute("open", "")


def test_a_good_target(shown: Tab) -> None:
    """A session that is well shows its certificate and its goodbye."""
    shown.go("/targets/implicit-tls")
    session = shown.page.locator("details.session").first
    expect(session).to_contain_text("TLS and certificate")
    expect(session).to_contain_text("CN=mail.test")
    expect(session.locator(".transcript")).to_contain_text("221")
    expect(shown.page.locator("#failed ~ p")).to_have_text("None is remembered.")


def test_without_scripts(browser: Browser, demo: str) -> None:
    """Search, filters and sessions work where no script runs."""
    with tab(browser, demo, scripts=False) as shown:
        shown.go("/")
        shown.page.locator("input[name=search]").fill("tls")
        shown.page.locator("select[name=state]").select_option("well")
        shown.page.get_by_role("button", name="Show").click()
        assert names(shown) == ["implicit-tls", "starttls"]
        shown.page.get_by_role("link", name="starttls").click()
        shown.page.locator("summary").first.click()
        expect(shown.page.locator("details[open]")).to_have_count(0)
        shown.assert_quiet()


def test_the_keyboard_reaches_the_content(shown: Tab) -> None:
    """The first stop of the tab key skips to the content, and can be seen."""
    shown.go("/")
    shown.page.keyboard.press("Tab")
    skip = shown.page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    shown.page.keyboard.press("Enter")
    expect(shown.page.locator("main")).to_be_focused()


def test_the_page_is_kept_current(browser: Browser, demo: str) -> None:
    """While nobody works in it, the table is fetched anew."""
    with tab(browser, demo) as shown:
        shown.page.clock.install()
        shown.go("/")
        shown.page.evaluate("document.querySelector('#live').dataset.old = 'yes'")
        shown.page.clock.fast_forward(20_000)
        expect(shown.page.locator("#live:not([data-old])")).to_have_count(1)
        shown.assert_quiet()


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_accessible(
    path: str, scheme: Scheme, size: tuple[int, int], browser: Browser, demo: str
) -> None:
    """axe-core finds nothing serious, and no page is wider than its screen."""
    with tab(browser, demo, scheme, size) as shown:
        shown.go(path)
        width = "document.documentElement.scrollWidth"
        assert shown.page.evaluate(width) <= size[0]
        assert shown.violations() == []
        unexpected = [s for s in shown.said if "404" not in s]  # the page that is none
        assert unexpected == []


def test_dark_is_dark(browser: Browser, demo: str) -> None:
    """The page follows what the reader's system prefers."""
    backs = []
    schemes: tuple[Scheme, ...] = ("light", "dark")
    for scheme in schemes:
        with tab(browser, demo, scheme) as shown:
            shown.go("/")
            back = "getComputedStyle(document.body).backgroundColor"
            backs.append(shown.page.evaluate(back))
    light, dark = (sum(map(int, b.strip("rgb()").split(","))) for b in backs)
    assert light > 700
    assert dark < 100
