"""One probe from its target to its Outcome. Only cancellation escapes.

What the conversation means is not judged here: the dialogue and the close class are
pure, and this file only brings them together with a connection.
"""

import time
from dataclasses import dataclass

import structlog

from exporter.outcome import Failure, Outcome
from exporter.probe.authenticate import Authentication
from exporter.probe.carrier import Carrier
from exporter.probe.connection import Connection
from exporter.probe.demands import Demands, demands_of, insisting
from exporter.probe.encryption import context_of
from exporter.probe.limit import Limit
from exporter.probe.policies import Policies
from exporter.probe.reach import NotPermitted, Permit, reach
from exporter.probe.resolve import Resolver
from exporter.probe.timeline import Timeline
from exporter.probe.trust import Trust, TrustError
from exporter.secret import SecretError, read_secret
from exporter.smtp import sasl
from exporter.smtp.command import address_literal
from exporter.smtp.dialogue import converse
from exporter.smtp.exchange import Findings, Interrupted
from exporter.smtp.goodbye import close_class, judge_close
from exporter.targets import Module, Target
from exporter.vocabulary import Close, Phase, Reason, TlsMode

# A Unix socket has no address; who talks over one is on this machine.
_NAME_ON_UNIX_SOCKET = "localhost"

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What probes share: who is asked for names, and who is believed."""

    resolver: Resolver
    trust: Trust
    policies: Policies | None = None  # None: no MTA-STS
    permit: Permit | None = None  # which addresses may be connected to; None: any

    async def close(self) -> None:
        """End the lookups that still run."""
        if self.policies:
            await self.policies.close()
        await self.resolver.close()


async def probe(
    target: Target, world: World, timeline: Timeline | None = None
) -> Outcome:
    """Probe a target once: resolve, connect, converse, close.

    A fresh `timeline` may be given by who wants to look on. Raises nothing but
    cancellation, and NotPermitted in a world that has a `permit`: a bug of ours is the
    reason internal_error.
    """
    timeline = timeline or Timeline()
    try:
        findings, close = await _session(target, world, timeline)
        return timeline.outcome(findings, close)
    except Interrupted as interrupted:
        failure = Failure(timeline.phase_now, interrupted.reason)
        return timeline.outcome(Findings(failure=failure), Close.NONE)
    except NotPermitted:
        raise
    except Exception:  # noqa: BLE001 -- a probe always comes back with an Outcome
        _log.exception("probe crashed", target=target.name)
        return timeline.outcome_of_crash()


async def _session(
    target: Target, world: World, timeline: Timeline
) -> tuple[Findings, Close]:
    module = target.module
    deadline = Limit(time.monotonic() + module.timeout, Reason.DEADLINE)
    secret = _secret(module, timeline)
    demands = await demands_of(target, world.policies, deadline, timeline)
    module = insisting(module, demands)
    authentication = _authentication(target, world.trust, demands, timeline)
    connection = await reach(target, world.resolver, deadline, timeline, world.permit)
    try:
        carrier = Carrier(
            connection, module.timeouts, deadline, timeline, authentication
        )
        dialogue = converse(module, _own_name(connection), secret)
        findings = await carrier.carry(dialogue)
        heard_ehlo = findings.starttls_offered is not None
        if authentication and heard_ehlo and not findings.encrypted:
            authentication.in_the_clear()
        tcp_end = await carrier.goodbye(findings)
        timeline.tls_close_notify = connection.close_notify if timeline.tls else None
        timeline.tcp = connection.tcp_facts()
    finally:
        connection.close()
    if target.exchanger:  # what was odd about its records was seen before
        findings.quirks |= target.exchanger.quirks
    close = close_class(findings, tcp_end)
    findings.failure = judge_close(module.quit, findings, close)
    return findings, close


def _own_name(connection: Connection) -> str:
    """Give what EHLO says when the module names nothing."""
    ends = connection.ends
    return address_literal(ends[0][0]) if ends else _NAME_ON_UNIX_SOCKET


def _authentication(
    target: Target, trust: Trust, demands: Demands, timeline: Timeline
) -> Authentication | None:
    """Read what TLS will need, before any server is bothered; None without TLS.

    Raises Interrupted with local_error: this machine lacks it, in phase connect.
    """
    module = target.module
    if module.tls is TlsMode.NONE:
        return None
    try:
        trust.load(module.ca_file)
        context = context_of(module)
    except (OSError, ValueError, TrustError) as error:
        with timeline.phase(Phase.CONNECT):
            timeline.note(f"the module's certificates cannot be used: {error}")
            raise Interrupted(Reason.LOCAL_ERROR) from error
    return Authentication(
        target=target,
        context=context,
        trust=trust,
        demands=demands,
        timeline=timeline,
    )


def _secret(module: Module, timeline: Timeline) -> bytes:
    """Read what AUTH will need, before any server is bothered.

    Raises Interrupted with local_error: this machine lacks it, in phase connect.
    """
    if module.auth is None:
        return b""
    try:
        secret = read_secret(module.auth.password)
    except SecretError as error:
        with timeline.phase(Phase.CONNECT):
            timeline.note(str(error))
            raise Interrupted(Reason.LOCAL_ERROR) from error
    auth = module.auth
    timeline.secrets = sasl.disguises(auth.mechanism, auth.username, secret)
    return secret
