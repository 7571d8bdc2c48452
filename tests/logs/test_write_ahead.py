"""Lines on disk before their append returns: under a disk that hangs, a signal handler, and a successor."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from queue_telemetry._runtime import Clock, DropReason
from queue_telemetry.logs import RecordBuffer, Shipper
from queue_telemetry.logs._split import lines_of

Make = Callable[..., Any]


class HungDisk:
    """A disk that does not come back from writes, from a moment on until it is let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.met, self._over, self._real = threading.Event(), threading.Event(), os.pwrite
        self.threads: list[str] = []
        monkeypatch.setattr(os, "pwrite", self._write)

    def _write(self, descriptor: int, data: bytes, offset: int) -> int:
        self.threads.append(threading.current_thread().name)
        self.met.set()
        self._over.wait(30)
        return self._real(descriptor, data, offset)

    def let_go(self) -> None:
        self._over.set()


@pytest.fixture
def hang(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], HungDisk]]:
    disks: list[HungDisk] = []

    def begin() -> HungDisk:
        disks.append(HungDisk(monkeypatch))
        return disks[-1]

    yield begin
    for disk in disks:
        disk.let_go()


@pytest.fixture
def ahead(make_buffer: Make, make_spool: Make) -> RecordBuffer:
    buffer: RecordBuffer = make_buffer(spool=make_spool(), writes_ahead=True)
    return buffer


def _drained(buffer: RecordBuffer) -> list[bytes]:
    lines = []
    buffer.seal()
    while (chunk := buffer.take()) is not None:
        lines += lines_of(chunk.data)
        buffer.settle(chunk)
    return lines


def test_while_one_thread_hangs_in_its_write_others_wait_a_moment_once_and_all_else_goes_on(
    ahead: RecordBuffer, hang: Callable[[], HungDisk]
) -> None:
    ahead.append(b"before\n")
    disk = hang()
    hung = threading.Thread(target=ahead.append, args=(b"hung\n",))
    hung.start()
    disk.met.wait(10)
    began_s = time.monotonic()

    for number in range(100):
        ahead.append(b"%d\n" % number)

    assert time.monotonic() - began_s < 2
    assert [b"before\n", *(b"%d\n" % number for number in range(100))] == _drained(ahead)
    assert (100, 101) == (ahead.not_written, ahead.read()[0].delivered)
    disk.let_go()
    hung.join(10)
    ahead.append(b"after\n")
    assert [b"hung\n", b"after\n"] == _drained(ahead)
    assert 100 == ahead.not_written


def test_what_a_signal_handler_logs_in_the_middle_of_an_append_is_written_and_kept(
    make_buffer: Make, make_spool: Make, tmp_path: Path
) -> None:
    handlers: list[Callable[[], object]] = []

    def now_s() -> float:
        while handlers:
            handlers.pop()()
        return 0.0

    buffer = make_buffer(
        spool=make_spool(), writes_ahead=True, clock=Clock(monotonic=now_s, time=lambda: 0.0)
    )
    handlers.append(lambda: [buffer.append(b"handler's %d\n" % number) for number in range(3)])

    buffer.append(b"interrupted\n")

    (segment,) = tmp_path.rglob("*.seg")
    assert 4 == segment.read_bytes().count(b"\xffQT1")
    assert [b"interrupted\n", *(b"handler's %d\n" % number for number in range(3))] == _drained(buffer)
    assert (0, {}) == (buffer.not_written, buffer.read()[0].dropped)


def test_what_comes_after_the_end_goes_to_the_successor(ahead: RecordBuffer, make_buffer: Make) -> None:
    ahead.append(b"1\n")
    successor = make_buffer()
    ahead.hand_over(successor)
    ahead.refuse()
    ahead.append(b"2\n")

    assert ([b"1\n"], [b"2\n"]) == (_drained(ahead), _drained(successor))
    assert {} == ahead.read()[0].dropped


def test_a_disk_that_hangs_at_an_acknowledgement_stops_neither_delivery_nor_close_and_is_told(
    make_buffer: Make, make_spool: Make, make_shipper: Make, hang: Callable[[], HungDisk], manual_clock: Any
) -> None:
    spool = make_spool()
    buffer = make_buffer(spool=spool, writes_ahead=True, linger_s=0)
    shipper: Shipper = make_shipper(buffer, spool=spool)
    buffer.append(b"1\n")
    disk = hang()
    assert shipper.flush(10)
    disk.met.wait(10)
    manual_clock.advance(3)

    RecordBuffer.append(buffer, b"2\n")
    assert shipper.flush(10)

    assert ["queue_telemetry-spool"] == disk.threads
    assert (True, 3) == (shipper.stats()["spool"]["hangs"], shipper.failures)  # type: ignore[index]  # it is a dict
    began_s = time.monotonic()
    assert shipper.close(0.5)
    assert time.monotonic() - began_s < 3
    assert (2, 0) == (shipper.delivery().delivered, shipper.delivery().pending)


def test_close_keeps_what_is_on_disk_and_counts_the_rest_where_the_disk_hangs(
    make_buffer: Make,
    make_spool: Make,
    make_shipper: Make,
    list_sender: Any,
    hang: Callable[[], HungDisk],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    spool = make_spool()
    buffer = make_buffer(spool=spool, writes_ahead=True, linger_s=0)
    shipper: Shipper = make_shipper(buffer, spool=spool)
    shipper._courier.schedule.failed(1000.0, 10_000.0)
    shipper._courier.circuit.open()
    buffer.append(b"on disk\n")
    disk = hang()
    for _ in range(2):
        RecordBuffer.append(buffer, b"in memory\n")
    shipper.wake()
    disk.met.wait(10)

    assert not shipper.close(0.5)

    delivery = shipper.delivery()
    assert (3, {DropReason.SHUTDOWN: 2}, 1) == (delivery.accepted, delivery.dropped, delivery.pending)
    assert "1 log records are left in the spool for the next process" in caplog.messages


def test_spilling_is_never_done_by_who_logs(
    make_buffer: Make, make_spool: Make, make_shipper: Make, hang: Callable[[], HungDisk]
) -> None:
    spool = make_spool()
    buffer = make_buffer(max_bytes=10_000, batch_bytes=1_000, spool=spool)
    shipper: Shipper = make_shipper(buffer, spool=spool, batch_bytes=1_000)
    shipper._courier.schedule.failed(1000.0, 10_000.0)
    buffer.on_wake = shipper.wake
    disk = hang()

    for _ in range(200):
        buffer.append(b"x" * 99 + b"\n")
    disk.met.wait(10)

    assert {"queue_telemetry-spool"} == set(disk.threads)
    delivery, held, held_bytes = buffer.read()
    assert (200, True) == (held + delivery.dropped[DropReason.OVERFLOW], held_bytes <= 10_000)
    disk.let_go()
    shipper.close(1.0)
