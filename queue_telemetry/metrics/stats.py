"""What the process knows about its own hour: batches folded into totals, rings, sketches, gauges and error groups."""

from collections.abc import Iterable
from typing import Final

from queue_telemetry._runtime import Clock
from queue_telemetry.metrics.batch import Batch
from queue_telemetry.metrics.catalog import CATALOG, Kind
from queue_telemetry.metrics.errors import ErrorGroups, ErrorSample
from queue_telemetry.metrics.ring import MinuteRing
from queue_telemetry.metrics.sketch import HourSketch
from queue_telemetry.metrics.snapshot import Snapshot

__all__ = ["Snapshot", "Stats"]

_MAX_NAMES: Final = 1000
_OTHER: Final = "__other__"

_COMPLETED: Final = "queue.tasks.completed"
_FAILED: Final = "queue.tasks.failed"
_RETRIED: Final = "queue.tasks.retried"
_DURATION: Final = "queue.task.duration"
_WAIT: Final = "queue.task.wait"
_SIZE: Final = "queue.size"
_OLDEST_AGE: Final = "queue.oldest_task_age"

_REASON_AT: Final = CATALOG[_FAILED].tags.index("reason")
_OUTCOME_AT: Final = CATALOG[_DURATION].tags.index("outcome")
_ENDED: Final = frozenset({"completed", "failed"})
_TYPE_AT: Final = {
    name: metric.tags.index("type")
    for name, metric in CATALOG.items()
    if metric.kind is Kind.COUNTER and "type" in metric.tags
}


class Stats:
    """Folds what was collected into what health reads. Not thread-safe: the caller holds the collection's lock.

    Bounded: metric names and task types beyond 1,000 each are counted as `__other__`.

    Args:
        clock: Tells which minute it is.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._hour = {name: MinuteRing() for name in (_COMPLETED, _FAILED, _RETRIED)}
        self._durations = HourSketch()
        self._duration_sum = MinuteRing()
        self._duration_count = MinuteRing()
        self._waits = HourSketch()
        self._totals: dict[str, float] = {}
        self._by_type: dict[tuple[str, str], float] = {}
        self._types: set[str] = set()
        self._gauges: dict[str, dict[str, float]] = {_SIZE: {}, _OLDEST_AGE: {}}
        self._errors = ErrorGroups()

    def fold(self, batch: Batch, errors: Iterable[ErrorSample]) -> None:
        """Add one collection, and the samples of the errors that happened meanwhile. Must not raise."""
        now_s = self._clock.monotonic()
        self._fold_counters(batch, now_s)
        self._fold_timings(batch, now_s)
        for series, value, _ in batch.gauges:
            by_queue = self._gauges.get(series.metric.name)
            if by_queue is not None and value is not None:
                by_queue[series.values[0]] = value
            elif by_queue is not None:
                by_queue.pop(series.values[0], None)
        for sample in errors:
            self._errors.add(sample)

    def snapshot(self) -> Snapshot:
        """Return the stats as of now."""
        now_s = self._clock.monotonic()
        completed, failed, retried = (int(ring.total(now_s)) for ring in self._hour.values())
        ended = self._duration_count.total(now_s)
        p50_s, p95_s, p99_s = self._durations.quantiles((0.5, 0.95, 0.99), now_s)
        return Snapshot(
            completed_1h=completed,
            failed_1h=failed,
            retried_1h=retried,
            attempts_1h=completed + failed + retried,
            avg_duration_s=self._duration_sum.total(now_s) / ended if ended else None,
            p50_duration_s=p50_s,
            p95_duration_s=p95_s,
            p99_duration_s=p99_s,
            p95_wait_s=self._waits.quantiles((0.95,), now_s)[0],
            totals=self._totals.copy(),
            totals_by_type=self._by_type.copy(),
            queue_sizes=self._gauges[_SIZE].copy(),
            oldest_ages_s=self._gauges[_OLDEST_AGE].copy(),
            errors=self._errors.groups(self._clock.time()),
        )

    def _fold_counters(self, batch: Batch, now_s: float) -> None:
        totals, by_type = self._totals, self._by_type
        hour: dict[str, float] = dict.fromkeys(self._hour, 0)
        for series, amount, _ in batch.counters:
            name, values = series.metric.name, series.values
            if name not in totals and len(totals) >= _MAX_NAMES:
                name = _OTHER
            totals[name] = totals.get(name, 0) + amount
            if name in _TYPE_AT:
                key = (name, self._known_type(values[_TYPE_AT[name]]))
                by_type[key] = by_type.get(key, 0) + amount
                if name in hour and not (name == _FAILED and values[_REASON_AT] == "expected"):
                    hour[name] += amount
        for name, amount in hour.items():
            if amount:
                self._hour[name].add(amount, now_s)

    def _known_type(self, task_type: str) -> str:
        if task_type not in self._types:
            if len(self._types) >= _MAX_NAMES:
                return _OTHER
            self._types.add(task_type)
        return task_type

    def _fold_timings(self, batch: Batch, now_s: float) -> None:
        durations: list[float] = []  # of all series: the sketch takes many values at once for little
        waits: list[float] = []
        for series, values in batch.timings:
            name = series.metric.name
            if name == _WAIT:
                waits += values
            elif name == _DURATION and series.values[_OUTCOME_AT] in _ENDED:
                durations += values
        if durations:
            self._durations.add_all(durations, now_s)
            self._duration_sum.add(sum(durations), now_s)
            self._duration_count.add(len(durations), now_s)
        if waits:
            self._waits.add_all(waits, now_s)
