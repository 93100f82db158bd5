"""What the exporter tells of itself: the contract, and how it is fed."""

import platform

import pytest
from prometheus_client import Metric, generate_latest
from prometheus_client.openmetrics.exposition import (
    generate_latest as generate_openmetrics,
)

from exporter.metrics.own import OwnMetrics
from exporter.vocabulary import Skip, TargetSource
from tests.unit.outcomes import target

# The contract: type and labels.
CONTRACT: dict[str, tuple[str, frozenset[str]]] = {
    "build_info": ("gauge", frozenset({"version", "revision", "pythonversion"})),
    "config_last_reload_successful": ("gauge", frozenset()),
    "config_last_reload_success_timestamp_seconds": ("gauge", frozenset()),
    "targets": ("gauge", frozenset({"source"})),
    "probes_in_flight": ("gauge", frozenset()),
    "probes_waiting": ("gauge", frozenset()),
    "probes_skipped": ("counter", frozenset({"cause"})),
    "schedule_lag_seconds": ("histogram", frozenset()),
    "discovery_failures": ("counter", frozenset({"source"})),
    "probes_in_flight_limit": ("gauge", frozenset()),
    "loop_lag_seconds": ("histogram", frozenset()),
    "log_lines": ("counter", frozenset({"level"})),
    "kernel_timestamps": ("gauge", frozenset()),
    "shard_ordinal": ("gauge", frozenset()),
    "shards": ("gauge", frozenset()),
    "on_demand_probes": ("counter", frozenset()),
    "on_demand_probe_failures": ("counter", frozenset()),
    "on_demand_probes_cancelled": ("counter", frozenset()),
    "on_demand_refused": ("counter", frozenset({"cause"})),
    "on_demand_probes_in_flight": ("gauge", frozenset()),
}
PREFIX = "mailserver_exporter_"
OF_THE_CLIENT = ("process_", "python_")


@pytest.fixture
def own() -> OwnMetrics:
    """Make the metrics of a process that has done nothing yet."""
    return OwnMetrics("1.2.3", kernel_timestamps=True)


def collected(own: OwnMetrics) -> dict[str, Metric]:
    """Give the families by their names."""
    return {family.name: family for family in own.registry.collect()}


def value(own: OwnMetrics, name: str, **labels: str) -> float | None:
    """Give one sample; None when there is none."""
    return own.registry.get_sample_value(PREFIX + name, labels)


def test_contract(own: OwnMetrics) -> None:
    """Names, types and labels are those of the contract, beside the client's own."""
    own.count_targets([])
    families = {
        name.removeprefix(PREFIX): (
            family.type,
            frozenset(label for s in family.samples for label in s.labels) - {"le"},
        )
        for name, family in collected(own).items()
        if not name.startswith(OF_THE_CLIENT)
    }

    assert families == CONTRACT


def test_the_clients_collectors(own: OwnMetrics) -> None:
    """Process, platform and garbage collector come with the registry."""
    names = {*collected(own)}

    assert "python_info" in names
    assert "python_gc_collections" in names
    if platform.system() == "Linux":
        assert "process_open_fds" in names


@pytest.mark.parametrize("name", CONTRACT)
def test_help(own: OwnMetrics, name: str) -> None:
    """Each family has one sentence that says what it is."""
    sentence = collected(own)[PREFIX + name].documentation

    assert sentence.endswith(".")
    assert sentence.isprintable()


def test_every_cause_from_zero(own: OwnMetrics) -> None:
    """Each cause of a skip is there before the first skip."""
    for cause in Skip:
        assert value(own, "probes_skipped_total", cause=cause) == 0


def test_skips_are_counted(own: OwnMetrics) -> None:
    """Skips add up by their cause."""
    own.skip(Skip.OVERRUN, 1)
    own.skip(Skip.MISSED, 3)
    own.skip(Skip.MISSED, 4)

    counts = [value(own, "probes_skipped_total", cause=cause) for cause in Skip]
    assert counts == [1, 0, 7, 0]


def test_lag(own: OwnMetrics) -> None:
    """Lags are in the first bucket that is high enough, and in all above."""
    own.lag(0.0)
    own.lag(0.01)
    own.lag(99.0)

    assert value(own, "schedule_lag_seconds_bucket", le="0.001") == 1
    assert value(own, "schedule_lag_seconds_bucket", le="0.01") == 2
    assert value(own, "schedule_lag_seconds_bucket", le="10.0") == 2
    assert value(own, "schedule_lag_seconds_bucket", le="+Inf") == 3
    assert value(own, "schedule_lag_seconds_sum") == pytest.approx(99.01)


def test_reload(own: OwnMetrics) -> None:
    """Nothing is loaded at first; then it is known that, and when, it was."""
    assert value(own, "config_last_reload_successful") == 0

    own.loaded(1_700_000_000.5)

    assert value(own, "config_last_reload_successful") == 1
    assert value(own, "config_last_reload_success_timestamp_seconds") == 1_700_000_000.5


def test_a_reload_that_failed(own: OwnMetrics) -> None:
    """It is told until the next one succeeds, and the time stays that of a success."""
    own.loaded(1_700_000_000.5)
    own.reload_failed()
    assert value(own, "config_last_reload_successful") == 0
    assert value(own, "config_last_reload_success_timestamp_seconds") == 1_700_000_000.5

    own.loaded(1_700_000_060.5)
    assert value(own, "config_last_reload_successful") == 1


def test_discovery_failures(own: OwnMetrics) -> None:
    """Each source that can fail is there from 0, and counted by itself."""
    assert value(own, "discovery_failures_total", source="config") is None
    for source in ("mx", "file", "http"):
        assert value(own, "discovery_failures_total", source=source) == 0

    own.discovery_failed(TargetSource.HTTP)
    own.discovery_failed(TargetSource.HTTP)
    own.discovery_failed(TargetSource.MX)

    counts = {"mx": 1, "file": 0, "http": 2}
    for source, count in counts.items():
        assert value(own, "discovery_failures_total", source=source) == count


def test_targets_by_source(own: OwnMetrics) -> None:
    """Targets are counted by where they come from, down to zero."""
    own.count_targets([target("a"), target("b")])
    assert value(own, "targets", source="config") == 2

    own.count_targets([])
    assert value(own, "targets", source="config") == 0


def test_what_is_read_at_the_scrape(own: OwnMetrics) -> None:
    """Probes in flight and waiting are read anew each time."""
    running: list[str] = []
    own.watch(in_flight=lambda: len(running), waiting=lambda: 7)
    assert value(own, "probes_in_flight") == 0

    running.append("a probe")
    assert value(own, "probes_in_flight") == 1
    assert value(own, "probes_waiting") == 7


def test_the_limit_of_probes(own: OwnMetrics) -> None:
    """How many probes may run stands beside how many do."""
    own.allow(500)

    assert value(own, "probes_in_flight_limit") == 500


def test_the_lag_of_the_loop(own: OwnMetrics) -> None:
    """Each beat is counted, in the bucket of how late it came."""
    own.loop_lag(0.0)
    own.loop_lag(0.3)

    assert value(own, "loop_lag_seconds_count") == 2
    assert value(own, "loop_lag_seconds_bucket", le="0.001") == 1
    assert value(own, "loop_lag_seconds_bucket", le="0.5") == 2


def test_log_lines(own: OwnMetrics) -> None:
    """Lines are read where they are counted, each level from 0."""
    levels = ("debug", "info", "warning", "error", "critical")
    assert {value(own, "log_lines_total", level=level) for level in levels} == {0}

    own.watch(in_flight=int, waiting=int, log_lines=lambda: {"error": 3, "odd": 1})
    assert value(own, "log_lines_total", level="error") == 3
    assert value(own, "log_lines_total", level="info") == 0
    assert value(own, "log_lines_total", level="odd") is None


def test_build_info(own: OwnMetrics) -> None:
    """The build names the exporter's version and that of Python."""
    labels = {"version": "1.2.3", "pythonversion": platform.python_version()}

    assert value(own, "build_info", revision="", **labels) == 1

    built = OwnMetrics("1.2.3", kernel_timestamps=True, revision="8b217b7")
    assert value(built, "build_info", revision="8b217b7", **labels) == 1


@pytest.mark.parametrize("kernel", [True, False])
def test_kernel_timestamps(kernel: bool) -> None:
    """It says whether the kernel takes the times."""
    own = OwnMetrics("0", kernel_timestamps=kernel)

    assert value(own, "kernel_timestamps") == kernel


def test_one_shard(own: OwnMetrics) -> None:
    """A process that is not sharded is the first of one."""
    assert (value(own, "shard_ordinal"), value(own, "shards")) == (0, 1)


def test_one_shard_of_several(own: OwnMetrics) -> None:
    """It says which one, from 0, and of how many."""
    own.shard(2, 5)

    assert (value(own, "shard_ordinal"), value(own, "shards")) == (2, 5)


def test_no_created_series(own: OwnMetrics) -> None:
    """Neither format shows when a counter was made."""
    own.lag(1.0)

    assert b"_created" not in generate_latest(own.registry)
    assert b"_created" not in generate_openmetrics(own.registry)  # type: ignore[no-untyped-call]  # the client's own


def test_two_in_one_process() -> None:
    """Each has a registry of its own."""
    one = OwnMetrics("1", kernel_timestamps=True)
    other = OwnMetrics("2", kernel_timestamps=True)
    one.skip(Skip.CAPPED, 5)

    assert value(other, "probes_skipped_total", cause="capped") == 0
