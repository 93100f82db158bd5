"""Octets to replies: RFC 5321 section 4.2, and where we are kinder than it.

Kinder, each with a quirk: bare LF ends a line (all senders in use accept it, SMTP.md
J8), the code may stand alone (4.2 asks clients to cope), text may hold any octet but
LF, lines may be longer than 512. Stricter than some senders: lines without a code and
mixed codes in one reply are errors (J9, J10), because senders disagree about them.

Codes are compared as octets. `int()` and `str.isdigit()` accept `+22`, ` 22` and
the digits of every other script.
"""

import re
from typing import NamedTuple

from exporter.vocabulary import Quirk, Reason

# RFC 4954 section 4 asks for 12288 octets of base64 in a line; the rest is room.
MAX_LINE_OCTETS = 16 * 1024
# An EHLO of 300 keywords is below 16 KiB; nothing real comes near these two.
MAX_REPLY_OCTETS = 64 * 1024
MAX_REPLY_LINES = 1024
# RFC 5321 section 4.5.3.1.5, CRLF included; more is only a quirk.
USUAL_LINE_OCTETS = 512

# The one reply whose text may be empty, behind its space (RFC 4954 section 4).
_CHALLENGE = 334

_START = re.compile(rb"[2-5][0-9][0-9](?:[ -]|\r?\n)")
_START_SO_FAR = re.compile(rb"(?:[2-5](?:[0-9](?:[0-9]\r?)?)?)?\Z")
_UNUSUAL_TEXT = re.compile(rb"[^\t\x20-\x7e]")
_QUIRKS_OF_TEXT = (
    (re.compile(rb"\r"), Quirk.BARE_CR),
    (re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"), Quirk.CONTROL_CHARS),
    (re.compile(rb"[\x80-\xff]"), Quirk.EIGHT_BIT),
)
# What nearly all replies are: nothing odd, and no bound in sight.
_USUAL = re.compile(rb"([2-5][0-9][0-9])(?:-[\t\x20-\x7e]*\r\n\1)* [\t\x20-\x7e]+\r\n")
_STATUS = re.compile(rb"([245]\.[0-9]{1,3}\.[0-9]{1,3})(?:[ \t]|\Z)")
_NO_QUIRKS: frozenset[Quirk] = frozenset()


class ReplyError(Exception):
    """Octets that are no reply; `reason` is protocol_error or reply_too_long."""

    def __init__(self, reason: Reason, sentence: str) -> None:
        """Keep the reason beside the sentence."""
        super().__init__(sentence)
        self.reason = reason


class Reply(NamedTuple):
    """One complete reply: its code, the text of each line, and what was odd."""

    code: int
    lines: tuple[bytes, ...]  # without code, separator and line end
    quirks: frozenset[Quirk] = _NO_QUIRKS

    @property
    def status(self) -> str | None:
        """Give the enhanced status code, by RFC 2034 section 4.

        The same on every line, its class equal to the code's first digit; otherwise
        None. The greeting and EHLO's reply have none: their callers must not ask.
        """
        first = _STATUS.match(self.lines[0])
        if first is None:
            return None
        for line in self.lines[1:]:
            match = _STATUS.match(line)
            if match is None or match[1] != first[1]:
                return None
        status = first[1].decode("ascii")
        return status if status[0] == str(self.code)[0] else None


class ReplyReader:
    """Collects octets and gives out replies, one at a time, within fixed bounds.

    Three answers: a Reply, None for more octets, ReplyError for never. It fails at the
    first octet that cannot belong to a reply (SMTP.md J14), so another protocol on the
    port is told at once and not by a timeout.
    """

    def __init__(self) -> None:
        """Start with nothing read."""
        self._buffer = bytearray()
        self._scanned = 0
        self._begin()

    def _begin(self) -> None:
        self._code = b""
        self._text = bytearray()  # of each line, LF behind it: a list costs twice
        self._lines = 0
        self._alone = False  # the last line was the code and nothing behind it
        self._octets = 0
        self._quirks: set[Quirk] = set()

    def feed(self, octets: bytes | bytearray) -> None:
        """Add octets as they came off the wire."""
        self._buffer += octets

    @property
    def rest(self) -> bytes:
        """Octets that no reply given out so far has taken."""
        return bytes(self._buffer)

    @property
    def midway(self) -> bool:
        """Whether a reply has begun and is not complete."""
        return bool(self._buffer or self._lines)

    def next(self) -> Reply | None:
        """Take the next complete reply out of the buffer.

        Raises ReplyError, after which this reader must not be used again.
        """
        if not self._lines:
            usual = _USUAL.match(self._buffer, 0, USUAL_LINE_OCTETS)
            if usual:
                return self._take_usual(usual)
        while True:
            self._check_start()
            end = self._buffer.find(b"\n", self._scanned)
            if end < 0:
                self._scanned = len(self._buffer)
                self._check_size(self._scanned)
                return None
            self._check_size(end + 1)
            if self._take_line(end + 1):
                return self._complete()

    def _take_usual(self, match: re.Match[bytes]) -> Reply:
        """Move a whole reply out of the buffer, in a third of the time by lines."""
        code, lines = int(match[1]), bytes(match[0]).split(b"\r\n")[:-1]
        del self._buffer[: match.end()]
        self._scanned = 0
        return Reply(code, tuple([line[4:] for line in lines]))

    def _check_start(self) -> None:
        buffer = self._buffer
        if not (_START.match(buffer) or _START_SO_FAR.match(buffer)):
            raise ReplyError(
                Reason.PROTOCOL_ERROR, "a line does not start with a reply code"
            )
        if self._code and not self._code.startswith(buffer[:3]):
            raise ReplyError(
                Reason.PROTOCOL_ERROR, "the lines of one reply have different codes"
            )

    def _check_size(self, line_octets: int) -> None:
        octets = self._octets + line_octets
        if line_octets > MAX_LINE_OCTETS or octets > MAX_REPLY_OCTETS:
            raise ReplyError(Reason.REPLY_TOO_LONG, "a reply has too many octets")

    def _take_line(self, octets: int) -> bool:
        """Move one line out of the buffer; true when it was the reply's last."""
        line = bytes(self._buffer[:octets])
        del self._buffer[:octets]
        self._scanned = 0
        self._octets += octets
        if octets > USUAL_LINE_OCTETS:
            self._quirks.add(Quirk.LONG_LINE)
        if line.endswith(b"\r\n"):
            content = line[:-2]
        else:
            content = line[:-1]
            self._quirks.add(Quirk.BARE_LF)
        self._code = content[:3]
        self._text += content[4:] + b"\n"
        self._lines += 1
        self._alone = len(content) == len(self._code)
        if _UNUSUAL_TEXT.search(content):
            self._quirks.update(q for p, q in _QUIRKS_OF_TEXT if p.search(content))
        last = content[3:4] != b"-"
        if not last and self._lines == MAX_REPLY_LINES:
            raise ReplyError(Reason.REPLY_TOO_LONG, "a reply has too many lines")
        return last

    def _complete(self) -> Reply:
        hundreds, tens, ones = (octet - 0x30 for octet in self._code)
        code = hundreds * 100 + tens * 10 + ones
        lines = tuple(bytes(self._text[:-1]).split(b"\n"))
        if not any(lines) and (code != _CHALLENGE or self._alone):
            self._quirks.add(Quirk.NO_TEXT)
        reply = Reply(
            code,
            lines,
            frozenset(self._quirks) if self._quirks else _NO_QUIRKS,
        )
        self._begin()
        return reply
