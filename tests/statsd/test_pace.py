import pytest
from hypothesis import given
from hypothesis import strategies as st

from queue_telemetry.statsd._pace import Pace

RATE, BURST = 1000.0, 500  # bytes a second, bytes

STEPS = st.lists(st.tuples(st.integers(1, 700), st.floats(0.0, 2.0)), min_size=1, max_size=60)


@given(STEPS)
def test_no_more_than_the_burst_and_the_rate_goes_in_any_time(steps: list[tuple[int, float]]) -> None:
    pace, now_s = Pace(RATE, BURST), 100.0
    sent: list[tuple[float, int]] = []
    for size_bytes, idle_s in steps:
        now_s += idle_s
        now_s += pace.wait_s(size_bytes, now_s)
        pace.spend(size_bytes, now_s)
        sent.append((now_s, size_bytes))

    for first, (from_s, _) in enumerate(sent):
        for last, (at_s, _) in enumerate(sent[first:], first):
            sizes = [size_bytes for _, size_bytes in sent[first : last + 1]]
            assert sum(sizes) <= max(BURST, *sizes) + RATE * (at_s - from_s) + 1e-6


@given(STEPS)
def test_a_wait_that_was_waited_is_over(steps: list[tuple[int, float]]) -> None:
    pace, now_s = Pace(RATE, BURST), 0.0
    for size_bytes, idle_s in steps:
        now_s += idle_s
        now_s += pace.wait_s(size_bytes, now_s)
        assert pace.wait_s(size_bytes, now_s) == pytest.approx(0.0, abs=1e-9)
        pace.spend(size_bytes, now_s)


def test_a_burst_goes_at_once_and_what_follows_at_the_rate() -> None:
    pace = Pace(RATE, BURST)
    waits = []
    for _ in range(7):
        waits.append(pace.wait_s(100, 0.0))
        pace.spend(100, 0.0)

    assert waits == pytest.approx([0, 0, 0, 0, 0, 0.1, 0.2])


def test_a_burst_is_saved_up_again_and_no_more_than_one() -> None:
    pace = Pace(RATE, BURST)
    pace.spend(BURST, 0.0)

    assert pace.wait_s(BURST, 0.4) == pytest.approx(0.1)
    assert pace.wait_s(BURST, 3600.0) == 0.0
    pace.spend(BURST, 3600.0)
    assert pace.wait_s(1, 3600.0) > 0.0


@given(st.integers(1, 100_000), st.floats(0.01, 100.0))
def test_what_the_rate_could_not_send_in_time_goes_faster_and_no_faster_than_it_must(
    total_bytes: int, in_s: float
) -> None:
    pace, now_s = Pace(RATE, BURST), 0.0
    pace.hurry_to_send(total_bytes, in_s)
    for _ in range(100):
        now_s += pace.wait_s(total_bytes // 100, now_s)
        pace.spend(total_bytes // 100, now_s)

    rate = max(RATE, total_bytes / in_s)
    assert now_s <= total_bytes / rate + 1e-6
    assert total_bytes // 100 * 99 <= BURST + rate * now_s + total_bytes // 100


def test_nothing_hurries_when_no_time_is_left() -> None:
    pace = Pace(RATE, BURST)
    pace.hurry_to_send(10_000, 0.0)
    pace.spend(BURST, 0.0)

    assert pace.wait_s(100, 0.0) == pytest.approx(0.1)


def test_a_burst_takes_as_long_as_it_is_saved_up() -> None:
    pace = Pace(RATE, BURST)
    at_rate_s = pace.burst_s
    pace.hurry_to_send(4 * RATE, 1.0)

    assert (at_rate_s, pace.burst_s) == (0.5, 0.125)
