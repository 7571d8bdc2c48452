"""What one telemetry knows of its tasks: their series, the runs in flight, the worker scopes, the errors not yet read."""

from collections import deque
from collections.abc import Callable
from typing import Final

from queue_telemetry._runtime import Clock, Gate
from queue_telemetry.metrics import CATALOG, OTHER, Batch, ErrorSample, Marks, Registry, Running, Series
from queue_telemetry.tasks.activity import Activity
from queue_telemetry.tasks.context import end_frame_of_parent
from queue_telemetry.tasks.lifecycle import EVENTS_BY_SETTING, Lifecycle
from queue_telemetry.tasks.outcomes import Outcome, Reason, Verdict, error_type
from queue_telemetry.tasks.run_watch import RunWatch
from queue_telemetry.tasks.series import MANY_CELLS, StaticTags, TaskSeries
from queue_telemetry.tasks.workers import Workers

__all__ = ["Tracker"]

_FAILED: Final = CATALOG["queue.tasks.failed"]
_DURATION: Final = CATALOG["queue.task.duration"]
_IN_FLIGHT: Final = CATALOG["queue.tasks.in_flight"]
_NONE_RUNNING: Final = Running(0, None)
_MAX_UNREAD: Final = 1_000  # error samples between two collections; the counters count all


class Tracker:
    """The tasks of one telemetry.

    Attributes:
        registry: Where the series live.
        gate: Whether events are recorded now.
        clock: The clocks.
        lifecycle: Writes the lifecycle records.
        watch: Tells of runs that take long.
        workers: The worker scopes that are open.
        forked_at_s: When this process was forked, in monotonic seconds: what began before is the parent's to end.
        oldest_began_s: When the oldest run in flight of each (queue, type) began, as of the last drain, in monotonic
            seconds; None when one of them is not tracked.
        on_end: Called with the series at the very end of each run, on its thread; None for nothing. Must not raise.
    """

    def __init__(self, registry: Registry, gate: Gate, clock: Clock) -> None:
        self.registry = registry
        self.gate = gate
        self.clock = clock
        self.workers = Workers(clock)
        self.lifecycle = Lifecycle(self.workers, clock)
        self.watch = RunWatch(clock, self.lifecycle)
        self.forked_at_s = float("-inf")
        self.oldest_began_s: dict[tuple[str, str], float | None] = {}
        self.on_end: Callable[[TaskSeries], None] | None = None
        self._series: dict[tuple[str, str, StaticTags], TaskSeries] = {}
        self._alike: dict[
            tuple[str, str], dict[StaticTags, TaskSeries]
        ] = {}  # those with one gauge in flight
        self._errors: deque[ErrorSample] = deque(maxlen=_MAX_UNREAD)
        self._in_flight: dict[tuple[str, str], Series] = {}
        self._waits_clamped = Marks()
        self._waits_clamped_before_fork = 0
        self._told: dict[Series, int] = {}
        self._activity = Activity(self._series)
        registry.add_source(self.drain)

    def series(self, type_: str, queue: str, static_tags: StaticTags) -> TaskSeries:
        """Return the series of a task type on a queue; beyond the limit of series, those of `__other__`."""
        key = (type_, queue, static_tags)
        series = self._series.get(key)
        if series is None:
            series = None if len(self._series) >= self.registry.max_series else self._new_series(key)
            if (
                series is None or series.folded()
            ):  # threads that race for the last place find the registry full
                key = (OTHER, OTHER, ())
                series = self._series.get(key) or self._new_series(key)
            alike = self._alike.setdefault((series.queue, series.type), {})
            series = self._series[key] = alike.setdefault(series.static_tags, series)
        return series

    def _new_series(self, key: tuple[str, str, StaticTags]) -> TaskSeries:
        return TaskSeries(self.registry, self.clock, self._waits_clamped, *key)

    def count_end(
        self, series: TaskSeries, verdict: Verdict, error: BaseException | None, duration_s: float
    ) -> str | None:
        """Count a run that ended without completing; its end has been marked already.

        Returns:
            The fingerprint of its error, None where the error is in no group.
        """
        labels = (series.queue, series.type)
        outcome = verdict.outcome
        if outcome is Outcome.FAILED:
            reason = verdict.reason or Reason.EXCEPTION
            counter = self.registry.counter(_FAILED, (*labels, error_type(error), reason), series.static_tags)
        else:
            counter = self.registry.counter(CATALOG[f"queue.tasks.{outcome}"], labels, series.static_tags)
        counter.marks.mark()
        timer = self.registry.timer(_DURATION, (*labels, outcome), series.static_tags)
        timer.marks.mark()
        timer.append(duration_s)
        if outcome is not Outcome.FAILED or error is None or verdict.reason is Reason.EXPECTED:
            return None
        sample = ErrorSample.of(error, series.type, self.clock.time())
        self._errors.append(sample)
        return sample.fingerprint

    def take_errors(self) -> list[ErrorSample]:
        """Return the error samples since the last call."""
        return [self._errors.popleft() for _ in range(len(self._errors))]

    def in_flight(self) -> int:
        """Return the runs begun and not ended."""
        return sum(series.in_flight() for series in self._activity.look()[0])

    def longest_running_s(self) -> float | None:
        """Return the age of the oldest tracked run in flight, None when none is or when one is that cannot be known.

        A handler whose wrapper reads neither a task id nor headers is not tracked on its short way.
        """
        begins = [
            self._oldest_began_s(series, number)
            for series in self._activity.look()[0]
            if (number := series.in_flight())
        ]
        known = [began_s for began_s in begins if began_s is not None]
        return max(0.0, self.clock.monotonic() - min(known)) if known and len(known) == len(begins) else None

    def _oldest_began_s(self, series: TaskSeries, in_flight: int) -> float | None:
        """Return when the oldest run in flight of a series began, monotonic seconds; None when one is not tracked."""
        live = [began_s for began_s in list(series.live.values()) if began_s >= self.forked_at_s]
        return min(live) if live and len(live) >= in_flight else None

    @property
    def needs_runs(self) -> bool:
        """Whether something is asked for that needs each run as an object, so that no handler may do with less."""
        return bool(self.lifecycle.events) or self.on_end is not None

    def adopt(self, task_logs: str, logs_per_error: int, slow_task_s: float, stuck_task_s: float) -> None:
        """Write the lifecycle records that the settings of these names ask for."""
        self.lifecycle.events = EVENTS_BY_SETTING[task_logs]
        self.lifecycle.flood.per_minute = logs_per_error
        self.watch.slow_s, self.watch.stuck_s = slow_task_s, stuck_task_s

    def stats(self) -> dict[str, int]:
        """Return how many waits were negative, since clocks of two hosts disagree, and how many records were suppressed."""
        return {
            "waits_clamped": self._waits_clamped.read() - self._waits_clamped_before_fork,
            "records_suppressed": self.lifecycle.flood.suppressed.read(),
        }

    def drain(self, batch: Batch) -> None:
        """Put what is worked out from the series into the batch: claims, waits, lost runs and the process's gauges."""
        running: dict[tuple[str, str], Running] = {}
        busy = []
        active, begun = self._activity.look()
        for series in active:
            series.drain(batch)
            self._drain_abandoned(series, batch)
            if series.balance():
                busy.append(series)
            labels = (series.queue, series.type)
            running[labels] = self._with_runs(running.get(labels, _NONE_RUNNING), series)
        self._tell_in_flight({labels: one.in_flight for labels, one in running.items()}, batch)
        self.oldest_began_s = {labels: one.oldest_began_s for labels, one in running.items() if one.in_flight}
        self.workers.drain(batch, sum(one.in_flight for one in running.values()))
        self._activity.drained(begun, busy)

    def _tell_in_flight(self, in_flight: dict[tuple[str, str], int], batch: Batch) -> None:
        if not self._told:  # after `tell_again` those too that are idle
            in_flight = dict.fromkeys(self._in_flight, 0) | in_flight
        for labels, number in in_flight.items():
            gauge = self._in_flight.get(labels)
            if gauge is None and number:
                gauge = self._in_flight[labels] = Series(_IN_FLIGHT, labels)
            if gauge is not None and self._told.get(gauge) != number:
                self._told[gauge] = number
                batch.gauges.append((gauge, number, 0))

    def _with_runs(self, known: Running, series: TaskSeries) -> Running:
        """Return *known* and the runs in flight of a series together."""
        number = series.in_flight()
        if not number:
            return known
        one = Running(number, self._oldest_began_s(series, number))
        return known.plus(one) if known.in_flight else one

    def _tell_end(self, labels: tuple[str, str], batch: Batch) -> None:
        """Tell how many runs are in flight beside one that ended: who counted its end must not count it as lost too."""
        gauge = self._in_flight.get(labels)
        if gauge is None:  # nobody was told that it began
            return
        one = _NONE_RUNNING
        for series in list(self._alike[labels].values()):
            one = self._with_runs(one, series)
        if self._told.get(gauge) != one.in_flight:
            batch.gauges.append((gauge, one.in_flight, 0))
            if self._told:  # else the next drain has all to tell
                self._told[gauge] = one.in_flight
        if one.in_flight:
            self.oldest_began_s[labels] = one.oldest_began_s
        else:
            self.oldest_began_s.pop(labels, None)

    def collect_end(self, series: TaskSeries, into: Batch) -> Batch:
        """Drain what a run of *series* that ended may have recorded. The caller holds the collect lock.

        What it costs does not grow with the task types: other types' own cells and the process's other gauges, which
        nobody but a whole collection needs, are left for that.
        """
        batch = self.registry.collect(into, apart_from=MANY_CELLS)
        series.drain_cells(batch)
        series.drain(batch)
        self._drain_abandoned(series, batch)
        self._tell_end((series.queue, series.type), batch)
        return batch

    def _drain_abandoned(self, series: TaskSeries, batch: Batch) -> None:
        lost = series.abandoned.take_new()
        if lost:
            tags = (series.queue, series.type, error_type(None), Reason.LOST)
            counter = self.registry.counter(_FAILED, tags, series.static_tags)
            # its own cell may be drained already, and this batch the last
            batch.counters.append((counter.series, lost, lost))

    def tell_again(self) -> None:
        """Have the next drain tell every gauge, changed or not: what keeps them is a new one."""
        self._told.clear()

    def reset_after_fork(self) -> None:
        """In a forked child: the runs, worker scopes and errors so far are the parent's. Cheap, and takes no lock."""
        self.forked_at_s = self.clock.monotonic()
        end_frame_of_parent()
        self._waits_clamped_before_fork = self._waits_clamped.read()
        self.on_end = None
        self._errors.clear()
        self._in_flight.clear()
        self._told.clear()
        self.oldest_began_s = {}
        self._activity.forget()
        self.watch.clear()
        self.workers.clear()

    def forget_parents_runs(self) -> None:
        """At a forked child's first event: what is in flight by the marks is the parent's."""
        for series in list(self._series.values()):
            series.forget_parents_runs()
        self._activity.forget()
