"""The fields that a record of this code bears: its task's, its worker's, and a lifecycle record's own."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from queue_telemetry.tasks.context import current_run
from queue_telemetry.tasks.lifecycle import lifecycle_fields
from queue_telemetry.tasks.workers import Workers

if TYPE_CHECKING:
    from loguru import Record

__all__ = ["LIBRARY_KEYS", "add_task_context", "record_fields", "record_owner"]

LIBRARY_KEYS: Final = frozenset(
    {
        *("timestamp", "level", "event", "message", "record_id", "error"),
        *("serialization_error", "truncated", "original_bytes"),
        *("logger", "function", "line", "thread", "pid", "host", "service", "env", "version"),
        *("task_id", "task_type", "queue", "worker_id", "attempt", "parent_id"),
        *("duration_ms", "wait_ms", "running_ms", "reason", "suppressed"),
    }
)
"""What these keys of a record mean is fixed; a run's tag of such a name goes out as `extra_<name>`."""


def record_fields(workers: Workers) -> Mapping[str, object]:
    """Return the reserved fields of a record that is written by this code now."""
    lifecycle = lifecycle_fields()
    if lifecycle is not None:
        return lifecycle[1]
    run = current_run()
    if run is None:
        return {"worker_id": workers.worker_id()}
    return {"worker_id": workers.worker_id(), **run.fields()}


def record_owner() -> Workers | None:
    """Return whose task a record of this code belongs to, by the workers of its telemetry; None outside a task."""
    lifecycle = lifecycle_fields()
    if lifecycle is not None:
        return lifecycle[0]
    run = current_run()
    return None if run is None else run.workers


def add_task_context(record: "Record") -> None:
    """Add the running task's fields to a record's `extra`, for the user's own sinks.

    A loguru patcher: `logger.configure(patcher=queue_telemetry.add_task_context)`. What the record has already stays.
    """
    lifecycle = lifecycle_fields()
    run = current_run()
    if lifecycle is None and run is not None:
        for key, value in {"worker_id": run.workers.worker_id(), **run.fields()}.items():
            record["extra"].setdefault(key, value)
