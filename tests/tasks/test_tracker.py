"""What the tracker tells health of the runs in flight."""

import gc
import os
from collections.abc import Callable
from typing import Any

import pytest

from queue_telemetry.api import Telemetry
from queue_telemetry.metrics import CATALOG
from queue_telemetry.tasks import Tracker


def _longest_running(telemetry: Telemetry) -> object:
    return telemetry.health().as_dict()["longest_running"]


@pytest.mark.parametrize(
    ("readers", "known"), [({"task_id": "task_id"}, True), ({"headers": "headers"}, True), ({}, False)]
)
def test_the_longest_running_is_known_of_tracked_handlers(
    readers: dict[str, Any], known: bool, telemetry: Telemetry
) -> None:
    @telemetry.task(**readers)
    def handler(task_id: object = None, headers: object = None) -> object:
        return _longest_running(telemetry)

    assert known is isinstance(handler("a"), float)
    assert _longest_running(telemetry) is None


def test_the_longest_running_is_the_oldest_of_all(telemetry: Telemetry) -> None:
    runs = [telemetry.run("work").start() for _ in range(3)]
    age = _longest_running(telemetry)
    runs[0].finish()
    younger = _longest_running(telemetry)
    for run in runs[1:]:
        run.finish()

    assert isinstance(age, float)
    assert isinstance(younger, float)


def test_series_beyond_the_limit_fold_into_one(
    make_telemetry: Callable[..., Telemetry], series_of: Callable[[Telemetry], dict[tuple[str, ...], int]]
) -> None:
    telemetry = make_telemetry(max_series=2)
    for number in range(5):
        with telemetry.run(f"work-{number}"):
            assert 1 == telemetry._tracker.in_flight()

    assert 3 == series_of(telemetry)["queue.tasks.completed", "__other__", "__other__"]
    assert 0 == telemetry._tracker.in_flight()


def test_errors_are_bounded_between_collections(telemetry: Telemetry) -> None:
    tracker: Tracker = telemetry._tracker
    for _ in range(1500):
        telemetry.run("work").start().finish(ValueError())

    assert len(tracker.take_errors()) <= 1000
    telemetry._collect()
    assert 1500 == telemetry._stats.snapshot().totals["queue.tasks.failed"]


def test_every_abandoned_run_counts_as_lost_however_many_between_two_collections(
    telemetry: Telemetry, counts_of: Callable[[Telemetry, str], dict[str, int]]
) -> None:
    for _ in range(1500):
        telemetry.run("work").start()
    gc.collect()

    assert {"claimed": 1500, "started": 1500, "failed": 1500} == counts_of(telemetry, "work")


def test_a_type_that_found_the_registry_full_shares_the_series_of_all_others(
    make_telemetry: Callable[..., Telemetry], series_of: Callable[[Telemetry], dict[tuple[str, ...], int]]
) -> None:
    telemetry = make_telemetry(max_series=2)
    telemetry._wake()
    for number in range(2):  # as threads do that race for the last places: the tracker knows of none of these
        telemetry._registry.counter(CATALOG["queue.tasks.started"], ("default", f"racer-{number}"))
    for number in range(3):
        with telemetry.run(f"work-{number}"):
            assert 1 == telemetry._tracker.in_flight()

    assert 3 == series_of(telemetry)["queue.tasks.claimed", "__other__", "__other__"]
    assert 0 == telemetry._tracker.in_flight()


def test_a_forked_child_counts_clamped_waits_and_folded_series_from_zero(
    make_telemetry: Callable[..., Telemetry],
) -> None:
    telemetry = make_telemetry(max_series=1)
    late = {"qt-enqueued-at": "9999999999"}
    for number in range(3):
        with telemetry.run(f"work-{number}", headers=late):
            pass
    pid = os.fork()
    if pid == 0:
        try:
            telemetry._wake()
            told = telemetry._tracker.stats()["waits_clamped"], telemetry._registry.stats()["folded"]
            os._exit(0 if told == (0, 0) else 1)
        finally:
            os._exit(2)

    assert 0 == os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert 3 == telemetry._tracker.stats()["waits_clamped"]


def test_a_drain_tells_when_the_oldest_run_of_each_type_began(telemetry: Telemetry) -> None:
    tracker: Tracker = telemetry._tracker

    @telemetry.task("bare")
    def bare() -> None:
        with telemetry.run("work"):
            telemetry._collect()

    telemetry.run("over").start().finish()
    before_s = telemetry._clock.monotonic()
    bare()

    assert {("default", "bare"), ("default", "work")} == tracker.oldest_began_s.keys()
    assert tracker.oldest_began_s["default", "bare"] is None  # its short way is not tracked
    began_s = tracker.oldest_began_s["default", "work"]
    assert began_s is not None
    assert before_s <= began_s <= telemetry._clock.monotonic()
    telemetry._collect()
    assert {} == tracker.oldest_began_s
