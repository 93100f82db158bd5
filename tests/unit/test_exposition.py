"""The page of a scrape, held against the client's parsers and against what they miss.

The parsers accept a series that comes twice; the one for text also accepts a family
that is torn apart. So both are looked for here, line by line.
"""

import asyncio
import gzip
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import groupby, pairwise
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse_text
from prometheus_client.registry import Collector

from exporter.exposition import Accepted, Exposition, Page
from exporter.exposition.negotiation import OPENMETRICS, TEXT
from exporter.ledger import Account, Ledger
from exporter.metrics.families import (
    CERTIFICATES_DISTINCT,
    MODULE_LATENCY,
    target_families,
)
from exporter.metrics.own import OwnMetrics
from exporter.outcome import DaneFacts, Outcome, StsFacts
from exporter.targets import Exchanger, Module, Target
from exporter.vocabulary import Phase, StsMode
from tests.unit.outcomes import (
    encrypted,
    exchanger,
    greeting_timeout,
    outcome,
    outcomes,
    target,
    unsolicited_221,
    with_key,
)

PLAIN = Accepted(openmetrics=False, gzip=False)
OPEN = Accepted(openmetrics=True, gzip=False)
FORMATS = pytest.mark.parametrize(
    "accepted", [PLAIN, OPEN], ids=["text", "openmetrics"]
)

Labels = frozenset[tuple[str, str]]


class World(NamedTuple):
    """What a page shows."""

    ledger: Ledger
    own: OwnMetrics
    exposition: Exposition

    def see(self, to: Target, *seen: Outcome) -> None:
        """Record outcomes, and show the account anew after each."""
        for one in seen:
            account = self.ledger.record(to, one)
            if account:
                self.exposition.update(account)

    def open(self, *targets: Target) -> None:
        """Take these targets in place of all earlier ones."""
        self.ledger.open(targets)
        asyncio.run(self.exposition.follow())


def world(*targets: Target, phases: Iterable[Phase] = ()) -> World:
    """Make one of these targets, nothing seen of them yet."""
    ledger = Ledger((0.1, 1.0), phases)
    own = OwnMetrics("0.0", kernel_timestamps=True)
    own.count_targets(targets)
    made = World(ledger, own, Exposition(ledger, own.registry))
    made.open(*targets)
    return made


def joined(
    exposition: Exposition, accepted: Accepted = PLAIN, names: Iterable[str] = ()
) -> str:
    """Give the page's body as text."""
    page = asyncio.run(exposition.page(accepted, names))
    assert page.gzip is accepted.gzip
    body = gzip.decompress(page.body) if page.gzip else page.body
    return body.decode()


# --- what the parsers read


def families(body: str, *, openmetrics: bool) -> dict[str, Metric]:
    """Read a page by the client's own parser; no family may come twice."""
    parse = parse_openmetrics if openmetrics else parse_text
    found = [*parse(body)]
    named = {family.name: family for family in found}
    assert len(named) == len(found)
    return named


def of_probes(found: dict[str, Metric]) -> dict[str, tuple[str, str, object]]:
    """Keep what does not change from one page to the next."""
    return {
        name: (family.type, family.documentation, family.samples)
        for name, family in found.items()
        if not name.startswith(("process_", "python_"))
    }


def values(found: dict[str, Metric], name: str) -> dict[Labels, float]:
    """Give the samples of one name by their labels."""
    return {
        frozenset(sample.labels.items()): sample.value
        for family in found.values()
        for sample in family.samples
        if sample.name == name
    }


# --- what the parsers miss


class Block(NamedTuple):
    """One family as it stands in the text."""

    name: str
    kind: str
    lines: tuple[str, ...]


_HEADER = re.compile(
    r"# HELP (?P<name>[a-z0-9_]+) [^\n]+\n# TYPE (?P=name) (?P<kind>[a-z]+)"
)
_SUFFIXES = {
    "counter": ("_total",),
    "gauge": ("",),
    "summary": ("_sum", "_count"),
    "histogram": ("_bucket", "_sum", "_count"),
}


def blocks(body: str, *, openmetrics: bool) -> Iterator[Block]:
    """Take a page apart by its headers, and hold each part against its own header."""
    assert body.endswith("# EOF\n") is openmetrics
    *lines, end = body.removesuffix("# EOF\n").split("\n")
    starts = [at for at, line in enumerate(lines) if line.startswith("# HELP ")]
    assert end == ""
    assert starts[:1] == [0] if lines else not starts
    for start, stop in pairwise([*starts, len(lines)]):
        head = _HEADER.fullmatch("\n".join(lines[start : start + 2]))
        assert head, lines[start : start + 2]
        block = Block(head["name"], head["kind"], tuple(lines[start + 2 : stop]))
        _check_names(block, openmetrics=openmetrics)
        yield block


def _check_names(block: Block, *, openmetrics: bool) -> None:
    counter = block.kind == "counter"
    assert block.name.endswith("_total") is (counter and not openmetrics)
    family = block.name.removesuffix("_total") if counter else block.name
    allowed = {family + suffix for suffix in _SUFFIXES[block.kind]}
    for line in block.lines:
        assert re.split("[{ ]", line, maxsplit=1)[0] in allowed, line


def check(body: str, *, openmetrics: bool) -> None:
    """Hold a page against what the formats ask for and the parsers do not."""
    found = [*blocks(body, openmetrics=openmetrics)]
    names = [block.name for block in found]
    series = [line.rsplit(" ", 1)[0] for block in found for line in block.lines]
    assert len({*names}) == len(names)
    assert len({*series}) == len(series)


# --- any targets, any outcomes

VALUES = st.text(max_size=8) | st.text('\\"\n\r ,={}#ü\u2028\x00', max_size=8)
MODULES = st.builds(Module, name=st.sampled_from(["mx", 'o"d\\d\n', "ü"]))
TARGETS = st.lists(
    st.builds(
        Target,
        name=VALUES,
        host=VALUES,
        port=st.integers(1, 65535),
        module=MODULES,
        interval=st.just(60.0),
        labels=st.dictionaries(
            st.sampled_from(["site", "_x", "A9", "zz_top"]), VALUES, max_size=3
        ).map(lambda labels: tuple(labels.items())),
        exchanger=st.none()
        | st.builds(
            Exchanger, domain=VALUES, preference=st.none() | st.integers(0, 65535)
        ),
        address=st.none() | VALUES,
    ),
    unique_by=lambda one: one.name,
    max_size=4,
)
PHASES = st.sets(st.sampled_from(Phase), max_size=3)


@given(st.data(), TARGETS, PHASES)
@settings(max_examples=60)
def test_any_page(
    data: st.DataObject, targets: list[Target], phases: set[Phase]
) -> None:
    """Whatever was seen of whomever, both formats are sound and say the same."""
    made = world(*targets, phases=phases)
    for to in targets:
        made.see(to, *data.draw(st.lists(outcomes(), max_size=2)))

    in_text, in_openmetrics = joined(made.exposition), joined(made.exposition, OPEN)
    check(in_text, openmetrics=False)
    check(in_openmetrics, openmetrics=True)
    found = families(in_text, openmetrics=False)
    assert of_probes(found) == of_probes(families(in_openmetrics, openmetrics=True))

    assert values(found, "smtp_probes_total") == {
        labels_of(to): made.ledger.accounts[to.name].probes for to in targets
    }
    seen = [account.latest for account in made.ledger.accounts.values()]
    assert values(found, "smtp_last_probe_timestamp_seconds") == {
        labels_of(to): latest.ended_at
        for to, latest in zip(targets, seen, strict=True)
        if latest
    }


def labels_of(to: Target) -> Labels:
    """Give the labels that each series of a target has."""
    found = {} if to.address is None else {"address": to.address}
    found |= {"mx_domain": to.exchanger.domain} if to.exchanger else {}
    return frozenset(
        {
            **found,
            "target": to.name,
            "host": to.host,
            "port": str(to.port),
            "module": to.module.name,
            **dict(to.labels),
        }.items()
    )


# --- one page


@FORMATS
def test_no_targets(accepted: Accepted) -> None:
    """Without targets the page is sound and tells of the exporter alone."""
    body = joined(world().exposition, accepted)

    check(body, openmetrics=accepted.openmetrics)
    found = families(body, openmetrics=accepted.openmetrics)
    assert "mailserver_exporter_targets" in found
    assert not [name for name in found if name.startswith("smtp_")]


@FORMATS
def test_before_the_first_probe(accepted: Accepted) -> None:
    """A new target has its counters from 0, its interval and no other gauge."""
    body = joined(world(target()).exposition, accepted)

    check(body, openmetrics=accepted.openmetrics)
    found = families(body, openmetrics=accepted.openmetrics)
    (interval,) = found.pop("smtp_probe_interval_seconds").samples
    assert interval.value == 60
    assert {name for name in found if name.startswith("smtp_")} == {
        "smtp_probes",
        "smtp_banners",
        "smtp_session_ends",
        "smtp_unsolicited_replies",
    }
    assert {
        s.value for n, f in found.items() if n.startswith("smtp_") for s in f.samples
    } == {0}


def test_a_family_stands_in_one_piece() -> None:
    """Lines are joined by family, in the order of the targets within each."""
    made = world(target("a"), target("b"))
    made.see(target("b"), outcome())
    made.see(target("a"), greeting_timeout())
    made.see(target("b"), unsolicited_221())

    (block,) = (
        b
        for b in blocks(joined(made.exposition), openmetrics=False)
        if b.name == "smtp_probe_success"
    )
    assert block.kind == "gauge"
    assert block.lines == (
        'smtp_probe_success{target="a",host="mx1.example.com",port="25",module="mx"} 0',
        'smtp_probe_success{target="b",host="mx1.example.com",port="25",module="mx"} 0',
    )


def test_lines_are_the_same_octets_in_both_formats() -> None:
    """Only headers and the end differ."""
    made = world(target("a"), target("b"), phases=[Phase.QUIT])
    made.see(target("a"), outcome())
    made.see(target("b"), unsolicited_221())

    def of_probes(accepted: Accepted) -> list[tuple[str, ...]]:
        body = joined(made.exposition, accepted)
        found = blocks(body, openmetrics=accepted.openmetrics)
        return [block.lines for block in found if block.name.startswith("smtp_")]

    assert of_probes(PLAIN) == of_probes(OPEN)


def test_the_latest_probe_replaces_the_one_before() -> None:
    """A success leaves nothing of the failure before it."""
    made = world(target())
    made.see(target(), unsolicited_221(), outcome())

    found = families(joined(made.exposition), openmetrics=False)
    assert "smtp_probe_failure" not in found
    assert "smtp_quirk" not in found
    (ended,) = found["smtp_session_end"].samples
    assert ended.labels["close"] == "clean"


# --- targets that come and go


def test_a_removed_target_is_gone() -> None:
    """After a reset a removed target has no line, and the others have all theirs."""
    made = world(target("a"), target("b"))
    made.see(target("a"), outcome())
    made.see(target("b"), outcome())
    before = joined(made.exposition)

    made.open(target("b"))
    after = joined(made.exposition)

    assert 'target="a"' in before
    assert 'target="a"' not in after
    assert [line for line in before.split("\n") if 'target="b"' in line] == [
        line for line in after.split("\n") if 'target="b"' in line
    ]


def test_a_late_outcome_brings_nobody_back() -> None:
    """The probe of a removed target that ends after the reset shows nothing."""
    made = world(target("a"))
    made.open()
    made.see(target("a"), outcome())

    assert 'target="a"' not in joined(made.exposition)


def test_a_changed_target_has_its_new_labels() -> None:
    """Labels are written anew when a target of the same name changed."""
    made = world(target("a", port=25))
    made.see(target("a", port=25), outcome())
    made.open(target("a", port=26))
    made.see(target("a", port=26), outcome())

    found = families(joined(made.exposition), openmetrics=False)
    assert values(found, "smtp_probes_total") == {labels_of(target("a", port=26)): 1}


async def test_following_keeps_what_is_known() -> None:
    """A reload without changes renders nothing anew."""
    targets = (target("a"), target("b"))
    made = Rendered(*targets)
    await made.exposition.follow()
    assert made.rendered == ["a", "b"]

    made.ledger.open(targets)
    await made.exposition.follow()
    assert made.rendered == ["a", "b"]


async def test_following_renders_what_is_new() -> None:
    """Only targets that came or changed are rendered."""
    a, b = exchanger("a"), target("b")
    made = Rendered(a, b)
    await made.exposition.follow()
    made.rendered.clear()
    changed = exchanger("a", exchanger=Exchanger(domain="example.com", preference=20))

    made.ledger.open([changed, b, target("c")])
    await made.exposition.follow()

    assert made.rendered == [changed.name, "c"]
    body = (await made.exposition.page(PLAIN, ["smtp_mx_info"])).body.decode()
    assert 'mx_preference="20"' in body
    assert 'mx_preference="10"' not in body


def test_another_interval_is_shown_at_once() -> None:
    """A target whose interval a reload has changed tells the new one, unprobed."""
    made = world(target("a"))
    made.see(target("a"), outcome())

    made.open(target("a", interval=300.0))

    body = joined(made.exposition, names=["smtp_probe_interval_seconds"])
    assert body.splitlines()[-1].endswith(" 300.0")


async def test_following_lets_probes_go_on() -> None:
    """Many targets are rendered slice by slice; a probe that ends meanwhile counts."""
    targets = [target(str(number)) for number in range(450)]
    made = Rendered(*targets)
    following = asyncio.create_task(made.exposition.follow())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert 0 < len(made.rendered) < len(targets)

    account = made.ledger.record(targets[-1], outcome())
    assert account
    made.exposition.update(account)
    await following

    assert len(made.rendered) == len(targets)
    found = families(
        (await made.exposition.page(PLAIN)).body.decode(), openmetrics=False
    )
    assert sum(values(found, "smtp_probes_total").values()) == 1
    assert len(values(found, "smtp_probes_total")) == len(targets)


async def test_following_forgets_at_once() -> None:
    """Who is removed while new targets are rendered is not brought back."""
    made = Rendered(*(target(str(number)) for number in range(450)))
    following = asyncio.create_task(made.exposition.follow())
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    made.ledger.open([])
    await made.exposition.follow()
    await following

    body = (await made.exposition.page(PLAIN)).body
    assert b"smtp_probes_total" not in body


@given(st.lists(st.tuples(st.sampled_from(range(3)), outcomes()), max_size=4))
@settings(max_examples=50)
def test_lines_that_stay(changes: list[tuple[int, Outcome]]) -> None:
    """Whatever came before, lines are those that a first rendering would give."""
    targets = [target(str(number)) for number in range(3)]
    made = world(*targets)
    for number, seen in changes:
        for figures in (seen, replace(seen, started_at=seen.started_at + 60)):
            made.see(targets[number], figures)
    fresh = World(made.ledger, made.own, Exposition(made.ledger, made.own.registry))
    asyncio.run(fresh.exposition.follow())

    assert probes_of(joined(made.exposition)) == probes_of(joined(fresh.exposition))


def test_a_reason_between_two_renderings() -> None:
    """A failure that was over before its lines were due is in the counters."""
    one = target("one")
    made = world(one)
    made.see(one, outcome())
    for seen in (greeting_timeout(), outcome()):
        account = made.ledger.record(one, seen)
        assert account
        made.exposition.changed(account)
    body = joined(made.exposition)
    found = families(body, openmetrics=False)
    (times,) = values(found, "smtp_probe_failures_total").values()
    assert times == 1
    fresh = Exposition(made.ledger, made.own.registry)
    asyncio.run(fresh.follow())
    assert probes_of(body) == probes_of(joined(fresh))


def probes_of(body: str) -> list[str]:
    """Give the lines that are not about the exporter itself."""
    return [line for line in body.splitlines() if line.startswith("smtp_")]


async def test_catching_up() -> None:
    """What has changed is rendered once, slice by slice, and before a page is made."""
    targets = [target(str(number)) for number in range(250)]
    made = Rendered(*targets)
    await made.exposition.follow()
    made.rendered.clear()
    for seen in (outcome(), greeting_timeout()):
        for one in targets:
            account = made.ledger.record(one, seen)
            assert account
            made.exposition.changed(account)
    assert not made.rendered

    assert made.exposition.catch_up()
    assert 0 < len(made.rendered) < len(targets)
    body = (await made.exposition.page(PLAIN, ["smtp_probe_success"])).body.decode()

    assert sorted(made.rendered) == sorted(one.name for one in targets)
    assert set(values(families(body, openmetrics=False), "smtp_probe_success").values())
    assert not made.exposition.catch_up()


async def test_probes_do_not_put_a_page_off() -> None:
    """A page has what was due when it was asked for, however fast more becomes due."""
    targets = [target(str(number)) for number in range(250)]
    made = Rendered(*targets)
    await made.exposition.follow()

    def probe_all() -> None:
        for one in targets:
            account = made.ledger.record(one, outcome())
            assert account
            made.exposition.changed(account)

    probe_all()
    page = asyncio.create_task(made.exposition.page(PLAIN, ["smtp_probe_success"]))
    async with asyncio.timeout(10):
        while not page.done():
            probe_all()
            await asyncio.sleep(0)

    found = families((await page).body.decode(), openmetrics=False)
    assert len(values(found, "smtp_probe_success")) == len(targets)


async def test_what_is_gone_is_not_caught_up_with() -> None:
    """A target that is removed between its probe and the rendering stays away."""
    made = Rendered(target("stays"), target("goes"))
    for account in made.ledger.accounts.values():
        made.exposition.changed(account)
    made.ledger.open([target("stays")])
    await made.exposition.follow()
    made.exposition.catch_up()

    body = (await made.exposition.page(PLAIN)).body
    assert b'target="goes"' not in body
    assert b'target="stays"' in body


class Rendered:
    """A world of which it is known whose lines were rendered, in order."""

    def __init__(self, *targets: Target) -> None:
        """Open accounts, and show none yet."""
        self.rendered: list[str] = []
        self.ledger = Ledger()
        self.ledger.open(targets)
        self.exposition = Watched(self.ledger, self.rendered)


class Watched(Exposition):
    """Notes whose lines it renders."""

    def __init__(self, ledger: Ledger, rendered: list[str]) -> None:
        """Show this ledger and nothing of the exporter's own."""
        super().__init__(ledger, CollectorRegistry())
        self._rendered = rendered

    def update(self, account: Account) -> None:
        """Render, and note it."""
        self._rendered.append(account.target.name)
        super().update(account)


# --- another shape


def test_certificate_info_is_switched_off() -> None:
    """Without it nothing that a certificate's maker wrote is on the page."""
    ledger = Ledger()
    exposition = Exposition(ledger, CollectorRegistry(), certificate_info=False)
    made = World(ledger, OwnMetrics("0", kernel_timestamps=True), exposition)
    made.open(target())
    made.see(target(), encrypted())

    body = joined(exposition)
    check(body, openmetrics=False)
    assert "smtp_tls_certificate_info" not in body
    assert "smtp_tls_certificate_not_after_timestamp_seconds" in body


def test_another_shape() -> None:
    """Switched by a reload, families change for whom nothing else has changed."""
    made = world(target())
    made.see(target(), encrypted())
    assert "smtp_tls_certificate_info" in joined(made.exposition)

    made.exposition.reshape(certificate_info=False)
    made.open(target())
    assert "smtp_tls_certificate_info" not in joined(made.exposition)

    made.ledger.rebucket((0.1, 1.0), [Phase.GREETING])
    made.exposition.reshape(certificate_info=True)
    made.open(target())
    body = joined(made.exposition)
    check(body, openmetrics=False)
    found = families(body, openmetrics=False)
    assert "smtp_tls_certificate_info" in found
    assert found["smtp_phase_latency_seconds"].type == "histogram"


async def test_other_buckets_are_another_shape() -> None:
    """A page has no bucket of old once it follows a reload that changed them."""
    ledger = Ledger((0.1, 1.0), [Phase.GREETING])
    ledger.open([target()])
    ledger.record(target(), outcome())
    exposition = Exposition(ledger, CollectorRegistry())
    await exposition.follow()
    name = "smtp_phase_latency_seconds"
    assert b'le="0.1"' in (await exposition.page(PLAIN, [name])).body

    ledger.rebucket((0.5,), [Phase.GREETING])
    exposition.reshape(certificate_info=True)
    ledger.open([target()])
    await exposition.follow()
    assert b'le="0.1"' not in (await exposition.page(PLAIN, [name])).body


async def test_the_same_shape() -> None:
    """A reload that changes no family renders nobody anew."""
    made = Rendered(target())
    await made.exposition.follow()
    made.exposition.reshape(certificate_info=True)
    await made.exposition.follow()

    assert len(made.rendered) == 1


# --- keys of a group


@FORMATS
def test_keys_of_groups(accepted: Accepted) -> None:
    """Each group has one line, with its own labels and no target's."""
    at_1, at_2 = (exchanger("mx1", address=f"192.0.2.{n}", port=26) for n in (1, 2))
    at_2 = replace(at_2, name="other")
    mx2 = exchanger('m"x2', "ex\\ample", port=26)
    made = world(at_1, at_2, mx2, target("plain"))
    for to, key in ((at_1, "a"), (at_2, "b"), (mx2, "c"), (target("plain"), "d")):
        made.see(to, with_key(key))

    body = joined(made.exposition, accepted)
    check(body, openmetrics=accepted.openmetrics)
    found = families(body, openmetrics=accepted.openmetrics)
    rest = {("port", "26"), ("module", "mx")}
    assert found[CERTIFICATES_DISTINCT].type == "gauge"
    assert values(found, CERTIFICATES_DISTINCT) == {
        frozenset({("mx_domain", "example.com"), *rest}): 2,
        frozenset({("host", "mx1"), *rest}): 2,
        frozenset({("mx_domain", "ex\\ample"), *rest}): 1,
    }


def test_keys_of_groups_follow_the_probes() -> None:
    """The number is that of the last probes; without any key there is no series."""
    a, b = exchanger("a"), exchanger("b")
    made = world(a, b)
    assert CERTIFICATES_DISTINCT not in joined(made.exposition)

    made.see(a, with_key("1"))
    made.see(b, with_key("2"))
    line = f'{CERTIFICATES_DISTINCT}{{mx_domain="example.com",port="25",module="mx"}}'
    assert f"\n{line} 2\n" in joined(made.exposition)

    made.see(b, with_key("1"))
    assert f"\n{line} 1\n" in joined(made.exposition)
    made.open(b)
    assert f"\n{line} 1\n" in joined(made.exposition)
    made.open(target())
    assert CERTIFICATES_DISTINCT not in joined(made.exposition)


# --- a part of the page

EVERY_NAME = sorted(
    {name for family in target_families(histograms=False) for name in family.names}
    | {MODULE_LATENCY + suffix for suffix in ("", "_bucket", "_sum", "_count")}
    | {CERTIFICATES_DISTINCT}
)


def rich() -> World:
    """Make a world in which every family has a sample."""
    a = exchanger("a")
    made = world(a, target("b"))
    made.see(
        a,
        encrypted(
            starttls_offered=False,
            dane=DaneFacts(secure=True, usable=1, unusable=0, verified=True),
            sts=StsFacts(StsMode.ENFORCE, 1.7e9, verified=True),
        ),
    )
    made.see(target("b"), unsolicited_221())
    return made


@FORMATS
@pytest.mark.parametrize("name", EVERY_NAME)
def test_a_name_keeps_its_whole_family(accepted: Accepted, name: str) -> None:
    """Asked for by its own or a sample's name, a family is there with all its lines."""
    exposition = rich().exposition
    openmetrics = accepted.openmetrics
    full = blocks(joined(exposition, accepted), openmetrics=openmetrics)
    body = joined(exposition, accepted, [name])

    (kept,) = blocks(body, openmetrics=openmetrics)
    assert kept in full
    assert kept.lines[0].startswith((name, kept.name))
    families(body, openmetrics=openmetrics)


@FORMATS
@pytest.mark.parametrize(
    "name",
    [
        "mailserver_exporter_targets",
        "mailserver_exporter_shards",
        "mailserver_exporter_build_info",
        "mailserver_exporter_probes_skipped_total",
        pytest.param("mailserver_exporter_schedule_lag_seconds"),
        pytest.param("mailserver_exporter_schedule_lag_seconds_sum"),
        pytest.param("mailserver_exporter_schedule_lag_seconds_bucket"),
    ],
)
def test_a_name_keeps_a_whole_family_of_the_exporters_own(
    accepted: Accepted, name: str
) -> None:
    """What holds for targets' families holds for the exporter's own."""
    exposition = rich().exposition
    openmetrics = accepted.openmetrics
    full = blocks(joined(exposition, accepted), openmetrics=openmetrics)
    body = joined(exposition, accepted, [name])

    (kept,) = blocks(body, openmetrics=openmetrics)
    assert kept in full
    families(body, openmetrics=openmetrics)


@FORMATS
@pytest.mark.parametrize(
    "name",
    [
        "mailserver_exporter_probes_skipped",
        pytest.param(
            "smtp_probes",
        ),
    ],
)
def test_a_counter_has_two_names(accepted: Accepted, name: str) -> None:
    """A counter's family is named without `_total` in OpenMetrics, and found by it."""
    openmetrics = accepted.openmetrics
    body = joined(rich().exposition, accepted, [name])

    (kept,) = blocks(body, openmetrics=openmetrics)
    assert kept.name == (name if openmetrics else f"{name}_total")


@FORMATS
def test_several_names(accepted: Accepted) -> None:
    """Each name keeps its family, in the order of the page."""
    names = ["mailserver_exporter_shards", "smtp_quirk", "smtp_probe_success", "nobody"]
    body = joined(rich().exposition, accepted, names)

    found = blocks(body, openmetrics=accepted.openmetrics)
    assert [block.name for block in found] == [
        "smtp_probe_success",
        "smtp_quirk",
        "mailserver_exporter_shards",
    ]


@FORMATS
@pytest.mark.parametrize("name", ["nobody", "", "smtp_probe", "smtp_probe_success{}"])
def test_a_name_that_no_family_has(accepted: Accepted, name: str) -> None:
    """It keeps nothing, and the page is still sound."""
    body = joined(rich().exposition, accepted, [name])

    assert body == ("# EOF\n" if accepted.openmetrics else "")


# --- buckets


@FORMATS
def test_buckets_for_some_phases(accepted: Accepted) -> None:
    """With the switch all phases are a histogram, the named ones with buckets."""
    made = world(target(), phases=[Phase.GREETING])
    made.see(target(), outcome(), greeting_timeout())

    body = joined(made.exposition, accepted)
    check(body, openmetrics=accepted.openmetrics)
    found = families(body, openmetrics=accepted.openmetrics)
    latency = found["smtp_phase_latency_seconds"]
    assert latency.type == "histogram"
    buckets = {
        phase: [s.labels["le"] for s in of_phase if s.name.endswith("_bucket")]
        for phase, of_phase in groupby(latency.samples, lambda s: s.labels["phase"])
    }
    assert buckets.pop("greeting") == ["0.1", "1.0", "+Inf"]
    assert {*buckets} == {"dns", "connect", "ehlo", "quit", "close"}
    assert all(bounds == ["+Inf"] for bounds in buckets.values())


@FORMATS
def test_buckets_of_a_module(accepted: Accepted) -> None:
    """A module's latency is a histogram without target labels."""
    made = rich()

    found = families(
        joined(made.exposition, accepted), openmetrics=accepted.openmetrics
    )
    latency = found[MODULE_LATENCY]
    assert latency.type == "histogram"
    greeting = frozenset({("module", "mx"), ("phase", "greeting")})
    assert values(found, f"{MODULE_LATENCY}_count")[greeting] == 2
    assert values(found, f"{MODULE_LATENCY}_bucket") == {
        frozenset({("module", "mx"), ("phase", phase), ("le", le)}): count
        for phase, counts in {
            "dns": (1, 1, 1),
            "tls": (1, 1, 1),
            "connect": (2, 2, 2),
            "greeting": (0, 2, 2),
            "ehlo": (2, 2, 2),
            "quit": (1, 1, 1),
            "close": (1, 1, 1),
        }.items()
        for le, count in zip(("0.1", "1.0", "+Inf"), counts, strict=True)
    }


# --- who asks, and how often


class Joins(Collector):
    """Counts how often a page was joined: each reads the exporter's own once."""

    def __init__(self) -> None:
        """Start at none."""
        self.count = 0
        self.broken = False

    def describe(self) -> Iterator[Metric]:
        """Have a name to be asked for by, without being counted."""
        yield GaugeMetricFamily("joins", "Always 0.")

    def collect(self) -> Iterator[Metric]:
        """Count, and show what does not change."""
        self.count += 1
        if self.broken:
            raise RuntimeError("a collector broke")
        yield GaugeMetricFamily("joins", "Always 0.", value=0)


def counting() -> tuple[Exposition, Joins]:
    """Make an exposition whose joins are counted, and whose page does not change."""
    ledger, registry, joins = Ledger(), CollectorRegistry(), Joins()
    registry.register(joins)
    ledger.open([target("a"), target("b")])
    ledger.record(target("a"), outcome())
    exposition = Exposition(ledger, registry)
    for account in ledger.accounts.values():
        exposition.update(account)
    return exposition, joins


async def test_together_they_share_one_join() -> None:
    """Callers who ask for the same page while it is joined get that very page."""
    exposition, joins = counting()
    pages = await asyncio.gather(*(exposition.page(PLAIN, ["joins"]) for _ in range(9)))

    assert joins.count == 1
    assert len({id(page) for page in pages}) == 1


async def test_another_page_is_another_join() -> None:
    """Another format, another coding or other names are pages of their own."""
    exposition, joins = counting()
    zipped = Accepted(openmetrics=False, gzip=True)
    pages = await asyncio.gather(
        exposition.page(PLAIN),
        exposition.page(OPEN),
        exposition.page(zipped),
        exposition.page(PLAIN, ["joins"]),
        exposition.page(PLAIN, ["joins", "joins"]),
    )

    assert joins.count == 4
    assert pages[3] is pages[4]


async def test_a_later_caller_sees_later_things() -> None:
    """A page is not kept once it was given."""
    exposition, joins = counting()
    first = await exposition.page(PLAIN)
    again = await exposition.page(PLAIN)

    assert joins.count == 2
    assert first == again
    assert first is not again


async def test_who_leaves_takes_nobody_along() -> None:
    """A caller that is cancelled does not end the page of the others."""
    exposition, joins = counting()
    leaving = asyncio.create_task(exposition.page(PLAIN))
    staying = asyncio.create_task(exposition.page(PLAIN))
    await asyncio.sleep(0)
    leaving.cancel()

    assert (await staying).body.startswith(b"# HELP smtp_probe_success")
    assert leaving.cancelled()
    assert joins.count == 1


async def test_a_broken_collector_is_not_remembered() -> None:
    """Every caller of a broken join hears of it, and the next join is a new one."""
    exposition, joins = counting()
    joins.broken = True
    ends = await asyncio.gather(
        exposition.page(PLAIN), exposition.page(PLAIN), return_exceptions=True
    )
    assert [str(end) for end in ends] == ["a collector broke"] * 2

    joins.broken = False
    assert (await exposition.page(PLAIN)).body


async def test_the_loop_breathes() -> None:
    """While a page is joined, others have a turn at least once a family."""
    exposition, _ = counting()
    page = asyncio.create_task(exposition.page(PLAIN))
    turns = 0
    while not page.done():
        await asyncio.sleep(0)
        turns += 1

    assert turns >= len(target_families(histograms=False))


async def test_a_page_is_of_one_moment() -> None:
    """A probe that ends while a page is joined is on the next one, whole."""
    ledger = Ledger()
    ledger.open([target()])
    exposition = Exposition(ledger, CollectorRegistry())
    await exposition.follow()
    page = asyncio.create_task(exposition.page(PLAIN))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    account = ledger.record(target(), outcome())
    assert account
    exposition.update(account)

    found = families((await page).body.decode(), openmetrics=False)
    assert [*values(found, "smtp_probes_total").values()] == [0]
    assert "smtp_probe_success" not in found
    later = families((await exposition.page(PLAIN)).body.decode(), openmetrics=False)
    assert [*values(later, "smtp_probes_total").values()] == [1]


# --- how it is sent


@FORMATS
async def test_gzip(accepted: Accepted) -> None:
    """A compressed body holds the octets of the plain one."""
    exposition, _ = counting()
    plain = await exposition.page(accepted)
    packed = await exposition.page(accepted._replace(gzip=True))

    assert gzip.decompress(packed.body) == plain.body
    assert packed == Page(plain.content_type, gzip=True, parts=packed.parts)
    assert plain.gzip is False


async def test_content_types() -> None:
    """Each page says which format it is in."""
    exposition, _ = counting()

    assert (await exposition.page(PLAIN)).content_type == TEXT
    assert (await exposition.page(OPEN)).content_type == OPENMETRICS
