"""The property tests of the parser and the dialogue, with 10,000 examples each.

They run where HYPOTHESIS_PROFILE=long is set, and skip by name elsewhere. A property
takes its settings when it is made, so the unit ring's files are read a second time,
under that profile; the unit ring itself stays quick.
"""

import os
import sys
from collections.abc import Callable, Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
from hypothesis import is_hypothesis_test, settings

UNIT = Path(__file__).parents[1] / "unit"
FILES = (
    *("test_reply", "test_dialogue", "test_command", "test_capabilities"),
    *("test_tls_facts", "test_tls_verdict", "test_encryption", "test_mta_sts"),
)
LONG = "long"
EXAMPLES = 10_000
WANTED = os.environ.get("HYPOTHESIS_PROFILE") == LONG

settings.register_profile(LONG, deadline=None, max_examples=EXAMPLES)


def _properties_of(file: str) -> Iterator[tuple[str, Callable[[], None]]]:
    name = f"{__name__}.{file}"
    spec = spec_from_file_location(name, UNIT / f"{file}.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    for what, value in vars(module).items():
        if callable(value) and is_hypothesis_test(value):
            yield f"{file}::{what}", value


def _properties() -> dict[str, Callable[[], None]]:
    before = settings.get_current_profile_name()
    settings.load_profile(LONG if WANTED else before)
    try:
        return {name: p for file in FILES for name, p in _properties_of(file)}
    finally:
        settings.load_profile(before)


PROPERTIES = _properties()


@pytest.mark.skipif(not WANTED, reason=f"HYPOTHESIS_PROFILE={LONG} is not set")
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("holds", PROPERTIES.values(), ids=PROPERTIES)
def test_long(holds: Callable[[], None]) -> None:
    """A property of the unit ring holds for many more examples."""
    holds()


def test_properties() -> None:
    """The parser and the dialogue have properties to try."""
    files = {name.partition("::")[0] for name in PROPERTIES}

    assert files >= {"test_reply", "test_dialogue"}
