"""Makes the pictures of the pages: the demo, as the machine's Chromium shows it.

Run as `make screenshots`. A picture that has grown past its bound is not written.
"""

import sys
from pathlib import Path
from typing import NamedTuple

from tests.conftest import find_peer
from tests.e2e.browser import DESKTOP, PHONE, Scheme, running_browser, tab
from tests.e2e.demo import running_demo

IMAGES = Path(__file__).with_name("images")
# A clone holds every version there ever was.
MAX_OCTETS = 200_000


class Picture(NamedTuple):
    """One picture: of which page, how."""

    name: str
    path: str
    scheme: Scheme = "light"
    size: tuple[int, int] = DESKTOP


PICTURES = (
    Picture("status", "/?sort=name"),
    Picture("status-dark", "/?state=failing", "dark"),
    Picture("status-phone", "/", "light", PHONE),
    Picture("target", "/targets/expired-certificate", "light", (1280, 1180)),
    Picture("target-phone", "/targets/never-greets", "dark", PHONE),
)


def main() -> None:
    """Take every picture."""
    IMAGES.mkdir(exist_ok=True)
    with running_demo() as address, running_browser(find_peer("chromium")) as browser:
        for picture in PICTURES:
            with tab(browser, address, picture.scheme, picture.size) as shown:
                shown.go(picture.path)
                taken = shown.page.screenshot()
            if len(taken) > MAX_OCTETS:
                sys.exit(f"{picture.name} has {len(taken)} octets, not {MAX_OCTETS}")
            (IMAGES / f"{picture.name}.png").write_bytes(taken)


if __name__ == "__main__":
    main()
