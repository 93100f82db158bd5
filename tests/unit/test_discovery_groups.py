"""The format of file_sd and http_sd: what is found, what is told, what is refused."""

import json
from collections.abc import Iterable
from contextlib import suppress

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from exporter.discovery import groups, items
from exporter.discovery.groups import Found, read_groups
from exporter.discovery.items import Form, Unreadable

JSON, YAML = Form.JSON, Form.YAML
FORMS = [JSON, YAML]


def read(text: str | bytes, form: Form = YAML) -> tuple[list[Found], list[str]]:
    """Read a text to its end."""
    octets = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    complaints: list[str] = []
    return list(read_groups(octets, form, complaints.append)), complaints


def plain(address: str) -> Found:
    """Give a target of which nothing else is said."""
    return Found(address, None, ())


def written(value: object, form: Form) -> str:
    """Write a list in one of the forms."""
    return json.dumps(value) if form is JSON else yaml.safe_dump(value)


# --- what is found


@pytest.mark.parametrize("form", FORMS)
def test_groups(form: Form) -> None:
    """Each target of each group is found in order, with the labels of its group."""
    text = written(
        [
            {"targets": ["a:25", "b"], "labels": {"site": "fra", "rack": "7"}},
            {"targets": ["[2001:db8::1]:25"]},
            {"targets": []},
        ],
        form,
    )
    labels = {("site", "fra"), ("rack", "7")}

    found, complaints = read(text, form)

    assert [one.address for one in found] == ["a:25", "b", "[2001:db8::1]:25"]
    assert [set(one.labels) for one in found] == [labels, labels, set()]
    assert complaints == []


@pytest.mark.parametrize("form", FORMS)
def test_labels_of_the_ecosystem(form: Form) -> None:
    """`__param_module` names the module, and no other label with `__` is kept."""
    labels = {
        "__param_module": "submission",
        "__address__": "elsewhere",
        "__meta_datacenter": "1",
        "__scheme__": "https",
        "__metrics_path__": "/probe",
        "__tmp_hash": ["not", "text"],
        "__": "x",
        "_kept": "yes",
    }

    assert read(written([{"targets": ["a"], "labels": labels}], form), form) == (
        [Found("a", "submission", (("_kept", "yes"),))],
        [],
    )


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("nothing", ["", None])
def test_labels_without_a_value(form: Form, nothing: str | None) -> None:
    """A label without a value is one that isn't there, the module's too."""
    labels = {"site": nothing, "__param_module": nothing}

    assert read(written([{"targets": ["a"], "labels": labels}], form), form) == (
        [plain("a")],
        [],
    )
    assert read(written([{"targets": ["a"], "labels": nothing}], form), form)[0] == (
        [] if nothing == "" else [plain("a")]
    )


@pytest.mark.parametrize("text", ["no", "on", "025", "22:30", "1e3", "2026-01-02", "5"])
def test_plain_words_of_yaml(text: str) -> None:
    """A scalar of YAML is its text, whatever else YAML 1.1 would make of it."""
    found, complaints = read(f"- targets: [{text}]\n  labels: {{{text}: {text}}}")

    assert found == [Found(text, None, ((text, text),))]
    assert complaints == []


def test_nulls_of_yaml() -> None:
    """The plain words for null are no text, and in quotes they are."""
    found, complaints = read("- targets: [~, null, 'null', \"~\"]")

    assert found == [plain("null"), plain("~")]
    assert complaints == [
        "[0].targets[0]: must be text, not nothing",
        "[0].targets[1]: must be text, not nothing",
    ]


def test_aliases() -> None:
    """An alias stands for what its anchor was at, group, list, labels or text."""
    found, complaints = read(
        "- &g {targets: &t [&a x], labels: &l {site: fra}}\n"
        "- *g\n- {targets: *t, labels: *l}\n- {targets: [*a]}\n"
    )

    with_site = Found("x", None, (("site", "fra"),))
    assert found == [with_site, with_site, with_site, plain("x")]
    assert complaints == []


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("text", ["[]", " [ ]\r\n", "\ufeff[]\n"])
def test_an_empty_list(text: str, form: Form) -> None:
    """A list without groups names no targets, and that is no complaint."""
    assert read(text, form) == ([], [])


NAMES = st.text("abc_", min_size=1, max_size=3).filter(lambda x: not x.startswith("__"))
LISTS = st.lists(
    st.fixed_dictionaries(
        {"targets": st.lists(st.text(max_size=5), max_size=3)},
        optional={"labels": st.dictionaries(NAMES, st.text(max_size=5), max_size=3)},
    ),
    max_size=4,
)


@given(LISTS, st.booleans())
def test_every_list(groups: list[dict[str, object]], indented: bool) -> None:
    """What was written is found, in both forms and however it is laid out."""
    as_json = json.dumps(groups, indent=1 if indented else None)
    as_yaml = yaml.safe_dump(groups, default_flow_style=not indented)
    expected = [_expected(group, one) for group in groups for one in _targets(group)]

    assert read(as_json, JSON) == (expected, [])
    found, complaints = read(as_yaml)
    in_order = [one._replace(labels=tuple(sorted(one.labels))) for one in found]
    assert (in_order, complaints) == (
        [one._replace(labels=tuple(sorted(one.labels))) for one in expected],
        [],
    )


def _targets(group: dict[str, object]) -> Iterable[str]:
    targets = group["targets"]
    assert isinstance(targets, list)
    return targets


def _expected(group: dict[str, object], address: str) -> Found:
    labels = group.get("labels", {})
    assert isinstance(labels, dict)
    return Found(address, None, tuple((k, v) for k, v in labels.items() if v))


# --- one bad thing among good ones


@pytest.mark.parametrize(
    ("bad", "complaint"),
    [
        ("a:25", "[1]: must be a mapping, not text"),
        (["a"], "[1]: must be a mapping, not a list"),
        (7, "[1]: must be a mapping, not "),
        ({}, "[1].targets: must be a list, not nothing"),
        ({"targets": None}, "[1].targets: must be a list, not nothing"),
        ({"targets": "a"}, "[1].targets: must be a list, not text"),
        ({"targets": {"a": "b"}}, "[1].targets: must be a list, not a mapping"),
        ({"targets": [["a"]]}, "[1].targets[0]: must be text, not a list"),
        (
            {"targets": ["a"], "labels": ["x"]},
            "[1].labels: must be a mapping, not a list",
        ),
        (
            {"targets": ["a"], "labels": {"x": ["y"]}},
            "[1].labels.`x`: must be text, not a list",
        ),
        (
            {"targets": ["a"], "labels": {f"l{n}": "x" for n in range(51)}},
            "[1].labels: there are more than 50",
        ),
    ],
)
@pytest.mark.parametrize("form", FORMS)
def test_a_bad_group(bad: object, complaint: str, form: Form) -> None:
    """A bad group or target is told of with its place, and the others are found."""
    text = written([{"targets": ["before"]}, bad, {"targets": ["behind"]}], form)

    found, complaints = read(text, form)

    assert found == [plain("before"), plain("behind")]
    assert len(complaints) == 1
    assert complaints[0].startswith(complaint)


@pytest.mark.parametrize("form", FORMS)
def test_a_bad_target(form: Form) -> None:
    """The other targets of its group are found."""
    found, complaints = read(written([{"targets": ["a", {}, "b"]}], form), form)

    assert found == [plain("a"), plain("b")]
    assert complaints == ["[0].targets[1]: must be text, not a mapping"]


@pytest.mark.parametrize(
    ("value", "noun"), [("1", "a number"), ("1.5", "a number"), ("true", "a truth")]
)
def test_numbers_of_json(value: str, noun: str) -> None:
    """What JSON has besides text is not taken for it, as in Prometheus."""
    found, complaints = read(f'[{{"targets": ["a", {value}]}}]', JSON)

    assert found == [plain("a")]
    assert complaints[0].startswith(f"[0].targets[1]: must be text, not {noun}")


@pytest.mark.parametrize("form", FORMS)
def test_a_key_that_means_nothing(form: Form) -> None:
    """It is told of, and the rest of its group stands."""
    text = written([{"targets": ["a"], "lables": {"site": "fra"}}], form)

    assert read(text, form) == (
        [plain("a")],
        ["[0]: `lables` means nothing in a group; it is ignored"],
    )


@pytest.mark.parametrize(
    ("text", "form", "complaint"),
    [
        ('[{"targets": ["a"], "targets": []}]', JSON, "[0]: the key `targets`"),
        ("- targets: [a]\n  targets: []", YAML, "[0]: the key `targets`"),
        ("- {targets: [a], labels: {x: y, x: z}}", YAML, "[0].labels: the key `x`"),
    ],
)
def test_a_key_written_twice(text: str, form: Form, complaint: str) -> None:
    """Its mapping stands for nothing."""
    assert read(text, form) == ([], [f"{complaint} is written twice"])


@pytest.mark.parametrize("key", ["[a]", "{a: b}", "~"])
def test_a_key_that_is_no_text(key: str) -> None:
    """Its mapping stands for nothing, and the other groups are found."""
    assert read(f"- {{targets: [a], ? {key} : x}}\n- targets: [b]") == (
        [plain("b")],
        ["[0]: a key must be plain text"],
    )


# --- texts that stand for nothing


@pytest.mark.parametrize(
    ("text", "form", "sentence"),
    [
        ("", JSON, "it is empty"),
        (" \n", YAML, "it is empty"),
        ("# later\n", YAML, "it is not a list of groups"),
        ("---\n", YAML, "it is not a list of groups"),
        ("{}", JSON, "it is not a list of groups"),
        ("{}", YAML, "it is not a list of groups"),
        ("text", YAML, "it is not a list of groups"),
        ('"text"', JSON, "it is not a list of groups"),
        (b"- targets: [\xff]", YAML, "it is not UTF-8: invalid start byte"),
        ("[\n{]", JSON, "line 2, column 2: this is not JSON: "),
        ("[{} {}]", JSON, "line 1, column 5: this is not JSON: Expecting ',' or ']'"),
        ("[{},]", JSON, "line 1, column 5: this is not JSON: "),
        ("[] []", JSON, "line 1, column 3: this is not JSON: Extra data"),
        (f"[{'9' * 5000}]", JSON, "this is not JSON: Exceeds the limit"),
        ("- targets: [a", YAML, "line 2, column 1: this is not YAML: "),
        ("- a\n\t- b", YAML, "line 2, column 1: this is not YAML: "),
        ("- a\x07", YAML, "this is not YAML: "),
        ("- *a", YAML, "line 1, column 3: nothing before has the anchor `a`"),
        ("- &a [*a]", YAML, "line 1, column 7: nothing before has the anchor `a`"),
        ("&a [*a]", YAML, "line 1, column 5: nothing before has the anchor `a`"),
        ("[]\n---\n[]", YAML, "line 2, column 1: a second document begins"),
    ],
)
def test_unreadable(text: str | bytes, form: Form, sentence: str) -> None:
    """Its sentence says why, with the place where there is one."""
    with pytest.raises(Unreadable) as raised:
        read(text, form)

    assert str(raised.value).startswith(sentence)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("opening", ["[", '[{"a":', '[{"targets":['])
def test_deep_nesting(opening: str, form: Form) -> None:
    """A text that nests a hundred thousand deep is refused and does no harm."""
    with pytest.raises(Unreadable, match=r"nest(ed|ing)"):
        read(opening * 100_000, form)


@pytest.mark.parametrize(
    ("bound", "limit", "text", "sentence"),
    [
        ("MAX_OCTETS", 10, "[          ]", "it is longer than 10 octets"),
        (
            "MAX_TARGETS",
            2,
            '[{"targets": ["a", "b", "c"]}]',
            "it names more than 2 targets",
        ),
        ("MAX_TARGETS", 2, "[{}, {}, {}]", "it has more than 2 groups"),
        ("MAX_NODES", 3, "[[1, 2, 3]]", "it has more than 3 values and keys"),
        ("MAX_NODES", 3, "[[], [], [], []]", "it has more than 3 values and keys"),
    ],
)
@pytest.mark.parametrize("form", FORMS)
def test_bounds(
    bound: str,
    limit: int,
    text: str,
    sentence: str,
    form: Form,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What goes over a bound stands for nothing."""
    monkeypatch.setattr(groups if bound == "MAX_TARGETS" else items, bound, limit)

    with pytest.raises(Unreadable) as raised:
        read(text, form)

    assert str(raised.value) == sentence


def test_lists_that_are_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Targets are counted as often as aliases stand for them."""
    monkeypatch.setattr(groups, "MAX_TARGETS", 5)

    with pytest.raises(Unreadable, match="it names more than 5 targets"):
        read("- &g {targets: [a, b]}\n- *g\n- *g")


def test_half_of_json() -> None:
    """No beginning of a text in JSON passes for the whole."""
    whole = '[ {"targets": ["a", "b"], "labels": {"x": "y"}} , {"targets": []} ]'

    for length in range(len(whole)):
        with pytest.raises(Unreadable):
            read(whole[:length], JSON)
    assert read(whole, JSON)[0]


@given(st.text("[]{}\",:ab \n-&*!|>'#?~\\\t") | st.text(), st.sampled_from(FORMS))
def test_any_text(text: str, form: Form) -> None:
    """Whatever a text is, it is found something in, or refused."""
    with suppress(Unreadable):
        found, complaints = read(text, form)
        assert all(isinstance(one.address, str) for one in found)
        assert all(complaint.startswith("[") for complaint in complaints)
