"""THE table: what a scripted server does, and what one probe of it must report.

Holds one row for each case of SMTP.md section 6 that plain TCP can play (same ids),
and rows `X..` for rules of its sections 0 and 4 that no case describes. Refuses logic:
a row is data. Only the variants that a rule gives for whole classes of rows are made
by functions, at the end: `-strict` for `y*` rows, `-observe` for every bad goodbye.

A row reads: id, note, module, script, how it ends. The end is one line of words as in
SMTP.md, `CODE CLOSE [PHASE REASON]`: the greeting's code (0: no complete greeting), the
close class (`a/b`: either), and what failed. Without one it is `220 clean`: success.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import Enum, auto
from ipaddress import IPv4Address, IPv6Address

from exporter.demo.script import (
    BYE,
    CLOSE,
    EHL,
    EHLO,
    FIN,
    GRT,
    HELO,
    HOLD,
    QUI,
    QUIT,
    RST,
    Answer,
    Dribble,
    Finish,
    Flood,
    Repeat,
    Script,
    Silence,
    Step,
    script,
)
from exporter.outcome import Failure
from exporter.targets import Module, Timeouts
from exporter.vocabulary import Close, Phase, Quirk, QuitPolicy, Reason, Unsolicited


class Port(Enum):
    """What is behind the target's port."""

    OPEN = auto()
    CLOSED = auto()
    FILTERED = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One row: a script, the module that probes it, and every expected column."""

    id: str
    note: str
    module: Module
    script: Script
    failure: Failure | None  # None: success
    closes: frozenset[Close]  # any of these is accepted
    greeting_code: int  # 0: no complete greeting
    quirks: frozenset[Quirk]
    unsolicited: tuple[Unsolicited, ...]
    strict_fails: bool  # the `y*` of SMTP.md: success, but not under strict
    host: str
    port: Port
    at_least: tuple[Phase, float] | None  # fewest seconds that a phase takes
    within: float | None  # most seconds of the outcome's duration
    first_byte_within: float | None

    @property
    def ok(self) -> bool:
        """Whether the probe succeeds."""
        return self.failure is None

    @property
    def greeting_present(self) -> bool:
        """Whether one complete greeting is read before anything is written (J34)."""
        return self.greeting_code != 0

    @property
    def quit_221(self) -> frozenset[bool]:
        """Whether a 221 answers QUIT; both where both kinds of close are accepted."""
        return frozenset(close in _AFTER_221 for close in self.closes)


_AFTER_221 = frozenset({Close.CLEAN, Close.RESET_AFTER_221, Close.OPEN_AFTER_221})

# The modes of SMTP.md section 5, with the limits of its rule 5.
LIMITS = Timeouts(
    dns=2.0, connect=2.0, tls=2.0, greeting=2.0, command=2.0, quit=2.0, close=2.0
)
G = Module(name="g", ehlo=False, timeout=12.0, timeouts=LIMITS)
H = replace(G, name="h", hold=1.5)
E = replace(G, name="e", ehlo=True)


def _limits(module: Module, deadline: float = 12.0, **limits: float) -> Module:
    return replace(module, timeout=deadline, timeouts=replace(LIMITS, **limits))


def _strict(module: Module) -> Module:
    return replace(module, quit=QuitPolicy.STRICT)


def _observe(module: Module) -> Module:
    return replace(module, quit=QuitPolicy.OBSERVE)


def _row(  # noqa: PLR0913 -- the columns of the table
    id: str,  # noqa: A002 -- the column's name
    note: str,
    module: Module,
    parts: tuple[Step | bytes | Script, ...],
    end: str = "220 clean",
    *,
    quirks: str = "",
    unsolicited: str = "",
    strict_fails: bool = False,
    host: str = "127.0.0.1",
    port: Port = Port.OPEN,
    at_least: tuple[str, float] | None = None,
    within: float | None = None,
    first_byte_within: float | None = None,
) -> Scenario:
    code, closes, *failure = end.split()
    return Scenario(
        id=id,
        note=note,
        module=module,
        script=script(*parts),
        failure=_failure(*failure) if failure else None,
        closes=frozenset(_CLOSES[close] for close in closes.split("/")),
        greeting_code=int(code),
        quirks=frozenset(_QUIRKS[quirk] for quirk in quirks.split()),
        unsolicited=tuple(_UNSOLICITED[what] for what in unsolicited.split()),
        strict_fails=strict_fails,
        host=host,
        port=port,
        at_least=at_least and (_PHASES[at_least[0]], at_least[1]),
        within=within,
        first_byte_within=first_byte_within,
    )


_PHASES = {phase.value: phase for phase in Phase}
_REASONS = {reason.value: reason for reason in Reason}
_CLOSES = {close.value: close for close in Close}
_QUIRKS = {quirk.value: quirk for quirk in Quirk}
_UNSOLICITED = {what.value: what for what in Unsolicited}


def _failure(phase: str, reason: str) -> Failure:
    return Failure(_PHASES[phase], _REASONS[reason])


def _greets(
    id: str,  # noqa: A002 -- the column's name
    note: str,
    greeting: bytes,
    quirks: str = "",
) -> Scenario:
    """Make a row in which the greeting is accepted, with these quirks."""
    return _row(id, note, G, (greeting, QUI), quirks=quirks)


_LONG_GREETING = b"220 mx.test " + b"A" * 498 + b"\r\n"  # 512 octets
_MANY_KEYWORDS = b"".join(b"250-X%d\r\n" % n for n in range(300))
_FULL_LINE = b"250-" + b"A" * 494 + b"\r\n"  # 500 octets
_CHARGEN = bytes(range(0x20, 0x69)) + b"\r\n" + bytes(range(0x21, 0x6A)) + b"\r\n"
_TLS_ALERT = b"\x15\x03\x01\x00\x02\x02\x0a"  # fatal, unexpected_message

_FQDN = re.compile(rb"(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,}\Z")


def _strict_about_names(line: bytes) -> bytes:
    """Answer EHLO as Exim and OpenSMTPD do to arguments that the grammar forbids."""
    argument = line.partition(b" ")[2]
    if _FQDN.match(argument) or _is_literal(argument.decode("latin-1")):
        return b"250 mx.test\r\n"
    return b"501 Syntactically invalid EHLO argument(s)\r\n"


def _is_literal(argument: str) -> bool:
    if not (argument.startswith("[") and argument.endswith("]")):
        return False
    inner = argument[1:-1]
    try:
        if inner.startswith("IPv6:"):
            IPv6Address(inner.removeprefix("IPv6:"))
        else:
            IPv4Address(inner)
    except ValueError:
        return False
    return True


# A table is read by rows: one call each, not one argument to a line.
# fmt: off

BASELINE = (
    _row("B01", "the happy path", G, (GRT, QUI)),
    _row("B02", "the happy path with EHLO", E, (GRT, EHL, QUI)),
    _greets("B06", "multi-line greeting",
        b"220-mx.test one\r\n220-two\r\n220 three\r\n"),
    _row("B09", "Exim waits for our FIN; the client must not close first", G,
        (GRT, QUIT, BYE, Silence(0.2), FIN)),
    _row("B11", "postscreen's teaser; the first octet and the greeting are apart", G,
        (b"220-mx.test ESMTP\r\n", Silence(1.2), b"220 mx.test ESMTP\r\n", QUI),
        at_least=("greeting", 1.15), first_byte_within=0.6),
    _greets("B13", "PIX and ASA mask the banner", b"220 ************************\r\n",
        "greeting_no_domain"),
)

GREETING = (
    _row("G01", "late, in time", G, (Silence(1.2), GRT, QUI),
        at_least=("greeting", 1.15)),
    _row("G02", "too late; not an octet may be written before", G,
        (Silence(3.5, may_leave=True), GRT, QUI), "0 aborted greeting timeout",
        at_least=("greeting", 1.95), within=2.5),
    _row("G04", "dribble, in time", G, (Dribble(b"220 mx.test ready\r\n", 0.02), QUI)),
    _row("G06", "CRLF in two segments", G,
        (b"220 mx.test\r", Silence(0.3), b"\n", QUI)),
    _row("G08", "never terminated", G, (b"220-mx.test\r\n", HOLD),
        "0 aborted greeting timeout"),
    _row("G09", "a teaser without end; each line is in time, the greeting is not", G,
        (Repeat(b"220-x\r\n", 0.2),), "0 aborted greeting timeout", within=2.5),
    _row("G12", "accept, then close", G, (Silence(0.1), FIN),
        "0 fin_without_221 greeting eof"),
    _row("G13", "accept, then reset", G, (Silence(0.1), RST),
        "0 reset_without_221 greeting reset"),
    _row("G14", "silent; the deadline is shorter than the greeting's limit",
        _limits(G, deadline=2.0, greeting=10.0), (HOLD,), "0 aborted greeting deadline",
        within=2.5),
    _row("G15", "the client must stay silent", _limits(G, greeting=4.0),
        (Silence(1.5), GRT, QUI)),
    _row("G17", "greets and closes", E, (GRT, Finish(frozenset({b"EHLO", b"QUIT"}))),
        "220 fin_without_221 ehlo eof"),
    _row("G19", "conformant 554", G, (b"554 mx.test No SMTP service here\r\n", QUI),
        "554 clean greeting rejected"),
    _row("G20", "no EHLO after a refusal", E, (b"554 mx.test go away\r\n", QUI),
        "554 clean greeting rejected"),
    _row("G21", "554 and close", G, (b"554 mx.test\r\n", FIN),
        "554 fin_without_221 greeting rejected"),
    _row("G23", "421 and close", G, (b"421 4.3.2 All server ports are busy\r\n", FIN),
        "421 code_421 greeting unavailable"),
    _row("G24", "421, and QUIT is answered (Exim)", G, (b"421 mx.test busy\r\n", QUI),
        "421 clean greeting unavailable"),
    _row("G26", "450", G, (b"450 4.3.2 try later\r\n", QUI),
        "450 clean greeting deferred"),
    _row("G28", "NNTP", G, (b"200 news ready\r\n", QUI),
        "200 clean greeting unexpected_code"),
    _row("G30", "221 as greeting", G, (b"221 2.0.0 mx.test closing\r\n", FIN),
        "221 unsolicited_221 greeting unsolicited_221", unsolicited="221"),
    _row("G32", "greets after the deadline", _limits(G, deadline=1.0),
        (Silence(1.6, may_leave=True), GRT, QUI), "0 aborted greeting deadline",
        within=1.5),
)

PARSER = (
    _greets("P01", "bare LF", b"220 mx.test ESMTP\n", "bare_lf"),
    _row("P02", "bare CR is no line end", G, (b"220 mx.test ESMTP\r", HOLD),
        "0 aborted greeting timeout"),
    _row("P06", "mixed codes", G, (b"220-a\r\n250 b\r\n", HOLD),
        "0 aborted greeting protocol_error", within=1.0),
    _row("P07", "421 inside a 220 is a mixed code too (J9)", G,
        (b"220-a\r\n421 b\r\n", FIN), "0 aborted greeting protocol_error", within=1.0),
    _greets("P09", "NUL", b"220 mx\x00.test\r\n", "control_chars greeting_no_domain"),
    _greets("P10", "Latin-1", b"220 mx.test caf\xe9\r\n", "eight_bit"),
    _greets("P11", "UTF-8", b"220 mx.test \xd0\x97\xd0\xb4\r\n", "eight_bit"),
    _greets("P13", "a line of exactly 512 octets", _LONG_GREETING),
    _row("P16", "a line without end; told before the timeout", G,
        (b"220 " + b"A" * 256 * 1024, HOLD), "0 aborted greeting reply_too_long",
        within=1.5),
    _row("P17", "a flood of lines", G, (Flood(b"220-x\r\n"), HOLD),
        "0 aborted greeting reply_too_long", within=1.5),
    _greets("P18", "the code alone", b"220\r\n", "no_text"),
    _greets("P19", "the code and a space", b"220 \r\n", "no_text"),
    _row("P22", "an empty line first", G, (b"\r\n220 mx.test\r\n", HOLD),
        "0 aborted greeting protocol_error", within=1.0),
    _row("P23", "a space first", G, (b" 220 mx.test\r\n", HOLD),
        "0 aborted greeting protocol_error", within=1.0),
    _row("P26", "two digits", G, (b"22\r\n", HOLD), "0 aborted greeting protocol_error",
        within=1.0),
    _row("P28", "int() takes it for 22", G, (b"+22 mx.test\r\n", HOLD),
        "0 aborted greeting protocol_error", within=1.0),
    _row("P33", "6yz", G, (b"620 mx.test\r\n", HOLD),
        "0 aborted greeting protocol_error", within=1.0),
    _row("P35", "a continuation without code", G, (b"220-a\r\nb\r\n220 c\r\n", HOLD),
        "0 aborted greeting protocol_error", within=1.0),
    _greets("P37", "the text looks like a code", b"220 250-fake\r\n"),
    _greets("P39", "escapes, quotes and braces", b'220 \x1b[31m"\\{}\x0b\r\n',
        "control_chars greeting_no_domain"),
)

SURPLUS = (
    _row("U01", "the forged answer to QUIT", G, (b"220 mx.test\r\n221 bye\r\n", FIN),
        "220 unsolicited_221 greeting unsolicited_221", unsolicited="221"),
    _row("U03", "double banner", G, (b"220 a\r\n220 b\r\n", HOLD),
        "220 aborted greeting unsolicited_reply", unsolicited="other"),
    _row("U06", "two answers to EHLO", E,
        (GRT, EHLO, b"250 mx.test\r\n250 extra\r\n", HOLD),
        "220 aborted ehlo unsolicited_reply", unsolicited="other"),
    _row("U08", "221 in answer to EHLO", E, (GRT, EHLO, b"221 2.0.0 closing\r\n", FIN),
        "220 unsolicited_221 ehlo unsolicited_221", unsolicited="221"),
    _row("U09", "421 in answer to EHLO, and no HELO after it", E,
        (GRT, EHLO, b"421 4.3.2 shutting down\r\n", FIN),
        "220 code_421 ehlo unavailable"),
    _row("U10", "Stalwart's idle timeout", H,
        (GRT, Silence(0.5), b"221 2.0.0 mx.test Disconnecting inactive client.\r\n",
         FIN),
        "220 unsolicited_221 hold unsolicited_221", unsolicited="221"),
    _row("U11", "Postfix's idle timeout", H,
        (GRT, Silence(0.5), b"421 4.4.2 mx.test Error: timeout exceeded\r\n", FIN),
        "220 code_421 hold unavailable", unsolicited="421"),
    _row("U14", "qmail's and Gmail's idle timeout", H,
        (GRT, Silence(0.5), b"451 timeout (#4.4.2)\r\n", FIN),
        "220 aborted hold unsolicited_reply", unsolicited="other"),
    _row("U15", "silent through the hold", H, (GRT, Silence(1.2), QUI),
        at_least=("hold", 1.45)),
    _row("U17", "221 twice", G, (GRT, QUIT, b"221 bye\r\n221 bye\r\n", FIN),
        quirks="trailing_data"),
)

EHLO_REPLIES = (
    _row("E01", "knows HELO only", E,
        (GRT, EHLO, b"500 5.5.1 what\r\n", HELO, b"250 mx.test\r\n", QUI),
        quirks="ehlo_fallback"),
    _row("E03", "refuses both; QUIT is still exchanged", E,
        (GRT, EHLO, b"550 no\r\n", HELO, b"550 no\r\n", QUI), "220 clean ehlo rejected",
        quirks="ehlo_fallback"),
    _row("E04", "no HELO after a 4yz", E, (GRT, EHLO, b"451 later\r\n", QUI),
        "220 clean ehlo deferred"),
    _row("E05", "closes at EHLO", E, (GRT, EHLO, FIN), "220 fin_without_221 ehlo eof"),
    _row("E07", "never answers EHLO", E, (GRT, EHLO, HOLD), "220 aborted ehlo timeout"),
    _row("E09", "300 keywords: large but sane", E,
        (GRT, EHLO, b"250-mx.test\r\n" + _MANY_KEYWORDS + b"250 END\r\n", QUI)),
    _row("E11", "no extensions", E, (GRT, EHLO, b"250 mx.test\r\n", QUI)),
    _row("E12", "mixed codes", E, (GRT, EHLO, b"250-mx.test\r\n550 no\r\n", HOLD),
        "220 aborted ehlo protocol_error"),
    _row("E20", "takes an FQDN or a valid literal only", E,
        (GRT, EHLO, Answer(_strict_about_names), QUI)),
    _row("E20-v6", "takes an FQDN or a valid literal only, over ::1", E,
        (GRT, EHLO, Answer(_strict_about_names), QUI), host="::1"),
    _row("E22", "line by line", E,
        (GRT, EHLO, b"250-mx.test\r\n", Silence(0.2), b"250-PIPELINING\r\n",
         Silence(0.2), b"250-SIZE 1000\r\n", Silence(0.2), b"250-DSN\r\n",
         Silence(0.2), b"250 8BITMIME\r\n", QUI),
        at_least=("ehlo", 0.75)),
    _row("E24", "LMTP on an SMTP probe", E,
        (b"220 mx LMTP\r\n", EHLO, b"500 5.5.1 LHLO expected\r\n",
         HELO, b"500 5.5.1 LHLO expected\r\n", QUI),
        "220 clean ehlo rejected", quirks="ehlo_fallback"),
    _row("E29", "late, in time", E, (GRT, EHLO, Silence(1.2), b"250 mx.test\r\n", QUI),
        at_least=("ehlo", 1.15)),
)

GOODBYE = (
    _row("Q01", "221, then a reset", G, (GRT, QUIT, BYE, Silence(0.05), RST),
        "220 reset_after_221", strict_fails=True),
    _row("Q03", "221, and TCP stays open; the client ends it", G,
        (GRT, QUIT, BYE, HOLD), "220 open_after_221", strict_fails=True,
        at_least=("close", 1.95), within=1.0),
    _row("Q04", "closes late, in time; that is no latency", G,
        (GRT, QUIT, BYE, Silence(1.2), FIN), at_least=("close", 1.15), within=1.0),
    _row("Q06", "closes at QUIT", G, (GRT, QUIT, FIN), "220 fin_without_221 quit eof"),
    _row("Q08", "QUIT ignored", G, (GRT, QUIT, HOLD), "220 timeout quit timeout",
        within=2.5),
    _row("Q09", "QUIT ignored; the deadline is shorter than its limit",
        _limits(G, deadline=1.0, quit=5.0), (GRT, QUIT, HOLD),
        "220 timeout quit deadline", within=1.5),
    _row("Q10", "421 in place of 221", G, (GRT, QUIT, b"421 4.3.0 closing\r\n", FIN),
        "220 code_421 quit unavailable"),
    _row("Q12", "500 in place of 221", G, (GRT, QUIT, b"500 what\r\n", FIN),
        "220 other_code quit rejected"),
    _row("Q15", "multi-line 221", G, (GRT, QUIT, b"221-bye\r\n221 now\r\n", FIN)),
    _row("Q16", "221 alone", G, (GRT, QUIT, b"221\r\n", FIN), quirks="no_text"),
    _row("Q17", "half a 221 is none", G, (GRT, QUIT, b"221-bye\r\n", HOLD),
        "220 timeout quit timeout"),
    _row("Q20", "221 with bare LF", G, (GRT, QUIT, b"221 bye\n", FIN),
        quirks="bare_lf"),
    _row("Q22", "a goodbye without code", G, (GRT, QUIT, b"bye\r\n", FIN),
        "220 malformed quit protocol_error"),
    _row("Q23", "a flood in answer to QUIT", G, (GRT, QUIT, Flood(b"221-x\r\n"), HOLD),
        "220 malformed quit reply_too_long", within=1.5),
    _row("Q28", "the lenient policy takes a close without 221", _observe(G),
        (GRT, QUIT, FIN), "220 fin_without_221"),
    _row("Q29", "the strict policy does not take an open connection", _strict(G),
        (GRT, QUIT, BYE, HOLD), "220 open_after_221 close close_policy"),
    _row("Q30", "the strict policy does not take a reset", _strict(G),
        (GRT, QUIT, BYE, RST), "220 reset_after_221 close close_policy"),
)

ADDRESSES = (
    _row("N01", "closed port", G, (), "0 none connect refused", port=Port.CLOSED,
        within=1.0),
    _row("N02", "filtered port: our limit counts, not the kernel's 127 s", G, (),
        "0 none connect timeout", port=Port.FILTERED, at_least=("connect", 1.95),
        within=2.5),
    _row("N17", "a literal asks no resolver", G, (GRT, QUI)),
    _row("N18", "over IPv6", G, (GRT, QUI), host="::1"),
    _row("N23", "a listener that expects a PROXY header", G,
        (Silence(1.0), b"421 4.3.0 mx.test Server local error\r\n", FIN),
        "421 code_421 greeting unavailable"),
)

OTHER_SERVICES = (
    _row("W01", "an HTTP server waits for us", G, (HOLD,),
        "0 aborted greeting timeout"),
    _row("W02", "HTTP speaks first", G, (b"HTTP/1.1 400 Bad Request\r\n\r\n", FIN),
        "0 aborted greeting protocol_error", within=1.0),
    _row("W03", "SSH", G, (b"SSH-2.0-OpenSSH_9.6\r\n", HOLD),
        "0 aborted greeting protocol_error", within=1.0),
    _row("W04", "IMAP", G, (b"* OK IMAP4rev1 ready\r\n", HOLD),
        "0 aborted greeting protocol_error", within=1.0),
    _row("W06", "FTP is not told from SMTP without EHLO", G,
        (b"220 ProFTPD Server\r\n", QUIT, b"221 Goodbye.\r\n", FIN)),
    _row("W07", "FTP is told from SMTP by EHLO", E,
        (b"220 ProFTPD Server\r\n", EHLO, b"500 EHLO not understood\r\n",
         HELO, b"500 HELO not understood\r\n", QUIT, b"221 Goodbye.\r\n", FIN),
        "220 clean ehlo rejected", quirks="ehlo_fallback"),
    _row("W10", "chargen", G, (Flood(_CHARGEN), HOLD),
        "0 aborted greeting protocol_error", within=1.0),
)

# Rows of our own, for rules that no case of SMTP.md section 6 describes.
MORE_GREETINGS = (
    _row("X01",
        "a 421 behind the greeting; the stream is in step, so QUIT is exchanged (J16)",
        E, (b"220 mx.test\r\n421 4.3.2 shutting down\r\n", QUI),
        "220 clean greeting unavailable", unsolicited="421"),
    _row("X02", "a 421 behind the greeting, and close", E,
        (b"220 mx.test\r\n421 4.3.2 shutting down\r\n", FIN),
        "220 code_421 greeting unavailable", unsolicited="421"),
    _row("X03", "a part of a line behind the greeting (0.2)", E,
        (b"220 mx.test\r\n22", HOLD), "220 aborted greeting unsolicited_reply",
        unsolicited="other"),
    _row("X04", "250 is no greeting (J7)", E, (b"250 mx.test\r\n", QUI),
        "250 clean greeting unexpected_code"),
    _row("X05", "a 2yz with a second digit that the ABNF does not know (J11)", E,
        (b"299 mx.test\r\n", QUI), "299 clean greeting unexpected_code"),
    _row("X06", "a 5yz with a second digit that the ABNF does not know (J11)", E,
        (b"571 mx.test\r\n", QUI), "571 clean greeting rejected"),
    _row("X07", "a 3yz is valid, and no greeting", E, (b"354 go ahead\r\n", QUI),
        "354 clean greeting unexpected_code"),
    _row("X08", "multi-line 221 as greeting", E,
        (b"221-mx.test\r\n221 closing\r\n", FIN),
        "221 unsolicited_221 greeting unsolicited_221", unsolicited="221"),
    _row("X09", "closes in the middle of a multi-line greeting", G,
        (b"220-mx.test\r\n", Silence(0.1), FIN), "0 fin_without_221 greeting eof"),
    _row("X10", "resets in the middle of a multi-line greeting", G,
        (b"220-mx.test\r\n", Silence(0.1), RST), "0 reset_without_221 greeting reset"),
    _row("X11", "closes in the middle of a line", G, (b"220 mx.te", FIN),
        "0 fin_without_221 greeting eof"),
    _row("X12", "a dribble that is too slow, though each octet is in time", G,
        (Dribble(b"220 mx.test ready\r\n", 0.2), HOLD), "0 aborted greeting timeout",
        within=2.5),
    _row("X13", "a leading zero", G, (b"020 mx.test\r\n", HOLD),
        "0 aborted greeting protocol_error", within=1.0),
    _row("X14", "four digits", G, (b"2200 mx.test\r\n", HOLD),
        "0 aborted greeting protocol_error", within=1.0),
    _row("X15", "a tab behind the code (J14)", G, (b"220\tmx.test\r\n", HOLD),
        "0 aborted greeting protocol_error", within=1.0),
    _row("X16",
        "a second octet that no code has is enough; no line end is awaited (J14)", G,
        (b"2x", HOLD), "0 aborted greeting protocol_error", within=1.0),
    _row("X17", "TLS in the clear", G, (_TLS_ALERT, HOLD),
        "0 aborted greeting protocol_error", within=1.0),
    _row("X18", "1yz is not part of SMTP", G, (b"120 soon\r\n", HOLD),
        "0 aborted greeting protocol_error", within=1.0),
    _row("X19", "a line of 32 KB, less than a whole reply may have (J13)", G,
        (b"220 " + b"A" * 32 * 1024, HOLD), "0 aborted greeting reply_too_long",
        within=1.5),
    _greets("X20", "a CR inside a line", b"220 mx.test a\rb\r\n", "bare_cr"),
    _greets("X21", "a line of 600 octets", b"220 mx.test " + b"A" * 586 + b"\r\n",
        "long_line"),
    _greets("X28", "a line as long as AUTH may need (J13)",
        b"220 mx.test " + b"A" * 12288 + b"\r\n", "long_line"),
    _greets("X22", "a tab in the text is grammatical", b"220 mx.test a\tb\r\n"),
    _greets("X23", "DEL", b"220 mx.test \x7f\r\n", "control_chars"),
    _greets("X24", "an IPv4 literal as host", b"220 [192.0.2.1] ESMTP\r\n"),
    _greets("X25", "an IPv6 literal as host", b"220 [IPv6:2001:db8::1] ESMTP\r\n"),
    _greets("X26", "an underscore is in no domain", b"220 mx_1.test ESMTP\r\n",
        "greeting_no_domain"),
    _greets("X27", "several quirks in one line", b"220 -- caf\xe9 \x07\n",
        "bare_lf control_chars eight_bit greeting_no_domain"),
)

MORE_HOLDS = (
    _row("X30", "closes an idle connection without a word (OpenSMTPD)", H,
        (GRT, Silence(0.5), FIN), "220 fin_without_221 hold eof"),
    _row("X31", "resets an idle connection", H, (GRT, Silence(0.5), RST),
        "220 reset_without_221 hold reset"),
    _row("X32", "a part of a line during the hold", H, (GRT, Silence(0.5), b"42", HOLD),
        "220 aborted hold unsolicited_reply", unsolicited="other"),
    _row("X33", "421 during the hold, and QUIT is answered", H,
        (GRT, Silence(0.5), b"421 4.4.2 mx.test idle\r\n", QUI),
        "220 clean hold unavailable", unsolicited="421"),
    _row("X34", "a 421 in two segments during the hold is still a 421", H,
        (GRT, Silence(0.3), b"42", Silence(0.2), b"1 mx.test idle\r\n", QUI),
        "220 clean hold unavailable", unsolicited="421"),
    _row("X35", "the deadline ends a hold", _limits(H, deadline=0.9), (GRT, HOLD),
        "220 aborted hold deadline", within=1.4),
)

MORE_EHLO_REPLIES = (
    _row("X40", "421 in answer to EHLO, and QUIT is answered", E,
        (GRT, EHLO, b"421 4.3.2 mx.test later\r\n", QUI), "220 clean ehlo unavailable"),
    _row("X41", "multi-line 421 in answer to EHLO", E,
        (GRT, EHLO, b"421-mx.test\r\n421 closing\r\n", FIN),
        "220 code_421 ehlo unavailable"),
    _row("X42", "421 in answer to HELO", E,
        (GRT, EHLO, b"500 what\r\n", HELO, b"421 mx.test later\r\n", FIN),
        "220 code_421 ehlo unavailable", quirks="ehlo_fallback"),
    _row("X43", "4yz in answer to HELO", E,
        (GRT, EHLO, b"500 what\r\n", HELO, b"451 mx.test later\r\n", QUI),
        "220 clean ehlo deferred", quirks="ehlo_fallback"),
    _row("X44", "221 in answer to HELO", E,
        (GRT, EHLO, b"500 what\r\n", HELO, b"221 mx.test bye\r\n", FIN),
        "220 unsolicited_221 ehlo unsolicited_221", quirks="ehlo_fallback",
        unsolicited="221"),
    _row("X45", "HELO is never answered", E, (GRT, EHLO, b"500 what\r\n", HELO, HOLD),
        "220 aborted ehlo timeout", quirks="ehlo_fallback", within=4.5),
    _row("X46", "closes at HELO", E, (GRT, EHLO, b"500 what\r\n", HELO, FIN),
        "220 fin_without_221 ehlo eof", quirks="ehlo_fallback"),
    _row("X47", "resets at EHLO", E, (GRT, EHLO, RST),
        "220 reset_without_221 ehlo reset"),
    _row("X48", "any 2yz but 221 answers EHLO (J7), and HELO is not sent", E,
        (GRT, EHLO, b"252 mx.test\r\n", QUI)),
    _row("X49", "3yz in answer to EHLO", E, (GRT, EHLO, b"354 mx.test\r\n", QUI),
        "220 clean ehlo unexpected_code"),
    _row("X50", "a megabyte without line end", E,
        (GRT, EHLO, b"250-" + b"A" * 1024 * 1024, HOLD),
        "220 aborted ehlo reply_too_long", within=1.5),
    _row("X51", "1100 short lines", E,
        (GRT, EHLO, b"250-x\r\n" * 1100 + b"250 x\r\n", HOLD),
        "220 aborted ehlo reply_too_long", within=1.5),
    _row("X52", "100 KB in lines of 500 octets", E,
        (GRT, EHLO, _FULL_LINE * 200 + b"250 x\r\n", HOLD),
        "220 aborted ehlo reply_too_long", within=1.5),
    _row("X53", "a reply without end; each line is in time, the reply is not", E,
        (GRT, EHLO, Repeat(b"250-x\r\n", 0.2)), "220 aborted ehlo timeout", within=2.5),
    _row("X54", "never answers EHLO; the deadline is shorter than its limit",
        _limits(E, deadline=1.0), (GRT, EHLO, HOLD), "220 aborted ehlo deadline",
        within=1.5),
    _row("X55", "221 behind the answer to EHLO", E,
        (GRT, EHLO, b"250 mx.test\r\n221 bye\r\n", FIN),
        "220 unsolicited_221 ehlo unsolicited_221", unsolicited="221"),
    _row("X56", "421 behind the answer to EHLO", E,
        (GRT, EHLO, b"250 mx.test\r\n421 mx.test going down\r\n", QUI),
        "220 clean ehlo unavailable", unsolicited="421"),
    _row("X57", "octets that are no reply behind the answer to EHLO", E,
        (GRT, EHLO, b"250 mx.test\r\nhello", HOLD),
        "220 aborted ehlo unsolicited_reply", unsolicited="other"),
    _row("X58", "bare LF, the code alone", E, (GRT, EHLO, b"250\n", QUI),
        quirks="bare_lf no_text"),
)

MORE_GOODBYES = (
    _row("X60", "221 in two segments", G,
        (GRT, QUIT, b"221 2.0", Silence(0.3), b".0 bye\r\n", FIN),
        at_least=("quit", 0.25)),
    _row("X61", "8 KB behind the 221", G, (GRT, QUIT, BYE + b"A" * 8192, FIN),
        quirks="trailing_data"),
    _row("X62", "a flood behind the 221, without end", G,
        (GRT, QUIT, BYE, Flood(b"A" * 1024), HOLD), "220 open_after_221",
        quirks="trailing_data", strict_fails=True, within=1.0),
    _row("X63", "250 in place of 221", G, (GRT, QUIT, b"250 ok\r\n", FIN),
        "220 other_code quit unexpected_code"),
    _row("X64", "451 in place of 221", G, (GRT, QUIT, b"451 later\r\n", FIN),
        "220 other_code quit deferred"),
    _row("X65",
        "421, then 250 in answer to QUIT: the first thing after QUIT decides (0.3)", G,
        (b"421 mx.test busy\r\n", QUIT, b"250 ok\r\n", FIN),
        "421 other_code greeting unavailable"),
    _row("X66", "421, and QUIT ignored", G, (b"421 mx.test busy\r\n", QUIT, HOLD),
        "421 code_421 greeting unavailable"),
    _row("X67", "421, and a reset at QUIT", G, (b"421 mx.test busy\r\n", QUIT, RST),
        "421 code_421 greeting unavailable"),
    _row("X68", "421, and no reply in answer to QUIT", G,
        (b"421 mx.test busy\r\n", QUIT, b"bye\r\n", FIN),
        "421 malformed greeting unavailable"),
    _row("X69", "554, and QUIT ignored", G, (b"554 mx.test no\r\n", QUIT, HOLD),
        "554 timeout greeting rejected"),
    _row("X70", "resets at QUIT", G, (GRT, QUIT, RST),
        "220 reset_without_221 quit reset"),
    _row("X71", "a plain close after 221 is a FIN too", G, (GRT, QUIT, BYE, CLOSE)),
    _row("X72", "221 late, in time", G, (GRT, QUIT, Silence(1.2), BYE, FIN),
        at_least=("quit", 1.15)),
    _row("X73", "a 221 that is too slow, though each octet is in time", G,
        (GRT, QUIT, Dribble(b"221 2.0.0 mx.test bye\r\n", 0.2), HOLD),
        "220 timeout quit timeout", within=2.5),
    _row("X74", "the deadline ends the wait for the close",
        _limits(G, deadline=1.0, close=5.0), (GRT, QUIT, BYE, HOLD),
        "220 open_after_221", strict_fails=True),
    _row("X75", "the answer to QUIT has quirks too", G,
        (GRT, QUIT, b"221 \xe2\x9c\x8b \x07\r\n", FIN),
        quirks="eight_bit control_chars"),
    _row("X76", "421, then 421 in answer to QUIT", G,
        (b"421 mx.test busy\r\n", QUIT, b"421 mx.test busy\r\n", FIN),
        "421 code_421 greeting unavailable"),
    _row("X77", "mixed codes in answer to QUIT", G,
        (GRT, QUIT, b"221-bye\r\n421 busy\r\n", FIN),
        "220 malformed quit protocol_error"),
)

POLICIES = (
    _row("X80", "the strict policy takes a clean close", _strict(G), (GRT, QUI)),
    _row("X81", "under the strict policy the first failure still wins (J19)",
        _strict(G), (GRT, QUIT, FIN), "220 fin_without_221 quit eof"),
    _row("X82", "a refusal stays one under the strict policy, whatever follows (J19)",
        _strict(G), (b"554 mx.test no\r\n", QUIT, BYE, HOLD),
        "554 open_after_221 greeting rejected"),
    _row("X83", "the lenient policy takes a reset after 221", _observe(G),
        (GRT, QUIT, BYE, Silence(0.05), RST), "220 reset_after_221"),
    _row("X84", "the lenient policy takes an open connection", _observe(G),
        (GRT, QUIT, BYE, HOLD), "220 open_after_221"),
    _row("X85", "the lenient policy forgives the goodbye only", _observe(G),
        (b"554 mx.test no\r\n", QUIT, FIN), "554 fin_without_221 greeting rejected"),
    _row("X86", "the lenient policy does not forgive a 221 that nobody asked for",
        _observe(E), (GRT, EHLO, b"221 2.0.0 closing\r\n", FIN),
        "220 unsolicited_221 ehlo unsolicited_221", unsolicited="221"),
)

# fmt: on


def _with_variants(rows: Iterable[Scenario]) -> Iterator[Scenario]:
    for row in rows:
        yield row
        if row.strict_fails:
            yield replace(
                row,
                id=f"{row.id}-strict",
                module=_strict(row.module),
                failure=Failure(Phase.CLOSE, Reason.CLOSE_POLICY),
                strict_fails=False,
            )
        if _is_bad_goodbye(row):
            yield replace(
                row, id=f"{row.id}-observe", module=_observe(row.module), failure=None
            )


def _is_bad_goodbye(row: Scenario) -> bool:
    return (
        row.failure is not None
        and row.failure.phase is Phase.QUIT
        and row.module.quit is QuitPolicy.REQUIRE
    )


SCENARIOS = tuple(
    _with_variants(
        (
            *BASELINE,
            *GREETING,
            *PARSER,
            *SURPLUS,
            *EHLO_REPLIES,
            *GOODBYE,
            *ADDRESSES,
            *OTHER_SERVICES,
            *MORE_GREETINGS,
            *MORE_HOLDS,
            *MORE_EHLO_REPLIES,
            *MORE_GOODBYES,
            *POLICIES,
        )
    )
)
