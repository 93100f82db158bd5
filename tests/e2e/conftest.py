"""The programs of the e2e ring: the installed exporter and a real Prometheus."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.e2e.demo import running_demo
from tests.e2e.prometheus import Prometheus, running_prometheus
from tests.interop.conftest import postfix, start_postfix

__all__ = ["demo_metrics", "postfix", "scraping", "start_postfix"]

Scraping = Callable[[str], AbstractContextManager[Prometheus]]


@pytest.fixture
def scraping(peer: Callable[[str], Path], tmp_path: Path) -> Scraping:
    """Give a Prometheus that scrapes an address."""
    program = peer("prometheus")
    return lambda address: running_prometheus(program, tmp_path, address)


@pytest.fixture(scope="module")
def demo_metrics() -> Iterator[str]:
    """Run the demo until each of its targets was probed; gives its address."""
    with running_demo() as address:
        yield address
