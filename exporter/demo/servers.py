"""The demo's servers, good and bad: one entry each, with what it shows.

Holds the table, and opens what is in it; refuses probing: it hands out targets. Limits
are short, so that a failing probe ends well before the next one starts.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

from exporter.demo.certificates import Kind, authority
from exporter.demo.listener import LOOPBACK, ScriptedServer, closed_port
from exporter.demo.script import (
    EHL,
    EHLO,
    EHS,
    FIN,
    GRT,
    HELO,
    HOLD,
    QUI,
    QUI_TLS,
    QUIT,
    RST,
    STARTTLS,
    Script,
    Silence,
    Tls,
    script,
)
from exporter.memory_file import memory_file
from exporter.targets import Module, Target, Timeouts
from exporter.vocabulary import Policy, Reason, TlsMode

INTERVAL = 5.0
MX = Module(
    name="mx",
    timeout=3.0,
    timeouts=Timeouts(
        dns=1.0, connect=1.0, tls=1.0, greeting=1.5, command=1.0, quit=1.0, close=1.0
    ),
)
# Sits idle after the greeting, which is when servers say what nobody asked for.
DEMO_HOLD = replace(MX, name="demo-hold", hold=0.5)
# Their certificates are for this name, and of an authority of the demo's own.
CERTIFIED = "mail.test"
SUBMISSION = replace(
    MX,
    name="submission",
    tls=TlsMode.REQUIRED,
    verify=Policy.ENFORCE,
    tls_server_name=CERTIFIED,
)
SUBMISSIONS = replace(SUBMISSION, name="submissions", tls=TlsMode.IMPLICIT)


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoServer:
    """One server of the demo; without a script nobody listens on its port."""

    name: str
    description: str
    script: Script | None
    module: Module = MX


DEMO = (
    DemoServer(
        name="graceful",
        description="greets, answers EHLO, says 221 to QUIT and closes",
        script=script(GRT, EHL, QUI),
    ),
    DemoServer(
        name="multiline-greeting",
        description="begins its greeting, pauses 300 ms like postscreen, and ends it",
        script=script(
            b"220-mx.test ESMTP\r\n", Silence(0.3), b"220 mx.test ESMTP\r\n", EHL, QUI
        ),
    ),
    DemoServer(
        name="slow",
        description="greets after 250 ms",
        script=script(Silence(0.25), GRT, EHL, QUI),
    ),
    DemoServer(
        name="no-ehlo",
        description="knows HELO only",
        script=script(
            GRT, EHLO, b"500 5.5.1 unknown\r\n", HELO, b"250 mx.test\r\n", QUI
        ),
    ),
    DemoServer(
        name="silent-goodbye",
        description="closes after QUIT without saying 221",
        script=script(GRT, EHL, QUIT, FIN),
    ),
    DemoServer(
        name="reset-after-221",
        description="says 221 and resets the connection instead of closing it",
        script=script(GRT, EHL, QUIT, b"221 2.0.0 bye\r\n", Silence(0.05), RST),
    ),
    DemoServer(
        name="stays-open",
        description="says 221 and never closes the connection",
        script=script(GRT, EHL, QUIT, b"221 2.0.0 bye\r\n", HOLD),
    ),
    DemoServer(
        name="no-221",
        description="does not react to QUIT at all",
        script=script(GRT, EHL, QUIT, HOLD),
    ),
    DemoServer(
        name="refuses-554",
        description="greets with 554: no mail service here",
        script=script(b"554 mx.test no SMTP service here\r\n", QUI),
    ),
    DemoServer(
        name="busy-421",
        description="greets with 421, too busy, and closes",
        script=script(b"421 4.3.2 mx.test too busy, try later\r\n", FIN),
    ),
    DemoServer(
        name="unsolicited-221",
        description="answers EHLO with 221, as if it were shutting down",
        script=script(GRT, EHLO, b"221 2.0.0 mx.test shutting down\r\n", FIN),
    ),
    DemoServer(
        name="idle-221",
        description="says 221 to a client that was idle for 200 ms",
        script=script(GRT, Silence(0.2), b"221 2.0.0 mx.test you are idle\r\n", FIN),
        module=DEMO_HOLD,
    ),
    DemoServer(
        name="never-greets",
        description="accepts the connection and says nothing",
        script=script(HOLD),
    ),
    DemoServer(
        name="resets",
        description="accepts the connection and resets it after 100 ms",
        script=script(Silence(0.1), RST),
    ),
    DemoServer(
        name="not-smtp",
        description="speaks SSH, not SMTP",
        script=script(b"SSH-2.0-OpenSSH_9.6\r\n", HOLD),
    ),
    DemoServer(
        name="starttls",
        description="encrypts by STARTTLS, with a certificate that holds",
        script=script(GRT, EHS, STARTTLS, Tls(), EHL, QUI_TLS),
        module=SUBMISSION,
    ),
    DemoServer(
        name="implicit-tls",
        description="speaks TLS from the first octet on, as on port 465",
        script=script(Tls(), GRT, EHL, QUI_TLS),
        module=SUBMISSIONS,
    ),
    DemoServer(
        name="no-starttls",
        description="does not offer STARTTLS, which its module requires",
        script=script(GRT, EHL, QUI),
        module=SUBMISSION,
    ),
    DemoServer(
        name="expired-certificate",
        description="encrypts with a certificate that ended yesterday",
        script=script(GRT, EHS, STARTTLS, Tls(Kind.EXPIRED), QUI_TLS),
        module=SUBMISSION,
    ),
    DemoServer(
        name="other-name",
        description="encrypts with a certificate for another name",
        script=script(Tls(Kind.OTHER_NAME), GRT, QUI_TLS),
        module=SUBMISSIONS,
    ),
    DemoServer(
        name="plain-on-tls-port",
        description="greets in the clear where TLS is expected",
        script=script(GRT, HOLD),
        module=SUBMISSIONS,
    ),
    DemoServer(
        name=str(Reason.REFUSED),
        description="a port that nobody listens on",
        script=None,
    ),
)


@asynccontextmanager
async def demo_servers() -> AsyncIterator[tuple[Target, ...]]:
    """Run every server of the table, and give the targets that name them."""
    async with AsyncExitStack() as stack:
        ca_file = stack.enter_context(memory_file(authority()))
        yield tuple([await _open(server, ca_file, stack) for server in DEMO])


async def _open(server: DemoServer, ca_file: str, stack: AsyncExitStack) -> Target:
    if server.script is None:
        port = stack.enter_context(closed_port())
    else:
        port = (await stack.enter_async_context(ScriptedServer(server.script))).port
    return Target(
        name=server.name,
        host=LOOPBACK,
        port=port,
        module=_trusting(server.module, ca_file),
        interval=INTERVAL,
    )


def _trusting(module: Module, ca_file: str) -> Module:
    return module if module.tls is TlsMode.NONE else replace(module, ca_file=ca_file)
