"""Servers that say what is meant to do harm: nothing of it acts where it is shown."""

import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import expect

from exporter.demo.script import EHL, QUI, script
from tests.e2e.browser import running_browser, tab
from tests.e2e.programs import PATIENCE, Program, running_exporter
from tests.e2e.scripted import scripted_server

MARKUP = (
    b"<script>alert(1)</script><img src=x onerror=alert(2)>"
    b"</td></table><a href=javascript:alert(3)>x</a><!--"
)
BANNERS = {
    "markup": b"220 " + MARKUP + b"\r\n",
    "refused": b"554 " + MARKUP + b"\r\n",
    "ansi": b"554 \x1b[2J\x1b[31mred\x1b]0;title\x07\x1b[8m \x9b31m\r\n",
    "long": b"554 " + b"A" * 100_000 + b"\r\n",
    "many": b"554-" + b"x" * 500 + b"\r\n" + (b"554-" + b"y" * 900 + b"\r\n") * 100,
    "not-utf-8": b"554 \xff\xfe\xc3\x28 \xed\xa0\x80 \xf0\x9f\x92\r\n",
    "bidi": "554 \u202eevil\u2066 \u2028line\u0000 \ufeff\r\n".encode(),
}
# What steers a terminal, or turns text around; LF ends our own lines.
STEERING = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028]")
LONGEST_PAGE = 128 * 1024


@pytest.fixture(scope="module")
def hostile(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Program, str]]:
    """Probe such servers, until each is told of; gives the exporter and its address."""
    with ExitStack() as stack:
        targets = []
        for name, banner in BANNERS.items():
            said = script(banner, EHL, QUI) if name == "markup" else script(banner, QUI)
            port = stack.enter_context(scripted_server(said))
            targets.append(f"  - {{host: 127.0.0.1, port: {port}, name: {name}}}\n")
        config = tmp_path_factory.mktemp("hostile") / "config.yaml"
        quick = "modules: {mx: {tls: none, timeouts: {greeting: 1s, quit: 1s}}}\n"
        config.write_text(
            f"schedule: {{interval: 2s}}\n{quick}targets:\n{''.join(targets)}"
        )
        exporter = stack.enter_context(
            running_exporter("serve", f"--config.file={config}", "--log.level=debug")
        )
        deadline = time.monotonic() + PATIENCE
        while json.loads(fetch(exporter[1], "/api/v1/targets"))["counts"]["pending"]:
            assert time.monotonic() < deadline
            time.sleep(0.1)  # another program's pace; bounded above
        yield exporter


def fetch(address: str, path: str) -> str:
    """Ask for a page."""
    with urllib.request.urlopen(f"http://{address}{path}", timeout=5) as answer:
        text: str = answer.read().decode("utf-8")
    return text


def test_the_log(hostile: tuple[Program, str]) -> None:
    """No line of the log can steer a terminal or is without measure."""
    log = hostile[0].log
    assert "target=ansi" in log
    assert STEERING.findall(log) == []
    assert max(map(len, log.splitlines())) < 4096


@pytest.mark.parametrize("name", BANNERS)
def test_json(name: str, hostile: tuple[Program, str]) -> None:
    """JSON stays JSON: bounded, with nothing in it that steers what prints it."""
    text = fetch(hostile[1], f"/api/v1/targets/{name}")
    assert STEERING.findall(text) == []
    told = json.loads(text)
    assert STEERING.findall(str(told)) == []
    assert told["target"]["last"]["verdict"]
    assert len(text) < 1024 * 1024


@pytest.mark.parametrize("name", BANNERS)
def test_markup(name: str, hostile: tuple[Program, str]) -> None:
    """A page holds no element that a server has written, and stays of a page's size."""
    for path in ("/", f"/targets/{name}"):
        page = fetch(hostile[1], path)
        assert page.count("<script") == 1
        assert "<img" not in page
        assert "<a href=javascript" not in page
        assert "<!--" not in page
        assert STEERING.findall(page) == []
        assert len(page) < LONGEST_PAGE


@pytest.mark.peer("chromium")
def test_in_a_browser(
    hostile: tuple[Program, str], peer: Callable[[str], Path]
) -> None:
    """Nothing runs, nothing is asked for, and the text is there to be read."""
    _, address = hostile
    with running_browser(peer("chromium")) as browser:
        for name in BANNERS:
            with tab(browser, address) as shown:
                for path in ("/", f"/targets/{name}"):
                    shown.go(path)
                    assert shown.page.locator("script").count() == 1
                    assert shown.page.locator("img").count() == 0
                width = "document.documentElement.scrollWidth"
                assert shown.page.evaluate(width) <= 1280
                if name == "markup":
                    said = shown.page.locator(".transcript .server .said").first
                    expect(said).to_contain_text("<script>alert(1)</script>")
                shown.assert_quiet()


def test_a_name_of_markup(hostile: tuple[Program, str]) -> None:
    """A search and an unknown name come back as text."""
    asked = "%22%3E%3Cscript%3Ealert(1)%3C/script%3E"
    page = fetch(hostile[1], f"/?search={asked}&module={asked}&state={asked}")
    assert page.count("<script") == 1
    with pytest.raises(urllib.error.HTTPError, match="404") as missing:
        fetch(hostile[1], f"/targets/{asked}")
    with missing.value as answer:
        assert answer.read().count(b"<script") == 1
