"""The keys a configuration may have, level by level, each with its kind and default.

Holds the shape: pydantic reads by it, `config.schema.json` is generated from it, and an
editor shows its descriptions. Refuses what takes two keys to judge.
"""

from itertools import pairwise
from types import MappingProxyType
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from exporter.config.address import (
    MAX_HOST,
    MAX_PORT,
    UNIX_PORT,
    check_host,
    is_unix,
    join_port,
    read_dns_server,
    split_port,
)
from exporter.config.builtin import default_module
from exporter.config.complaint import Refusal
from exporter.config.config import (
    DEFAULT_BUCKETS,
    DEFAULT_CONCURRENCY,
    DEFAULT_INTERVAL,
    DEFAULT_PER_HOST,
)
from exporter.config.duration import spell_duration
from exporter.config.kinds import Choice, Span, Text, Whole, noun
from exporter.config.labels import (
    LABEL_PATTERN,
    MAX_NAME,
    RESERVED_LABELS,
    check_label_name,
    check_name,
)
from exporter.config.module_keys import ModuleKeys
from exporter.config.section import NOT_YET, OwnInterval, Section
from exporter.vocabulary import Phase

MAX_BUCKETS = 40  # each is a series per module and phase

SMTP_PORT = 25

_NAME = Text(check_name, minLength=1, maxLength=MAX_NAME)

Interval = Annotated[float, Span("1s", "1d")]
Host = Annotated[str, Text(check_host, minLength=1, maxLength=MAX_HOST + 1)]
Port = Annotated[int, Whole(1, MAX_PORT)]
Name = Annotated[str, _NAME]
OwnName = Annotated[str | None, _NAME]
LabelValue = Annotated[str, Text(str)]
LabelName = Annotated[
    str,
    Text(
        check_label_name,
        allOf=[
            {"pattern": LABEL_PATTERN},
            {"not": {"pattern": "^__"}},
            {"not": {"enum": list(RESERVED_LABELS)}},
        ],
    ),
]
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
    """What the latency histograms look like."""

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


class TargetKeys(Section):
    """One port of one mail server."""

    refused = MappingProxyType({"mx": NOT_YET})

    host: Host = Field(
        description="A name, an address without brackets, or a Unix socket as in "
        "`unix:/run/lmtp.sock`."
    )
    port: Port = Field(
        default=SMTP_PORT, description="The TCP port; a Unix socket has none."
    )
    name: OwnName = Field(
        default=None,
        description="The label `target`, unique in the file. Default: `host:port`, or "
        "the Unix socket.",
    )
    module: OwnName = Field(
        default=None,
        description="The module it is probed with. Default: mx; for port 24 and for "
        "Unix sockets lmtp; ports 465 and 587 have no default yet.",
    )
    interval: OwnInterval = Field(
        default=None,
        description="Time from one probe to the next, 1s to 1d. Default: the module's.",
    )
    labels: dict[LabelName, LabelValue] = Field(
        default_factory=dict,
        description="Labels of your own on each of this target's series. Names that "
        "Prometheus attaches itself (env, region, ...) would clash there.",
    )

    @property
    def tcp_port(self) -> int:
        """The port, or what stands for none."""
        return UNIX_PORT if is_unix(self.host) else self.port

    @property
    def full_name(self) -> str:
        """The name written, or else host and port."""
        return self.name or join_port(self.host, self.port)

    @property
    def module_name(self) -> str:
        """The module written, or else the one that the target calls for."""
        return self.module or default_module(self.host, self.port)


def _target(value: object) -> object:
    """Turn `host:port` into the keys it stands for."""
    if isinstance(value, str):
        host, port = split_port(value)
        return {"host": host} if port is None else {"host": host, "port": port}
    if isinstance(value, dict):
        return value
    raise Refusal(f"must be `host`, `host:port` or a mapping, not {noun(value)}")


NO_TARGETS = "name at least one mail server"


def _at_least_one(value: object) -> object:
    if value is None or value == []:
        raise Refusal(NO_TARGETS)
    return value


_Short = Annotated[
    str,
    Field(
        description="`host`, `host:port`, `[IPv6]:port`, port 25 by default; or "
        "`unix:/path`."
    ),
]
TargetItem = Annotated[
    TargetKeys, BeforeValidator(_target, json_schema_input_type=_Short | TargetKeys)
]


class Document(Section):
    """What mailserver-exporter probes, how, and how often.

    Durations are written as Prometheus does: 30s, 1m30s, 500ms, 1d.
    """

    refused = MappingProxyType(dict.fromkeys(("discovery", "on_demand"), NOT_YET))

    schedule: Schedule = Field(default_factory=Schedule)
    limits: Limits = Field(default_factory=Limits)
    dns: Dns = Field(default_factory=Dns)
    metrics: Metrics = Field(default_factory=Metrics)
    modules: dict[Name, ModuleKeys] = Field(
        default_factory=dict,
        description="Named ways to probe. Built in: banner (the greeting and QUIT "
        "only), mx and lmtp; override them here or add your own.",
    )
    targets: Annotated[
        list[TargetItem], Field(min_length=1), BeforeValidator(_at_least_one)
    ] = Field(description="The mail servers to probe.")
