"""Whoever follows docs/migration.md from blackbox_exporter: what becomes of verdicts.

Both programs are real, and configured by that page alone. They probe the same servers
of the scenario table at the same time and with the same deadline. Where they disagree
the page says so and why, and nowhere else.
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
import pytest
from prometheus_client.parser import text_string_to_metric_families

from exporter.config import load
from exporter.demo.listener import ScriptedServer, closed_port
from exporter.targets import Module, SecretSource, Timeouts
from tests.e2e.blackbox import running_blackbox, success
from tests.e2e.guide import Difference, configurations, counts, differences, modules
from tests.e2e.programs import running_exporter
from tests.scenarios import (
    CERTIFICATE_FILES,
    LIMITS,
    PASSWORD,
    SCENARIOS,
    Port,
    Scenario,
)
from tests.wire.ports import filtered_port

BLACKBOX = "prometheus-blackbox-exporter"
# Longer than a server of a row takes that is late and in time (1.2 s), shorter than one
# that is too late (3 s).
DEADLINE = "2500ms"
INTERVAL = "15s"  # in which each target has its first probe
AT_ONCE = 60  # more would make the servers late on a busy machine
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

Modules = dict[str, dict[str, Any]]
Verdicts = Mapping[str, bool]


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

    host: str
    ours: int
    theirs: int

    @property
    def target(self) -> str:
        """The address as blackbox_exporter is asked for it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.theirs}"


def test_the_guide_migrates_every_module() -> None:
    """Each of the old modules has a new one of the same name, and there is no other."""
    old, new = configurations()

    assert modules(old).keys() == modules(new).keys()


@pytest.mark.timeout(120)
@pytest.mark.peer(BLACKBOX)
async def test_verdicts(peer: Callable[[str], Path], tmp_path: Path) -> None:
    """Both say the same of every server, but for those that the page lists."""
    for name, content in _FILES.items():
        (tmp_path / name).write_bytes(content)
    here = _NAMES | {"/etc/prometheus/": f"{tmp_path}/"}
    old, new = (modules(text, here) for text in configurations())
    blackbox_yml, config_yaml = tmp_path / "blackbox.yml", tmp_path / "config.yaml"
    blackbox_yml.write_text(json.dumps({"modules": _theirs(old, tmp_path)}))
    ours = {"modules": _ours(new, tmp_path), "targets": ["localhost"]}
    config_yaml.write_text(json.dumps(ours))
    pairs = [*_pairs({name: load(config_yaml).modules[name] for name in new})]
    assert {pair.module for pair in pairs} == new.keys()

    async with AsyncExitStack() as stack:
        places = [(pair, await _opened(pair.row, stack)) for pair in pairs]
        config_yaml.write_text(json.dumps(ours | _scheduled(places)))
        url = stack.enter_context(running_blackbox(peer(BLACKBOX), blackbox_yml))
        exporter, address = stack.enter_context(
            running_exporter("serve", "--config.file", config_yaml)
        )
        theirs_say, we_say = await asyncio.gather(
            _ask_blackbox(url, places), _await_ours(address, len(pairs))
        )
        await asyncio.to_thread(exporter.stop)  # the servers hear its last QUIT

    seen = [
        Difference(pair.module, pair.row.id, theirs_say[pair.name], we_say[pair.name])
        for pair in pairs
        if theirs_say[pair.name] != we_say[pair.name]
    ]
    wrong = [
        pair.name
        for pair in pairs
        if _is_told(pair.row) and we_say[pair.name] != pair.row.ok
    ]
    assert wrong == []
    assert counts() == (len(pairs), len(seen))

    assert sorted(seen) == sorted(differences())


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


def _is_told(row: Scenario) -> bool:
    """Whether the row's verdict is one for usual limits, as the page's modules have."""
    return row.module.timeouts == LIMITS and row.module.timeout == 12.0


async def _opened(row: Scenario, stack: AsyncExitStack) -> Place:
    """Open the server of a row, once for each of the two.

    Ours says QUIT at once to whom it does not believe; a client that goes on is
    answered as by the same server in the row that only reports.
    """
    if row.port is Port.CLOSED:
        port = stack.enter_context(closed_port(row.host))
        return Place(row.host, port, port)
    if row.port is Port.FILTERED:
        port = stack.enter_context(filtered_port())
        return Place(row.host, port, port)
    patient = _BY_ID.get(f"{row.id}-report", row)
    one = await stack.enter_async_context(ScriptedServer(row.script, row.host))
    other = await stack.enter_async_context(ScriptedServer(patient.script, row.host))
    return Place(row.host, one.port, other.port)


def _scheduled(places: Sequence[tuple[Pair, Place]]) -> dict[str, Any]:
    """Write the targets, and how they are probed at this pace."""
    targets = [
        {
            "name": pair.name,
            "host": place.host,
            "port": place.ours,
            "module": pair.module,
        }
        for pair, place in places
    ]
    return {
        "targets": targets,
        "schedule": {"interval": INTERVAL},
        "limits": {"concurrency": AT_ONCE, "per_host": AT_ONCE},
    }


async def _ask_blackbox(url: str, places: Sequence[tuple[Pair, Place]]) -> Verdicts:
    turns = asyncio.Semaphore(AT_ONCE)
    async with aiohttp.ClientSession() as session:

        async def ask(pair: Pair, place: Place) -> tuple[str, bool]:
            async with turns:
                verdict = await success(session, url, pair.module, place.target)
            return pair.name, verdict

        return dict(await asyncio.gather(*(ask(*item) for item in places)))


async def _await_ours(address: str, count: int) -> Verdicts:
    deadline = time.monotonic() + PATIENCE
    async with aiohttp.ClientSession() as session:
        while True:
            async with session.get(f"http://{address}/metrics") as answer:
                verdicts = dict(_verdicts(await answer.text()))
            if len(verdicts) == count:
                return verdicts
            assert time.monotonic() < deadline, len(verdicts)
            await asyncio.sleep(1.0)  # another program's pace; bounded above


def _verdicts(text: str) -> Iterator[tuple[str, bool]]:
    for family in text_string_to_metric_families(text):
        if family.name == "smtp_probe_success":
            for sample in family.samples:
                yield sample.labels["target"], sample.value == 1
