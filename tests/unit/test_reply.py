"""Octets to replies: every case is fed whole, octet by octet, and with a tail."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import chain, pairwise, repeat

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from exporter.smtp.reply import (
    MAX_LINE_OCTETS,
    MAX_REPLY_LINES,
    MAX_REPLY_OCTETS,
    USUAL_LINE_OCTETS,
    Reply,
    ReplyError,
    ReplyReader,
)
from exporter.vocabulary import Quirk, Reason

TAIL = b"250-of the next\r\n250 re"


def reply(code: int, *lines: bytes, quirks: Iterable[Quirk] = ()) -> Reply:
    """Make the reply that a row expects."""
    return Reply(code, lines, frozenset(quirks))


def read(chunks: Iterable[bytes]) -> list[Reply | Reason | bytes]:
    """Read until the end: the replies, then the error or what is left over."""
    reader = ReplyReader()
    found: list[Reply | Reason | bytes] = []
    try:
        for chunk in chunks:
            reader.feed(chunk)
            found += iter(reader.next, None)
    except ReplyError as error:
        return [*found, error.reason]
    return [*found, reader.rest]


def octets_of(text: bytes) -> Iterator[bytes]:
    """Cut into single octets."""
    return (text[at : at + 1] for at in range(len(text)))


REPLIES = {
    # SMTP.md 6.3, by their ids
    "P01": (b"220 mx\n", reply(220, b"mx", quirks=[Quirk.BARE_LF])),
    "P09": (b"220 m\x00x\r\n", reply(220, b"m\x00x", quirks=[Quirk.CONTROL_CHARS])),
    "P10": (b"220 caf\xe9\r\n", reply(220, b"caf\xe9", quirks=[Quirk.EIGHT_BIT])),
    "P11": (
        b"220 mx \xd0\x97\r\n",
        reply(220, b"mx \xd0\x97", quirks=[Quirk.EIGHT_BIT]),
    ),
    "P13": (b"220 " + b"A" * 506 + b"\r\n", reply(220, b"A" * 506)),
    "P18": (b"220\r\n", reply(220, b"", quirks=[Quirk.NO_TEXT])),
    "P19": (b"220 \r\n", reply(220, b"", quirks=[Quirk.NO_TEXT])),
    "P37": (b"220 250-fake\r\n", reply(220, b"250-fake")),
    "P39": (
        b'220 \x1b[31m"\\{}\x0b\r\n',
        reply(220, b'\x1b[31m"\\{}\x0b', quirks=[Quirk.CONTROL_CHARS]),
    ),
    # and more
    "one line": (b"250 ok\r\n", reply(250, b"ok")),
    "three lines": (b"220-a\r\n220-b\r\n220 c\r\n", reply(220, b"a", b"b", b"c")),
    "last line of the code alone": (b"250-a\r\n250\r\n", reply(250, b"a", b"")),
    "first line empty": (b"250-\r\n250 b\r\n", reply(250, b"", b"b")),
    "every line empty": (
        b"250-\r\n250-\r\n250\r\n",
        reply(250, b"", b"", b"", quirks=[Quirk.NO_TEXT]),
    ),
    "code alone and bare LF": (
        b"220\n",
        reply(220, b"", quirks=[Quirk.NO_TEXT, Quirk.BARE_LF]),
    ),
    "one bare LF of two": (
        b"220-a\n220 b\r\n",
        reply(220, b"a", b"b", quirks=[Quirk.BARE_LF]),
    ),
    "two spaces": (b"220  a\r\n", reply(220, b" a")),
    "hyphen in the text": (b"220 -a\r\n", reply(220, b"-a")),
    "tab": (b"220 a\tb\r\n", reply(220, b"a\tb")),
    "DEL": (b"220 a\x7f\r\n", reply(220, b"a\x7f", quirks=[Quirk.CONTROL_CHARS])),
    "CR within": (b"220 a\rb\r\n", reply(220, b"a\rb", quirks=[Quirk.BARE_CR])),
    "CR CR LF": (b"220 a\r\r\n", reply(220, b"a\r", quirks=[Quirk.BARE_CR])),
    "everything odd": (
        b"220 \r\x01\xff\n",
        reply(
            220,
            b"\r\x01\xff",
            quirks=[
                Quirk.BARE_CR,
                Quirk.BARE_LF,
                Quirk.CONTROL_CHARS,
                Quirk.EIGHT_BIT,
            ],
        ),
    ),
    "a line of 513 octets": (
        b"220 " + b"A" * 507 + b"\r\n",
        reply(220, b"A" * 507, quirks=[Quirk.LONG_LINE]),
    ),
    "a continuation of 513 octets": (
        b"220-" + b"A" * 507 + b"\r\n220 b\r\n",
        reply(220, b"A" * 507, b"b", quirks=[Quirk.LONG_LINE]),
    ),
    "lowest code": (b"200 a\r\n", reply(200, b"a")),
    "highest code": (b"599 a\r\n", reply(599, b"a")),
    "second digit beyond the grammar": (b"571 a\r\n", reply(571, b"a")),
    "300 lines": (
        b"250-x\r\n" * 299 + b"250 x\r\n",
        reply(250, *repeat(b"x", 300)),
    ),
    "an AUTH challenge as long as they get": (
        b"334 " + b"A" * 12288 + b"\r\n",
        reply(334, b"A" * 12288, quirks=[Quirk.LONG_LINE]),
    ),
}

NO_REPLIES = {
    # SMTP.md 6.3 and 6.13, by their ids
    "P06": b"220-a\r\n250 b\r\n",
    "P07": b"220-a\r\n421 b\r\n",
    "P22": b"\r\n220 mx\r\n",
    "P23": b" 220 mx\r\n",
    "P26": b"22\r\n",
    "P28": b"+22 mx\r\n",
    "P33": b"620 mx\r\n",
    "P35": b"220-a\r\nb\r\n220 c\r\n",
    "W02": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "W03": b"SSH-2.0-OpenSSH_9.6\r\n",
    "W04": b"* OK IMAP4rev1 ready\r\n",
    "W10": b" !\"#$%&'()*+,-./0123456789",
    # and more
    "first digit 0": b"020 a\r\n",
    "first digit 1": b"120 a\r\n",
    "four digits": b"2200 a\r\n",
    "letters behind the code": b"220mx\r\n",
    "tab behind the code": b"220\tmx\r\n",
    "CR CR LF behind the code": b"220\r\r\n",
    "text behind a bare CR": b"220\rmx\r\n",
    "underscore as int() likes it": b"2_0 mx\r\n",
    "digits of another script": "２２０ mx\r\n".encode(),  # noqa: RUF001 -- the point
    "superscript digits": "2²0 mx\r\n".encode(),
    "bare LF alone": b"\n",
    "continuation with a shorter code": b"220-a\r\n22 b\r\n",
    "continuation by a tab": b"220-a\r\n220\tb\r\n",
    "last line without its code": b"220-a\r\n\r\n",
    "TLS alert": b"\x15\x03\x03\x00\x02\x02\x28",
    "multiplication sign": b"2*0 a\r\n",
}

INCOMPLETE = {
    "nothing": b"",
    "one digit": b"2",
    "the code": b"220",
    "no line end": b"220 mx",
    "P02: bare CR": b"220 mx\r",
    "bare CR behind the code": b"220\r",
    "G08: a first line": b"220-mx\r\n",
    "G08: and the next code": b"220-mx\r\n220",
}


@pytest.mark.parametrize(("octets", "expected"), REPLIES.values(), ids=REPLIES)
def test_whole(octets: bytes, expected: Reply) -> None:
    """A reply that arrives at once is read at once."""
    reader = ReplyReader()
    reader.feed(octets)

    assert reader.next() == expected
    assert reader.next() is None
    assert reader.rest == b""
    assert not reader.midway


@pytest.mark.parametrize(("octets", "expected"), REPLIES.values(), ids=REPLIES)
def test_octet_by_octet(octets: bytes, expected: Reply) -> None:
    """A reply is given out with its last octet and not before."""
    reader = ReplyReader()
    for octet in octets_of(octets[:-1]):
        reader.feed(octet)
        assert reader.next() is None
        assert reader.midway
    reader.feed(octets[-1:])

    assert reader.next() == expected
    assert not reader.midway


@pytest.mark.parametrize(("octets", "expected"), REPLIES.values(), ids=REPLIES)
def test_cut_in_two(octets: bytes, expected: Reply) -> None:
    """A reply is the same wherever its octets are cut."""
    cuts = {*range(min(len(octets), 64)), len(octets) // 2}

    for cut in cuts:
        assert read([octets[:cut], octets[cut:]]) == [expected, b""]


@pytest.mark.parametrize(("octets", "expected"), REPLIES.values(), ids=REPLIES)
def test_tail(octets: bytes, expected: Reply) -> None:
    """What stands behind a reply remains, octet for octet."""
    reader = ReplyReader()
    reader.feed(octets + TAIL)

    assert reader.next() == expected
    assert reader.rest == TAIL
    assert reader.midway


@pytest.mark.parametrize("octets", NO_REPLIES.values(), ids=NO_REPLIES)
def test_no_reply_whole(octets: bytes) -> None:
    """Octets that are no reply are a protocol error."""
    assert read([octets]) == [Reason.PROTOCOL_ERROR]


@pytest.mark.parametrize("octets", NO_REPLIES.values(), ids=NO_REPLIES)
def test_no_reply_octet_by_octet(octets: bytes) -> None:
    """Octets that are no reply are a protocol error however they arrive."""
    assert read(octets_of(octets)) == [Reason.PROTOCOL_ERROR]


@pytest.mark.parametrize("octets", NO_REPLIES.values(), ids=NO_REPLIES)
def test_no_reply_behind_a_reply(octets: bytes) -> None:
    """A reply is given out before the error of what follows it."""
    good = reply(220, b"mx")

    assert read([b"220 mx\r\n" + octets]) == [good, Reason.PROTOCOL_ERROR]


@pytest.mark.parametrize("octets", INCOMPLETE.values(), ids=INCOMPLETE)
def test_more(octets: bytes) -> None:
    """Octets that may become a reply are asked to go on."""
    reader = ReplyReader()
    reader.feed(octets)

    assert reader.next() is None
    assert reader.next() is None
    assert reader.midway is (octets != b"")


WRONG_AT_ONCE = (
    b"H",
    b"S",
    b"*",
    b" ",
    b"\n",
    b"\r",
    b"6",
    b"1",
    b"0",
    b"\x16",
    b"\xff",
)
WRONG_LATER = (b"2x", b"2\r", b"22\n", b"22 ", b"220x", b"220\t", b"220\rx", b"220\x00")
WRONG_IN_THE_NEXT_LINE = (b"220-a\r\n3", b"220-a\r\n21", b"220-a\r\n221", b"220-\n\r")


@pytest.mark.parametrize(
    "octets", [*WRONG_AT_ONCE, *WRONG_LATER, *WRONG_IN_THE_NEXT_LINE]
)
def test_fails_fast(octets: bytes) -> None:
    """The first octet that cannot belong to a reply is the error; none before is."""
    reader = ReplyReader()
    reader.feed(octets[:-1])
    assert reader.next() is None
    reader.feed(octets[-1:])

    with pytest.raises(ReplyError) as caught:
        reader.next()

    assert caught.value.reason is Reason.PROTOCOL_ERROR
    assert str(caught.value)


def test_replies_in_a_row() -> None:
    """Replies in one read come out one at a time, in order."""
    octets = b"220 a\r\n250-b\r\n250 c\r\n221\n"

    assert read([octets]) == [
        reply(220, b"a"),
        reply(250, b"b", b"c"),
        reply(221, b"", quirks=[Quirk.NO_TEXT, Quirk.BARE_LF]),
        b"",
    ]


def test_quirks_belong_to_their_reply() -> None:
    """A quirk of one reply is not told of the next."""
    assert read([b"220 a\n250 b\r\n"])[1] == reply(250, b"b")


# --- limits


def line(octets: int, separator: bytes = b" ") -> bytes:
    """Make one line of this many octets, its end included."""
    return b"250" + separator + b"A" * (octets - 6) + b"\r\n"


def lines(octets: int) -> bytes:
    """Make one reply of this many octets, out of lines of no unusual length."""
    full, rest = divmod(octets, USUAL_LINE_OCTETS)
    if rest < 6:
        full, rest = full - 1, rest + USUAL_LINE_OCTETS
    return line(USUAL_LINE_OCTETS, b"-") * full + line(rest)


def test_usual_line() -> None:
    """A line is long from the first octet behind the usual number."""
    [usual, _] = read([line(USUAL_LINE_OCTETS)])
    [longer, _] = read([line(USUAL_LINE_OCTETS + 1)])

    assert isinstance(usual, Reply)
    assert isinstance(longer, Reply)
    assert usual.quirks == frozenset()
    assert longer.quirks == {Quirk.LONG_LINE}


@pytest.mark.parametrize(
    ("fits", "too_long"),
    [
        pytest.param(line(MAX_LINE_OCTETS), line(MAX_LINE_OCTETS + 1), id="line"),
        pytest.param(
            line(MAX_LINE_OCTETS),
            line(MAX_LINE_OCTETS + 10)[: MAX_LINE_OCTETS + 1],
            id="line without end",
        ),
        pytest.param(lines(MAX_REPLY_OCTETS), lines(MAX_REPLY_OCTETS + 1), id="reply"),
        pytest.param(
            line(9, b"-") * (MAX_REPLY_LINES - 1) + line(9),
            line(9, b"-") * MAX_REPLY_LINES + line(9),
            id="line count",
        ),
    ],
)
@pytest.mark.parametrize("size", [1, 7, 4096, 1 << 20])
def test_limits(fits: bytes, too_long: bytes, size: int) -> None:
    """A reply of the largest size is read, and one more octet or line is too long."""
    good, over = (
        [octets[at : at + size] for at in range(0, len(octets), size)]
        for octets in (fits, too_long)
    )

    assert isinstance(read(good)[0], Reply)
    assert read(over) == [Reason.REPLY_TOO_LONG]


def test_room_for_auth() -> None:
    """The limits leave room for the longest line of AUTH (RFC 4954 section 4)."""
    assert MAX_LINE_OCTETS > 12288 + 6
    assert MAX_REPLY_OCTETS > MAX_LINE_OCTETS


@pytest.mark.parametrize(
    "fragment",
    [b"220-x\r\n", b"220-\n", b"220 " + b"A" * 4096, b"220-" + b"A" * 600 + b"\r\n"],
)
def test_flood(fragment: bytes) -> None:
    """An endless reply is ended as soon as it is over the limits."""
    flood = repeat(fragment, MAX_REPLY_OCTETS // len(fragment) + 1)

    assert read(flood) == [Reason.REPLY_TOO_LONG]


def test_line_count_however_it_arrives() -> None:
    """Garbage behind the last line that may be is told alike however it arrives."""
    octets = line(9, b"-") * MAX_REPLY_LINES + b"garbage"

    assert read([octets]) == read(octets_of(octets))


# --- enhanced status codes


@pytest.mark.parametrize(
    ("octets", "status"),
    [
        (b"221 2.0.0 Bye\r\n", "2.0.0"),
        (b"221 2.0.0\r\n", "2.0.0"),
        (b"221 2.0.0\tBye\r\n", "2.0.0"),
        (b"550 5.1.1 no such user\r\n", "5.1.1"),
        (b"450 4.999.123 later\r\n", "4.999.123"),
        (b"235-2.7.0 ok\r\n235 2.7.0 done\r\n", "2.7.0"),
        (b"250-2.1.0 a\r\n250 2.1.5 b\r\n", None),  # not the same on every line
        (b"250-2.1.0 a\r\n250 b\r\n", None),  # not on every line
        (b"250-a\r\n250 2.1.0 b\r\n", None),
        (b"250-2.1.0 a\r\n250\r\n", None),
        (b"550 4.1.1 x\r\n", None),  # the class disagrees with the code
        (b"250 5.0.0 x\r\n", None),
        (b"334 3.0.0 x\r\n", None),  # there is no class 3
        (b"354 2.0.0 x\r\n", None),
        (b"250 2.0.0.0 x\r\n", None),
        (b"250 2.0 x\r\n", None),
        (b"250 2.0.0x\r\n", None),
        (b"250 2.0.1234 x\r\n", None),
        (b"250 2..0 x\r\n", None),
        (b"250  2.0.0 x\r\n", None),  # it begins the text
        (b"250 x 2.0.0\r\n", None),
        (b"250 \r\n", None),
        (b"250 12.0.0 x\r\n", None),
        (b"250 2.\xd9\xa0.0 x\r\n", None),  # an Arabic zero
    ],
)
def test_status(octets: bytes, status: str | None) -> None:
    """A status code counts when every line has the same, of the reply's own class."""
    [found, _] = read([octets])

    assert isinstance(found, Reply)
    assert found.status == status


# --- whatever arrives

CODES = (b"220", b"221", b"250", b"421", b"599", b"2", b"22", b"620", b"020")
BETWEEN = (b" ", b"-", b"\r\n", b"\n", b"\r", b" ok\r\n", b"-more\r\n", b"\t", b"\x00")
TEXTS = (b"2.0.0 ", b"\xe9", b"A" * 511, b"B" * 9000, b"HTTP/1.1")
FRAGMENTS = st.sampled_from((*CODES, *BETWEEN, *TEXTS))
OCTETS = st.binary(max_size=64) | st.lists(FRAGMENTS, max_size=40).map(b"".join)


@st.composite
def chunked(draw: st.DrawFn) -> tuple[bytes, list[bytes]]:
    """Draw octets, and the same octets in pieces."""
    octets = draw(OCTETS)
    cuts = draw(st.lists(st.integers(0, len(octets)), max_size=12))
    ends = sorted({0, *cuts, len(octets)})
    return octets, [octets[start:end] for start, end in pairwise(ends)]


@given(chunked())
def test_chunks_are_irrelevant(case: tuple[bytes, list[bytes]]) -> None:
    """The same octets give the same replies and the same end however they are cut."""
    octets, chunks = case

    assert read(chunks) == read([octets]) == read(octets_of(octets))


@given(st.lists(OCTETS, max_size=8))
def test_never_crashes(chunks: list[bytes]) -> None:
    """Whatever arrives is a reply, nothing yet, or one of two errors."""
    *replies, end = read(chunks)

    assert end in {Reason.PROTOCOL_ERROR, Reason.REPLY_TOO_LONG} or isinstance(
        end, bytes
    )
    for found in replies:
        assert isinstance(found, Reply)
        assert 200 <= found.code <= 599
        assert found.lines
        assert not any(b"\n" in text for text in found.lines)
        assert found.status is None or found.status[0] == str(found.code)[0]


@given(st.binary(min_size=1, max_size=40) | FRAGMENTS)
@example(b"250 ok\r\n")
@example(b"250-ok\r\n")
@example(b"\r")
def test_never_unbounded(fragment: bytes) -> None:
    """A reader keeps no more than one reply's worth, even of what never ends."""
    reader = ReplyReader()
    fed = 0
    with suppress(ReplyError):
        for chunk in chain([b"220 "], repeat(fragment * 64, 2 * MAX_REPLY_OCTETS)):
            reader.feed(chunk)
            fed += len(chunk)
            if reader.next() is not None:
                break
            assert len(reader.rest) <= MAX_LINE_OCTETS
            assert fed <= MAX_REPLY_OCTETS


@given(
    st.integers(200, 599),
    st.lists(
        st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1),
        min_size=1,
        max_size=9,
    ),
)
def test_what_was_written_is_read(code: int, texts: list[str]) -> None:
    """A reply written by the grammar is read as it was meant, without a quirk."""
    *most, last = (text.encode() for text in texts)
    head = b"%d" % code
    octets = b"".join(head + b"-" + text + b"\r\n" for text in most)

    assert read([octets + head + b" " + last + b"\r\n"]) == [
        reply(code, *most, last),
        b"",
    ]


LINE = st.binary(max_size=12).map(lambda text: text.replace(b"\n", b""))
SPOKEN = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=12)


@given(
    st.sampled_from([b"220", b"250", b"334", b"199"]),
    st.lists(st.one_of(LINE, SPOKEN.map(str.encode)), min_size=1, max_size=5),
    st.sampled_from([b"\r\n", b"\n"]),
    st.binary(max_size=8),
)
def test_the_usual_way_is_the_way_by_lines(
    code: bytes, texts: list[bytes], end: bytes, tail: bytes
) -> None:
    """A reply that is taken at once is the one that comes octet by octet."""
    marks = [b"-"] * (len(texts) - 1) + [b" "]
    said = b"".join(code + m + t + end for m, t in zip(marks, texts, strict=True))

    assert read([said + tail]) == read(octets_of(said + tail))
