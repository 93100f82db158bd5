"""The servers of the interop ring; each prints its log when its test has failed."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.interop.postfix import Postfix, running_postfix

StartPostfix = Callable[[Mapping[str, str]], Postfix]


@pytest.fixture
def start_postfix(peer: Callable[[str], Path]) -> Iterator[StartPostfix]:
    """Start Postfix with lines of main.cf of the test's own; ended with the test."""
    peer("postfix")
    with ExitStack() as stack:

        def start(settings: Mapping[str, str]) -> Postfix:
            # Not pytest's own folder: Postfix's user must be able to reach it.
            place = stack.enter_context(tempfile.TemporaryDirectory())
            postfix = stack.enter_context(running_postfix(Path(place), settings))
            stack.callback(lambda: print(postfix.log))  # noqa: T201 -- shown on failure
            return postfix

        yield start


@pytest.fixture
def postfix(start_postfix: StartPostfix) -> Postfix:
    """Run Postfix as it ships."""
    return start_postfix({})
