"""What a request for a probe comes to, or why it is declined; pure.

First what is wrong with it (400), then what its owner does not allow (403), and all of
that before a name is looked up. Addresses are judged when they are known, by `permits`.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from exporter.allow import AllowList, read_address, spellings
from exporter.config import Config, OnDemand, Refusal, single_target
from exporter.config.address import check_server_name, is_unix
from exporter.config.allow import is_number
from exporter.printable import quoted
from exporter.targets import Module, Target
from exporter.vocabulary import Refused, TlsMode
from exporter.web.on_demand import Asked

# What blackbox_exporter keeps of a scrape's time for everything but the probe.
OFFSET_SECONDS = 0.5
# As Prometheus writes it: no sign, exponent, infinity or NaN.
_SECONDS = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,20})?")
_EXAMPLE = "/probe?target=mx1.example.com:25&module=mx"


class Declined(Exception):
    """A request that no probe answers; the text is for whoever sent it."""

    def __init__(self, cause: Refused, sentence: str) -> None:
        """Keep the cause."""
        super().__init__(sentence)
        self.cause = cause


class Wish(NamedTuple):
    """A probe that may begin; its module has the time that the request leaves."""

    target: Target
    named: bool  # an entry names the host, so that any public address of it will do


def read_wish(asked: Asked, config: Config) -> Wish:
    """Decide what is probed, and how; raises Declined."""
    rules = config.on_demand
    if not rules.enabled:
        raise Declined(Refused.DISABLED, _DISABLED)
    target = _target(asked, config)
    hostname = _hostname(asked)
    seconds = _scrape_timeout(asked)
    for broken, sentence in _LAWS:
        if broken(target, rules):
            raise Declined(Refused.FORBIDDEN, sentence.format(*_shown(target)))
    module = _with_name(target.module, hostname)
    module = replace(module, timeout=_budget(module.timeout, seconds))
    named = rules.allow.names_host(target.host)
    return Wish(replace(target, module=module), named)


def why_not(
    allow: AllowList, wish: Wish, literal: str, is_own: Callable[[str], bool]
) -> str | None:
    """Say why this address of the target may not be connected to; None if it may."""
    own = any(map(is_own, spellings(literal)))
    return allow.refusal(literal, named=wish.named, own=own)


def about_address(wish: Wish, why: str) -> str:
    """Say to a stranger that an address of the target is refused.

    Of a host that no entry names this tells nothing but that: what the DNS says of the
    inside, and whether it says anything, is not for strangers.
    """
    host = quoted(wish.target.host)
    if not wish.named and read_address(wish.target.host) is None:
        return (
            f"{host} is not on the list, nor is it known to have addresses in a "
            f"network of the list alone. {_TO_ALLOW} `allow` of `on_demand`."
        )
    return (
        f"{host} is, or has, an address that may not be probed: {why}. Whoever runs "
        "this exporter may list the address itself, or a network of such addresses, "
        "under `allow` of `on_demand`."
    )


def _target(asked: Asked, config: Config) -> Target:
    text = _only("target", asked.targets)
    if not text:
        raise Declined(Refused.INVALID, f"Name a target, as in {_EXAMPLE}.")
    if is_unix(text):
        raise Declined(
            Refused.FORBIDDEN,
            "A Unix socket is never probed on demand; write it under `targets`.",
        )
    module = _only("module", asked.modules) or None
    try:
        target = single_target(text, module, config.modules)
    except Refusal as refusal:
        raise Declined(Refused.INVALID, f"{refusal}.") from None
    if is_number(target.host):
        raise Declined(
            Refused.INVALID,
            f"{quoted(target.host)} is an address only to some; write it as in "
            "192.0.2.1.",
        )
    return target


def _hostname(asked: Asked) -> str | None:
    text = _only("hostname", asked.hostnames)
    if not text:
        return None
    try:
        return check_server_name(text.removesuffix("."))  # as DNS discovery has it
    except Refusal as refusal:
        raise Declined(Refused.INVALID, f"hostname: {refusal}.") from None


def _with_name(module: Module, hostname: str | None) -> Module:
    """Ask the server for this name, where the module has none of its own."""
    if hostname is None or module.tls is TlsMode.NONE or module.tls_server_name:
        return module
    if module.auth:
        raise Declined(
            Refused.FORBIDDEN,
            f"{quoted(module.name)} logs in, and whom it trusts with the secret is "
            "not for the request to say; leave `hostname` out.",
        )
    return replace(module, tls_server_name=hostname)


def _only(name: str, given: tuple[str, ...]) -> str:
    """Give the one value of a parameter, or nothing."""
    if len(given) > 1:
        raise Declined(
            Refused.INVALID, f"There are {len(given)} of `{name}`; give one."
        )
    return given[0] if given else ""


def _scrape_timeout(asked: Asked) -> float | None:
    """Give the seconds that a scrape may take; 0 says nothing, as with blackbox."""
    if not asked.scrape_timeouts:
        return None
    text = ",".join(asked.scrape_timeouts)
    if not _SECONDS.fullmatch(text):
        raise Declined(
            Refused.INVALID,
            f"X-Prometheus-Scrape-Timeout-Seconds: {quoted(text)} is no number of "
            "seconds such as 10 or 9.5.",
        )
    return float(text) or None


def _budget(timeout: float, scrape: float | None) -> float:
    """Give the seconds of a probe; a scrape shorter than two offsets is halved."""
    if scrape is None:
        return timeout
    return min(timeout, max(scrape - OFFSET_SECONDS, scrape / 2))


def _shown(target: Target) -> tuple[str, str, str]:
    return quoted(target.host), quoted(target.module.name), str(target.port)


_DISABLED = (
    "Probes on demand are off. Whoever runs this exporter turns them on in its "
    "configuration, as in\n"
    'on_demand: {enabled: true, modules: [mx], allow: ["*.example.com"]}'
)
_TO_ALLOW = "Whoever runs this exporter may list it under"

_LAWS: tuple[tuple[Callable[[Target, OnDemand], bool], str], ...] = (
    (
        lambda target, rules: target.module.name not in rules.modules,
        f"The module {{1}} is not for probes on demand. {_TO_ALLOW} `modules` of "
        "`on_demand`.",
    ),
    (
        lambda target, rules: target.port not in rules.ports,
        f"Port {{2}} is not for probes on demand. {_TO_ALLOW} `ports` of `on_demand`.",
    ),
    (
        lambda target, rules: not rules.allow.may_be_asked(target.host),
        f"{{0}} is not on the list. {_TO_ALLOW} `allow` of `on_demand`.",
    ),
    (
        lambda target, rules: (
            target.module.auth is not None and not rules.allow.is_exact(target.host)
        ),
        "{1} logs in, and its secret is shown only to hosts that are listed by their "
        f"own name or address. {_TO_ALLOW} `allow` of `on_demand`.",
    ),
)
