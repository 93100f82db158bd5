"""The keys of `on_demand`: whether, whom and how strangers may have us probe.

Holds the shape and the bounds. Refuses what takes two keys to judge.
"""

from typing import Annotated

from pydantic import Field

from exporter.config.address import MAX_PORT
from exporter.config.allow import Entry, read_entry
from exporter.config.config import DEFAULT_ON_DEMAND_CONCURRENCY, DEFAULT_PORTS
from exporter.config.kinds import Flag, Text, Whole
from exporter.config.section import Name, Section

MAX_ENTRIES = 1_000  # each is looked at for each address, a microsecond
MAX_PORTS = 100  # who needs more scans
MAX_CONCURRENCY = 1_000  # each holds a descriptor of the exporter and of its client

Port = Annotated[int, Whole(1, MAX_PORT)]
AllowEntry = Annotated[Entry, Text(read_entry, minLength=1)]


class OnDemandKeys(Section):
    """Probes that are asked for over HTTP, at /probe."""

    enabled: Annotated[bool, Flag()] = Field(
        default=False, description="Whether /probe answers at all."
    )
    modules: Annotated[tuple[Name, ...], Field(min_length=1)] = Field(
        default_factory=tuple,
        description="The modules that may be asked for. Default: each that does not "
        "log in. One that does is used only for hosts that `allow` names exactly.",
    )
    allow: Annotated[tuple[AllowEntry, ...], Field(max_length=MAX_ENTRIES)] = Field(
        default=(),
        description="Who may be probed: names, `*.` and a domain for all below it, "
        "addresses, networks. Loopback, link-local and other addresses that lead "
        "nowhere outside need an entry within their own range. Needed once enabled.",
    )
    ports: Annotated[tuple[Port, ...], Field(min_length=1, max_length=MAX_PORTS)] = (
        Field(
            default=DEFAULT_PORTS,
            description="The ports that may be connected to.",
        )
    )
    concurrency: Annotated[int, Whole(1, MAX_CONCURRENCY)] = Field(
        default=DEFAULT_ON_DEMAND_CONCURRENCY,
        description="Probes on demand at a time, beside those of the schedule.",
    )
