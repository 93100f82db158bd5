"""Dashboards: rows of panels, the variables above them, and where each stands.

Holds the shape and the layout, and gives JSON; knows no metric but those that fill
the variables. Where a query says `{@targets}` or `{@exporter}`, the dashboard's own
matchers are put, so that no panel can forget a variable: the first for what is probed,
the second for what the exporter tells of itself and of modules, and `{@job}` for what
is a matter of all exporters of a job.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from deploy.grafana.panels import DATASOURCE, Json, Panel, Query

COLUMNS = 24
# Enough for a trend; each costs Prometheus a look at every target.
FEW_POINTS = 120
TAG = "mailserver-exporter"
OVERVIEW, TARGET, TLS, EXPORTER = (
    "mailserver-overview",
    "mailserver-target",
    "mailserver-tls",
    "mailserver-exporter",
)
# Of Grafana 11; older ones know all that is used here, newer ones migrate it.
SCHEMA_VERSION = 39

_JOB = 'job=~"$job"'
_OWN = f'{_JOB},instance=~"$instance"'


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under a title; a collapsed row asks nothing until it is opened."""

    title: str
    panels: tuple[Panel, ...]
    collapsed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """One dashboard; `matchers` are those of `{@targets}` beside job and instance.

    `points` bounds what is asked over time where a point is a sum over all targets.
    """

    uid: str
    title: str
    description: str
    matchers: str
    variables: tuple[Json, ...]
    rows: tuple[Row, ...]
    links: tuple[Json, ...] = ()
    points: int | None = None

    def json(self) -> Json:
        """Write it as Grafana stores it."""
        return {
            "annotations": {"list": [_LOADED]},
            "description": self.description,
            "editable": False,
            "fiscalYearStartMonth": 0,
            "graphTooltip": 1,
            "links": [_OTHERS, *self.links],
            "panels": list(self._placed()),
            "refresh": "1m",
            "schemaVersion": SCHEMA_VERSION,
            "tags": [TAG],
            "templating": {"list": [_CHOSEN_SOURCE, *self.variables]},
            "time": {"from": "now-6h", "to": "now"},
            "timepicker": {},
            "timezone": "browser",
            "title": self.title,
            "uid": self.uid,
        }

    def _placed(self) -> Iterator[Json]:
        """Give rows and panels with their ids and places, from the top down."""
        top = id_ = 0
        for row in self.rows:
            id_ += 1
            heading = _heading(row, id_, top)
            inside = []
            height = 1
            for panel, x, y in _flow(row.panels):
                id_ += 1
                place = {"h": panel.height, "w": panel.width, "x": x, "y": top + 1 + y}
                inside.append(self._told(panel).json() | {"id": id_, "gridPos": place})
                height = max(height, 1 + y + panel.height)
            if row.collapsed:
                yield heading | {"panels": inside}
                top += 1
            else:
                yield heading
                yield from inside
                top += height

    def _told(self, panel: Panel) -> Panel:
        asked = tuple(replace(q, expr=self._matched(q)) for q in panel.queries)
        points = None if asked[0].instant else self.points
        return replace(panel, queries=asked, points=points)

    def _matched(self, query: Query) -> str:
        targets = ",".join(filter(None, (_OWN, self.matchers)))
        expr = query.expr
        for mark, matchers in (("targets", targets), ("exporter", _OWN), ("job", _JOB)):
            expr = expr.replace(f"{{@{mark}", f"{{{matchers}")
        return expr


def _heading(row: Row, id_: int, top: int) -> Json:
    return {
        "collapsed": row.collapsed,
        "gridPos": {"h": 1, "w": COLUMNS, "x": 0, "y": top},
        "id": id_,
        "panels": [],
        "title": row.title,
        "type": "row",
    }


def _flow(panels: Sequence[Panel]) -> Iterator[tuple[Panel, int, int]]:
    """Put panels from left to right, and below when there is no room."""
    x = y = tallest = 0
    for panel in panels:
        if x + panel.width > COLUMNS:
            x, y, tallest = 0, y + tallest, 0
        yield panel, x, y
        x += panel.width
        tallest = max(tallest, panel.height)


# --- variables


def chosen(
    name: str,
    label: str,
    description: str,
    query: str,
    *,
    several: bool = True,
    every: str | None = None,
) -> Json:
    """Let values of a label be chosen: one, or several and all.

    All are those that the query finds, and where there may be many the pattern `every`.
    """
    variable: Json = {
        "datasource": DATASOURCE,
        "description": description,
        "includeAll": several,
        "label": label,
        "multi": several,
        "name": name,
        "query": query,
        "refresh": 2,
        "sort": 1,
        "type": "query",
    }
    if several:
        variable["current"] = {"text": ["All"], "value": ["$__all"]}
    if every:
        variable["allValue"] = every
    return variable


def typed(name: str, label: str, description: str, text: str) -> Json:
    """Let a text be typed."""
    value = {"selected": True, "text": text, "value": text}
    return {
        "current": value,
        "description": description,
        "label": label,
        "name": name,
        "options": [value],
        "query": text,
        "type": "textbox",
    }


_CHOSEN_SOURCE = {
    "description": "The Prometheus that scrapes the exporters.",
    "label": "Data source",
    "name": "datasource",
    "query": "prometheus",
    "refresh": 1,
    "type": "datasource",
}
# No pattern for all: `up` and `process_*` are of every job that there is. A job that
# asks for probes has as many instances as targets, so it is none of the exporters'.
EXPORTERS = chosen(
    "job",
    "Job",
    "The scrape jobs of the exporters.",
    "label_values(mailserver_exporter_build_info, job)",
)
JOB = chosen(
    "job",
    "Job",
    "The scrape jobs that have results of probes.",
    "label_values(smtp_probe_success, job)",
)
INSTANCE = chosen(
    "instance",
    "Instance",
    "The exporters. A target may move from one to another, so leave it at All unless "
    "you want to see what one of them sees.",
    'label_values(up{job=~"$job"}, instance)',
    every=".+",
)
MODULE = chosen(
    "module",
    "Module",
    "How targets are probed.",
    'label_values(smtp_probe_success{job=~"$job"}, module)',
    every=".*",
)
# No target outside of mail domains has this label, nor any on demand a module: `.*`
# takes that for an empty one.
MX_DOMAIN = chosen(
    "mx_domain",
    "Mail domain",
    "The domain that exchangers were found for.",
    'label_values(smtp_probe_success{job=~"$job",mx_domain!=""}, mx_domain)',
    every=".*",
)
# A list of ten thousand would be fetched at each change of the time range.
TARGETS = typed(
    "targets",
    "Targets",
    "A regular expression that the whole name of a target has to match.",
    ".+",
)
ONE_TARGET = chosen(
    "target",
    "Target",
    "The target to look at.",
    'label_values(smtp_probe_success{job=~"$job",instance=~"$instance"}, target)',
    several=False,
)
PAGES = typed(
    "exporter",
    "Exporter's pages",
    "Where your browser reaches the exporter, for links to its status page.",
    "http://localhost:10525",
)
OWNERS_LABELS = {
    "datasource": DATASOURCE,
    "description": "Your own labels, as in site = fra; added to every query.",
    "label": "Filters",
    "name": "filters",
    "type": "adhoc",
}

# What the dashboards of many targets have in common.
OF_MANY = (JOB, INSTANCE, MODULE, MX_DOMAIN, TARGETS, OWNERS_LABELS, PAGES)
MANY_CHOSEN = 'module=~"$module",mx_domain=~"$mx_domain",target=~"$targets"'

# --- links

_OTHERS = {
    "asDropdown": False,
    "icon": "external link",
    "includeVars": True,
    "keepTime": True,
    "tags": [TAG],
    "targetBlank": False,
    "title": "",
    "tooltip": "",
    "type": "dashboards",
    "url": "",
}


def page(title: str, path: str) -> Json:
    """Link a dashboard to one of the exporter's own pages."""
    return _OTHERS | {
        "includeVars": False,
        "keepTime": False,
        "tags": [],
        "targetBlank": True,
        "title": title,
        "tooltip": "On the exporter itself",
        "type": "link",
        "url": f"${{exporter:raw}}/{path}",
    }


STATUS_PAGE = page("Status page", "")

_KEPT = "${__url_time_range}&${datasource:queryparam}&${job:queryparam}"


def to_target(name: str) -> Iterable[Json]:
    """Link a value to its target; `name` is Grafana's for the target's name."""
    shown = f"${{{name}:percentencode}}"
    return (
        {
            "title": "Look at this target",
            "url": f"/d/{TARGET}?{_KEPT}&${{exporter:queryparam}}&var-target={shown}",
        },
        {
            "targetBlank": True,
            "title": "Its last sessions, on the exporter's page",
            "url": f"${{exporter:raw}}/targets/{shown}",
        },
    )


CELL = tuple(to_target("__value.raw"))
BAR = tuple(to_target("__field.labels.target"))

# A reload, a start: what changes at such a moment has an explanation.
_LOADED = {
    "datasource": DATASOURCE,
    "enable": True,
    "expr": "mailserver_exporter_config_last_reload_success_timestamp_seconds"
    f"{{{_OWN}}} * 1000",
    "iconColor": "blue",
    "name": "Configuration loaded",
    "step": "60s",
    "textFormat": "{{instance}}",
    "titleFormat": "Configuration loaded",
    "useValueForTime": True,
}
