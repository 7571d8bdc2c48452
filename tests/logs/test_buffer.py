"""The bounded buffer: sealing, order, limits, and accounts that agree with what it holds."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queue_telemetry._runtime import SYSTEM_CLOCK, Clock, DropReason
from queue_telemetry.logs import Losses, RecordBuffer

Make = Callable[..., RecordBuffer]


def test_lines_travel_together_in_order(make_buffer: Make) -> None:
    buffer = make_buffer()
    buffer.append(b"1\n")
    buffer.append(b"2\n")
    buffer.seal()

    chunk = buffer.take()

    assert chunk is not None
    assert (bytearray(b"1\n2\n"), 2) == (chunk.data, chunk.records)


def test_a_chunk_never_exceeds_the_batch_size(make_buffer: Make) -> None:
    buffer = make_buffer(batch_bytes=10)
    for _ in range(3):
        buffer.append(b"1234\n")
    buffer.seal()

    chunk = buffer.take()

    assert chunk is not None
    assert bytearray(b"1234\n1234\n") == chunk.data


def test_a_line_longer_than_a_batch_travels_alone(make_buffer: Make) -> None:
    buffer = make_buffer(batch_bytes=4)
    buffer.append(b"a\n")
    buffer.append(b"long line\n")

    first = buffer.take()
    assert first is not None
    assert bytearray(b"a\n") == first.data
    buffer.settle(first)
    second = buffer.take()

    assert second is not None
    assert bytearray(b"long line\n") == second.data


def test_a_chunk_is_sealed_at_a_thousand_records(make_buffer: Make) -> None:
    buffer = make_buffer()
    for _ in range(1000):
        buffer.append(b"{}\n")

    chunk = buffer.take()

    assert chunk is not None
    assert 1000 == chunk.records


def test_a_chunk_is_sealed_when_it_lingered_long_enough(make_buffer: Make, manual_clock: Any) -> None:
    buffer = make_buffer(linger_s=1.0)
    buffer.append(b"{}\n")
    manual_clock.advance(0.25)
    assert 0.75 == buffer.seal_due()
    assert buffer.take() is None

    manual_clock.advance(0.75)

    assert buffer.seal_due() is None
    assert buffer.take() is not None


def test_the_first_line_and_each_full_chunk_wake_the_shipper(make_buffer: Make) -> None:
    buffer = make_buffer(batch_bytes=10)
    woken: list[int] = []
    buffer.on_wake = lambda: woken.append(1)

    counts = []
    for _ in range(4):
        buffer.append(b"1234\n")
        counts.append(len(woken))

    assert [1, 2, 3, 4] == counts


def test_the_second_line_of_a_chunk_wakes_nobody(make_buffer: Make) -> None:
    buffer = make_buffer()
    buffer.append(b"1\n")
    woken: list[int] = []
    buffer.on_wake = lambda: woken.append(1)

    buffer.append(b"2\n")

    assert [] == woken


def test_only_one_chunk_is_in_flight(make_buffer: Make) -> None:
    buffer = make_buffer(batch_bytes=2)
    buffer.append(b"1\n")
    buffer.append(b"2\n")
    assert buffer.take() is not None

    assert buffer.take() is None


def test_a_chunk_given_back_comes_first_again(make_buffer: Make) -> None:
    buffer = make_buffer(batch_bytes=2)
    buffer.append(b"1\n")
    buffer.append(b"2\n")
    first = buffer.take()
    assert first is not None

    buffer.give_back(first)

    assert first is buffer.take()


def test_the_oldest_sealed_chunk_makes_room(make_buffer: Make) -> None:
    buffer = make_buffer(max_bytes=4, batch_bytes=2)
    for line in (b"1\n", b"2\n", b"3\n"):
        buffer.append(line)

    chunk = buffer.take()

    assert chunk is not None
    assert bytearray(b"2\n") == chunk.data
    assert {DropReason.OVERFLOW: 1} == buffer.read()[0].dropped


def test_a_chunk_in_flight_is_not_dropped_but_still_counts_as_memory(make_buffer: Make) -> None:
    buffer = make_buffer(max_bytes=4, batch_bytes=4)
    buffer.append(b"12\n")
    buffer.seal()
    chunk = buffer.take()
    assert chunk is not None

    buffer.append(b"34\n")

    assert ({DropReason.OVERFLOW: 1}, 1, 3) == (buffer.read()[0].dropped, *buffer.read()[1:])
    assert buffer.settle(chunk)
    assert 1 == buffer.read()[0].delivered


@pytest.mark.parametrize(
    "line", [b"x" * 8 + b"\n", b"x" * 6 + b"\n"], ids=["more than all memory", "more than is not in flight"]
)
def test_a_line_that_can_never_fit_drops_no_other(make_buffer: Make, line: bytes) -> None:
    buffer = make_buffer(max_bytes=8, batch_bytes=2)
    buffer.append(b"1\n")
    buffer.append(b"2\n")
    assert buffer.take() is not None

    buffer.append(line)

    assert ({DropReason.OVERFLOW: 1}, 2) == (buffer.read()[0].dropped, buffer.read()[1])


def test_nothing_is_taken_after_refuse(make_buffer: Make) -> None:
    buffer = make_buffer()
    buffer.refuse()

    buffer.append(b"1\n")

    delivery, pending, pending_bytes = buffer.read()
    assert (1, {DropReason.CLOSED: 1}, 0, 0) == (delivery.accepted, delivery.dropped, pending, pending_bytes)


def test_abandon_drops_open_sealed_and_in_flight(make_buffer: Make) -> None:
    buffer = make_buffer(batch_bytes=2)
    for line in (b"1\n", b"2\n", b"3\n"):
        buffer.append(line)
    chunk = buffer.take()
    assert chunk is not None

    assert (3, 0) == buffer.abandon()

    delivery, pending, pending_bytes = buffer.read()
    assert ({DropReason.SHUTDOWN: 3}, 0, 0) == (delivery.dropped, pending, pending_bytes)
    assert not buffer.settle(chunk), "the answer came after the records were counted as lost"
    assert 0 == buffer.read()[0].delivered


def test_small_chunks_that_wait_become_one(make_buffer: Make) -> None:
    buffer = make_buffer(batch_bytes=8)
    numbers = []
    for line in (b"1\n", b"2\n", b"3456\n", b"7\n"):
        buffer.append(line)
        numbers.append(buffer.seal())

    first = buffer.take()

    assert first is not None
    assert (bytearray(b"1\n2\n"), 2) == (first.data, first.records)
    assert [False] * 4 == [buffer.settled(number) for number in numbers]
    buffer.settle(first)
    assert [True, True, False, False] == [buffer.settled(number) for number in numbers]
    second = buffer.take()
    assert second is not None
    assert bytearray(b"3456\n7\n") == second.data
    assert 4 == buffer.read()[0].accepted


def test_settled_speaks_of_chunks_up_to_a_number_only(make_buffer: Make) -> None:
    buffer = make_buffer()
    buffer.append(b"1\n")
    number = buffer.seal()
    buffer.append(b"2\n")
    assert not buffer.settled(number)
    chunk = buffer.take()
    assert chunk is not None
    assert not buffer.settled(number)

    buffer.settle(chunk)

    assert buffer.settled(number)
    assert not buffer.settled(buffer.seal())


class _Interrupting:
    """A clock in whose reading, in the middle of an append, a signal handler runs."""

    def __init__(self) -> None:
        self.handler: Callable[[], object] = int
        self.clock = Clock(monotonic=self._monotonic, time=lambda: 0.0)

    def _monotonic(self) -> float:
        self.handler()
        return 0.0


def test_a_flush_in_the_middle_of_an_append_changes_nothing(make_buffer: Make) -> None:
    interrupting = _Interrupting()
    buffer = make_buffer(clock=interrupting.clock)
    numbers: list[int] = []

    def flush_and_report() -> None:
        numbers.append(buffer.seal())
        buffer.seal_due()
        assert buffer.take() is None
        assert not buffer.settled(numbers[0])
        buffer.read()

    interrupting.handler = flush_and_report
    buffer.append(b"1\n")

    delivery, held, _ = buffer.read()
    assert (1, 1, 1, 1) == (len(numbers), delivery.accepted, delivery.pending, held)


def test_a_close_in_the_middle_of_an_append_counts_its_record_too(make_buffer: Make) -> None:
    interrupting = _Interrupting()
    buffer = make_buffer(clock=interrupting.clock)

    def close() -> None:
        buffer.refuse()
        buffer.abandon()

    interrupting.handler = close
    buffer.append(b"1\n")
    interrupting.handler = int
    buffer.append(b"2\n")

    delivery, held, held_bytes = buffer.read()
    assert (2, {DropReason.SHUTDOWN: 1, DropReason.CLOSED: 1}) == (delivery.accepted, delivery.dropped)
    assert (0, 0) == (held, held_bytes)


def test_what_a_signal_handler_logs_in_the_middle_of_an_append_comes_behind_it(make_buffer: Make) -> None:
    interrupting = _Interrupting()
    buffer = make_buffer(clock=interrupting.clock)

    def log() -> None:
        interrupting.handler = int
        buffer.append(b"2\n")
        buffer.append(b"3\n")

    interrupting.handler = log
    buffer.append(b"1\n")
    buffer.seal()

    chunk = buffer.take()
    assert chunk is not None
    assert (bytearray(b"1\n2\n3\n"), {}) == (chunk.data, buffer.read()[0].dropped)


def test_what_comes_after_refuse_goes_to_the_successor(make_buffer: Make) -> None:
    buffer, successor = make_buffer(), make_buffer()
    buffer.hand_over(successor)
    buffer.append(b"1\n")
    buffer.refuse()

    buffer.append(b"2\n")

    assert (1, {}, 1) == (buffer.read()[0].accepted, buffer.read()[0].dropped, successor.read()[0].accepted)


def test_a_reading_while_another_thread_is_stopped_in_a_change_does_not_wait_for_it(
    make_buffer: Make,
) -> None:
    interrupting = _Interrupting()
    buffer = make_buffer(clock=interrupting.clock)
    inside, over = threading.Event(), threading.Event()

    def stop() -> None:
        inside.set()
        over.wait(20)

    interrupting.handler = stop
    thread = threading.Thread(target=buffer.append, args=(b"1\n",))
    thread.start()
    inside.wait(10)
    began_s = time.monotonic()

    assert 0 == buffer.read()[1]
    took_s = time.monotonic() - began_s
    over.set()
    thread.join(10)
    assert (True, 1) == (took_s < 0.5, buffer.read()[1])


def test_an_exit_in_the_middle_of_an_append_leaves_it_usable(make_buffer: Make) -> None:
    interrupting = _Interrupting()
    buffer = make_buffer(clock=interrupting.clock)

    def leave() -> None:
        raise SystemExit

    interrupting.handler = leave
    with pytest.raises(SystemExit):
        buffer.append(b"1\n")
    interrupting.handler = int
    buffer.append(b"2\n")

    delivery, held, _ = buffer.read()
    assert (1, 1) == (delivery.accepted, held), "the record of the call that was interrupted is not taken in"


_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(1, 30)),
        st.tuples(st.sampled_from(["take", "deliver", "reject", "give_back", "seal", "refuse", "abandon"])),
    ),
    max_size=60,
)


@given(_STEPS)
def test_accounts_equal_what_is_held_after_any_steps(steps: list[tuple[Any, ...]]) -> None:
    buffer = RecordBuffer(100, batch_bytes=40, linger_s=1, clock=Clock(lambda: 0.0, lambda: 0.0))
    flying = None
    appended = 0
    for step, *arguments in steps:
        if step == "append":
            buffer.append(b"x" * (arguments[0] - 1) + b"\n")
            appended += 1
        elif step == "take":
            flying = buffer.take() or flying
        elif step == "seal":
            buffer.seal()
        elif step == "refuse":
            buffer.refuse()
        elif step == "abandon":
            buffer.abandon()
        elif flying is not None:
            if step == "give_back":
                buffer.give_back(flying)
            else:
                buffer.settle(flying, {} if step == "deliver" else {DropReason.REJECTED: flying.records})
            flying = None
        delivery, held, held_bytes = buffer.read()
        assert appended == delivery.accepted == delivery.delivered + sum(delivery.dropped.values()) + held
        assert held == delivery.pending
        assert held_bytes <= 100


def _ship_until(done: threading.Event, buffer: RecordBuffer) -> None:
    taken = 0
    while not done.is_set():
        chunk = buffer.take()
        if chunk is None:
            continue
        taken += 1
        if taken % 3 == 0:
            buffer.give_back(chunk)
        else:
            buffer.settle(chunk, {DropReason.REJECTED: chunk.records} if taken % 5 == 0 else {})


def test_accounts_agree_at_any_moment_under_threads() -> None:
    buffer = RecordBuffer(5_000, batch_bytes=500, linger_s=0, clock=SYSTEM_CLOCK)
    done = threading.Event()
    disagreements: list[object] = []

    def watch() -> None:
        while not done.is_set():
            delivery, held, held_bytes = buffer.read()
            if delivery.pending != held or held_bytes > 5_000:
                disagreements.append((delivery, held, held_bytes))

    def log() -> None:
        for _ in range(3_000):
            buffer.append(b"0123456789\n")

    others = [threading.Thread(target=_ship_until, args=(done, buffer)), threading.Thread(target=watch)]
    loggers = [threading.Thread(target=log) for _ in range(4)]
    for thread in (*others, *loggers):
        thread.start()
    for thread in loggers:
        thread.join()
    done.set()
    for thread in others:
        thread.join()

    assert [] == disagreements
    assert 12_000 == buffer.read()[0].accepted


def test_what_was_lost_in_front_of_it_is_in_its_accounts_and_is_told_of_with_its_own(
    make_buffer: Make, manual_clock: Any
) -> None:
    buffer = make_buffer(max_bytes=10)
    buffer.inherit(Losses({DropReason.OVERFLOW: 3}, 10.0, 20.0))
    buffer.append(b"longer than that\n")

    assert (4, {DropReason.OVERFLOW: 4}) == (buffer.read()[0].accepted, buffer.read()[0].dropped)
    assert Losses({DropReason.OVERFLOW: 4}, 10.0, manual_clock.clock.time()) == buffer.take_losses()


def test_inheriting_no_losses_changes_nothing(make_buffer: Make) -> None:
    buffer = make_buffer(max_bytes=10)
    buffer.append(b"longer than that\n")
    before = buffer.history.losses()

    buffer.inherit(Losses({}))

    assert before == buffer.take_losses()
