"""Monitors for Datadog, as its API takes them. Pure: no clock, no socket, no state.

Source: https://docs.datadoghq.com/api/latest/monitors/#create-a-monitor
"""

import json
from collections.abc import Iterator
from typing import Final

from queue_telemetry.export._file import File
from queue_telemetry.export._limits import Limit, limit
from queue_telemetry.healthcheck import Reason
from queue_telemetry.metrics import CATALOG, Kind
from queue_telemetry.settings import Settings
from queue_telemetry.tasks import Reason as FailureReason

__all__ = ["datadog"]

_CHECK: Final = "queue.worker.status"
_TYPE: Final = ("service", "queue", "type")
_WHOM: Final = "@here"
_GIVEN_UP: Final = (FailureReason.REJECTED, FailureReason.EXPIRED, FailureReason.RETRIES_EXHAUSTED)

Monitor = dict[str, object]


def datadog(settings: Settings) -> list[File]:
    """Return the monitors, whose limits are the settings', as a JSON array: one request for each."""
    monitors = list(_Monitors(settings).all())
    return [File("datadog/monitors.json", json.dumps(monitors, indent=2) + "\n")]


class _Monitors:
    """Writes the queries in the names that the settings give the metrics."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._prefix = f"{settings.statsd_prefix}." if settings.statsd_prefix else ""
        is_datadog = settings.statsd_dialect == "datadog"
        self._timer_type = (
            settings.statsd_timer_type if is_datadog else "d"
        )  # what that dialect has by itself

    def all(self) -> Iterator[Monitor]:
        """Return every monitor whose limit is not turned off."""
        yield from self._measured()
        yield from self._shares()
        yield from self._happened()
        yield {
            "name": "Queue workers are unhealthy",
            "type": "service check",
            "query": f'"{self._prefix}{_CHECK}".over("*").by("service","host").last(3).count_by_status()',
            "message": f"By their own account; or none of a host tells anything any more. {_WHOM}",
            "tags": ["integration:queue_telemetry"],
            "options": {
                "thresholds": {"critical": 2, "warning": 2, "ok": 1},
                "notify_no_data": True,
                "no_data_timeframe": 10,
            },
        }

    def _measured(self) -> Iterator[Monitor]:
        wait, scale = self._wait_p95()
        slots = self._gauge("queue.worker.slots")
        rows: tuple[tuple[str, str, str, float, str, str], ...] = (
            # setting, before the limit, comparison, unit of the limit, name, message
            (
                "health_oldest_task_age_max_s",
                f"min(last_5m):max:{self._gauge('queue.oldest_task_age')}{{*}} by {{service,queue}}",
                ">",
                1,
                "A task waits for long in {{queue.name}}",
                "The oldest task of the queue waits for longer than {limit} s.",
            ),
            (
                "health_queue_size_max",
                f"min(last_10m):max:{self._gauge('queue.size')}{{*}} by {{service,queue}}",
                ">",
                1,
                "Many tasks wait in {{queue.name}}",
                "More than {limit} tasks wait.",
            ),
            (
                "health_wait_p95_max_s",
                f"{wait} by {{service,queue}}",
                ">",
                scale,
                "Tasks of {{queue.name}} wait for long",
                "One in twenty waits for longer than {limit} s.",
            ),
            (
                "health_min_workers",
                f"max(last_5m):sum:{self._gauge('queue.active_workers')}{{*}} by {{service,host}}",
                "<",
                1,
                "Too few queue workers on {{host.name}}",
                "Fewer than {limit} worker scopes are open.",
            ),
            (
                "health_utilisation_max",
                f"min(last_5m):sum:{slots}{{state:used}} by {{service}} / sum:{slots}{{state:total}} by {{service}}",
                ">",
                1,
                "The workers of {{service.name}} are busy",
                "More than {limit} of their slots are in use, as a share.",
            ),
        )
        for field, query, comparison, unit, name, message in rows:
            bound = limit(self._settings, field)
            if bound.value:
                text = f"{message.format(limit=bound)} {bound.origin}"
                yield _metric_monitor(name, query, comparison, bound.value * unit, text)

    def _shares(self) -> Iterator[Monitor]:
        """Shares of runs: where Datadog adds up counts of a window first and then divides.

        Source: https://docs.datadoghq.com/monitors/guide/as-count-in-monitor-evaluations/
        """
        rows: tuple[tuple[Limit, str, str, str, str], ...] = (
            (
                limit(self._settings, "health_failure_ratio"),
                "last_1h",
                self._count("queue.tasks.failed", f"!reason:{FailureReason.EXPECTED}", *_TYPE),
                "Many runs of {{type.name}} fail",
                "They failed for good.",
            ),
            (
                limit(self._settings, "health_retry_ratio"),
                "last_15m",
                self._count("queue.tasks.retried", "*", *_TYPE),
                "Many runs of {{type.name}} will be tried again",
                "They came to nothing.",
            ),
        )
        started = self._count("queue.tasks.started", "*", *_TYPE)
        for bound, window, count, name, message in rows:
            if bound.value:
                query = f"sum({window}):{count} / {started}"
                yield _metric_monitor(name, query, ">=", bound.value, f"{message} {bound.origin}")

    def _happened(self) -> Iterator[Monitor]:
        """What is wrong if it happens at all."""
        stuck = " OR ".join(f"rule:{rule}" for rule in (Reason.STUCK_TASK, Reason.HEARTBEAT_STALE))
        given_up = " OR ".join(f"reason:{reason}" for reason in _GIVEN_UP)
        for metric, where, by, name, message in (
            (
                "queue.tasks.failed",
                f"reason:{FailureReason.LOST}",
                _TYPE,
                "Runs of {{type.name}} were lost",
                "A process died in the middle of them.",
            ),
            (
                "queue.tasks.failed",
                given_up,
                (*_TYPE, "reason"),
                "Tasks {{type.name}} were given up",
                "They will not be tried again by themselves: {{reason.name}}.",
            ),
            (
                "queue.alerts.fired",
                stuck,
                ("service", "rule"),
                "A worker of {{service.name}} makes no progress",
                "By its own account: {{rule.name}}.",
            ),
            (
                "queue.enqueue.failed",
                "*",
                ("service", "queue", "error_type"),
                "Tasks cannot be put into {{queue.name}}",
                "The broker did not take them: {{error_type.name}}.",
            ),
            (
                "queue.telemetry.dropped",
                "*",
                ("service", "signal", "reason"),
                "Telemetry is dropped",
                "{{signal.name}}: {{reason.name}}.",
            ),
        ):
            query = f"sum(last_10m):{self._count(metric, where, *by)}"
            yield _metric_monitor(name, query, ">", 0, message)

    def _wait_p95(self) -> tuple[str, float]:
        """Return the 95th percentile of waits, and in how many of its units a second is.

        Source: https://docs.datadoghq.com/metrics/types/; percentiles of a distribution have to be turned on for it.
        """
        if self._timer_type == "d":
            return f"percentile(last_10m):p95:{self._name('queue.task.wait', Kind.TIMER)}_seconds{{*}}", 1
        in_seconds = "_seconds" if self._timer_type == "h" else ""
        name = f"{self._name('queue.task.wait', Kind.TIMER)}{in_seconds}.95percentile"
        return f"avg(last_10m):max:{name}{{*}}", 1 if in_seconds else 1000

    def _count(self, name: str, where: str, *by: str) -> str:
        return f"sum:{self._name(name, Kind.COUNTER)}{{{where}}} by {{{','.join(by)}}}.as_count()"

    def _gauge(self, name: str) -> str:
        return self._name(name, Kind.GAUGE)

    def _name(self, name: str, kind: Kind) -> str:
        if CATALOG[name].kind is not kind:
            raise ValueError(f"{name} is a {CATALOG[name].kind}, not a {kind}")
        return self._prefix + name


def _metric_monitor(name: str, query: str, comparison: str, bound: float, message: str) -> Monitor:
    return {
        "name": name,
        "type": "query alert",
        "query": f"{query} {comparison} {bound:.15g}",
        "message": f"{message} {_WHOM}",
        "tags": ["integration:queue_telemetry"],
        "options": {
            "thresholds": {"critical": bound},
            "notify_no_data": False,
            "include_tags": True,
            "require_full_window": False,
        },
    }
