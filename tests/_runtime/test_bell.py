"""The bell: one wait for each ring, and nothing that a signal handler could break."""

import signal
import threading
from types import FrameType

import pytest

from queue_telemetry._runtime import Bell


def test_a_ring_ends_a_wait_of_another_thread() -> None:
    bell = Bell()
    ended: list[bool] = []
    thread = threading.Thread(target=lambda: ended.append(bell.wait(10)))
    thread.start()

    bell.ring()
    thread.join(10)

    assert [True] == ended


def test_a_ring_before_the_wait_is_kept_and_a_second_one_is_not() -> None:
    bell = Bell()
    bell.ring()
    bell.ring()

    assert [True, False] == [bell.wait(10), bell.wait(0)]


def test_a_wait_without_a_ring_ends(subtests: pytest.Subtests) -> None:
    for timeout_s in (-1.0, 0.0, 0.001):
        with subtests.test(timeout_s=timeout_s):
            assert not Bell().wait(timeout_s)


def test_an_exception_of_a_signal_handler_in_a_wait_leaves_it_in_order() -> None:
    class Limit(Exception):
        pass

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise Limit

    bell = Bell()
    before = signal.signal(signal.SIGALRM, stop)
    try:
        for _ in range(20):
            with pytest.raises(Limit):
                signal.setitimer(signal.ITIMER_REAL, 0.001)
                bell.wait(10)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    bell.ring()

    assert [True, False] == [bell.wait(0), bell.wait(0)]
