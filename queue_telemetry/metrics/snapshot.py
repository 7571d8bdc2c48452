"""What health reads: the stats of one moment. Pure: no clock, no socket, no state."""

from collections.abc import Mapping
from dataclasses import dataclass

from queue_telemetry.metrics.errors import ErrorGroup
from queue_telemetry.metrics.tallies import SeriesKey

__all__ = ["Snapshot", "TypePerformance"]


@dataclass(frozen=True, slots=True)
class TypePerformance:
    """How one task type did on one queue lately: over the last hour, or at least its last half.

    Counts are 0 when nothing happened; what is unknown is None.

    Attributes:
        queue: The queue.
        type: The task's type.
        count: Runs that completed or failed, and whose duration is known.
        failed: Runs that failed, those for the reason `expected` left out.
        retried: Runs that will be tried again.
        rate_per_s: `count` by the time it was counted in, within 2 %.
        avg_duration_s: Mean duration of these runs.
        p50_duration_s: The median of the same, within 2 %.
        p95_duration_s: Their 95th percentile.
        p99_duration_s: Their 99th percentile.
        avg_wait_s: Mean time in the queue.
        p95_wait_s: Its 95th percentile.
        in_flight: Runs begun and not ended.
        longest_running_s: Age of the oldest of these; None without any, and when one of them is not watched.
    """

    queue: str
    type: str
    count: int
    failed: int
    retried: int
    rate_per_s: float
    avg_duration_s: float | None
    p50_duration_s: float | None
    p95_duration_s: float | None
    p99_duration_s: float | None
    avg_wait_s: float | None
    p95_wait_s: float | None
    in_flight: int
    longest_running_s: float | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The stats as of one moment. Counts are 0 when nothing happened; what is unknown is None or absent.

    Attributes:
        completed_1h: Runs of the last hour that ended well.
        failed_1h: Runs of the last hour that failed, those for the reason `expected` left out.
        retried_1h: Runs of the last hour that will be tried again.
        attempts_1h: These three together: what `failed_1h` is a share of.
        avg_duration_s: Mean duration of the last hour's completed and failed runs, expected failures included.
        p50_duration_s: The median of the same.
        p95_duration_s: Their 95th percentile.
        p99_duration_s: Their 99th percentile.
        p95_wait_s: The 95th percentile of the last hour's waits.
        counters: Every counter since the start.
        queue_sizes: Tasks that wait, by queue.
        oldest_ages_s: Age of the oldest waiting task, by queue.
        errors: Groups seen within the hour, most frequent first.
        performance: The task types that ran lately or run now, busiest first; at most 100.
    """

    completed_1h: int
    failed_1h: int
    retried_1h: int
    attempts_1h: int
    avg_duration_s: float | None
    p50_duration_s: float | None
    p95_duration_s: float | None
    p99_duration_s: float | None
    p95_wait_s: float | None
    counters: Mapping[SeriesKey, float]
    queue_sizes: Mapping[str, float]
    oldest_ages_s: Mapping[str, float]
    errors: tuple[ErrorGroup, ...]
    performance: tuple[TypePerformance, ...] = ()

    @property
    def totals(self) -> dict[str, float]:
        """Every counter since the start, by metric name."""
        by_name: dict[str, float] = {}
        for (name, _, _), amount in self.counters.items():
            by_name[name] = by_name.get(name, 0) + amount
        return by_name
