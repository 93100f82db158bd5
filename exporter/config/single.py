"""One target named on a command line, by the same rules as one in a file.

Holds no defaults of its own: module and port come from where the file's would.
"""

from collections.abc import Mapping

from exporter.config.address import (
    MAX_PORT,
    UNIX_PORT,
    check_host,
    is_unix,
    join_port,
    split_port,
)
from exporter.config.builtin import BUILT_IN, default_module
from exporter.config.complaint import Refusal, did_you_mean, quoted
from exporter.config.config import DEFAULT_INTERVAL
from exporter.config.model import SMTP_PORT
from exporter.config.relations import no_source_address
from exporter.targets import Module, Target


def single_target(
    text: str, module: str | None = None, modules: Mapping[str, Module] = BUILT_IN
) -> Target:
    """Read `host`, `host:port`, `[IPv6]:port` or `unix:/path`, named module or not.

    Raises Refusal with a sentence that names the remedy.
    """
    host, written_port = split_port(text)
    check_host(host)
    port = SMTP_PORT if written_port is None else written_port
    if not 1 <= port <= MAX_PORT:
        raise Refusal(f"the port must be from 1 to {MAX_PORT}, not {port}")
    name = module or default_module(host, port)
    if name not in modules:
        remedy = did_you_mean(name, modules) or f"the modules are {', '.join(modules)}"
        raise Refusal(f"there is no module {quoted(name)} in this version; {remedy}")
    if is_unix(host) and modules[name].source_address:
        raise Refusal(no_source_address(name))
    return Target(
        name=join_port(host, port),
        host=host,
        port=UNIX_PORT if is_unix(host) else port,
        module=modules[name],
        interval=DEFAULT_INTERVAL,
    )
