"""What each task type on each queue did lately, in slices of time."""

from collections.abc import Sequence
from typing import Final

from queue_telemetry.metrics.sketch import Sketch
from queue_telemetry.metrics.tallies import TYPE_SLICE_S, Labels, TypeSlice

__all__ = ["TypeStats", "TypeTally"]

_MAX_TYPES: Final = 1_000
_OTHER: Final = ("__other__", "__other__")
_SLICES: Final = 2


class TypeTally:
    """What one task type on one queue does in one slice of time.

    Attributes:
        outcomes: Runs that `completed`, `failed` (those for the reason `expected` left out) or were `retried`.
    """

    __slots__ = ("_duration_s", "_durations", "_wait_s", "_waits", "outcomes")

    def __init__(self) -> None:
        self.outcomes = {"completed": 0, "failed": 0, "retried": 0}
        self._duration_s = 0.0
        self._wait_s = 0.0
        self._durations = Sketch()
        self._waits = Sketch()

    def add_durations(self, values: Sequence[float], buckets: Sequence[int]) -> None:
        """Count durations of runs that completed or failed, and their buckets."""
        self._duration_s += sum(values)
        self._durations.add(buckets)

    def add_waits(self, values: Sequence[float], buckets: Sequence[int]) -> None:
        """Count waits and their buckets."""
        self._wait_s += sum(values)
        self._waits.add(buckets)

    def read(self) -> TypeSlice:
        """Return what was counted."""
        return TypeSlice(
            self.outcomes["completed"],
            self.outcomes["failed"],
            self.outcomes["retried"],
            self._duration_s,
            self._wait_s,
            self._durations.read(),
            self._waits.read(),
        )


class TypeStats:
    """The tallies of all task types. Not thread-safe.

    Bounded: what more than 1,000 pairs of queue and type do at a time counts as `__other__`. A pair that did nothing for
    so long that all its slices are over makes room.
    """

    def __init__(self) -> None:
        self._newest: int | None = None
        self._running: dict[Labels, TypeTally] = {}
        self._changed: set[Labels] = set()
        self._read: dict[Labels, dict[int, TypeSlice]] = {}

    def tally(self, labels: Labels, now_s: float) -> TypeTally:
        """Return where to count what a type does at *now_s* (seconds, monotonic), for now."""
        self._advance(now_s)
        if labels not in self._running and len(self._running) >= _MAX_TYPES:
            labels = _OTHER
        self._changed.add(labels)
        tally = self._running.get(labels)
        if tally is None:
            tally = self._running[labels] = TypeTally()
        return tally

    def read(self, now_s: float) -> dict[Labels, dict[int, TypeSlice]]:
        """Return what each type did in each slice up to *now_s*; the same value for a type that did nothing since."""
        self._read_changed(self._advance(now_s))
        return self._read.copy()

    def _read_changed(self, newest: int) -> None:
        read = self._read
        for labels in self._changed:
            read[labels] = {**read.get(labels, {}), newest: self._running[labels].read()}
        self._changed.clear()

    def _advance(self, now_s: float) -> int:
        at = int(now_s // TYPE_SLICE_S)
        newest = self._newest
        if newest is None:
            self._newest = newest = at
        elif at > newest:
            self._read_changed(newest)
            oldest = at - _SLICES
            self._read = {
                labels: kept
                for labels, slices in self._read.items()
                if (kept := {old: one for old, one in slices.items() if old > oldest})
            }
            self._running = {}
            self._newest = newest = at
        return newest
