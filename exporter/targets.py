"""What is probed and how: frozen facts that the configuration was turned into.

Holds no behaviour beyond naming; refuses sockets, clocks and parsing. Durations are
seconds (float) everywhere below the configuration.
"""

from dataclasses import dataclass, field

from exporter.vocabulary import IpFamily, Phase, QuitPolicy, TargetSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Limits in seconds: one for each kind of waiting; `of` gives a phase's own."""

    dns: float = 5.0
    connect: float = 5.0
    tls: float = 5.0
    greeting: float = 15.0  # postscreen pauses 6 s, tarpits more (SMTP.md 2.3)
    command: float = 10.0
    quit: float = 5.0
    close: float = 3.0  # Exim holds the socket up to 2 s after its 221

    def of(self, phase: Phase) -> float:
        """Give the limit of a phase in seconds; `hold` has none of its own."""
        return getattr(self, _LIMIT_OF.get(phase, "command"))  # type: ignore[no-any-return]  # every field is a float


_LIMIT_OF = {
    Phase.DNS: "dns",
    Phase.CONNECT: "connect",
    Phase.TLS: "tls",
    Phase.GREETING: "greeting",
    Phase.QUIT: "quit",
    Phase.CLOSE: "close",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """How a target is probed; a named set of the configuration's module keys."""

    name: str
    ehlo: bool = True
    ehlo_name: str | None = None  # None: the literal of the socket's own address
    quit: QuitPolicy = QuitPolicy.REQUIRE
    hold: float = 0.0
    timeout: float = 30.0
    timeouts: Timeouts = field(default_factory=Timeouts)
    ip_family: IpFamily = IpFamily.ANY


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One mail server port to probe; `name` is unique and is the label `target`."""

    name: str
    host: str  # a name or an address literal without brackets
    port: int
    module: Module
    interval: float
    labels: tuple[tuple[str, str], ...] = ()
    source: TargetSource = TargetSource.CONFIG
