"""Makers of a ledger's accounts and of what is served from them."""

from collections.abc import Iterable, Mapping

from exporter.history import Bounds, History
from exporter.ledger import Account, Ledger
from exporter.outcome import Outcome
from exporter.targets import Target
from exporter.web.links import Links
from exporter.web.shown import Shown

NOW = 1_700_000_100.0
BOUNDS = Bounds(sessions=5, failures=5, max_bytes=2**25)


class Book:
    """A ledger and a history that are told the same."""

    def __init__(self, *targets: Target) -> None:
        """Open accounts for these targets."""
        self.ledger, self.history = Ledger(), History(BOUNDS)
        self.targets = {target.name: target for target in targets}
        self.ledger.open(targets)
        self.history.open(targets)

    def record(self, name: str, *outcomes: Outcome) -> None:
        """Add outcomes of a target, the oldest first."""
        for outcome in outcomes:
            self.ledger.record(self.targets[name], outcome)
            self.history.record(name, outcome)

    def accounts(self) -> Mapping[str, Account]:
        """Give the accounts by name."""
        return self.ledger.accounts

    def account(self, name: str) -> Account:
        """Give one account."""
        return self.ledger.accounts[name]

    def shown(self, prefix: str = "") -> Shown:
        """Give what pages are made from."""
        return Shown(self.accounts, self.history, "1.2<3>", Links(prefix), lambda: NOW)


def book(told: Mapping[str, Iterable[Outcome]], targets: Iterable[Target]) -> Book:
    """Give a book in which these outcomes are recorded."""
    made = Book(*targets)
    for name, outcomes in told.items():
        made.record(name, *outcomes)
    return made
