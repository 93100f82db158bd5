"""The exporter as a process: it serves, tells of changes, and ends when asked to.

One life is lived for each kind of loop, all at once and beside the tests that need
none, and looked at afterwards.
"""

import asyncio
import re
import signal
import socket
import subprocess
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import ClientError, ClientSession
from prometheus_client.parser import text_string_to_metric_families

from exporter.demo.listener import ScriptedServer
from exporter.demo.script import EHL, GRT, HOLD, QUI, script
from exporter.demo.servers import DEMO
from exporter.demo.session import Left, Session

PATIENCE = 20.0  # a busy machine may be slow to start an interpreter
POLL = 0.05

_WITHOUT_UVLOOP = (
    "import sys; sys.modules['uvloop'] = None; "
    "from exporter.cli import main; sys.exit(main())"
)
_INTERPRETER = [sys.executable, "-W", "default"]
COMMAND = {
    "uvloop": [*_INTERPRETER, "-m", "exporter"],
    "asyncio": [*_INTERPRETER, "-c", _WITHOUT_UVLOOP],
}
ANY_PORT = ["--web.listen-address", "127.0.0.1:0"]

Samples = dict[tuple[str, str], float]  # by name and target


def _who(labels: Mapping[str, str]) -> str:
    """Give the target that a sample is about, or the source of targets."""
    return labels.get("target") or labels.get("source") or ""


class Running:
    """An exporter that serves, and what it has logged so far."""

    def __init__(self, process: Process, session: ClientSession) -> None:
        """Read the log from now on."""
        self.log: list[str] = []
        self._process = process
        self._session = session
        self._address = asyncio.get_running_loop().create_future()
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self._process.stderr
        async for line in self._process.stderr:
            self.log.append(line.decode().removesuffix("\n"))
            found = re.search(r"\blisten\W+(127\.0\.0\.1:[0-9]+)", self.log[-1])
            if found and not self._address.done():
                self._address.set_result(found[1])
        if not self._address.done():
            self._address.set_exception(AssertionError(self.log))

    async def get(self, path: str) -> tuple[int, str]:
        """Ask for a page; gives status 0 when nobody answers."""
        async with asyncio.timeout(PATIENCE):
            url = f"http://{await self._address}{path}"
            try:
                async with self._session.get(url) as response:
                    return response.status, await response.text()
            except ClientError:
                return 0, ""

    async def scraped(self, enough: Callable[[Samples], bool]) -> Samples:
        """Scrape until there is enough."""
        async with asyncio.timeout(PATIENCE):
            while True:
                _, text = await self.get("/metrics")
                samples = {
                    (sample.name, _who(sample.labels)): sample.value
                    for family in text_string_to_metric_families(text)
                    for sample in family.samples
                }
                if enough(samples):
                    return samples
                await asyncio.sleep(POLL)

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    async def end(self, number: signal.Signals) -> int:
        """Send it a signal, and wait until it is gone; gives its exit code."""
        self.send(number)
        async with asyncio.timeout(PATIENCE):
            code = await self._process.wait()
            await self._reading
        return code


@asynccontextmanager
async def exporter(kind: str, *argv: str) -> AsyncIterator[Running]:
    """Start an exporter on a free port, and leave none behind."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND[kind], *argv, *ANY_PORT, stderr=PIPE
    )
    try:
        async with ClientSession() as session:
            yield Running(process, session)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


# --- a life


@dataclass
class Life:
    """What was seen of one exporter from its start to its end."""

    first: Samples = field(default_factory=dict)
    later: Samples = field(default_factory=dict)
    ready: int = 0
    log: list[str] = field(default_factory=list)
    code: int = -1
    seconds: float = 0.0  # from the signal to the end
    silent: list[Session] = field(default_factory=list)


CONFIG = """
schedule: {{interval: 1s}}
targets:
  - {{host: 127.0.0.1, port: {good}, name: good}}
  - {{host: 127.0.0.1, port: {silent}, name: silent}}
"""


async def live(kind: str, folder: Path) -> Life:
    """Probe a server until it goes, and another that never answers until the end."""
    life, path = Life(), folder / f"{kind}.yaml"
    argv = ("serve", "--config.file", str(path))
    async with ScriptedServer(script(HOLD)) as silent, AsyncExitStack() as stack:
        good = await stack.enter_async_context(ScriptedServer(script(GRT, EHL, QUI)))
        path.write_text(CONFIG.format(good=good.port, silent=silent.port))
        async with exporter(kind, *argv) as running:
            life.first = await running.scraped(_good_and_silent)
            life.ready, _ = await running.get("/-/ready")
            await stack.aclose()
            with socket.socket() as nobody_listens:
                nobody_listens.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                nobody_listens.bind(("127.0.0.1", good.port))
                life.later = await running.scraped(_twice_refused)
            clock = asyncio.get_running_loop().time
            begun = clock()
            life.code = await running.end(signal.SIGTERM)
            life.seconds = clock() - begun
            life.log = running.log
        await silent.settled(PATIENCE)
        life.silent = [*silent.sessions]
    return life


def _twice_refused(now: Samples) -> bool:
    refusals = now.get(("smtp_probe_failures_total", "good"), 0)
    return refusals > 1 and now["smtp_probe_success", "good"] == 0


def _good_and_silent(now: Samples) -> bool:
    seen = now["smtp_probes_total", "good"] > 0
    return seen and now["mailserver_exporter_probes_in_flight", ""] == 1


@pytest.fixture(scope="module", autouse=True)
def lives(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Future[dict[str, Life]]]:
    """Live one life for each kind of loop, at the same time as the tests below."""
    folder = tmp_path_factory.mktemp("lives")

    async def all_at_once() -> dict[str, Life]:
        lived = await asyncio.gather(*(live(kind, folder) for kind in COMMAND))
        return dict(zip(COMMAND, lived, strict=True))

    with ThreadPoolExecutor(max_workers=1) as pool:
        yield pool.submit(lambda: asyncio.run(all_at_once()))


# --- the demo


def test_the_demo_shows_all_its_servers() -> None:
    """It needs nothing; every server is on the page at once; Ctrl-C ends it with 0."""

    async def story() -> None:
        async with exporter("uvloop", "demo", "--log.format=json") as running:
            samples = await running.scraped(
                lambda now: any(name == "smtp_probe_success" for name, _ in now)
            )
            code = await running.end(signal.SIGINT)
        shown = {target for name, target in samples if name == "smtp_probes_total"}
        assert shown == {server.name for server in DEMO}
        assert code == 0
        assert all(line.startswith('{"') for line in running.log)

    asyncio.run(story())


def test_a_connection_that_breaks_does_not_end_it() -> None:
    """Writing to a socket whose peer is gone is no reason to die (SIGPIPE)."""

    async def story() -> None:
        async with exporter("uvloop", "demo") as running:
            assert (await running.get("/-/healthy"))[0] == 200
            running.send(signal.SIGPIPE)
            assert (await running.get("/-/healthy"))[0] == 200
            assert await running.end(signal.SIGTERM) == 0

    asyncio.run(story())


# --- what cannot begin


def refused(*argv: str) -> list[str]:
    """Run a command that fails at once; give the lines that it says."""
    run = subprocess.run(
        [*COMMAND["uvloop"], *argv],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert run.returncode == 1
    assert run.stdout == ""
    return run.stderr.splitlines()


def test_a_port_that_is_taken() -> None:
    """It leaves with 1 and one line that names the address and the remedy."""
    with socket.create_server(("127.0.0.1", 0)) as holder:
        address = f"127.0.0.1:{holder.getsockname()[1]}"
        (line,) = refused("demo", "--web.listen-address", address)

    assert line == (
        f"mailserver-exporter: cannot listen on {address}: address already in use; "
        "choose another with --web.listen-address"
    )


def test_a_configuration_that_is_missing(tmp_path: Path) -> None:
    """It leaves with 1, a line that names the file, and two that show a way on."""
    path = tmp_path / "config.yaml"

    assert refused("serve", "--config.file", str(path)) == [
        f"{path}: there is no such file; check the path",
        "Write one, and give its path with --config.file; into a container, mount it "
        "there.",
        "To see it work without one: mailserver-exporter demo",
    ]


def test_no_standard_output() -> None:
    """A process that was given no standard output does without."""
    closed = ["sh", "-c", 'exec "$@" >&-', "sh", *COMMAND["uvloop"]]

    subprocess.run([*closed, "version"], stderr=PIPE, check=True, timeout=PATIENCE)


def test_a_reader_that_stops_reading() -> None:
    """Printing into a pipe that nobody reads any more ends without a traceback."""
    with subprocess.Popen(
        [*COMMAND["uvloop"], "schema"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        said = process.stderr.read()
        process.wait(PATIENCE)

    assert said == b""


# --- what was seen of the lives, which have been lived by now


@pytest.fixture(params=COMMAND)
def life(request: pytest.FixtureRequest, lives: Future[dict[str, Life]]) -> Life:
    """Give the life on one kind of loop."""
    return lives.result()[request.param]


def test_a_probe_is_on_the_page(life: Life) -> None:
    """After its first probe a server's metrics are there to be scraped."""
    assert life.first["smtp_probe_success", "good"] == 1
    assert life.first["smtp_graceful_close", "good"] == 1
    assert life.first["mailserver_exporter_targets", "config"] == 2
    assert life.first["mailserver_exporter_config_last_reload_successful", ""] == 1
    assert life.ready == 200


def test_it_tells_of_its_pulse(life: Life) -> None:
    """Beats of the loop are counted, and the limit of probes is told."""
    assert life.later["mailserver_exporter_loop_lag_seconds_count", ""] >= 1
    assert life.first["mailserver_exporter_probes_in_flight_limit", ""] == 500


def test_a_probe_under_way_holds_nobody_up(life: Life) -> None:
    """A server that never greets has no result yet, and the other has had several."""
    assert life.later["smtp_probes_total", "silent"] == 0
    assert ("smtp_probe_success", "silent") not in life.later
    assert life.later["smtp_probes_total", "good"] >= 3


def test_a_server_that_goes_is_seen(life: Life) -> None:
    """Its metrics are those of a refused connection, and the last success is kept."""
    assert life.later["smtp_probe_success", "good"] == 0
    assert life.later["smtp_probe_failure", "good"] == 1
    assert ("smtp_banner_first_byte_seconds", "good") not in life.later
    assert (
        life.later["smtp_last_success_timestamp_seconds", "good"]
        < life.later["smtp_last_probe_timestamp_seconds", "good"]
    )


def test_a_change_is_logged_once(life: Life) -> None:
    """Several probes of a server that is gone are one line."""
    (told,) = (line for line in life.log if "failure=connect_refused" in line)

    assert 'level=warning msg="target fails" target=good' in told
    assert not [line for line in life.log if "target succeeds" in line]


def test_it_ends_when_asked_to(life: Life) -> None:
    """SIGTERM ends it in time and with 0, whatever is still under way."""
    assert life.code == 0
    assert life.seconds < 5.0
    assert 'msg="probes cancelled while stopping" probes=1' in life.log[-1]


def test_it_ends_in_silence(life: Life) -> None:
    """Nothing is left behind that the interpreter would complain about."""
    assert [line for line in life.log if not re.match(r"time=\S+ level=", line)] == []
    assert [line for line in life.log if "source=" in line] == []


def test_it_ends_politely(life: Life) -> None:
    """A probe that is cut off closes its connection, and says nothing it must not."""
    assert len(life.silent) == 1
    (session,) = life.silent
    assert session.left is Left.FIN
    assert session.received == b""
    assert session.violations == []
