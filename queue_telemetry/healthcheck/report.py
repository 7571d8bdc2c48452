"""The health report as a value, and its forms: a dictionary, `application/health+json` and an HTTP status."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import orjson

from queue_telemetry.healthcheck._plain import group_as_dict, performance_as_dict, plain, rounded
from queue_telemetry.metrics.errors import ErrorGroup
from queue_telemetry.metrics.snapshot import TypePerformance

__all__ = ["HealthReport", "HealthStatus", "Reason", "SlotUse"]


class HealthStatus(StrEnum):
    """The verdict for people and alerts."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    """Something is wrong that a restart of this process would not mend."""
    UNHEALTHY = "unhealthy"
    """This process itself is at fault."""
    DRAINING = "draining"
    """It finishes what it has and wants no more."""
    STARTING = "starting"
    """Nothing was collected yet."""


class Reason(StrEnum):
    """Why a process is not simply healthy."""

    CONFIGURATION_INVALID = "configuration_invalid"
    FAILURE_RATIO = "failure_ratio"
    HEARTBEAT_STALE = "heartbeat_stale"
    OLDEST_TASK_AGE = "oldest_task_age"
    PROBE_STALE = "probe_stale"
    QUEUE_SIZE = "queue_size"
    RETRY_STORM = "retry_storm"
    SATURATION = "saturation"
    STUCK_TASK = "stuck_task"
    TELEMETRY_FAILING = "telemetry_failing"
    WAIT_P95 = "wait_p95"
    WORKERS_BELOW_MINIMUM = "workers_below_minimum"


_HEALTH_JSON_STATUS: Final = {
    HealthStatus.HEALTHY: "pass",
    HealthStatus.DEGRADED: "warn",
    HealthStatus.STARTING: "warn",
    HealthStatus.UNHEALTHY: "fail",
    HealthStatus.DRAINING: "fail",
}


@dataclass(frozen=True, slots=True)
class SlotUse:
    """How busy the open worker scopes are.

    Attributes:
        used: Slots with a run in them.
        total: Slots that the scopes have; 0 without a scope.
    """

    used: int
    total: int


@dataclass(frozen=True, slots=True)
class HealthReport:
    """What is known about the process at one moment. Counts are 0 when nothing happened; None is unknown.

    Attributes:
        status: The verdict.
        queue_size: Tasks that wait, over all queues whose size is known.
        active_workers: Open worker scopes; None until one was opened.
        failed_tasks_1h: Failures of the last hour, expected ones left out.
        avg_task_duration: Mean of the last hour's runs, seconds.
        live: The process makes progress, as far as can be told; if False, a restart would help.
        ready: It should be given work.
        draining: It was told to finish.
        reasons: What is wrong, sorted; may be set whatever the status.
        in_flight: Runs begun and not ended.
        slots: How busy the workers are.
        completed_1h: Runs of the last hour that ended well.
        retried_1h: Runs of the last hour that will be tried again.
        p50_task_duration: The median of the last hour's durations, seconds.
        p95_task_duration: Their 95th percentile, seconds.
        p99_task_duration: Their 99th percentile, seconds.
        p95_task_wait: The 95th percentile of the last hour's waits, seconds.
        oldest_task_age: Age of the oldest waiting task of all queues, seconds.
        longest_running: For how long the longest run has been going on, seconds.
        errors: The most frequent groups of errors of the last hour.
        performance: How the busiest task types of each queue did lately.
        telemetry: Delivery counts and state by signal.
        processes: How many processes this speaks for.
        window_s: The length of the hour behind `_1h`, seconds.
        observed_at: When, RFC 3339, UTC.
        service: Whose report it is; None when not configured.
        version: That service's version; None when not configured.
        stale_probes: Of which queues' sizes and ages the values are old ones, such as `queue_size:mail`; sorted.
    """

    status: HealthStatus
    queue_size: float | None
    active_workers: int | None
    failed_tasks_1h: int
    avg_task_duration: float | None
    live: bool
    ready: bool
    draining: bool
    reasons: tuple[Reason, ...]
    in_flight: int
    slots: SlotUse
    completed_1h: int
    retried_1h: int
    p50_task_duration: float | None
    p95_task_duration: float | None
    p99_task_duration: float | None
    p95_task_wait: float | None
    oldest_task_age: float | None
    longest_running: float | None
    errors: tuple[ErrorGroup, ...]
    performance: tuple[TypePerformance, ...]
    telemetry: Mapping[str, Mapping[str, object]]
    processes: int
    window_s: int
    observed_at: str
    service: str | None
    version: str | None
    stale_probes: tuple[str, ...] = ()

    @property
    def http_status(self) -> int:
        """200 when healthy, degraded or starting, else 503.

        Degraded has causes that all processes share, and starting is no fault: failing on either would take out every
        process at once. Where traffic should go is `ready`, which is False while starting.
        """
        return 503 if self.status in {HealthStatus.UNHEALTHY, HealthStatus.DRAINING} else 200

    def as_dict(self) -> dict[str, object]:
        """Return plain dictionaries, lists, strings and numbers, the keys in the order of the attributes."""
        return {
            "status": self.status.value,
            "queue_size": self.queue_size,
            "active_workers": self.active_workers,
            "failed_tasks_1h": self.failed_tasks_1h,
            "avg_task_duration": rounded(self.avg_task_duration),
            "live": self.live,
            "ready": self.ready,
            "draining": self.draining,
            "reasons": [reason.value for reason in self.reasons],
            "in_flight": self.in_flight,
            "slots": {"used": self.slots.used, "total": self.slots.total},
            "completed_1h": self.completed_1h,
            "retried_1h": self.retried_1h,
            "p50_task_duration": rounded(self.p50_task_duration),
            "p95_task_duration": rounded(self.p95_task_duration),
            "p99_task_duration": rounded(self.p99_task_duration),
            "p95_task_wait": rounded(self.p95_task_wait),
            "oldest_task_age": rounded(self.oldest_task_age),
            "longest_running": rounded(self.longest_running),
            "stale_probes": list(self.stale_probes),
            "errors": [group_as_dict(group) for group in self.errors],
            "performance": [performance_as_dict(row) for row in self.performance],
            "telemetry": plain(self.telemetry),
            "processes": self.processes,
            "window_s": self.window_s,
            "observed_at": self.observed_at,
            "service": self.service,
            "version": self.version,
        }

    def as_health_json(self) -> bytes:
        """Return an `application/health+json` document: no error messages, no telemetry details.

        Checks whose value is unknown are left out; `output` is left out when all is well.

        Source: https://datatracker.ietf.org/doc/html/draft-inadarei-api-health-check-06
        """
        status = _HEALTH_JSON_STATUS[self.status]
        document: dict[str, object] = {"status": status}
        if self.version is not None:
            document["version"] = self.version
        if self.service is not None:
            document["serviceId"] = self.service
        if status != "pass":
            document["output"] = ", ".join(self.reasons) or self.status.value
        document["checks"] = self._checks()
        return orjson.dumps(document)

    def _checks(self) -> dict[str, object]:
        rows: tuple[tuple[str, object, str | None, Reason, str], ...] = (
            ("process:live", self.live, None, Reason.HEARTBEAT_STALE, "fail"),
            ("workers:active", self.active_workers, "workers", Reason.WORKERS_BELOW_MINIMUM, "fail"),
            ("tasks:failedLastHour", self.failed_tasks_1h, "tasks", Reason.FAILURE_RATIO, "warn"),
            ("queue:size", self.queue_size, "tasks", Reason.QUEUE_SIZE, "warn"),
            ("queue:oldestTaskAge", rounded(self.oldest_task_age), "s", Reason.OLDEST_TASK_AGE, "warn"),
            ("queue:waitP95", rounded(self.p95_task_wait), "s", Reason.WAIT_P95, "warn"),
            ("tasks:retriedLastHour", self.retried_1h, "tasks", Reason.RETRY_STORM, "warn"),
            ("tasks:longestRunning", rounded(self.longest_running), "s", Reason.STUCK_TASK, "warn"),
            ("probes:stale", len(self.stale_probes) or None, "probes", Reason.PROBE_STALE, "warn"),
            ("workers:slotsUsed", self.slots.used, "slots", Reason.SATURATION, "warn"),
        )
        checks: dict[str, object] = {}
        for name, value, unit, reason, status in rows:
            if value is not None:
                check: dict[str, object] = {"componentType": "component", "observedValue": value}
                if unit is not None:
                    check["observedUnit"] = unit
                check["status"] = status if reason in self.reasons else "pass"
                check["time"] = self.observed_at
                checks[name] = [check]
        return checks
