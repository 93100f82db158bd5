"""The exporter itself: is what the other dashboards show to be believed, and how late.

Holds a line for each exporter, so it is for as many as there are shards. What belongs
to Prometheus (up, the length of a scrape) is in here too: it is the same question.
"""

from deploy.grafana.dashboard import (
    EXPORTER,
    EXPORTERS,
    INSTANCE,
    PAGES,
    STATUS_PAGE,
    Dashboard,
    Row,
)
from deploy.grafana.panels import (
    ALL_IS_GOOD,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    RED,
    YELLOW,
    Column,
    Query,
    heat,
    lines,
    ranking,
    stat,
    table,
)
from deploy.grafana.words import YES_NO

_LAG, _LOOP = (
    f"rate(mailserver_exporter_{of}_seconds_bucket{{@exporter}}[$__rate_interval])"
    for of in ("schedule_lag", "loop_lag")
)
_LEVELS = {
    "debug": GREY,
    "info": BLUE,
    "warning": YELLOW,
    "error": RED,
    "critical": "dark-red",
}

_NOW = (
    stat(
        "Exporters up",
        "The part of the chosen exporters that answers scrapes.",
        "avg(up{@exporter})",
        unit="percentunit",
        steps=ALL_IS_GOOD,
    ),
    stat(
        "Shards missing",
        "Shards that there are to be, less those whose ordinal is seen, in the job "
        "where most are missing. The targets of a missing one are probed by nobody. "
        "Whatever instance is chosen, all are counted.",
        "max(max by (job) (mailserver_exporter_shards{@job}) - "
        'count by (job) (count_values by (job) ("ordinal", '
        "mailserver_exporter_shard_ordinal{@job})))",
        steps=((None, GREEN), (1, RED)),
    ),
    stat(
        "Configuration",
        "Whether each exporter could load its configuration at the last attempt. If "
        "not, it runs on with the one before; its log says what is wrong.",
        "min(mailserver_exporter_config_last_reload_successful{@exporter})",
        mappings=YES_NO,
        none="not loaded",
    ),
    stat(
        "Loaded",
        "How long ago a configuration was last loaded with success.",
        "time() - max(mailserver_exporter_config_last_reload_success_timestamp_seconds"
        "{@exporter})",
        unit="s",
    ),
    stat(
        "Running for",
        "How long ago the exporter that started last has started; its counters began "
        "then.",
        "time() - max(process_start_time_seconds{@exporter})",
        unit="s",
    ),
    stat(
        "Oldest result",
        "How long ago the last probe of a target ended, at worst.",
        "max(time() - smtp_last_probe_timestamp_seconds{@exporter})",
        unit="s",
        steps=((None, GREEN), (600, ORANGE), (1800, RED)),
    ),
    stat(
        "Places in use",
        "The part of the places for probes (`limits.concurrency`) that is taken, in "
        "the fullest exporter. At 100 % probes wait.",
        "max(mailserver_exporter_probes_in_flight{@exporter}"
        " / mailserver_exporter_probes_in_flight_limit{@exporter})",
        unit="percentunit",
        steps=((None, GREEN), (0.8, YELLOW), (1, RED)),
    ),
    stat(
        "Kernel timestamps",
        "Whether the kernel times what is received. If not, the interpreter does, and "
        "figures suffer while it is busy.",
        "min(mailserver_exporter_kernel_timestamps{@exporter})",
        mappings=YES_NO,
    ),
)

_SCHEDULE = (
    lines(
        "Probes",
        "Probes that were started a second, by exporter.",
        Query(
            "sum by (instance) "
            "(rate(mailserver_exporter_schedule_lag_seconds_count{@exporter}"
            "[$__rate_interval]))",
            "{{instance}}",
        ),
        unit="ops",
    ),
    lines(
        "Places for probes",
        "Probes that run, those that wait for a place, and how many places there are.",
        Query(
            "sum by (instance) (mailserver_exporter_probes_in_flight{@exporter})",
            "{{instance}} running",
        ),
        Query(
            "sum by (instance) (mailserver_exporter_probes_waiting{@exporter})",
            "{{instance}} waiting",
        ),
        Query(
            "sum by (instance) (mailserver_exporter_probes_in_flight_limit{@exporter})",
            "{{instance}} places",
        ),
        unit="short",
    ),
    lines(
        "Probes left out",
        "Probes a minute that were left out: overrun, the one before was still "
        "running; capped, it was still waiting for a place; missed, the exporter was "
        "late by a whole interval; backoff, the server has said 421 again and again.",
        Query(
            "60 * sum by (cause) "
            "(rate(mailserver_exporter_probes_skipped_total{@exporter}"
            "[$__rate_interval]))",
            "{{cause}}",
        ),
        unit="cpm",
        stacked=True,
        colours={"overrun": ORANGE, "capped": RED, "missed": "dark-red"},
    ),
    heat(
        "How late probes started",
        "A probe that starts late waited for its place or for a busy exporter. The "
        "colour tells how many a second.",
        f"sum by (le) ({_LAG})",
        unit="s",
    ),
    lines(
        "Lag",
        "How late probes started, and how late the event loop came to a beat that was "
        "due once a second. All work of an exporter waits as long as its loop does.",
        *(
            Query(f"histogram_quantile({part}, sum by (le) ({of}))", f"{what}, {name}")
            for of, what in ((_LAG, "probes"), (_LOOP, "loop"))
            for part, name in ((0.5, "median"), (0.99, "99 %"))
        ),
        unit="s",
        width=12,
    ),
)

_TARGETS = (
    ranking(
        "Targets by source",
        "Targets on the schedule, by where they come from.",
        "sum by (source) (mailserver_exporter_targets{@exporter})",
        "{{source}}",
        width=6,
    ),
    lines(
        "Targets by exporter",
        "Targets on the schedule. Shards have about as many each.",
        Query(
            "sum by (instance) (mailserver_exporter_targets{@exporter})", "{{instance}}"
        ),
        unit="short",
        width=10,
    ),
    lines(
        "Discovery that failed",
        "Attempts a minute to find targets that failed. The targets found before stay.",
        Query(
            "60 * sum by (source) "
            "(rate(mailserver_exporter_discovery_failures_total{@exporter}"
            "[$__rate_interval]))",
            "{{source}}",
        ),
        unit="cpm",
        stacked=True,
    ),
)

_PROCESS = (
    lines(
        "CPU",
        "The part of one core that each exporter takes. Most of it is one thread: near "
        "100 % it is time for another shard.",
        Query(
            "sum by (instance) "
            "(rate(process_cpu_seconds_total{@exporter}[$__rate_interval]))",
            "{{instance}}",
        ),
        unit="percentunit",
    ),
    lines(
        "Memory",
        "Resident memory.",
        Query(
            "sum by (instance) (process_resident_memory_bytes{@exporter})",
            "{{instance}}",
        ),
        unit="bytes",
    ),
    lines(
        "File descriptors",
        "The part of the allowed descriptors that is open. At 100 % probes fail with "
        "local_error.",
        Query(
            "sum by (instance) (process_open_fds{@exporter})"
            " / sum by (instance) (process_max_fds{@exporter})",
            "{{instance}}",
        ),
        unit="percentunit",
    ),
    lines(
        "Scrapes",
        "How long Prometheus took to scrape each exporter; past its timeout there are "
        "no results at all.",
        Query("max by (instance) (scrape_duration_seconds{@exporter})", "{{instance}}"),
        unit="s",
    ),
    lines(
        "Samples",
        "Samples that a scrape of each exporter gave.",
        Query("max by (instance) (scrape_samples_scraped{@exporter})", "{{instance}}"),
        unit="short",
    ),
    lines(
        "Log lines",
        "Lines a minute, by level. A rise of error is a reload that failed, or a fault "
        "of the exporter's own.",
        Query(
            "60 * sum by (level) "
            "(rate(mailserver_exporter_log_lines_total{@exporter}[$__rate_interval]))",
            "{{level}}",
        ),
        unit="cpm",
        stacked=True,
        colours=_LEVELS,
    ),
    table(
        "Versions",
        "What runs where.",
        "max by (job, instance, version, revision, pythonversion) "
        "(mailserver_exporter_build_info{@exporter})",
        Column(label="job", title="Job"),
        Column(label="instance", title="Instance"),
        Column(label="version", title="Version"),
        Column(label="revision", title="Commit"),
        Column(label="pythonversion", title="Python"),
        none="No exporter is scraped.",
    ),
)

_ON_DEMAND = (
    lines(
        "Probes on demand",
        "Probes a minute that were asked for over /probe: those that ended, those of "
        "them that failed, and those that were cut off.",
        *(
            Query(
                f"60 * sum(rate(mailserver_exporter_on_demand_{name}"
                "{@exporter}[$__rate_interval]))",
                legend,
            )
            for name, legend in (
                ("probes_total", "ended"),
                ("probe_failures_total", "failed"),
                ("probes_cancelled_total", "cut off"),
            )
        ),
        unit="cpm",
    ),
    lines(
        "Refused",
        "Requests a minute that came to no probe, by cause.",
        Query(
            "60 * sum by (cause) "
            "(rate(mailserver_exporter_on_demand_refused_total{@exporter}"
            "[$__rate_interval]))",
            "{{cause}}",
        ),
        unit="cpm",
        stacked=True,
    ),
    lines(
        "Running on demand",
        "Probes on demand that are running.",
        Query(
            "sum by (instance) "
            "(mailserver_exporter_on_demand_probes_in_flight{@exporter})",
            "{{instance}}",
        ),
        unit="short",
    ),
)

DASHBOARD = Dashboard(
    uid=EXPORTER,
    title="Mail servers: the exporter",
    description="Whether the exporters keep up with the schedule, and what they cost.",
    matchers="",
    variables=(EXPORTERS, INSTANCE, PAGES),
    rows=(
        Row("Now", _NOW),
        Row("Schedule", _SCHEDULE),
        Row("Targets", _TARGETS),
        Row("Process", _PROCESS),
        Row("Probes on demand", _ON_DEMAND, collapsed=True),
    ),
    links=(STATUS_PAGE,),
)
