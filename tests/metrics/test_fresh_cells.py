import sys

from queue_telemetry.metrics.batch import Batch
from queue_telemetry.metrics.catalog import CATALOG
from queue_telemetry.metrics.fresh_cells import FreshCells
from queue_telemetry.metrics.registry import Registry

_STARTED = CATALOG["queue.tasks.started"]
_WAIT = CATALOG["queue.task.wait"]


def _names(fresh: FreshCells) -> list[str]:
    return [cell.series.values[1] for cell in fresh.look()]  # type: ignore[attr-defined] # all of them have one


def test_a_counter_is_told_when_it_was_used(registry: Registry) -> None:
    cells = [registry.counter(_STARTED, ("mail", name)) for name in "abc"]
    fresh = FreshCells()
    fresh.watch(cells)

    assert ["a", "b", "c"] == _names(fresh)
    assert [] == _names(fresh)
    cells[1].increment()
    assert ["b"] == _names(fresh)
    cells[2].increment(0.5)
    assert ["c"] == _names(fresh)


def test_a_timer_is_told_while_it_holds_durations(registry: Registry) -> None:
    cells = [registry.timer(_WAIT, ("mail", name)) for name in "ab"]
    fresh = FreshCells()
    fresh.watch(cells)
    cells[0].observe(1.0)

    assert (["a"], ["a"]) == (_names(fresh), _names(fresh))
    cells[0].drain(Batch())
    assert [] == _names(fresh)


def test_gauges_are_always_told(registry: Registry) -> None:
    fresh = FreshCells()
    fresh.watch([registry.gauge(CATALOG["queue.size"], ("mail",))])

    assert (1, 1) == (len(list(fresh.look())), len(list(fresh.look())))


def test_a_look_that_was_cut_short_tells_the_rest_the_next_time(registry: Registry) -> None:
    cells = [registry.counter(_STARTED, ("mail", name)) for name in "ab"]
    fresh = FreshCells()
    fresh.watch(cells)
    list(fresh.look())
    for cell in cells:
        cell.increment()
    next(fresh.look())

    assert ["a", "b"] == _names(fresh)


def test_a_collection_drains_a_cell_that_came_later(registry: Registry) -> None:
    registry.user_counter("mails", {}).increment()
    first = registry.collect()
    registry.user_counter("letters", {}).increment()

    assert [["mails"], ["letters"]] == [
        [series.metric.name for series, _, _ in batch.counters] for batch in (first, registry.collect())
    ]


def test_an_idle_cell_costs_no_call_of_its_own(registry: Registry) -> None:
    for number in range(100):
        registry.counter(_STARTED, ("mail", str(number))).increment()
    registry.collect()
    calls: list[str] = []

    sys.setprofile(lambda frame, event, _: calls.append(frame.f_code.co_name) if event == "call" else None)
    try:
        registry.collect()
    finally:
        sys.setprofile(None)

    assert "drain" not in calls
