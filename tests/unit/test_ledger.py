"""Accounts: what is counted, what is forgotten, and who has one at all."""

import dataclasses
from bisect import bisect_left
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.ledger import Account, Group, Latency, Ledger, groups_of
from exporter.outcome import Outcome, PhaseRecord
from exporter.targets import Exchanger, Module, Target
from exporter.vocabulary import Close, Phase, Reason, ReplyClass, Unsolicited
from tests.unit.outcomes import (
    MX,
    SUCCESSES,
    encrypted,
    exchanger,
    greeting_timeout,
    outcome,
    outcomes,
    refused,
    target,
    unsolicited_221,
    with_key,
)


def ledger_of(*targets: Target) -> Ledger:
    """Open the accounts of these targets, with two buckets."""
    ledger = Ledger((0.1, 1.0))
    ledger.open(targets)
    return ledger


def recorded(ledger: Ledger, to: Target, *seen: Outcome) -> Account:
    """Record outcomes one after the other; give the account."""
    account = None
    for one in seen:
        account = ledger.record(to, one)
    assert account is not None
    return account


# --- what an account holds


def test_a_new_account_is_empty() -> None:
    """Before the first probe nothing has been counted and nothing seen."""
    ledger = ledger_of(target())

    assert ledger.accounts == {target().name: Account(target())}
    account = ledger.accounts[target().name]
    assert (account.probes, account.latest, account.last_success_at) == (0, None, None)
    assert not account.failures
    assert not ledger.modules


def test_a_success_is_counted() -> None:
    """A success counts a probe, a greeting and a session end, and no failure."""
    account = recorded(ledger_of(target()), target(), outcome())

    assert account.probes == 1
    assert account.banners == {ReplyClass.POSITIVE: 1}
    assert account.failures == {}
    assert account.session_ends == {Close.CLEAN: 1}
    assert account.unsolicited == {}
    assert account.latest == outcome()
    assert account.last_success_at == 1_700_000_000.5


def test_failures_are_counted() -> None:
    """Failures are counted by phase and reason, each beside its session end."""
    account = recorded(
        ledger_of(target()),
        target(),
        *(refused(), greeting_timeout(), unsolicited_221(), greeting_timeout()),
    )

    assert account.probes == 4
    assert account.banners == {ReplyClass.POSITIVE: 1}
    assert account.failures == {
        (Phase.CONNECT, Reason.REFUSED): 1,
        (Phase.GREETING, Reason.TIMEOUT): 2,
        (Phase.EHLO, Reason.UNSOLICITED_221): 1,
    }
    assert account.session_ends == {
        Close.NONE: 1,
        Close.ABORTED: 2,
        Close.UNSOLICITED_221: 1,
    }
    assert account.unsolicited == {Unsolicited.CODE_221: 1}
    assert account.latest == greeting_timeout()
    assert account.last_success_at is None


def test_every_unsolicited_reply_is_counted() -> None:
    """Two unsolicited replies of one session are two."""
    odd = dataclasses.replace(
        unsolicited_221(), unsolicited=(Unsolicited.OTHER, Unsolicited.CODE_221)
    )
    account = recorded(ledger_of(target()), target(), odd, odd)

    assert account.unsolicited == {Unsolicited.OTHER: 2, Unsolicited.CODE_221: 2}


def test_the_last_success_outlives_a_failure() -> None:
    """A failure replaces the latest outcome and leaves the time of the last success."""
    account = recorded(ledger_of(target()), target(), outcome(), refused())

    assert account.latest == refused()
    assert account.last_success_at == outcome().ended_at


def test_only_completed_phases_have_latency() -> None:
    """A phase that timed out has a failure and no latency."""
    ledger = ledger_of(target())
    account = recorded(ledger, target(), greeting_timeout(), outcome())

    assert account.latency[Phase.CONNECT].count == 2
    assert account.latency[Phase.GREETING].count == 1
    assert account.latency[Phase.GREETING].total == 0.25
    assert ledger.modules["mx", Phase.GREETING].count == 1


def test_a_phase_never_completed_has_no_latency() -> None:
    """Not even one of zero."""
    ledger = ledger_of(target())
    account = recorded(ledger, target(), refused())

    assert account.latency == {}
    assert ledger.modules == {}


@given(st.lists(outcomes(), max_size=6))
def test_the_sums_agree(seen: list[Outcome]) -> None:
    """Probes are the session ends, and the successes plus the failures."""
    ledger = ledger_of(target())
    for one in seen:
        ledger.record(target(), one)
    account = ledger.accounts[target().name]
    successes = sum(one.success for one in seen)

    assert account.probes == len(seen)
    assert sum(account.session_ends.values()) == account.probes
    assert successes + sum(account.failures.values()) == account.probes
    assert sum(account.banners.values()) == sum(one.banner_present for one in seen)
    assert account.latest == (seen[-1] if seen else None)
    for phase in Phase:
        records = [r for one in seen if (r := one.record(phase)) and r.completed]
        latency = account.latency.get(phase, Latency())
        assert latency.count == len(records)
        assert latency.total == pytest.approx(sum(r.seconds for r in records))


@given(outcomes(SUCCESSES))
def test_a_success_is_remembered_by_its_end(seen: Outcome) -> None:
    """The last success is when that probe ended, the wait for the close left out."""
    account = recorded(ledger_of(target()), target(), seen)

    assert account.last_success_at == seen.started_at + seen.duration


# --- who has an account


def test_an_unchanged_target_keeps_its_account() -> None:
    """A reload that changes nothing changes nothing."""
    ledger = ledger_of(target())
    account = recorded(ledger, target(), outcome())

    ledger.open([target("other"), target()])

    assert ledger.accounts[target().name] is account
    assert [*ledger.accounts] == ["other", target().name]


@pytest.mark.parametrize(
    "changes",
    [
        {"interval": 30.0},
        {"module": Module(name="mx", timeout=1.0)},
    ],
    ids=["interval", "what the module says"],
)
def test_a_target_of_the_same_labels_keeps_its_counters(
    changes: dict[str, Any],
) -> None:
    """What is no label may change: counters go on, and the account knows the new."""
    ledger = ledger_of(target())
    recorded(ledger, target(), outcome())
    changed = target(**changes)

    ledger.open([changed])

    assert ledger.accounts[changed.name].probes == 1
    assert ledger.accounts[changed.name].target is changed
    assert recorded(ledger, changed, outcome()).probes == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"host": "mx2.example.com"},
        {"port": 26},
        {"module": Module(name="banner")},
        {"labels": (("site", "fra"),)},
        {"address": "192.0.2.1"},
        {"exchanger": Exchanger(domain="example.com", preference=10)},
    ],
    ids=["host", "port", "module", "labels", "address", "mail domain"],
)
def test_a_target_of_other_labels_starts_anew(changes: dict[str, Any]) -> None:
    """With other labels the same name is another set of series, from zero."""
    ledger = ledger_of(target())
    recorded(ledger, target(), outcome())

    ledger.open([target(**changes)])

    assert ledger.accounts == {target().name: Account(target(**changes))}


def test_a_removed_target_is_forgotten() -> None:
    """When it comes back it starts from zero."""
    ledger = ledger_of(target(), target("other"))
    recorded(ledger, target(), outcome())

    ledger.open([target("other")])
    assert [*ledger.accounts] == ["other"]
    ledger.open([target(), target("other")])
    assert ledger.accounts[target().name] == Account(target())


@pytest.mark.parametrize(
    "now",
    [(), (target("other"),), (target(port=26),)],
    ids=["no targets", "another target", "another port"],
)
def test_an_outcome_of_a_target_that_went_is_not_kept(now: tuple[Target, ...]) -> None:
    """The probe of a removed or changed target leaves no trace."""
    ledger = ledger_of(target())
    ledger.open(now)

    assert ledger.record(target(), outcome()) is None
    assert ledger.accounts == {one.name: Account(one) for one in now}
    assert ledger.modules == {}


def test_a_probe_begun_before_a_mild_reload_counts() -> None:
    """A probe of the target as it was before its interval changed is its own."""
    ledger = ledger_of(target())
    ledger.open([target(interval=5.0)])

    account = recorded(ledger, target(), outcome())

    assert account.probes == 1
    assert account.target.interval == 5.0


# --- latency


@pytest.mark.parametrize(
    ("seconds", "bucket"),
    [
        (0.0, 0),
        (0.1, 0),
        (0.1000001, 1),
        (0.5, 1),
        (1.0, 1),
        (1.0000001, 2),
        (1e9, 2),
    ],
)
def test_a_bound_belongs_to_its_own_bucket(seconds: float, bucket: int) -> None:
    """Buckets hold what is at or below their bound; the last one has none."""
    latency = Latency((0.1, 1.0))
    latency.observe(seconds)

    assert latency.counts == [int(index == bucket) for index in range(3)]
    assert (latency.count, latency.total) == (1, seconds)


def test_without_bounds_there_are_sum_and_count() -> None:
    """A latency that was asked for no buckets has the one for everything."""
    latency = Latency()
    latency.observe(0.5)
    latency.observe(0.25)

    assert (latency.bounds, latency.counts) == ((), [])
    assert (latency.count, latency.total) == (2, 0.75)


@given(
    st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=8, unique=True).map(sorted),
    st.lists(st.floats(0, 1e7), max_size=20),
)
def test_every_value_is_in_one_bucket(bounds: list[float], values: list[float]) -> None:
    """The buckets together hold every value once, in the first that is high enough."""
    latency = Latency(tuple(bounds))
    for value in values:
        latency.observe(value)

    assert sum(latency.counts) == latency.count == len(values)
    for index, bound in enumerate(bounds):
        at_or_below = sum(value <= bound for value in values)
        assert sum(latency.counts[: index + 1]) == at_or_below
    for value in values:
        assert latency.counts[bisect_left(bounds, value)] > 0


def test_a_module_sums_over_its_targets() -> None:
    """Latency by module is over all its targets, and apart from other modules'."""
    banner = target("b", module=Module(name="banner"))
    ledger = ledger_of(target("a"), target("c"), banner)
    fast = PhaseRecord(Phase.CONNECT, 0.1, completed=True)
    slow = PhaseRecord(Phase.CONNECT, 2.0, completed=True)
    for to, record in ((target("a"), fast), (target("c"), slow), (banner, slow)):
        phases = (*outcome().phases[:1], record, *outcome().phases[2:])
        recorded(ledger, to, outcome(phases=phases))

    mx = ledger.modules["mx", Phase.CONNECT]
    assert (mx.count, mx.total, mx.counts) == (2, 2.1, [1, 0, 1])
    assert ledger.modules["banner", Phase.CONNECT].counts == [0, 0, 1]


def test_a_module_remembers_its_removed_targets() -> None:
    """Counters by module go on when a target is removed: they belong to no target."""
    ledger = ledger_of(target())
    recorded(ledger, target(), outcome())
    ledger.open([])

    assert ledger.modules["mx", Phase.QUIT].count == 1


def test_targets_have_buckets_for_the_phases_asked_for() -> None:
    """The named phases have buckets per target, the others sum and count alone."""
    ledger = Ledger((0.1, 1.0), [Phase.GREETING])
    ledger.open([target()])
    account = recorded(ledger, target(), outcome())

    assert account.latency[Phase.GREETING].bounds == (0.1, 1.0)
    assert account.latency[Phase.GREETING].counts == [0, 1, 0]
    assert account.latency[Phase.CONNECT].bounds == ()
    assert ledger.modules[MX.name, Phase.CONNECT].bounds == (0.1, 1.0)


def test_other_bounds() -> None:
    """With other buckets every latency in buckets starts anew, and counters go on."""
    ledger = Ledger((0.1, 1.0), [Phase.GREETING])
    ledger.open([target()])
    account = recorded(ledger, target(), outcome())

    ledger.rebucket((0.5,), [Phase.GREETING])
    assert ledger.modules == {}
    assert Phase.GREETING not in account.latency
    assert account.latency[Phase.CONNECT].count == 1

    recorded(ledger, target(), outcome())
    assert ledger.modules["mx", Phase.CONNECT].bounds == (0.5,)
    assert account.latency[Phase.GREETING].bounds == (0.5,)
    assert account.latency[Phase.CONNECT].count == 2
    assert account.probes == 2


def test_buckets_for_other_phases() -> None:
    """Phases that get buckets or lose them start anew; modules and others go on."""
    ledger = Ledger((0.1, 1.0), [Phase.GREETING])
    ledger.open([target()])
    account = recorded(ledger, target(), outcome())

    ledger.rebucket((0.1, 1.0), [Phase.CONNECT])
    assert {*account.latency} == {Phase.DNS, Phase.EHLO, Phase.QUIT, Phase.CLOSE}
    assert ledger.modules["mx", Phase.GREETING].count == 1

    recorded(ledger, target(), outcome())
    assert account.latency[Phase.CONNECT].bounds == (0.1, 1.0)
    assert account.latency[Phase.GREETING].bounds == ()


def test_the_same_buckets() -> None:
    """When nothing about them changes, nothing starts anew."""
    ledger = Ledger((0.1, 1.0), [Phase.GREETING])
    ledger.open([target()])
    account = recorded(ledger, target(), outcome())
    ledger.rebucket((0.1, 1.0), [Phase.GREETING])

    assert account.latency[Phase.GREETING].count == 1
    assert ledger.modules["mx", Phase.GREETING].count == 1


# --- keys of a group

OF_DOMAIN = (("mx_domain", "example.com"), ("port", "25"), ("module", "mx"))
OF_HOST = (("host", "mx1.example.com"), ("port", "25"), ("module", "mx"))
MX1, MX2 = exchanger("mx1.example.com"), exchanger("mx2.example.com")
AT_1, AT_2 = (target(f"mx1@{n}", address=f"192.0.2.{n}") for n in (1, 2))
AT_BOTH = exchanger(address="192.0.2.1")
LOST = target("example.com", exchanger=Exchanger(domain="example.com"))


def distinct(ledger: Ledger) -> dict[Group, int]:
    """Give how many keys were seen last in each group."""
    return {group: len(keys) for group, keys in ledger.leaf_keys.seen.items()}


@pytest.mark.parametrize(
    ("one", "groups"),
    [
        (target(), ()),
        (LOST, ()),
        (MX1, (OF_DOMAIN,)),
        (AT_1, (OF_HOST,)),
        (AT_BOTH, (OF_DOMAIN, OF_HOST)),
    ],
    ids=["plain", "lost domain", "exchanger", "address", "both"],
)
def test_groups(one: Target, groups: tuple[Group, ...]) -> None:
    """Exchangers of a domain are a group, and so are the addresses of a host."""
    assert groups_of(one) == groups


def test_keys_of_a_group_are_counted_once() -> None:
    """Targets that show the same key show one; others add theirs."""
    ledger = ledger_of(MX1, MX2, AT_1, AT_2)
    recorded(ledger, MX1, with_key("a"))
    assert distinct(ledger) == {OF_DOMAIN: 1}

    recorded(ledger, MX2, with_key("a"))
    recorded(ledger, AT_1, with_key("a"))
    recorded(ledger, AT_2, with_key("b"))
    assert distinct(ledger) == {OF_DOMAIN: 1, OF_HOST: 2}


def test_a_key_lasts_until_the_next_probe() -> None:
    """A new key replaces the old one, and a probe that saw none takes it away."""
    ledger = ledger_of(MX1, MX2)
    recorded(ledger, MX1, with_key("a"))
    recorded(ledger, MX2, with_key("b"))
    assert distinct(ledger) == {OF_DOMAIN: 2}

    recorded(ledger, MX1, with_key("b"))
    assert distinct(ledger) == {OF_DOMAIN: 1}
    recorded(ledger, MX1, refused())
    assert distinct(ledger) == {OF_DOMAIN: 1}
    recorded(ledger, MX2, outcome())
    assert distinct(ledger) == {}


def test_an_unreadable_certificate_is_no_key() -> None:
    """A session inside TLS without a certificate that can be read adds none."""
    ledger = ledger_of(MX1)
    facts = encrypted().tls
    assert facts
    recorded(ledger, MX1, encrypted(facts._replace(certificate=None)))

    assert distinct(ledger) == {}


def test_a_target_without_a_group_has_no_key() -> None:
    """What it shows is not compared with anything."""
    ledger = ledger_of(target(), LOST)
    recorded(ledger, target(), with_key("a"))
    recorded(ledger, LOST, with_key("b"))

    assert distinct(ledger) == {}


def test_a_target_that_went_takes_its_key_along() -> None:
    """Removed, or come back as another one, it is counted no more."""
    ledger = ledger_of(MX1, MX2, AT_1)
    for to, key in ((MX1, "a"), (MX2, "b"), (AT_1, "a")):
        recorded(ledger, to, with_key(key))

    ledger.open([MX2, AT_1])
    assert distinct(ledger) == {OF_DOMAIN: 1, OF_HOST: 1}
    ledger.open([MX2, dataclasses.replace(AT_1, labels=(("site", "fra"),))])
    assert distinct(ledger) == {OF_DOMAIN: 1}
    assert ledger.record(AT_1, with_key("c")) is None
    assert distinct(ledger) == {OF_DOMAIN: 1}


def test_a_mild_reload_keeps_keys() -> None:
    """Another interval, or another preference, changes nothing about them."""
    ledger = ledger_of(MX1, MX2)
    recorded(ledger, MX1, with_key("a"))
    recorded(ledger, MX2, with_key("b"))
    second = Exchanger(domain="example.com", preference=20)
    changed = dataclasses.replace(MX1, interval=5.0, exchanger=second)

    ledger.open([changed, MX2])
    assert distinct(ledger) == {OF_DOMAIN: 2}
    recorded(ledger, changed, with_key("b"))
    assert distinct(ledger) == {OF_DOMAIN: 1}


def test_a_domain_found_again_is_another_target() -> None:
    """Its own target ceases to stand for it, and starts anew with a preference."""
    found = Exchanger(domain="example.com", preference=0)
    ledger = ledger_of(LOST)
    recorded(ledger, LOST, with_key("a"))
    ledger.open([dataclasses.replace(LOST, exchanger=found)])

    assert ledger.accounts["example.com"].probes == 0
    assert distinct(ledger) == {}


@given(
    st.lists(
        st.tuples(
            st.sampled_from([MX1, MX2, AT_1, AT_2, AT_BOTH, target()]),
            st.sampled_from([*map(with_key, "abc"), refused()]) | st.just(None),
        ),
        max_size=20,
    )
)
def test_keys_are_those_of_the_latest_outcomes(
    happened: list[tuple[Target, Outcome | None]],
) -> None:
    """After any probes and removals, they are what a count from scratch gives."""
    ledger = ledger_of(MX1, MX2, AT_1, AT_2, AT_BOTH, target())
    for to, seen in happened:
        if seen:
            ledger.record(to, seen)
        else:
            rest = [a.target for a in ledger.accounts.values()]
            ledger.open([one for one in rest if one != to])

    keys: dict[Group, set[str]] = {}
    for account in ledger.accounts.values():
        latest = account.latest
        if latest and latest.tls and latest.tls.certificate:
            for group in groups_of(account.target):
                keys.setdefault(group, set()).add(latest.tls.certificate.key_sha256)
    assert {group: {*seen} for group, seen in ledger.leaf_keys.seen.items()} == keys
