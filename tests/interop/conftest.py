"""The servers of the interop ring; each prints its log when its test has failed."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.interop.postfix import Postfix, running_postfix

StartPostfix = Callable[[Mapping[str, str]], Postfix]


@contextmanager
def starting(
    running: Callable[[Path, Mapping[str, str]], AbstractContextManager[Postfix]],
) -> Iterator[StartPostfix]:
    """Give what starts such servers, each in a folder of its own, and end them."""
    with ExitStack() as stack:

        def start(settings: Mapping[str, str]) -> Postfix:
            # Not pytest's own folder: Postfix's user must be able to reach it.
            place = stack.enter_context(tempfile.TemporaryDirectory())
            postfix = stack.enter_context(running(Path(place), settings))
            stack.callback(lambda: print(postfix.log))  # noqa: T201 -- shown on failure
            return postfix

        yield start


@pytest.fixture
def start_postfix(peer: Callable[[str], Path]) -> Iterator[StartPostfix]:
    """Start Postfix with lines of main.cf of the test's own; ended with the test."""
    peer("postfix")
    with starting(running_postfix) as start:
        yield start


@pytest.fixture
def postfix(start_postfix: StartPostfix) -> Postfix:
    """Run Postfix as it ships."""
    return start_postfix({})
