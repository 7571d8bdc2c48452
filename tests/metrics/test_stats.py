import pytest

from queue_telemetry._runtime import Clock
from queue_telemetry.metrics.batch import Batch, Series
from queue_telemetry.metrics.catalog import CATALOG, Kind, Metric, Owner
from queue_telemetry.metrics.errors import ErrorSample
from queue_telemetry.metrics.stats import Stats
from queue_telemetry.metrics.tallies import Reading, Running, SeriesKey


class _Hands:
    """Two clocks that a test turns by hand."""

    def __init__(self) -> None:
        self.now_s = 10_000.0

    def clock(self) -> Clock:
        return Clock(monotonic=lambda: self.now_s, time=lambda: 1_700_000_000.0 + self.now_s)


@pytest.fixture
def hands() -> _Hands:
    return _Hands()


@pytest.fixture
def stats(hands: _Hands) -> Stats:
    return Stats(hands.clock())


def _counted(event: str, *values: str, amount: float = 1) -> Batch:
    return Batch(counters=[(Series(CATALOG[event], values), amount, 1)])


def _timed(event: str, *values: str, seconds: list[float]) -> Batch:
    return Batch(timings=[(Series(CATALOG[event], values), seconds)])


def _gauged(event: str, value: float | None, queue: str = "mail") -> Batch:
    return Batch(gauges=[(Series(CATALOG[event], (queue,)), value, 1)])


def test_before_anything_happened_counts_are_zero_and_the_rest_is_unknown(stats: Stats) -> None:
    read = stats.snapshot()

    assert (0, 0, 0, 0) == (read.completed_1h, read.failed_1h, read.retried_1h, read.attempts_1h)
    assert (None,) * 5 == (
        read.avg_duration_s,
        read.p50_duration_s,
        read.p95_duration_s,
        read.p99_duration_s,
        read.p95_wait_s,
    )
    assert ({}, {}, {}) == (read.totals, read.queue_sizes, read.oldest_ages_s)
    assert () == read.errors


def test_the_hour_counts_what_ended(stats: Stats) -> None:
    stats.fold(_counted("queue.tasks.completed", "mail", "send", amount=3), ())
    stats.fold(_counted("queue.tasks.failed", "mail", "send", "KeyError", "exception"), ())
    stats.fold(_counted("queue.tasks.retried", "mail", "send", amount=2), ())
    stats.fold(_counted("queue.tasks.started", "mail", "send", amount=6), ())

    read = stats.snapshot()

    assert (3, 1, 2, 6) == (read.completed_1h, read.failed_1h, read.retried_1h, read.attempts_1h)


def test_expected_failures_are_no_failures_of_the_hour(stats: Stats) -> None:
    stats.fold(_counted("queue.tasks.failed", "mail", "send", "NotFound", "expected"), ())

    read = stats.snapshot()

    assert (0, 0) == (read.failed_1h, read.attempts_1h)
    assert {"queue.tasks.failed": 1} == read.totals


def test_after_an_hour_only_totals_remain(stats: Stats, hands: _Hands) -> None:
    stats.fold(_counted("queue.tasks.completed", "mail", "send"), ())
    stats.fold(_timed("queue.task.duration", "mail", "send", "completed", seconds=[1.0]), ())
    hands.now_s += 3600

    read = stats.snapshot()

    assert (0, None, None) == (read.completed_1h, read.avg_duration_s, read.p50_duration_s)
    assert {"queue.tasks.completed": 1} == read.totals


def test_counters_add_up_by_series_and_by_name(stats: Stats) -> None:
    stats.fold(_counted("queue.tasks.completed", "mail", "send", amount=3), ())
    stats.fold(_counted("queue.tasks.completed", "bulk", "send", amount=2), ())
    stats.fold(_counted("queue.tasks.completed", "mail", "sort", amount=1), ())

    read = stats.snapshot()

    assert {"queue.tasks.completed": 6} == read.totals
    assert {("mail", "send"): 3, ("bulk", "send"): 2, ("mail", "sort"): 1} == {
        key.values: amount for key, amount in read.counters.items()
    }


def test_a_users_counter_is_counted_under_its_own_tags(stats: Stats) -> None:
    mails = Metric("mails_sent", Kind.COUNTER, ("provider",))
    stats.fold(Batch(counters=[(Series(mails, ("ses",)), 0.5, 1)]), ())

    read = stats.snapshot()

    assert {SeriesKey("mails_sent", ("provider",), ("ses",)): 0.5} == read.counters


def test_a_snapshot_does_not_change_afterwards(stats: Stats) -> None:
    stats.fold(_counted("queue.tasks.completed", "mail", "send"), ())
    read = stats.snapshot()
    stats.fold(_counted("queue.tasks.completed", "mail", "send"), ())

    assert {"queue.tasks.completed": 1} == read.totals


def test_types_beyond_a_thousand_count_as_other(stats: Stats) -> None:
    for number in range(1003):
        stats.fold(_counted("queue.tasks.completed", "mail", f"type-{number}"), ())

    read = stats.snapshot()

    other = SeriesKey("queue.tasks.completed", ("queue", "type"), ("__other__", "__other__"))
    assert 3 == read.counters[other]
    assert 1001 == len(read.counters)
    assert 1003 == read.completed_1h


def test_metric_names_beyond_a_thousand_count_as_other(stats: Stats) -> None:
    for number in range(1002):
        stats.fold(Batch(counters=[(Series(Metric(f"m{number}", Kind.COUNTER)), 1, 1)]), ())

    read = stats.snapshot()

    assert 2 == read.totals["__other__"]
    assert 1001 == len(read.totals)


def test_durations_of_completed_and_failed_runs_are_read_together(stats: Stats) -> None:
    stats.fold(_timed("queue.task.duration", "mail", "send", "completed", seconds=[1.0] * 98), ())
    stats.fold(_timed("queue.task.duration", "mail", "send", "failed", seconds=[2.0, 100.0]), ())
    stats.fold(_timed("queue.task.duration", "mail", "send", "retried", seconds=[500.0]), ())

    read = stats.snapshot()

    assert 2.0 == read.avg_duration_s
    assert [1.0, 1.0, 2.0] == pytest.approx(
        [read.p50_duration_s, read.p95_duration_s, read.p99_duration_s], rel=0.02
    )


def test_waits_are_read_apart(stats: Stats) -> None:
    stats.fold(_timed("queue.task.wait", "mail", "send", seconds=[1.0] * 18 + [8.0] * 2), ())
    stats.fold(_timed("queue.claim.duration", "mail", seconds=[99.0]), ())

    read = stats.snapshot()

    assert read.p95_wait_s == pytest.approx(8.0, rel=0.02)
    assert read.avg_duration_s is None


def test_queue_gauges_hold_their_last_value(stats: Stats) -> None:
    stats.fold(_gauged("queue.size", 5), ())
    stats.fold(_gauged("queue.size", 7), ())
    stats.fold(_gauged("queue.size", 2, "bulk"), ())
    stats.fold(_gauged("queue.oldest_task_age", 1.5), ())

    read = stats.snapshot()

    assert {"mail": 7, "bulk": 2} == read.queue_sizes
    assert {"mail": 1.5} == read.oldest_ages_s


def test_an_unknown_gauge_is_taken_away(stats: Stats) -> None:
    stats.fold(_gauged("queue.size", 5), ())
    stats.fold(_gauged("queue.size", None), ())
    stats.fold(_gauged("queue.oldest_task_age", None), ())

    assert {} == stats.snapshot().queue_sizes


def test_an_unknown_gauge_is_told_to_be_so_since_it_became_so(stats: Stats, hands: _Hands) -> None:
    stats.fold(_gauged("queue.size", 5), ())
    hands.now_s += 10
    stats.fold(_gauged("queue.size", None), ())
    hands.now_s += 10
    stats.fold(_gauged("queue.size", None), ())

    assert {"mail": Reading(10_010.0, None)} == stats.summary().sizes


def test_a_gauge_that_was_unknown_from_the_beginning_is_told_to_be_so(stats: Stats) -> None:
    stats.fold(_gauged("queue.size", None), ())

    assert {"mail": Reading(10_000.0, None)} == stats.summary().sizes


def test_a_gauge_that_nobody_renews_takes_nothing_back_that_others_say(stats: Stats, hands: _Hands) -> None:
    stats.fold(_gauged("queue.size", 5), ())
    hands.now_s += 299
    stats.fold(_gauged("queue.size", None), ())

    assert {"mail": Reading(10_000.0, None)} == stats.summary().sizes


def test_other_gauges_are_not_its_business(stats: Stats) -> None:
    stats.fold(Batch(gauges=[(Series(CATALOG["queue.active_workers"]), 3, 1)]), ())

    read = stats.snapshot()

    assert ({}, {}) == (read.queue_sizes, read.oldest_ages_s)


def test_errors_are_grouped_and_age_by_the_wall_clock(stats: Stats, hands: _Hands) -> None:
    at_s = 1_700_000_000.0 + hands.now_s
    sample = ErrorSample("9f", "ValueError", "send", "bad row N", at_s)
    stats.fold(Batch(), [sample, sample])

    assert [("9f", 2)] == [(group.fingerprint, group.count) for group in stats.snapshot().errors]
    hands.now_s += 3601
    assert () == stats.snapshot().errors


def test_the_summary_is_the_same_value_until_something_changes_it(stats: Stats) -> None:
    stats.fold(_counted("queue.tasks.completed", "mail", "send"), ())
    first = stats.summary()

    stats.fold(Batch(gauges=[(Series(CATALOG["queue.active_workers"]), 3, 1)]), ())
    assert stats.summary() is first
    stats.fold(_gauged("queue.size", 5), ())
    assert stats.summary() is not first


def test_a_reading_is_as_old_as_the_call_that_said_it(stats: Stats, hands: _Hands) -> None:
    stats.fold(_gauged("queue.size", 5), ())
    hands.now_s += 10
    stats.fold(Batch(gauges=[(Series(CATALOG["queue.size"], ("mail",)), 5, 0)]), ())  # sent again, not said

    assert {"mail": Reading(10_000.0, 5)} == stats.summary().sizes


def test_runs_in_flight_are_told_with_when_the_oldest_began(stats: Stats, hands: _Hands) -> None:
    in_flight = Series(CATALOG["queue.tasks.in_flight"], ("mail", "send"))
    stats.fold(Batch(gauges=[(in_flight, 2, 0)]), (), {("mail", "send"): 9_990.0})
    hands.now_s += 5

    (row,) = stats.snapshot().performance
    assert {("mail", "send"): Running(2, 9_990.0)} == stats.summary().running
    assert (2, 15.0) == (row.in_flight, row.longest_running_s)
    stats.fold(Batch(gauges=[(in_flight, 0, 0)]), (), {})
    assert ({}, ()) == (stats.summary().running, stats.snapshot().performance)


def test_a_type_performs_as_its_runs_did(stats: Stats, hands: _Hands) -> None:
    stats.fold(_counted("queue.tasks.completed", "mail", "send", amount=3), ())
    stats.fold(_counted("queue.tasks.failed", "mail", "send", "KeyError", "exception"), ())
    stats.fold(_counted("queue.tasks.failed", "mail", "send", "NotFound", "expected"), ())
    stats.fold(_timed("queue.task.duration", "mail", "send", "completed", seconds=[1.0, 1.0, 1.0]), ())
    stats.fold(_timed("queue.task.duration", "mail", "send", "failed", seconds=[5.0, 2.0]), ())
    stats.fold(_timed("queue.task.wait", "mail", "send", seconds=[0.5]), ())
    stats.fold(_timed("queue.task.duration", "bulk", "send", "completed", seconds=[9.0]), ())
    hands.now_s += 10

    row = next(row for row in stats.snapshot().performance if row.queue == "mail")

    assert ("send", 5, 1, 0, 0.5, 2.0, 0.5) == (
        row.type,
        row.count,
        row.failed,
        row.retried,
        row.rate_per_s,
        row.avg_duration_s,
        row.avg_wait_s,
    )
    assert [1.0, 5.0, 5.0, 0.5] == pytest.approx(
        [row.p50_duration_s, row.p95_duration_s, row.p99_duration_s, row.p95_wait_s], rel=0.02
    )


def test_every_timer_has_a_histogram_by_its_own_tags(stats: Stats) -> None:
    stats.fold(_timed("queue.task.duration", "mail", "send", "retried", seconds=[0.02]), ())
    stats.fold(Batch(timings=[(Series(Metric("render", Kind.TIMER, ("page",)), ("home",)), [2.0, 4.0])]), ())

    read = {key.name: (key.values, tally.sum_s) for key, tally in stats.summary().histograms.items()}

    assert {"queue.task.duration": (("mail", "send", "retried"), 0.02), "render": (("home",), 6.0)} == read


def test_the_users_gauges_are_told(stats: Stats) -> None:
    pool = Metric("pool_free", Kind.GAUGE, ("pool",), owner=Owner.USER)
    stats.fold(Batch(gauges=[(Series(pool, ("db",)), 3.0, 1)]), ())

    assert {SeriesKey("pool_free", ("pool",), ("db",)): 3.0} == stats.summary().gauges
