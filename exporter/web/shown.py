"""What the pages and the API show, as it comes in: accounts and remembered sessions."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from exporter.history import History
from exporter.ledger import Account
from exporter.web.links import Links


class Shown(NamedTuple):
    """Where pages and API get what they tell."""

    accounts: Callable[[], Mapping[str, Account]]
    history: History
    version: str
    links: Links
    now: Callable[[], float]  # Unix time
