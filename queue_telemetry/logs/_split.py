"""Split chunks at the ends of lines, and join them. Pure: no clock, no socket, no state; none is changed."""

from array import array
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from queue_telemetry.logs._bisection import suspected
from queue_telemetry.logs._chunk import Chunk, no_lines

__all__ = ["cut_after", "halves_by_bytes", "halves_by_records", "joined", "lines_of", "pick", "split_at"]

_JOINED_S: Final = 60.0  # a chunk is as old as its first record, and dropped as a whole when that is too old


def lines_of(data: bytearray) -> list[bytes]:
    """Return the lines, each with its newline, which ends the last one too."""
    return [bytes(line) + b"\n" for line in data.split(b"\n")[:-1]]


def cut_after(data: bytearray, max_bytes: int) -> int:
    """Return where the last whole line within *max_bytes* ends; the first line counts as within."""
    cut = data.rfind(b"\n", 0, max_bytes) + 1
    return cut or data.find(b"\n") + 1 or len(data)


def split_at(chunk: Chunk, cut: int) -> tuple[Chunk, Chunk]:
    """Return what is before and behind the end of a line; the chunk has its lines in memory."""
    records = chunk.data.count(b"\n", 0, cut)
    return (
        _part(chunk, chunk.data[:cut], records, array("I", [start for start in chunk.severe if start < cut])),
        _part(
            chunk,
            chunk.data[cut:],
            chunk.records - records,
            array("I", [start - cut for start in chunk.severe if start >= cut]),
        ),
    )


def halves_by_bytes(chunk: Chunk) -> tuple[Chunk, Chunk]:
    """Return two parts of about the same length of a chunk with at least two records."""
    data = chunk.data
    cut = cut_after(data, len(data) // 2)
    return split_at(chunk, cut if cut < len(data) else data.rfind(b"\n", 0, len(data) - 1) + 1)


def halves_by_records(chunk: Chunk) -> tuple[Chunk, Chunk]:
    """Return two parts with about the same number of records of a chunk with at least two."""
    cut = 0
    for _ in range(chunk.records // 2):
        cut = chunk.data.find(b"\n", cut) + 1
    return split_at(chunk, cut)


def pick(chunk: Chunk, lines: Sequence[bytes], indexes: Sequence[int]) -> Chunk:
    """Return a chunk of some of the records, by their places in *lines*, which are all the lines of the chunk."""
    return _part(chunk, bytearray().join(lines[index] for index in indexes), len(indexes), no_lines())


def joined(first: Chunk, second: Chunk, max_records: int, batch_bytes: int) -> Chunk | None:
    """Return one chunk of both; None when that would be too large, or something tells them apart.

    It keeps the first one's number: who waits for either waits for both.
    """
    if (
        first.records + second.records > max_records
        or first.size_bytes + second.size_bytes > batch_bytes
        or suspected(first) is not None  # parts of a refused batch were parted to tell good from bad
        or suspected(second) is not None
        or first.doubted is not second.doubted
        or first.adopted is not second.adopted
        or second.born_s - first.born_s > _JOINED_S
        or first.is_part
        or second.is_part
        or (first.disk is None) is not (second.disk is None)
    ):
        return None
    place = None if first.disk is None or second.disk is None else first.disk.join(second.disk)
    if place is None and first.disk is not None:
        return None
    in_memory = bool(first.data) and bool(second.data)  # all of the lines or none
    begin = len(first.data)
    return replace(
        first,
        data=first.data + second.data if in_memory else bytearray(),
        severe=first.severe + array("I", [begin + start for start in second.severe])
        if in_memory
        else no_lines(),
        size_bytes=first.size_bytes + second.size_bytes,
        records=first.records + second.records,
        disk=place,
    )


def _part(chunk: Chunk, data: bytearray, records: int, severe: "array[int]") -> Chunk:
    return replace(
        chunk, data=data, size_bytes=len(data), records=records, severe=severe, is_part=chunk.disk is not None
    )
