from collections.abc import Callable

import pytest

from queue_telemetry.export import _promql as promql

SHARE = (
    'sum(rate(queue_tasks_failed_total{reason!="x", queue="q"}[5m]))\n'
    '  / sum(rate(queue_tasks_started_total{queue="q"}[5m]))'
)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (promql.level("queue.worker.slots", 'state="used"'), 'queue_worker_slots{state="used"}'),
        (
            promql.rate("queue.claims.empty", "5m", "queue"),
            "sum by (queue) (rate(queue_claims_empty_total[5m]))",
        ),
        (promql.increase("queue.claims.empty", "1h"), "sum(increase(queue_claims_empty_total[1h]))"),
        (
            promql.quantile(0.95, "queue.task.wait", "5m", "queue"),
            "histogram_quantile(0.95, sum by (queue, le) (rate(queue_task_wait_seconds_bucket[5m])))",
        ),
        (
            promql.mean("queue.task.wait", "5m"),
            "sum(rate(queue_task_wait_seconds_sum[5m]))\n  / sum(rate(queue_task_wait_seconds_count[5m]))",
        ),
        (
            promql.ratio("queue.tasks.failed", "queue.tasks.started", "5m", where='reason!="x", queue="q"'),
            SHARE,
        ),
    ],
)
def test_form(written: str, expected: str) -> None:
    assert expected == written


def test_a_metric_that_is_not_there_cannot_be_asked_for() -> None:
    with pytest.raises(KeyError):
        promql.rate("queue.tasks.vanished", "5m")


@pytest.mark.parametrize(
    "ask",
    [
        lambda: promql.level("queue.tasks.failed"),
        lambda: promql.rate("queue.size", "5m"),
        lambda: promql.quantile(0.5, "queue.size", "5m"),
        lambda: promql.increase("queue.task.wait", "5m"),
    ],
)
def test_a_metric_is_asked_only_for_what_its_kind_has(ask: Callable[[], str]) -> None:
    with pytest.raises(ValueError, match="not a"):
        ask()
