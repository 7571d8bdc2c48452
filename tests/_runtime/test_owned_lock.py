"""The lock that knows its owner."""

import threading
from functools import partial

import pytest

from queue_telemetry._runtime import OwnedLock


def test_who_has_it_is_told_at_once_that_it_cannot_be_had_again() -> None:
    lock = OwnedLock()

    with lock.held(10) as outer, lock.held(10) as inner:
        assert (True, False) == (outer, inner)


def test_the_inner_block_does_not_give_it_back() -> None:
    lock = OwnedLock()
    with lock.held(10):
        with lock.held(10):
            pass
        assert not _had_by_another_thread(lock)


def test_another_thread_gets_it_after_the_block_however_that_ends() -> None:
    lock = OwnedLock()
    with pytest.raises(ValueError, match="inside"), lock.held(10):
        raise ValueError("inside")

    assert _had_by_another_thread(lock)


def _had_by_another_thread(lock: OwnedLock) -> bool:
    had: list[bool] = []

    def take() -> None:
        with lock.held(0.01) as held:
            had.append(held)

    thread = threading.Thread(target=take)
    thread.start()
    thread.join(5)
    return had[0]


def test_an_action_is_done_with_the_lock_and_only_by_who_has_it_not_yet() -> None:
    lock = OwnedLock()

    def outer() -> tuple[str, bool]:
        return lock.run(10, lambda: "inner", otherwise="no"), _had_by_another_thread(lock)

    assert ("no", False) == lock.run(10, outer, otherwise=("", True))
    assert _had_by_another_thread(lock)


def test_an_action_that_another_thread_keeps_waiting_is_not_done() -> None:
    lock = OwnedLock()
    inside, over = threading.Event(), threading.Event()

    def action() -> None:
        inside.set()
        over.wait(5)

    thread = threading.Thread(target=lock.run, args=(0, action), kwargs={"otherwise": None})
    thread.start()
    inside.wait(5)
    done = [lock.run(0.01, lambda: True, otherwise=False)]
    over.set()
    thread.join(5)
    done.append(lock.run(5, lambda: True, otherwise=False))

    assert [False, True] == done


class _InterruptedLock:
    """An RLock whose taking is where a signal handler raises: after it, before its caller knows."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self.release = self._lock.release

    def acquire(self, timeout: float) -> bool:
        self._lock.acquire(timeout=timeout)
        raise KeyboardInterrupt


def test_a_lock_taken_while_a_signal_handler_raises_is_given_back() -> None:
    lock = OwnedLock()
    lock.lock = interrupted = _InterruptedLock()  # type: ignore[assignment] # stands in
    with pytest.raises(KeyboardInterrupt):
        lock.run(1, lambda: None, otherwise=None)
    lock.lock = interrupted._lock

    assert _had_by_another_thread(lock)


def test_what_is_parked_is_done_in_its_order_when_the_lock_is_free_again() -> None:
    lock, done = OwnedLock(), list[object]()

    def note(number: int) -> None:
        done.append((number, lock.is_mine))

    def action() -> None:
        assert lock.is_mine
        for number in range(2):
            assert lock.park(partial(note, number))
        done.append("action")

    lock.run(10, action, otherwise=None)

    assert ["action", (0, False), (1, False)] == done


def test_what_is_parked_is_done_however_the_work_ends() -> None:
    lock, done = OwnedLock(), list[int]()

    def action() -> None:
        lock.park(lambda: done.append(1))
        raise SystemExit

    with pytest.raises(SystemExit):
        lock.run(10, action, otherwise=None)

    assert [1] == done


def test_who_is_told_that_it_cannot_be_had_does_nothing_that_is_parked() -> None:
    lock, done = OwnedLock(), list[int]()

    def action() -> bool:
        lock.park(lambda: done.append(1))
        lock.run(10, lambda: None, otherwise=None)
        return bool(done)

    assert (False, [1]) == (lock.run(10, action, otherwise=True), done)


def test_what_is_parked_may_take_the_lock_however_much_it_is() -> None:
    lock, done = OwnedLock(), list[int]()

    def action() -> int:
        return sum(
            lock.park(lambda: lock.run(10, lambda: done.append(1), otherwise=None)) for _ in range(5_000)
        )

    parked = lock.run(10, action, otherwise=0)

    assert (1_000, 1_000) == (parked, len(done)), "no more than that is kept"


def test_a_lock_that_is_free_or_anothers_is_not_mine() -> None:
    lock = OwnedLock()
    assert not lock.is_mine
    inside, over = threading.Event(), threading.Event()

    def action() -> None:
        inside.set()
        over.wait(5)

    thread = threading.Thread(target=lock.run, args=(0, action), kwargs={"otherwise": None})
    thread.start()
    inside.wait(5)

    mine = lock.is_mine
    over.set()
    thread.join(5)

    assert not mine


def test_it_is_mine_from_the_moment_it_is_had() -> None:
    lock = OwnedLock()

    lock.lock.acquire()  # where a signal handler may run, before the owner says that it is at work
    try:
        assert lock.is_mine
    finally:
        lock.lock.release()

    assert not lock.is_mine


def test_what_is_parked_waits_for_the_outermost_release() -> None:
    lock = OwnedLock()
    done: list[str] = []

    lock.lock.acquire()
    lock.park(lambda: done.append("parked"))
    lock.run(0.0, lambda: done.append("nested"), otherwise=None)
    lock.do_parked()

    assert ["nested"] == done
    lock.lock.release()
    lock.do_parked()
    assert ["nested", "parked"] == done


def test_what_one_thread_parked_no_other_does() -> None:
    lock = OwnedLock()
    doers: list[str] = []
    lock.run(0.0, lambda: lock.park(lambda: doers.append(threading.current_thread().name)), otherwise=None)
    assert ["MainThread"] == doers
    doers.clear()
    lock.park(lambda: doers.append(threading.current_thread().name))  # as in the middle of its release

    other = threading.Thread(target=lambda: lock.run(1.0, lambda: None, otherwise=None))
    other.start()
    other.join(10)
    assert [] == doers

    lock.do_parked()
    assert ["MainThread"] == doers
