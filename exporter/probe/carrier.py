"""Carries a dialogue over a connection: lines out, replies in, each phase timed.

It judges nothing. Every wait has a limit that was fixed when its phase began, so a
server that drips octets cannot stretch it.
"""

import asyncio
from contextlib import suppress

import structlog

from exporter.outcome import CLOSING
from exporter.probe import clock
from exporter.probe.authenticate import Authentication
from exporter.probe.clock import Tick
from exporter.probe.connection import Connection
from exporter.probe.limit import Limit
from exporter.probe.timeline import KEPT_OCTETS, Span, Timeline
from exporter.smtp.command import QUIT
from exporter.smtp.dialogue import READY, Dialogue
from exporter.smtp.exchange import Findings, Heard, Interrupted, Step
from exporter.smtp.goodbye import TcpEnd
from exporter.smtp.reply import Reply, ReplyError, ReplyReader
from exporter.targets import Timeouts
from exporter.vocabulary import Phase, Quirk, Reason

_log = structlog.get_logger(__name__)

_GONE = frozenset({Reason.EOF, Reason.RESET})
_END_IN_WORDS = {
    TcpEnd.FIN: "the server closed the connection",
    TcpEnd.RESET: "the server reset the connection",
    TcpEnd.OPEN: "the server left the connection open",
}


class Carrier:
    """One session: the connection, its limits, and the timeline it is told to."""

    def __init__(
        self,
        connection: Connection,
        timeouts: Timeouts,
        deadline: Limit,
        timeline: Timeline,
        authentication: Authentication | None = None,
    ) -> None:
        """Carry over this connection; it is closed by whoever opened it.

        Without an `authentication` there is no TLS.
        """
        self._connection = connection
        self._authentication = authentication
        self._open_since = connection.established
        self._timeouts = timeouts
        self._deadline = deadline
        self._timeline = timeline
        self._limits: dict[Phase, Limit] = {}
        self._greeted = False
        self._in_handshake = False

    async def carry(self, dialogue: Dialogue) -> Findings:
        """Walk the dialogue to its end and give its findings."""
        try:
            step = next(dialogue)
            while True:
                try:
                    heard = await self._take(step)
                except Interrupted as interrupted:
                    if interrupted.reason is Reason.INTERNAL_ERROR:
                        _log.error("probe crashed", exc_info=interrupted)
                    self._timeline.note(_in_words(interrupted))
                    step = dialogue.throw(interrupted)
                else:
                    step = dialogue.send(heard)
        except StopIteration as stop:
            findings: Findings = stop.value
            return findings
        except asyncio.CancelledError:  # we stop: no reason to hang up on the server
            self.leave()
            raise

    async def goodbye(self, findings: Findings) -> TcpEnd | None:
        """See the session out: to the end of TCP after a 221, with a QUIT otherwise.

        Without an exchange of QUIT, one is still written when the server has greeted:
        it keeps "lost connection" out of the server's log, and nothing waits for its
        answer (SMTP.md 0.3). Gives None unless 221 answered QUIT.
        """
        if findings.quit_code == CLOSING:
            return await self._await_close(findings)
        if findings.left_by not in _GONE:
            self.leave()
        return None

    def leave(self) -> None:
        """Write a QUIT without waiting, if there was a greeting and no QUIT yet.

        Not where the server awaits a handshake or is in one: there it is no command.
        """
        quit_due = self._greeted and not self._timeline.quit_sent
        if quit_due and not self._in_handshake:
            with suppress(Interrupted):
                self._timeline.sent(QUIT, self._connection.send(QUIT))

    async def _await_close(self, findings: Findings) -> TcpEnd:
        with self._timeline.phase(Phase.CLOSE) as span:
            span.start = self._timeline.last
            limit = Limit.after(self._timeouts.close, self._deadline)
            end, trailing = await self._connection.drain(limit)
            if end is not TcpEnd.OPEN:
                span.complete(clock.now())
            self._timeline.note(_END_IN_WORDS[end])
        if trailing:
            findings.quirks.add(Quirk.TRAILING_DATA)
        if end is TcpEnd.FIN and self._connection.close_notify is False:
            findings.quirks.add(Quirk.TLS_NO_CLOSE_NOTIFY)
        return end

    async def _take(self, step: Step) -> Heard:
        with self._timeline.phase(step.phase) as span:
            if step.idle is not None:
                return await self._idle(step.idle, span)
            limit = self._limit_of(step.phase)
            if step.encrypt:
                return await self._encrypt(limit, span)
            if step.phase is Phase.EHLO_TLS:  # who has just shaken hands owes nothing
                surplus = self._more_said(span.start)
                if surplus:
                    return Heard(None, surplus)
            if step.line is None:
                span.start = self._open_since
            else:
                span.start = self._connection.send(step.line)
                self._timeline.sent(step.shown or step.line, span.start)
                self._timeline.quit_sent |= step.phase is Phase.QUIT
            heard = await self._reply(limit, span, greeting=step.line is None)
        granted = heard.reply is not None and heard.reply.code in READY
        self._in_handshake = step.phase is Phase.STARTTLS and granted
        return heard

    async def _encrypt(self, limit: Limit, span: Span) -> Heard:
        """Shake hands, and have it judged with whom."""
        if self._authentication is None:
            raise TypeError("a step that encrypts needs an authentication")
        tls = self._authentication.begin()
        self._in_handshake = True
        span.start, end = await self._connection.encrypt(tls, limit)
        self._in_handshake = False
        self._open_since = end
        span.complete(end)
        return Heard(None, refused=self._authentication.judge(tls.agreed, end))

    def _limit_of(self, phase: Phase) -> Limit:
        """Give a phase its limit when it begins; entered again, it keeps that."""
        if phase not in self._limits:
            seconds = self._timeouts.of(phase)
            self._limits[phase] = Limit.after(seconds, self._deadline)
        return self._limits[phase]

    async def _reply(self, limit: Limit, span: Span, *, greeting: bool) -> Heard:
        """Await one complete reply, and take what came behind it."""
        reader, raw, at = ReplyReader(), bytearray(), span.start
        try:
            reply: Reply | None = None
            while reply is None:
                octets, at = await self._connection.receive(limit)
                if greeting and not raw:
                    self._timeline.first_byte = clock.elapsed(span.start, at)
                raw += octets[: KEPT_OCTETS - len(raw)]
                reader.feed(octets)
                reply = reader.next()
        except ReplyError as error:
            raise Interrupted(error.reason) from error
        finally:
            self._timeline.heard(bytes(raw), at)
        surplus = reader.rest + self._more_said(at)
        span.complete(self._connection.arrived(at), reply)
        self._greeted = True
        return Heard(reply, surplus)

    async def _idle(self, seconds: float, span: Span) -> Heard:
        """Sit silent; what is said meanwhile is read to the end of one reply."""
        limit = Limit.after(seconds, self._deadline)
        reader, raw, at = ReplyReader(), bytearray(), span.start
        try:
            while reader.next() is None:
                octets, at = await self._connection.receive(limit)
                raw += octets
                reader.feed(octets)
        except ReplyError:
            pass  # surplus octets are judged by the dialogue, whatever they are
        except Interrupted as interrupted:
            if interrupted.reason is Reason.TIMEOUT and not interrupted.__cause__:
                span.complete(clock.now())
            elif not raw:
                raise
        finally:
            self._timeline.heard(bytes(raw[:KEPT_OCTETS]), at)
        return Heard(None, raw)

    def _more_said(self, at: Tick) -> bytes:
        octets = self._connection.surplus()
        self._timeline.heard(octets, at)
        return octets


def _in_words(interrupted: Interrupted) -> str:
    meaning = interrupted.reason.meaning
    return f"{meaning}: {interrupted.detail}" if interrupted.detail else meaning
