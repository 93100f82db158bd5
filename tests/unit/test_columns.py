"""Columns, held against the lines that each sample makes by itself."""

import gc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.exposition.columns import Cell, Column, Layouts, Members, columns_of
from exporter.ledger import Account, Ledger
from exporter.metrics.families import target_families
from exporter.metrics.text import number, target_labels
from exporter.outcome import Outcome
from exporter.targets import Target
from exporter.vocabulary import Phase
from tests.unit.outcomes import outcome, outcomes, target

SUCCESS = Cell(b"smtp_probe_success{", b"} ")
NAMES = tuple(f"mx{number}" for number in range(4))


def accounts_of(seen: list[tuple[str, Outcome]], phases: set[Phase]) -> list[Account]:
    """Record outcomes of some targets."""
    ledger = Ledger((0.1, 1.0), phases)
    ledger.open([target(name) for name in NAMES])
    for name, one in seen:
        ledger.record(target(name), one)
    return [*ledger.accounts.values()]


def members_of(layouts: Layouts, account: Account, *, histograms: bool) -> Members:
    """Take a target by itself."""
    families = target_families(histograms=histograms)
    layout, figures = layouts.of(families, account)
    labels = target_labels(account.target).encode()
    return Members(layout, [labels], [[figure] for figure in figures])


@given(
    st.lists(st.tuples(st.sampled_from(NAMES), outcomes()), max_size=4),
    st.sets(st.sampled_from(Phase), max_size=2),
)
@settings(max_examples=60)
def test_any_column(seen: list[tuple[str, Outcome]], phases: set[Phase]) -> None:
    """Whatever was seen of whom, the lines of a family are those of its samples."""
    layouts, accounts = Layouts(), accounts_of(seen, phases)
    groups = [members_of(layouts, a, histograms=bool(phases)) for a in accounts]
    for place, family in enumerate(target_families(histograms=bool(phases))):
        written = b"".join(
            column.text(0, len(column.labels)) for column in columns_of(place, groups)
        )
        assert sorted(written.decode().split("\n")[:-1]) == sorted(
            f"{family.name}{suffix}{{{target_labels(account.target)}{extra}}} "
            f"{number(value)}"
            for account in accounts
            for suffix, extra, value in family.samples(account)
        )


@pytest.mark.parametrize(
    "figures", [[b"1\n", b"1\n", b"1\n"], [b"0\n", b"1\n", b"0\n"]], ids=str
)
def test_some_of_a_column(figures: list[bytes]) -> None:
    """A part of it is the lines of those targets, be their figures the same or not."""
    column = Column([SUCCESS], [b"a", b"b", b"c"], [figures])
    lines = [
        b"smtp_probe_success{%b} %b" % pair
        for pair in zip(column.labels, figures, strict=True)
    ]

    for start in range(3):
        for end in range(start + 1, 4):
            assert column.text(start, end) == b"".join(lines[start:end])


def test_what_belongs_together() -> None:
    """Sum and count of a target stand next to each other, as OpenMetrics has it."""
    row = [Cell(b"x_sum{", b"} "), Cell(b"x_count{", b"} ")]
    column = Column(row, [b"a", b"b"], [[b"0.5\n", b"0.25\n"], [b"1\n", b"1\n"]])

    assert column.text(0, 2) == (
        b"x_sum{a} 0.5\nx_count{a} 1\nx_sum{b} 0.25\nx_count{b} 1\n"
    )


def test_a_layout_is_shared() -> None:
    """Targets that show the same series have one layout, whatever their figures."""
    layouts, (one, other) = Layouts(), [seen_once(name) for name in NAMES[:2]]
    families = target_families(histograms=False)

    assert layouts.of(families, one)[0] is layouts.of(families, other)[0]


def test_a_layout_goes_with_the_last_who_has_it() -> None:
    """A server that names other extensions each time leaves nothing behind."""
    layouts = Layouts()
    kept = layouts.of(target_families(histograms=False), seen_once("mx0"))
    gc.collect()
    before = len(layouts)
    layouts.of(target_families(histograms=False), Account(target("mx1")))
    gc.collect()

    assert len(layouts) == before
    assert kept


def seen_once(name: str) -> Account:
    """Make the account of a target that was probed."""
    made: Target = target(name)
    ledger = Ledger()
    ledger.open([made])
    account = ledger.record(made, outcome())
    assert account
    return account
