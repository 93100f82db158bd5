"""The keys of an item of `targets`: one port of a server, or a domain's exchangers.

Holds both shapes, the short spelling, and how they are told apart. Refuses what takes
two keys to judge.
"""

from types import MappingProxyType
from typing import Annotated, Any

from pydantic import Field, PlainValidator, ValidationInfo

from exporter.config.address import (
    MAX_HOST,
    MAX_PORT,
    UNIX_PORT,
    check_domain,
    check_host,
    is_unix,
    join_port,
    split_port,
)
from exporter.config.builtin import default_module
from exporter.config.complaint import Refusal
from exporter.config.kinds import Text, Whole, noun
from exporter.config.labels import LABEL_PATTERN, RESERVED_LABELS, check_label_name
from exporter.config.section import OwnInterval, OwnName, Section

SMTP_PORT = 25

Host = Annotated[str, Text(check_host, minLength=1, maxLength=MAX_HOST + 1)]
Domain = Annotated[str, Text(check_domain, minLength=1, maxLength=MAX_HOST + 1)]
Port = Annotated[int, Whole(1, MAX_PORT)]
LabelValue = Annotated[str, Text(str)]
LabelName = Annotated[
    str,
    Text(
        check_label_name,
        allOf=[
            {"pattern": LABEL_PATTERN},
            {"not": {"pattern": "^__"}},
            {"not": {"enum": list(RESERVED_LABELS)}},
        ],
    ),
]


def _own_module(*, port: str) -> Any:
    return Field(
        default=None,
        description="The module it is probed with. Default, by the port: submission "
        f"for 587, submissions for 465, lmtp for 24{port}, else mx.",
    )


def _own_interval() -> Any:
    return Field(
        default=None,
        description="Time from one probe to the next, 1s to 1d. Default: the module's.",
    )


def _own_labels(what: str) -> Any:
    return Field(
        default_factory=dict,
        description=f"Labels of your own on each of {what} series. Names that "
        "Prometheus attaches itself (env, region, ...) would clash there.",
    )


class TargetKeys(Section):
    """One port of one mail server."""

    host: Host = Field(
        description="A name, an address without brackets, or a Unix socket as in "
        "`unix:/run/lmtp.sock`."
    )
    port: Port = Field(
        default=SMTP_PORT, description="The TCP port; a Unix socket has none."
    )
    name: OwnName = Field(
        default=None,
        description="The label `target`, unique in the file. Default: `host:port`, or "
        "the Unix socket.",
    )
    module: OwnName = _own_module(port=" and for Unix sockets")
    interval: OwnInterval = _own_interval()
    labels: dict[LabelName, LabelValue] = _own_labels("this target's")

    @property
    def tcp_port(self) -> int:
        """The port, or what stands for none."""
        return UNIX_PORT if is_unix(self.host) else self.port

    @property
    def full_name(self) -> str:
        """The name written, or else host and port."""
        return self.name or join_port(self.host, self.port)

    @property
    def module_name(self) -> str:
        """The module written, or else the one that the target calls for."""
        return self.module or default_module(self.host, self.port)


class DomainKeys(Section):
    """The mail exchangers of one domain, each a target of its own."""

    refused = MappingProxyType(
        {
            "host": "`mx` stands for every mail exchanger of a domain; leave this out, "
            "or leave out `mx` to probe one host",
            "name": "each mail exchanger has a name of its own, `DOMAIN/HOST:PORT`; "
            "leave this out",
        }
    )

    domain: Domain = Field(
        alias="mx",
        description="The domain whose mail exchangers (MX records) are probed.",
    )
    port: Port = Field(default=SMTP_PORT, description="The TCP port of each.")
    module: OwnName = _own_module(port="")
    interval: OwnInterval = _own_interval()
    labels: dict[LabelName, LabelValue] = _own_labels("their")

    @property
    def module_name(self) -> str:
        """The module written, or else the one that the port calls for."""
        return self.module or default_module(self.domain, self.port)


ItemKeys = TargetKeys | DomainKeys


def item_section(keys: dict[str, object]) -> type[TargetKeys] | type[DomainKeys]:
    """Tell by its keys which of the two an item is."""
    return DomainKeys if "mx" in keys else TargetKeys


def _item(value: object, info: ValidationInfo) -> ItemKeys:
    """Read an item, after `host:port` was turned into the keys it stands for."""
    if isinstance(value, str):
        host, port = split_port(value)
        value = {"host": host} if port is None else {"host": host, "port": port}
    if not isinstance(value, dict):
        raise Refusal(f"must be `host`, `host:port` or a mapping, not {noun(value)}")
    return item_section(value).model_validate(value, context=info.context)


_Short = Annotated[
    str,
    Field(
        description="`host`, `host:port`, `[IPv6]:port`, port 25 by default; or "
        "`unix:/path`."
    ),
]
TargetItem = Annotated[
    ItemKeys,
    PlainValidator(_item, json_schema_input_type=_Short | TargetKeys | DomainKeys),
]
