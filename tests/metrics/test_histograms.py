from bisect import bisect_left

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queue_telemetry.metrics.histograms import HistogramTally
from queue_telemetry.metrics.tallies import EDGES_S


@pytest.mark.parametrize(
    ("seconds", "bucket"), [(0.0, 0), (0.005, 0), (0.0051, 1), (1.0, 7), (3600.0, 17), (3600.1, 18)]
)
def test_a_value_on_an_edge_is_within_it(seconds: float, bucket: int) -> None:
    tally = HistogramTally()
    tally.add([seconds])

    assert 1 == tally.read().counts[bucket]


@given(st.lists(st.floats(0, 1e5), max_size=50))
def test_every_value_is_in_one_bucket(values: list[float]) -> None:
    tally = HistogramTally()
    tally.add(values)

    read = tally.read()
    assert len(values) == sum(read.counts)
    assert all(read.counts[bisect_left(EDGES_S, value)] for value in values)
    assert read.sum_s == sum(values)


def test_the_value_is_the_same_until_more_is_counted() -> None:
    tally = HistogramTally()
    tally.add([1.0])

    first = tally.read()
    assert tally.read() is first
    tally.add([1.0])
    assert (1, 2) == (sum(first.counts), sum(tally.read().counts))
