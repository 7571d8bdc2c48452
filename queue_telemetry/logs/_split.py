"""Split chunks at the ends of lines. Pure: no clock, no socket, no state; who settles the whole counts its parts."""

from collections.abc import Sequence

from queue_telemetry.logs._bisection import Suspicion
from queue_telemetry.logs._chunk import Chunk

__all__ = ["cut_after", "halves_by_bytes", "halves_by_records", "lines_of", "pick", "split_at"]


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
        _part(chunk, chunk.data[:cut], records, [span for span in chunk.severe if span[1] <= cut]),
        _part(
            chunk,
            chunk.data[cut:],
            chunk.records - records,
            [(start - cut, end - cut) for start, end in chunk.severe if start >= cut],
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
    return _part(chunk, bytearray().join(lines[index] for index in indexes), len(indexes), [])


def _part(chunk: Chunk, data: bytearray, records: int, severe: list[tuple[int, int]]) -> Chunk:
    suspect: Suspicion | None = chunk.suspect
    return Chunk(
        chunk.number,
        data,
        size_bytes=len(data),
        records=records,
        counted=records,
        due_s=chunk.due_s,
        born_s=chunk.born_s,
        disk=chunk.disk,
        severe=severe,
        suspect=suspect,
        doubted=chunk.doubted,
        adopted=chunk.adopted,
    )
