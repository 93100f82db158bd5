"""`/probe` over real sockets: answers, refusals after the lookup, the cap, the end.

A whole exporter in this process, asked over HTTP, with servers that play scripts and a
DNS server whose answers change.
"""

import asyncio
import gzip
import re
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporter.config import parse
from exporter.demo.certificates import Kind
from exporter.demo.listener import ScriptedServer, closed_port
from exporter.demo.script import (
    EHL,
    EHLO,
    GREETING,
    GRT,
    HOLD,
    QUI,
    QUI_TLS,
    QUIT,
    Tls,
    script,
)
from exporter.exposition.negotiation import OPENMETRICS, TEXT
from exporter.life import Exporter
from exporter.probe.reach import MAX_PERMITTED
from exporter.web.address import ListenAddress
from exporter.web.listen import Listeners
from exporter.web.routes import Sources, application
from tests.nameserver import SERVFAIL, NameServer, Zone, name_server

InLoop = Callable[[Coroutine[Any, Any, None]], None]

PATIENCE = 10.0
GOOD = script(GRT, EHL, QUI)
BUDGET = {"X-Prometheus-Scrape-Timeout-Seconds": "0.6"}  # for what nobody answers
LOOPBACK = "127.0.0.0/8"
# RFC 5737: nobody is there.
PUBLIC = "203.0.113.1"


@dataclass
class Answer:
    """What came back for a request."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def samples(self) -> dict[str, float]:
        """Each sample of the page, by name and labels."""
        return {
            f"{s.name}{[*s.labels.items()] or ''}": s.value
            for family in parse_text(self.text)
            for s in family.samples
        }


@dataclass
class Site:
    """An exporter that is served."""

    exporter: Exporter
    session: ClientSession
    url: str

    async def probe(
        self,
        target: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        **more: str,
    ) -> Answer:
        """Ask for a probe."""
        return await self.ask("/probe", method, headers, target=target, **more)

    async def ask(
        self,
        path: str,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        **query: str,
    ) -> Answer:
        """Send a request, with no header that a client adds by itself."""
        async with self.session.request(
            method,
            self.url + path,
            params=query,
            headers=headers or {},
            skip_auto_headers=["Accept", "Accept-Encoding"],
        ) as response:
            return Answer(response.status, response.headers, await response.read())

    async def counted(self) -> dict[str, float]:
        """Give the exporter's own counts of probes on demand."""
        prefix = "mailserver_exporter_on_demand_"
        samples = (await self.ask("/metrics")).samples
        return {
            name.removeprefix(prefix): value
            for name, value in samples.items()
            if name.startswith(prefix)
        }

    async def await_count(self, name: str, value: float) -> None:
        """Wait until a count has this value."""
        async with asyncio.timeout(PATIENCE):
            while (await self.counted())[name] != value:  # noqa: ASYNC110 -- asked over HTTP
                await asyncio.sleep(0.01)


@asynccontextmanager
async def served(
    port: int,
    *allow: str,
    dns: NameServer | None = None,
    more: str = "",
    modules: str = "",
) -> AsyncIterator[Site]:
    """Serve an exporter that may probe these on demand, at this port."""
    host, dns_port = dns.address if dns else ("127.0.0.1", 1)
    text = (
        f"dns: {{servers: ['{host}:{dns_port}']}}\n"
        f"modules: {{plain: {{tls: none}}, {modules}}}\n"
        f"on_demand: {{enabled: true, ports: [{port}], allow: {[*allow]!r}{more}}}\n"
    )
    exporter = Exporter(parse(text, path=Path("c")), kernel_timestamps=True)
    listeners = Listeners(
        application(
            Sources(
                exporter.metrics,
                exporter.ready,
                exporter.reload,
                exporter.shown_config,
                "1",
                probe=exporter.on_demand.answer,
            )
        )
    )
    (opened,) = await listeners.open([ListenAddress("127.0.0.1", 0)])
    await exporter.start()
    try:
        async with ClientSession(auto_decompress=False) as session:
            yield Site(exporter, session, f"http://{opened}")
    finally:
        await exporter.stop()
        await listeners.close()


# --- what is answered


def test_a_good_server(in_loop: InLoop) -> None:
    """The page has blackbox's gauges and ours, and no label that names the target."""

    async def story() -> None:
        async with (
            ScriptedServer(GOOD) as server,
            served(server.port, LOOPBACK) as site,
        ):
            assert site.exporter.ready()
            answer = await site.probe(f"127.0.0.1:{server.port}", module="plain")
            metrics = (await site.ask("/metrics")).text
            counted = await site.counted()

        assert answer.status == 200
        assert answer.headers["Content-Type"] == TEXT
        assert answer.headers["Cache-Control"] == "no-store"
        seen = answer.samples
        assert seen["probe_success"] == seen["smtp_probe_success"] == 1
        assert seen["probe_ip_protocol"] == 4
        assert seen["probe_dns_lookup_time_seconds"] == 0
        assert seen["probe_timeout_seconds"] == 30
        assert seen["probe_failed_due_to_regex"] == 0
        assert 0 < seen["smtp_probe_duration_seconds"] <= seen["probe_duration_seconds"]
        assert seen["smtp_reply_code[('phase', 'greeting')]"] == 220
        assert seen["smtp_session_end[('close', 'clean')]"] == 1
        assert seen["smtp_graceful_close"] == 1
        assert "target=" not in answer.text
        assert "_total" not in answer.text
        assert "probe_ssl" not in answer.text
        assert "smtp_" not in metrics
        assert counted == {
            "probes_total": 1,
            "probe_failures_total": 0,
            "probes_cancelled_total": 0,
            "probes_in_flight": 0,
            **{f"refused_total[('cause', '{c}')]": 0 for c in CAUSES},
        }

    in_loop(story())


CAUSES = ("disabled", "invalid", "forbidden", "busy")


def test_openmetrics(in_loop: InLoop) -> None:
    """The format and coding are what the client accepts, as on /metrics."""

    async def story() -> None:
        async with (
            ScriptedServer(GOOD) as server,
            served(server.port, LOOPBACK) as site,
        ):
            accept = {
                "Accept": "application/openmetrics-text;version=1.0.0",
                "Accept-Encoding": "gzip",
            }
            answer = await site.probe(f"127.0.0.1:{server.port}", headers=accept)

        assert answer.headers["Content-Type"] == OPENMETRICS
        assert answer.headers["Content-Encoding"] == "gzip"
        text = gzip.decompress(answer.body).decode()
        families = list(parse_openmetrics(text))  # type: ignore[no-untyped-call]  # the client's own
        assert {family.type for family in families} == {"gauge"}
        assert len({family.name for family in families}) == len(families)

    in_loop(story())


def test_a_failure(in_loop: InLoop) -> None:
    """A probe that failed is 200 too, with the phase and reason."""

    async def story(port: int) -> None:
        async with served(port, LOOPBACK) as site:
            answer = await site.probe(f"127.0.0.1:{port}")
            counted = await site.counted()

        assert answer.status == 200
        assert answer.samples["probe_success"] == 0
        assert 'smtp_probe_failure{phase="connect",reason="refused"} 1' in answer.text
        assert "probe_ip_protocol" not in answer.text
        assert counted["probe_failures_total"] == counted["probes_total"] == 1

    with closed_port() as port:
        in_loop(story(port))


def test_debug(in_loop: InLoop) -> None:
    """The page for people has the session line by line, and then the metrics."""

    async def story() -> None:
        odd = script(b"220 <script>alert(1)</script>\x1b[31m\xff\r\n", EHL, QUI)
        async with ScriptedServer(odd) as server, served(server.port, LOOPBACK) as site:
            answer = await site.probe(f"127.0.0.1:{server.port}", debug="true")
            plain = await site.probe(f"127.0.0.1:{server.port}", debug="false")

        assert answer.status == 200
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        session, _, metrics = answer.text.partition("\n\n# HELP")
        assert session.startswith(f"127.0.0.1 port {server.port}, module mx\n")
        assert "S: 220 <script>" in session
        assert "\nOK: " in session
        assert session.replace("\n", "").isprintable()
        assert "probe_success 1\n" in metrics
        assert plain.headers["Content-Type"] == TEXT
        assert "alert(1)" not in plain.text

    in_loop(story())


def test_head(in_loop: InLoop) -> None:
    """HEAD probes too, and has no body."""

    async def story() -> None:
        async with (
            ScriptedServer(GOOD) as server,
            served(server.port, LOOPBACK) as site,
        ):
            answer = await site.probe(f"127.0.0.1:{server.port}", method="HEAD")
            posted = await site.probe(f"127.0.0.1:{server.port}", method="POST")
            sessions = len(server.sessions)

        assert (answer.status, answer.body, sessions) == (200, b"", 1)
        assert int(answer.headers["Content-Length"]) > 0
        assert posted.status == 405

    in_loop(story())


def test_hostname(in_loop: InLoop) -> None:
    """It is what SNI asks for and what the certificate is held against."""

    async def story() -> None:
        tls = Tls(Kind.GOOD, "mail.test", otherwise=Kind.SELF_SIGNED)
        implicit = script(tls, GRT, EHL, QUI_TLS)
        async with (
            ScriptedServer(implicit) as server,
            served(server.port, LOOPBACK, modules="sealed: {tls: implicit}") as site,
        ):
            at = f"127.0.0.1:{server.port}"
            right = await site.probe(at, module="sealed", hostname="mail.test")
            wrong = await site.probe(at, module="sealed", hostname="other.test")

        name = "smtp_tls_problem[('problem', 'name_mismatch')]"
        assert right.samples[name] == 0
        assert wrong.samples[name] == 1
        assert right.samples["probe_tls_version_info[('version', 'TLS 1.3')]"] == 1
        assert (
            right.samples["probe_ssl_earliest_cert_expiry"]
            == right.samples["smtp_tls_chain_not_after_timestamp_seconds"]
        )

    in_loop(story())


def test_the_scrapes_time(in_loop: InLoop) -> None:
    """A server that says nothing fails the probe before the scrape's time is over."""

    async def story() -> None:
        async with (
            ScriptedServer(script(HOLD)) as server,
            served(server.port, LOOPBACK) as site,
        ):
            clock = asyncio.get_running_loop().time
            begun = clock()
            answer = await site.probe(f"127.0.0.1:{server.port}", headers=BUDGET)
            seconds = clock() - begun

        assert answer.samples["probe_timeout_seconds"] == pytest.approx(0.3)
        assert 'smtp_probe_failure{phase="greeting",reason="deadline"} 1' in answer.text
        assert 0.3 <= seconds < 0.6

    in_loop(story())


# --- what is refused


def test_not_enabled(in_loop: InLoop) -> None:
    """Without the configuration's word it is 404, and the answer says how."""

    async def story() -> None:
        async with served(25, LOOPBACK) as site:
            off = parse("targets: [mx.test]", path=Path("c"))
            site.exporter.on_demand.follow(off)
            answer = await site.probe("127.0.0.1")
            counted = await site.counted()

        assert answer.status == 404
        assert "on_demand: {enabled: true" in answer.text
        assert counted["refused_total[('cause', 'disabled')]"] == 1

    in_loop(story())


def test_a_site_without_probes(in_loop: InLoop) -> None:
    """Where there is nobody to probe, the path is 404 as any other."""

    async def story() -> None:
        async with served(25, LOOPBACK) as site:
            bare = Listeners(
                application(
                    Sources(
                        site.exporter.metrics,
                        site.exporter.ready,
                        site.exporter.reload,
                        site.exporter.shown_config,
                        "1",
                    )
                )
            )
            (opened,) = await bare.open([ListenAddress("127.0.0.1", 0)])
            site.url = f"http://{opened}"
            answer = await site.probe("127.0.0.1")
            await bare.close()

        assert answer.status == 404

    in_loop(story())


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 400),
        ("?target=", 400),
        ("?target=127.0.0.1&target=127.0.0.1", 400),
        ("?target=127.0.0.1&module=mix", 400),
        ("?target=smtp://127.0.0.1", 400),
        ("?target=user@127.0.0.1", 400),
        ("?target=127.0.0.1%0d%0aX", 400),
        ("?target=%00", 400),
        ("?target=%ff%fe", 400),
        ("?target=2130706433", 400),
        ("?target=0x7f.1:25", 400),
        ("?target=127.1:25", 400),
        ("?target=127.0.0.1:26", 403),
        ("?target=127.0.0.1:25&module=login", 403),
        ("?target=unix:/run/lmtp.sock", 403),
        ("?target=192.0.2.1:25", 403),
        ("?target=10.0.0.1:25", 403),
        ("?target=[2001:db8::1]:25", 403),
        ("?target=169.254.169.254:25", 403),
        ("?target=[::ffff:169.254.169.254]:25", 403),
        ("?target=[::ffff:a9fe:a9fe]:25", 403),
        ("?target=[64:ff9b::a9fe:a9fe]:25", 403),
        ("?target=[2002:a9fe:a9fe::]:25", 403),
        ("?target=[::1]:25", 403),
        ("?target=[::]:25", 403),
        ("?target=0.0.0.0:25", 403),
        ("?target=[fe80::1]:25", 403),
        ("?target=[fd00:ec2::254]:25", 403),
    ],
)
def test_refused(in_loop: InLoop, query: str, status: int) -> None:
    """What is wrong is 400, what is not allowed 403, each in one plain sentence."""

    async def story() -> None:
        login = "login: {auth: {username: u, password_env: PATH}}"
        async with served(25, "127.0.0.1", modules=login) as site:
            async with site.session.get(f"{site.url}/probe{query}") as response:
                text = await response.text()
            counted = await site.counted()

        cause = {400: "invalid", 403: "forbidden"}[status]
        assert response.status == status, text
        assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert text.endswith(".\n")
        assert text.removesuffix("\n").isprintable()
        assert counted[f"refused_total[('cause', '{cause}')]"] == 1
        assert counted["probes_total"] == 0

    in_loop(story())


class Fickle(dict[str, Zone]):
    """Zones of one name that answer each lookup of it from the next in a circle."""

    def __init__(self, *zones: Zone) -> None:
        self._turns = deque(zones)
        super().__init__()

    def get(self, _name: str, _default: object = None) -> Zone:
        """Give the present zone, and turn."""
        zone = self._turns[0]
        self._turns.rotate(-1)
        return zone


INSIDE = (
    Zone(a=("127.0.0.1",)),
    Zone(a=(PUBLIC, "127.0.0.1")),
    Zone(a=("169.254.169.254",)),
    Zone(a=("0.0.0.0",)),  # noqa: S104 -- an answer, and nothing that is bound
    Zone(aaaa=("::1",)),
    Zone(aaaa=("::ffff:127.0.0.1",)),
    Zone(aaaa=("64:ff9b::7f00:1",)),
    Zone(aaaa=("fe80::1",)),
    Zone(alias_of="inside.test"),
)


@pytest.mark.parametrize("zone", INSIDE, ids=str)
def test_a_name_that_leads_inside(in_loop: InLoop, zone: Zone) -> None:
    """A listed name is 403 as long as one of its addresses leads back to us."""

    async def story() -> None:
        zones = {"mx.listed.test": zone, "inside.test": Zone(a=("127.0.0.1",))}
        async with (
            ScriptedServer(GOOD) as server,
            name_server(zones) as dns,
            served(server.port, "*.listed.test", dns=dns) as site,
        ):
            target = f"mx.listed.test.:{server.port}"
            answer = await site.probe(target, headers=BUDGET)
            sessions = len(server.sessions)
            counted = await site.counted()

        assert answer.status == 403
        assert "an address that may not be probed" in answer.text
        assert "127.0.0.1" not in answer.text
        assert sessions == 0
        assert counted["refused_total[('cause', 'forbidden')]"] == 1
        assert counted["probes_total"] == 0

    in_loop(story())


def test_the_same_name_with_the_networks_word(in_loop: InLoop) -> None:
    """An entry of loopback lets the name lead there, and a network alone is enough."""

    async def story() -> None:
        zones = {"mx.listed.test": Zone(a=("127.0.0.1",))}
        for allow in (("*.listed.test", LOOPBACK), (LOOPBACK,), ("127.0.0.1",)):
            async with (
                ScriptedServer(GOOD) as server,
                name_server(zones) as dns,
                served(server.port, *allow, dns=dns) as site,
            ):
                answer = await site.probe(f"mx.listed.test.:{server.port}")

            assert answer.samples["probe_success"] == 1
            assert answer.samples["probe_dns_lookup_time_seconds"] > 0

    in_loop(story())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of 127.0.0.0/8")
def test_rebinding(in_loop: InLoop) -> None:
    """The address that was held against the list is the one that is connected to."""

    async def story() -> None:
        listed = Zone(a=("127.0.0.2",), ttl=0)
        inside = Zone(a=("127.0.0.1",), ttl=0)
        async with (
            ScriptedServer(GOOD, "127.0.0.2") as server,
            name_server({}) as dns,
            served(server.port, "*.listed.test", "127.0.0.2", dns=dns) as site,
        ):
            dns.zones = Fickle(listed, listed, inside)
            answers = [
                await site.probe(f"mx{n}.listed.test.:{server.port}") for n in range(9)
            ]
            probed = [a for a in answers if a.status == 200]
            sessions = len(server.sessions)

        assert {a.status for a in answers} == {200, 403}
        assert [a.samples["probe_success"] for a in probed] == [1] * sessions

    in_loop(story())


def test_a_name_that_no_network_covers(in_loop: InLoop) -> None:
    """What the DNS says of a name that is not listed is not told."""

    async def story() -> None:
        zones = {
            "outside.test": Zone(a=("10.1.2.3",)),
            "inside.test": Zone(a=("127.0.0.1",)),
            "bad.test": Zone(rcode=SERVFAIL),
            "bad.listed.test": Zone(rcode=SERVFAIL),
        }
        async with (
            name_server(zones) as dns,
            served(25, "192.0.2.0/24", "*.listed.test", dns=dns) as site,
        ):
            names = ("outside.test", "inside.test", "bad.test", "nobody.test")
            answers = [await site.probe(f"{name}.:25") for name in names]
            failed = await site.probe("bad.listed.test.:25")
            counted = await site.counted()

        assert {answer.status for answer in answers} == {403}
        told = (a.text.replace(n, "X") for a, n in zip(answers, names, strict=True))
        assert len({*told}) == 1
        assert failed.status == 200
        assert 'reason="servfail"' in failed.text
        assert counted["probes_total"] == 1

    in_loop(story())


def test_an_unlisted_name_is_not_looked_up(in_loop: InLoop) -> None:
    """Where names alone are listed, others are refused without a question."""

    async def story() -> None:
        async with name_server({}) as dns, served(25, "*.listed.test", dns=dns) as site:
            answer = await site.probe("mx.other.test.:25")
            asked = list(dns.asked)

        assert answer.status == 403
        assert asked == []

    in_loop(story())


# --- places, and their end


def test_the_cap(in_loop: InLoop) -> None:
    """Whoever finds all places taken is told when to come again; one is soon free."""

    async def story() -> None:
        async with (
            ScriptedServer(script(HOLD)) as slow,
            served(slow.port, LOOPBACK, more=", concurrency: 1") as site,
        ):
            target = f"127.0.0.1:{slow.port}"
            first = asyncio.create_task(site.probe(target))
            await site.await_count("probes_in_flight", 1)
            second = await site.probe(target)
            first.cancel()
            await site.await_count("probes_in_flight", 0)
            third = await site.probe(target, headers=BUDGET)
            counted = await site.counted()

        assert second.status == 503
        assert int(second.headers["Retry-After"]) > 0
        assert "All 1 places" in second.text
        assert third.status == 200
        assert counted["refused_total[('cause', 'busy')]"] == 1

    in_loop(story())


def _heard_ehlo(server: ScriptedServer) -> bool:
    return any(b"EHLO" in session.received for session in server.sessions)


def test_a_client_that_hangs_up(in_loop: InLoop) -> None:
    """Its probe ends with it, and says QUIT to the server first."""

    async def story() -> None:
        waits = script(GREETING, EHLO, QUIT)
        async with (
            ScriptedServer(waits) as server,
            served(server.port, LOOPBACK) as site,
        ):
            asking = asyncio.create_task(site.probe(f"127.0.0.1:{server.port}"))
            async with asyncio.timeout(PATIENCE):
                while not _heard_ehlo(server):  # noqa: ASYNC110 -- a script tells nobody
                    await asyncio.sleep(0.01)
            asking.cancel()
            await site.await_count("probes_cancelled_total", 1)
            assert await server.settled(PATIENCE)
            (session,) = server.sessions
            counted = await site.counted()

        assert session.received.endswith(b"\r\nQUIT\r\n")
        assert counted["probes_in_flight"] == 0
        assert counted["probes_total"] == 0

    in_loop(story())


def test_the_end_waits_for_answers(in_loop: InLoop) -> None:
    """A probe under way when the exporter stops is answered; a later one is 503."""

    async def story() -> None:
        async with (
            ScriptedServer(script(HOLD)) as server,
            served(server.port, LOOPBACK) as site,
        ):
            target = f"127.0.0.1:{server.port}"
            asking = asyncio.create_task(site.probe(target, headers=BUDGET))
            await site.await_count("probes_in_flight", 1)
            stopping = asyncio.create_task(site.exporter.on_demand.stop(PATIENCE))
            await asyncio.sleep(0)
            late = await site.probe(target)
            answer = await asking
            cancelled = await stopping

        assert (answer.status, late.status, cancelled) == (200, 503, 0)
        assert "stopping" in late.text

    in_loop(story())


def test_the_end_does_not_wait_for_ever(in_loop: InLoop) -> None:
    """A probe that outlasts the grace is cancelled, and its client told."""

    async def story() -> None:
        async with (
            ScriptedServer(script(HOLD)) as server,
            served(server.port, LOOPBACK) as site,
        ):
            asking = asyncio.create_task(site.probe(f"127.0.0.1:{server.port}"))
            await site.await_count("probes_in_flight", 1)
            cancelled = await site.exporter.on_demand.stop(0.05)
            answer = await asking
            await site.await_count("probes_cancelled_total", 1)
            counted = await site.counted()

        assert (answer.status, cancelled) == (503, 1)
        assert counted["refused_total[('cause', 'busy')]"] == 0

    in_loop(story())


def test_another_configuration(in_loop: InLoop) -> None:
    """A reload changes who may be probed, from the next request on."""

    async def story() -> None:
        async with (
            ScriptedServer(GOOD) as server,
            served(server.port, "*.listed.test") as site,
        ):
            target = f"127.0.0.1:{server.port}"
            before = await site.probe(target)
            rules = f"ports: [{server.port}], allow: [127.0.0.1]"
            text = f"on_demand: {{enabled: true, {rules}}}"
            await site.exporter._go_on_with(parse(text, path=Path("c")))
            after = await site.probe(target)

        assert (before.status, after.status) == (403, 200)

    in_loop(story())


@pytest.mark.parametrize(
    "target",
    [
        *("169.254.169.254", "[::ffff:169.254.169.254]", "100.100.100.200"),
        *("[::ffff:a9fe:a9fe]", "[64:ff9b::a9fe:a9fe]", "[2002:a9fe:a9fe::]", "[::1]"),
        *("127.0.0.1", "0.0.0.0", "[::]", "[fe80::1]", "[fd00:ec2::254]", "224.0.0.1"),  # noqa: S104 -- asked for, not bound
    ],
)
def test_all_of_the_internet(in_loop: InLoop, target: str) -> None:
    """An entry of every address is no word about the inside, in whatever spelling."""

    async def story() -> None:
        allow = ("*.listed.test", "0.0.0.0/1", "128.0.0.0/1", "::/0")
        async with served(25, *allow) as site:
            answer = await site.probe(f"{target}:25", headers=BUDGET)

        assert answer.status == 403

    in_loop(story())


def test_thousands_of_addresses(in_loop: InLoop) -> None:
    """Of a name with many addresses only the first few are looked at, and tried."""

    async def story() -> None:
        many = tuple(f"127.0.{n // 250}.{n % 250 + 1}" for n in range(1000))
        zones = {"mx.listed.test": Zone(a=many, over_tcp=True)}
        with closed_port() as port:
            async with (
                name_server(zones) as dns,
                served(port, LOOPBACK, dns=dns) as site,
            ):
                answer = await site.probe(f"mx.listed.test.:{port}", debug="true")

        assert answer.status == 200
        failed = re.findall(r"-- 127\.0\.[0-9.]+: ", answer.text)
        assert len(failed) == MAX_PERMITTED

    in_loop(story())
