"""Servers that want a probe's time or memory, in a process of their own.

Holds the table of attacks, and plays them when it is run as a program: the memory and
the loop of whoever probes are then the probe's alone. Prints each attack's port as JSON
and ends with its standard input.
"""

import asyncio
import json
import random
import socket
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

from exporter.demo.listener import LOOPBACK, ScriptedServer
from exporter.demo.script import (
    BYE,
    EHL,
    EHLO,
    GRT,
    HOLD,
    QUI,
    QUI_TLS,
    QUIT,
    RST,
    ClientHello,
    Dribble,
    Flood,
    Repeat,
    Script,
    Tls,
    Wait,
    script,
)
from exporter.targets import Auth, Mail, Module, SecretSource, Timeouts
from exporter.vocabulary import Mechanism, Policy, ProxyProtocol, TlsMode
from tests.scenarios import AUTH_PLAIN, EHA, GO_ON, MAIL, OK, RCPT

SECOND = 1.0
BRIEF = 0.15  # where a whole second would teach nothing more
LONG = 20.0
DRIP = 0.05
IDLE = 0.4  # the hold, in which the server speaks at its half
SECRET = "SCENARIO_LONGEST_PASSWORD"  # noqa: S105 -- the name of a variable


def _limits(limit: float, deadline: float = LONG) -> Module:
    limits = Timeouts(
        connect=LONG,
        tls=limit,
        greeting=limit,
        command=limit,
        quit=limit,
        close=limit,
    )
    return Module(name="hostile", ehlo=False, timeout=deadline, timeouts=limits)


IN_A_SECOND = _limits(SECOND)
BRIEFLY = _limits(BRIEF)
BRIEFLY_EHLO = replace(BRIEFLY, ehlo=True)
BRIEFLY_TLS = replace(
    BRIEFLY, tls=TlsMode.IMPLICIT, verify=Policy.OFF, tls_server_name="mail.test"
)
BRIEFLY_MAIL = replace(BRIEFLY_EHLO, mail=Mail(sender="", recipient="probe@mx.test"))
BRIEFLY_AUTH = replace(
    BRIEFLY_EHLO,
    auth=Auth(
        mechanism=Mechanism.PLAIN,
        username="probe",
        password=SecretSource(env=SECRET),
        allow_plaintext=True,
    ),
)
DEADLINE_AUTH = replace(
    _limits(LONG, deadline=SECOND / 2), ehlo=True, auth=BRIEFLY_AUTH.auth
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """One hostile server, the module that meets it, and when that has to be over."""

    name: str
    script: Script | None  # None: the connection is never even accepted
    module: Module
    end: str  # `CLOSE [PHASE REASON]`
    within: float  # seconds, before the grace that everybody has
    window: int | None = None


def _attack(
    name: str,
    module: Module,
    steps: Script | None,
    end: str,
    within: float | None = None,
    window: int | None = None,
) -> Attack:
    least = min(module.timeout, module.timeouts.greeting)
    return Attack(
        name=name,
        script=steps,
        module=module,
        end=end,
        within=least if within is None else within,
        window=window,
    )


_LINE = b"220-" + b"x" * 506 + b"\r\n"  # no longer than lines may be
_LINES = Flood(_LINE)
_GREETING_AGAIN = b"220-a\r\n220 b\r\n"
_TLS_GARBAGE = b"\x16\x03\x01\x40\x00" + random.Random(1).randbytes(1 << 20)  # noqa: S311 -- garbage, not a key
_EIGHT_MEGABYTES = 8 * 1024 * 1024
_DRIP = Dribble(b"220 " + b"x" * 4000, DRIP)
_DRIPPED_LINES = Dribble(b"250-x\r\n" * 600, DRIP)
TOO_LONG = "reply_too_long"

ATTACKS = (
    # Odd enough to need whatever Python loads but once.
    _attack("nothing wrong", BRIEFLY, script(b"220 mx.test \0\r\n", QUI), "clean"),
    _attack(
        "nothing wrong inside TLS", BRIEFLY_TLS, script(Tls(), GRT, QUI_TLS), "clean"
    ),
    # --- floods
    _attack("lines", BRIEFLY, script(_LINES), f"aborted greeting {TOO_LONG}"),
    _attack(
        "short lines",
        BRIEFLY,
        script(Flood(b"220-\r\n")),
        f"aborted greeting {TOO_LONG}",
    ),
    _attack(
        "a line without end",
        BRIEFLY,
        script(b"220 ", Flood(b"A")),
        f"aborted greeting {TOO_LONG}",
    ),
    _attack("NULs", BRIEFLY, script(Flood(b"\0")), "aborted greeting protocol_error"),
    _attack(
        "NULs in a line",
        BRIEFLY,
        script(b"220 ", Flood(b"\0")),
        f"aborted greeting {TOO_LONG}",
    ),
    _attack(
        "a line of 8 MB",
        BRIEFLY,
        script(b"220 " + b"A" * _EIGHT_MEGABYTES + b"\r\n", HOLD),
        f"aborted greeting {TOO_LONG}",
    ),
    _attack(
        "TLS garbage",
        BRIEFLY,
        script(_TLS_GARBAGE, HOLD),
        "aborted greeting protocol_error",
    ),
    _attack(
        "a greeting that restarts",
        BRIEFLY,
        script(Flood(_GREETING_AGAIN)),
        "aborted greeting unsolicited_reply",
    ),
    _attack(
        "lines for EHLO",
        BRIEFLY_EHLO,
        script(GRT, EHLO, _LINES),
        f"aborted ehlo {TOO_LONG}",
    ),
    _attack(
        "lines in the hold",
        replace(BRIEFLY, hold=IDLE),
        script(GRT, Wait(IDLE / 2), _LINES),
        "aborted hold unsolicited_reply",
        within=IDLE,
    ),
    _attack(
        "lines for RCPT",
        BRIEFLY_MAIL,
        script(GRT, EHL, MAIL, OK, RCPT, _LINES),
        f"aborted rcpt {TOO_LONG}",
    ),
    _attack(
        "challenges for AUTH",
        BRIEFLY_AUTH,
        script(GRT, EHA, AUTH_PLAIN, Flood(GO_ON)),
        "aborted auth unsolicited_reply",
    ),
    _attack(
        "lines for QUIT",
        BRIEFLY,
        script(GRT, QUIT, Flood(_LINE.replace(b"220", b"221"))),
        f"malformed quit {TOO_LONG}",
    ),
    _attack(
        "a flood behind the 221",
        BRIEFLY,
        script(GRT, QUIT, BYE, Flood(b"A" * 1024)),
        "open_after_221",
    ),
    _attack(
        "lines inside TLS",
        BRIEFLY_TLS,
        script(Tls(), _LINES),
        f"aborted greeting {TOO_LONG}",
    ),
    _attack(
        "a flood behind the 221 inside TLS",
        BRIEFLY_TLS,
        script(Tls(), GRT, QUIT, BYE, Flood(b"A" * 1024)),
        "open_after_221",
    ),
    _attack(
        "garbage for a handshake",
        BRIEFLY_TLS,
        script(ClientHello(), _TLS_GARBAGE, HOLD),
        "aborted tls handshake",
    ),
    _attack(
        "warnings for a handshake",
        BRIEFLY_TLS,
        script(ClientHello(), Flood(b"\x15\x03\x03\x00\x02\x01\x5a")),
        "aborted tls handshake",
    ),
    # --- drips
    _attack(
        "a dripped handshake",
        BRIEFLY_TLS,
        script(ClientHello(), Dribble(_TLS_GARBAGE[:4000], DRIP)),
        "aborted tls timeout",
    ),
    _attack(
        "a drip inside TLS",
        BRIEFLY_TLS,
        script(Tls(), _DRIP),
        "aborted greeting timeout",
    ),
    _attack(
        "a dripped greeting", IN_A_SECOND, script(_DRIP), "aborted greeting timeout"
    ),
    _attack(
        "a dripped greeting, to the deadline",
        _limits(LONG, deadline=BRIEF),
        script(_DRIP),
        "aborted greeting deadline",
    ),
    _attack(
        "dripped lines",
        BRIEFLY_EHLO,
        script(GRT, EHLO, _DRIPPED_LINES),
        "aborted ehlo timeout",
    ),
    _attack(
        "a drip in the hold",
        replace(BRIEFLY, hold=IDLE),
        script(GRT, Wait(IDLE / 2), _DRIPPED_LINES),
        "aborted hold unsolicited_reply",
        within=IDLE,
    ),
    _attack(
        "a drip for AUTH",
        BRIEFLY_AUTH,
        script(GRT, EHA, AUTH_PLAIN, Dribble(b"334 " + b"A" * 4000, DRIP)),
        "aborted auth timeout",
    ),
    _attack(
        "a drip for RCPT",
        BRIEFLY_MAIL,
        script(GRT, EHL, MAIL, OK, RCPT, _DRIPPED_LINES),
        "aborted rcpt timeout",
    ),
    _attack(
        "a drip for QUIT",
        BRIEFLY,
        script(GRT, QUIT, Dribble(b"221 " + b"A" * 4000, DRIP)),
        "timeout quit timeout",
    ),
    _attack(
        "a drip behind the 221",
        BRIEFLY,
        script(GRT, QUIT, BYE, Repeat(b"A", DRIP)),
        "open_after_221",
    ),
    # --- silence
    _attack("half-open", BRIEFLY, None, "aborted greeting timeout"),
    _attack(
        "half-open, to the deadline",
        _limits(LONG, deadline=BRIEF),
        None,
        "aborted greeting deadline",
    ),
    _attack(
        "half-open, with a PROXY header",
        replace(BRIEFLY, proxy_protocol=ProxyProtocol.V2),
        None,
        "aborted greeting timeout",
    ),
    _attack(
        "a zero window",
        DEADLINE_AUTH,
        script(GRT, Wait(0.15), EHA[1], Wait(0.15), GO_ON, Wait(LONG)),
        "aborted auth deadline",
        window=1,
    ),
)
# The reset may strike before the client is told that the connection stands.
RESETS_AT_ONCE = _attack(
    "resets at once",
    replace(BRIEFLY, proxy_protocol=ProxyProtocol.V1),
    script(RST),
    "reset_without_221 greeting reset",
)


async def _open(attack: Attack, stack: AsyncExitStack) -> int:
    if attack.script is None:
        listener = stack.enter_context(socket.create_server((LOOPBACK, 0)))
        port: int = listener.getsockname()[1]
        return port
    server = ScriptedServer(attack.script, window=attack.window)
    return (await stack.enter_async_context(server)).port


async def _serve() -> None:
    async with AsyncExitStack() as stack:
        everyone = (*ATTACKS, RESETS_AT_ONCE)
        ports = {attack.name: await _open(attack, stack) for attack in everyone}
        sys.stdout.write(json.dumps(ports) + "\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_serve())
