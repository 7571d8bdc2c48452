"""The series of one task, bound once so that a wrapper only marks and appends."""

from collections import deque
from functools import partial
from typing import Any, Final

from queue_telemetry._runtime import Clock, DropReason
from queue_telemetry.metrics import CATALOG, MAX_SAMPLES, OTHER, Batch, Marks, Registry, take
from queue_telemetry.tasks.headers import ENQUEUED_AT, NOT_BEFORE, read_epoch_s, read_text

__all__ = ["MANY_CELLS", "StaticTags", "TaskSeries"]

StaticTags = tuple[tuple[str, str], ...]

_CLAIMED: Final = CATALOG["queue.tasks.claimed"]
_STARTED: Final = CATALOG["queue.tasks.started"]
_COMPLETED: Final = CATALOG["queue.tasks.completed"]
_DURATION: Final = CATALOG["queue.task.duration"]
_WAIT: Final = CATALOG["queue.task.wait"]

MANY_CELLS: Final = frozenset(metric.name for metric in (_CLAIMED, _STARTED, _COMPLETED, _WAIT))
"""Metrics of which each task type has a cell, whether it ran lately or not."""


class TaskSeries:
    """What one task type on one queue, with one set of static tags, counts.

    In flight is `started - completed - uncompleted`. A run that joins no claim counts its own, so `claimed` is
    `started - joined` plus what `took()` counted.

    Attributes:
        queue: The queue's name.
        type: The task's type.
        static_tags: The task's own tags.
        started: Runs begun.
        completed: Runs that ended well.
        uncompleted: Runs that ended any other way; marked before it is known which.
        abandoned: Runs that nobody will finish, marked by the garbage collector: one call, no lock.
        joined: Runs that joined a claim.
        duration: Durations of the completed runs; its marks are those of `completed`.
        wait: Times in the queue.
        stamps: (began in monotonic seconds, enqueued at, not before) of runs, of which the next drain makes waits.
        stamped: The marks that promise a stamp each.
        live: When each tracked run began, in monotonic seconds, by a key of its own.
    """

    __slots__ = (
        "_clock",
        "_in_flight_before_fork",
        "_own_claims",
        "_stamps_kept",
        "_waits_clamped",
        "abandoned",
        "claimed",
        "completed",
        "duration",
        "joined",
        "live",
        "queue",
        "stamped",
        "stamps",
        "started",
        "static_tags",
        "type",
        "uncompleted",
        "wait",
    )  # fmt: skip

    def __init__(
        self,
        registry: Registry,
        clock: Clock,
        waits_clamped: Marks,
        type_: str,
        queue: str,
        static_tags: StaticTags,
    ) -> None:
        labels = (queue, type_)
        self.type = type_
        self.queue = queue
        self.static_tags = static_tags
        self.claimed = registry.counter(_CLAIMED, labels, static_tags)
        self.started = registry.counter(_STARTED, labels, static_tags)
        self.completed = registry.counter(_COMPLETED, labels, static_tags)
        self.uncompleted = Marks()
        self.abandoned = Marks()
        self.joined = Marks()
        self.duration = registry.timer(
            _DURATION, (*labels, "completed"), static_tags, marks=self.completed.marks
        )
        self.wait = registry.timer(_WAIT, labels, static_tags)
        self._waits_clamped = waits_clamped
        self.live: dict[int, float] = {}
        self.stamped = Marks()
        self.stamps: deque[tuple[float, object, object]] = deque(maxlen=MAX_SAMPLES)
        self._stamps_kept = 0
        self._clock = clock
        self._own_claims = 0
        self._in_flight_before_fork = 0

    def in_flight(self) -> int:
        """Return the runs begun and not ended."""
        return max(0, self.balance())

    def balance(self) -> int:
        """Return how many more runs began here than ended; negative where the parent's ended in a forked child.

        Ends are read before starts, so it is never negative by a race.
        """
        ended = self.completed.marks.read() + self.uncompleted.read()
        return self.started.marks.read() - ended - self._in_flight_before_fork

    def folded(self) -> bool:
        """Tell whether its marks are those of `__other__`, which others mark too."""
        return OTHER in (self.started.series.values[0], self.completed.series.values[0])

    def forget_parents_runs(self) -> None:
        """In a forked child: what is in flight now stays the parent's."""
        self._in_flight_before_fork = 0
        self._in_flight_before_fork = self.in_flight()

    def drain(self, batch: Batch) -> None:
        """Put the claims that runs counted themselves and the waits not yet worked out into the batch."""
        own_claims = max(self._own_claims, self.started.marks.read() - self.joined.read())
        new = own_claims - self._own_claims
        self._own_claims = own_claims
        if new:
            batch.counters.append((self.claimed.series, new, new))
        if self.stamps:
            self._drain_stamps(batch)

    def drain_cells(self, batch: Batch) -> None:
        """Put what its cells of `MANY_CELLS` hold into the batch."""
        for cell in (self.claimed, self.started, self.completed, self.wait):
            cell.drain(batch)

    def stamp(self, began_s: float, headers: Any) -> None:
        """Keep what the next drain works out a run's wait from. Must not raise."""
        read = headers.get if type(headers) is dict else partial(read_text, headers)
        enqueued_at = read(ENQUEUED_AT)
        if enqueued_at is not None:
            self.stamped.mark()
            self.stamps.append((began_s, enqueued_at, read(NOT_BEFORE)))

    def keep_wait(self, began_s: float, enqueued_at: object, not_before: object) -> float | None:
        """Count the wait of a run that began at *began_s*, monotonic; return it in seconds, None when unknown."""
        wait_s = self.wait_s(began_s, enqueued_at, not_before)
        if wait_s is not None:
            wait_s = self._clamp(wait_s)
            self.wait.marks.mark()
            self.wait.append(wait_s)
        return wait_s

    def wait_s(self, began_s: float, enqueued_at: object, not_before: object) -> float | None:
        """Return begin - max(enqueued, not before) in seconds, None when unknown; negative when clocks disagree."""
        could_start_s = read_epoch_s(enqueued_at)
        if could_start_s is None:
            return None
        not_before_s = read_epoch_s(not_before)
        if not_before_s is not None:
            could_start_s = max(could_start_s, not_before_s)
        return self._clock.time() - (self._clock.monotonic() - began_s) - could_start_s

    def _drain_stamps(self, batch: Batch) -> None:
        stamps, lost = take(self.stamps, self.stamped, self._stamps_kept)
        self._stamps_kept += len(stamps) + lost
        waits = [self._clamp(wait_s) for stamp in stamps if (wait_s := self.wait_s(*stamp)) is not None]
        batch.drop(lost, DropReason.OVERFLOW)
        if waits:
            batch.timings.append((self.wait.series, waits))

    def _clamp(self, wait_s: float) -> float:
        if wait_s < 0:
            self._waits_clamped.mark()
        return max(0.0, wait_s)
