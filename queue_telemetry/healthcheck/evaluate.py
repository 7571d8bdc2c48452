"""From what was measured to a verdict. Pure: no clock, no socket, no state."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from queue_telemetry.healthcheck.report import HealthReport, HealthStatus, Reason, SlotUse, rfc3339
from queue_telemetry.metrics.stats import Snapshot

__all__ = ["ProcessFacts", "Thresholds", "evaluate"]

_WINDOW_S: Final = 3600
_MAX_ERRORS: Final = 20  # groups in one report: what a person reads, and a bound on its size
_LOCAL: Final = frozenset({Reason.HEARTBEAT_STALE, Reason.WORKERS_BELOW_MINIMUM})


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
    """

    heartbeat_max_age_s: float = 60.0
    min_workers: int = 0
    failure_ratio: float = 0.25
    failure_min_tasks: int = 20
    queue_size_max: float = 0
    oldest_task_age_max_s: float = 0


def evaluate(snapshot: Snapshot, process: ProcessFacts, thresholds: Thresholds) -> HealthReport:
    """Judge one process.

    Only what is this process's own makes it unhealthy: a stale heartbeat, too few workers. Causes that it shares with
    others degrade it. A process that drains is called so whatever else is wrong, since its workers go away on purpose;
    one that starts is called so unless its heartbeat is stale. It is live while no heartbeat is stale, and ready while
    live, collected, not draining and with workers enough.
    """
    queue_size = _as_number(sum(snapshot.queue_sizes.values())) if snapshot.queue_sizes else None
    oldest_age_s = max(snapshot.oldest_ages_s.values(), default=None)
    reasons = frozenset(_reasons(snapshot, process, thresholds, queue_size, oldest_age_s))
    live = Reason.HEARTBEAT_STALE not in reasons
    return HealthReport(
        status=_status(process, reasons),
        queue_size=queue_size,
        active_workers=process.active_workers,
        failed_tasks_1h=snapshot.failed_1h,
        avg_task_duration=snapshot.avg_duration_s,
        live=live,
        ready=process.collected and not process.draining and not reasons & _LOCAL,
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
        telemetry=process.telemetry,
        processes=1,
        window_s=_WINDOW_S,
        observed_at=rfc3339(process.now_s),
        service=process.service,
        version=process.version,
    )


def _reasons(
    snapshot: Snapshot,
    process: ProcessFacts,
    limits: Thresholds,
    queue_size: float | None,
    oldest_age_s: float | None,
) -> Iterable[Reason]:
    if _exceeds(process.heartbeat_age_s, limits.heartbeat_max_age_s):
        yield Reason.HEARTBEAT_STALE
    if (process.active_workers or 0) < limits.min_workers:
        yield Reason.WORKERS_BELOW_MINIMUM
    if (
        limits.failure_ratio
        and snapshot.attempts_1h >= max(limits.failure_min_tasks, 1)
        and snapshot.failed_1h >= limits.failure_ratio * snapshot.attempts_1h
    ):
        yield Reason.FAILURE_RATIO
    if _exceeds(queue_size, limits.queue_size_max):
        yield Reason.QUEUE_SIZE
    if _exceeds(oldest_age_s, limits.oldest_task_age_max_s):
        yield Reason.OLDEST_TASK_AGE
    if process.configuration_invalid:
        yield Reason.CONFIGURATION_INVALID
    if process.telemetry_failing:
        yield Reason.TELEMETRY_FAILING


def _status(process: ProcessFacts, reasons: frozenset[Reason]) -> HealthStatus:
    if process.draining:
        return HealthStatus.DRAINING
    if not process.collected and Reason.HEARTBEAT_STALE not in reasons:
        return HealthStatus.STARTING
    if reasons & _LOCAL:
        return HealthStatus.UNHEALTHY
    return HealthStatus.DEGRADED if reasons else HealthStatus.HEALTHY


def _exceeds(value: float | None, limit: float) -> bool:
    return bool(limit) and value is not None and value > limit


def _as_number(total: float) -> float:
    """Return whole tasks as an int, so that JSON shows 42 and not 42.0."""
    return int(total) if float(total).is_integer() else total
