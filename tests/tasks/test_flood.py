from concurrent.futures import ThreadPoolExecutor

import pytest

from queue_telemetry._runtime import Clock
from queue_telemetry.tasks.flood import FloodLimit


class _Hand:
    def __init__(self) -> None:
        self.now_s = 600.0


@pytest.fixture
def hand() -> _Hand:
    return _Hand()


@pytest.fixture
def flood(hand: _Hand) -> FloodLimit:
    return FloodLimit(Clock(monotonic=lambda: hand.now_s), per_minute=5)


def test_the_first_of_a_minute_are_written_then_one_in_a_hundred(flood: FloodLimit) -> None:
    admitted = [flood.admit("9f") for _ in range(205)]

    assert [0] * 5 == admitted[:5]
    assert [(104, 99), (204, 99)] == [(at, told) for at, told in enumerate(admitted) if told]
    assert 198 == admitted.count(None) == flood.suppressed.read()


def test_the_first_of_the_next_minute_tells_what_was_suppressed(flood: FloodLimit, hand: _Hand) -> None:
    for _ in range(12):
        flood.admit("9f")
    hand.now_s += 600

    assert [7, 0] == [flood.admit("9f"), flood.admit("9f")]


def test_each_error_has_a_limit_of_its_own(flood: FloodLimit) -> None:
    for _ in range(6):
        flood.admit("9f")

    assert (None, 0) == (flood.admit("9f"), flood.admit("2c"))


def test_a_limit_of_zero_suppresses_nothing(flood: FloodLimit) -> None:
    flood.per_minute = 0

    assert {0} == {flood.admit("9f") for _ in range(1_000)}


def test_memory_is_bounded(flood: FloodLimit) -> None:
    for number in range(5_000):
        flood.admit(str(number))

    assert len(flood._floods) <= 1_000


def test_every_suppressed_record_is_told_of_once_among_threads(flood: FloodLimit, hand: _Hand) -> None:
    flood.admit("9f")
    with ThreadPoolExecutor(8) as pool:
        admitted = list(pool.map(flood.admit, ["9f"] * 5_000))
    hand.now_s += 60
    last = flood.admit("9f")

    assert last is not None
    assert flood.suppressed.read() == last + sum(told for told in admitted if told is not None)
