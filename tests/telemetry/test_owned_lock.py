"""The lock that knows its owner."""

import threading

import pytest

from queue_telemetry.telemetry._owned_lock import OwnedLock


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
