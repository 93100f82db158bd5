"""The keys a configuration may have, level by level, each with its kind and default.

Holds the shape: pydantic reads by it, `config.schema.json` is generated from it, and an
editor shows its descriptions. Refuses what takes two keys to judge.
"""

from itertools import pairwise
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field

from exporter.config.address import read_dns_server
from exporter.config.complaint import Refusal
from exporter.config.config import (
    DEFAULT_BUCKETS,
    DEFAULT_CONCURRENCY,
    DEFAULT_HISTORY,
    DEFAULT_INTERVAL,
    DEFAULT_PER_HOST,
)
from exporter.config.discovery_keys import SourceItem
from exporter.config.duration import spell_duration
from exporter.config.kinds import Choice, Flag, Span, Text, Whole
from exporter.config.module_keys import ModuleKeys
from exporter.config.on_demand_keys import OnDemandKeys
from exporter.config.section import Name, Section
from exporter.config.target_keys import TargetItem
from exporter.vocabulary import Phase

# A page shows all of a target's, each with its transcript.
MAX_REMEMBERED = 50
# Less would not hold the longest transcript there can be; more is a database's work.
LEAST_HISTORY_BYTES, MOST_HISTORY_BYTES = 2**20, 2**32
MAX_BUCKETS = 40  # each is a series per module and phase

Interval = Annotated[float, Span("1s", "1d")]
DnsServer = Annotated[tuple[str, int], Text(read_dns_server, minLength=1)]


class Schedule(Section):
    """When targets are probed."""

    interval: Interval = Field(
        default=DEFAULT_INTERVAL,
        description="Time from one probe of a target to the next, 1s to 1d. "
        "A module's own goes before it, a target's own before both.",
    )


class Limits(Section):
    """How much is done at the same time."""

    concurrency: Annotated[int, Whole(1, 100_000)] = Field(
        default=DEFAULT_CONCURRENCY, description="Probes at a time."
    )
    per_host: Annotated[int, Whole(1, 100_000)] = Field(
        default=DEFAULT_PER_HOST, description="Probes of one host at a time."
    )


class Dns(Section):
    """How names are turned into addresses."""

    servers: tuple[DnsServer, ...] = Field(
        default=(),
        description="Addresses, each with a port where it is not 53: `192.0.2.53`, "
        "`127.0.0.1:5353`, `[::1]:53`. None: the system's.",
    )


def _ascending(buckets: tuple[float, ...]) -> tuple[float, ...]:
    for lower, upper in pairwise(buckets):
        if lower >= upper:
            raise Refusal(
                "buckets ascend, each larger than the one before, but "
                f"`{spell_duration(upper)}` follows `{spell_duration(lower)}`"
            )
    return buckets


class Metrics(Section):
    """What the metrics show."""

    latency_buckets: Annotated[
        tuple[Annotated[float, Span("1ms", "1d")], ...],
        Field(min_length=1, max_length=MAX_BUCKETS),
        AfterValidator(_ascending),
    ] = Field(
        default_factory=lambda: DEFAULT_BUCKETS,
        description="Upper ends of the buckets, ascending, 1 to "
        f"{MAX_BUCKETS} of them. Default, in seconds: "
        f"{' '.join(f'{bucket:g}' for bucket in DEFAULT_BUCKETS)}.",
    )
    target_buckets: tuple[Annotated[Phase, Choice(Phase)], ...] = Field(
        default=(),
        description="Phases that get buckets for each target too, "
        "not just for each module.",
    )
    certificate_info: Annotated[bool, Flag()] = Field(
        default=True,
        description="Whether smtp_tls_certificate_info is written, a series per "
        "certificate seen.",
    )


class History(Section):
    """Which sessions are remembered, with their transcripts, for the pages."""

    sessions: Annotated[int, Whole(0, MAX_REMEMBERED)] = Field(
        default=DEFAULT_HISTORY.sessions, description="The last ones of each target."
    )
    failures: Annotated[int, Whole(0, MAX_REMEMBERED)] = Field(
        default=DEFAULT_HISTORY.failures,
        description="Kept apart: the last ones of each target that failed.",
    )
    max_bytes: Annotated[int, Whole(LEAST_HISTORY_BYTES, MOST_HISTORY_BYTES)] = Field(
        default=DEFAULT_HISTORY.max_bytes,
        description="Octets of memory for all targets, as estimated. Past it, the "
        "oldest sessions are forgotten, whichever target's they are.",
    )


def _not_empty(key: str) -> dict[str, Any]:
    return {"required": [key], "properties": {key: {"minItems": 1}}}


# Whoever answers at /probe needs no target of its own.
_ON_DEMAND: dict[str, Any] = {
    "required": ["on_demand"],
    "properties": {
        "on_demand": {
            "required": ["enabled"],
            "properties": {"enabled": {"const": True}},
        }
    },
}


class Document(Section):
    """What mailserver-exporter probes, how, and how often.

    Durations are written as Prometheus does: 30s, 1m30s, 500ms, 1d.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [_not_empty("targets"), _not_empty("discovery"), _ON_DEMAND]
        }
    )

    schedule: Schedule = Field(default_factory=Schedule)
    limits: Limits = Field(default_factory=Limits)
    dns: Dns = Field(default_factory=Dns)
    metrics: Metrics = Field(default_factory=Metrics)
    history: History = Field(default_factory=History)
    modules: dict[Name, ModuleKeys] = Field(
        default_factory=dict,
        description="Named ways to probe. Built in: banner (the greeting and QUIT "
        "only), mx (STARTTLS where it is offered), submission (STARTTLS, verified), "
        "submissions (TLS from the first octet, verified) and lmtp; override them here "
        "or add your own.",
    )
    targets: tuple[TargetItem, ...] = Field(
        default=(), description="The mail servers to probe."
    )
    discovery: tuple[SourceItem, ...] = Field(
        default=(), description="Where more mail servers to probe are found."
    )
    on_demand: OnDemandKeys = Field(default_factory=OnDemandKeys)
