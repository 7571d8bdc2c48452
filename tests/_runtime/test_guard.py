import threading

import pytest

from queue_telemetry._runtime import guarded, is_guarded, unguarded


def test_a_thread_is_not_guarded_by_itself() -> None:
    assert not is_guarded()


def test_the_guard_nests() -> None:
    with guarded():
        with guarded():
            assert is_guarded()
        assert is_guarded()
    assert not is_guarded()


def test_an_exception_ends_the_guard() -> None:
    with pytest.raises(KeyError), guarded():
        raise KeyError
    assert not is_guarded()


def test_the_guard_is_of_one_thread_alone() -> None:
    seen: list[bool] = []
    with guarded():
        thread = threading.Thread(target=lambda: seen.append(is_guarded()))
        thread.start()
        thread.join(10)

    assert [False] == seen


def test_a_record_of_the_librarys_own_can_be_let_through() -> None:
    with guarded():
        with unguarded():
            assert not is_guarded()
        assert is_guarded()
    with unguarded():
        assert not is_guarded()
    assert not is_guarded()
