import threading
import time
from collections.abc import Callable, Iterator

import pytest

from queue_telemetry.telemetry._lane import Lane

_WITHIN_S = 5.0


@pytest.fixture
def lane() -> Iterator[Lane]:
    one = Lane("queue_telemetry-test")
    yield one
    one.stop()


def test_jobs_are_done_in_order_on_a_thread_of_its_own(lane: Lane) -> None:
    done: list[tuple[int, str]] = []
    ended = threading.Event()

    def job(number: int) -> Callable[[], None]:
        return lambda: done.append((number, threading.current_thread().name))

    for number in range(5):
        lane.put(job(number))
    lane.put(ended.set)

    assert ended.wait(_WITHIN_S)
    assert [(number, "queue_telemetry-test") for number in range(5)] == done


def test_a_job_that_hangs_lets_fifty_wait_and_the_oldest_make_room(lane: Lane) -> None:
    hanging, go_on, ended = threading.Event(), threading.Event(), threading.Event()
    done: list[int] = []

    def hang() -> None:
        hanging.set()
        go_on.wait(_WITHIN_S)

    lane.put(hang)
    assert hanging.wait(_WITHIN_S)
    for number in range(60):
        lane.put(lambda number=number: done.append(number))  # type: ignore[misc] # the loop's number
    lane.put(ended.set)
    go_on.set()

    assert ended.wait(_WITHIN_S)
    assert list(range(11, 60)) == done
    assert 11 == lane.lost


def test_a_stop_waits_for_nothing_and_is_for_good(lane: Lane) -> None:
    hanging, go_on = threading.Event(), threading.Event()
    done: list[int] = []

    def hang() -> None:
        hanging.set()
        go_on.wait(_WITHIN_S)

    lane.put(hang)
    assert hanging.wait(_WITHIN_S)
    lane.put(lambda: done.append(1))
    began_s = time.monotonic()
    lane.stop()
    assert time.monotonic() - began_s < 0.5
    go_on.set()
    lane.put(lambda: done.append(2))

    loop = lane._loop
    assert loop is not None
    assert loop.stop(_WITHIN_S)
    assert ([], 2) == (done, lane.lost)


def test_what_comes_after_the_stop_is_counted(lane: Lane) -> None:
    lane.stop()
    lane.put(lambda: None)

    assert 1 == lane.lost
