"""The committed dashboards keep the rules of Grafana's dashboard-linter, and our own.

Its rules (v0.2.0) are stated here anew, by the names that it gives them, and hold for
every panel and query but for those that `.lint` names; more of them are ours. Whether a
query is valid PromQL and has an answer is asked of a real Prometheus, in
tests/e2e/test_dashboards.py.
"""

import re
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.grafana.generate import FOLDER, files
from deploy.grafana.words import CLOSE_COLOURS, PHASE_COLOURS, UNSOLICITED_COLOURS
from exporter.metrics.own import OwnMetrics
from exporter.vocabulary import Close, Phase, Unsolicited
from tests.dashboards import Board, Json, boards
from tests.unit.test_docs import TARGET_LABELS, families

BOARDS = boards()
GRAFANA = FOLDER.parent
each_board = pytest.mark.parametrize("board", BOARDS, ids=[one.uid for one in BOARDS])

SOURCE = {"type": "prometheus", "uid": "${datasource}"}
# Of those that Grafana 10 to 13 have; `graph` and `singlestat` are gone.
KINDS_OF_NOW = {"stat", "table", "bargauge"}
KINDS_OVER_TIME = {"timeseries", "state-timeline", "heatmap"}
# Of the units in the linter's list, those in use.
UNITS = {"none", "short", "s", "bytes", "percentunit", "ops", "cpm", "dateTimeFromNow"}
# What Grafana itself gives a value for.
GRAFANAS_OWN = {
    *("__rate_interval", "__range", "__url_time_range", "__value", "__field"),
    "__all",
}

# A shard is missing among all, whichever is looked at.
OF_ALL_INSTANCES = {("Mail servers: the exporter", "Shards missing")}

SELECTOR = re.compile(r"\b([a-z_][a-z0-9_]*)\{([^}]*)\}")
RANGE = re.compile(r"(\w+)\([a-z_]\w*\{[^}]*\}\[([^\]]+)\]\)")


def test_the_files_are_current() -> None:
    """The committed files are what `make dashboards` writes, and there is no other."""
    assert {path: path.read_text("utf-8") for path in FOLDER.glob("*.json")} == dict(
        files()
    )


# --- dashboard-linter's rules


@each_board
def test_template_datasource(board: Board) -> None:
    """There is one variable for the data source, and it has the usual name."""
    (only,) = (v for v in board.variables.values() if v["type"] == "datasource")

    assert only["name"] == "datasource"
    assert only["label"] == "Data source"
    assert only["query"] == "prometheus"


@pytest.mark.parametrize("name", ["job", "instance"])
@each_board
def test_template_job_and_instance(board: Board, name: str) -> None:
    """Job and instance can be chosen, several at a time, and all."""
    variable = board.variables[name]

    assert variable["type"] == "query"
    assert variable["label"] == name.title()
    assert variable["multi"]
    assert variable["includeAll"]
    assert variable.get("allValue") == (None if name == "job" else ".+")


def test_exceptions_are_told() -> None:
    """The linter is told of each exception that the tests make, and of no other."""
    told = yaml.safe_load((FOLDER / ".lint").read_text("utf-8"))["exclusions"]

    assert {*told} == {"template-job-rule", "target-instance-rule"}
    assert all(one["reason"] for one in told.values())
    assert {
        (entry["dashboard"], entry["panel"])
        for entry in told["target-instance-rule"]["entries"]
    } == OF_ALL_INSTANCES


@each_board
def test_template_on_time_change_reload(board: Board) -> None:
    """Variables are read anew when the time range changes."""
    for variable in board.variables.values():
        if variable["type"] == "query":
            assert variable["refresh"] == 2, variable["name"]
            assert variable["datasource"] == SOURCE


@each_board
def test_panel_datasource(board: Board) -> None:
    """No data source is written down: all are the one that was chosen."""
    assert {str(found) for found in sources(board.json)} == {str(SOURCE)}
    for panel, query in board.queries():
        assert panel["datasource"] == query["datasource"] == SOURCE


def sources(json: Any) -> Iterator[Json]:
    """Find every data source that is named."""
    if isinstance(json, list):
        for one in json:
            yield from sources(one)
    if isinstance(json, dict):
        if "datasource" in json:
            yield json["datasource"]
        for one in json.values():
            yield from sources(one)


@each_board
def test_panel_title_description(board: Board) -> None:
    """Each panel has a title of its own and says in a sentence what it shows."""
    titles = [panel["title"] for panel in board.panels]

    assert len({*titles}) == len(titles)
    for panel in board.panels:
        assert panel["title"].strip()
        assert panel["description"].endswith("."), panel["title"]


@each_board
def test_panel_units(board: Board) -> None:
    """Each panel and column has a unit that Grafana knows."""
    for panel in board.panels:
        config = panel["fieldConfig"]
        columns = [p for o in config["overrides"] for p in o["properties"]]
        units = {p["value"] for p in columns if p["id"] == "unit"}

        assert {config["defaults"]["unit"]} | units <= UNITS, panel["title"]


@each_board
def test_panel_no_targets(board: Board) -> None:
    """Each panel asks something, and the letters of its queries are their own."""
    for panel in board.panels:
        letters = [query["refId"] for query in panel["targets"]]

        assert letters
        assert len({*letters}) == len(letters)


@each_board
def test_target_rate_interval(board: Board) -> None:
    """A rate is over `$__rate_interval`; an increase may be over all that is shown."""
    allowed = {
        "rate": {"$__rate_interval"},
        "increase": {"$__rate_interval", "$__range"},
        "max_over_time": {"1d"},
    }
    for what, expr in board.expressions():
        found = RANGE.findall(expr)

        assert len(found) == expr.count("["), what
        for call, span in found:
            assert span in allowed[call], what


@each_board
def test_target_counter_agg(board: Board) -> None:
    """A counter stands in a rate or an increase, wherever it stands."""
    for what, expr in board.expressions():
        for found in SELECTOR.finditer(expr):
            if found[1].endswith(("_total", "_bucket", "_sum", "_count")):
                before, behind = expr[: found.start()], expr[found.end() :]

                assert before.endswith(("rate(", "increase(")), what
                assert behind.startswith("["), what


@each_board
def test_target_job_and_instance(board: Board) -> None:
    """Each selector of a panel and an annotation keeps to job and instance."""
    told = [(panel["title"], query["expr"]) for panel, query in board.queries()]
    for what, expr in (*told, *((a["name"], a["expr"]) for a in board.annotations)):
        asked = SELECTOR.findall(expr)

        assert asked, what
        for _, matchers in asked:
            assert 'job=~"$job"' in matchers, what
            if (board.json["title"], what) not in OF_ALL_INSTANCES:
                assert 'instance=~"$instance"' in matchers, what


@each_board
def test_uneditable_dashboard(board: Board) -> None:
    """A dashboard that is provisioned is not edited where the next one overwrites."""
    assert board.json["editable"] is False


# --- and ours


@each_board
def test_identity(board: Board) -> None:
    """The uid is stable and short, there is no id, and time and refresh are set."""
    json = board.json

    assert re.fullmatch(r"mailserver-[a-z]{3,29}", board.uid)
    assert "id" not in json
    assert "version" not in json
    assert json["schemaVersion"] == 39
    assert (json["time"], json["refresh"]) == ({"from": "now-6h", "to": "now"}, "1m")
    assert json["tags"] == ["mailserver-exporter"]


@each_board
def test_places(board: Board) -> None:
    """No two panels overlap, none leaves the grid, and each has an id of its own."""
    placed = [*board.placed()]
    ids = [panel["id"] for panel in placed]

    assert len({*ids}) == len(ids)
    for panel in placed:
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
    open_ones = board.json["panels"]
    inside = (row["panels"] for row in open_ones if row["type"] == "row")
    for together in (open_ones, *inside):
        for one, other in combinations((p["gridPos"] for p in together), 2):
            assert not overlap(one, other), (one, other)


def overlap(one: Json, other: Json) -> bool:
    """Whether two rectangles have a part in common."""
    return all(
        one[at] < other[at] + other[size] and other[at] < one[at] + one[size]
        for at, size in (("x", "w"), ("y", "h"))
    )


@each_board
def test_kinds(board: Board) -> None:
    """What tells of now asks for an instant, what is over time for a range."""
    for panel in board.panels:
        kinds = KINDS_OF_NOW if panel["targets"][0]["instant"] else KINDS_OVER_TIME

        assert panel["type"] in kinds, panel["title"]
        for query in panel["targets"]:
            assert query["instant"] is not query["range"]
        if panel["type"] == "table":
            assert [query["format"] for query in panel["targets"]] == ["table"]


@pytest.mark.parametrize(
    "board", [b for b in BOARDS if "targets" in b.variables], ids=lambda b: str(b.uid)
)
def test_lists_of_targets_are_bounded(board: Board) -> None:
    """A list that names targets or domains holds the worst of them and no more."""
    for panel, query in board.queries():
        outermost, _, _ = query["expr"].removeprefix("sort_desc(").partition("(")
        if outermost not in {"topk", "bottomk"}:
            assert panel["type"] != "table", panel["title"]
            assert "{{target}}" not in query["legendFormat"], panel["title"]


@each_board
def test_variables_exist(board: Board) -> None:
    """Each variable that is used has been defined, or is Grafana's own."""
    text = str(board.json)
    used = {*re.findall(r"\$(\w+)", text), *re.findall(r"\$\{(\w+)", text)}

    assert used <= GRAFANAS_OWN | {*board.variables}
    assert {*board.variables} - used <= {"filters"}


@each_board
def test_links_lead_somewhere(board: Board) -> None:
    """A link leads to a dashboard of ours, or to the exporter's own pages."""
    known = {one.uid: one for one in BOARDS}
    for url in links(board.json):
        if url.startswith("/d/"):
            uid, _, query = url.removeprefix("/d/").partition("?")
            given = {*re.findall(r"var-(\w+)=|\$\{(\w+):queryparam\}", query)}
            names = {name or other for name, other in given}

            assert names <= {*known[uid].variables}
        else:
            assert re.match(r"\$\{exporter:raw\}/(targets/\$\{[\w.]+:\w+\})?$", url)


def links(json: Any) -> Iterator[str]:
    """Find every address that is linked to."""
    if isinstance(json, list):
        for one in json:
            yield from links(one)
    if isinstance(json, dict):
        if json.get("url"):
            yield json["url"]
        for one in json.values():
            yield from links(one)


def test_who_fails_is_a_click_away() -> None:
    """From a row of what fails a link leads to the target, and one to its sessions."""
    (overview,) = (board for board in BOARDS if board.uid == "mailserver-overview")
    (failing,) = (p for p in overview.panels if p["title"] == "Failing now")
    to_target, to_sessions = links(failing)

    assert to_target.startswith("/d/mailserver-target?")
    assert to_sessions == "${exporter:raw}/targets/${__value.raw:percentencode}"


# --- names


def known_labels() -> dict[str, set[str]]:
    """Give the labels of each metric that a dashboard may name."""
    scraped = {"job", "instance"}
    owners = {"address", "mx_domain"}  # of some targets
    known: dict[str, set[str]] = dict.fromkeys(_PROMETHEUS, scraped)
    for name, row in families().items():
        labels = {*row.labels, *scraped}
        if name.startswith("smtp_") and name not in _WITHOUT_TARGET:
            labels |= {*TARGET_LABELS, *owners}
        for suffix, more in _SAMPLES[row.kind].items():
            known[name + suffix] = labels | more
    for family in OwnMetrics("0", kernel_timestamps=True).registry.collect():
        if family.name.startswith("process_"):
            known[family.name + "_total" * (family.type == "counter")] = scraped
    return known


_WITHOUT_TARGET = {"smtp_tls_certificates_distinct", "smtp_module_latency_seconds"}
_PROMETHEUS = ("up", "scrape_duration_seconds", "scrape_samples_scraped")
_SAMPLES: dict[str, dict[str, set[str]]] = {
    "gauge": {"": set()},
    "counter": {"": set()},
    "summary": {"_sum": set(), "_count": set()},
    "histogram": {"_bucket": {"le"}, "_sum": set(), "_count": set()},
}
KNOWN = known_labels()


@each_board
def test_metrics_and_labels_exist(board: Board) -> None:
    """Each metric that is asked for is one of the exporter's, and has such labels."""
    for what, expr in board.expressions():
        asked = SELECTOR.findall(expr if "{" in expr else f"{expr}{{}}")
        labels = {*re.findall(r'count_values (?:by \(\w+\) )?\("(\w+)"', expr)}
        labels |= {*re.findall(r'count_values\("(\w+)"', expr)}
        for metric, matchers in asked:
            assert metric in KNOWN, (what, metric)
            labels |= KNOWN[metric]
            for label in re.findall(r'(\w+)(?:=~|!=|!~|=)"', matchers):
                assert label in KNOWN[metric], (what, metric, label)
        for group in re.findall(r"(?:by|on) \(([^)]*)\)", expr):
            assert {*group.split(", ")} <= labels, (what, group)


@each_board
def test_columns_and_legends_are_of_what_is_asked(board: Board) -> None:
    """A column, and a label in a legend, is one that the query groups by."""
    for panel, query in board.queries():
        groups = re.findall(r"by \(([^)]*)\)", query["expr"])
        grouped = {label for group in groups for label in group.split(", ")}
        grouped |= {*re.findall(r'count_values\("(\w+)"', query["expr"])}
        named = {*re.findall(r"\{\{(\w+)\}\}", query["legendFormat"])}
        if panel["type"] == "table":
            (columns,) = (t["options"] for t in panel["transformations"])
            named |= {*columns["renameByName"]} - {"Value"}
            overridden = [
                o["matcher"]["options"] for o in panel["fieldConfig"]["overrides"]
            ]

            assert {*overridden} == {*columns["renameByName"].values()}

        assert named <= grouped, panel["title"]


def test_words_have_colours() -> None:
    """Each phase, each end of a session and each unasked reply has its own colour."""
    for colours, words in (
        (PHASE_COLOURS, Phase),
        (CLOSE_COLOURS, Close),
        (UNSOLICITED_COLOURS, Unsolicited),
    ):
        assert [*colours] == [*words]
        assert len({*colours.values()}) == len(colours)


def test_no_placeholder_is_left() -> None:
    """Every query was given its dashboard's matchers."""
    for board in BOARDS:
        for what, expr in board.expressions():
            assert "{@" not in expr, what


# --- provisioning


def provisioned(name: str) -> Json:
    """Read the one file of a folder that Grafana reads at its start."""
    (path,) = (GRAFANA / "provisioning" / name).iterdir()
    read: Json = yaml.safe_load(path.read_text("utf-8"))
    return read


def test_provisioned_datasource() -> None:
    """The data source has a stable uid and the scrape interval that rates go by."""
    read = provisioned("datasources")
    (source,) = read["datasources"]

    assert read["apiVersion"] == 1
    assert (source["type"], source["uid"]) == ("prometheus", "mailserver-prometheus")
    assert source["isDefault"]
    assert "timeInterval" in source["jsonData"]
    assert "secureJsonData" not in source


def test_provisioned_dashboards() -> None:
    """Dashboards are read from a folder, and none is deleted or changed by hand."""
    (provider,) = provisioned("dashboards")["providers"]

    assert provider["type"] == "file"
    assert Path(provider["options"]["path"]).is_absolute()
    assert provider["disableDeletion"]
    assert provider["allowUiUpdates"] is False


def test_every_dashboard_is_a_config_map() -> None:
    """Kustomize makes a ConfigMap of each dashboard, and each fits into one."""
    read = yaml.safe_load((GRAFANA / "kustomization.yaml").read_text("utf-8"))
    made = [name for one in read["configMapGenerator"] for name in one["files"]]

    assert sorted(made) == sorted(f"dashboards/{board.uid}.json" for board in BOARDS)
    for name in made:
        assert (GRAFANA / name).stat().st_size < 2**20
