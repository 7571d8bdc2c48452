"""Read a segment frame by frame in blocks, and go on behind whatever is torn or changed."""

import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from queue_telemetry.logs.spool._frame import HEADER_BYTES, MAGIC, checksum, read_header

__all__ = ["Damage", "Frame", "scan"]

_BLOCK_BYTES: Final = 256 * 1024  # a small part of a segment, large against a frame of one record


@dataclass(slots=True)
class Frame:
    """A whole frame.

    Attributes:
        start: Its offset in the segment.
        end: The offset behind it.
        records: How many records it holds: its newlines, since a header may claim anything.
        born_s: When it was written, in seconds since the epoch.
    """

    start: int
    end: int
    records: int
    born_s: float


@dataclass(slots=True)
class Damage:
    """A stretch in which no frame is whole.

    Attributes:
        start: Its offset in the segment.
        end: The offset behind it.
        records: How many records were in it: its newlines, since a header cannot be trusted there; at least one.
    """

    start: int
    end: int
    records: int


def scan(descriptor: int, start: int, end: int, lines: bytearray | None = None) -> Iterator[Frame | Damage]:
    """Find what lies between two offsets.

    Args:
        descriptor: Of the segment, for reading.
        start: Where a frame begins, unless it is damaged.
        end: The end of a frame or of the segment.
        lines: Gets the lines of each whole frame when given.

    Raises:
        OSError: It cannot be read at present, which says nothing of what is there.
    """
    blocks = _Blocks(descriptor, end)
    damaged, newlines = start, 0  # from where on nothing is whole, and the newlines since
    while start < end:
        frame = _whole_frame(blocks, start, end, lines)
        if frame is None:
            found = blocks.find(MAGIC, start + 1, end)
            newlines += blocks.count(b"\n", start, found)
            start = found
            continue
        if damaged < start:
            yield Damage(damaged, start, max(newlines, 1))
        yield frame
        start, damaged, newlines = frame.end, frame.end, 0
    if damaged < start:
        yield Damage(damaged, start, max(newlines, 1))


def _whole_frame(blocks: "_Blocks", start: int, end: int, lines: bytearray | None) -> Frame | None:
    header = bytes(blocks.part(start, start + HEADER_BYTES, whole=True))
    told = read_header(header)
    if told is None:
        return None
    length, expected_crc, _, born_s = told
    offset, frame_end = start + HEADER_BYTES, start + HEADER_BYTES + length
    # no line holds a magic: lengths that overlap, made up by somebody, must not be read over and over
    if frame_end > end or blocks.find(MAGIC, offset, frame_end) < frame_end:
        return None
    before = 0 if lines is None else len(lines)
    crc, records, end_of_lines = checksum(header), 0, b"\n"
    while offset < frame_end:
        part = bytes(blocks.part(offset, frame_end))
        if not part:
            break
        records += part.count(b"\n")
        end_of_lines = part[-1:]
        crc = zlib.crc32(part, crc)
        if lines is not None:
            lines += part
        offset += len(part)
    if offset == frame_end and crc == expected_crc and end_of_lines == b"\n":
        return Frame(start, frame_end, records, born_s)
    if lines is not None:
        del lines[before:]
    return None


class _Blocks:
    """A file's bytes up to an offset, of which one block is held."""

    def __init__(self, descriptor: int, end: int) -> None:
        self._descriptor = descriptor
        self._end = end
        self._first = 0
        self._block = b""

    def part(self, start: int, end: int, *, whole: bool = False) -> memoryview:
        """Return bytes from *start* on, not beyond *end*: what the block has, or all when *whole* and the file does."""
        wanted = end if whole else start + 1
        if not self._first <= start <= wanted <= self._first + len(self._block):
            self._load(start)
        return memoryview(self._block)[start - self._first : end - self._first]

    def find(self, what: bytes, start: int, end: int) -> int:
        """Return the first offset of *what* that lies between two, or *end*."""
        while start + len(what) <= end:
            self.part(start, start + len(what), whole=True)
            if len(self._block) - (start - self._first) < len(what):
                break
            found = self._block.find(what, start - self._first, end - self._first)
            if found >= 0:
                return self._first + found
            start = self._first + len(self._block) - len(what) + 1
        return end

    def count(self, what: bytes, start: int, end: int) -> int:
        """Count a single byte between two offsets."""
        counted = 0
        while start < end and (part := self.part(start, end)):
            counted += bytes(part).count(what)
            start += len(part)
        return counted

    def _load(self, start: int) -> None:
        self._first = start
        self._block = os.pread(self._descriptor, min(_BLOCK_BYTES, self._end - start), start)
