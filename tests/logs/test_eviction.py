"""Thinning a chunk: what is of ERROR and above stays."""

from queue_telemetry.logs._chunk import Chunk
from queue_telemetry.logs._eviction import thin


def test_only_severe_lines_stay() -> None:
    chunk = Chunk(1, bytearray(b"a\nERR\nb\nOUCH\n"), 13, 4, counted=4, severe=[(2, 6), (8, 13)])

    assert (2, 4) == thin(chunk)

    assert (bytearray(b"ERR\nOUCH\n"), [(0, 4), (4, 9)]) == (chunk.data, chunk.severe)
    assert (2, 2, 9) == (chunk.records, chunk.counted, chunk.size_bytes)


def test_a_chunk_of_severe_lines_alone_stays_as_it_is() -> None:
    chunk = Chunk(1, bytearray(b"ERR\n"), 4, 1, counted=1, severe=[(0, 4)])

    assert ((0, 0), bytearray(b"ERR\n")) == (thin(chunk), chunk.data)
