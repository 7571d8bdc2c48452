"""The catalog: every metric that the library itself sends, in one table that each dialect renders."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

__all__ = ["CATALOG", "Kind", "Metric", "Owner"]


class Kind(StrEnum):
    """What a metric's values mean."""

    COUNTER = "counter"
    GAUGE = "gauge"
    TIMER = "timer"


class Owner(StrEnum):
    """Who may say a gauge's value."""

    PROCESS = "process"
    """One process: tagged with host and slot, merged by sum, 0 after a clean exit."""
    SHARED = "shared"
    """The whole system: one value however many processes know it, merged by newest, absent when unknown."""
    USER = "user"
    """One process, as PROCESS, but never set to 0 by the library."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric, independent of any wire format.

    Attributes:
        name: Dotted StatsD name without a prefix, such as `queue.tasks.completed`.
        kind: Counter (adds up), gauge (absolute) or timer (seconds, one value a call).
        tags: The tag keys in the order that plain StatsD names show their values.
        help: One sentence for people.
        owner: For gauges, who says the value; None for the others.
        prometheus_name: The name in the Prometheus text format, with its unit.
    """

    name: str
    kind: Kind
    tags: tuple[str, ...] = ()
    help: str = ""
    owner: Owner | None = None
    prometheus_name: str = ""


_QUEUE_TYPE: Final = ("queue", "type")


def _task_counter(event: str, help_: str, *more_tags: str) -> Metric:
    tags = (*_QUEUE_TYPE, *more_tags)
    return Metric(f"queue.tasks.{event}", Kind.COUNTER, tags, help_, None, f"queue_tasks_{event}_total")


def _process_gauge(name: str, prometheus_name: str, help_: str, *tags: str) -> Metric:
    return Metric(name, Kind.GAUGE, tags, help_, Owner.PROCESS, prometheus_name)


def _shared_gauge(name: str, prometheus_name: str, help_: str) -> Metric:
    return Metric(name, Kind.GAUGE, ("queue",), help_, Owner.SHARED, prometheus_name)


def _timer(name: str, help_: str, *tags: str) -> Metric:
    return Metric(name, Kind.TIMER, tags, help_, None, f"{name.replace('.', '_')}_seconds")


def _counter(name: str, help_: str, *tags: str) -> Metric:
    return Metric(name, Kind.COUNTER, tags, help_, None, f"{name.replace('.', '_')}_total")


_ROWS: Final = (
    _task_counter("enqueued", "Tasks handed to the broker."),
    _task_counter("claimed", "Tasks taken from the broker, once a delivery."),
    _task_counter("started", "Runs begun."),
    _task_counter("completed", "Runs that ended well."),
    _task_counter("failed", "Runs that ended for good without success.", "error_type", "reason"),
    _task_counter("retried", "Runs that ended and will be tried again."),
    _task_counter("cancelled", "Runs that were cancelled."),
    _task_counter("skipped", "Runs that decided there was nothing to do."),
    _task_counter("interrupted", "Runs cut short by an interrupt of the process."),
    _counter("queue.enqueue.failed", "Tasks that the broker did not take.", "queue", "error_type"),
    _counter("queue.claims.failed", "Fetches from the broker that failed.", "queue", "error_type"),
    _counter("queue.claims.empty", "Fetches from the broker that found nothing.", "queue"),
    _timer("queue.task.duration", "From a run's start to its end.", *_QUEUE_TYPE, "outcome"),
    _timer("queue.task.wait", "From when a task could have started to when it did.", *_QUEUE_TYPE),
    _timer("queue.enqueue.duration", "Time to hand a task to the broker.", "queue"),
    _timer("queue.claim.duration", "Time to fetch a task from the broker.", "queue"),
    _shared_gauge("queue.size", "queue_size_current", "Tasks waiting in the broker."),
    _shared_gauge(
        "queue.oldest_task_age", "queue_oldest_task_age_seconds", "Age of the oldest task that waits."
    ),
    _process_gauge("queue.active_workers", "queue_active_workers", "Worker scopes that are open."),
    _process_gauge("queue.worker.slots", "queue_worker_slots", "Slots of the open worker scopes.", "state"),
    _process_gauge(
        "queue.tasks.in_flight", "queue_tasks_in_flight", "Runs begun and not ended.", *_QUEUE_TYPE
    ),
    _counter("queue.alerts.fired", "Alerts that fired, by reason.", "rule"),
    _counter("queue.telemetry.accepted", "Units of telemetry taken in.", "signal", "reason"),
    _counter("queue.telemetry.delivered", "Units of telemetry handed on.", "signal", "reason"),
    _counter("queue.telemetry.dropped", "Units of telemetry given up.", "signal", "reason"),
)

CATALOG: Final[Mapping[str, Metric]] = MappingProxyType({row.name: row for row in _ROWS})
"""Every metric of the library by its StatsD name."""
