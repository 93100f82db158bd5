"""Dashboards, asked by a real Prometheus: every query of every panel has an answer.

The demo is scraped, and beside it a scrape of what no server of the demo shows. What
the demo alone leaves empty is listed here by name, with its because.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.error import HTTPError

import pytest

from exporter.demo.servers import DEMO
from tests.dashboards import Board, Json, asked, boards, everything, substituted
from tests.e2e.fed import exposition, serving
from tests.e2e.prometheus import Prometheus, running_with

BOARDS = boards()
each_board = pytest.mark.parametrize("board", BOARDS, ids=[one.uid for one in BOARDS])

# What Grafana puts for its own, where each target is scraped once a second.
GRAFANAS = {"__rate_interval": "4s", "__interval": "1s", "__range": "30s"}
RANGE = 20.0  # seconds that a panel shows
# A line for each word of the vocabulary is fine, one for each target is not.
MOST_LINES = 40

_NO_DOMAIN = "the demo has no mail domain: it needs no DNS"
_NO_NAME = "the demo's servers are named by their address, so nothing is resolved"
_NO_LOGIN = "no server of the demo offers a login"
_NOT_REACHED = "no module of the demo logs in, offers an envelope or looks a name up"
_NOT_ASKED = "no module of the demo asks for it: it takes a resolver or a web server"

# By dashboard and panel: what is empty with the demo alone, and why.
FED: Mapping[tuple[str, str], str] = {
    ("mailserver-overview", "$mx_domain"): _NO_DOMAIN,
    ("mailserver-overview", "Domains without mail"): _NO_DOMAIN,
    ("mailserver-overview", "Domains with a part"): _NO_DOMAIN,
    ("mailserver-overview", "Mail domains"): _NO_DOMAIN,
    ("mailserver-overview", "Login mechanisms"): _NO_LOGIN,
    ("mailserver-target", "Time by phase"): _NOT_REACHED,
    ("mailserver-target", "Login mechanisms"): _NO_LOGIN,
    ("mailserver-target", "Addresses"): _NO_NAME,
    ("mailserver-target", "Preference"): _NO_DOMAIN,
    ("mailserver-target", "DANE"): _NOT_ASKED,
    ("mailserver-target", "MTA-STS"): _NOT_ASKED,
    ("mailserver-target", "Policy may be used for"): _NOT_ASKED,
    ("mailserver-tls", "$mx_domain"): _NO_DOMAIN,
    ("mailserver-tls", "Different keys behind one name"): _NO_DOMAIN,
    ("mailserver-tls", "DANE broken"): _NOT_ASKED,
    ("mailserver-tls", "Vouched for"): _NOT_ASKED,
    ("mailserver-tls", "Records that cannot be used"): _NOT_ASKED,
    ("mailserver-tls", "Records that do not match"): _NOT_ASKED,
    ("mailserver-tls", "MTA-STS broken"): _NOT_ASKED,
    ("mailserver-tls", "Policies"): _NOT_ASKED,
    ("mailserver-tls", "First policy to expire"): _NOT_ASKED,
    ("mailserver-tls", "Policies not satisfied"): _NOT_ASKED,
}

_CONFIG = """\
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: mailserver
    static_configs: [{{targets: ["{demo}", "{fed}"]}}]
"""


class Scraped(NamedTuple):
    """A Prometheus, and the instance that is the demo."""

    prometheus: Prometheus
    demo: str


@pytest.fixture(scope="module")
def scraped(
    demo_metrics: str,
    peer: Callable[[str], Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Scraped]:
    """Scrape both until each target of the demo was seen to be probed anew."""
    with serving(exposition()) as fed:
        text = _CONFIG.format(demo=demo_metrics, fed=fed)
        place = tmp_path_factory.mktemp("prometheus")
        with running_with(peer("prometheus"), place, text) as prometheus:
            for_each = f'increase(smtp_probes_total{{instance="{demo_metrics}"}}[30s])'
            prometheus.await_value(f"count({for_each} > 0)", len(DEMO))
            prometheus.await_value(f'sum(up{{instance="{fed}"}})', 1)
            yield Scraped(prometheus, demo_metrics)


@each_board
def test_every_query_is_answered(scraped: Scraped, board: Board) -> None:
    """No panel, variable or annotation is empty, fails, or is not a number."""
    assert empty(board, scraped.prometheus, everything(board.variables.values())) == []


@each_board
def test_the_demo_fills_the_others(scraped: Scraped, board: Board) -> None:
    """With the demo alone only those panels are empty that are listed, with a why."""
    values = everything(board.variables.values())
    values["instance"] = re.escape(scraped.demo).replace("\\", "\\\\")
    left = {what for what, _ in empty(board, scraped.prometheus, values)}

    assert left == {what for uid, what in FED if uid == board.uid}


@each_board
def test_no_line_for_each_target(scraped: Scraped, board: Board) -> None:
    """Over time no panel draws a line for each target, however many there are."""
    values = everything(board.variables.values())
    one = candidates(board, scraped.prometheus, values)[0]
    for panel, query in board.queries():
        if query["range"]:
            expr = substituted(query["expr"], {**values, **GRAFANAS, **one})
            drawn = scraped.prometheus.query_range(expr, RANGE)
            labels = {name for series in drawn for name, _ in series}

            assert not labels & {"target", "host"}, panel["title"]
            assert len(drawn) <= MOST_LINES, panel["title"]


def empty(
    board: Board, prometheus: Prometheus, values: Mapping[str, str]
) -> list[tuple[str, str]]:
    """Give each query that has no answer, by its panel, and the query.

    What a panel shows of one target has to be there for some target.
    """
    left = []
    targets = candidates(board, prometheus, values)
    for panel, query in board.queries():
        exprs = [
            substituted(query["expr"], {**values, **GRAFANAS, **one}) for one in targets
        ]
        if not any(answered(prometheus, expr, query) for expr in exprs):
            left.append((panel["title"], exprs[0]))
    for one in board.annotations:
        expr = substituted(one["expr"], {**values, **GRAFANAS})
        if not answered(prometheus, expr, {"range": True}):
            left.append((one["name"], expr))
    for name, variable in board.variables.items():
        if variable["type"] == "query":
            selector, label = asked(variable)
            expr = narrowed(substituted(selector, values), values)
            if not prometheus.label_values(expr, label):
                left.append((f"${name}", expr))
    return left


def narrowed(selector: str, values: Mapping[str, str]) -> str:
    """Keep a variable's values to an instance, as the panels are kept to it."""
    if "instance=" in selector:
        return selector
    one = f'instance=~"{values["instance"]}"'
    bare, _, matchers = selector.partition("{")
    return f"{bare}{{{','.join(filter(None, (one, matchers.rstrip('}'))))}}}"


def candidates(
    board: Board, prometheus: Prometheus, values: Mapping[str, str]
) -> Sequence[Mapping[str, str]]:
    """Give the targets that may be chosen; one empty choice where there are none."""
    if "target" not in board.variables:
        return [{}]
    selector, label = asked(board.variables["target"])
    names = prometheus.label_values(substituted(selector, values), label)
    return [{"target": name} for name in names]


def answered(prometheus: Prometheus, expr: str, query: Json) -> bool:
    """Whether an answer holds a number; an expression that is refused says so."""
    try:
        if query["range"]:
            found = prometheus.query_range(expr, RANGE).values()
            numbers = [number for values in found for number in values]
        else:
            numbers = [*prometheus.query(expr).values()]
    except HTTPError as error:
        raise AssertionError(f"{expr}: {error.read().decode()}") from error
    return any(not math.isnan(number) for number in numbers)
