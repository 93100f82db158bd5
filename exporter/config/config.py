"""What a configuration comes to: frozen, complete, every default filled in.

Holds the result and the defaults of what is not a module's; refuses to know how any of
it was written.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from exporter.allow import AllowList
from exporter.history import Bounds
from exporter.targets import FileSource, HttpSource, MailDomain, Module, Target
from exporter.vocabulary import Phase

DEFAULT_INTERVAL = 60.0
DEFAULT_CONCURRENCY = 500
DEFAULT_PER_HOST = 2
# Prometheus asks for all targets of a job within one interval; those of a usual domain.
DEFAULT_ON_DEMAND_CONCURRENCY = 20
# What mail is spoken on: LMTP, SMTP, submission, and its usual second port.
DEFAULT_PORTS = (24, 25, 465, 587, 2525)
DEFAULT_HISTORY = Bounds(sessions=5, failures=5, max_bytes=32 * 1024 * 1024)
# From a LAN's connect up to a greeting that a tarpit holds back.
DEFAULT_BUCKETS = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25),
    *(0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OnDemand:
    """Whom and how strangers may have us probe."""

    enabled: bool = False
    modules: frozenset[str] = frozenset()
    allow: AllowList = field(default_factory=AllowList)
    ports: frozenset[int] = frozenset(DEFAULT_PORTS)
    concurrency: int = DEFAULT_ON_DEMAND_CONCURRENCY  # probes at a time


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """One configuration, ready to be run."""

    targets: tuple[Target, ...]  # those that are written, one by one
    modules: Mapping[str, Module]  # the built-in ones and the owner's
    # Of each module: seconds from one probe of a target to the next.
    intervals: Mapping[str, float] = field(default_factory=dict)
    domains: tuple[MailDomain, ...] = ()  # whose mail exchangers are targets
    discovery: tuple[FileSource | HttpSource, ...] = ()  # where more targets are found
    concurrency: int = DEFAULT_CONCURRENCY  # probes at a time
    per_host: int = DEFAULT_PER_HOST  # probes of one host at a time
    dns_servers: tuple[tuple[str, int], ...] = ()  # address, port; (): the system's
    latency_buckets: tuple[float, ...] = DEFAULT_BUCKETS  # ascending, seconds
    target_bucket_phases: frozenset[Phase] = frozenset()  # with buckets per target too
    certificate_info: bool = True  # smtp_tls_certificate_info is written
    on_demand: OnDemand = field(default_factory=OnDemand)
    history: Bounds = DEFAULT_HISTORY  # of the sessions that the pages show
    text: str = field(repr=False)  # as read
