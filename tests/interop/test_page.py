"""What makes a page of the ring differ from what was seen, and what does not."""

import pytest

from tests.interop.page import comparable

ROW = "| Exim | 4.96-15+deb12u11 | `220 mail.test ESMTP` | 0.4 ms |"


@pytest.mark.parametrize(
    ("here", "there"),
    [("0.4 ms", "210.0 ms"), ("-15+deb12u11", "-15+deb12u7")],
    ids=["milliseconds", "revision"],
)
def test_of_the_machine(here: str, there: str) -> None:
    """Milliseconds and Debian's revision of a version may be other ones."""
    assert comparable(ROW.replace(here, there)) == comparable(ROW)


@pytest.mark.parametrize(
    ("here", "there"),
    [("4.96", "4.98"), ("220", "554"), ("0.4 ms", ""), ("Exim", "Exim 4")],
    ids=["version", "answer", "no milliseconds", "name"],
)
def test_of_the_server(here: str, there: str) -> None:
    """Anything else that is another one makes the page wrong."""
    assert comparable(ROW.replace(here, there)) != comparable(ROW)
