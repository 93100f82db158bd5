"""A whole exporter while the wall clock is set, an hour forward and back."""

import asyncio
import time
from pathlib import Path

import pytest
import uvloop
from aiohttp import ClientSession
from prometheus_client.parser import text_string_to_metric_families

from exporter.app import serve
from exporter.config import load
from exporter.demo.certificates import authority
from exporter.demo.listener import ScriptedServer
from exporter.demo.script import (
    EHL,
    EHLO,
    EHS,
    GRT,
    OFFER,
    QUI,
    QUI_TLS,
    STARTTLS,
    Tls,
    Wait,
    script,
)
from exporter.demo.session import Session
from exporter.probe import clock
from exporter.probe.trust import Trust
from exporter.web.listening import Listening
from tests.wire.doors import ANY_PORT

HOUR = 3600.0
GREETING = 0.3
EXACT = 0.15  # how far off a mean may be on a busy machine
PATIENCE = 20.0
TARGETS = ("plain", "secure")
PROBES = 2  # of each target, after each step
CONFIG = """\
schedule: {{interval: 1s}}
modules:
  plain: {{tls: none}}
  secure:
    {{tls: required, verify: enforce, ca_file: ca.pem, tls_server_name: mail.test}}
targets:
  - {{host: 127.0.0.1, port: {plain}, name: plain, module: plain}}
  - {{host: 127.0.0.1, port: {secure}, name: secure, module: secure}}
"""


class Wall:
    """The wall clock, as the process reads it and as the kernel stamps with it.

    What was stamped before it was set keeps its stamp, as with a real one.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Be right at first."""
        self._true, self._stamped = time.time, clock.received
        self._steps: list[tuple[float, float]] = []
        monkeypatch.setattr(time, "time", lambda: self.shown(self._true()))
        monkeypatch.setattr(clock, "received", self._received)
        # Taken when the class was made.
        monkeypatch.setattr(Trust.__init__, "__defaults__", (time.time,))

    def set(self, seconds: float) -> None:
        """Set it by so many seconds."""
        self._steps.append((self._true(), seconds))

    def shown(self, true: float) -> float:
        """Give what it showed at this instant."""
        return true + sum(step for at, step in self._steps if at <= true)

    def _received(self, ancillary: list[tuple[int, int, bytes]]) -> clock.Tick:
        tick = self._stamped(ancillary)
        return tick._replace(realtime=self.shown(tick.realtime))


class Reached:
    """A step that tells the test that a script came here."""

    def __init__(self) -> None:
        """Have been nowhere yet."""
        self._event = asyncio.Event()

    async def play(self, _: Session) -> None:
        """Tell."""
        self._event.set()

    async def next(self) -> None:
        """Wait until a script comes here again."""
        self._event.clear()
        await asyncio.wait_for(self._event.wait(), PATIENCE)


Samples = dict[tuple[str, str], float]  # by name, and by target or cause


class Pages:
    """What the exporter tells."""

    def __init__(self, session: ClientSession, address: str) -> None:
        """Ask there."""
        self._session = session
        self._address = address

    async def get(self, path: str) -> str:
        """Ask for a page."""
        async with self._session.get(f"http://{self._address}{path}") as response:
            assert response.status == 200
            return await response.text()

    async def samples(self) -> Samples:
        """Scrape it; of a latency, the greeting's."""
        text = await self.get("/metrics")
        return {
            (
                sample.name,
                sample.labels.get("target") or sample.labels.get("cause", ""),
            ): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.labels.get("phase", "greeting") == "greeting"
        }

    async def probed(self, before: Samples) -> Samples:
        """Scrape until each target was probed so often again."""
        async with asyncio.timeout(PATIENCE):
            while True:
                now = await self.samples()
                if min(grown(before, now).values()) >= PROBES:
                    return now
                await asyncio.sleep(0.05)  # probes have their own pace


def grown(before: Samples, now: Samples) -> dict[str, float]:
    """Give how many probes there were between, by target."""
    name = "smtp_probes_total"
    return {t: now.get((name, t), 0) - before.get((name, t), 0) for t in TARGETS}


async def step(pages: Pages, wall: Wall, waiting: Reached, seconds: float) -> None:
    """Set the clock while a server takes its time, and look at what comes after."""
    await waiting.next()
    before, begun = await pages.samples(), time.monotonic()
    wall.set(seconds)
    now = await pages.probed(before)
    passed = time.monotonic() - begun
    for target, probes in grown(before, now).items():
        assert PROBES <= probes <= passed + 2, target
        assert now["smtp_probe_success", target] == 1
        last = now["smtp_last_probe_timestamp_seconds", target]
        assert abs(time.time() - last) < PATIENCE
        assert_true_greetings(before, now, target)
    for cause in ("missed", "overrun", "capped"):
        name = "mailserver_exporter_probes_skipped_total"
        assert now[name, cause] == before[name, cause]
    for page in ("/", "/targets/plain", "/targets/secure"):
        assert "127.0.0.1" in await pages.get(page)


def assert_true_greetings(before: Samples, now: Samples, target: str) -> None:
    """See that greetings took what they took, the one under way at the step too."""
    total, number = (
        now[name, target] - before[name, target]
        for name in (
            "smtp_phase_latency_seconds_sum",
            "smtp_phase_latency_seconds_count",
        )
    )
    assert GREETING - 0.01 <= total / number < GREETING + EXACT


def test_the_wall_clock_is_set(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """No probe fails, comes twice or is left out, and no latency is off by the step."""
    (tmp_path / "ca.pem").write_bytes(authority())
    wall = Wall(monkeypatch)

    async def story() -> None:
        waiting = Reached()
        slow = script(waiting, Wait(GREETING), GRT)
        secure = script(slow, EHS, STARTTLS, Tls(), EHLO, OFFER, QUI_TLS)
        async with (
            ScriptedServer(script(slow, EHL, QUI)) as one,
            ScriptedServer(secure) as other,
            ClientSession() as session,
        ):
            path = tmp_path / "config.yaml"
            path.write_text(CONFIG.format(plain=one.port, secure=other.port))
            opened = asyncio.get_running_loop().create_future()
            living = asyncio.create_task(
                serve(load(path), Listening([ANY_PORT]), on_open=opened.set_result)
            )
            (address,) = await opened
            pages = Pages(session, str(address))
            await pages.probed(await pages.samples())
            for seconds in (HOUR, -2 * HOUR, HOUR):
                await step(pages, wall, waiting, seconds)
            living.cancel()
            await asyncio.gather(living, return_exceptions=True)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(story())
    assert "Traceback" not in capsys.readouterr().err
