"""The API has the shape that its page tells, whatever was seen."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.diagnosis.document import document
from exporter.outcome import Outcome
from exporter.web.api import Api, Unreadable
from tests.unit.accounts import book
from tests.unit.outcomes import exchanger, greeting_timeout, outcome, outcomes, target

PAGE = Path(__file__).parent.parent.parent / "docs" / "api.md"


def told(example: int) -> Any:
    """Give an example of the page."""
    text = PAGE.read_text(encoding="utf-8")
    blocks = re.findall(r"^```json\n((?:.*\n)*?)```$", text, re.MULTILINE)
    return json.loads(blocks[example])


def keys(value: Any) -> Any:
    """Give the shape of a value: its keys, level by level."""
    if isinstance(value, dict):
        return {key: keys(inner) for key, inner in value.items()}
    return keys(value[0]) if isinstance(value, list) and value else None


def test_the_shape_that_is_told() -> None:
    """The example of the list has the keys of the answer, in their order."""
    seen = greeting_timeout()
    api = Api(book({"a": [seen]}, [target("a", labels=(("site", "fra"),))]).shown())
    answer = asyncio.run(api.targets({"state": "failing"}))
    example = told(0)
    for one in (example, answer):
        one["targets"][0]["last"]["phases"] = {}  # those that were reached
        one["targets"][0]["counters"]["session_ends"] = {}
    assert keys(json.loads(json.dumps(answer))) == keys(example)
    assert [*answer["targets"][0]] == [*example["targets"][0]]


def test_a_target_in_full() -> None:
    """One target has its entry, and its sessions as `probe` gives them."""
    failed, well = greeting_timeout(), outcome()
    mx = exchanger()
    api = Api(book({mx.name: [failed, well]}, [mx]).shown())
    answer = asyncio.run(api.target(mx.name))
    assert answer
    assert [*answer] == [*told(1)]
    assert answer["target"]["mx_domain"] == "example.com"
    assert answer["sessions"] == [document(mx, well), document(mx, failed)]
    assert answer["failed_sessions"] == [document(mx, failed)]
    assert asyncio.run(api.target("another")) is None


@pytest.mark.parametrize("key", ["state", "sort", "limit", "offset"])
@given(text=st.text(min_size=1))
def test_any_question(key: str, text: str) -> None:
    """Whatever is asked is answered, or refused with a sentence that names the key."""
    api = Api(book({}, [target()]).shown())
    try:
        asyncio.run(api.targets({key: text}))
    except Unreadable as complaint:
        assert str(complaint).startswith(f"`{key}` must be ")  # noqa: PT017 -- either will do


@given(seen=st.lists(outcomes(), max_size=3))
@settings(max_examples=50)
def test_any_session(seen: list[Outcome]) -> None:
    """Whatever was seen, both answers are JSON."""
    api = Api(book({"a": seen}, [target("a")]).shown())
    for answer in map(asyncio.run, (api.targets({}), api.target("a"))):
        assert json.loads(json.dumps(answer, allow_nan=False))["status"] == "success"
