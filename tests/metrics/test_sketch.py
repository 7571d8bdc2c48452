import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queue_telemetry.metrics.sketch import HourSketch, QuantileSketch

_SHARES = (0.0, 0.25, 0.5, 0.95, 0.99, 1.0)
_IN_RANGE = st.floats(2**-20, 2**30)
_VALUES = st.lists(_IN_RANGE, min_size=1, max_size=200)
_ANY = st.lists(st.floats(allow_nan=False), max_size=50)


def _sketch(values: list[float]) -> QuantileSketch:
    sketch = QuantileSketch()
    sketch.add_all(values)
    return sketch


@given(_VALUES, st.floats(0, 1))
def test_quantiles_are_within_two_percent(values: list[float], q: float) -> None:
    true = sorted(values)[max(math.ceil(q * len(values)), 1) - 1]

    estimate = _sketch(values).quantile(q)

    assert estimate is not None
    assert abs(estimate - true) <= 0.02 * true


@given(_IN_RANGE)
def test_the_error_bound_holds_between_any_two_edges(value: float) -> None:
    estimate = _sketch([value]).quantile(0.5)

    assert estimate is not None
    assert abs(estimate - value) <= 0.016 * value


@given(_ANY, _ANY)
def test_merging_is_adding(left: list[float], right: list[float]) -> None:
    merged = _sketch(left)
    merged.merge(_sketch(right))
    together = _sketch(left + right)

    assert together.count == merged.count == len(left) + len(right)
    assert together.quantiles(_SHARES) == merged.quantiles(_SHARES)


@given(_ANY, _ANY)
def test_what_was_merged_can_be_taken_out_again(part: list[float], rest: list[float]) -> None:
    base, whole = _sketch(part), _sketch(part)
    whole.add_all(rest)

    assert _sketch(rest).quantiles(_SHARES) == whole.minus(base).quantiles(_SHARES)
    assert len(rest) == whole.minus(base).count


@given(_VALUES)
def test_quantiles_never_fall_as_the_share_grows(values: list[float]) -> None:
    read = [q for q in _sketch(values).quantiles(_SHARES) if q is not None]

    assert len(_SHARES) == len(read)
    assert sorted(read) == read


def test_without_values_there_is_no_quantile() -> None:
    assert QuantileSketch().quantile(0.5) is None
    assert 0 == QuantileSketch().count


def test_adding_nothing_changes_nothing() -> None:
    assert 0 == _sketch([]).count


@pytest.mark.parametrize("value", [0.0, -0.0, 1e-9, 5e-324, -1.0, -1e300, -math.inf])
def test_what_is_too_small_reads_as_zero(value: float) -> None:
    assert (0.0, 1) == (_sketch([value]).quantile(0.5), _sketch([value]).count)


@pytest.mark.parametrize("value", [2.0**30, 2.0**40, 1e300, math.inf])
def test_what_is_too_large_reads_as_the_largest(value: float) -> None:
    assert (2.0**30, 1) == (_sketch([value]).quantile(0.5), _sketch([value]).count)


def test_zeros_take_their_part_of_the_ranks() -> None:
    sketch = _sketch([0.0] * 90 + [4.0] * 10)

    assert 0.0 == sketch.quantile(0.9)
    assert sketch.quantile(0.91) == pytest.approx(4.0, rel=0.02)


def test_what_is_no_number_is_left_out() -> None:
    sketch = _sketch([math.nan, -math.nan, 2.0])

    assert 1 == sketch.count
    assert sketch.quantile(1.0) == pytest.approx(2.0, rel=0.02)


def test_the_buckets_are_bounded_whatever_comes() -> None:
    sketch = QuantileSketch()
    for power in range(-1000, 1000):
        sketch.add_all([sign * 2.0**power * (1 + step / 32) for step in range(32) for sign in (1, -1)])

    assert len(sketch._buckets) <= 1602
    assert 2000 * 64 == sketch.count


def test_an_hour_forgets_a_slice_when_it_is_an_hour_old() -> None:
    hour = HourSketch()
    hour.add_all([8.0], 599.0)
    hour.add_all([1.0], 600.0)

    assert hour.quantiles((1.0,), 3599.0)[0] == pytest.approx(8.0, rel=0.02)
    assert hour.quantiles((1.0,), 3600.0)[0] == pytest.approx(1.0, rel=0.02)
    assert (None,) == hour.quantiles((1.0,), 4200.0)


def test_an_hour_takes_a_clock_that_steps_back() -> None:
    hour = HourSketch()
    hour.add_all([1.0], 6000.0)
    hour.add_all([1.0], 0.0)

    assert hour.quantiles((0.5,), 0.0)[0] == pytest.approx(1.0, rel=0.02)


@given(st.lists(st.tuples(st.lists(_IN_RANGE, max_size=5), st.floats(0, 1500)), max_size=30))
def test_an_hour_reads_as_a_fresh_sketch_of_its_slices(steps: list[tuple[list[float], float]]) -> None:
    hour, model, now_s = HourSketch(), list[tuple[int, list[float]]](), 0.0

    for values, passed_s in steps:
        now_s += passed_s
        hour.add_all(values, now_s)
        now = int(now_s // 600)
        model.append((now, values))
        fresh = _sketch([value for at, kept in model if at > now - 6 for value in kept])
        assert fresh.quantiles(_SHARES) == hour.quantiles(_SHARES, now_s)
