from dataclasses import replace

import pytest

from queue_telemetry._runtime import Clock
from queue_telemetry.metrics.batch import Batch, Series
from queue_telemetry.metrics.catalog import CATALOG
from queue_telemetry.metrics.errors import ErrorSample
from queue_telemetry.metrics.stats import Stats
from queue_telemetry.metrics.summary import Summary, merge
from queue_telemetry.metrics.tallies import (
    EDGES_S,
    ErrorTally,
    Histogram,
    Reading,
    Running,
    SeriesKey,
    TypeSlice,
)

_SEND = ("mail", "send")


def test_what_json_cannot_hold_is_written_as_what_comes_near() -> None:
    key = SeriesKey("x", ("k",), ("\ud800",))
    summary = Summary(counters={key: 2**70})

    assert {SeriesKey("x", ("k",), ("?",)): 2.0**70} == Summary.from_json(summary.to_json()).counters


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"{}",
        b"[" * 5_000,
        b'{"format":1}',
        Summary().to_json().replace(b'"format":1', b'"format":2'),
    ],
    ids=["nothing", "null", "empty", "deep", "parts missing", "another version"],
)
def test_what_is_no_summary_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError):
        Summary.from_json(data)


def test_of_a_shared_gauge_the_newest_reading_stands() -> None:
    old, new = Summary(sizes={"mail": Reading(1.0, 99.0)}), Summary(sizes={"mail": Reading(2.0, 3.0)})

    assert {"mail": 3.0} == merge([new, old]).snapshot(2.0, 0.0).queue_sizes


def test_that_it_is_unknown_is_a_reading_as_well() -> None:
    dead, heir = Summary(sizes={"mail": Reading(1.0, 42.0)}), Summary(sizes={"mail": Reading(2.0, None)})

    assert {} == merge([dead, heir]).snapshot(2.0, 0.0).queue_sizes


def test_a_reading_that_nobody_renews_becomes_unknown() -> None:
    summary = Summary(sizes={"mail": Reading(100.0, 3.0)}, oldest_ages_s={"mail": Reading(100.0, 9.0)})

    assert ({"mail": 3.0}, {}) == (
        summary.snapshot(400.0, 0.0).queue_sizes,
        summary.snapshot(401.0, 0.0).queue_sizes,
    )
    assert {} == summary.snapshot(401.0, 0.0).oldest_ages_s


def test_each_minute_of_any_process_ages_on_its_own() -> None:
    merged = merge([Summary(failed={100: 2}), Summary(failed={110: 3, 100: 1})])

    assert [6, 3, 0] == [merged.snapshot(minute * 60.0, 0.0).failed_1h for minute in (110, 160, 170)]


def test_the_groups_of_an_error_become_one_that_the_newest_describes() -> None:
    one = ErrorTally(50.0, "KeyError", "sort", "old", 10.0, 2, {1: 2})
    other = ErrorTally(90.0, "KeyError", "send", "new", 40.0, 3, {1: 1, 4: 2})

    (group,) = (
        merge([Summary(errors={"9f": one}), Summary(errors={"9f": other})]).snapshot(5 * 60.0, 100.0).errors
    )

    assert ("9f", "KeyError", "send", "new") == (group.fingerprint, group.type, group.task_type, group.sample)
    assert (5, 10.0, 90.0, 5, 5) == (
        group.count,
        group.first_seen_s,
        group.last_seen_s,
        group.count_5m,
        group.count_1h,
    )


def test_errors_are_counted_in_the_last_minutes_and_listed_most_frequent_first() -> None:
    errors = {
        "a": ErrorTally(7_000.0, "A", "t", "", 0.0, 5, {100: 1, 115: 2, 119: 2}),
        "b": ErrorTally(7_000.0, "B", "t", "", 0.0, 9, {50: 9}),
        "silent": ErrorTally(3_000.0, "C", "t", "", 0.0, 99, {50: 99}),
    }

    listed = Summary(errors=errors).snapshot(119 * 60.0, 7_000.0).errors

    assert [("b", 0, 0), ("a", 4, 5)] == [(one.fingerprint, one.count_5m, one.count_1h) for one in listed]


def test_a_type_shows_its_rate_since_the_start_and_then_over_its_slices() -> None:
    slice_ = TypeSlice(60, 0, 0, 60.0, 0.0, {4064: 60}, {})

    def rate(started_s: float, now_s: float) -> float:
        summary = Summary(started_s=started_s, types={_SEND: {2: slice_}})
        return summary.snapshot(now_s, 0.0).performance[0].rate_per_s

    assert 60 / 30.0 == rate(3_600.0, 3_630.0)
    assert 60 / 3_000.0 == rate(0.0, 4_800.0)


def test_types_are_shown_busiest_first_within_a_bound() -> None:
    types = {("q", str(n)): {0: TypeSlice(n, 0, 0, 0.0, 0.0, {}, {})} for n in range(150)}

    rows = Summary(started_s=0.0, types=types).snapshot(10.0, 0.0).performance

    assert [str(n) for n in range(149, 49, -1)] == [row.type for row in rows]


def test_a_type_that_only_runs_is_shown() -> None:
    rows = Summary(running={_SEND: Running(2, 70.0)}).snapshot(100.0, 0.0).performance

    assert [(0, 2, 30.0, None)] == [
        (row.count, row.in_flight, row.longest_running_s, row.avg_duration_s) for row in rows
    ]


def test_the_longest_running_is_unknown_while_one_run_is_not_watched() -> None:
    merged = merge([Summary(running={_SEND: Running(1, 70.0)}), Summary(running={_SEND: Running(1, None)})])

    assert [(2, None)] == [
        (row.in_flight, row.longest_running_s) for row in merged.snapshot(100.0, 0.0).performance
    ]


def test_what_a_dead_process_ran_failed_as_lost() -> None:
    alive = Summary(
        running={_SEND: Running(2, 5.0), ("mail", "sort"): Running(0, None)},
        gauges={SeriesKey("pool", (), ()): 3.0},
        sizes={"mail": Reading(1.0, 2.0)},
    )

    dead = alive.after_death(6_000.0)

    assert {
        SeriesKey("queue.tasks.failed", CATALOG["queue.tasks.failed"].tags, (*_SEND, "", "lost")): 2
    } == dead.counters
    assert ({}, {}, {100: 2}, alive.sizes) == (dead.running, dead.gauges, dead.failed, dead.sizes)
    assert [("send", 2)] == [(row.type, row.failed) for row in dead.snapshot(6_000.0, 0.0).performance]


def test_a_hundred_busy_types_are_told_in_some_ten_kilobytes() -> None:
    stats = Stats(Clock())
    for number in range(100):
        labels = ("mail", f"type-{number}")
        counted = [
            (Series(CATALOG[f"queue.tasks.{event}"], labels), 50, 50) for event in ("started", "completed")
        ]
        durations = [0.01 * 1.02**step for step in range(50)]
        timed = [
            (Series(CATALOG["queue.task.duration"], (*labels, "completed")), durations),
            (Series(CATALOG["queue.task.wait"], labels), durations),
        ]
        error = ErrorSample(f"{number:016x}", "ValueError", labels[1], "bad row N", 1.0)
        stats.fold(Batch(counters=[*counted], timings=timed), [error])

    assert len(stats.summary().to_json()) < 150_000


def test_a_histogram_adds_up_bucket_by_bucket() -> None:
    key = SeriesKey("queue.task.wait", ("queue", "type"), _SEND)
    zeros = (0,) * (len(EDGES_S) - 1)
    one, other = Histogram((1, 2, *zeros), 0.5), Histogram((3, 0, *zeros), 0.25)

    merged = merge([Summary(histograms={key: one}), replace(Summary(), histograms={key: other})])

    assert {key: Histogram((4, 2, *zeros), 0.75)} == merged.histograms
