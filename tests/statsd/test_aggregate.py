import math

import pytest

from queue_telemetry._runtime import DropReason
from queue_telemetry.metrics import CATALOG, Batch, Series
from queue_telemetry.statsd._aggregate import Aggregation, Window

COUNTER = Series(CATALOG["queue.tasks.completed"], ("mail", "send"))
PROCESS_GAUGE = Series(CATALOG["queue.active_workers"])
SHARED_GAUGE = Series(CATALOG["queue.size"], ("mail",))
TIMER = Series(CATALOG["queue.task.wait"], ("mail", "send"))


class Folding:
    """Windows one after the other, as an emitter has them."""

    def __init__(self, *, owned: bool = True) -> None:
        self._aggregation = Aggregation(max_samples=100, sends_owned_gauges=owned)
        self.window = Window()

    def fold(self, batch: Batch) -> dict[DropReason, int]:
        self.window, lost = self._aggregation.fold(self.window, batch)
        return lost

    def take(self) -> Window:
        window, self.window = self.window, self.window.next()
        return window


def test_counters_are_summed_and_ints_stay_ints() -> None:
    folded = Folding()
    folded.fold(Batch(counters=[(COUNTER, 2, 1), (COUNTER, 3, 4)]))
    sum_, weight = folded.take().counters[COUNTER]

    assert (sum_, type(sum_), weight) == (5, int, 5)


def test_last_gauge_wins_and_keeps_the_weight_of_those_before() -> None:
    folded = Folding()
    folded.fold(Batch(gauges=[(SHARED_GAUGE, 1, 1), (SHARED_GAUGE, 7, 1)]))
    window = folded.take()

    assert (window.gauges[SHARED_GAUGE], window.set_gauges[SHARED_GAUGE]) == (7, 2)


def test_gauge_is_in_every_window_and_its_calls_in_one() -> None:
    folded = Folding()
    folded.fold(Batch(gauges=[(SHARED_GAUGE, 1, 1)]))
    folded.take()
    window = folded.take()

    assert (window.gauges, window.set_gauges) == ({SHARED_GAUGE: 1}, {})


def test_idle_counters_and_timings_are_not_in_the_next_window() -> None:
    folded = Folding()
    folded.fold(Batch(counters=[(COUNTER, 2, 1)], timings=[(TIMER, [0.5])]))
    folded.take()
    window = folded.take()

    assert (window.counters, window.timings, window.weight) == ({}, {}, 0)


def test_unknown_gauge_goes_away_with_its_weight() -> None:
    folded = Folding()
    folded.fold(Batch(gauges=[(SHARED_GAUGE, 1, 3)]))
    lost = folded.fold(Batch(gauges=[(SHARED_GAUGE, None, 1)]))

    assert lost[DropReason.WITHHELD] == 4
    assert folded.window.weight == 0
    assert folded.take().gauges == {}


def test_owned_gauge_of_a_process_without_a_slot_is_withheld() -> None:
    folded = Folding(owned=False)
    lost = folded.fold(Batch(gauges=[(PROCESS_GAUGE, 1, 2), (SHARED_GAUGE, 1, 1)]))

    assert lost[DropReason.WITHHELD] == 2
    assert list(folded.take().gauges) == [SHARED_GAUGE]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 10**400])
def test_what_cannot_be_summed_is_invalid(value: float) -> None:
    folded = Folding()
    lost = folded.fold(
        Batch(counters=[(COUNTER, value, 2)], gauges=[(SHARED_GAUGE, value, 3)], timings=[(TIMER, [value])])
    )

    assert lost[DropReason.INVALID] == 6
    assert folded.window.weight == 0


def test_process_gauges_end_at_zero_and_others_as_they_were() -> None:
    folded = Folding()
    folded.fold(Batch(gauges=[(PROCESS_GAUGE, 3, 1), (SHARED_GAUGE, 9, 1)]))
    last = folded.window.with_process_gauges_at_zero()

    assert list(last.gauges.values()) == [0, 9]
    assert last.set_gauges == folded.window.set_gauges
    assert last.weight == 2


def test_a_fold_leaves_the_window_that_it_begins_with_as_it_was() -> None:
    folded = Folding()
    batch = Batch(counters=[(COUNTER, 2, 1)], timings=[(TIMER, [0.5])], gauges=[(SHARED_GAUGE, 1, 1)])
    folded.fold(batch)
    before = folded.window
    folded.fold(batch)

    assert before.counters[COUNTER] == (2, 1)
    assert (before.gauges[SHARED_GAUGE], before.set_gauges[SHARED_GAUGE]) == (1, 1)
    assert before.timings[TIMER].weighted() == [(1, [0.5])]
    assert (before.weight, folded.window.weight) == (3, 6)


def test_gauge_that_is_told_again_is_no_news_and_one_that_changed_is() -> None:
    folded = Folding()
    folded.fold(Batch(gauges=[(SHARED_GAUGE, 1, 1)]))
    folded.take()
    folded.fold(Batch(gauges=[(SHARED_GAUGE, 1, 0)]))
    told_again = folded.window
    folded.fold(Batch(gauges=[(SHARED_GAUGE, 2, 0)]))

    assert (told_again.has_news, told_again.set_gauges) == (False, {})
    assert (folded.window.has_news, folded.window.set_gauges) == (True, {SHARED_GAUGE: 0})
