"""TLS records are told from their first octets, whole and in part."""

import pytest

from exporter.demo.record import (
    ALERT,
    HANDSHAKE,
    MAX_RECORD_OCTETS,
    may_begin,
    record_octets,
    without_record,
)

RECORD = b"\x15\x03\x03\x00\x02\x02\x28"
ALERTS = frozenset({ALERT})


@pytest.mark.parametrize("have", range(len(RECORD)))
def test_part_of_a_record(have: int) -> None:
    """A record that is not whole stays where it is."""
    octets = bytearray(RECORD[:have])

    assert not without_record(octets, ALERTS)
    assert octets == RECORD[:have]


@pytest.mark.parametrize("tail", [b"", b"QUIT\r\n", RECORD])
def test_record(tail: bytes) -> None:
    """One whole record goes, and what comes behind it remains."""
    octets = bytearray(RECORD + tail)

    assert record_octets(octets) == len(RECORD)
    assert without_record(octets, ALERTS)
    assert octets == tail


def test_record_of_another_kind() -> None:
    """A record of a kind that was not asked for stays where it is."""
    octets = bytearray(RECORD)

    assert not without_record(octets, frozenset({HANDSHAKE}))
    assert octets == RECORD


@pytest.mark.parametrize(
    ("octets", "may"),
    [
        (b"\x15", True),
        (b"\x15\x03\x03\x00", True),
        (RECORD, True),
        (b"\x16", False),
        (b"QUIT\r\n", False),
        (b"\x15\x03\x03\xff\xff", False),
        (b"\x15\x03\x03" + (MAX_RECORD_OCTETS - 5).to_bytes(2, "big"), True),
        (b"\x15\x03\x03" + (MAX_RECORD_OCTETS - 4).to_bytes(2, "big"), False),
    ],
)
def test_may_begin(octets: bytes, may: bool) -> None:
    """Octets may become a record by their kind, and by a length that is allowed."""
    assert may_begin(octets, ALERTS) is may
