"""Carries what the cells hold to the stats and to the destination: each value once, in one collection at a time."""

from collections.abc import Mapping
from functools import partial
from typing import Final
from weakref import WeakKeyDictionary

from queue_telemetry._runtime import Clock, OwnedLock
from queue_telemetry.metrics import Batch, Registry, SeriesKey, Snapshot, Stats, Summary
from queue_telemetry.tasks import TaskSeries, Tracker
from queue_telemetry.telemetry._destination import Destination

__all__ = ["Collection"]

_LOCK_WAIT_S: Final = 1.0  # a collection takes milliseconds
_SHORT_WAIT_S: Final = 0.1


class Collection:
    """The collections of one telemetry.

    The lock guards the drain of the cells, the stats, and the hand-over to the destination, so that a swap of
    destinations neither loses a batch nor sends it twice. A thread that has it already, in a signal handler or in the
    application's log handler, does not wait for itself.

    Args:
        registry: Holds the cells.
        tracker: Holds the errors and the runs.
        clock: The clocks.

    Attributes:
        stats: What health reads.
        destination: Where batches go; without one nothing is collected.
        ran: Whether this process has collected at all.
        inherited: Whether the cells still hold what a parent process recorded.
    """

    def __init__(self, registry: Registry, tracker: Tracker, clock: Clock) -> None:
        self.stats = Stats(clock)
        self.destination: Destination | None = None
        self.ran = False
        self.inherited = False
        self._closing: list[Destination] = []
        self._self_counters = WeakKeyDictionary[
            Destination, Mapping[SeriesKey, float]
        ]()  # that are in the stats
        self._registry = registry
        self._tracker = tracker
        self._clock = clock
        self._batch = Batch()
        self._last: Snapshot | None = None
        self._lock = OwnedLock()

    def collect(self) -> bool:
        """Drain the cells; False when another collection, perhaps one of this thread, did not end in time."""
        return self._lock.run(_LOCK_WAIT_S, self._drain, otherwise=False)

    def collect_end(self, series: TaskSeries) -> bool:
        """Drain what a run of *series* that just ended recorded; False as in `collect`."""
        return self._lock.run(_LOCK_WAIT_S, partial(self._drain, series), otherwise=False)

    def observe(self) -> Snapshot:
        """Drain the cells and return the stats; those of the last time when another collection does not end."""
        self._lock.run(_LOCK_WAIT_S, self._take_snapshot, otherwise=False)
        return Stats(self._clock).snapshot() if self._last is None else self._last

    def summary(self) -> Summary | None:
        """Return all that was counted, as of the last collection; None when one that is under way does not end."""
        return self._lock.run(_LOCK_WAIT_S, self._summarise, otherwise=None)

    def pass_on(self, batch: Batch) -> None:
        """Send what others counted: it goes to the destination, and not into the stats of this process."""
        with self._lock.held(_LOCK_WAIT_S) as held:
            if held and self.destination is not None:
                self.destination.add(batch)

    def begin_anew(self) -> None:
        """Count from zero again."""
        with self._lock.held(_LOCK_WAIT_S):
            self.stats = Stats(self._clock)
            self._tracker.tell_again()

    def swap(self, destination: Destination | None) -> Destination | None:
        """Send to *destination* from now on; return the one before, which has all that was recorded before."""
        with self._lock.held(_LOCK_WAIT_S) as held:
            if held:
                self._drain()
            before, self.destination = self.destination, destination
            self._tracker.tell_again()
        return before

    def replace(self, destination: Destination | None) -> Destination | None:
        """Swap for good: what becomes of the data of the one before counts on, until `let_go`."""
        before = self.swap(destination)
        if before is not None:
            self._closing.append(before)
        return before

    def let_go(self, closed: Destination) -> None:
        """Count what became of the data of a destination that was replaced and is closed now."""
        with self._lock.held(_LOCK_WAIT_S):
            self._count_fates(closed)
            self._closing.remove(closed)

    def forget_inherited(self) -> None:
        """In a forked child, before its first own event: let go of what is in the cells, which is the parent's."""
        if self.inherited:
            self._tracker.forget_parents_runs()
            self._registry.discard()
            self.inherited = False

    def reset_after_fork(self) -> None:
        """In a forked child: begin with new stats and no destination. Cheap, whatever the cells hold."""
        self.destination = None
        self.inherited = True
        self.stats = Stats(self._clock)
        self.ran = False
        self._batch = Batch()
        self._last = None
        self._closing = []
        self._lock = OwnedLock()

    def _summarise(self) -> Summary:
        for destination in (self.destination, *self._closing):
            if destination is not None:
                self._count_fates(destination)
        return self.stats.summary()

    def _count_fates(self, destination: Destination) -> None:
        """Count what became of data there since the last time: a total would fall when a new destination begins."""
        counted = self._self_counters.get(destination, {})
        counters = destination.self_counters()
        self._self_counters[destination] = {**counted, **counters}
        news = {key: total - counted.get(key, 0) for key, total in counters.items()}
        self.stats.add_counters({key: amount for key, amount in news.items() if amount})

    def _take_snapshot(self) -> bool:
        self._drain()
        self._last = self.stats.snapshot()
        return True

    def _drain(self, ended: TaskSeries | None = None) -> bool:
        """Drain every cell, or those that a run of *ended* may have used."""
        if self.destination is not None:  # else the cells keep what they have for the one to come
            if ended is None:
                batch = self._registry.collect(self._batch)
            else:
                batch = self._tracker.collect_end(ended, self._batch)
            next_batch = Batch()
            try:
                self.destination.add(batch)
            finally:  # until here, what an exception cut short goes on with the next collection
                self._batch = next_batch
            self.stats.fold(batch, self._tracker.take_errors(), self._tracker.oldest_began_s)
            self.ran = True
        return True
