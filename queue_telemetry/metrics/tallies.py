"""The parts of a summary: plain values that add up, whichever process counted them. Pure: no clock, no socket, no state."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeVar

__all__ = [
    "EDGES_S",
    "SLICE_S",
    "TYPE_SLICE_S",
    "Amounts",
    "Buckets",
    "ErrorTally",
    "Histogram",
    "Labels",
    "Reading",
    "Running",
    "SeriesKey",
    "TypeSlice",
    "added",
]

EDGES_S: Final = (
    *(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
    *(30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0),
)
"""Upper bounds of a histogram's buckets, seconds, each included in its bucket; one more bucket is above them all.

From 5 ms to an hour in steps of two to three: waits need the long end, and each step more is a series more for each task
type in every Prometheus server.
"""
SLICE_S: Final = 600.0
"""The length of the hour's slices of durations and waits: `floor(monotonic / SLICE_S)` names one."""
TYPE_SLICE_S: Final = 1800.0
"""The same for each task type on its own.

Two of them, since a sketch of one busy type takes 2 to 5 kB in memory and half a kilobyte on its way to another process:
what a type did counts for at most an hour and at least half of one.
"""

Labels = tuple[str, str]
"""(queue, task type)."""
Buckets = Mapping[int, int]
"""How many values fell into each bucket of a quantile sketch."""
Amounts = Mapping[int, float]
"""What was added in each minute; `floor(monotonic / 60)` names one."""

K = TypeVar("K")
N = TypeVar("N", int, float)


class SeriesKey(NamedTuple):
    """What tells a series from all others, static tags left out.

    Attributes:
        name: The metric's dotted name.
        tags: Its tag keys.
        values: Their values in the same order; an empty string means absent.
    """

    name: str
    tags: tuple[str, ...]
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TypeSlice:
    """What one task type on one queue did in one slice of time.

    Attributes:
        completed: Runs that ended well.
        failed: Runs that failed, those for the reason `expected` left out.
        retried: Runs that will be tried again.
        duration_s: All durations of completed and failed runs together, seconds.
        wait_s: All waits together, seconds.
        durations: The sketch of these durations.
        waits: The sketch of these waits.
    """

    completed: int
    failed: int
    retried: int
    duration_s: float
    wait_s: float
    durations: Buckets
    waits: Buckets

    def plus(self, other: "TypeSlice") -> "TypeSlice":
        """Return both together."""
        return TypeSlice(
            self.completed + other.completed,
            self.failed + other.failed,
            self.retried + other.retried,
            self.duration_s + other.duration_s,
            self.wait_s + other.wait_s,
            added((self.durations, other.durations)),
            added((self.waits, other.waits)),
        )


@dataclass(frozen=True, slots=True)
class Running:
    """Runs in flight.

    Attributes:
        in_flight: How many.
        oldest_began_s: When the oldest began, monotonic seconds; None when one of them is not watched.
    """

    in_flight: int
    oldest_began_s: float | None

    def plus(self, other: "Running") -> "Running":
        """Return both together."""
        begins = (self.oldest_began_s, other.oldest_began_s)
        known = [began_s for began_s in begins if began_s is not None]
        return Running(self.in_flight + other.in_flight, min(known) if len(known) == 2 else None)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a shared gauge said.

    Attributes:
        at_s: When it was said, monotonic seconds.
        value: The value; None when it was said to be unknown, which takes back what others said before.
    """

    at_s: float
    value: float | None

    def plus(self, other: "Reading") -> "Reading":
        """Return the newer one; of two of the same time the greater value, and a value rather than none."""
        return max(self, other, key=_age_and_value)


def _age_and_value(reading: Reading) -> tuple[float, float]:
    return reading.at_s, -math.inf if reading.value is None else reading.value


@dataclass(frozen=True, slots=True)
class Histogram:
    """Durations since the start by fixed bucket.

    Attributes:
        counts: How many fell into each bucket of `EDGES_S`, and last, how many above; not cumulative.
        sum_s: All of them together, seconds.
    """

    counts: tuple[int, ...]
    sum_s: float

    def plus(self, other: "Histogram") -> "Histogram":
        """Return both together."""
        counts = tuple(map(int.__add__, self.counts, other.counts))
        return Histogram(counts, self.sum_s + other.sum_s)


@dataclass(frozen=True, slots=True)
class ErrorTally:
    """Errors with one fingerprint.

    Attributes:
        last_seen_s: When the last one came, seconds since the epoch.
        type: Its class.
        task_type: Its task.
        sample: Its scrubbed message.
        first_seen_s: When the first one came.
        count: How many since then.
        minutes: How many in each minute of the last hour.
    """

    last_seen_s: float
    type: str
    task_type: str
    sample: str
    first_seen_s: float
    count: int
    minutes: Mapping[int, int]

    def plus(self, other: "ErrorTally") -> "ErrorTally":
        """Return both together: counts add up, the newest error describes the group."""
        newest = max(self, other, key=_newness)
        return ErrorTally(
            newest.last_seen_s,
            newest.type,
            newest.task_type,
            newest.sample,
            min(self.first_seen_s, other.first_seen_s),
            self.count + other.count,
            added((self.minutes, other.minutes)),
        )


def _newness(tally: ErrorTally) -> tuple[float, str, str, str]:
    return tally.last_seen_s, tally.type, tally.task_type, tally.sample


def added(parts: Iterable[Mapping[K, N]]) -> dict[K, N]:
    """Return the sum of numbers by key."""
    whole: dict[K, N] = {}
    for part in parts:
        if not whole:
            whole.update(part)
            continue
        for key, number in part.items():
            whole[key] = whole.get(key, 0) + number
    return whole
