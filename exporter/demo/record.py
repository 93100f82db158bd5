"""What a TLS record looks like from outside (RFC 8446 section 5.1).

Holds its first octet and its length, for servers that await TLS and answer none.
Refuses its content.
"""

# What a record begins with.
ALERT = 0x15
HANDSHAKE = 0x16

_HEADER_OCTETS = 5
# The longest of any version (RFC 5246 section 6.2.3); what is longer is no TLS.
MAX_RECORD_OCTETS = _HEADER_OCTETS + 2**14 + 2048


def record_octets(octets: bytes | bytearray) -> int | None:
    """Give the length of the record that octets begin with; None without its header."""
    if len(octets) < _HEADER_OCTETS:
        return None
    return _HEADER_OCTETS + int.from_bytes(octets[3:_HEADER_OCTETS], "big")


def may_begin(octets: bytes | bytearray, kinds: frozenset[int]) -> bool:
    """Tell whether octets begin, or may yet become, a record of one of these kinds."""
    return octets[0] in kinds and (record_octets(octets) or 0) <= MAX_RECORD_OCTETS


def without_record(octets: bytearray, kinds: frozenset[int]) -> bool:
    """Drop a whole record of one of these kinds from the front; false without one."""
    length = record_octets(octets)
    if length is None or len(octets) < length or not may_begin(octets, kinds):
        return False
    del octets[:length]
    return True
