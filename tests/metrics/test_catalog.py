import itertools
import re

import pytest

from queue_telemetry.metrics import CATALOG, Kind, Metric, Owner

_QT = ("queue", "type")
_COUNTER, _TIMER, _GAUGE = Kind.COUNTER, Kind.TIMER, Kind.GAUGE
_TABLE: list[tuple[str, str, Kind, Owner | None, tuple[str, ...]]] = [
    ("queue_tasks_enqueued_total", "queue.tasks.enqueued", _COUNTER, None, _QT),
    ("queue_tasks_claimed_total", "queue.tasks.claimed", _COUNTER, None, _QT),
    ("queue_tasks_started_total", "queue.tasks.started", _COUNTER, None, _QT),
    ("queue_tasks_completed_total", "queue.tasks.completed", _COUNTER, None, _QT),
    ("queue_tasks_failed_total", "queue.tasks.failed", _COUNTER, None, (*_QT, "error_type", "reason")),
    ("queue_tasks_retried_total", "queue.tasks.retried", _COUNTER, None, _QT),
    ("queue_tasks_cancelled_total", "queue.tasks.cancelled", _COUNTER, None, _QT),
    ("queue_tasks_skipped_total", "queue.tasks.skipped", _COUNTER, None, _QT),
    ("queue_tasks_interrupted_total", "queue.tasks.interrupted", _COUNTER, None, _QT),
    ("queue_enqueue_failed_total", "queue.enqueue.failed", _COUNTER, None, ("queue", "error_type")),
    ("queue_claims_failed_total", "queue.claims.failed", _COUNTER, None, ("queue", "error_type")),
    ("queue_claims_empty_total", "queue.claims.empty", _COUNTER, None, ("queue",)),
    ("queue_task_duration_seconds", "queue.task.duration", _TIMER, None, (*_QT, "outcome")),
    ("queue_task_wait_seconds", "queue.task.wait", _TIMER, None, _QT),
    ("queue_enqueue_duration_seconds", "queue.enqueue.duration", _TIMER, None, ("queue",)),
    ("queue_claim_duration_seconds", "queue.claim.duration", _TIMER, None, ("queue",)),
    ("queue_size_current", "queue.size", _GAUGE, Owner.SHARED, ("queue",)),
    ("queue_oldest_task_age_seconds", "queue.oldest_task_age", _GAUGE, Owner.SHARED, ("queue",)),
    ("queue_active_workers", "queue.active_workers", _GAUGE, Owner.PROCESS, ()),
    ("queue_worker_slots", "queue.worker.slots", _GAUGE, Owner.PROCESS, ("state",)),
    ("queue_tasks_in_flight", "queue.tasks.in_flight", _GAUGE, Owner.PROCESS, _QT),
    ("queue_alerts_fired_total", "queue.alerts.fired", _COUNTER, None, ("rule",)),
    ("queue_telemetry_accepted_total", "queue.telemetry.accepted", _COUNTER, None, ("signal", "reason")),
    ("queue_telemetry_delivered_total", "queue.telemetry.delivered", _COUNTER, None, ("signal", "reason")),
    ("queue_telemetry_dropped_total", "queue.telemetry.dropped", _COUNTER, None, ("signal", "reason")),
]


def test_the_catalog_is_the_documented_table() -> None:
    rows = [
        (metric.prometheus_name, metric.name, metric.kind, metric.owner, metric.tags)
        for metric in CATALOG.values()
    ]
    assert sorted(_TABLE) == sorted(rows)


def test_a_metric_is_found_by_its_name() -> None:
    assert [*CATALOG] == [metric.name for metric in CATALOG.values()]


def test_nobody_can_change_the_catalog() -> None:
    with pytest.raises(TypeError):
        CATALOG["mine"] = Metric("mine", Kind.COUNTER)  # type: ignore[index] # the mistake under test


def test_no_leaf_is_a_folder_of_another() -> None:
    assert [] == [pair for pair in itertools.permutations(CATALOG, 2) if pair[1].startswith(f"{pair[0]}.")]


@pytest.mark.parametrize("metric", CATALOG.values(), ids=[*CATALOG])
def test_a_metric_is_written_as_every_server_takes_it(metric: Metric) -> None:
    assert re.fullmatch(r"queue(\.[a-z_]+)+", metric.name)
    assert re.fullmatch(r"queue(_[a-z]+)+", metric.prometheus_name)
    assert metric.help.endswith(".")
    assert len(set(metric.tags)) == len(metric.tags)
    assert (metric.kind is Kind.GAUGE) == (metric.owner is not None)
    assert (metric.kind is Kind.COUNTER) == metric.prometheus_name.endswith("_total")
    assert not {"task_id", "worker_id", "message"} & set(metric.tags)


def test_prometheus_names_are_unique() -> None:
    assert len(CATALOG) == len({metric.prometheus_name for metric in CATALOG.values()})
