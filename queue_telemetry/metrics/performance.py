"""From what the task types did to how they perform: who asks again pays for what changed meanwhile."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import reduce
from typing import Final

from queue_telemetry.metrics.sketch import quantiles
from queue_telemetry.metrics.snapshot import TypePerformance
from queue_telemetry.metrics.tallies import TYPE_SLICE_S, Labels, Running, TypeSlice

__all__ = ["PerformanceReader", "with_running"]

_MAX_SHOWN: Final = 100  # task types of a snapshot: more than a person reads
_SLICES: Final = 2
_SAME_RATE: Final = 1.02  # a rate that is so little out of date is not worked out again
_NOTHING: Final = TypeSlice(0, 0, 0, 0.0, 0.0, {}, {})


class PerformanceReader:
    """Reads the performance of task types, and keeps what it read of those whose slices stay the same value."""

    def __init__(self) -> None:
        self._known: dict[Labels, _Known] = {}

    def read(
        self, types: Mapping[Labels, Mapping[int, TypeSlice]], started_s: float | None, now_s: float
    ) -> tuple[TypePerformance, ...]:
        """Return how the task types did that ran lately, busiest first, without those in flight.

        Args:
            types: What each did, by slice.
            started_s: When counting began, monotonic seconds; None when nothing was counted.
            now_s: The present, monotonic seconds.
        """
        newest = int(now_s // TYPE_SLICE_S)
        begin_s = max((newest + 1 - _SLICES) * TYPE_SLICE_S, now_s if started_s is None else started_s)
        known, lately = self._known, dict[Labels, _Known]()
        for labels, slices in types.items():
            one = known.get(labels)
            if one is None or one.slices is not slices or one.newest != newest:
                one = _Known(slices, newest)
            if one.valid:
                lately[labels] = one
        self._known = lately
        busiest = sorted(lately.items(), key=_order)[:_MAX_SHOWN]
        return tuple([one.row(labels, now_s - begin_s) for labels, one in busiest])


def with_running(
    rows: tuple[TypePerformance, ...],
    types: Mapping[Labels, Mapping[int, TypeSlice]],
    running: Mapping[Labels, Running],
    now_s: float,
) -> tuple[TypePerformance, ...]:
    """Return what a reader did, with the runs in flight, and with the types that only run."""
    if not running:
        return rows
    whole = {(row.queue, row.type): row for row in rows}
    for labels, one in running.items():
        row = whole.get(labels)
        if row is None and labels not in types:
            row = _row(labels, ())
        if row is not None and one.in_flight:
            began_s = one.oldest_began_s
            longest_s = None if began_s is None else max(0.0, now_s - began_s)
            whole[labels] = replace(row, in_flight=one.in_flight, longest_running_s=longest_s)
    return tuple(whole.values())[:_MAX_SHOWN]


class _Known:
    """What is known of one task type as long as its slices are the same value, and the same of them are valid."""

    __slots__ = ("_covered_s", "_row", "newest", "runs", "slices", "valid")

    def __init__(self, slices: Mapping[int, TypeSlice], newest: int) -> None:
        self.slices = slices
        self.newest = newest
        self.valid = [one for at, one in slices.items() if at > newest - _SLICES]
        self.runs = sum([one.completed + one.failed + one.retried for one in self.valid])
        self._row: TypePerformance | None = None
        self._covered_s = 0.0

    def row(self, labels: Labels, covered_s: float) -> TypePerformance:
        """Return how it performs, its rate over *covered_s*."""
        row = self._row
        if row is None:
            row = _row(labels, self.valid)
        elif self._covered_s <= covered_s <= self._covered_s * _SAME_RATE:
            return row
        self._covered_s = covered_s
        at_least_s = max(covered_s, 1.0)  # the first second is too short to tell
        self._row = row = replace(row, rate_per_s=row.count / at_least_s)
        return row


def _order(item: tuple[Labels, _Known]) -> tuple[int, Labels]:
    return -item[1].runs, item[0]


def _row(labels: Labels, slices: Sequence[TypeSlice]) -> TypePerformance:
    whole = reduce(TypeSlice.plus, slices) if slices else _NOTHING
    count, waits = sum(whole.durations.values()), sum(whole.waits.values())
    p50_s, p95_s, p99_s = quantiles(whole.durations, (0.5, 0.95, 0.99))
    return TypePerformance(
        *labels,
        count=count,
        failed=whole.failed,
        retried=whole.retried,
        rate_per_s=0.0,
        avg_duration_s=whole.duration_s / count if count else None,
        p50_duration_s=p50_s,
        p95_duration_s=p95_s,
        p99_duration_s=p99_s,
        avg_wait_s=whole.wait_s / waits if waits else None,
        p95_wait_s=quantiles(whole.waits, (0.95,))[0],
        in_flight=0,
        longest_running_s=None,
    )
