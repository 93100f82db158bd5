"""Whether the server of a TLS session is who it should be, by all that a module asks.

Three judges, each with its own policy: the authorities of the web (`verify`), TLSA
records (`dane`) and the domain's MTA-STS policy (`mta_sts`). What each has found is a
fact; what a policy makes of it is the reason to refuse the server.
"""

import time
from dataclasses import dataclass
from functools import lru_cache

from OpenSSL import SSL

from exporter.outcome import DaneFacts, StsFacts, TlsFacts
from exporter.probe.clock import Tick
from exporter.probe.demands import Demands
from exporter.probe.encryption import Agreed, Encryption
from exporter.probe.timeline import Timeline
from exporter.probe.trust import Trust
from exporter.targets import Target
from exporter.tls.dane import matches
from exporter.tls.mta_sts import satisfied
from exporter.tls.verdict import gravest
from exporter.vocabulary import Policy, Reason, StsMode


@dataclass(frozen=True, slots=True, kw_only=True)
class Authentication:
    """All that is needed to begin TLS with a target and to judge who answered."""

    target: Target
    context: SSL.Context
    trust: Trust
    demands: Demands
    timeline: Timeline

    def begin(self) -> Encryption:
        """Prepare a session, with the name that the server is asked for."""
        return Encryption(self.context, self.demands.server_name)

    def in_the_clear(self) -> None:
        """Note that the session went on without TLS, where somebody promised it."""
        timeline = self.timeline
        if timeline.dane and timeline.dane.usable:
            timeline.dane = timeline.dane._replace(verified=False)
        if timeline.sts and self.demands.policy:
            timeline.sts = timeline.sts._replace(verified=False)

    def judge(self, agreed: Agreed, at: Tick) -> Reason | None:
        """Tell the timeline what was found; give why the server is refused, if it is.

        Raises TrustError when `ca_file` cannot be read any more.
        """
        module, demands = self.target.module, self.demands
        examined = self.trust.examine(agreed.chain, demands.reference, module.ca_file)
        dane = self._held_against_tlsa(agreed)
        sts = self._held_against_policy(agreed)
        believed = dane.verified if dane else None
        if believed is None and module.verify is not Policy.OFF:
            believed = not examined.problems
        facts = TlsFacts(
            version=agreed.version,
            cipher=agreed.cipher,
            certificate=examined.certificate,
            chain_not_after=examined.chain_not_after,
            problems=examined.problems,
            verified=believed,
        )
        timeline = self.timeline
        timeline.tls, timeline.dane, timeline.sts = facts, dane, sts
        timeline.note(_in_words(facts), at)
        return self._refusal(examined.problems, dane, sts)

    def _held_against_tlsa(self, agreed: Agreed) -> DaneFacts | None:
        facts, answer = self.timeline.dane, self.demands.tlsa
        if facts is None or answer is None or not facts.usable:
            return facts
        exchanger = self.target.exchanger
        next_hop = exchanger.domain if exchanger else self.target.host
        names = (answer.base, next_hop)  # RFC 7672 section 3.2.2
        found = matches(agreed.chain, answer.records, names, time.time())
        return facts._replace(verified=found)

    def _held_against_policy(self, agreed: Agreed) -> StsFacts | None:
        facts, policy = self.timeline.sts, self.demands.policy
        if facts is None or policy is None:
            return facts
        target = self.target
        host = target.host.removesuffix(".")  # whatever name the module has verified
        examined = self.trust.examine(agreed.chain, host, target.module.ca_file)
        return facts._replace(verified=satisfied(policy, host, examined.problems))

    def _refusal(
        self,
        problems: frozenset[Reason],
        dane: DaneFacts | None,
        sts: StsFacts | None,
    ) -> Reason | None:
        """Give the gravest refusal; signed TLSA records stand in for the authorities.

        RFC 7672 section 2.2: with usable records they alone decide, and where none is
        usable TLS is mandatory without authentication. RFC 8461 section 2: MTA-STS
        never overrules them.
        """
        module = self.target.module
        if self.demands.tlsa and module.dane is Policy.ENFORCE:
            mismatch = dane is not None and dane.verified is False
            return Reason.DANE_MISMATCH if mismatch else None
        if module.verify is Policy.ENFORCE and problems:
            return gravest(problems)
        if module.mta_sts is Policy.ENFORCE and sts and sts.mode is StsMode.ENFORCE:
            return None if sts.verified else Reason.STS_MISMATCH
        return None


@lru_cache(maxsize=1024)  # a server's facts stay for weeks; a text of them is short
def _in_words(facts: TlsFacts) -> str:
    certificate = facts.certificate
    said = f"{facts.version}, {facts.cipher}"
    if certificate:
        names = ", ".join(certificate.names[:_NAMES_SHOWN]) or certificate.subject
        said += f"; certificate for {names} by {certificate.issuer}"
    problems = "".join(f"; {problem.meaning}" for problem in sorted(facts.problems))
    return said + problems


_NAMES_SHOWN = 3
