"""Parts of the health report as plain values, as JSON has them. Pure: no clock, no socket, no state."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from queue_telemetry.metrics.errors import ErrorGroup
from queue_telemetry.metrics.snapshot import TypePerformance

__all__ = ["group_as_dict", "performance_as_dict", "plain", "rfc3339", "rounded"]

_DECIMALS: Final = 6  # of seconds in JSON: microseconds


def rounded(seconds: float | None) -> float | None:
    """Return seconds to the microsecond; None stays."""
    return None if seconds is None else round(seconds, _DECIMALS)


def rfc3339(epoch_s: float) -> str:
    """Return a time in UTC to the millisecond, such as `2025-11-05T10:15:30.123Z`.

    Source: https://datatracker.ietf.org/doc/html/rfc3339#section-5.6
    """
    return datetime.fromtimestamp(epoch_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def plain(value: object) -> object:
    """Return dictionaries, lists, strings and numbers, whatever kind of them *value* is made of."""
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(inner) for inner in value]
    return str(value) if isinstance(value, str) else value


def group_as_dict(group: ErrorGroup) -> dict[str, object]:
    """Return one group of errors."""
    return {
        "fingerprint": group.fingerprint,
        "type": group.type,
        "task_type": group.task_type,
        "count": group.count,
        "first_seen": rfc3339(group.first_seen_s),
        "last_seen": rfc3339(group.last_seen_s),
        "sample": group.sample,
    }


def performance_as_dict(row: TypePerformance) -> dict[str, object]:
    """Return how one task type did; durations and waits in seconds, the rate in runs a second."""
    return {
        "queue": row.queue,
        "type": row.type,
        "count": row.count,
        "failed": row.failed,
        "retried": row.retried,
        "rate": rounded(row.rate_per_s),
        "avg_duration": rounded(row.avg_duration_s),
        "p50_duration": rounded(row.p50_duration_s),
        "p95_duration": rounded(row.p95_duration_s),
        "p99_duration": rounded(row.p99_duration_s),
        "avg_wait": rounded(row.avg_wait_s),
        "p95_wait": rounded(row.p95_wait_s),
        "in_flight": row.in_flight,
        "longest_running": rounded(row.longest_running_s),
    }
