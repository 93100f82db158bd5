"""Mail domains become their exchangers: each MX host a target (RFC 5321 section 5.1).

Per-host results, and no verdict on the domain: any-or-all is a recording rule's
business (SMTP.md J27). A domain without exchangers is a target of its own name, whose
lookup is its probe.
"""

from typing import Protocol

from exporter.discovery.watch import Watch
from exporter.smtp.exchangers import MailExchangers, normal
from exporter.targets import Exchanger, MailDomain, Target
from exporter.vocabulary import TargetSource

SMTP_PORT = 25


class KnowsExchangers(Protocol):
    """Who can be asked where a domain's mail goes."""

    async def exchangers(self, domain: str) -> MailExchangers:
        """Look it up; raises Interrupted."""


def expand(domain: MailDomain, found: MailExchangers) -> tuple[Target, ...]:
    """Give one target for each exchanger of a domain, the preferred ones first."""
    return tuple(
        _target(
            domain,
            f"{domain.domain}/{host.name}:{domain.port}",
            host.name,
            Exchanger(
                domain=domain.domain, preference=host.preference, quirks=host.quirks
            ),
        )
        for host in found.hosts
    )


def unresolved(domain: MailDomain) -> Target:
    """Give the target of a domain's own name, for want of its exchangers.

    A domain may stand there for another port too: then the port is told.
    """
    name = domain.domain
    name = name if domain.port == SMTP_PORT else f"{name}:{domain.port}"
    return _target(domain, name, domain.domain, Exchanger(domain=domain.domain))


def _target(domain: MailDomain, name: str, host: str, exchanger: Exchanger) -> Target:
    return Target(
        name=name,
        host=host,
        port=domain.port,
        module=domain.module,
        interval=domain.interval,
        labels=domain.labels,
        source=TargetSource.MX,
        exchanger=exchanger,
    )


class ExchangerWatch(
    Watch[KnowsExchangers, MailDomain, str, MailExchangers],
):
    """Keeps the exchangers of mail domains; its questions are the domains' names."""

    def question(self, item: MailDomain) -> str:
        """Give the domain's name."""
        return normal(item.domain)

    async def ask(self, question: str) -> MailExchangers:
        """Look up where the domain's mail goes; raises Interrupted."""
        return await self._names.exchangers(question)

    def expand(self, item: MailDomain, answer: MailExchangers) -> tuple[Target, ...]:
        """Give one target for each exchanger."""
        return expand(item, answer)

    def itself(self, item: MailDomain) -> Target:
        """Give the target of the domain's own name."""
        return unresolved(item)
