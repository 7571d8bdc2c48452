"""Thinning a chunk: what is of ERROR and above stays."""

from array import array

from queue_telemetry.logs._chunk import Chunk
from queue_telemetry.logs._eviction import thin


def test_only_severe_lines_stay() -> None:
    thinned = thin(Chunk(1, bytearray(b"a\nERR\nb\nOUCH\n"), 13, 4, severe=array("I", [2, 8])))

    assert (bytearray(b"ERR\nOUCH\n"), [0, 4]) == (thinned.data, list(thinned.severe))
    assert (2, 9) == (thinned.records, thinned.size_bytes)


def test_what_an_interrupted_append_left_does_no_harm() -> None:
    thinned = thin(Chunk(1, bytearray(b"a\nERR\n"), 6, 2, severe=array("I", [2, 2, 6])))

    assert (bytearray(b"ERR\n"), 1) == (thinned.data, thinned.records)
