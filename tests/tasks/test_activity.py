from collections.abc import Callable

import pytest

from queue_telemetry._runtime import Clock, Gate
from queue_telemetry.metrics import Marks, Registry
from queue_telemetry.tasks.activity import Activity
from queue_telemetry.tasks.series import TaskSeries


@pytest.fixture
def series() -> dict[str, TaskSeries]:
    return {}


@pytest.fixture
def add(series: dict[str, TaskSeries]) -> Callable[[str], TaskSeries]:
    registry = Registry(Gate(lambda: True), Clock())

    def add(name: str) -> TaskSeries:
        return series.setdefault(name, TaskSeries(registry, Clock(), Marks(), name, "mail", ()))

    return add


def _drain(activity: Activity) -> list[str]:
    """Look, and settle as a tracker does."""
    told, begun = activity.look()
    names = sorted(one.type for one in told)
    activity.drained(begun, [one for one in told if one.balance()])
    return names


def test_what_began_nothing_is_left_out(
    series: dict[str, TaskSeries], add: Callable[[str], TaskSeries]
) -> None:
    activity = Activity(series)
    one, _ = add("a"), add("b")

    assert ["a", "b"] == _drain(activity)
    assert [] == _drain(activity)
    one.started.marks.mark()
    assert ["a"] == _drain(activity)


def test_what_is_in_flight_is_told_until_it_was_seen_to_be_over(
    series: dict[str, TaskSeries], add: Callable[[str], TaskSeries]
) -> None:
    activity = Activity(series)
    one, _ = add("a"), add("b")
    one.started.marks.mark()

    assert [["a", "b"], ["a"]] == [_drain(activity), _drain(activity)]
    one.completed.marks.mark()
    assert [["a"], []] == [_drain(activity), _drain(activity)]


def test_a_run_that_begins_during_a_drain_is_told_by_the_next(
    series: dict[str, TaskSeries], add: Callable[[str], TaskSeries]
) -> None:
    activity = Activity(series)
    one = add("a")
    _drain(activity)
    _, begun = activity.look()
    one.started.marks.mark()
    one.completed.marks.mark()
    activity.drained(begun, [])

    assert ["a"] == _drain(activity)


def test_one_that_came_during_a_drain_has_the_next_tell_all(
    series: dict[str, TaskSeries], add: Callable[[str], TaskSeries]
) -> None:
    activity = Activity(series)
    add("a")
    _drain(activity)
    _, begun = activity.look()
    add("b")
    activity.look()
    activity.drained(begun, [])

    assert ["a", "b"] == _drain(activity)


def test_after_a_fork_the_next_tells_all(
    series: dict[str, TaskSeries], add: Callable[[str], TaskSeries]
) -> None:
    activity = Activity(series)
    add("a")
    _drain(activity)
    activity.forget()

    assert ["a"] == _drain(activity)
