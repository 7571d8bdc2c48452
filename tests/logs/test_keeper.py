"""The thread at the disk: it stores, tidies and leaves, and nobody else waits where the disk hangs with it."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from queue_telemetry._runtime import DropReason
from queue_telemetry.logs import RecordBuffer, Shipper

Make = Callable[..., Any]


def test_a_disk_that_hangs_at_an_acknowledgement_stops_neither_delivery_nor_close_and_is_told(
    make_buffer: Make, make_spool: Make, make_shipper: Make, hang: Callable[[], Any], manual_clock: Any
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
    hang: Callable[[], Any],
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
    make_buffer: Make, make_spool: Make, make_shipper: Make, hang: Callable[[], Any]
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


def test_a_disk_that_refuses_is_told_as_a_failure(
    make_buffer: Make, make_spool: Make, make_shipper: Make, full_disk: Any
) -> None:
    spool = make_spool()
    buffer = make_buffer(spool=spool, writes_ahead=True)
    shipper: Shipper = make_shipper(buffer, spool=spool)

    with full_disk():
        buffer.append(b"1\n")

    assert 3 == shipper.failures
    assert 1 == shipper.stats()["not_written"]
