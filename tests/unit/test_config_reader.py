"""YAML 1.2 as written, each value with its place, and no file that can do harm."""

import math
import time
from pathlib import Path

import pytest
import yaml

from exporter.config import ConfigError, Place, reader
from exporter.config.complaint import Complaints
from exporter.config.reader import Node, read
from exporter.config.scalar import resolve


@pytest.fixture(params=[yaml.CSafeLoader, yaml.SafeLoader], autouse=True)
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run every test with both of PyYAML's parsers."""
    monkeypatch.setattr(reader, "_Loader", request.param)


def node(text: str) -> Node:
    complaints = Complaints(Path("c"))
    return complaints.settle(read(text, complaints))


def refusal(text: str) -> str:
    with pytest.raises(ConfigError) as raised:
        node(text)
    return str(raised.value)


class TestScalars:
    """What a plain word means."""

    @pytest.mark.parametrize(
        "text",
        [
            *(
                "no",
                "off",
                "on",
                "yes",
                "y",
                "N",
                "tRue",
                "nULL",
                "22:22",
                "2026-01-02",
            ),
            *(
                "1_000",
                "0b1",
                "0o8",
                "0xg",
                "+",
                ".",
                "1e",
                "1.2.3",
                "=",
                "0x",
                "+.nan",
            ),
        ],
    )
    def test_text(self, text: str) -> None:
        """Whatever YAML 1.2's core schema doesn't name is text."""
        assert node(f"[{text}]").value == [text]

    @pytest.mark.parametrize(
        ("text", "value"),
        [
            *[(text, None) for text in ("null", "Null", "NULL", "~", "")],
            *[(text, True) for text in ("true", "True", "TRUE")],
            *[(text, False) for text in ("false", "False", "FALSE")],
            *[("0", 0), ("-7", -7), ("+7", 7), ("025", 25), ("0o17", 15), ("0x1F", 31)],
            *[("1.10", 1.1), ("1e3", 1000.0), (".5", 0.5), ("-2.", -2.0)],
            *[(".inf", math.inf), ("-.INF", -math.inf), ("9" * 5000, math.inf)],
        ],
    )
    def test_values(self, text: str, value: object) -> None:
        """The core schema's own words are values of their type."""
        read_as = resolve(text)[1]
        assert (read_as, type(read_as)) == (value, type(value))

    def test_nan(self) -> None:
        """There is a number that isn't one."""
        assert math.isnan(float(str(resolve(".nan")[1])))

    @pytest.mark.parametrize("text", ['"25"', "'true'", "|-\n 25", "!!str 25", '"~"'])
    def test_quoted(self, text: str) -> None:
        """Text in quotes, in a block or under !!str stays text."""
        assert isinstance(node(text).value, str)

    def test_core_tags(self) -> None:
        """The core tags are accepted where they say the truth."""
        text = '!!map {a: !!seq [!!int "1", !!null ~, !!bool true, !!float 1.5]}'
        assert node(text).value == {"a": [1, None, True, 1.5]}

    @pytest.mark.parametrize(
        "text", ["!!int x", "!!seq {}", "!!map x", "!mine x", "!!binary x", "!<x> x"]
    )
    def test_other_tags(self, text: str) -> None:
        """A tag that isn't of the core, or says what isn't so, is refused."""
        assert "may not stand here; leave it out" in refusal(text)

    def test_keys_are_text(self) -> None:
        """A key is its text, whatever it would mean as a value."""
        assert node("{25: a, true: b, 1e3: c}").value == {
            "25": "a",
            "true": "b",
            "1e3": "c",
        }

    def test_a_surrogate(self) -> None:
        """Half of a surrogate pair is refused, by one parser or by us."""
        assert refusal('["\\ud83d"]').startswith("c:1:")

    @pytest.mark.parametrize(
        ("text", "remedy"),
        [
            ("targets:\n\t- a", "c:2:1: .*; indent with spaces, not tabs"),
            ("targets:\n- [::1]:25", "c:2:4: .*; text that begins with"),
            ("targets:\n- [2001:db8::1]:25", "c:2:16: .*; text that begins with"),
            ("targets: a: b", "c:1:11: .*; text that holds `: ` needs quotes"),
        ],
    )
    def test_remedies(self, text: str, remedy: str) -> None:
        """The commonest slips are answered with a remedy."""
        with pytest.raises(ConfigError, match=remedy):
            node(text)


class TestPlaces:
    """Where things stand."""

    def test_places(self) -> None:
        """Lines and columns count from 1, columns in characters."""
        root = node("# ä\nä: {ö: 1}\nb:\n- x\n- [y]\n")
        assert root.place == (2, 1)
        assert root.entries["ä"].place == (2, 1)
        assert root.entries["ä"].node.place == (2, 4)
        assert root.entries["ä"].node.entries["ö"].node.place == (2, 8)
        assert root.entries["b"].node.entries[1].node.entries[0].place == (5, 4)

    def test_a_byte_order_mark_takes_no_column(self) -> None:
        """A byte order mark in front moves nothing."""
        assert node("\ufeffa: b").entries["a"].place == (1, 1)

    def test_an_alias_stands_where_it_is_used(self) -> None:
        """What an alias stands for has the alias's place, and its own inside."""
        root = node("a: &x {k: 1}\nb: *x\n")
        assert root.value == {"a": {"k": 1}, "b": {"k": 1}}
        assert root.entries["b"].node.place == (2, 4)
        assert root.entries["b"].node.entries["k"].place == (1, 8)

    def test_nothing(self) -> None:
        """A file of comments holds nothing."""
        assert read("# nothing\n", Complaints(Path("c"))) is None

    def test_all_at_once(self) -> None:
        """What can be read over is read over, so that all of it is told."""
        text = "a: 1\na: 2\nb: {<<: 1, [x]: 2}\nc: !x 1\n"
        assert refusal(text).splitlines() == [
            "c:2:1: a: this key is written twice, first on line 1; "
            "leave one of them out",
            'c:3:5: b["<<"]: merge keys are not supported; write the keys out',
            "c:3:12: b: a key must be plain text, not a list or a mapping",
            "c:4:4: c: the tag `!x` may not stand here; leave it out",
        ]


class TestGuards:
    """What is refused before anything is built of it."""

    @pytest.mark.parametrize("deep", ["[", "{a: ", "- ", "? ", "[{a: "])
    def test_deep_nesting(self, deep: str) -> None:
        """Nesting that would end the process is refused at once."""
        before = time.monotonic()
        assert "nested more than 32 deep" in refusal(deep * 100_000)
        assert time.monotonic() - before < 5

    def test_the_deepest(self) -> None:
        """Nesting up to the guard is fine."""
        deep = reader.MAX_DEPTH
        assert node("[" * deep + "]" * deep).size == deep

    def test_billion_laughs(self) -> None:
        """Aliases of aliases are refused before they multiply."""
        laughs = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n" + "".join(
            f"a{n + 1}: &a{n + 1} [{', '.join([f'*a{n}'] * 9)}]\n" for n in range(9)
        )
        assert "aliases stand for more than" in refusal(laughs)

    def test_alias_count(self) -> None:
        """More aliases than any configuration needs are refused."""
        text = "a: &a 1\nb: [" + "*a, " * (reader.MAX_ALIASES + 1) + "]"
        assert "more than 100 aliases" in refusal(text)

    def test_an_alias_of_itself(self) -> None:
        """What isn't complete can't be referred to."""
        assert "has no anchor" in refusal("a: &a [*a]")

    def test_node_count(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """More values and keys than the guard allows are refused."""
        monkeypatch.setattr(reader, "MAX_NODES", 5)
        assert node("[1, 2, 3, 4]").size == 5
        assert refusal("[1, 2, 3, 4, 5]") == "c:1:14: more than 5 values and keys"

    def test_length(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Text over the limit is refused unread."""
        monkeypatch.setattr(reader, "MAX_OCTETS", 5)
        assert refusal("[[[[[[") == "c: the text is longer than 5 characters"

    @pytest.mark.parametrize("character", ["\0", "\x07", "\x7f", "\ud800", "\ufeff"])
    def test_characters(self, character: str) -> None:
        """A character that may not stand in YAML is refused with its place."""
        assert refusal(f"a: 1\nb: x{character}y").startswith("c:2:5: the character U+")

    def test_the_parsers_own_slips(self) -> None:
        """Even where a parser lets a conversion raise, it is a complaint."""
        assert "this is not YAML" in refusal('"\\UFFFFFFFF"')

    def test_place_of_nothing(self) -> None:
        """An empty value stands right behind its colon."""
        assert node("a:\nb: 1").entries["a"].node.place == Place(1, 3)
