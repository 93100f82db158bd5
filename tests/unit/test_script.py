"""The pure parts of the scripted servers: scripts as data, and the demo's table."""

import pytest

from exporter.demo.proxy import Endpoint, Ends, header
from exporter.demo.script import (
    BYE,
    EHL,
    EHLO,
    FIN,
    GREETING,
    GRT,
    HOLD,
    OFFER,
    QUI,
    QUIT,
    Expect,
    Hold,
    Reset,
    Say,
    Script,
    script,
)
from exporter.demo.servers import DEMO, INTERVAL, DemoServer


def test_script() -> None:
    """Octets become Say, macros are spliced, and steps stay as they are."""
    steps = script(b"220 x\r\n", (QUIT, FIN), HOLD)

    assert steps == (Say(b"220 x\r\n"), QUIT, FIN, HOLD)


def test_steps_are_data() -> None:
    """Steps of the same content are the same, and can be keys."""
    assert {Say(b"x"), Say(b"x"), Expect(b"QUIT"), QUIT} == {Say(b"x"), QUIT}


@pytest.mark.parametrize("octets", [GREETING, BYE, OFFER])
def test_replies(octets: bytes) -> None:
    """Every line of a macro ends in CRLF, and holds no other control."""
    lines = octets.split(b"\r\n")

    assert lines.pop() == b""
    assert all(line.isascii() and line.decode().isprintable() for line in lines)


def test_macros() -> None:
    """The macros are those of the specification's section 5."""
    assert script(GRT, EHL, QUI) == (
        Say(GREETING),
        EHLO,
        Say(OFFER),
        QUIT,
        Say(BYE),
        FIN,
    )


def test_demo_names() -> None:
    """Every server of the demo has a name of its own and one line about it."""
    assert len({server.name for server in DEMO}) == len(DEMO)
    assert len({server.description for server in DEMO}) == len(DEMO)
    assert all(server.description and "\n" not in server.description for server in DEMO)


def test_demo_range() -> None:
    """The demo shows good and bad: a goodbye, silence, a reset, and nobody at all."""
    scripts: list[Script] = [server.script or () for server in DEMO]

    assert () in scripts
    assert (Hold(),) in scripts
    assert any(isinstance(steps[-1], Reset) for steps in scripts if steps)
    assert any(steps[-len(QUI) :] == QUI for steps in scripts)


@pytest.mark.parametrize("server", DEMO, ids=lambda server: server.name)
def test_demo_pace(server: DemoServer) -> None:
    """A probe of the demo is over before the next one is due."""
    module = server.module

    assert module.timeout + module.timeouts.close < INTERVAL
    assert module.hold < module.timeout


IPV4 = Endpoint("192.0.2.1", 56324), Endpoint("198.51.100.7", 25)
IPV6 = Endpoint("2001:db8::1", 56324), Endpoint("2001:db8::7", 25)
SIGNATURE = bytes.fromhex("0d0a0d0a000d0a515549540a")


@pytest.mark.parametrize(
    ("version", "ends", "expected"),
    [
        (1, IPV4, b"PROXY TCP4 192.0.2.1 198.51.100.7 56324 25\r\n"),
        (1, IPV6, b"PROXY TCP6 2001:db8::1 2001:db8::7 56324 25\r\n"),
        (1, None, b"PROXY UNKNOWN\r\n"),
        (2, IPV4, SIGNATURE + bytes.fromhex("2111000cc0000201c6336407dc040019")),
        (
            2,
            IPV6,
            SIGNATURE
            + bytes.fromhex("21210024")
            + bytes.fromhex("20010db8000000000000000000000001")
            + bytes.fromhex("20010db8000000000000000000000007")
            + bytes.fromhex("dc040019"),
        ),
        (2, None, SIGNATURE + bytes.fromhex("20000000")),
    ],
)
def test_proxy_header(version: int, ends: Ends | None, expected: bytes) -> None:
    """A header is what the specification's examples show, octet for octet."""
    assert header(version, ends) == expected
