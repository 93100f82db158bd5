"""What must hold of the reply parser and the dialogue whatever a server says.

Pure functions of octets, for atheris to call and for the unit ring's kept corpus. Each
raises AssertionError where something does not hold; any other exception is a find too.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress

from exporter.smtp.dialogue import converse
from exporter.smtp.exchange import Findings, Heard, Step
from exporter.smtp.reply import (
    MAX_LINE_OCTETS,
    MAX_REPLY_LINES,
    MAX_REPLY_OCTETS,
    Reply,
    ReplyError,
    ReplyReader,
)
from exporter.targets import Module
from exporter.vocabulary import Reason, Unsolicited

# Longer than any line that decides something; beyond, it would only take time.
OCTET_BY_OCTET = 4096
READ_ERRORS = frozenset({Reason.PROTOCOL_ERROR, Reason.REPLY_TOO_LONG})
GREETING = Reply(220, (b"mx.test ESMTP",))
BYE = Reply(221, (b"bye",))
BANNER = Module(name="fuzz", ehlo=False)
HOLD = Module(name="fuzz-hold", ehlo=False, hold=1.0)


def examine(octets: bytes) -> None:
    """Hold everything that is promised of octets against these."""
    whole = _read((octets,))
    if len(octets) <= OCTET_BY_OCTET:
        assert whole == _read(_pieces(octets, 1)), "octet by octet it is another"
    size = 2 + len(octets) % 61
    assert whole == _read(_pieces(octets, size)), f"in pieces of {size} it is another"
    _judge(octets, whole)


Read = tuple[list[Reply], Reason | bytes]


def _pieces(octets: bytes, size: int) -> Iterator[bytes]:
    return (octets[at : at + size] for at in range(0, len(octets), size))


def _read(chunks: Iterable[bytes]) -> Read:
    """Read to the end: the replies, and then the error or what is left over."""
    reader, replies = ReplyReader(), list[Reply]()
    end: Reason | bytes
    try:
        for chunk in chunks:
            reader.feed(chunk)
            replies += iter(reader.next, None)
            assert len(reader.rest) <= MAX_LINE_OCTETS, "a part of a line is too long"
        end = reader.rest
    except ReplyError as error:
        end = error.reason
    assert isinstance(end, bytes) or end in READ_ERRORS
    for reply in replies:
        _check(reply)
    return replies, end


def _check(reply: Reply) -> None:
    assert 200 <= reply.code <= 599
    assert 1 <= len(reply.lines) <= MAX_REPLY_LINES
    assert sum(map(len, reply.lines)) <= MAX_REPLY_OCTETS
    assert not any(b"\n" in line for line in reply.lines)
    status = reply.status
    assert status is None or status[0] == str(reply.code)[0]


def _judge(octets: bytes, whole: Read) -> None:
    """Octets that nobody asked for are a failure of their phase, and never a reply."""
    replies, _ = whole
    told = replies[0].code if replies else None
    for findings in (
        _held(BANNER, Heard(GREETING, octets), Heard(BYE)),
        _held(HOLD, Heard(GREETING), Heard(None, octets), Heard(BYE)),
    ):
        if not octets:
            assert findings.failure is None
            continue
        assert findings.failure is not None
        assert len(findings.unsolicited) == 1
        [word] = findings.unsolicited
        assert (word is Unsolicited.CODE_221) is (told == 221)
        assert (word is Unsolicited.CODE_421) is (told == 421)
        assert findings.unavailable is (told == 421)
        assert not findings.quit_begun or told == 421


def _held(module: Module, *heard: Heard) -> Findings:
    dialogue = converse(module, "[192.0.2.9]")
    step: Step = next(dialogue)
    with suppress(StopIteration):
        for thing in heard:
            assert (step.idle is None) is (thing.reply is not None)
            try:
                step = dialogue.send(thing)
            except StopIteration as stop:
                findings: Findings = stop.value
                return findings
    raise AssertionError(f"the conversation waits at {step}")
