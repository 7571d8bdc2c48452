"""From what was measured to a verdict. Pure: no clock, no socket, no state."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from queue_telemetry.healthcheck._plain import rfc3339
from queue_telemetry.healthcheck.report import HealthReport, HealthStatus, Reason, SlotUse
from queue_telemetry.metrics.snapshot import Snapshot

__all__ = ["Finding", "ProcessFacts", "Thresholds", "evaluate", "find_reasons"]

_WINDOW_S: Final = 3600
_MAX_ERRORS: Final = 20  # groups in one report: what a person reads, and a bound on its size
_MAX_TYPES: Final = 20  # rows of performance, for the same reasons
_LOCAL: Final = frozenset({Reason.HEARTBEAT_STALE, Reason.WORKERS_BELOW_MINIMUM})
_SETTLING: Final = frozenset(
    {
        Reason.FAILURE_RATIO,
        Reason.OLDEST_TASK_AGE,
        Reason.QUEUE_SIZE,
        Reason.RETRY_STORM,
        Reason.SATURATION,
        Reason.WAIT_P95,
    }
)
"""Measures that swing about their threshold. The others have a duration in them, or never swing."""


@dataclass(frozen=True, slots=True)
class ProcessFacts:
    """What is known about the process beside its stats.

    Attributes:
        collected: The cells were collected at least once.
        draining: It was told to finish.
        active_workers: Open worker scopes; None until one was opened.
        slots_used: Slots of these scopes with a run in them.
        slots_total: Slots of these scopes.
        in_flight: Runs begun and not ended.
        longest_running_s: Age of the oldest of these, seconds; None without any.
        heartbeat_age_s: Since the last sign of life of a worker scope, seconds; None without a scope.
        configuration_invalid: A setting was wrong and kept its default.
        telemetry: Delivery counts and state by signal, shown as they are.
        telemetry_failing: Outputs that lose data or cannot deliver it now.
        now_s: Seconds since the epoch.
        service: The service's name, if configured.
        version: The service's version, if configured.
        utilisation: The share of slots in use over the last five minutes, in [0, 1]; None where there were none, or
            not for so long.
        stale_probes: Of which queues' sizes and ages the values are overdue, such as `queue_size:mail`.
    """

    collected: bool
    draining: bool
    active_workers: int | None
    slots_used: int
    slots_total: int
    in_flight: int
    longest_running_s: float | None
    heartbeat_age_s: float | None
    configuration_invalid: bool
    telemetry: Mapping[str, Mapping[str, object]]
    telemetry_failing: frozenset[str]
    now_s: float
    service: str | None
    version: str | None
    utilisation: float | None = None
    stale_probes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found to be wrong.

    Attributes:
        value: What was measured; None where there is no number to it.
        threshold: What it was held against; None without one.
    """

    value: float | None = None
    threshold: float | None = None


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From where on something is wrong; 0 turns a rule off.

    Attributes:
        heartbeat_max_age_s: A worker scope silent for longer is stale, seconds.
        min_workers: Fewer open worker scopes are too few; none opened yet counts as none.
        failure_ratio: Failures as a share of the hour's attempts, in (0, 1], from which on there are too many.
        failure_min_tasks: Attempts below which that share says nothing.
        queue_size_max: More tasks waiting, over all queues, are too many.
        oldest_task_age_max_s: An older waiting task, in any queue, is too old, seconds.
        wait_p95_max_s: A longer 95th percentile of the hour's waits is too long, seconds.
        retry_ratio: Retries as a share of the hour's attempts, in (0, 1], from which on they are a storm; it says
            nothing below `failure_min_tasks` attempts either.
        utilisation_max: A larger share of slots in use over five minutes is too much, in (0, 1].
        stuck_task_s: A run that goes on for longer is stuck, seconds.
        fail_on: Reasons that make it unhealthy besides those that always do.
    """

    heartbeat_max_age_s: float = 60.0
    min_workers: int = 0
    failure_ratio: float = 0.25
    failure_min_tasks: int = 20
    queue_size_max: float = 0
    oldest_task_age_max_s: float = 0
    wait_p95_max_s: float = 0
    retry_ratio: float = 0.5
    utilisation_max: float = 0.9
    stuck_task_s: float = 0
    fail_on: frozenset[Reason] = frozenset()


def evaluate(
    snapshot: Snapshot,
    process: ProcessFacts,
    thresholds: Thresholds,
    settled: Collection[Reason] | None = None,
) -> HealthReport:
    """Judge one process, or all of a host together.

    Only what is the process's own makes it unhealthy: a stale heartbeat, too few workers. Causes that it shares with
    others degrade it, but for those that the thresholds say to fail on. A process that drains is called so whatever else
    is wrong, since its workers go away on purpose; one that starts is called so unless its heartbeat is stale. It is
    live while no heartbeat is stale, and ready while live, collected, not draining, and with nothing that makes it
    unhealthy.

    Args:
        snapshot: What was measured.
        process: What else is known.
        thresholds: From where on something is wrong.
        settled: The reasons that hold after hysteresis; of measures that swing, these count instead of what is
            found now. Who acts on the others counts for itself: load balancers and kubelets ask several times. None
            when there is no series of evaluations.
    """
    queue_size = _queue_size(snapshot)
    oldest_age_s = max(snapshot.oldest_ages_s.values(), default=None)
    reasons = frozenset(find_reasons(snapshot, process, thresholds))
    if settled is not None:
        reasons = (reasons - _SETTLING) | (_SETTLING & frozenset(settled))
    failing = reasons & (_LOCAL | thresholds.fail_on)
    live = Reason.HEARTBEAT_STALE not in reasons
    return HealthReport(
        status=_status(process, reasons, failing),
        queue_size=queue_size,
        active_workers=process.active_workers,
        failed_tasks_1h=snapshot.failed_1h,
        avg_task_duration=snapshot.avg_duration_s,
        live=live,
        ready=process.collected and not process.draining and not failing,
        draining=process.draining,
        reasons=tuple(sorted(reasons)),
        in_flight=process.in_flight,
        slots=SlotUse(process.slots_used, process.slots_total),
        completed_1h=snapshot.completed_1h,
        retried_1h=snapshot.retried_1h,
        p50_task_duration=snapshot.p50_duration_s,
        p95_task_duration=snapshot.p95_duration_s,
        p99_task_duration=snapshot.p99_duration_s,
        p95_task_wait=snapshot.p95_wait_s,
        oldest_task_age=oldest_age_s,
        longest_running=process.longest_running_s,
        errors=snapshot.errors[:_MAX_ERRORS],
        performance=snapshot.performance[:_MAX_TYPES],
        telemetry=process.telemetry,
        processes=1,
        window_s=_WINDOW_S,
        observed_at=rfc3339(process.now_s),
        service=process.service,
        version=process.version,
        stale_probes=tuple(sorted(process.stale_probes)),
    )


def find_reasons(snapshot: Snapshot, process: ProcessFacts, limits: Thresholds) -> dict[Reason, Finding]:
    """Return all that is wrong now, whatever was before."""
    return dict(_findings(snapshot, process, limits))


def _findings(
    snapshot: Snapshot, process: ProcessFacts, limits: Thresholds
) -> Iterator[tuple[Reason, Finding]]:
    measures = (
        (Reason.HEARTBEAT_STALE, process.heartbeat_age_s, limits.heartbeat_max_age_s),
        (Reason.QUEUE_SIZE, _queue_size(snapshot), limits.queue_size_max),
        (
            Reason.OLDEST_TASK_AGE,
            max(snapshot.oldest_ages_s.values(), default=None),
            limits.oldest_task_age_max_s,
        ),
        (Reason.WAIT_P95, snapshot.p95_wait_s, limits.wait_p95_max_s),
        (Reason.SATURATION, process.utilisation, limits.utilisation_max),
        (Reason.STUCK_TASK, process.longest_running_s, limits.stuck_task_s),
    )
    for reason, value, limit in measures:
        if limit and value is not None and value > limit:
            yield reason, Finding(value, limit)
    workers = process.active_workers or 0
    if workers < limits.min_workers:
        yield Reason.WORKERS_BELOW_MINIMUM, Finding(workers, limits.min_workers)
    attempts = snapshot.attempts_1h
    if attempts >= max(limits.failure_min_tasks, 1):
        for reason, count, ratio in (
            (Reason.FAILURE_RATIO, snapshot.failed_1h, limits.failure_ratio),
            (Reason.RETRY_STORM, snapshot.retried_1h, limits.retry_ratio),
        ):
            if ratio and count >= ratio * attempts:
                yield reason, Finding(count / attempts, ratio)
    if process.stale_probes:
        yield Reason.PROBE_STALE, Finding(len(process.stale_probes))
    if process.configuration_invalid:
        yield Reason.CONFIGURATION_INVALID, Finding()
    if process.telemetry_failing:
        yield Reason.TELEMETRY_FAILING, Finding()


def _status(process: ProcessFacts, reasons: frozenset[Reason], failing: frozenset[Reason]) -> HealthStatus:
    if process.draining:
        return HealthStatus.DRAINING
    if not process.collected and Reason.HEARTBEAT_STALE not in reasons:
        return HealthStatus.STARTING
    if failing:
        return HealthStatus.UNHEALTHY
    return HealthStatus.DEGRADED if reasons else HealthStatus.HEALTHY


def _queue_size(snapshot: Snapshot) -> float | None:
    """Return the tasks of all queues, whole ones as an int, so that JSON shows 42 and not 42.0; None when unknown."""
    if not snapshot.queue_sizes:
        return None
    total = sum(snapshot.queue_sizes.values())
    return int(total) if float(total).is_integer() else total
