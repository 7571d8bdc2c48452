import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from queue_telemetry.statsd._reservoir import Reservoir


def test_everything_is_kept_up_to_the_limit() -> None:
    reservoir = Reservoir(3)
    reservoir.extend([1.0, 2.0])
    reservoir.extend([3.0])

    assert reservoir.weighted() == [(1, [1.0, 2.0, 3.0])]


def test_empty_reservoir_has_nothing_to_send() -> None:
    assert Reservoir(3).weighted() == []


@settings(deadline=None)
@given(st.integers(1, 20), st.lists(st.integers(0, 60), max_size=12))
def test_past_the_limit_at_least_half_of_it_is_kept_and_weights_add_up(limit: int, sizes: list[int]) -> None:
    reservoir = Reservoir(limit)
    for size in sizes:
        assert reservoir.extend([0.5] * size) == 0
    groups = reservoir.weighted()

    assert reservoir.seen == sum(sizes)
    kept = sum(len(values) for _, values in groups)
    assert min((limit + 1) // 2, sum(sizes)) <= kept <= limit
    assert sum(calls * len(values) for calls, values in groups) == sum(sizes)
    assert (
        max((calls for calls, _ in groups), default=0) - min((calls for calls, _ in groups), default=0) <= 1
    )


@pytest.mark.parametrize("bad", [-1.0, math.nan, math.inf, 1e13])
def test_what_is_no_duration_is_refused_and_the_rest_kept(bad: float) -> None:
    reservoir = Reservoir(10)

    assert reservoir.extend([1.0, bad, 2.0]) == 1
    assert reservoir.weighted() == [(1, [1.0, 2.0])]


def test_negative_zero_loses_its_sign() -> None:
    reservoir = Reservoir(10)
    reservoir.extend([-0.0])

    assert [math.copysign(1, value) for _, values in reservoir.weighted() for value in values] == [1.0]


def test_each_part_of_the_stream_weighs_the_same() -> None:
    """The mean of 400 weighted samples of 0..99 is 49.5; its standard error is under 0.4, and the bound 5 of them."""
    total = count = 0.0
    for _ in range(400):
        reservoir = Reservoir(16)
        for start in range(0, 100, 10):
            reservoir.extend([float(value) for value in range(start, start + 10)])
        for calls, values in reservoir.weighted():
            total += calls * sum(values)
            count += calls * len(values)

    assert count == 400 * 100
    assert abs(total / count - 49.5) < 2.0
