import math
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queue_telemetry.metrics.sketch import Sketch, SlicedSketch, buckets_of, quantiles
from queue_telemetry.metrics.tallies import added

_SHARES = (0.0, 0.25, 0.5, 0.95, 0.99, 1.0)
_IN_RANGE = st.floats(2**-20, 2**30)
_VALUES = st.lists(_IN_RANGE, min_size=1, max_size=200)
_ANY = st.lists(st.floats(allow_nan=False), max_size=50)


def _buckets(values: list[float]) -> dict[int, int]:
    sketch = Sketch()
    sketch.add(buckets_of(values))
    return sketch.read()


def _quantile(values: list[float], q: float) -> float | None:
    return quantiles(_buckets(values), (q,))[0]


@given(_VALUES, st.floats(0, 1))
def test_quantiles_are_within_two_percent(values: list[float], q: float) -> None:
    true = sorted(values)[max(math.ceil(q * len(values)), 1) - 1]

    estimate = _quantile(values, q)

    assert estimate is not None
    assert abs(estimate - true) <= 0.02 * true


@given(_IN_RANGE)
def test_the_error_bound_holds_between_any_two_edges(value: float) -> None:
    estimate = _quantile([value], 0.5)

    assert estimate is not None
    assert abs(estimate - value) <= 0.016 * value


@given(_ANY, _ANY)
def test_buckets_add_up(left: list[float], right: list[float]) -> None:
    merged = added((_buckets(left), _buckets(right)))

    assert _buckets(left + right) == merged
    assert len(left) + len(right) == sum(merged.values())


@given(_VALUES)
def test_quantiles_never_fall_as_the_share_grows(values: list[float]) -> None:
    read = [q for q in quantiles(_buckets(values), _SHARES) if q is not None]

    assert len(_SHARES) == len(read)
    assert sorted(read) == read


def test_without_values_there_is_no_quantile() -> None:
    assert _quantile([], 0.5) is None
    assert {} == _buckets([])


@pytest.mark.parametrize("value", [0.0, -0.0, 1e-9, 5e-324, -1.0, -1e300, -math.inf])
def test_what_is_too_small_reads_as_zero(value: float) -> None:
    assert (0.0, 1) == (_quantile([value], 0.5), sum(_buckets([value]).values()))


@pytest.mark.parametrize("value", [2.0**30, 2.0**40, 1e300, math.inf])
def test_what_is_too_large_reads_as_the_largest(value: float) -> None:
    assert (2.0**30, 1) == (_quantile([value], 0.5), sum(_buckets([value]).values()))


def test_zeros_take_their_part_of_the_ranks() -> None:
    values = [0.0] * 90 + [4.0] * 10

    assert 0.0 == _quantile(values, 0.9)
    assert _quantile(values, 0.91) == pytest.approx(4.0, rel=0.02)


def test_what_is_no_number_is_left_out() -> None:
    values = [math.nan, -math.nan, 2.0]

    assert 1 == sum(_buckets(values).values())
    assert _quantile(values, 1.0) == pytest.approx(2.0, rel=0.02)


def test_the_buckets_are_bounded_whatever_comes() -> None:
    sketch = Sketch()
    for power in range(-1000, 1000):
        values = [sign * 2.0**power * (1 + step / 32) for step in range(32) for sign in (1, -1)]
        sketch.add(buckets_of(values))

    assert len(sketch._buckets) <= 1602
    assert 2000 * 64 == sum(sketch.read().values())


def _top(slices: Mapping[int, Mapping[int, int]]) -> float | None:
    return quantiles(added(slices.values()), (1.0,))[0]


def test_a_slice_is_forgotten_when_it_is_an_hour_old() -> None:
    hour = SlicedSketch(600.0, 6)
    hour.add(buckets_of([8.0]), 599.0)
    hour.add(buckets_of([1.0]), 600.0)

    assert _top(hour.read(3599.0)) == pytest.approx(8.0, rel=0.02)
    assert _top(hour.read(3600.0)) == pytest.approx(1.0, rel=0.02)
    assert {} == hour.read(4200.0)


def test_slices_take_a_clock_that_steps_back() -> None:
    hour = SlicedSketch(600.0, 6)
    hour.add(buckets_of([1.0]), 6000.0)
    hour.add(buckets_of([1.0]), 0.0)

    assert [(10, 2)] == [(at, sum(buckets.values())) for at, buckets in hour.read(0.0).items()]


@given(st.lists(st.tuples(st.lists(_IN_RANGE, max_size=5), st.floats(0, 1500)), max_size=30))
def test_slices_hold_what_a_list_of_all_values_would(steps: list[tuple[list[float], float]]) -> None:
    hour, model, now_s = SlicedSketch(600.0, 6), dict[int, list[float]](), 0.0

    for values, passed_s in steps:
        now_s += passed_s
        hour.add(buckets_of(values), now_s)
        now = int(now_s // 600)
        model.setdefault(now, []).extend(values)
        kept = {at: _buckets(all_) for at, all_ in model.items() if all_ and at > now - 6}
        assert kept == hour.read(now_s)
