import os
import threading
from pathlib import Path

import pytest

from queue_telemetry.processes._turn import turn


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return tmp_path / "lock"


def test_one_at_a_time(lock: Path) -> None:
    with turn(lock, 0.0) as first, turn(lock, 0.0) as second:
        assert (True, False) == (first, second)
    with turn(lock, 0.0) as again:
        assert again


def test_the_wait_ends_when_it_is_free(lock: Path) -> None:
    held, entered, free = threading.Event(), threading.Event(), threading.Event()

    def holder() -> None:
        with turn(lock, 0.0):
            held.set()
            free.wait(10)

    def waiter() -> None:
        with turn(lock, 10.0) as got:
            if got:
                entered.set()

    threads = [threading.Thread(target=holder)]
    threads[0].start()
    assert held.wait(10)
    threads.append(threading.Thread(target=waiter))
    threads[1].start()
    assert not entered.is_set()

    free.set()

    assert entered.wait(10)
    for thread in threads:
        thread.join(10)


def test_a_killed_holder_is_in_nobodys_way(lock: Path) -> None:
    read_end, write_end = os.pipe()
    pid = os.fork()
    if not pid:
        with turn(lock, 0.0):
            os.write(write_end, b"x")
            threading.Event().wait(30)
        os._exit(0)
    assert b"x" == os.read(read_end, 1)
    os.close(read_end)
    os.close(write_end)

    with turn(lock, 0.0) as got:
        assert not got
    os.kill(pid, 9)
    os.waitpid(pid, 0)

    with turn(lock, 0.0) as got:
        assert got


def test_a_child_forked_inside_keeps_nobody_waiting(lock: Path) -> None:
    """It has the descriptor too, and lives on."""
    read_end, write_end = os.pipe()
    with turn(lock, 0.0):
        pid = os.fork()
        if not pid:
            os.close(write_end)
            os.read(read_end, 1)
            os._exit(0)
    try:
        with turn(lock, 0.0) as got:
            assert got
    finally:
        os.close(read_end)
        os.close(write_end)
        os.waitpid(pid, 0)


def test_who_holds_it_may_take_the_file_away(lock: Path) -> None:
    with turn(lock, 0.0) as first:
        lock.unlink()
        with turn(lock, 0.0) as second:
            assert (True, True) == (first, second)


def test_a_link_is_refused(lock: Path, tmp_path: Path) -> None:
    lock.symlink_to(tmp_path / "target")

    with pytest.raises(OSError), turn(lock, 0.0):
        pass

    assert not (tmp_path / "target").exists()
