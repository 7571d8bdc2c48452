from dataclasses import replace
from typing import Any

import pytest

from queue_telemetry.healthcheck import (
    Finding,
    HealthReport,
    HealthStatus,
    ProcessFacts,
    Reason,
    SlotUse,
    Thresholds,
    evaluate,
    find_reasons,
)
from queue_telemetry.metrics.errors import ErrorGroup
from queue_telemetry.metrics.snapshot import Snapshot, TypePerformance

_OFF = Thresholds(0, 0, 0, 0, 0, 0, 0, 0, 0, 0)


def test_a_process_at_work_is_healthy(report: HealthReport) -> None:
    assert (HealthStatus.HEALTHY, (), True, True) == (
        report.status,
        report.reasons,
        report.live,
        report.ready,
    )


@pytest.mark.parametrize(
    ("facts_", "stats", "limits", "reason", "status", "live", "ready"),
    [
        (
            {"heartbeat_age_s": 60.1},
            {},
            {"heartbeat_max_age_s": 60},
            Reason.HEARTBEAT_STALE,
            "unhealthy",
            0,
            0,
        ),
        ({"active_workers": 1}, {}, {"min_workers": 2}, Reason.WORKERS_BELOW_MINIMUM, "unhealthy", 1, 0),
        ({"active_workers": None}, {}, {"min_workers": 1}, Reason.WORKERS_BELOW_MINIMUM, "unhealthy", 1, 0),
        (
            {},
            {"failed_1h": 5, "attempts_1h": 20},
            {"failure_ratio": 0.25, "failure_min_tasks": 20},
            Reason.FAILURE_RATIO,
            "degraded",
            1,
            1,
        ),
        (
            {},
            {"queue_sizes": {"a": 60.0, "b": 41.0}},
            {"queue_size_max": 100},
            Reason.QUEUE_SIZE,
            "degraded",
            1,
            1,
        ),
        (
            {},
            {"oldest_ages_s": {"a": 1.0, "b": 61.0}},
            {"oldest_task_age_max_s": 60},
            Reason.OLDEST_TASK_AGE,
            "degraded",
            1,
            1,
        ),
        ({}, {"p95_wait_s": 30.1}, {"wait_p95_max_s": 30}, Reason.WAIT_P95, "degraded", 1, 1),
        (
            {},
            {"retried_1h": 10, "attempts_1h": 20},
            {"retry_ratio": 0.5, "failure_min_tasks": 20},
            Reason.RETRY_STORM,
            "degraded",
            1,
            1,
        ),
        ({"utilisation": 0.91}, {}, {"utilisation_max": 0.9}, Reason.SATURATION, "degraded", 1, 1),
        ({"longest_running_s": 900.1}, {}, {"stuck_task_s": 900}, Reason.STUCK_TASK, "degraded", 1, 1),
        ({"stale_probes": frozenset({"queue_size:mail"})}, {}, {}, Reason.PROBE_STALE, "degraded", 1, 1),
        ({"configuration_invalid": True}, {}, {}, Reason.CONFIGURATION_INVALID, "degraded", 1, 1),
        ({"telemetry_failing": frozenset({"logs"})}, {}, {}, Reason.TELEMETRY_FAILING, "degraded", 1, 1),
    ],
    ids=lambda value: value if isinstance(value, Reason) else "",
)
def test_one_cause_gives_one_reason_and_a_verdict(
    facts: ProcessFacts,
    busy: Snapshot,
    facts_: dict[str, Any],
    stats: dict[str, Any],
    limits: dict[str, Any],
    reason: Reason,
    status: str,
    live: bool,
    ready: bool,
) -> None:
    report = evaluate(replace(busy, **stats), replace(facts, **facts_), replace(_OFF, **limits))

    assert ((reason,), status) == (report.reasons, report.status)
    assert (bool(live), bool(ready)) == (report.live, report.ready)


@pytest.mark.parametrize(
    ("facts_", "stats", "limits"),
    [
        ({"heartbeat_age_s": 60.0}, {}, {"heartbeat_max_age_s": 60}),
        ({"heartbeat_age_s": None}, {}, {"heartbeat_max_age_s": 60}),
        ({"active_workers": 2}, {}, {"min_workers": 2}),
        ({}, {"failed_1h": 4, "attempts_1h": 20}, {"failure_ratio": 0.25, "failure_min_tasks": 20}),
        ({}, {"failed_1h": 19, "attempts_1h": 19}, {"failure_ratio": 0.25, "failure_min_tasks": 20}),
        ({}, {"failed_1h": 0, "attempts_1h": 0}, {"failure_ratio": 0.25}),
        ({}, {"queue_sizes": {"a": 100.0}}, {"queue_size_max": 100}),
        ({}, {"queue_sizes": {}}, {"queue_size_max": 1}),
        ({}, {"oldest_ages_s": {"a": 60.0}}, {"oldest_task_age_max_s": 60}),
        ({}, {"oldest_ages_s": {}}, {"oldest_task_age_max_s": 1}),
        ({}, {"p95_wait_s": 30.0}, {"wait_p95_max_s": 30}),
        ({}, {"p95_wait_s": None}, {"wait_p95_max_s": 30}),
        ({}, {"retried_1h": 9, "attempts_1h": 20}, {"retry_ratio": 0.5, "failure_min_tasks": 20}),
        ({}, {"retried_1h": 19, "attempts_1h": 19}, {"retry_ratio": 0.5, "failure_min_tasks": 20}),
        ({"utilisation": 0.9}, {}, {"utilisation_max": 0.9}),
        ({"utilisation": None}, {}, {"utilisation_max": 0.9}),
        ({"longest_running_s": 900.0}, {}, {"stuck_task_s": 900}),
        ({"longest_running_s": None}, {}, {"stuck_task_s": 900}),
        (
            {"heartbeat_age_s": 1e9, "active_workers": 0, "utilisation": 1.0, "longest_running_s": 1e9},
            {
                "failed_1h": 9,
                "retried_1h": 9,
                "p95_wait_s": 1e9,
                "attempts_1h": 9,
                "queue_sizes": {"a": 1e9},
                "oldest_ages_s": {"a": 1e9},
            },
            {},
        ),
    ],
    ids=[
        "heartbeat at the limit",
        "no heartbeat to judge",
        "workers at the minimum",
        "ratio below",
        "too few attempts",
        "no attempts",
        "size at the limit",
        "size unknown",
        "age at the limit",
        "age unknown",
        "waits at the limit",
        "waits unknown",
        "retries below",
        "too few attempts to tell a storm",
        "utilisation at the limit",
        "utilisation unknown",
        "a long run at the limit",
        "no run to judge",
        "all rules off",
    ],
)
def test_within_limits_is_healthy(
    facts: ProcessFacts, busy: Snapshot, facts_: dict[str, Any], stats: dict[str, Any], limits: dict[str, Any]
) -> None:
    report = evaluate(replace(busy, **stats), replace(facts, **facts_), replace(_OFF, **limits))

    assert ((), "healthy", True, True) == (report.reasons, report.status, report.live, report.ready)


@pytest.mark.parametrize(
    ("facts_", "status", "live", "ready"),
    [
        ({"collected": False}, "starting", True, False),
        ({"collected": False, "active_workers": None}, "starting", True, False),
        ({"collected": False, "configuration_invalid": True}, "starting", True, False),
        ({"collected": False, "heartbeat_age_s": 99.0}, "unhealthy", False, False),
        ({"draining": True}, "draining", True, False),
        ({"draining": True, "active_workers": 0}, "draining", True, False),
        ({"draining": True, "heartbeat_age_s": 99.0}, "draining", False, False),
        ({"draining": True, "collected": False}, "draining", True, False),
        ({"configuration_invalid": True, "active_workers": 0}, "unhealthy", True, False),
    ],
)
def test_of_several_states_the_most_telling_is_named(
    facts: ProcessFacts, busy: Snapshot, facts_: dict[str, Any], status: str, live: bool, ready: bool
) -> None:
    report = evaluate(busy, replace(facts, **facts_), replace(_OFF, heartbeat_max_age_s=60, min_workers=1))

    assert (status, live, ready) == (report.status, report.live, report.ready)


def test_reasons_are_sorted_and_all_listed(facts: ProcessFacts, busy: Snapshot) -> None:
    process = replace(
        facts,
        heartbeat_age_s=99.0,
        active_workers=0,
        configuration_invalid=True,
        telemetry_failing=frozenset({"logs", "statsd"}),
        utilisation=1.0,
        stale_probes=frozenset({"queue_size:mail"}),
    )
    stats = replace(busy, failed_1h=800, retried_1h=800)

    report = evaluate(stats, process, Thresholds(60, 1, 0.25, 20, 10, 1, 0.5, 0.5, 0.9, 0.1))

    assert tuple(sorted(Reason)) == report.reasons


def test_nothing_happened_shows_zero_counts_and_unknown_the_rest(
    facts: ProcessFacts, quiet: Snapshot
) -> None:
    process = replace(facts, active_workers=None, longest_running_s=None, in_flight=0, slots_used=0)

    report = evaluate(quiet, process, Thresholds())

    assert HealthStatus.HEALTHY is report.status
    assert (0, 0, 0, 0) == (report.failed_tasks_1h, report.completed_1h, report.retried_1h, report.in_flight)
    assert [None] * 9 == [
        report.queue_size,
        report.active_workers,
        report.avg_task_duration,
        report.p50_task_duration,
        report.p95_task_duration,
        report.p99_task_duration,
        report.p95_task_wait,
        report.oldest_task_age,
        report.longest_running,
    ]


def test_queues_are_summed_and_the_oldest_age_is_the_oldest(report: HealthReport) -> None:
    assert (42, 3.1) == (report.queue_size, report.oldest_task_age)


def test_an_empty_queue_is_known_to_be_empty(facts: ProcessFacts, quiet: Snapshot) -> None:
    assert 0 == evaluate(replace(quiet, queue_sizes={"a": 0.0}), facts, Thresholds()).queue_size


def test_the_process_is_shown_as_it_is(report: HealthReport) -> None:
    assert (3, SlotUse(2, 12), 2, 0.4, 1, 3600) == (
        report.active_workers,
        report.slots,
        report.in_flight,
        report.longest_running,
        report.processes,
        report.window_s,
    )
    assert ("2025-11-05T10:15:30.123Z", "billing", "1.2.3") == (
        report.observed_at,
        report.service,
        report.version,
    )


def test_the_most_frequent_errors_are_listed(facts: ProcessFacts, quiet: Snapshot) -> None:
    groups = tuple(ErrorGroup(str(n), "ValueError", "t", 100 - n, 1.0, 2.0, "") for n in range(100))

    report = evaluate(replace(quiet, errors=groups), facts, Thresholds())

    assert groups[:20] == report.errors


def test_the_busiest_types_are_listed(facts: ProcessFacts, busy: Snapshot) -> None:
    rows: tuple[TypePerformance, ...] = busy.performance * 100

    assert rows[:20] == evaluate(replace(busy, performance=rows), facts, Thresholds()).performance


def test_a_finding_tells_what_was_measured_and_what_it_was_held_against(
    facts: ProcessFacts, busy: Snapshot
) -> None:
    stats = replace(busy, failed_1h=5, attempts_1h=20, retried_1h=0, oldest_ages_s={"a": 1.0, "b": 61.5})
    process = replace(facts, active_workers=None, telemetry_failing=frozenset({"logs"}))

    assert {
        Reason.OLDEST_TASK_AGE: Finding(61.5, 60),
        Reason.WORKERS_BELOW_MINIMUM: Finding(0, 2),
        Reason.FAILURE_RATIO: Finding(0.25, 0.2),
        Reason.TELEMETRY_FAILING: Finding(),
    } == find_reasons(
        stats,
        process,
        replace(_OFF, oldest_task_age_max_s=60, min_workers=2, failure_ratio=0.2, failure_min_tasks=20),
    )


def test_a_reason_to_fail_on_makes_it_unhealthy_and_not_ready(facts: ProcessFacts, busy: Snapshot) -> None:
    limits = replace(_OFF, queue_size_max=10, fail_on=frozenset({Reason.QUEUE_SIZE}))

    report = evaluate(busy, facts, limits)

    assert ("unhealthy", True, False, 503) == (report.status, report.live, report.ready, report.http_status)
    assert "degraded" == evaluate(busy, facts, replace(limits, fail_on=frozenset({Reason.WAIT_P95}))).status


def test_of_measures_that_swing_the_settled_ones_count(facts: ProcessFacts, busy: Snapshot) -> None:
    limits = replace(_OFF, queue_size_max=10)

    assert () == evaluate(busy, facts, limits, settled=()).reasons
    assert (Reason.WAIT_P95,) == evaluate(busy, facts, limits, settled=(Reason.WAIT_P95,)).reasons


def test_what_others_count_for_themselves_shows_at_once(facts: ProcessFacts, busy: Snapshot) -> None:
    limits = replace(_OFF, min_workers=5, heartbeat_max_age_s=60)
    settled = (Reason.HEARTBEAT_STALE,)

    assert (Reason.WORKERS_BELOW_MINIMUM,) == evaluate(busy, facts, limits, settled=settled).reasons
