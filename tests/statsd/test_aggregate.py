import math

import pytest

from queue_telemetry._runtime import DropReason
from queue_telemetry.metrics import CATALOG, Batch, Series
from queue_telemetry.statsd._aggregate import Aggregate

COUNTER = Series(CATALOG["queue.tasks.completed"], ("mail", "send"))
PROCESS_GAUGE = Series(CATALOG["queue.active_workers"])
SHARED_GAUGE = Series(CATALOG["queue.size"], ("mail",))
TIMER = Series(CATALOG["queue.task.wait"], ("mail", "send"))


def aggregate(*, owned: bool = True) -> Aggregate:
    return Aggregate(max_samples=100, sends_owned_gauges=owned)


def test_counters_are_summed_and_ints_stay_ints() -> None:
    folded = aggregate()
    folded.fold(Batch(counters=[(COUNTER, 2, 1), (COUNTER, 3, 4)]))
    counter = folded.take().counters[COUNTER]

    assert (counter.value, type(counter.value), counter.weight) == (5, int, 5)


def test_last_gauge_wins_and_keeps_the_weight_of_those_before() -> None:
    folded = aggregate()
    folded.fold(Batch(gauges=[(SHARED_GAUGE, 1, 1), (SHARED_GAUGE, 7, 1)]))
    gauge = folded.take().gauges[SHARED_GAUGE]

    assert (gauge.value, gauge.weight) == (7, 2)


def test_gauge_is_in_every_window_and_its_calls_in_one() -> None:
    folded = aggregate()
    folded.fold(Batch(gauges=[(SHARED_GAUGE, 1, 1)]))
    folded.take()
    gauge = folded.take().gauges[SHARED_GAUGE]

    assert (gauge.value, gauge.weight) == (1, 0)


def test_idle_counters_and_timings_are_not_in_the_next_window() -> None:
    folded = aggregate()
    folded.fold(Batch(counters=[(COUNTER, 2, 1)], timings=[(TIMER, [0.5])]))
    folded.take()
    window = folded.take()

    assert (window.counters, window.timings, window.weight) == ({}, {}, 0)


def test_unknown_gauge_goes_away_with_its_weight() -> None:
    folded = aggregate()
    folded.fold(Batch(gauges=[(SHARED_GAUGE, 1, 3)]))
    lost = folded.fold(Batch(gauges=[(SHARED_GAUGE, None, 1)]))

    assert lost[DropReason.WITHHELD] == 4
    assert folded.weight == 0
    assert folded.take().gauges == {}


def test_owned_gauge_of_a_process_without_a_slot_is_withheld() -> None:
    folded = aggregate(owned=False)
    lost = folded.fold(Batch(gauges=[(PROCESS_GAUGE, 1, 2), (SHARED_GAUGE, 1, 1)]))

    assert lost[DropReason.WITHHELD] == 2
    assert list(folded.take().gauges) == [SHARED_GAUGE]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 10**400])
def test_what_cannot_be_summed_is_invalid(value: float) -> None:
    folded = aggregate()
    lost = folded.fold(
        Batch(counters=[(COUNTER, value, 2)], gauges=[(SHARED_GAUGE, value, 3)], timings=[(TIMER, [value])])
    )

    assert lost[DropReason.INVALID] == 6
    assert folded.weight == 0


def test_process_gauges_end_at_zero_and_others_as_they_were() -> None:
    folded = aggregate()
    folded.fold(Batch(gauges=[(PROCESS_GAUGE, 3, 1), (SHARED_GAUGE, 9, 1)]))
    folded.zero_process_gauges()

    assert [gauge.value for gauge in folded.take().gauges.values()] == [0, 9]
