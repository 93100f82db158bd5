"""The machine's own Chromium, on a page of ours: it never leaves this machine.

Keeps what the console said and where requests went; nothing is installed or updated.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import Browser, Dialog, Page, sync_playwright

from tests.conftest import missing_peer

Scheme = Literal["light", "dark"]
DESKTOP = (1280, 900)
PHONE = (360, 740)
AXE = Path(__file__).parents[2] / ".cache" / "axe-core" / "axe.min.js"

_ARGUMENTS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic"),
    *("--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)


@dataclass
class Tab:
    """An open page, and what happened on it."""

    page: Page
    origin: str
    said: list[str] = field(default_factory=list)  # errors and warnings
    asked: list[str] = field(default_factory=list)  # the address of every request

    def go(self, path: str) -> None:
        """Go to a path of our own."""
        self.page.goto(self.origin + path)

    def dismiss(self, dialog: Dialog) -> None:
        """Keep what a script wanted to say aloud, and go on."""
        self.said.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def violations(self) -> list[str]:
        """Give what axe-core finds serious or critical; skips where it is missing."""
        if not AXE.exists():
            missing_peer("axe-core is not here; fetch it with `make axe`")
        # As the developer's console does: past the page's own policy.
        self.page.evaluate(AXE.read_text(encoding="utf-8") + ";0")
        found: dict[str, Any] = self.page.evaluate("axe.run()")
        return [
            f"{one['id']}: {one['help']}: {[node['target'] for node in one['nodes']]}"
            for one in found["violations"]
            if one["impact"] in {"serious", "critical"}
        ]

    def assert_quiet(self) -> None:
        """Hold that nothing was complained about, and that nobody else was asked."""
        assert self.said == []
        assert [url for url in self.asked if not url.startswith(self.origin)] == []


@contextmanager
def running_browser(program: Path) -> Iterator[Browser]:
    """Run a browser without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=[*_ARGUMENTS]
        )
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def tab(
    browser: Browser,
    address: str,
    scheme: Scheme = "light",
    size: tuple[int, int] = DESKTOP,
    *,
    scripts: bool = True,
) -> Iterator[Tab]:
    """Open a tab of its own context: no cookies, no cache, no history."""
    context = browser.new_context(
        color_scheme=scheme,
        viewport={"width": size[0], "height": size[1]},
        java_script_enabled=scripts,
    )
    opened = Tab(context.new_page(), f"http://{address}")
    opened.page.on("console", lambda m: opened.said.append(f"{m.type}: {m.text}"))
    opened.page.on("pageerror", lambda error: opened.said.append(str(error)))
    opened.page.on("dialog", opened.dismiss)
    opened.page.on("request", lambda request: opened.asked.append(request.url))
    try:
        yield opened
    finally:
        context.close()
