"""What Prometheus is to alert of: queries and words. Pure: no clock, no socket, no state.

Counters come from every host, so they add up; a queue's size is known to several hosts, so the largest counts.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from queue_telemetry.export import _promql as promql
from queue_telemetry.export._limits import limit
from queue_telemetry.healthcheck import Reason
from queue_telemetry.settings import Settings
from queue_telemetry.tasks import Reason as FailureReason

__all__ = ["Alert", "alerts"]

_TYPE: Final = ("job", "queue", "type")
_GIVEN_UP: Final = (FailureReason.REJECTED, FailureReason.EXPIRED, FailureReason.RETRIES_EXHAUSTED)

_STUCK: Final = (
    "A run goes on for longer than QUEUE_TELEMETRY_STUCK_TASK_S, or a worker gave no sign of life for longer than"
    " QUEUE_TELEMETRY_HEALTH_HEARTBEAT_MAX_AGE_S, by the process's own account."
)


@dataclass(frozen=True, slots=True)
class Alert:
    """One rule: its name, what it looks for, for how long that has to hold, how bad it is, and words for people."""

    name: str
    expr: str
    hold: str
    severity: str
    summary: str
    description: str


def alerts(settings: Settings) -> Iterator[Alert]:
    """Return every alert whose limit is not turned off."""
    yield from _backlog(settings)
    yield from _outcomes(settings)
    yield from _workers(settings)
    yield from _happened()
    yield Alert(
        "QueueTelemetryAbsent",
        f"absent({promql.present('queue.telemetry.accepted')})",
        "10m",
        "critical",
        "Nothing tells of any queue",
        "No process has told anything for ten minutes: none runs, none is scraped, or none measures.",
    )


def _backlog(settings: Settings) -> Iterator[Alert]:
    age = limit(settings, "health_oldest_task_age_max_s")
    if age.value:
        yield Alert(
            "QueueOldestTaskAgeHigh",
            f"{promql.summed(promql.level('queue.oldest_task_age'), 'job', 'queue', how='max')} > {age}",
            "5m",
            "critical",
            "A task has waited for {{ $value | humanizeDuration }} in {{ $labels.queue }}",
            f"The oldest task of the queue waits for longer than {age} s. {age.origin}",
        )
    size = limit(settings, "health_queue_size_max")
    if size.value:
        largest = promql.summed(promql.level("queue.size"), "job", "queue", how="max")
        yield Alert(
            "QueueSizeHigh",
            f"{promql.summed(largest, 'job')} > {size}",
            "10m",
            "warning",
            "{{ $value }} tasks wait in the queues of {{ $labels.job }}",
            f"More than {size} tasks wait, over all queues. {size.origin}",
        )
    wait = limit(settings, "health_wait_p95_max_s")
    if wait.value:
        yield Alert(
            "TaskWaitHigh",
            f"{promql.quantile(0.95, 'queue.task.wait', '10m', 'job', 'queue')} > {wait}",
            "10m",
            "warning",
            "One task in twenty of {{ $labels.queue }} waits for {{ $value | humanizeDuration }} or longer",
            f"The 95th percentile of waits is above {wait} s. {wait.origin}",
        )
    yield Alert(
        "QueueWithoutCompletions",
        f"{promql.rate('queue.tasks.enqueued', '10m', 'queue')} > 0\nunless\n"
        f"{promql.rate('queue.tasks.completed', '10m', 'queue')} > 0",
        "10m",
        "critical",
        "Tasks are put into {{ $labels.queue }}, and none completes",
        "Whoever enqueues and whoever works may be different jobs, so only the queue's name counts. A queue of tasks that are"
        " all to start much later fires too.",
    )


def _outcomes(settings: Settings) -> Iterator[Alert]:
    least = settings.health_failure_min_tasks
    enough = f"{promql.increase('queue.tasks.started', '1h', *_TYPE)} >= {least}"
    failures = limit(settings, "health_failure_ratio")
    if failures.value:
        expected = f'reason!="{FailureReason.EXPECTED}"'
        short, long = (
            promql.ratio("queue.tasks.failed", "queue.tasks.started", window, *_TYPE, where=expected)
            for window in ("5m", "1h")
        )
        yield Alert(
            "TaskFailureRatioHigh",
            f"{short} >= {failures}\nand\n{long} >= {failures}\nand\n{enough}",
            "2m",
            "critical",
            "{{ $value | humanizePercentage }} of the runs of {{ $labels.type }} fail",
            f"At least {failures.value:.0%} of the runs failed, both in the last five minutes and in the last hour, of"
            f" {least} or more. {failures.origin}",
        )
    retries = limit(settings, "health_retry_ratio")
    if retries.value:
        share = promql.ratio("queue.tasks.retried", "queue.tasks.started", "15m", *_TYPE)
        yield Alert(
            "TaskRetryStorm",
            f"{share} >= {retries}\nand\n{enough}",
            "5m",
            "warning",
            "{{ $value | humanizePercentage }} of the runs of {{ $labels.type }} will be tried again",
            f"At least {retries.value:.0%} of the runs come to nothing. {retries.origin}",
        )


def _workers(settings: Settings) -> Iterator[Alert]:
    least = limit(settings, "health_min_workers")
    if least.value:
        workers = promql.summed(promql.level("queue.active_workers"), "job", "instance")
        yield Alert(
            "QueueWorkersBelowMinimum",
            f"{workers} < {least}",
            "5m",
            "critical",
            "{{ $value }} workers are left on {{ $labels.instance }}",
            f"Fewer than {least} worker scopes are open. {least.origin}",
        )
    busy = limit(settings, "health_utilisation_max")
    if busy.value:
        used, total = (
            promql.summed(promql.level("queue.worker.slots", f'state="{state}"'), "job")
            for state in ("used", "total")
        )
        yield Alert(
            "WorkerSaturationHigh",
            f"{used}\n  / {total} > {busy}",
            "5m",
            "warning",
            "{{ $value | humanizePercentage }} of the slots of {{ $labels.job }} are in use",
            f"More than {busy.value:.0%} of the workers' slots are in use: more tasks will have to wait. {busy.origin}",
        )


def _happened() -> Iterator[Alert]:
    """What is wrong if it happens at all."""
    for name, metric, by, where, severity, summary, description in (
        (
            "TasksLost",
            "queue.tasks.failed",
            _TYPE,
            f'reason="{FailureReason.LOST}"',
            "warning",
            "Runs of {{ $labels.type }} were lost",
            "A process died in the middle of them: killed, out of memory, or by a crash.",
        ),
        (
            "TaskDeadLettersGrowing",
            "queue.tasks.failed",
            (*_TYPE, "reason"),
            f'reason=~"{"|".join(_GIVEN_UP)}"',
            "warning",
            "Tasks {{ $labels.type }} were given up: {{ $labels.reason }}",
            "They will not be tried again by themselves.",
        ),
        (
            "TaskStuck",
            "queue.alerts.fired",
            ("job", "instance", "rule"),
            f'rule=~"{Reason.STUCK_TASK}|{Reason.HEARTBEAT_STALE}"',
            "critical",
            "A worker on {{ $labels.instance }} makes no progress: {{ $labels.rule }}",
            _STUCK,
        ),
        (
            "EnqueueFailing",
            "queue.enqueue.failed",
            ("job", "queue", "error_type"),
            "",
            "critical",
            "Tasks cannot be put into {{ $labels.queue }}: {{ $labels.error_type }}",
            "The broker did not take them.",
        ),
        (
            "TelemetryDropping",
            "queue.telemetry.dropped",
            ("job", "signal", "reason"),
            "",
            "warning",
            "{{ $labels.signal }} are dropped: {{ $labels.reason }}",
            "Dashboards and logs show less than what happened.",
        ),
    ):
        yield Alert(name, promql.grown(metric, "10m", *by, where=where), "0m", severity, summary, description)
