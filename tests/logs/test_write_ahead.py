"""Lines on disk before their append returns: under a disk that hangs, a signal handler, and a successor."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from queue_telemetry._runtime import Clock
from queue_telemetry.logs import RecordBuffer
from queue_telemetry.logs._split import lines_of

Make = Callable[..., Any]


@pytest.fixture
def ahead(make_buffer: Make, make_spool: Make) -> RecordBuffer:
    buffer: RecordBuffer = make_buffer(spool=make_spool(), writes_ahead=True)
    return buffer


def _drained(buffer: RecordBuffer) -> list[bytes]:
    lines = []
    buffer.seal()
    while (chunk := buffer.take()) is not None:
        lines += lines_of(chunk.data)
        buffer.settle(chunk)
    return lines


def test_while_one_thread_hangs_in_its_write_others_wait_a_moment_once_and_all_else_goes_on(
    ahead: RecordBuffer, hang: Callable[[], Any]
) -> None:
    ahead.append(b"before\n")
    disk = hang()
    hung = threading.Thread(target=ahead.append, args=(b"hung\n",))
    hung.start()
    disk.met.wait(10)
    began_s = time.monotonic()

    for number in range(100):
        ahead.append(b"%d\n" % number)

    assert time.monotonic() - began_s < 2
    assert [b"before\n", *(b"%d\n" % number for number in range(100))] == _drained(ahead)
    assert (100, 101) == (ahead.not_written, ahead.read()[0].delivered)
    disk.let_go()
    hung.join(10)
    ahead.append(b"after\n")
    assert [b"hung\n", b"after\n"] == _drained(ahead)
    assert 100 == ahead.not_written


def test_what_a_signal_handler_logs_in_the_middle_of_an_append_is_written_and_kept(
    make_buffer: Make, make_spool: Make, tmp_path: Path
) -> None:
    handlers: list[Callable[[], object]] = []

    def now_s() -> float:
        while handlers:
            handlers.pop()()
        return 0.0

    buffer = make_buffer(
        spool=make_spool(), writes_ahead=True, clock=Clock(monotonic=now_s, time=lambda: 0.0)
    )
    handlers.append(lambda: [buffer.append(b"handler's %d\n" % number) for number in range(3)])

    buffer.append(b"interrupted\n")

    (segment,) = tmp_path.rglob("*.seg")
    assert 4 == segment.read_bytes().count(b"\xffQT1")
    assert [b"interrupted\n", *(b"handler's %d\n" % number for number in range(3))] == _drained(buffer)
    assert (0, {}) == (buffer.not_written, buffer.read()[0].dropped)


def test_what_comes_after_the_end_goes_to_the_successor(ahead: RecordBuffer, make_buffer: Make) -> None:
    ahead.append(b"1\n")
    successor = make_buffer()
    ahead.hand_over(successor)
    ahead.refuse()
    ahead.append(b"2\n")

    assert ([b"1\n"], [b"2\n"]) == (_drained(ahead), _drained(successor))
    assert {} == ahead.read()[0].dropped
