"""Where and to whom the pages are served: what the web flags say, in one value."""

from collections.abc import Sequence
from typing import NamedTuple

from exporter.web.access.current import Access
from exporter.web.address import ListenAddress
from exporter.web.prefix import Prefix


class Listening(NamedTuple):
    """What listeners are opened with."""

    addresses: Sequence[ListenAddress]
    access: Access | None = None  # None: anybody, in the clear
    prefix: Prefix = Prefix()
    systemd: bool = False  # the sockets come from there, and not from `addresses`
