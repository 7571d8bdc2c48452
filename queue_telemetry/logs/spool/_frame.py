"""One frame of a segment: lines with a header that tells whether they are whole. Pure: no clock, no socket, no state.

A segment is a row of frames and nothing else; all numbers are little-endian::

    offset  size  what
         0     4  magic, ff 51 54 31: no UTF-8 text has an ff, so that no line looks like the beginning of a frame
         4     4  length of the lines in bytes, unsigned
         8     4  CRC-32 (as in zlib) of all that follows in the frame
        12     4  number of records, unsigned
        16     8  when it was written, in seconds since the epoch, IEEE 754
        24     -  the lines, each with its newline

Whoever finds no whole frame at an offset goes on at the next magic.
"""

import struct
from typing import Final
from zlib import crc32

__all__ = ["HEADER_BYTES", "MAGIC", "checksum", "encode_frame", "read_header"]

MAGIC: Final = b"\xffQT1"
_HEAD: Final = struct.Struct("<4sII")
_REST: Final = struct.Struct("<Id")
_HEADER: Final = struct.Struct("<4sIIId")
HEADER_BYTES: Final = _HEADER.size

_pack_head = _HEAD.pack  # looked up once: a frame is packed for each record
_pack_rest = _REST.pack


def encode_frame(lines: bytes | bytearray, records: int, born_s: float) -> bytes:
    """Return the frame of *lines*, as one string of bytes for one write."""
    rest = _pack_rest(records, born_s)
    return _pack_head(MAGIC, len(lines), crc32(lines, crc32(rest))) + rest + lines


def read_header(header: bytes) -> tuple[int, int, int, float] | None:
    """Return the length of the lines, the checksum, the records and the time; None when no frame begins here.

    Args:
        header: The first `HEADER_BYTES` of a frame; fewer at the end of a segment.
    """
    if len(header) < HEADER_BYTES:
        return None
    magic, length, crc, records, born_s = _HEADER.unpack(header)
    return None if magic != MAGIC else (length, crc, records, born_s)


def checksum(header: bytes) -> int:
    """Return the CRC-32 of what the header adds to it; the lines come next."""
    return crc32(header[_HEAD.size :])
