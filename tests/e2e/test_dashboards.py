"""Dashboards, asked by a real Prometheus: every query of every panel has an answer.

The demo is scraped, and beside it a scrape of what no server of the demo shows. What
the demo alone leaves empty is listed here by name, with its because. A job that has
nothing to do with mail is scraped too, and nothing may tell of it.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.error import HTTPError

import pytest

from exporter.demo.servers import DEMO
from tests.dashboards import Board, Json, asked, boards, everything, substituted
from tests.e2e.fed import WELL, WRONG, exposition, on_demand, serving
from tests.e2e.programs import free_port
from tests.e2e.prometheus import Prometheus, running_with
from tests.wire.test_demo import SHOWN

BOARDS = {one.uid: one for one in boards()}
each_board = pytest.mark.parametrize("board", BOARDS.values(), ids=[*BOARDS])
OVERVIEW = BOARDS["mailserver-overview"]

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
    static_configs: [{{targets: [{ours}]}}]
  - job_name: other
    static_configs: [{{targets: ["{other}"]}}]
"""


_ON_DEMAND = """\
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: mail
    static_configs:
      - {{targets: ["{named}"], labels: {{target: {name}}}}}
      - {{targets: ["{nameless}"]}}
"""


class Scraping(NamedTuple):
    """A Prometheus, as Grafana would ask it."""

    prometheus: Prometheus
    demo: str = ".+"  # the demo alone, as a value of $instance

    def everything(self, board: Board) -> dict[str, str]:
        """Give what Grafana puts for a dashboard's variables as it is opened."""
        return everything(board.variables.values(), self.values) | GRAFANAS

    def values(self, asked: tuple[str, str]) -> list[str]:
        """Give the values of a label."""
        return self.prometheus.label_values(*asked)

    def now(
        self, title: str, **chosen: str
    ) -> dict[tuple[tuple[str, str], ...], float]:
        """Give the answer to the one query of a panel of the overview."""
        ((query,),) = (p["targets"] for p in OVERVIEW.panels if p["title"] == title)
        expr = substituted(query["expr"], self.everything(OVERVIEW) | chosen)
        return self.prometheus.query(expr)

    def figures(self, *titles: str, **chosen: str) -> list[float]:
        """Give the one figure of each of these panels of the overview."""
        return [one for title in titles for one in self.now(title, **chosen).values()]


@contextmanager
def scraping(program: Path, place: Path, *ours: str) -> Iterator[Scraping]:
    """Scrape exporters, and something else that is down; wait until all were."""
    addresses = ", ".join(f'"{one}"' for one in ours)
    text = _CONFIG.format(ours=addresses, other=f"127.0.0.1:{free_port()}")
    with running_with(program, place, text) as prometheus:
        prometheus.await_value('sum(up{job="mailserver"})', len(ours))
        prometheus.await_value('sum(up{job="other"})', 0)
        yield Scraping(prometheus)


@pytest.fixture(scope="module")
def scraped(
    demo_metrics: str,
    peer: Callable[[str], Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Scraping]:
    """Scrape demo and more until each target of the demo was seen to be probed anew."""
    place = tmp_path_factory.mktemp("prometheus")
    with (
        serving(exposition()) as fed,
        scraping(peer("prometheus"), place, demo_metrics, fed) as both,
    ):
        for_each = f'increase(smtp_probes_total{{instance="{demo_metrics}"}}[30s])'
        both.prometheus.await_value(f"count({for_each} > 0)", len(DEMO))
        yield both._replace(demo=re.escape(demo_metrics).replace("\\", "\\\\"))


@each_board
def test_every_query_is_answered(scraped: Scraping, board: Board) -> None:
    """No panel, variable or annotation is empty, fails, or is not a number."""
    assert empty(board, scraped) == []


@each_board
def test_the_demo_fills_the_others(scraped: Scraping, board: Board) -> None:
    """With the demo alone only those panels are empty that are listed, with a why."""
    left = {what for what, _ in empty(board, scraped, instance=scraped.demo)}

    assert left == {what for uid, what in FED if uid == board.uid}


@each_board
def test_no_line_for_each_target(scraped: Scraping, board: Board) -> None:
    """Over time no panel draws a line for each target, however many there are."""
    values = scraped.everything(board)
    one = candidates(board, scraped, values)[0]
    for panel, query in board.queries():
        if query["range"]:
            expr = substituted(query["expr"], {**values, **one})
            drawn = scraped.prometheus.query_range(expr, RANGE)
            labels = {name for series in drawn for name, _ in series}

            assert not labels & {"target", "host"}, panel["title"]
            assert len(drawn) <= MOST_LINES, panel["title"]


@each_board
def test_other_jobs_are_not_told_of(scraped: Scraping, board: Board) -> None:
    """What else Prometheus scrapes is nowhere, not even where all jobs are chosen."""
    ours = {*scraped.values(('up{job="mailserver"}', "instance"))}
    values = scraped.everything(board) | {"target": WELL}
    for panel, query in board.queries():
        for series in scraped.prometheus.query(substituted(query["expr"], values)):
            found = dict(series)

            assert found.get("instance", "") in {*ours, ""}, panel["title"]
            assert found.get("job", "mailserver") == "mailserver"
    assert scraped.figures("Exporters up") == [1]


def test_the_overview_tells_the_truth(scraped: Scraping) -> None:
    """Its figures, its failures and its ends are those that the demo is known for."""
    failing = {name: f for name, (f, _) in SHOWN.items() if f}
    ends = Counter(str(close) for _, close in SHOWN.values())
    told = scraped.now("Failing now", instance=scraped.demo)
    rows = [dict(series) for series in told]
    silent = {"never-greets", "resets", "not-smtp", "plain-on-tls-port", "refused"}

    assert scraped.figures(
        *("Targets", "Failing", "Without a greeting", "Without a clean goodbye"),
        instance=scraped.demo,
    ) == [len(SHOWN), len(failing), len(silent), len(SHOWN) - ends["clean"]]
    assert {row["target"]: f"{row['phase']}_{row['reason']}" for row in rows} == {
        name: str(failure) for name, failure in failing.items()
    }
    assert {*told.values()} == {0}  # none of them has ever succeeded
    assert ends == {
        dict(series)["close"]: count
        for series, count in scraped.now(
            "How the last sessions ended", instance=scraped.demo
        ).items()
    }


def test_two_exporters_of_one_target(
    peer: Callable[[str], Path], tmp_path: Path
) -> None:
    """A target that two exporters probe counts once, with the worse that was seen."""
    with (
        serving(exposition()) as one,
        serving(exposition(well=(WELL, WRONG))) as other,
        scraping(peer("prometheus"), tmp_path, one, other) as both,
    ):
        both.prometheus.await_value("count(smtp_probe_success)", 4)
        (failing,) = both.now("Failing now")

        assert dict(failing)["host"] == WRONG
        assert both.figures("Targets", "Failing", "Domains with a part") == [2, 1, 1]


def test_probes_on_demand(peer: Callable[[str], Path], tmp_path: Path) -> None:
    """Targets of /probe are shown too, where relabelling gives them their name."""
    with serving(on_demand()) as one, serving(on_demand()) as other:
        text = _ON_DEMAND.format(named=one, name=WELL, nameless=other)
        with running_with(peer("prometheus"), tmp_path, text) as prometheus:
            prometheus.await_value("count(smtp_probe_success)", 2)
            scraped = Scraping(prometheus)

            assert scraped.figures("Targets", "Failing", "Exporters up") == [1, 0, 1]
            assert [
                dict(series)["target"]
                for series in scraped.now("Certificates that end soonest")
            ] == [WELL]


def test_an_exporter_that_is_gone(peer: Callable[[str], Path], tmp_path: Path) -> None:
    """What it said last is not shown as if it were so now, and a panel says why."""
    with ExitStack() as served:
        one = served.enter_context(serving(exposition()))
        with scraping(peer("prometheus"), tmp_path, one) as scraped:
            assert scraped.figures("Targets", "Exporters up") == [2, 1]
            served.close()
            scraped.prometheus.await_value('sum(up{job="mailserver"})', 0)

            assert scraped.figures("Targets", "Failing", "Oldest result") == []
            assert scraped.figures("Exporters up") == [0]


def empty(board: Board, scraped: Scraping, **chosen: str) -> list[tuple[str, str]]:
    """Give each query that has no answer, by its panel, and the query.

    What a panel shows of one target has to be there for some target.
    """
    left = []
    values = scraped.everything(board) | chosen
    targets = candidates(board, scraped, values)
    for panel, query in board.queries():
        exprs = [substituted(query["expr"], {**values, **one}) for one in targets]
        if not any(answered(scraped.prometheus, expr, query) for expr in exprs):
            left.append((panel["title"], exprs[0]))
    for one in board.annotations:
        expr = substituted(one["expr"], values)
        if not answered(scraped.prometheus, expr, {"range": True}):
            left.append((one["name"], expr))
    for name, variable in board.variables.items():
        if variable["type"] == "query":
            selector, label = asked(variable)
            expr = narrowed(substituted(selector, values), values)
            if not scraped.values((expr, label)):
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
    board: Board, scraped: Scraping, values: Mapping[str, str]
) -> Sequence[Mapping[str, str]]:
    """Give the targets that may be chosen; one empty choice where there are none."""
    if "target" not in board.variables:
        return [{}]
    selector, label = asked(board.variables["target"])
    names = scraped.values((substituted(selector, values), label))
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
