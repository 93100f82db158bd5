"""One probe from its target to its Outcome. Only cancellation escapes.

What the conversation means is not judged here: the dialogue and the close class are
pure, and this file only brings them together with a connection.
"""

import time

import structlog

from exporter.outcome import Failure, Outcome
from exporter.probe.carrier import Carrier
from exporter.probe.connection import Limit
from exporter.probe.reach import reach
from exporter.probe.resolve import Resolver
from exporter.probe.timeline import Timeline
from exporter.smtp.command import address_literal
from exporter.smtp.dialogue import Findings, Interrupted, converse
from exporter.smtp.goodbye import close_class, judge_close
from exporter.targets import Target
from exporter.vocabulary import Close, Reason

_log = structlog.get_logger(__name__)


async def probe(target: Target, *, resolver: Resolver) -> Outcome:
    """Probe a target once: resolve, connect, converse, close.

    Raises nothing but cancellation: a bug of ours is the reason internal_error.
    """
    timeline = Timeline()
    try:
        findings, close = await _session(target, resolver, timeline)
        return timeline.outcome(findings, close)
    except Interrupted as interrupted:
        failure = Failure(timeline.phase_now, interrupted.reason)
        return timeline.outcome(Findings(failure=failure), Close.NONE)
    except Exception:  # noqa: BLE001 -- a probe always comes back with an Outcome
        _log.exception("probe crashed", target=target.name)
        return timeline.outcome_of_crash()


async def _session(
    target: Target, resolver: Resolver, timeline: Timeline
) -> tuple[Findings, Close]:
    module = target.module
    deadline = Limit(time.monotonic() + module.timeout, Reason.DEADLINE)
    connection = await reach(target, resolver, deadline, timeline)
    try:
        own_name = address_literal(connection.own_address)
        carrier = Carrier(connection, module.timeouts, deadline, timeline)
        findings = await carrier.carry(converse(module, own_name))
        tcp_end = await carrier.goodbye(findings)
        timeline.tcp = connection.tcp_facts()
    finally:
        connection.close()
    close = close_class(findings, tcp_end)
    findings.failure = judge_close(module.quit, findings, close)
    return findings, close
