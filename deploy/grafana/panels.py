"""Panels: what each kind shows and how, in Grafana's own words.

Holds a function for each kind that is used, which gives a frozen Panel, and turns one
into JSON; knows no metric. A figure of now is an instant query: with a range, Grafana's
last value that is not null may be of before the exporter died.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Json = dict[str, Any]

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
GREEN, YELLOW, ORANGE, RED = "green", "yellow", "orange", "red"
BLUE, PURPLE, GREY = "blue", "purple", "text"

# A threshold's colour, from its value on; the first has none.
Step = tuple[float | None, str]
PLAIN: tuple[Step, ...] = ((None, BLUE),)
NONE_IS_GOOD: tuple[Step, ...] = ((None, GREEN), (1, RED))
ALL_IS_GOOD: tuple[Step, ...] = ((None, RED), (1, GREEN))


@dataclass(frozen=True, slots=True)
class Query:
    """A question to Prometheus, and what its answers are called."""

    expr: str
    legend: str = "__auto"
    instant: bool = False
    form: Literal["time_series", "table", "heatmap"] = "time_series"

    def json(self, ref: str) -> Json:
        """Write it under its letter."""
        return {
            "datasource": DATASOURCE,
            "editorMode": "code",
            "expr": self.expr,
            "format": self.form,
            "instant": self.instant,
            "legendFormat": self.legend,
            "range": not self.instant,
            "refId": ref,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """A panel without its place; sizes are in Grafana's grid of 24 columns."""

    kind: str
    title: str
    description: str
    unit: str
    queries: tuple[Query, ...]
    options: Json
    steps: tuple[Step, ...] = PLAIN
    defaults: Json = field(default_factory=dict)
    overrides: tuple[Json, ...] = ()
    transformations: tuple[Json, ...] = ()
    width: int = 8
    height: int = 8
    points: int | None = None  # over time, at most; None: as many as it has pixels

    def json(self) -> Json:
        """Write all but its id and place."""
        points = {} if self.points is None else {"maxDataPoints": self.points}
        refs = (chr(ord("A") + place) for place in range(len(self.queries)))
        return {
            "datasource": DATASOURCE,
            "description": self.description,
            "fieldConfig": {
                "defaults": {
                    "color": {"mode": "thresholds"},
                    "thresholds": _thresholds(self.steps),
                    "unit": self.unit,
                    **self.defaults,
                },
                "overrides": list(self.overrides),
            },
            "options": self.options,
            "targets": [q.json(ref) for q, ref in zip(self.queries, refs, strict=True)],
            "title": self.title,
            "transformations": list(self.transformations),
            "type": self.kind,
        } | points


# --- the kinds


def stat(
    title: str,
    description: str,
    expr: str,
    *,
    unit: str = "short",
    steps: tuple[Step, ...] = PLAIN,
    mappings: Sequence[Json] = (),
    none: str = "no data",
    width: int = 3,
) -> Panel:
    """Show one figure of now; `none` is said where there is none."""
    return Panel(
        kind="stat",
        title=title,
        description=description,
        unit=unit,
        queries=(Query(expr, instant=True),),
        options=_stat_options("value"),
        steps=steps,
        defaults={"mappings": list(mappings), "noValue": none},
        width=width,
        height=4,
    )


def name(
    title: str,
    description: str,
    query: Query,
    *,
    none: str,
    colour: str = BLUE,
    width: int = 4,
) -> Panel:
    """Show the name of what is there now, and not its value, which is 1."""
    return Panel(
        kind="stat",
        title=title,
        description=description,
        unit="none",
        queries=(query,),
        options=_stat_options("name"),
        steps=((None, colour),),
        defaults={"noValue": none},
        width=width,
        height=4,
    )


def lines(
    title: str,
    description: str,
    *queries: Query,
    unit: str,
    stacked: bool = False,
    colours: Mapping[str, str] | None = None,
    width: int = 8,
) -> Panel:
    """Show figures over time; those that are shares of a whole are stacked."""
    return Panel(
        kind="timeseries",
        title=title,
        description=description,
        unit=unit,
        queries=queries,
        options={
            "legend": {
                "calcs": ["max", "lastNotNull"],
                "displayMode": "table",
                "placement": "bottom",
                "showLegend": True,
            },
            "tooltip": {"hideZeros": stacked, "mode": "multi", "sort": "desc"},
        },
        defaults={
            "color": {"mode": "palette-classic-by-name"},
            "custom": {
                "fillOpacity": 40 if stacked else 8,
                "lineInterpolation": "stepAfter" if stacked else "linear",
                "lineWidth": 1,
                "showPoints": "never",
                "spanNulls": False,
                "stacking": {"group": "A", "mode": "normal" if stacked else "none"},
            },
            "min": 0,
        },
        overrides=tuple(coloured(colours or {})),
        width=width,
    )


def ranking(
    title: str,
    description: str,
    expr: str,
    legend: str,
    *,
    unit: str = "short",
    steps: tuple[Step, ...] = PLAIN,
    links: Sequence[Json] = (),
    width: int = 8,
) -> Panel:
    """Show what there is most of now, as bars, the longest first."""
    return Panel(
        kind="bargauge",
        title=title,
        description=description,
        unit=unit,
        queries=(Query(f"sort_desc({expr})", legend, instant=True),),
        options={
            "displayMode": "basic",
            "legend": {"calcs": [], "placement": "bottom", "showLegend": False},
            "maxVizHeight": 32,
            "minVizHeight": 16,
            "minVizWidth": 8,
            "namePlacement": "left",
            "orientation": "horizontal",
            "reduceOptions": _LAST,
            "showUnfilled": True,
            "sizing": "auto",
            "valueMode": "color",
        },
        steps=steps,
        defaults={"links": list(links), "min": 0, "noValue": "none"},
        width=width,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a table: the label it is of, or `Value`, and how it looks."""

    label: str
    title: str
    unit: str | None = None
    steps: tuple[Step, ...] = ()  # colours its cells
    mappings: Sequence[Json] = ()
    links: Sequence[Json] = ()
    width: int | None = None  # pixels

    def override(self) -> Json:
        """Write how it departs from the others."""
        properties: list[tuple[str, Any]] = [
            ("unit", self.unit),
            ("thresholds", self.steps and _thresholds(self.steps)),
            ("custom.cellOptions", self.steps and _COLOURED_CELL),
            ("mappings", list(self.mappings)),
            ("links", list(self.links)),
            ("custom.width", self.width),
        ]
        return _override(self.title, *((what, how) for what, how in properties if how))


def table(
    title: str,
    description: str,
    expr: str,
    *columns: Column,
    none: str,
    width: int = 24,
    height: int = 8,
) -> Panel:
    """Show a row for each of what an expression gives now, in the order it is given."""
    order = {column.label: place for place, column in enumerate(columns)}
    return Panel(
        kind="table",
        title=title,
        description=description,
        unit="none",
        queries=(Query(expr, "", instant=True, form="table"),),
        options={"cellHeight": "sm", "frameIndex": 0, "showHeader": True},
        defaults={
            "custom": {
                "align": "auto",
                "cellOptions": {"type": "auto"},
                "filterable": True,
                "inspect": False,
            },
            "noValue": none,
        },
        overrides=tuple(column.override() for column in columns),
        transformations=(
            {
                "id": "organize",
                "options": {
                    "excludeByName": {"Time": True, "Value": "Value" not in order},
                    "indexByName": order,
                    "renameByName": {c.label: c.title for c in columns},
                },
            },
        ),
        width=width,
        height=height,
    )


def states(
    title: str,
    description: str,
    *queries: Query,
    mappings: Sequence[Json],
    width: int = 24,
    height: int = 6,
) -> Panel:
    """Show over time what state each thing was in, a row for each."""
    return Panel(
        kind="state-timeline",
        title=title,
        description=description,
        unit="none",
        queries=queries,
        options={
            "alignValue": "left",
            "legend": {
                "calcs": [],
                "displayMode": "list",
                "placement": "bottom",
                "showLegend": False,
            },
            "mergeValues": True,
            "rowHeight": 0.85,
            "showValue": "auto",
            "tooltip": {"mode": "single", "sort": "none"},
        },
        defaults={
            "custom": {"fillOpacity": 75, "lineWidth": 0},
            "mappings": list(mappings),
        },
        width=width,
        height=height,
    )


def heat(
    title: str, description: str, expr: str, *, unit: str, width: int = 12
) -> Panel:
    """Show how a histogram's buckets fill over time."""
    return Panel(
        kind="heatmap",
        title=title,
        description=description,
        unit=unit,
        queries=(Query(expr, "{{le}}", form="heatmap"),),
        options={
            "calculate": False,
            "cellGap": 1,
            "color": {
                "exponent": 0.5,
                "fill": "dark-orange",
                "mode": "scheme",
                "reverse": False,
                "scale": "exponential",
                "scheme": "Oranges",
                "steps": 64,
            },
            "exemplars": {"color": "rgba(255,0,255,0.7)"},
            "filterValues": {"le": 1e-9},
            "legend": {"show": True},
            "rowsFrame": {"layout": "auto"},
            "showValue": "never",
            "tooltip": {"mode": "single", "showColorScale": True, "yHistogram": True},
            "yAxis": {"axisPlacement": "left", "reverse": False, "unit": unit},
        },
        width=width,
    )


# --- their parts


def words(texts: Mapping[str, str], colours: Mapping[str, str] | None = None) -> Json:
    """Show text, and perhaps a colour, for a value."""
    shown = {
        value: {"index": place, "text": text}
        | ({"color": colours[value]} if colours and value in colours else {})
        for place, (value, text) in enumerate(texts.items())
    }
    return {"options": shown, "type": "value"}


def between(low: float, high: float, colour: str) -> Json:
    """Colour the values of a range, both ends included."""
    return {
        "options": {"from": low, "result": {"color": colour}, "to": high},
        "type": "range",
    }


def coloured(colours: Mapping[str, str]) -> Iterable[Json]:
    """Give each series its colour, by its name."""
    for series, colour in colours.items():
        fixed = {"fixedColor": colour, "mode": "fixed"}
        yield _override(series, ("color", fixed))


_LAST: Json = {"calcs": ["lastNotNull"], "fields": "", "values": False}
_COLOURED_CELL: Json = {"type": "color-background", "mode": "basic"}


def _stat_options(text: str) -> Json:
    return {
        "colorMode": "value",
        "graphMode": "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "percentChangeColorMode": "standard",
        "reduceOptions": _LAST,
        "showPercentChange": False,
        "textMode": text,
        "wideLayout": True,
    }


def _thresholds(steps: Sequence[Step]) -> Json:
    shown = [{"color": colour, "value": value} for value, colour in steps]
    return {"mode": "absolute", "steps": shown}


def _override(of: str, *properties: tuple[str, Any]) -> Json:
    return {
        "matcher": {"id": "byName", "options": of},
        "properties": [{"id": what, "value": how} for what, how in properties],
    }
