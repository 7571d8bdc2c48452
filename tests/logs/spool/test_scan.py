"""Whatever byte is lost or changed costs the frame it is in, and no other."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from queue_telemetry.logs.spool._frame import HEADER_BYTES, encode_frame
from queue_telemetry.logs.spool._scan import Damage, Frame, scan

_LINES = st.lists(
    st.text(st.characters(codec="utf-8"), max_size=20).map(
        lambda line: line.replace("\n", "").encode() + b"\n"
    ),
    min_size=1,
    max_size=3,
)
_PER_EXAMPLE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)


class File:
    """A file whose content is replaced for each look at it."""

    def __init__(self, path: Path) -> None:
        self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT)

    def scanned(self, data: bytes, lines: bytearray | None = None) -> list[Frame | Damage]:
        os.ftruncate(self.descriptor, 0)
        os.pwrite(self.descriptor, data, 0)
        return list(scan(self.descriptor, 0, len(data), lines))


@pytest.fixture
def file(tmp_path: Path) -> Iterator[File]:
    made = File(tmp_path / "segment")
    yield made
    os.close(made.descriptor)


def _segment(batches: list[list[bytes]]) -> tuple[bytes, list[int]]:
    """Return a segment's bytes and the offsets of its frames."""
    data, offsets = b"", []
    for number, batch in enumerate(batches):
        offsets.append(len(data))
        data += encode_frame(b"".join(batch), len(batch), float(number))
    return data, offsets


def _whole(found: list[Frame | Damage]) -> list[float]:
    return [frame.born_s for frame in found if isinstance(frame, Frame)]


def test_whole_frames_are_found_with_their_lines(file: File) -> None:
    lines = bytearray()

    found = file.scanned(encode_frame(b"1\n2\n", 2, 1.0) + encode_frame(b"3\n", 1, 2.0), lines)

    assert [Frame(0, HEADER_BYTES + 4, 2, 1.0), Frame(28, 28 + HEADER_BYTES + 2, 1, 2.0)] == found
    assert b"1\n2\n3\n" == lines


@_PER_EXAMPLE
@given(batches=st.lists(_LINES, min_size=1, max_size=5), where=st.floats(0, 1), bits=st.integers(1, 255))
def test_a_changed_byte_costs_its_frame_only(
    file: File, batches: list[list[bytes]], where: float, bits: int
) -> None:
    data, offsets = _segment(batches)
    position = int(where * (len(data) - 1))
    hit = max(number for number, offset in enumerate(offsets) if offset <= position)
    changed = bytearray(data)
    changed[position] ^= bits
    lines = bytearray()

    found = file.scanned(bytes(changed), lines)

    assert [float(number) for number in range(len(batches)) if number != hit] == _whole(found)
    assert b"".join(b"".join(batch) for number, batch in enumerate(batches) if number != hit) == lines
    assert 1 == sum(isinstance(piece, Damage) for piece in found)


@_PER_EXAMPLE
@given(batches=st.lists(_LINES, min_size=1, max_size=5), where=st.floats(0, 1))
def test_a_torn_end_costs_its_frame_only(file: File, batches: list[list[bytes]], where: float) -> None:
    data, offsets = _segment(batches)
    length = int(where * len(data))
    ends = [*offsets[1:], len(data)]

    found = file.scanned(data[:length])

    assert [float(number) for number, end in enumerate(ends) if end <= length] == _whole(found)
    assert (length not in [0, *ends]) == any(isinstance(piece, Damage) for piece in found)


@_PER_EXAMPLE
@given(data=st.binary(max_size=200))
def test_anything_can_be_scanned_and_is_covered_without_a_gap(file: File, data: bytes) -> None:
    found = file.scanned(data)

    assert [0, *(piece.end for piece in found)] == [*(piece.start for piece in found), len(data)]


def test_damage_counts_its_newlines(file: File) -> None:
    data = bytearray(encode_frame(b"1\n2\n3\n", 3, 1.0) + encode_frame(b"4\n", 1, 2.0))
    data[HEADER_BYTES] ^= 1

    damage, whole = file.scanned(bytes(data))

    assert Damage(0, HEADER_BYTES + 6, 3) == damage
    assert isinstance(whole, Frame)


def test_many_torn_frames_in_a_row_are_one_damage(file: File) -> None:
    torn = encode_frame(b"1\n2\n", 2, 1.0)[:-1]

    damage, whole = file.scanned(torn * 1_000 + encode_frame(b"3\n", 1, 2.0))

    assert Damage(0, 1_000 * len(torn), 1_000) == damage
    assert isinstance(whole, Frame)


def test_frames_larger_than_a_block_are_found_and_resynchronised(file: File) -> None:
    large = b"x" * 700_000 + b"\n"
    data = bytearray(encode_frame(large, 1, 1.0) + encode_frame(large, 1, 2.0) + encode_frame(b"3\n", 1, 3.0))
    data[300_000] ^= 1
    lines = bytearray()

    found = file.scanned(bytes(data), lines)

    assert [2.0, 3.0] == _whole(found)
    assert large + b"3\n" == lines


@pytest.mark.parametrize("before", range(256 * 1024 - 4, 256 * 1024 + 2))
def test_a_magic_across_two_blocks_is_found(file: File, before: int) -> None:
    found = file.scanned(b"." * before + encode_frame(b"1\n", 1, 1.0))

    assert [1.0] == _whole(found)


def test_what_cannot_be_read_is_no_damage(tmp_path: Path) -> None:
    descriptor = os.open(tmp_path, os.O_RDONLY)  # a directory: every read of it fails
    try:
        with pytest.raises(IsADirectoryError):
            list(scan(descriptor, 0, 100))
    finally:
        os.close(descriptor)


@pytest.mark.parametrize("claimed", [0, 1, 4_000_000_000])
def test_records_are_counted_whatever_a_header_claims(file: File, claimed: int) -> None:
    assert [Frame(0, HEADER_BYTES + 4, 2, 1.0)] == file.scanned(encode_frame(b"1\n2\n", claimed, 1.0))


def test_lines_without_an_end_are_damage_since_they_would_run_into_the_next(file: File) -> None:
    lines = bytearray()

    found = file.scanned(encode_frame(b"1\n2", 2, 1.0) + encode_frame(b"3\n", 1, 2.0), lines)

    assert [2.0] == _whole(found)
    assert b"3\n" == lines


def test_made_up_headers_whose_lengths_overlap_are_not_read_over_and_over(
    file: File, monkeypatch: pytest.MonkeyPatch
) -> None:
    pread, read = os.pread, list[int]()

    def pread_and_count(descriptor: int, size: int, offset: int) -> bytes:
        read.append(size)
        return pread(descriptor, size, offset)

    header = bytearray(encode_frame(b"1\n", 1, 1.0)[:HEADER_BYTES])
    header[4:8] = (2 * 1024 * 1024).to_bytes(4, "little")
    planted = bytes(header) * 8_000
    data = planted + bytes(4 * 1024 * 1024 - len(planted)) + encode_frame(b"2\n", 1, 2.0)
    monkeypatch.setattr(os, "pread", pread_and_count)

    found = file.scanned(data)

    assert [2.0] == _whole(found)
    assert sum(read) <= 4 * len(data)  # each of them read to its end is 16 GB
