"""A buffer with a spool: what is written when, what leaves memory, and what goes when the disk is full."""

import errno
import math
import os
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from itertools import count
from pathlib import Path
from typing import Any, Self

import pytest

from queue_telemetry._runtime import SYSTEM_CLOCK, DropReason
from queue_telemetry.logs import RecordBuffer
from queue_telemetry.logs._chunk import Chunk
from queue_telemetry.logs._split import lines_of

Make = Callable[..., Any]
FullDisk = Callable[..., AbstractContextManager[None]]


def _bytes_on_disk(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(folder.rglob("*.seg")))


def _drain(buffer: RecordBuffer) -> list[bytes]:
    lines = []
    buffer.seal()
    while (chunk := buffer.take()) is not None:
        lines += lines_of(chunk.data)
        buffer.settle(chunk)
    return lines


@pytest.fixture
def wal(make_buffer: Make, make_spool: Make) -> RecordBuffer:
    buffer: RecordBuffer = make_buffer(max_bytes=1000, batch_bytes=200, spool=make_spool(), writes_ahead=True)
    return buffer


@pytest.fixture
def spill(make_buffer: Make, make_spool: Make) -> RecordBuffer:
    """As beside a thread that stores at once what is over a quarter of the memory."""
    buffer: RecordBuffer = make_buffer(max_bytes=1000, batch_bytes=100, spool=make_spool())
    buffer.on_wake = buffer.relieve
    return buffer


def test_a_line_is_on_disk_before_a_write_ahead_append_returns(wal: RecordBuffer, tmp_path: Path) -> None:
    wal.append(b"first\n")
    assert b"first\n" in _bytes_on_disk(tmp_path)

    wal.append(b"second\n")

    assert b"second\n" in _bytes_on_disk(tmp_path)


def test_over_half_of_the_memory_a_written_line_is_kept_on_disk_only(wal: RecordBuffer) -> None:
    lines = [b"%098d\n" % number for number in range(100)]
    most = 0
    for line in lines:
        wal.append(line)
        most = max(most, wal.read()[2])

    assert most <= 600, "half, and the chunk that is open"
    assert lines == _drain(wal)
    assert (100, {}, 0) == (wal.read()[0].delivered, wal.read()[0].dropped, wal.read()[2])


def test_a_delivered_chunk_leaves_the_disk(wal: RecordBuffer, tmp_path: Path) -> None:
    wal.append(b"first\n")
    _drain(wal)

    wal.append(b"second\n")
    _drain(wal)

    assert 2 == wal.read()[0].delivered
    next_places = wal._accounts.spool.adopt() if wal._accounts.spool else None
    assert next_places is None


def test_without_trouble_nothing_is_written(spill: RecordBuffer, tmp_path: Path) -> None:
    for number in range(20):
        spill.append(b"%09d\n" % number)

    assert (20, b"") == (len(_drain(spill)), _bytes_on_disk(tmp_path))


def test_over_half_of_the_memory_the_newest_are_on_disk_only_and_the_order_stays(
    spill: RecordBuffer, tmp_path: Path
) -> None:
    lines = [b"%09d\n" % number for number in range(500)]
    for line in lines:
        spill.append(line)
    memory_bytes = spill.read()[2]

    assert 400 <= memory_bytes <= 600
    assert lines == _drain(spill)


def test_chunks_are_written_in_their_order(spill: RecordBuffer, make_spool: Make) -> None:
    lines = [b"%09d\n" % number for number in range(300)]
    for line in lines:
        spill.append(line)
    spill.abandon()
    assert spill._accounts.spool is not None
    spill._accounts.spool.close()

    found = []
    successor = make_spool()
    for place in successor.adopt():
        found += lines_of(successor.read(place)[0])

    assert lines == found


def test_a_chunk_is_written_when_told_so_and_small_ones_join_on_disk(spill: RecordBuffer) -> None:
    for number in range(3):
        spill.append(b"%d\n" % number)
        spill.seal()
        spill.store_next()

    assert not spill.store_next()
    chunk = spill.take()

    assert chunk is not None
    assert (bytearray(b"0\n1\n2\n"), 3) == (chunk.data, chunk.records)


def test_a_full_spool_drops_what_is_oldest_in_it(
    make_buffer: Make, make_spool: Make, manual_clock: Any
) -> None:
    spool = make_spool(max_bytes=5 * 64 * 1024)
    buffer = make_buffer(max_bytes=10_000, batch_bytes=2_000, spool=spool, writes_ahead=True)
    lines = [b"%0998d\n" % number for number in range(1_000)]
    for line in lines:
        buffer.append(line)
        manual_clock.advance(0.01)

    kept = _drain(buffer)

    assert 150 < len(kept) < 350
    assert lines[-len(kept) :] == kept
    assert {DropReason.SPOOL_FULL: 1_000 - len(kept)} == buffer.read()[0].dropped


def test_where_the_lines_of_the_oldest_do_not_fit_into_memory_what_is_there_goes_first(
    make_buffer: Make, make_spool: Make
) -> None:
    left = make_spool()
    old = b"o" * 899 + b"\n"
    assert left.write(old, 1)
    left.close()
    spool = make_spool()
    buffer = make_buffer(max_bytes=1000, batch_bytes=1000, spool=spool)
    buffer.adopt(spool.adopt())
    own = b"n" * 199 + b"\n"
    buffer.append(own)
    buffer.seal()

    chunk = buffer.take()

    assert (own, 200) == (bytes(chunk.data), buffer.read()[2])
    buffer.settle(chunk)
    assert [old] == _drain(buffer)


def test_a_full_spool_drops_nothing_while_the_disk_takes_nothing_either(
    make_buffer: Make, make_spool: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    buffer = make_buffer(
        max_bytes=1000, batch_bytes=200, spool=make_spool(max_bytes=5_000), writes_ahead=True
    )
    for number in range(30):
        buffer.append(b"%098d\n" % number)
    monkeypatch.setattr("os.pwrite", _no_space)
    buffer.append(b"refused\n")
    before = buffer.read()[0].dropped.get(DropReason.SPOOL_FULL, 0)

    for number in range(20):
        buffer.append(b"%098d\n" % number)

    assert before == buffer.read()[0].dropped.get(DropReason.SPOOL_FULL, 0)


def test_what_a_full_disk_does_not_take_is_in_memory_and_counted(
    wal: RecordBuffer, full_disk: FullDisk
) -> None:
    lines = [b"%d\n" % number for number in range(5)]

    with full_disk():
        for line in lines:
            wal.append(line)

    assert (5, lines) == (wal.not_written, _drain(wal))


def test_after_a_full_disk_lines_are_written_ahead_again(
    wal: RecordBuffer, manual_clock: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wal.append(b"before\n")
    with monkeypatch.context() as patch:
        patch.setattr("os.pwrite", _no_space)
        wal.append(b"meanwhile\n")
    manual_clock.advance(31)

    wal.append(b"after\n")

    assert 1 == wal.not_written
    assert b"after\n" in _bytes_on_disk(tmp_path)
    assert [b"before\n", b"meanwhile\n", b"after\n"] == _drain(wal)


def _no_space(*_: object) -> int:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_memory_is_the_limit_when_the_disk_takes_nothing(
    make_buffer: Make, make_spool: Make, full_disk: FullDisk
) -> None:
    buffer = make_buffer(max_bytes=1000, batch_bytes=100, spool=make_spool())
    with full_disk():
        for number in range(500):
            buffer.append(b"%09d\n" % number)
            assert buffer.read()[2] <= 1000

    delivery, held, _ = buffer.read()
    assert 500 == held + delivery.dropped[DropReason.OVERFLOW]
    assert b"%09d\n" % 499 == _drain(buffer)[-1]


def test_a_changed_byte_on_disk_costs_its_frame_and_is_counted(spill: RecordBuffer, tmp_path: Path) -> None:
    for number in range(500):
        spill.append(b"%09d\n" % number)
    (segment,) = tmp_path.rglob("*.seg")
    content = bytearray(segment.read_bytes())
    content[content.index(b"%09d\n" % 470)] ^= 1
    segment.write_bytes(content)

    kept = _drain(spill)

    lost = 500 - len(kept)
    assert 0 < lost <= 10, "one chunk"
    assert {DropReason.DAMAGED: lost} == spill.read()[0].dropped


def _fail_reading(monkeypatch: pytest.MonkeyPatch, path: Path, times: float) -> None:
    """Have reading of a file fail so many times."""
    pread, file, tries = os.pread, path.stat(), count(1)

    def fail(descriptor: int, size: int, offset: int) -> bytes:
        if os.path.samestat(os.fstat(descriptor), file) and next(tries) <= times:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return pread(descriptor, size, offset)

    monkeypatch.setattr(os, "pread", fail)


def test_a_disk_that_fails_once_costs_neither_records_nor_their_order(
    spill: RecordBuffer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [b"%09d\n" % number for number in range(500)]
    for line in lines:
        spill.append(line)
    _fail_reading(monkeypatch, next(tmp_path.rglob("*.seg")), 1)
    before = _drain(spill)
    assert 0 < len(before) < 500, "until it failed"

    assert lines == before + _drain(spill)
    assert {} == spill.read()[0].dropped


def test_what_cannot_be_read_keeps_nothing_else_from_being_sent(
    make_buffer: Make, make_spool: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, manual_clock: Any
) -> None:
    left = make_spool()
    for number in range(3):
        assert left.write(b"old%d\n" % number, 1)
    left.close()
    spool = make_spool()
    buffer = make_buffer(spool=spool, max_age_s=3600)
    buffer.adopt(spool.adopt(max_records=1))
    _fail_reading(monkeypatch, next(tmp_path.rglob("*.seg")), math.inf)
    assert [] == _drain(buffer)
    buffer.append(b"new\n")

    assert [b"new\n"] == _drain(buffer)
    buffer.append(b"newer\n")
    assert [b"newer\n"] == _drain(buffer)
    assert (3, {}) == (buffer.read()[1], buffer.read()[0].dropped)
    manual_clock.advance(3601)
    assert ([], {DropReason.EXPIRED: 3}) == (_drain(buffer), buffer.read()[0].dropped)


def test_what_can_be_read_again_is_sent(
    make_buffer: Make, make_spool: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = make_spool()
    for number in range(3):
        assert left.write(b"%d\n" % number, 1)
    left.close()
    spool = make_spool()
    buffer = make_buffer(spool=spool)
    buffer.adopt(spool.adopt(max_records=1))
    _fail_reading(monkeypatch, next(tmp_path.rglob("*.seg")), 5)

    arrived = [line for _ in range(4) for line in _drain(buffer)]

    assert [b"0\n", b"1\n", b"2\n"] == sorted(arrived)


def test_what_is_too_old_is_not_sent(make_buffer: Make, make_spool: Make, manual_clock: Any) -> None:
    buffer = make_buffer(spool=make_spool(), writes_ahead=True, max_age_s=3600)
    buffer.append(b"old\n")
    buffer.seal()
    manual_clock.advance(3601)
    buffer.append(b"new\n")

    assert ([b"new\n"], {DropReason.EXPIRED: 1}) == (_drain(buffer), buffer.read()[0].dropped)


def test_what_is_left_is_adopted_and_delivered_by_the_next(
    wal: RecordBuffer, make_buffer: Make, make_spool: Make
) -> None:
    lines = [b"%d\n" % number for number in range(10)]
    for line in lines:
        wal.append(line)
    assert (0, 10) == wal.abandon()
    assert (10, 0) == wal.read()[1:], "pending on disk"
    assert wal._accounts.spool is not None
    wal._accounts.spool.close()

    successor_spool = make_spool()
    successor = make_buffer(spool=successor_spool)
    successor.adopt(successor_spool.adopt())

    assert successor.adopted_chunks
    assert lines == _drain(successor)
    assert (0, 10, 10) == (
        successor.read()[0].accepted,
        successor.read()[0].adopted,
        successor.read()[0].delivered,
    )


def test_who_waits_for_his_own_records_does_not_wait_for_adopted_ones(
    wal: RecordBuffer, make_buffer: Make, make_spool: Make
) -> None:
    wal.append(b"left\n")
    wal.abandon()
    assert wal._accounts.spool is not None
    wal._accounts.spool.close()
    spool = make_spool()
    buffer = make_buffer(spool=spool)
    buffer.append(b"own\n")
    number = buffer.seal()
    buffer.adopt(spool.adopt())

    own = buffer.take()
    buffer.settle(own)

    assert buffer.settled(number)
    assert 1 == buffer.read()[1]


def test_parts_of_a_chunk_share_its_copy_until_the_last_is_settled(
    wal: RecordBuffer, make_spool: Make
) -> None:
    for number in range(4):
        wal.append(b"%d\n" % number)
    wal.seal()
    head = wal.take(max_bytes=4)
    assert head is not None
    wal.settle(head)
    assert wal._accounts.spool is not None
    wal._accounts.spool.forget()  # as if killed

    successor = make_spool()
    places = successor.adopt()

    assert [b"0\n", b"1\n", b"2\n", b"3\n"] == lines_of(successor.read(places[0])[0])


def test_parts_that_are_left_in_good_order_do_not_bring_the_others_back(
    wal: RecordBuffer, make_spool: Make
) -> None:
    for number in range(4):
        wal.append(b"%d\n" % number)
    wal.seal()
    head = wal.take(max_bytes=4)
    assert head is not None
    wal.settle(head)

    assert (0, 2) == wal.abandon()
    assert wal._accounts.spool is not None
    wal._accounts.spool.close()

    successor = make_spool()
    found = [line for place in successor.adopt() for line in lines_of(successor.read(place)[0])]
    assert [b"2\n", b"3\n"] == found


class _Shipping:
    """Takes, cuts, gives back, stores and delivers until told that all is logged; watches the accounts meanwhile."""

    def __init__(self, buffer: RecordBuffer) -> None:
        self.buffer = buffer
        self.arrived: list[bytes] = []
        self.disagreements: list[object] = []
        self.done = threading.Event()
        self._threads = [threading.Thread(target=self._ship), threading.Thread(target=self._watch)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.buffer.seal()
        self.done.set()
        for thread in self._threads:
            thread.join()

    def _watch(self) -> None:
        while not self.done.is_set():
            delivery, held, held_bytes = self.buffer.read()
            if delivery.pending != held or held_bytes > 3_000:
                self.disagreements.append((delivery, held, held_bytes))

    def _ship(self) -> None:
        for turn in count():
            all_is_logged = self.done.is_set()
            chunk = self.buffer.take(200 if turn % 4 == 0 else None)
            if chunk is not None:
                self._send(chunk, fails=turn % 3 == 0)
            elif all_is_logged:
                return
            else:
                self.buffer.seal()

    def _send(self, chunk: Chunk, *, fails: bool) -> None:
        if fails:
            self.buffer.give_back(chunk)
            self.buffer.store_next()
        else:
            self.arrived.extend(lines_of(chunk.data))
            self.buffer.settle(chunk)


@pytest.mark.parametrize("writes_ahead", [True, False], ids=["wal", "spill"])
def test_accounts_agree_at_any_moment_under_threads_and_the_order_stays(
    make_buffer: Make, make_spool: Make, writes_ahead: bool
) -> None:
    buffer = make_buffer(
        max_bytes=3_000,
        batch_bytes=500,
        linger_s=0,
        clock=SYSTEM_CLOCK,
        spool=make_spool(clock=SYSTEM_CLOCK),
        writes_ahead=writes_ahead,
    )
    if not writes_ahead:
        buffer.on_wake = buffer.relieve

    def log(name: int) -> None:
        for number in range(500):
            buffer.append(b"%d:%07d\n" % (name, number))

    loggers = [threading.Thread(target=log, args=(name,)) for name in range(4)]
    with _Shipping(buffer) as shipping:
        for thread in loggers:
            thread.start()
        for thread in loggers:
            thread.join()

    arrived = shipping.arrived
    delivery = buffer.read()[0]
    # on a machine so busy that a write takes long nobody waits for it
    dropped = delivery.dropped.pop(DropReason.OVERFLOW, 0)
    assert [] == shipping.disagreements
    assert len(set(arrived)) == len(arrived) == 2_000 - dropped
    assert (0, {}, 0 if writes_ahead else dropped) == (delivery.pending, delivery.dropped, dropped)
    for name in range(4):
        own = [line for line in arrived if line.startswith(b"%d:" % name)]
        assert sorted(own) == own
