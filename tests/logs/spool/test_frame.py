"""A frame's bytes."""

import pytest

from queue_telemetry.logs.spool._frame import HEADER_BYTES, checksum, encode_frame, read_header


def test_a_frame_has_exactly_these_bytes() -> None:
    frame = encode_frame(b'{"a":1}\n', 1, 1767225600.5)

    assert (
        b"\xffQT1"  # magic
        b"\x08\x00\x00\x00"  # length of the lines
        b"\x23\xf3\xc1\x42"  # CRC-32 of the rest
        b"\x01\x00\x00\x00"  # records
        b"\x00\x00\x20\x40\x6e\x55\xda\x41"  # when
        b'{"a":1}\n'
    ) == frame


def test_lines_may_be_a_bytearray() -> None:
    assert encode_frame(b"{}\n", 1, 1.0) == encode_frame(bytearray(b"{}\n"), 1, 1.0)


def test_a_header_tells_what_was_encoded() -> None:
    header = encode_frame(b"{}\n{}\n", 2, 12.25)[:HEADER_BYTES]

    told = read_header(header)

    assert told is not None
    assert (6, 2, 12.25) == (told[0], told[2], told[3])


def test_the_checksum_begins_with_the_records_and_the_time() -> None:
    frame = encode_frame(b"", 3, 12.25)

    told = read_header(frame)

    assert told is not None
    assert checksum(frame) == told[1]


@pytest.mark.parametrize("header", [b"", b"\xffQT1", b"\xffQT1" + bytes(19)], ids=["none", "magic", "short"])
def test_a_short_header_is_none(header: bytes) -> None:
    assert read_header(header) is None


def test_another_magic_is_none() -> None:
    assert read_header(b"\xffQT2" + bytes(20)) is None
