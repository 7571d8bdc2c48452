"""What the process knows of itself: batches folded into counters, histograms, rings, sketches and error groups."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from queue_telemetry._runtime import Clock
from queue_telemetry.metrics.batch import Batch, Series
from queue_telemetry.metrics.catalog import CATALOG, Owner
from queue_telemetry.metrics.error_groups import ErrorGroups, ErrorNews
from queue_telemetry.metrics.errors import ErrorSample
from queue_telemetry.metrics.histograms import HistogramTally
from queue_telemetry.metrics.performance import PerformanceReader, with_running
from queue_telemetry.metrics.ring import MinuteRing
from queue_telemetry.metrics.series_keys import SeriesKeys
from queue_telemetry.metrics.sketch import SlicedSketch, buckets_of
from queue_telemetry.metrics.snapshot import Snapshot
from queue_telemetry.metrics.summary import Summary
from queue_telemetry.metrics.summary_reading import valid
from queue_telemetry.metrics.tallies import SLICE_S, Labels, Reading, Running, SeriesKey
from queue_telemetry.metrics.type_stats import TypeStats

__all__ = ["Stats"]

_SLICES: Final = 6
_MINUTE_S: Final = 60.0
_EXPIRES_S: Final = 240.0  # a gauge that nobody set for about so long became unknown by itself

_FAILED: Final = "queue.tasks.failed"
_OUTCOMES: Final = {"queue.tasks.completed": "completed", _FAILED: "failed", "queue.tasks.retried": "retried"}
_DURATION: Final = "queue.task.duration"
_WAIT: Final = "queue.task.wait"
_SIZE: Final = "queue.size"
_OLDEST_AGE: Final = "queue.oldest_task_age"
_IN_FLIGHT: Final = "queue.tasks.in_flight"

_REASON_AT: Final = CATALOG[_FAILED].tags.index("reason")
_OUTCOME_AT: Final = CATALOG[_DURATION].tags.index("outcome")
_ENDED: Final = frozenset({"completed", "failed"})


class Stats:
    """Folds what was collected into what health and others read. Not thread-safe: the caller holds the collection's lock.

    Bounded, as `SeriesKeys`, `TypeStats` and `ErrorGroups` say.

    Args:
        clock: Tells which minute it is.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._started_s = clock.monotonic()
        self._keys = SeriesKeys()
        self._counters: dict[SeriesKey, float] = {}
        self._histograms: dict[SeriesKey, HistogramTally] = {}
        self._hour = {outcome: MinuteRing() for outcome in _OUTCOMES.values()}
        self._timed = MinuteRing()
        self._duration_s = MinuteRing()
        self._durations = SlicedSketch(SLICE_S, _SLICES)
        self._waits = SlicedSketch(SLICE_S, _SLICES)
        self._types = TypeStats()
        self._performance = PerformanceReader()
        self._errors = ErrorGroups()
        self._gauges: dict[SeriesKey, float] = {}
        self._shared: dict[str, dict[str, Reading]] = {_SIZE: {}, _OLDEST_AGE: {}}
        self._in_flight: dict[Labels, int] = {}
        self._running: dict[Labels, Running] = {}
        self._counted: Summary | None = None  # without what is only so at the moment; until more is counted
        self._summary: Summary | None = None
        self._read: tuple[Summary, int, Snapshot] | None = None

    def fold(
        self,
        batch: Batch,
        errors: Iterable[ErrorSample],
        oldest_began_s: Mapping[Labels, float | None] | None = None,
    ) -> None:
        """Add one collection, and the samples of the errors that happened meanwhile. Must not raise.

        Args:
            batch: What was collected.
            errors: The errors.
            oldest_began_s: When the oldest run in flight of each type began, monotonic seconds; None when one of them is
                not watched.
        """
        now_s = self._clock.monotonic()
        if batch.counters or batch.timings:
            self._counted = self._summary = None
            self._fold_counters(batch, now_s)
            self._fold_timings(batch, now_s)
        if batch.gauges:
            self._fold_gauges(batch, now_s)
        for sample in errors:
            self._counted = self._summary = None
            self._errors.add(sample, now_s)
        begins = oldest_began_s or {}
        running = {
            labels: Running(number, begins.get(labels))
            for labels, number in self._in_flight.items()
            if number
        }
        if running != self._running:
            self._running, self._summary = running, None

    def add_counters(self, news: Mapping[SeriesKey, float]) -> None:
        """Add what was counted elsewhere since the last time."""
        if news:
            for key, amount in news.items():
                self._counters[key] = self._counters.get(key, 0) + amount
            self._counted = self._summary = None

    def take_news(self) -> list[ErrorNews]:
        """Return the errors that were news since the last call."""
        return self._errors.take_news()

    def summary(self) -> Summary:
        """Return all of it to tell others; the same value until something is folded that changes it."""
        summary = self._summary
        if summary is None:
            summary = self._summary = replace(
                self._read_counted(),
                gauges=self._gauges.copy(),
                running=self._running,
                sizes=self._shared[_SIZE].copy(),
                oldest_ages_s=self._shared[_OLDEST_AGE].copy(),
            )
        return summary

    def snapshot(self) -> Snapshot:
        """Return the stats as of now, those that change with every moment; others as of this minute at the latest."""
        now_s, counted = self._clock.monotonic(), self._read_counted()
        minute = int(now_s // _MINUTE_S)
        read = self._read
        if read is None or read[0] is not counted or read[1] != minute:
            read = self._read = (
                counted,
                minute,
                counted.snapshot(now_s, self._clock.time(), performance=self._performance),
            )
        return replace(
            read[2],
            queue_sizes=valid(self._shared[_SIZE], now_s),
            oldest_ages_s=valid(self._shared[_OLDEST_AGE], now_s),
            performance=with_running(read[2].performance, counted.types, self._running, now_s),
        )

    def _read_counted(self) -> Summary:
        counted = self._counted
        if counted is None:
            now_s = self._clock.monotonic()
            counted = self._counted = Summary(
                started_s=self._started_s,
                counters=self._counters.copy(),
                histograms={key: tally.read() for key, tally in self._histograms.items()},
                completed=self._hour["completed"].amounts(now_s),
                failed=self._hour["failed"].amounts(now_s),
                retried=self._hour["retried"].amounts(now_s),
                timed=self._timed.amounts(now_s),
                duration_s=self._duration_s.amounts(now_s),
                durations=self._durations.read(now_s),
                waits=self._waits.read(now_s),
                types=self._types.read(now_s),
                errors=self._errors.read(),
            )
        return counted

    def _fold_counters(self, batch: Batch, now_s: float) -> None:
        counters, key_of, tally_of = self._counters, self._keys.of, self._types.tally
        hour: dict[str, float] = dict.fromkeys(self._hour, 0)
        for series, amount, _ in batch.counters:
            key = key_of(series)
            counters[key] = counters.get(key, 0) + amount
            outcome = _OUTCOMES.get(series.metric.name)
            if outcome is not None and (outcome != "failed" or series.values[_REASON_AT] != "expected"):
                hour[outcome] += amount
                tally_of(_labels(series), now_s).outcomes[outcome] += int(amount)
        for outcome, amount in hour.items():
            if amount:
                self._hour[outcome].add(amount, now_s)

    def _fold_timings(self, batch: Batch, now_s: float) -> None:
        durations: list[tuple[Labels, list[float]]] = []
        waits: list[tuple[Labels, list[float]]] = []
        for series, values in batch.timings:
            key, name = self._keys.of(series), series.metric.name
            histogram = self._histograms.get(key)
            if histogram is None:
                histogram = self._histograms[key] = HistogramTally()
            histogram.add(values)
            if name == _WAIT:
                waits.append((_labels(series), values))
            elif name == _DURATION and series.values[_OUTCOME_AT] in _ENDED:
                durations.append((_labels(series), values))
        if durations:
            values_s = [seconds for _, values in durations for seconds in values]
            buckets = buckets_of(values_s)  # of all series at once, for little
            self._durations.add(buckets, now_s)
            self._timed.add(len(values_s), now_s)
            self._duration_s.add(sum(values_s), now_s)
            for labels, values, part in _with_parts(durations, buckets):
                self._types.tally(labels, now_s).add_durations(values, part)
        if waits:
            buckets = buckets_of([seconds for _, values in waits for seconds in values])
            self._waits.add(buckets, now_s)
            for labels, values, part in _with_parts(waits, buckets):
                self._types.tally(labels, now_s).add_waits(values, part)

    def _fold_gauges(self, batch: Batch, now_s: float) -> None:
        for series, value, weight in batch.gauges:
            name, owner = series.metric.name, series.metric.owner
            if name == _IN_FLIGHT:
                self._in_flight[_labels(series)] = int(value or 0)
            elif owner is Owner.SHARED:
                self._fold_reading(self._shared[name], series.values[0], value, now_s if weight else None)
            elif owner is Owner.USER:
                key = self._keys.of(series)
                if value is not None and self._gauges.get(key) != value:
                    self._gauges[key] = value
                    self._summary = None

    def _fold_reading(
        self, readings: dict[str, Reading], queue: str, value: float | None, at_s: float | None
    ) -> None:
        """Keep what a shared gauge says; *at_s* is None when nobody said it anew."""
        known, now_s = readings.get(queue), self._clock.monotonic()
        if value is None:
            if known is not None and known.value is None:
                return
            # what expired takes back no more than itself: another process may have said better since
            expired = known is not None and now_s - known.at_s > _EXPIRES_S
            readings[queue] = Reading(known.at_s if known is not None and expired else now_s, None)
        elif at_s is None and known is not None and known.value is not None:
            return
        else:
            readings[queue] = Reading(now_s if at_s is None else at_s, value)
        self._summary = None


def _labels(series: Series) -> Labels:
    return series.values[0], series.values[1]


def _with_parts(
    rows: list[tuple[Labels, list[float]]], buckets: Sequence[int]
) -> Iterator[tuple[Labels, list[float], Sequence[int]]]:
    """Yield each row with its values' part of the buckets."""
    begin = 0
    for labels, values in rows:
        yield labels, values, buckets[begin : begin + len(values)]
        begin += len(values)
