"""What the pages and the API show, as it comes in: accounts and remembered sessions."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from exporter.history import History, Remembered
from exporter.ledger import Account
from exporter.web.links import Links


class Shown(NamedTuple):
    """Where pages and API get what they tell."""

    accounts: Callable[[], Mapping[str, Account]]
    history: History
    version: str
    links: Links
    now: Callable[[], float]  # Unix time

    def remembered(self, account: Account) -> Remembered:
        """Give the sessions that are kept of a target, at least its latest outcome.

        The ledger has that in any case: a budget too small for all targets must not
        hide what fails now. Where no sessions are wanted, none is shown.
        """
        kept = self.history.of(account.target.name)
        if kept.sessions or account.latest is None or not self.history.bounds.sessions:
            return kept
        return kept._replace(sessions=(account.latest,))
