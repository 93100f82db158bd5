"""What all probes have shown so far: counters, sums, the latest outcome.

A target's account lives as long as the target is configured; a gauge tells of the
latest outcome only, so nothing outlives what it tells of. Holds numbers and refuses
text: rendering is the metrics room's. Not for more than one thread.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from exporter.outcome import Outcome
from exporter.targets import Target
from exporter.vocabulary import Close, Phase, Reason, ReplyClass, Unsolicited

_Word = TypeVar("_Word")


_UNCOUNTED: list[int] = []  # one for all without bounds: nothing is added to it


class Latency:
    """Sum and count of seconds, and counts by bucket where buckets are asked for.

    `counts[i]` is the number of values at or below `bounds[i]` and above the bound
    before; the last one is for values above all bounds. Without bounds nobody counts.
    """

    __slots__ = ("bounds", "count", "counts", "total")

    def __init__(self, bounds: tuple[float, ...] = ()) -> None:
        """Start at zero."""
        self.bounds = bounds
        self.total = 0.0
        self.count = 0
        self.counts = [0] * (len(bounds) + 1) if bounds else _UNCOUNTED

    def observe(self, seconds: float) -> None:
        """Add one value."""
        self.total += seconds
        self.count += 1
        if self.bounds:
            self.counts[bisect_left(self.bounds, seconds)] += 1


@dataclass(slots=True)
class Account:
    """What has been seen of one target since it was configured."""

    target: Target
    probes: int = 0
    banners: dict[ReplyClass, int] = field(default_factory=dict)
    failures: dict[tuple[Phase, Reason], int] = field(default_factory=dict)
    session_ends: dict[Close, int] = field(default_factory=dict)
    unsolicited: dict[Unsolicited, int] = field(default_factory=dict)
    latency: dict[Phase, Latency] = field(default_factory=dict)
    latest: Outcome | None = None
    last_success_at: float | None = None  # Unix time


# Targets that may share a certificate, by their labels: those of one mail domain, or
# those of one host's addresses.
Group = tuple[tuple[str, str], ...]


def groups_of(target: Target) -> tuple[Group, ...]:
    """Give the groups that a target belongs to; most belong to none."""
    exchanger, address = target.exchanger, target.address
    if exchanger is None and address is None:
        return ()
    rest = (("port", str(target.port)), ("module", target.module.name))
    groups: tuple[Group, ...] = ()
    if exchanger is not None and exchanger.preference is not None:
        groups += ((("mx_domain", exchanger.domain), *rest),)
    if address is not None:
        groups += ((("host", target.host), *rest),)
    return groups


class LeafKeys:
    """How many targets of each group showed which key in their latest outcome.

    `seen` has the groups in which one did: keys by their SHA-256, each with a count.
    """

    __slots__ = ("seen",)

    def __init__(self) -> None:
        """Start with none."""
        self.seen: dict[Group, Counter[str]] = {}

    def replace(
        self, target: Target, before: Outcome | None, now: Outcome | None
    ) -> None:
        """Take a target's latest outcome in place of the one before."""
        old, new = _leaf_key(before), _leaf_key(now)
        if old == new:
            return
        for group in groups_of(target):
            keys = self.seen.setdefault(group, Counter())
            if old is not None:
                keys[old] -= 1
            if new is not None:
                keys[new] += 1
            self.seen[group] = keys = +keys
            if not keys:
                del self.seen[group]


def _leaf_key(outcome: Outcome | None) -> str | None:
    if outcome is None or outcome.tls is None or outcome.tls.certificate is None:
        return None
    return outcome.tls.certificate.key_sha256


class Ledger:
    """The accounts of all targets, the latency of all modules, the keys of groups."""

    def __init__(
        self,
        buckets: tuple[float, ...] = (),
        target_bucket_phases: Iterable[Phase] = (),
    ) -> None:
        """Keep bucket bounds in seconds, and the phases that have them per target."""
        self.buckets = buckets
        self.target_bucket_phases = frozenset(target_bucket_phases)
        self.accounts: dict[str, Account] = {}
        self.modules: dict[tuple[str, Phase], Latency] = {}
        self.leaf_keys = LeafKeys()

    def open(self, targets: Iterable[Target]) -> None:
        """Make the accounts those of `targets`.

        New ones start at zero, removed ones are gone, and the others keep their
        counters; a target one of whose labels changed is a new one.
        """
        old = self.accounts
        self.accounts = {}
        for target in targets:
            account = old.get(target.name)
            if account is None or not same_series(account.target, target):
                account = Account(target)
            account.target = target
            self.accounts[target.name] = account
        for name, account in old.items():
            if self.accounts.get(name) is not account:
                self.leaf_keys.replace(account.target, account.latest, None)

    def rebucket(
        self, buckets: tuple[float, ...], target_bucket_phases: Iterable[Phase]
    ) -> None:
        """Go on with these bounds and phases; a latency in other bounds starts anew."""
        self.target_bucket_phases = frozenset(target_bucket_phases)
        if buckets != self.buckets:
            self.buckets = buckets
            self.modules.clear()
        for account in self.accounts.values():
            account.latency = {
                phase: latency
                for phase, latency in account.latency.items()
                if latency.bounds == self._target_bounds(phase)
            }

    def record(self, target: Target, outcome: Outcome) -> Account | None:
        """Add an outcome to its target's account.

        Gives None, and keeps nothing, when the target is configured no more or is
        another one by now: its series must not come back.
        """
        account = self.accounts.get(target.name)
        if account is None or not same_series(account.target, target):
            return None
        self.leaf_keys.replace(account.target, account.latest, outcome)
        account.probes += 1
        account.latest = outcome
        if outcome.success:
            account.last_success_at = outcome.ended_at
        _count(account.session_ends, outcome.close)
        for unsolicited in outcome.unsolicited:
            _count(account.unsolicited, unsolicited)
        if outcome.banner_class:
            _count(account.banners, outcome.banner_class)
        if outcome.failure:
            failure = outcome.failure
            _count(account.failures, (failure.phase, failure.reason))
        self._observe(account, outcome)
        return account

    def _observe(self, account: Account, outcome: Outcome) -> None:
        """Add the latency of completed phases: one that timed out had none."""
        for record in outcome.phases:
            if record.completed:
                self._target_latency(account, record.phase).observe(record.seconds)
                module = (account.target.module.name, record.phase)
                if module not in self.modules:
                    self.modules[module] = Latency(self.buckets)
                self.modules[module].observe(record.seconds)

    def _target_latency(self, account: Account, phase: Phase) -> Latency:
        latency = account.latency.get(phase)
        if latency is None:
            latency = account.latency[phase] = Latency(self._target_bounds(phase))
        return latency

    def _target_bounds(self, phase: Phase) -> tuple[float, ...]:
        return self.buckets if phase in self.target_bucket_phases else ()


def _count(counts: dict[_Word, int], word: _Word) -> None:
    counts[word] = counts.get(word, 0) + 1


def same_series(one: Target, other: Target) -> bool:
    """Whether two targets have the same labels, so that counters may go on."""
    return one is other or _series(one) == _series(other)


def _series(of: Target) -> tuple[object, ...]:
    exchanger = of.exchanger
    domain = exchanger and (exchanger.domain, exchanger.preference is None)
    return (of.host, of.port, of.module.name, of.labels, of.address, domain)
