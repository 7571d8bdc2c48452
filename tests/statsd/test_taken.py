import sys
import threading
from collections.abc import Callable

import pytest

from queue_telemetry.statsd._taken import NONE_TAKEN, Taken, TakenLog


def sends(data: bytes) -> int:
    return len(data)


def test_datagrams_lines_and_bytes_add_up() -> None:
    log = TakenLog()
    for number in range(100):
        log.send(sends, b"a:1|c\nb:1|c" if number % 2 else b"a:1|c")
    log.send(sends, b"")

    assert log.total == Taken(101, 151, 50 * 5 + 50 * 11)
    assert log.datagrams == 101


def test_nothing_is_taken_at_first() -> None:
    assert TakenLog().total == NONE_TAKEN


def test_what_the_socket_refuses_is_not_noted() -> None:
    def refuse(data: bytes) -> int:
        raise ConnectionRefusedError

    log = TakenLog()
    with pytest.raises(ConnectionRefusedError):
        log.send(refuse, b"a:1|c")

    assert log.total == NONE_TAKEN


def test_notes_do_not_grow() -> None:
    log = TakenLog()
    for _ in range(1000):
        log.send(sends, b"a:1|c")

    assert len(log._notes) <= 16


def test_threads_count_exactly_and_sums_never_fall() -> None:
    log = TakenLog()
    seen: list[int] = []

    def work() -> None:
        for _ in range(2000):
            log.send(sends, b"a:1|c")
            seen.append(log.datagrams)

    ran = _in_threads([work] * 4)

    assert ran
    assert log.total == Taken(8000, 8000, 40_000)
    assert max(seen) == 8000


def _in_threads(works: list[Callable[[], None]]) -> bool:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=work) for work in works]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    finally:
        sys.setswitchinterval(before)
    return not any(thread.is_alive() for thread in threads)
