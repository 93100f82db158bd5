"""One target named outside the file, by the same rules as one in it.

Holds no defaults of its own: module, port and interval come from where the file's
would. It stands for whoever names one target on a command line, and for discovery,
which makes many.
"""

from collections.abc import Mapping

from exporter.config.address import (
    UNIX_PORT,
    check_host,
    check_port,
    is_unix,
    join_port,
    split_port,
)
from exporter.config.builtin import BUILT_IN, default_module, no_module
from exporter.config.complaint import Refusal
from exporter.config.config import DEFAULT_INTERVAL
from exporter.config.labels import check_label_name, check_label_value
from exporter.config.sockets import about_sockets
from exporter.config.target_keys import SMTP_PORT
from exporter.printable import quoted
from exporter.targets import Module, Target
from exporter.vocabulary import TargetSource


def single_target(
    text: str, module: str | None = None, modules: Mapping[str, Module] = BUILT_IN
) -> Target:
    """Read `host`, `host:port`, `[IPv6]:port` or `unix:/path`, named module or not.

    Raises Refusal with a sentence that names the remedy.
    """
    host, port = _host_and_port(text)
    chosen = _module(host, port, module, modules)
    if is_unix(host) and (sentence := about_sockets(chosen)):
        raise Refusal(sentence)
    return Target(
        name=join_port(host, port),
        host=host,
        port=UNIX_PORT if is_unix(host) else port,
        module=chosen,
        interval=DEFAULT_INTERVAL,
    )


def discovered_target(
    address: str,
    module: str | None,
    labels: Mapping[str, str],
    *,
    modules: Mapping[str, Module],
    intervals: Mapping[str, float],
    source: TargetSource = TargetSource.FILE,
) -> Target:
    """Read `host`, `host:port` or `[IPv6]:port` that discovery found, with its labels.

    Without a module, or with an empty name, the port calls for one. `modules` and
    `intervals` (seconds, by module) are the configuration's. Raises Refusal with a
    sentence that names the remedy.
    """
    host, port = _host_and_port(address)
    if is_unix(host):
        raise Refusal(
            f"{quoted(address)}: a Unix socket is not discovered; write it under "
            "`targets` of the configuration"
        )
    chosen = _module(host, port, module, modules)
    return Target(
        name=join_port(host, port),
        host=host,
        port=port,
        module=chosen,
        interval=intervals.get(chosen.name, DEFAULT_INTERVAL),
        labels=tuple(_label(name, value) for name, value in labels.items()),
        source=source,
    )


def _host_and_port(text: str) -> tuple[str, int]:
    host, written_port = split_port(text)
    check_host(host)
    return host, check_port(SMTP_PORT if written_port is None else written_port)


def _module(
    host: str, port: int, module: str | None, modules: Mapping[str, Module]
) -> Module:
    name = module or default_module(host, port)
    if name not in modules:
        raise Refusal(no_module(name, modules))
    return modules[name]


def _label(name: str, value: str) -> tuple[str, str]:
    try:
        return check_label_name(name), check_label_value(value)
    except Refusal as refusal:
        raise Refusal(f"label {quoted(name)}: {refusal}") from None
