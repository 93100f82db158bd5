"""docs/configuration.md, as the model and the built-in modules have it.

Holds the order of the page and its examples, one for each level of keys, which a test
reads as configurations. Refuses to say what a key means: the model says that.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple

from exporter.config import schema
from exporter.config.builtin import BUILT_IN, MODULE_OF_PORT
from exporter.config.duration import PATTERN
from exporter.targets import Module

CONFIGURATION = Path(__file__).with_name("configuration.md")

_TOP = """\
# Configuration

All keys of the YAML file that `--config.file` names, by default
`/etc/mailserver-exporter/config.yaml`. This page is written by `docs/generate.py` from
the model that reads the file. The same in one file, to copy from:
[config.example.yaml](../config.example.yaml); for editors:
[config.schema.json](../config.schema.json).

Only `targets`, `discovery` or an enabled `on_demand` is needed:

```yaml
targets: [mx1.example.com, "mail.example.com:587"]
```

- Durations are written as Prometheus does: `500ms`, `30s`, `1m30s`, `1h`, `1d`.
- An unknown key, a key that stands twice and a value of another type are refused, with
  the place and what was meant. `mailserver-exporter check-config --config.file=FILE`
  tells all complaints at once.
- YAML is read as version 1.2: only `true` and `false` are flags, and `22:22` is text.
- Relative paths begin at the folder of the file. The environment is not expanded;
  secrets come from `password_file` or `password_env`.
- A dash among the defaults means that there is none, or that the meaning tells it.
- A reload (SIGHUP, `POST /-/reload`, `--config.auto-reload`) takes all keys over;
  [targets.md](targets.md#when-the-configuration-changes) says what each change costs.
"""


class Level(NamedTuple):
    """One mapping of the file: where it stands, its keys, and an example."""

    path: str
    definition: str  # its name in the schema; "" is the file itself
    example: str


LEVELS = (
    Level("The whole file", "", ""),
    Level(
        "targets",
        "TargetKeys",
        """\
targets:
  - mx1.example.com               # short for {host: mx1.example.com, port: 25}
  - host: 192.0.2.7
    port: 2525
    name: edge-7
    module: banner
    interval: 30s
    labels: {site: fra}
""",
    ),
    Level(
        "targets, with mx",
        "DomainKeys",
        """\
targets:
  - mx: example.com
    port: 25
    module: mx
    interval: 5m
    labels: {team: mail}
""",
    ),
    Level(
        "discovery, with files",
        "FilesKeys",
        """\
discovery:
  - files: ["targets/*.yaml", /srv/mx.json]
    module: mx
    refresh: 30s
""",
    ),
    Level(
        "discovery, with http",
        "HttpKeys",
        """\
discovery:
  - http: "https://cmdb.example.com/mx"
    module: mx
    refresh: 60s
""",
    ),
    Level(
        "modules",
        "ModuleKeys",
        """\
modules:
  mx: {quit: strict}              # changes one key of the built-in module
  patient:
    protocol: smtp
    ehlo: true
    ehlo_name: probe.example.com
    quit: require
    hold: 20s
    timeout: 60s
    timeouts: {greeting: 30s}
    interval: 5m
    ip_family: prefer_ipv4
    addresses: first
    source_address: 192.0.2.1
    proxy_protocol: off
    mail: {rcpt: postmaster@example.com}
    expect: {extensions: [PIPELINING]}
  careful:
    tls: required
    verify: enforce
    tls_server_name: mx.example.com
    ca_file: ca.pem
    cert_file: client.pem
    key_file: client.key
    min_version: TLS13
    dane: report
    dane_resolver: 192.0.2.53
    dane_resolver_trusted: true
    mta_sts: report
    auth: {username: probe, password_env: SMTP_PASSWORD}
targets: [mx1.example.com]
""",
    ),
    Level(
        "modules: timeouts",
        "TimeoutKeys",
        """\
modules:
  patient:
    timeout: 90s                  # all of them together have no more than this
    timeouts:
      dns: 5s
      connect: 5s
      tls: 5s
      greeting: 60s
      command: 10s
      quit: 5s
      close: 3s
targets: [mx1.example.com]
""",
    ),
    Level(
        "modules: auth",
        "AuthKeys",
        """\
modules:
  login:
    tls: required
    auth:
      mechanism: PLAIN
      username: probe
      password_file: probe.password
      initial_response: true
  login-in-the-clear:
    auth: {username: probe, password_env: SMTP_PASSWORD, allow_plaintext: true}
targets: [mx1.example.com]
""",
    ),
    Level(
        "modules: mail",
        "MailKeys",
        """\
modules:
  envelope:
    mail: {from: "", rcpt: postmaster@example.com}
targets: [mx1.example.com]
""",
    ),
    Level(
        "modules: expect",
        "ExpectKeys",
        """\
modules:
  exact:
    expect:
      greeting: [220]
      banner: '^mx[0-9]+\\.'
      reply: {ehlo: [250]}
      extensions: [PIPELINING, 8BITMIME]
      extensions_absent: [VRFY]
targets: [mx1.example.com]
""",
    ),
    Level(
        "modules: expect: reply",
        "ReplyKeys",
        """\
modules:
  no-relay:                       # it must refuse, and fails when it does not
    mail: {rcpt: somebody@elsewhere.example}
    auth: {username: nobody, password_file: probe.password, allow_plaintext: true}
    expect:
      reply:
        ehlo: [250]
        auth: [235]
        mail: [250]
        rcpt: [550, 554]
targets: [mx1.example.com]
""",
    ),
    Level("schedule", "Schedule", "schedule: {interval: 60s}\n"),
    Level("limits", "Limits", "limits: {concurrency: 500, per_host: 2}\n"),
    Level("dns", "Dns", 'dns: {servers: [192.0.2.53, "[::1]:5353"]}\n'),
    Level(
        "metrics",
        "Metrics",
        """\
metrics:
  latency_buckets: [5ms, 50ms, 500ms, 5s]
  target_buckets: [connect, greeting]
  certificate_info: false
""",
    ),
    Level(
        "history",
        "History",
        "history: {sessions: 10, failures: 20, max_bytes: 67108864}\n",
    ),
    Level(
        "on_demand",
        "OnDemandKeys",
        """\
on_demand:
  enabled: true
  modules: [mx, submission]
  allow: ["*.example.com", mx.example.net, 192.0.2.0/24]
  ports: [25, 587]
  concurrency: 20
""",
    ),
)
_MORE = {
    "targets": "What a target is called and how they come and go: "
    "[targets.md](targets.md).",
    "modules: auth": "The secret is read anew by each probe, and shown nowhere.",
    "modules: expect: reply": "Only the codes that are named will do then, whatever "
    "their first digit.",
    "history": "What it costs: [pages.md](pages.md#what-is-remembered).",
    "on_demand": "What it means to open it: "
    "[on-demand.md](on-demand.md#why-it-is-off).",
}
_TITLE_OF = {level.definition: level.path for level in LEVELS}


def configuration() -> str:
    """Give the page's text."""
    described = schema()
    definitions: dict[str, Any] = {"": described, **described["$defs"]}  # type: ignore[dict-item]  # a mapping, as the generator makes it
    lines = [_TOP]
    for level in LEVELS:
        lines += _level(level, definitions)
    return "\n".join(lines).rstrip() + "\n"


def _level(level: Level, definitions: Mapping[str, Any]) -> Iterator[str]:
    keys = definitions[level.definition]
    yield from (f"## {level.path}", "")
    if level.definition:
        yield from (f"{_one_line(keys['description'])}", "")
    yield from ("| key | type | default | meaning |", "|---|---|---|---|")
    for key, told in keys["properties"].items():
        needed = key in keys.get("required", ())
        cells = (
            f"`{key}`",
            _type(told),
            "needed" if needed else _default(told),
            _meaning(told, definitions),
        )
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
    yield ""
    if level.example:
        yield from ("```yaml", level.example + "```", "")
    if level.path == "modules":
        yield from _built_in()
    if level.path in _MORE:
        yield from (_MORE[level.path], "")


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _meaning(told: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    if "description" in told:
        return _one_line(told["description"])
    return _one_line(definitions[_definition(told)]["description"])


def _definition(told: Mapping[str, Any]) -> str:
    return str(told["$ref"]).rpartition("/")[2]


def _type(told: Mapping[str, Any]) -> str:
    """Say in a few words what may stand there."""
    match told:
        case {"$ref": _}:
            return f"[keys]({_anchor(_definition(told))})"
        case {"anyOf": [*others]}:  # a duration may also be a bare 0
            return " or ".join(_type(one) for one in others if "const" not in one)
        case {"type": "array", "items": items}:
            return f"list of {_type(items)}"
        case {"type": "object", "additionalProperties": values}:
            return f"name: {_type(values)}"
        case _:
            return _single(told)


def _single(told: Mapping[str, Any]) -> str:
    if told.get("pattern") == PATTERN:
        return "duration"
    if "enum" in told:
        return " ".join(f"`{word}`" for word in told["enum"])
    if told["type"] == "integer":
        return f"{told['minimum']} to {told['maximum']}"
    return {"boolean": "`true` `false`", "string": "text"}[told["type"]]


def _anchor(definition: str) -> str:
    title = _TITLE_OF[definition].lower()
    return "#" + title.replace(":", "").replace(",", "").replace(" ", "-")


def _default(told: Mapping[str, Any]) -> str:
    """Spell the default as the owner would; a dash where the meaning tells it."""
    if "default" not in told:
        return "-"
    match told["default"]:
        case bool(flag):
            return f"`{str(flag).lower()}`"
        case list(many):
            return f"`[{', '.join(map(str, many))}]`"
        case "":
            return '`""`'
        case other:
            return f"`{other}`"


def _built_in() -> Iterator[str]:
    yield "| built in | its keys that are not the default | used for |"
    yield "|---|---|---|"
    ports = {name: f"port {port}" for port, name in MODULE_OF_PORT.items()}
    ports["lmtp"] += ", Unix sockets"
    ports["mx"] = "all other ports"
    for name, module in BUILT_IN.items():
        keys = ", ".join(_unusual(module))
        yield f"| `{name}` | `{{{keys}}}` | {ports.get(name, 'where named')} |"
    yield ""


def _unusual(module: Module) -> Iterable[str]:
    plain = Module(name=module.name)
    for field in fields(Module):
        value = getattr(module, field.name)
        if value != getattr(plain, field.name):
            spelt = value.value if isinstance(value, Enum) else str(value).lower()
            yield f"{field.name}: {spelt}"
