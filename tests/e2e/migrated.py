"""One run of two exporters, configured by docs/migration.md alone.

Both are real, and probe the same servers of the scenario table at the same time and
with the same deadline. Gives what they said, and refuses to judge: whether a verdict is
right is asked of the tests.
"""

import asyncio
import base64
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from docs.comparison import Asked, Compared, Ours, Run, Theirs
from exporter.config import load
from exporter.demo.listener import ScriptedServer, closed_port
from exporter.outcome import Failure
from exporter.targets import Module, SecretSource, Timeouts
from exporter.vocabulary import Close, Phase, Reason
from tests.e2e.blackbox import probe, running_blackbox, version
from tests.e2e.guide import configurations, modules
from tests.e2e.programs import running_exporter
from tests.scenarios import CERTIFICATE_FILES, PASSWORD, SCENARIOS, Port, Scenario
from tests.wire.ports import filtered_port

# Longer than a server of a row takes that is late and in time (1.2 s), shorter than one
# that is too late (3 s).
SECONDS = 2.9
DEADLINE = "2900ms"
# What a probe that used all of it may have taken less, by its own clock.
SLACK = 0.05
INTERVAL = "15s"  # in which each target has its first probe
AT_ONCE = 40  # more would make the servers late on a busy machine
# On a very busy one some are late all the same: what is not as told is looked at again,
# a few at a time, and then one by one.
AGAIN = (4, 1)
PATIENCE = 60.0

# The words of the page that mean something else at this place.
_NAMES = {
    "mail.example.com": "mail.test",
    "mx1\\.example\\.com": "mx\\.test",
    "mx1\\\\.example\\\\.com": "mx\\\\.test",
    "postmaster@example.com": "probe@mx.test",
    "AHByb2JlAHNlY3JldA==": base64.b64encode(f"\0probe\0{PASSWORD}".encode()).decode(),
}
_FILES = {
    "ca.pem": CERTIFICATE_FILES["authority"],
    "client.pem": CERTIFICATE_FILES["client"],
    "client.key": CERTIFICATE_FILES["client"],
    "probe.password": PASSWORD.encode(),
}
_OPEN, _NOT_TCP = (Port.OPEN, Port.CLOSED, Port.FILTERED), "unix:"
_BY_ID = {row.id: row for row in SCENARIOS}
_FAMILIES = ("smtp_probe_success", "smtp_probe_failure", "smtp_session_end")
_PHASES = {word.value: word for word in Phase}
_REASONS = {word.value: word for word in Reason}
_CLOSES = {word.value: word for word in Close}

Modules = dict[str, dict[str, Any]]


class Pair(NamedTuple):
    """A module that both programs have, and a row whose server it is made for."""

    module: str
    row: Scenario

    @property
    def name(self) -> str:
        """What it is called among targets."""
        return f"{self.module}/{self.row.id}"


class Place(NamedTuple):
    """Where the server of a row listens for each of the two."""

    pair: Pair
    ours: int
    theirs: int

    def at(self, port: int) -> str:
        """Give the address of one of the two as a target is written."""
        host = self.pair.row.host
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


async def both_probe(
    blackbox: Path, folder: Path, is_told: Callable[[Compared], bool]
) -> Run:
    """Let both probe every server; what is not as told is looked at again."""
    for name, content in _FILES.items():
        (folder / name).write_bytes(content)
    here = _NAMES | {"/etc/prometheus/": f"{folder}/"}
    old, new = (modules(text, here) for text in configurations())
    blackbox_yml, config_yaml = folder / "blackbox.yml", folder / "config.yaml"
    blackbox_yml.write_text(json.dumps({"modules": _theirs(old, folder)}))
    ours = {"modules": _ours(new, folder), "targets": ["localhost"]}
    config_yaml.write_text(json.dumps(ours))
    pairs = [*_pairs({name: load(config_yaml).modules[name] for name in new})]

    seen: dict[str, Compared] = {}
    async with AsyncExitStack() as stack:
        left = [await _opened(pair, stack) for pair in pairs]
        url = stack.enter_context(running_blackbox(blackbox, blackbox_yml))
        for at_once in (AT_ONCE, *AGAIN):
            config_yaml.write_text(json.dumps(ours | _scheduled(left, at_once)))
            theirs_say, we_say = await asyncio.gather(
                _ask_blackbox(url, left, at_once), _ask_ours(config_yaml, left)
            )
            for pair in (place.pair for place in left):
                said = (theirs_say[pair.name], we_say[pair.name])
                seen[pair.name] = Compared(
                    pair.module, pair.row.id, pair.row.note, *said
                )
            left = [place for place in left if not is_told(seen[place.pair.name])]
            if not left:
                break
    written = [modules(text) for text in configurations()]
    return Run(
        version(blackbox),
        SECONDS,
        {name: Asked(*(text[name] for text in written)) for name in new},
        [*seen.values()],
    )


def _theirs(old: Modules, files: Path) -> Modules:
    """Give the old modules the deadline, and the names that are not in their target."""
    for module in old.values():
        module["timeout"] = DEADLINE
        tcp = module["tcp"]
        if tcp.get("tls") or any("starttls" in step for step in tcp["query_response"]):
            trust = tcp.setdefault("tls_config", {})
            trust.setdefault("server_name", "mail.test")
            trust.setdefault("ca_file", str(files / "ca.pem"))
    return old


def _ours(new: Modules, files: Path) -> Modules:
    """Give the new modules the same."""
    for module in new.values():
        module["timeout"] = DEADLINE
        if module.get("tls", "none") != "none":
            module.setdefault("tls_server_name", "mail.test")
            module.setdefault("ca_file", str(files / "ca.pem"))
    return new


def _pairs(migrated: Mapping[str, Module]) -> Iterator[Pair]:
    """Find the rows of servers that a module of the page is right for.

    A row belongs to the module that it is about. Unix sockets blackbox_exporter does
    not probe, and a process without descriptors is no server.
    """
    for name, module in migrated.items():
        for row in SCENARIOS:
            reached = row.port in _OPEN and not row.host.startswith(_NOT_TCP)
            if reached and _asks(row.module) == _asks(module):
                yield Pair(name, row)


def _asks(module: Module) -> Module:
    """Leave what a module asks for, without limits and the places of files."""
    auth, files = module.auth, ("ca_file", "cert_file", "key_file")
    return replace(
        module,
        name="",
        timeout=0.0,
        timeouts=Timeouts(),
        auth=auth and replace(auth, password=SecretSource()),
        **{key: "" if getattr(module, key) else None for key in files},  # type: ignore[arg-type]  # all three are text or None
    )


async def _opened(pair: Pair, stack: AsyncExitStack) -> Place:
    """Open the server of a row, once for each of the two.

    Ours says QUIT at once to whom it does not believe; a client that goes on is
    answered as by the same server in the row that only reports.
    """
    row = pair.row
    if row.port is Port.CLOSED:
        port = stack.enter_context(closed_port(row.host))
        return Place(pair, port, port)
    if row.port is Port.FILTERED:
        port = stack.enter_context(filtered_port())
        return Place(pair, port, port)
    patient = _BY_ID.get(f"{row.id}-report", row)
    one = await stack.enter_async_context(ScriptedServer(row.script, row.host))
    other = await stack.enter_async_context(ScriptedServer(patient.script, row.host))
    return Place(pair, one.port, other.port)


def _scheduled(places: Sequence[Place], at_once: int) -> dict[str, Any]:
    """Write the targets, and how they are probed at this pace."""
    targets = [
        {
            "name": place.pair.name,
            "host": place.pair.row.host,
            "port": place.ours,
            "module": place.pair.module,
        }
        for place in places
    ]
    return {
        "targets": targets,
        "schedule": {"interval": INTERVAL},
        "limits": {"concurrency": at_once, "per_host": at_once},
    }


async def _ask_blackbox(
    url: str, places: Sequence[Place], at_once: int
) -> dict[str, Theirs]:
    turns = asyncio.Semaphore(at_once)
    async with aiohttp.ClientSession() as session:

        async def ask(place: Place) -> tuple[str, Theirs]:
            module, target = place.pair.module, place.at(place.theirs)
            async with turns:
                said = await probe(session, url, module, target)
            late = said.seconds > SECONDS - SLACK
            return place.pair.name, Theirs(said.success, late)

        return dict(await asyncio.gather(*map(ask, places)))


async def _ask_ours(config: Path, places: Sequence[Place]) -> dict[str, Ours]:
    """Let the schedule probe each once; gives what is then told at /metrics."""
    serving = running_exporter("serve", "--config.file", config)
    with serving as (exporter, address):
        deadline = time.monotonic() + PATIENCE
        async with aiohttp.ClientSession() as session:
            while len(told := await _told(session, address)) < len(places):
                assert time.monotonic() < deadline, len(told)
                await asyncio.sleep(1.0)  # another program's pace; bounded above
        await asyncio.to_thread(exporter.stop)  # the servers hear its last QUIT
    return told


async def _told(session: aiohttp.ClientSession, address: str) -> dict[str, Ours]:
    """Read the last verdict of each target that has one."""
    url, params = f"http://{address}/metrics", [("name[]", name) for name in _FAMILIES]
    async with session.get(url, params=params) as answer:
        families = text_string_to_metric_families(await answer.text())
    told: dict[str, dict[str, dict[str, str]]] = {name: {} for name in _FAMILIES}
    for family in families:
        for sample in family.samples:
            if sample.value == 1:
                told[family.name][sample.labels["target"]] = sample.labels
    succeeded, failed, ended = (told[name] for name in _FAMILIES)
    assert succeeded.keys() == ended.keys() - failed.keys()
    return {name: _ours_says(failed.get(name), ended[name]) for name in ended}


def _ours_says(failed: Mapping[str, str] | None, ended: Mapping[str, str]) -> Ours:
    if failed is None:
        failure = None
    else:
        failure = Failure(_PHASES[failed["phase"]], _REASONS[failed["reason"]])
    return Ours(failure, _CLOSES[ended["close"]])
