"""The kinds of a single value: flag, whole number, duration, choice, text.

Each holds two things that must agree: how such a value is read, with our own sentence
for one that doesn't fit, and how JSON Schema describes it. They refuse to convert: 25
in quotes is text, `yes` is text, and null is no value.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from types import MappingProxyType

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from exporter.config.complaint import Refusal, did_you_mean
from exporter.config.duration import PATTERN, parse_duration, spell_duration
from exporter.printable import quoted

# For JSON Schema too, where half of a surrogate pair cannot be written.
CONTROL_PATTERN = r"[\u0000-\u001f\u007f-\u009f]"
_CONTROL = re.compile(rf"{CONTROL_PATTERN}|[\ud800-\udfff]")

NO_VALUE = "has no value; give it one or leave the key out"

_NOUNS: dict[type, str] = {
    type(None): "null",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "text",
    list: "a list",
    dict: "a mapping",
}


def noun(value: object) -> str:
    """Say what a value is, as in `a list`."""
    return _NOUNS.get(type(value), type(value).__name__)


class Kind(ABC):
    """What a kind of value is to pydantic: one that reads and describes itself."""

    @abstractmethod
    def read(self, value: object) -> object:
        """Give what the value means; raises Refusal."""

    @abstractmethod
    def schema(self) -> dict[str, object]:
        """Describe the values that are accepted, in JSON Schema."""

    def _read(self, value: object) -> object:
        if value is None:
            raise Refusal(NO_VALUE)
        return self.read(value)

    def __get_pydantic_core_schema__(
        self, _source: object, _handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Let pydantic read through us."""
        return core_schema.no_info_plain_validator_function(self._read)

    def __get_pydantic_json_schema__(
        self, _schema: CoreSchema, _handler: GetJsonSchemaHandler
    ) -> dict[str, object]:
        """Let pydantic describe through us."""
        return self.schema()


class Flag(Kind):
    """True or false, in YAML 1.2's own spelling."""

    def read(self, value: object) -> bool:
        """Give it back."""
        if isinstance(value, bool):
            return value
        shown = quoted(value) if isinstance(value, str) else noun(value)
        raise Refusal(f"must be `true` or `false`, not {shown}")

    def schema(self) -> dict[str, object]:
        """Describe it."""
        return {"type": "boolean"}


class Whole(Kind):
    """A whole number within a range, both ends included; `barred` ones left out."""

    def __init__(
        self, low: int, high: int, barred: Mapping[int, str] = MappingProxyType({})
    ) -> None:
        """Keep the range, and why each number that is left out may not stand."""
        self._low = low
        self._high = high
        self._barred = barred

    def read(self, value: object) -> int:
        """Give it back."""
        wanted = f"must be a whole number from {self._low} to {self._high}"
        if isinstance(value, float):
            raise Refusal(f"{wanted}, not {quoted(str(value))}")
        if isinstance(value, bool) or not isinstance(value, int):
            digits = isinstance(value, str) and value.isdecimal()
            remedy = "; leave out the quotes" if digits else ""
            raise Refusal(f"{wanted}, not {noun(value)}{remedy}")
        if not self._low <= value <= self._high:
            raise Refusal(f"{wanted}, not {quoted(str(value))}")
        if value in self._barred:
            raise Refusal(self._barred[value])
        return value

    def schema(self) -> dict[str, object]:
        """Describe it."""
        left_out = {"not": {"enum": list(self._barred)}} if self._barred else {}
        return {
            "type": "integer",
            "minimum": self._low,
            "maximum": self._high,
            **left_out,
        }


class Span(Kind):
    """A duration within a range, both ends included."""

    def __init__(self, low: str, high: str) -> None:
        """Keep the range."""
        self._low = parse_duration(low)
        self._high = parse_duration(high)

    def read(self, value: object) -> float:
        """Give the seconds."""
        seconds = self._seconds(value)
        if not self._low <= seconds <= self._high:
            low, high = spell_duration(self._low), spell_duration(self._high)
            raise Refusal(f"must be from {low} to {high}, not {quoted(str(value))}")
        return seconds

    @staticmethod
    def _seconds(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise Refusal(f"must be a duration such as `30s`, not {noun(value)}")
        text = str(value)
        if text != "0" and text.isdecimal():
            raise Refusal(f"a duration needs a unit: write {quoted(text + 's')}")
        try:
            return parse_duration(text)
        except ValueError:
            raise Refusal(
                f"{quoted(text)} is not a duration such as `30s`, `1m30s` or `500ms`: "
                "whole numbers of y, w, d, h, m, s, ms, the largest first, each once"
            ) from None

    def schema(self) -> dict[str, object]:
        """Describe it; the range is beyond what a schema can say of text."""
        spelt: dict[str, object] = {"type": "string", "pattern": PATTERN}
        return spelt if self._low else {"anyOf": [spelt, {"const": 0}]}


class Choice(Kind):
    """One word out of a closed set."""

    def __init__(self, words: type[Enum]) -> None:
        """Keep the words."""
        self._member_of = {str(member.value): member for member in words}

    def read(self, value: object) -> Enum:
        """Give the member that the word names."""
        wanted = f"must be {_listed(self._member_of)}"
        if not isinstance(value, str):
            raise Refusal(f"{wanted}, not {noun(value)}")
        if value not in self._member_of:
            meant = did_you_mean(value, self._member_of)
            raise Refusal(f"{wanted}, not {quoted(value)}{meant and '; '}{meant}")
        return self._member_of[value]

    def schema(self) -> dict[str, object]:
        """Describe it."""
        return {"type": "string", "enum": list(self._member_of)}


def _listed(words: Iterable[str]) -> str:
    *first, last = map(quoted, words)
    return f"{', '.join(first)} or {last}" if first else last


class Text(Kind):
    """Text that a function judges, and possibly turns into something else."""

    def __init__(self, judge: Callable[[str], object], **described: object) -> None:
        """Keep the function, and what a schema can say of what it lets pass."""
        self._judge = judge
        self._described = described

    def read(self, value: object) -> object:
        """Give what the function made of it."""
        if not isinstance(value, str):
            remedy = _REMEDY_OF.get(type(value), "")
            raise Refusal(f"must be text, not {noun(value)}{remedy}")
        return self._judge(value)

    def schema(self) -> dict[str, object]:
        """Describe it."""
        return {"type": "string", **self._described}


class Line(Text):
    """Text that is sent or opened as it stands, and so has no control characters."""

    def read(self, value: object) -> object:
        """Give what the function made of it; the refusal doesn't show the text."""
        if isinstance(value, str) and _CONTROL.search(value):
            raise Refusal("control characters may not stand here; leave them out")
        return super().read(value)

    def schema(self) -> dict[str, object]:
        """Describe it."""
        return {**super().schema(), "not": {"pattern": CONTROL_PATTERN}}


_REMEDY_OF: dict[type, str] = {
    bool: "; put it in quotes",
    int: "; put it in quotes",
    float: "; put it in quotes",
    list: "; text that begins with `[` needs quotes",
}
