"""Whoever follows docs/migration.md from blackbox_exporter: what becomes of verdicts.

Both programs are real, and configured by that page alone. They probe the same servers
of the scenario table at the same time and with the same deadline. Where they disagree
the page says so and why, and nowhere else.
"""

import asyncio
import base64
import json
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from exporter.config import load, parse
from exporter.demo.listener import ScriptedServer, closed_port
from exporter.targets import Module, SecretSource, Timeouts
from tests.e2e.blackbox import running_blackbox, success
from tests.e2e.guide import (
    Difference,
    blocks,
    configurations,
    counts,
    differences,
    modules,
)
from tests.e2e.programs import EXPORTER, running_exporter
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
DEADLINE = "2900ms"
INTERVAL = "15s"  # in which each target has its first probe
AT_ONCE = 40  # more would make the servers late on a busy machine
# On a very busy one some are late all the same: those that seem to differ from what is
# told are looked at again, a few at a time, and then one by one.
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

Modules = dict[str, dict[str, Any]]
Verdicts = dict[str, bool]


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

    def at(self, port: int) -> str:
        """Give the address of one of the two as a target is written."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{port}"


def test_the_guide_migrates_every_module() -> None:
    """Each of the old modules has a new one of the same name, and there is no other."""
    old, new = configurations()

    assert modules(old).keys() == modules(new).keys()


def test_the_other_configurations(tmp_path: Path) -> None:
    """Whom strangers may have probed, and where targets are, is written soundly."""
    (on_demand,), (*_, scheduled) = blocks("on_demand"), blocks("modules")
    keys = yaml.safe_load(on_demand)
    keys["modules"] = {name: {"tls": "none"} for name in keys["on_demand"]["modules"]}

    assert parse(json.dumps(keys), path=tmp_path / "a.yaml").on_demand.enabled
    assert parse(scheduled, path=tmp_path / "b.yaml").discovery


@pytest.mark.peer("promtool")
def test_scrape_configurations(peer: Callable[[str], Path], tmp_path: Path) -> None:
    """Prometheus takes both ways to scrape."""
    both = blocks("scrape_configs")
    for number, text in enumerate(both):
        file = tmp_path / f"{number}.yml"
        file.write_text(text)
        subprocess.run([peer("promtool"), "check", "config", file], check=True)

    assert len(both) == 2


@pytest.mark.timeout(240)
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
            _ask_blackbox(url, places, AT_ONCE), _await_ours(address, len(pairs))
        )
        await asyncio.to_thread(exporter.stop)  # the servers hear its last QUIT
        for few in AGAIN:
            odd = [one for one in places if not _is_told(one[0], theirs_say, we_say)]
            theirs_say |= await _ask_blackbox(url, odd, few)
            we_say |= await _ask_ours(config_yaml, odd, few)

    seen = [
        Difference(pair.module, pair.row.id, theirs_say[pair.name], we_say[pair.name])
        for pair in pairs
        if theirs_say[pair.name] != we_say[pair.name]
    ]
    wrong = [pair.name for pair in pairs if not _is_right(pair, we_say)]
    assert wrong == []
    assert sorted(seen) == sorted(differences())
    assert counts() == (len(pairs), len(seen))


def _is_told(pair: Pair, theirs_say: Verdicts, we_say: Verdicts) -> bool:
    """Whether the page says what the two have said of a server."""
    theirs, ours = theirs_say[pair.name], we_say[pair.name]
    listed = {(one.module, one.row): one for one in differences()}
    told = listed.get((pair.module, pair.row.id))
    as_told = (told.theirs, told.ours) == (theirs, ours) if told else theirs == ours
    return as_told and _is_right(pair, we_say)


def _is_right(pair: Pair, we_say: Verdicts) -> bool:
    """Whether ours is the table's verdict, where that is one for usual limits."""
    module = pair.row.module
    usual = module.timeouts == LIMITS and module.timeout == 12.0
    return not usual or we_say[pair.name] == pair.row.ok


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


async def _ask_blackbox(
    url: str, places: Sequence[tuple[Pair, Place]], at_once: int
) -> Verdicts:
    async with aiohttp.ClientSession() as session:

        async def ask(pair: Pair, place: Place) -> bool:
            return await success(session, url, pair.module, place.at(place.theirs))

        return await _each(ask, places, at_once)


async def _ask_ours(
    config: Path, places: Sequence[tuple[Pair, Place]], at_once: int
) -> Verdicts:
    """Probe once by hand; 0 is success and 1 failure."""

    async def ask(pair: Pair, place: Place) -> bool:
        process = await asyncio.create_subprocess_exec(
            *(EXPORTER, "probe", place.at(place.ours)),
            *(f"--config.file={config}", f"--module={pair.module}"),
            stdout=asyncio.subprocess.DEVNULL,
        )
        code = await process.wait()
        assert code in {0, 1}
        return code == 0

    return await _each(ask, places, at_once)


async def _each(
    ask: Callable[[Pair, Place], Awaitable[bool]],
    places: Sequence[tuple[Pair, Place]],
    at_once: int,
) -> Verdicts:
    turns = asyncio.Semaphore(at_once)

    async def in_turn(pair: Pair, place: Place) -> tuple[str, bool]:
        async with turns:
            return pair.name, await ask(pair, place)

    return dict(await asyncio.gather(*(in_turn(*one) for one in places)))


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
