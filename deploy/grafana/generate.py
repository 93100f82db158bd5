"""Writes deploy/grafana/dashboards/*.json; a test holds them current.

python -m deploy.grafana.generate

Four dashboards that lead to each other, not one with rows: each asks for what it shows
when it is opened, and only then; each has the variables that it needs (one target, or
those of a module); and a table's row can link to the dashboard of its target. What is
rarely looked at stands in rows that are collapsed, which ask nothing until opened.

    panels.py        the kinds of panels, and their JSON
    dashboard.py     rows, layout, variables, links
    words.py         the exporter's vocabulary, with colours
    views/           the tables of panels, a file for each dashboard

The JSON is of the classic schema, which every Grafana reads, and made here: Grafana's
own builder for Python ends at 11.6, and is no shorter than a table of panels.
"""

import json
from collections.abc import Iterator
from pathlib import Path

from deploy.grafana.dashboard import Dashboard
from deploy.grafana.views import exporter, overview, target, tls

FOLDER = Path(__file__).with_name("dashboards")
ALL: tuple[Dashboard, ...] = (
    overview.DASHBOARD,
    target.DASHBOARD,
    tls.DASHBOARD,
    exporter.DASHBOARD,
)


def files() -> Iterator[tuple[Path, str]]:
    """Give each file and its text."""
    for dashboard in ALL:
        text = json.dumps(dashboard.json(), indent=2, sort_keys=True)
        yield FOLDER / f"{dashboard.uid}.json", f"{text}\n"


def main() -> None:
    """Write every file."""
    FOLDER.mkdir(exist_ok=True)
    for path, text in files():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
