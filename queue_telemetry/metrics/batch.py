"""What one collection took out of the cells: the values that pass between the metrics room and its readers."""

from dataclasses import dataclass, field

from queue_telemetry._runtime import DropReason
from queue_telemetry.metrics.catalog import Metric

__all__ = ["Batch", "Series"]


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """One metric with one set of tag values. Interned: the same series is the same object, hashed by identity.

    Attributes:
        metric: What is measured.
        values: Tag values in the order of `metric.tags`; an empty string means absent. Raw: a dialect cleans them.
        static_tags: A task's own tags, for its counters and timers; only dialects with tags send them.
    """

    metric: Metric
    values: tuple[str, ...] = ()
    static_tags: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class Batch:
    """The values of one collection, each taken from its cell exactly once.

    A *weight* is a number of calls on instruments; all weights of a batch and `dropped` together are what the
    collection accepted.

    Attributes:
        counters: (series, amount to add, weight). Amounts are finite; ints stay ints.
        timings: (series, durations in seconds); the weight is their number.
        gauges: (series, value, weight); the value None takes the gauge away, as unknown.
        dropped: Weight that is already lost, by reason.
    """

    counters: list[tuple[Series, int | float, int]] = field(default_factory=list)
    timings: list[tuple[Series, list[float]]] = field(default_factory=list)
    gauges: list[tuple[Series, float | None, int]] = field(default_factory=list)
    dropped: dict[DropReason, int] = field(default_factory=dict)

    @property
    def weight(self) -> int:
        """Calls on instruments in this batch, lost ones included."""
        return (
            sum(weight for _, _, weight in self.counters)
            + sum(len(durations) for _, durations in self.timings)
            + sum(weight for _, _, weight in self.gauges)
            + sum(self.dropped.values())
        )

    def drop(self, weight: int, reason: DropReason) -> None:
        """Add calls that were lost before they reached the batch."""
        if weight:
            self.dropped[reason] = self.dropped.get(reason, 0) + weight
