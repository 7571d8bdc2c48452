"""Calls to the disk that have not come back are known, with their age."""

import threading
from collections.abc import Callable
from typing import Protocol

import pytest

from queue_telemetry._runtime import Clock
from queue_telemetry.logs.spool._disk_calls import DiskCalls


class Hands(Protocol):
    now_s: float
    clock: Clock


class Folder(Protocol):
    hands: Hands


@pytest.fixture
def calls(folder: Folder) -> DiskCalls:
    return DiskCalls(folder.hands.clock)


def _refuse() -> None:
    raise OSError("gone")


def test_what_comes_back_is_no_longer_under_way(calls: DiskCalls, folder: Folder) -> None:
    def slow() -> float:
        folder.hands.now_s += 3
        return calls.longest_s

    assert (3.0, 0.0) == (calls.run(slow), calls.longest_s)


def test_what_raises_came_back(calls: DiskCalls) -> None:
    with pytest.raises(OSError, match="gone"):
        calls.run(_refuse)

    assert 0.0 == calls.longest_s


@pytest.mark.parametrize("end", [lambda calls: None, DiskCalls.forget], ids=["another thread", "a child"])
def test_the_longest_of_several_threads_counts(
    calls: DiskCalls, folder: Folder, end: Callable[[DiskCalls], None]
) -> None:
    begun, over = threading.Event(), threading.Event()

    def hang() -> None:
        begun.set()
        over.wait(20)

    thread = threading.Thread(target=calls.run, args=(hang,))
    thread.start()
    begun.wait(10)
    folder.hands.now_s += 5
    calls.run(lambda: None)
    end(calls)

    longest_s = calls.longest_s
    over.set()
    thread.join(10)
    assert longest_s == (0.0 if end is DiskCalls.forget else 5.0)
