"""The committed dashboards, read as Grafana reads them, for tests of their JSON.

Holds what a test asks of one: its panels, queries and variables, and the text of a
query with variables put in. Refuses to know how the files are made.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

FOLDER = Path(__file__).parent.parent / "deploy/grafana/dashboards"
Json = dict[str, Any]


class Board(NamedTuple):
    """One dashboard."""

    uid: str
    json: Json

    @property
    def panels(self) -> list[Json]:
        """All panels, those of collapsed rows included, without the rows."""
        return [p for p in self.placed() if p["type"] != "row"]

    def placed(self) -> Iterator[Json]:
        """Give rows and panels as they stand, from the top down."""
        for panel in self.json["panels"]:
            yield panel
            yield from panel.get("panels", ())

    @property
    def variables(self) -> dict[str, Json]:
        """The variables, by name."""
        return {one["name"]: one for one in self.json["templating"]["list"]}

    @property
    def annotations(self) -> list[Json]:
        """The annotations."""
        found: list[Json] = self.json["annotations"]["list"]
        return found

    def queries(self) -> Iterator[tuple[Json, Json]]:
        """Give each panel with each of its queries."""
        for panel in self.panels:
            for query in panel["targets"]:
                yield panel, query

    def expressions(self) -> Iterator[tuple[str, str]]:
        """Give all PromQL there is, with what it is for."""
        for panel, query in self.queries():
            yield f"{panel['title']} {query['refId']}", query["expr"]
        for one in self.annotations:
            yield one["name"], one["expr"]
        for name, variable in self.variables.items():
            if variable["type"] == "query":
                yield f"${name}", asked(variable).expr


class Asked(NamedTuple):
    """What a variable of type query asks for."""

    expr: str
    label: str


def asked(variable: Json) -> Asked:
    """Take `label_values(EXPR, LABEL)` apart."""
    found = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"])
    assert found, variable["query"]
    return Asked(*found.groups())


def boards() -> list[Board]:
    """Read every committed file."""
    read = (json.loads(path.read_text("utf-8")) for path in FOLDER.glob("*.json"))
    return sorted(Board(one["uid"], one) for one in read)


def everything(
    variables: Iterable[Json], found: Callable[[Asked], Iterable[str]]
) -> dict[str, str]:
    """Give what Grafana puts for variables that are left as they are opened.

    `found` answers those whose All is the list of what there is.
    """
    chosen = {}
    for one in variables:
        if one["type"] == "textbox":
            chosen[one["name"]] = one["query"]
        elif one.get("includeAll"):
            chosen[one["name"]] = one.get("allValue") or _one_of(found(asked(one)))
    return chosen


def _one_of(values: Iterable[str]) -> str:
    escaped = (re.escape(value).replace("\\", "\\\\") for value in values)
    return f"({'|'.join(escaped)})"


def substituted(expr: str, values: Mapping[str, str]) -> str:
    """Put values for variables; one that has none stays, and PromQL refuses it."""

    def value(found: re.Match[str]) -> str:
        return values.get(found[1], found[0])

    return re.sub(r"\$(\w+)", value, expr)
