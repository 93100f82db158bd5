"""What is asked of whoever answers, found out before a connection is opened.

The name that a certificate must be for, the TLSA records of the host (RFC 7672), and
the MTA-STS policy of the domain that it takes mail for (RFC 8461). Refuses to judge a
certificate: none has been seen yet.
"""

import time
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from exporter.outcome import DaneFacts, StsFacts
from exporter.probe import clock
from exporter.probe.limit import Limit
from exporter.probe.policies import Policies
from exporter.probe.resolve import literal
from exporter.probe.timeline import Timeline
from exporter.smtp.exchange import Interrupted
from exporter.targets import Module, Target
from exporter.tls.dane import usable
from exporter.tls.mta_sts import StsPolicy, allows
from exporter.vocabulary import Phase, Policy, Reason, StsMode, TlsMode

if TYPE_CHECKING:
    from exporter.probe.tlsa import TlsaAnswer


class Demands(NamedTuple):
    """What a server must show; and the name that SNI asks it for."""

    reference: str | None  # what its certificate must be for; None: no name is known
    server_name: str | None  # None: a literal, which SNI has no place for
    tlsa: "TlsaAnswer | None" = None  # signed records, one at least
    policy: StsPolicy | None = None


async def demands_of(
    target: Target, policies: Policies | None, deadline: Limit, timeline: Timeline
) -> Demands:
    """Find out what is asked of a target.

    Tells the timeline the facts. Raises Interrupted, in phase dns, where the module
    enforces what cannot be found out or does not allow this host. A domain whose
    exchangers are not known is no host: nobody is asked about it.
    """
    module = target.module
    name = module.tls_server_name or target.host
    reference = literal(name)
    demands = Demands(
        None if reference and reference.family is None else name.removesuffix("."),
        None if reference else name.removesuffix("."),
    )
    if module.tls is TlsMode.NONE or target.lost:
        return demands
    if module.dane is not Policy.OFF:
        demands = await _ask_tlsa(target, demands, deadline, timeline)
    if module.mta_sts is not Policy.OFF and target.exchanger and policies:
        demands = await _ask_policy(target, policies, demands, deadline, timeline)
    return demands


def insisting(module: Module, demands: Demands) -> Module:
    """Give the module as it is once TLS is mandatory by enforced records or policy."""
    by_dane = module.dane is Policy.ENFORCE and demands.tlsa is not None
    policy = demands.policy
    by_sts = (
        module.mta_sts is Policy.ENFORCE
        and policy is not None
        and policy.mode is StsMode.ENFORCE
    )
    if module.tls is TlsMode.OPPORTUNISTIC and (by_dane or by_sts):
        return replace(module, tls=TlsMode.REQUIRED)
    return module


async def _ask_tlsa(
    target: Target, demands: Demands, deadline: Limit, timeline: Timeline
) -> Demands:
    from exporter.probe.tlsa import look_up_tlsa  # noqa: PLC0415 -- dnspython is slow to import, and few ask for DANE

    module = target.module
    if module.dane_resolver is None or literal(target.host):
        return demands
    with timeline.phase(Phase.DNS) as span:
        limit = Limit.after(module.timeouts.dns, deadline)
        seconds = limit.at - time.monotonic()
        try:
            answer = await look_up_tlsa(
                target.host, target.port, module.dane_resolver, seconds
            )
        except Interrupted as interrupted:
            timeline.dane = DaneFacts(False, 0, 0, verified=False)
            about = interrupted.detail or f"TLSA of {target.host}"
            timeline.note(f"{about}: {interrupted.reason.meaning}")
            if module.dane is not Policy.ENFORCE:
                return demands
            timed_out = interrupted.reason is Reason.TIMEOUT
            reason = limit.reason if timed_out else interrupted.reason
            raise Interrupted(reason, detail=interrupted.detail) from interrupted
        span.complete(clock.now())
    good = sum(map(usable, answer.records))
    timeline.dane = DaneFacts(answer.secure, good, len(answer.records) - good)
    if not (answer.secure and answer.records):
        timeline.note(f"no signed TLSA records for {target.host}")
        return demands
    timeline.note(f"{len(answer.records)} signed TLSA records, {good} usable")
    return demands._replace(tlsa=answer, server_name=answer.base)


async def _ask_policy(
    target: Target,
    policies: Policies,
    demands: Demands,
    deadline: Limit,
    timeline: Timeline,
) -> Demands:
    module = target.module
    domain = target.exchanger.domain if target.exchanger else target.host
    limit = Limit.after(module.timeouts.dns, deadline)
    known = await policies.of(domain, limit.at - time.monotonic())
    policy = known.policy
    timeline.sts = StsFacts(
        policy.mode if policy else None,
        known.expires,
        verified=False if known.trouble else None,
    )
    if known.trouble:
        timeline.note(f"MTA-STS policy of {domain}: {known.trouble}")
    if policy is None or policy.mode is StsMode.NONE:
        return demands
    if not allows(policy, target.host):
        timeline.sts = timeline.sts._replace(verified=False)
        timeline.note(f"the MTA-STS policy of {domain} does not name {target.host}")
        if module.mta_sts is Policy.ENFORCE and policy.mode is StsMode.ENFORCE:
            with timeline.phase(Phase.DNS):
                raise Interrupted(Reason.STS_MISMATCH)
    return demands._replace(policy=policy)
