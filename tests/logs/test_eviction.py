"""Making room: what is of ERROR and above stays, and what that costs the caller."""

from array import array

import pytest

from queue_telemetry._runtime import SYSTEM_CLOCK, DropReason
from queue_telemetry.logs import _eviction
from queue_telemetry.logs._chunk import Chunk
from queue_telemetry.logs._eviction import thin
from queue_telemetry.logs._holdings import Holdings
from queue_telemetry.logs.buffer import RecordBuffer


def test_only_severe_lines_stay() -> None:
    thinned = thin(Chunk(1, bytearray(b"a\nERR\nb\nOUCH\n"), 13, 4, severe=array("I", [2, 8])))

    assert (bytearray(b"ERR\nOUCH\n"), [0, 4]) == (thinned.data, list(thinned.severe))
    assert (2, 9) == (thinned.records, thinned.size_bytes)


def test_what_an_interrupted_append_left_does_no_harm() -> None:
    thinned = thin(Chunk(1, bytearray(b"a\nERR\n"), 6, 2, severe=array("I", [2, 2, 6])))

    assert (bytearray(b"ERR\n"), 1) == (thinned.data, thinned.records)


_BATCH_BYTES = 4_000
_MAX_BYTES = 40_000


def test_a_line_is_copied_at_most_twice_however_often_room_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    copied: list[int] = []

    def thin_and_count(chunk: Chunk) -> Chunk:
        copied.append(chunk.records)
        return thin(chunk)

    monkeypatch.setattr(_eviction, "thin", thin_and_count)
    buffer = RecordBuffer(_MAX_BYTES, batch_bytes=_BATCH_BYTES, linger_s=1, clock=SYSTEM_CLOCK)

    for number in range(10_000):
        buffer.append(b"x" * 99 + b"\n", severe=number % 5 == 0)

    assert sum(copied) <= 2 * 10_000


def test_where_only_errors_wait_nothing_is_searched_for_a_lesser_record(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked: list[Holdings] = []
    waiting = Holdings.waiting

    def wait_and_count(held: Holdings) -> list[Chunk]:
        looked.append(held)
        return waiting(held)

    buffer = RecordBuffer(_MAX_BYTES, batch_bytes=_BATCH_BYTES, linger_s=1, clock=SYSTEM_CLOCK)
    for _ in range(1_000):
        buffer.append(b"x" * 99 + b"\n", severe=True)
    buffer.append(b"i" * 99 + b"\n", severe=False)
    dropped = buffer.read()[0].dropped[DropReason.OVERFLOW]
    monkeypatch.setattr(Holdings, "waiting", wait_and_count)

    for _ in range(100):
        buffer.append(b"i" * 99 + b"\n", severe=False)

    assert not looked
    assert buffer.read()[0].dropped[DropReason.OVERFLOW] == dropped + 100


def test_what_is_left_of_many_chunks_is_few_chunks() -> None:
    buffer = RecordBuffer(_MAX_BYTES, batch_bytes=_BATCH_BYTES, linger_s=1, clock=SYSTEM_CLOCK)

    for number in range(20_000):
        buffer.append(b"x" * 99 + b"\n", severe=number % 20 == 0)

    assert len(buffer.history.chunks) <= 4 * _MAX_BYTES // _BATCH_BYTES
