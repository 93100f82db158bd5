"""The keys a configuration may have, level by level, each with its kind and default.

Holds the shape: pydantic reads by it, `config.schema.json` is generated from it, and an
editor shows its descriptions. Refuses what takes two keys to judge.
"""

from enum import Enum
from itertools import pairwise
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from exporter.config.address import (
    MAX_EHLO_NAME,
    MAX_HOST,
    MAX_PORT,
    check_ehlo_name,
    check_host,
    join_port,
    read_dns_server,
    split_port,
)
from exporter.config.builtin import DEFAULT_MODULE, MODULE_OF_PORT
from exporter.config.complaint import Refusal
from exporter.config.config import (
    DEFAULT_BUCKETS,
    DEFAULT_CONCURRENCY,
    DEFAULT_INTERVAL,
    DEFAULT_PER_HOST,
)
from exporter.config.duration import spell_duration
from exporter.config.kinds import Choice, Flag, Span, Text, Whole, noun
from exporter.config.labels import (
    LABEL_PATTERN,
    MAX_NAME,
    RESERVED_LABELS,
    check_label_name,
    check_name,
)
from exporter.targets import Module, Timeouts
from exporter.vocabulary import IpFamily, Phase, QuitPolicy

MAX_BUCKETS = 40  # each is a series per module and phase

SMTP_PORT = 25

_TIMEOUTS = Timeouts()
_MODULE = Module(name="")


class Protocol(Enum):
    """What is spoken."""

    SMTP = "smtp"


class Tls(Enum):
    """Whether and how the session is encrypted."""

    NONE = "none"


_INTERVAL = Span("1s", "1d")
_NAME = Text(check_name, minLength=1, maxLength=MAX_NAME)
_EHLO_NAME = Text(check_ehlo_name, minLength=1, maxLength=MAX_EHLO_NAME)

Interval = Annotated[float, _INTERVAL]
OwnInterval = Annotated[float | None, _INTERVAL]
Limit = Annotated[float, Span("1ms", "10m")]
Host = Annotated[str, Text(check_host, minLength=1, maxLength=MAX_HOST + 1)]
Port = Annotated[int, Whole(1, MAX_PORT)]
Name = Annotated[str, _NAME]
OwnName = Annotated[str | None, _NAME]
OwnEhloName = Annotated[str | None, _EHLO_NAME]
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


class Section(BaseModel):
    """One level of keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    planned: ClassVar[frozenset[str]] = frozenset()  # known, and not supported yet


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


def _limit(default: float, what: str) -> Any:
    return Field(default=default, description=f"Limit for {what}, 1ms to 10m.")


class TimeoutKeys(Section):
    """How long each kind of waiting may take."""

    dns: Limit = _limit(_TIMEOUTS.dns, "turning the name into addresses")
    connect: Limit = _limit(_TIMEOUTS.connect, "TCP, over all addresses tried")
    tls: Limit = _limit(_TIMEOUTS.tls, "the TLS handshake")
    greeting: Limit = _limit(_TIMEOUTS.greeting, "the server's greeting (220)")
    command: Limit = _limit(_TIMEOUTS.command, "the reply to a command")
    quit: Limit = _limit(_TIMEOUTS.quit, "the reply to QUIT (221)")
    close: Limit = _limit(_TIMEOUTS.close, "the server to close after its 221")


class ModuleKeys(Section):
    """How a target is probed.

    Under the name of a built-in module, its values stand where none are written.
    """

    planned = frozenset(
        {
            *("verify", "tls_server_name", "ca_file", "cert_file", "key_file"),
            *("min_version", "dane", "dane_resolver", "dane_resolver_trusted"),
            *("mta_sts", "addresses", "source_address", "proxy_protocol"),
            *("auth", "mail", "expect"),
        }
    )

    protocol: Annotated[Protocol, Choice(Protocol, planned=("lmtp",))] = Field(
        default=Protocol.SMTP, description="What is spoken."
    )
    ehlo: Annotated[bool, Flag()] = Field(
        default=_MODULE.ehlo,
        description="Whether EHLO is said; false: the greeting and QUIT only.",
    )
    ehlo_name: OwnEhloName = Field(
        default=_MODULE.ehlo_name,
        description="What EHLO says, a domain or an address literal in brackets. "
        "Default: the literal of the socket's own address.",
    )
    tls: Annotated[
        Tls, Choice(Tls, planned=("opportunistic", "required", "implicit"))
    ] = Field(default=Tls.NONE, description="Whether the session is encrypted.")
    quit: Annotated[QuitPolicy, Choice(QuitPolicy)] = Field(
        default=_MODULE.quit,
        description="What is asked of the goodbye. observe: nothing; require: 221 in "
        "answer to QUIT; strict: and a clean close.",
    )
    hold: Annotated[float, Span("0s", "10m")] = Field(
        default=_MODULE.hold,
        description="How long to sit idle after the greeting, to catch a 221 or 421 "
        "that nobody asked for, up to 10m.",
    )
    timeout: Limit = _limit(_MODULE.timeout, "the whole probe")
    timeouts: TimeoutKeys = Field(default_factory=TimeoutKeys)
    interval: OwnInterval = Field(
        default=None,
        description="Time from one probe of a target to the next, 1s to 1d. "
        "Default: the schedule's.",
    )
    ip_family: Annotated[IpFamily, Choice(IpFamily)] = Field(
        default=_MODULE.ip_family, description="Which addresses of a name are used."
    )


class TargetKeys(Section):
    """One port of one mail server."""

    planned = frozenset({"mx"})

    host: Host = Field(description="A name, or an address without brackets.")
    port: Port = Field(default=SMTP_PORT, description="The TCP port.")
    name: OwnName = Field(
        default=None,
        description="The label `target`, unique in the file. Default: `host:port`.",
    )
    module: OwnName = Field(
        default=None,
        description="The module it is probed with. Default: mx; ports 465, 587 and 24 "
        "have no default yet.",
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
    def full_name(self) -> str:
        """The name written, or else host and port."""
        return self.name or join_port(self.host, self.port)

    @property
    def module_name(self) -> str:
        """The module written, or else the one its port calls for."""
        return self.module or MODULE_OF_PORT.get(self.port, DEFAULT_MODULE)


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
    str, Field(description="`host`, `host:port`, `[IPv6]:port`; port 25 by default.")
]
TargetItem = Annotated[
    TargetKeys, BeforeValidator(_target, json_schema_input_type=_Short | TargetKeys)
]


class Document(Section):
    """What mailserver-exporter probes, how, and how often.

    Durations are written as Prometheus does: 30s, 1m30s, 500ms, 1d.
    """

    planned = frozenset({"discovery", "on_demand"})

    schedule: Schedule = Field(default_factory=Schedule)
    limits: Limits = Field(default_factory=Limits)
    dns: Dns = Field(default_factory=Dns)
    metrics: Metrics = Field(default_factory=Metrics)
    modules: dict[Name, ModuleKeys] = Field(
        default_factory=dict,
        description="Named ways to probe. Built in: banner (the greeting and QUIT "
        "only) and mx; override them here or add your own.",
    )
    targets: Annotated[
        list[TargetItem], Field(min_length=1), BeforeValidator(_at_least_one)
    ] = Field(description="The mail servers to probe.")
