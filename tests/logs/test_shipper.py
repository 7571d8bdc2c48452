"""Delivery, retry, flush and close, with a clock turned by hand or on real threads."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from queue_telemetry._runtime import SYSTEM_CLOCK, Clock, DropReason
from queue_telemetry.logs import RecordBuffer, Shipper
from queue_telemetry.logs._answer import Answer, Failure

Make = Callable[..., RecordBuffer]

_DOWN = Answer(None, Failure.CONNECT)


@pytest.fixture
def buffer(make_buffer: Make) -> RecordBuffer:
    return make_buffer(batch_bytes=4, linger_s=0)


@pytest.fixture
def shipper(buffer: RecordBuffer, list_sender: Any, make_shipper: Any, manual_clock: Any) -> Shipper:
    shipper: Shipper = make_shipper(buffer, clock=manual_clock.clock)
    return shipper


@pytest.fixture
def no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)


def test_chunks_go_out_in_order(shipper: Shipper, buffer: RecordBuffer, list_sender: Any) -> None:
    for line in (b"aaa\n", b"bbb\n"):
        buffer.append(line)

    assert [0.0, 0.0] == [shipper.step(), shipper.step()]

    assert [b"aaa\n", b"bbb\n"] == list_sender.bodies
    assert 2 == buffer.read()[0].delivered


def test_with_nothing_to_send_it_waits_long(shipper: Shipper, list_sender: Any) -> None:
    assert (60.0, []) == (shipper.step(), list_sender.bodies)


def test_with_an_open_chunk_it_waits_until_that_is_due(
    make_buffer: Make, list_sender: Any, make_shipper: Any, manual_clock: Any
) -> None:
    buffer = make_buffer(linger_s=2.0)
    buffer.append(b"1\n")
    shipper = make_shipper(buffer, clock=manual_clock.clock)

    assert 2.0 == shipper.step()


@pytest.mark.parametrize("answer", [_DOWN, Answer(503), Answer(429)])
def test_what_may_be_taken_later_is_kept_and_tried_again(
    shipper: Shipper, buffer: RecordBuffer, list_sender: Any, manual_clock: Any, answer: Answer
) -> None:
    list_sender.answers = [answer]
    buffer.append(b"aaa\n")
    shipper.step()
    assert (1, {}) == (buffer.read()[1], buffer.read()[0].dropped)
    assert 0 < shipper.step() <= 0.5, "the base of the backoff"

    manual_clock.advance(0.5)
    shipper.step()

    assert ([b"aaa\n"] * 2, 1) == (list_sender.bodies, buffer.read()[0].delivered)


@pytest.mark.parametrize("status", [401, 404, 302, 501])
def test_what_a_wrong_setting_keeps_out_is_kept_and_probed_after_a_minute(
    shipper: Shipper, buffer: RecordBuffer, list_sender: Any, manual_clock: Any, status: int
) -> None:
    list_sender.answers = [Answer(status)]
    buffer.append(b"aaa\n")
    shipper.step()
    assert ("parked", 1, {}) == (shipper.stats()["state"], buffer.read()[1], buffer.read()[0].dropped)
    assert 54 <= shipper.step() <= 60

    manual_clock.advance(60)
    shipper.step()

    assert ([b"aaa\n"] * 2, 1) == (list_sender.bodies, buffer.read()[0].delivered)


@pytest.mark.parametrize("status", [400, 406, 422])
def test_what_will_never_be_taken_is_dropped_and_said(
    shipper: Shipper, buffer: RecordBuffer, list_sender: Any, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    list_sender.answers = [Answer(200), Answer(status)]
    for line in (b"aaa\n", b"bbb\n", b"ccc\n"):
        buffer.append(line)
        shipper.step()

    assert ({DropReason.REJECTED: 1}, 2) == (buffer.read()[0].dropped, buffer.read()[0].delivered)
    assert [f"1 log records were given up: HTTP {status}"] == caplog.messages


def test_a_wrong_key_is_said_once_a_minute_and_nothing_is_lost(
    shipper: Shipper,
    buffer: RecordBuffer,
    list_sender: Any,
    manual_clock: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    list_sender.answers = [Answer(403)] * 50
    buffer.append(b"aaa\n")
    while list_sender.answers:
        shipper.step()
        manual_clock.advance(300)
    shipper.step()

    assert 1 == buffer.read()[0].delivered
    assert [
        "the log collector answers HTTP 403: check its address, token and headers; records are kept"
    ] == caplog.messages


def test_no_request_is_made_before_what_the_collector_asked_for(
    shipper: Shipper, buffer: RecordBuffer, list_sender: Any, manual_clock: Any
) -> None:
    list_sender.answers = [Answer(429, retry_after_s=30.0)]
    buffer.append(b"aaa\n")
    shipper.step()
    manual_clock.advance(29.9)
    assert shipper.step() > 0
    assert 1 == len(list_sender.bodies)

    manual_clock.advance(3.2)
    shipper.step()

    assert 2 == len(list_sender.bodies)


def test_a_defect_in_the_sender_loses_nothing_and_does_not_spin(
    shipper: Shipper, buffer: RecordBuffer, list_sender: Any
) -> None:
    list_sender.answers = [ZeroDivisionError()]
    buffer.append(b"aaa\n")
    with pytest.raises(ZeroDivisionError):
        shipper.step()

    assert shipper.step() > 0
    assert (1, 0) == (buffer.read()[1], buffer.read()[0].delivered)


def test_an_overflow_is_said_with_its_count(
    make_buffer: Make,
    list_sender: Any,
    make_shipper: Any,
    manual_clock: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    buffer = make_buffer(max_bytes=8, batch_bytes=4)
    shipper = make_shipper(buffer, clock=manual_clock.clock)
    for _ in range(5):
        buffer.append(b"aaa\n")

    shipper.step()

    assert ["3 log records were dropped so far, the buffer being full"] == caplog.messages


def test_flush_sends_what_was_appended_before_it(
    shipper: Shipper, buffer: RecordBuffer, list_sender: Any
) -> None:
    buffer.append(b"1\n")

    assert shipper.flush(5.0)

    assert [b"1\n"] == list_sender.bodies
    shipper.close(1.0)


def test_flush_with_nothing_pending_starts_no_thread(shipper: Shipper) -> None:
    assert shipper.flush(5.0)

    assert not shipper._loop.alive


def test_flush_counts_a_refused_batch_as_out(
    shipper: Shipper, buffer: RecordBuffer, list_sender: Any
) -> None:
    list_sender.answers = [Answer(200), Answer(400)]
    for line in (b"1\n", b"2\n"):
        buffer.append(line)
        assert shipper.flush(5.0)
    shipper.close(1.0)


def test_flush_cuts_a_backoff_short(make_buffer: Make, list_sender: Any, make_shipper: Any) -> None:
    buffer = make_buffer(clock=SYSTEM_CLOCK)
    shipper = make_shipper(buffer, clock=SYSTEM_CLOCK)
    for _ in range(30):
        shipper._courier.schedule.failed(SYSTEM_CLOCK.monotonic(), None)
    buffer.append(b"1\n")

    assert shipper.flush(5.0)
    shipper.close(1.0)


def test_flush_in_a_loop_does_not_hammer_a_collector_in_trouble(
    shipper: Shipper, buffer: RecordBuffer, list_sender: Any
) -> None:
    list_sender.answers = [Answer(503)] * 100
    buffer.append(b"1\n")

    assert not any(shipper.flush(0.04) for _ in range(20)), "the clock of the wait stands still"

    assert 1 == len(list_sender.bodies)
    shipper.close(0.0)


def test_flush_respects_what_the_collector_asked_for_and_does_not_wait_in_vain(
    shipper: Shipper, buffer: RecordBuffer, list_sender: Any
) -> None:
    list_sender.answers = [Answer(429, retry_after_s=100.0)]
    buffer.append(b"1\n")
    shipper.step()
    began_s = time.monotonic()

    assert not shipper.flush(5.0)

    assert (1, True) == (len(list_sender.bodies), time.monotonic() - began_s < 2)
    shipper.close(0.0)


@pytest.mark.usefixtures("no_threads")
def test_flush_works_where_no_thread_can_be_started(
    shipper: Shipper, buffer: RecordBuffer, list_sender: Any
) -> None:
    for line in (b"aaa\n", b"bbb\n"):
        buffer.append(line)

    assert shipper.flush(5.0)

    assert [b"aaa\n", b"bbb\n"] == list_sender.bodies
    assert [5.0, 5.0] == list_sender.within_s, "there is nobody to cut a POST short"
    assert not shipper.start()


@pytest.mark.usefixtures("no_threads")
def test_close_without_threads_gives_up_when_the_next_attempt_is_too_late(
    make_buffer: Make, list_sender: Any, make_shipper: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("queue_telemetry.logs._retry.full_jitter_s", lambda *_, **__: 60.0)
    buffer = make_buffer(clock=SYSTEM_CLOCK)
    shipper = make_shipper(buffer, clock=SYSTEM_CLOCK)
    list_sender.answers = [_DOWN]
    buffer.append(b"1\n")

    assert not shipper.close(5.0)

    assert {DropReason.SHUTDOWN: 1} == buffer.read()[0].dropped


def test_close_delivers_then_refuses(shipper: Shipper, buffer: RecordBuffer, list_sender: Any) -> None:
    buffer.append(b"1\n")

    assert shipper.close(5.0)
    buffer.append(b"2\n")

    assert ([b"1\n"], True) == (list_sender.bodies, list_sender.closed)
    assert {DropReason.CLOSED: 1} == buffer.read()[0].dropped
    assert not shipper._loop.alive


def test_close_tries_once_even_if_the_collector_asked_for_time(
    shipper: Shipper, buffer: RecordBuffer, list_sender: Any
) -> None:
    list_sender.answers = [Answer(429, retry_after_s=100.0)]
    buffer.append(b"1\n")
    shipper.step()

    assert shipper.close(5.0)

    assert 1 == buffer.read()[0].delivered


@pytest.mark.parametrize("records", [1, 10])
def test_what_was_refused_and_is_kept_for_a_wrong_setting_counts_as_rejected_at_the_end(
    make_buffer: Make, make_shipper: Any, list_sender: Any, records: int
) -> None:
    buffer = make_buffer()
    shipper = make_shipper(buffer)
    list_sender.answers = [Answer(400)] * 50
    for _ in range(records):
        buffer.append(b"1\n")

    assert not shipper.close(5.0)

    assert {DropReason.REJECTED: records} == buffer.read()[0].dropped


def test_what_a_refused_key_keeps_back_counts_as_shutdown_at_the_end(
    shipper: Shipper, buffer: RecordBuffer, list_sender: Any
) -> None:
    list_sender.answers = [Answer(401)] * 50
    buffer.append(b"1\n")

    assert not shipper.close(5.0)

    assert {DropReason.SHUTDOWN: 1} == buffer.read()[0].dropped


def test_close_twice_says_the_same_and_starts_nothing(
    shipper: Shipper, buffer: RecordBuffer, list_sender: Any, caplog: pytest.LogCaptureFixture
) -> None:
    list_sender.answers = [Answer(503, retry_after_s=100.0)]
    buffer.append(b"1\n")

    assert [False, False] == [shipper.close(0.5), shipper.close(0.5)]

    assert "1 log records were not delivered before the shutdown" in caplog.messages
    assert (False, {DropReason.SHUTDOWN: 1}) == (shipper.start(), buffer.read()[0].dropped)


def test_stats_are_plain_values(
    shipper: Shipper, buffer: RecordBuffer, list_sender: Any, manual_clock: Any
) -> None:
    list_sender.answers = [Answer(200, bytes_wire=3), Answer(503, bytes_wire=3)]
    for line in (b"aaa\n", b"bbb\n", b"c\n"):
        buffer.append(line)
    assert "idle" == shipper.stats()["state"]
    shipper.step()
    assert "ok" == shipper.stats()["state"]
    shipper.step()

    assert {
        "state": "retrying",
        "circuit": "closed",
        "accepted": 3,
        "adopted": 0,
        "delivered": 1,
        "dropped": {},
        "pending": 2,
        "pending_bytes": 6,
        "batches": 1,
        "bytes_raw": 4,
        "bytes_wire": 6,
        "retries": 1,
        "last_status": 503,
        "last_error": "HTTP 503",
    } == shipper.stats()


def test_a_wake_starts_the_thread(shipper: Shipper, buffer: RecordBuffer, list_sender: Any) -> None:
    buffer.on_wake = shipper.wake
    buffer.append(b"aaa\n")

    assert shipper.close(5.0)

    assert [b"aaa\n"] == list_sender.bodies


@pytest.mark.parametrize("leaves", [True, False])
def test_a_close_in_the_middle_of_an_append_is_done_behind_it(
    make_buffer: Make, make_shipper: Any, list_sender: Any, leaves: bool
) -> None:
    handlers: list[Callable[[], object]] = []

    def now_s() -> float:
        while handlers:
            handlers.pop()()
        return 0.0

    clock = Clock(monotonic=now_s, time=lambda: 0.0)
    buffer = make_buffer(clock=clock)
    shipper = make_shipper(buffer, clock=clock)
    buffer.append(b"1\n")
    buffer.seal()
    said: list[bool] = []

    def close() -> None:
        said.extend([shipper.flush(10), shipper.close(10)])
        if leaves:
            raise SystemExit

    handlers.append(close)
    if leaves:
        with pytest.raises(SystemExit):
            buffer.append(b"2\n")
    else:
        buffer.append(b"2\n")

    assert ([False, False], True) == (said, shipper.close(0))
    assert ([b"1\n"] if leaves else [b"1\n2\n"]) == list_sender.bodies
    assert (0, {}) == (shipper.delivery().pending, shipper.delivery().dropped)


_ANSWERS = st.sampled_from(
    [Answer(200), Answer(400), Answer(413), Answer(403), Answer(503), Answer(429, retry_after_s=5.0), _DOWN]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(st.just("append"), st.just("step"), _ANSWERS), max_size=80))
def test_no_record_is_unaccounted_for_whatever_the_collector_says(
    make_buffer: Make, manual_clock: Any, list_sender: Any, make_shipper: Any, plan: list[Any]
) -> None:
    buffer = make_buffer(max_bytes=40, batch_bytes=8)
    list_sender.answers = [item for item in plan if isinstance(item, Answer)]
    list_sender.bodies = []
    shipper = make_shipper(buffer, clock=manual_clock.clock)
    appended = 0
    for item in plan:
        if item == "append":
            buffer.append(b"%03d\n" % appended)
            appended += 1
        else:
            manual_clock.advance(301)
            shipper.step()
        delivery, held, _ = buffer.read()
        assert appended == delivery.accepted == delivery.delivered + sum(delivery.dropped.values()) + held
    taken = [line for body in list_sender.bodies for line in body.splitlines()]
    assert set(taken) <= {b"%03d" % number for number in range(appended)}


@pytest.fixture
def spilling(make_buffer: Make, make_spool: Any, make_shipper: Any) -> Shipper:
    spool = make_spool(clock=SYSTEM_CLOCK)
    shipper: Shipper = make_shipper(
        make_buffer(linger_s=0, clock=SYSTEM_CLOCK, spool=spool), spool=spool, clock=SYSTEM_CLOCK
    )
    return shipper


def test_close_leaves_in_the_spool_what_is_not_sent_in_time(
    spilling: Shipper, list_sender: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    list_sender.answers = [Answer(503, retry_after_s=100.0)] * 9
    spilling.buffer.append(b"1\n")

    assert not spilling.close(0.2)

    delivery, held, held_bytes = spilling.buffer.read()
    assert (1, 1, 0, {}) == (delivery.pending, held, held_bytes, delivery.dropped)
    assert "1 log records are left in the spool for the next process" in caplog.messages


@pytest.mark.usefixtures("no_threads")
@pytest.mark.parametrize(("timeout_s", "sending_s"), [(5.0, 4.5), (1.0, 0.75)])
def test_close_keeps_some_of_its_time_for_the_spool(
    make_buffer: Make,
    make_spool: Any,
    make_shipper: Any,
    list_sender: Any,
    timeout_s: float,
    sending_s: float,
) -> None:
    spool = make_spool()
    shipper = make_shipper(make_buffer(spool=spool), spool=spool)
    shipper.buffer.append(b"1\n")

    assert shipper.close(timeout_s)

    assert [sending_s] == list_sender.within_s


@pytest.mark.usefixtures("no_threads")
def test_close_without_a_spool_sends_for_all_of_its_time(
    shipper: Shipper, buffer: RecordBuffer, list_sender: Any
) -> None:
    buffer.append(b"1\n")

    assert shipper.close(5.0)

    assert [5.0] == list_sender.within_s


def test_close_does_not_wait_for_a_destination_that_is_down_when_there_is_a_spool(
    spilling: Shipper, list_sender: Any
) -> None:
    list_sender.answers = [_DOWN] * 9
    for _ in range(3):
        spilling._courier.schedule.failed(SYSTEM_CLOCK.monotonic())
    spilling._courier.circuit.open()
    spilling.buffer.append(b"1\n")
    began_s = time.monotonic()

    assert not spilling.close(30.0)

    assert (True, []) == (time.monotonic() - began_s < 5, list_sender.bodies)
    assert {} == spilling.delivery().dropped


def test_what_one_shipper_left_the_next_delivers(
    spilling: Shipper, make_buffer: Make, make_spool: Any, make_shipper: Any, list_sender: Any
) -> None:
    list_sender.answers = [Answer(503, retry_after_s=100.0)] * 9
    spilling.buffer.append(b"1\n")
    spilling.close(0.2)
    list_sender.answers = []
    list_sender.bodies = []
    spool = make_spool(clock=SYSTEM_CLOCK)
    successor = make_shipper(make_buffer(clock=SYSTEM_CLOCK, spool=spool), spool=spool, clock=SYSTEM_CLOCK)

    while successor.step() == 0:
        pass

    assert [b"1\n"] == list_sender.bodies
    assert (0, 1, 1) == (
        successor.delivery().accepted,
        successor.delivery().adopted,
        successor.delivery().delivered,
    )


def test_a_wrong_setting_counts_as_several_failures(
    shipper: Shipper, buffer: RecordBuffer, list_sender: Any
) -> None:
    list_sender.answers = [Answer(401)]
    buffer.append(b"1\n")

    shipper.step()

    assert 3 == shipper.failures


def test_stats_tell_of_the_spool_where_there_is_one(spilling: Shipper) -> None:
    stats = spilling.stats()

    assert (0, True) == (stats["not_written"], isinstance(stats["spool"], dict))
