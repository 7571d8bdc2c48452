"""From the parts of a summary to what health reads of them. Pure: no clock, no socket, no state."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import reduce
from typing import Final

from queue_telemetry.metrics.errors import ErrorGroup
from queue_telemetry.metrics.sketch import quantiles
from queue_telemetry.metrics.snapshot import TypePerformance
from queue_telemetry.metrics.tallies import (
    SLICE_S,
    TYPE_SLICE_S,
    Amounts,
    Buckets,
    ErrorTally,
    Labels,
    Reading,
    Running,
    TypeSlice,
    added,
)

__all__ = ["groups", "hour_buckets", "hour_total", "performance", "valid", "with_running"]

_MAX_PERFORMANCE: Final = 100  # task types that a snapshot shows: more than a person reads

_MINUTE_S: Final = 60.0
_HOUR: Final = 60  # minutes
_RECENT: Final = 5  # minutes
_HOUR_S: Final = 3600.0
_SLICES: Final = 6  # of an hour, the running one included
_TYPE_SLICES: Final = 2
_READING_EXPIRES_S: Final = 300.0  # what nobody renews is unknown, not for ever true

_NOTHING: Final = TypeSlice(0, 0, 0, 0.0, 0.0, {}, {})


def hour_total(amounts: Amounts, now_s: float) -> float:
    """Return what was added in the last hour, the running minute included."""
    return _since(amounts, now_s, _HOUR)


def hour_buckets(slices: Mapping[int, Buckets], now_s: float) -> Buckets:
    """Return the sketch of the last hour, or of at least fifty minutes of it."""
    oldest = int(now_s // SLICE_S) - _SLICES
    return added(part for at, part in slices.items() if at > oldest)


def valid(readings: Mapping[str, Reading], now_s: float) -> dict[str, float]:
    """Return the values that somebody said lately."""
    return {queue: one.value for queue, one in readings.items() if now_s - one.at_s <= _READING_EXPIRES_S}


def groups(tallies: Mapping[str, ErrorTally], now_s: float, epoch_s: float) -> tuple[ErrorGroup, ...]:
    """Return the groups seen within the hour before *epoch_s*, most frequent first."""
    recent = [item for item in tallies.items() if epoch_s - item[1].last_seen_s <= _HOUR_S]
    recent.sort(key=lambda item: (-item[1].count, -item[1].last_seen_s, item[0]))
    return tuple(
        [
            ErrorGroup(
                fingerprint,
                one.type,
                one.task_type,
                one.count,
                one.first_seen_s,
                one.last_seen_s,
                one.sample,
                count_5m=int(_since(one.minutes, now_s, _RECENT)),
                count_1h=int(_since(one.minutes, now_s, _HOUR)),
            )
            for fingerprint, one in recent
        ]
    )


def performance(
    types: Mapping[Labels, Mapping[int, TypeSlice]], started_s: float | None, now_s: float
) -> tuple[TypePerformance, ...]:
    """Return how the task types did that ran lately, busiest first."""
    newest = int(now_s // TYPE_SLICE_S)
    begin_s = max((newest + 1 - _TYPE_SLICES) * TYPE_SLICE_S, now_s if started_s is None else started_s)
    lately = {
        labels: valid_ones
        for labels, slices in types.items()
        if (valid_ones := [one for at, one in slices.items() if at > newest - _TYPE_SLICES])
    }
    busiest = sorted(lately.items(), key=_order)[:_MAX_PERFORMANCE]
    return tuple([_row(labels, slices, now_s - begin_s) for labels, slices in busiest])


def with_running(
    rows: tuple[TypePerformance, ...],
    types: Mapping[Labels, Mapping[int, TypeSlice]],
    running: Mapping[Labels, Running],
    now_s: float,
) -> tuple[TypePerformance, ...]:
    """Return what `performance` did, with the runs in flight, and with the types that only run."""
    if not running:
        return rows
    whole = {(row.queue, row.type): row for row in rows}
    for labels, one in running.items():
        row = whole.get(labels)
        if row is None and labels not in types:
            row = _row(labels, (), 0.0)
        if row is not None and one.in_flight:
            began_s = one.oldest_began_s
            longest_s = None if began_s is None else max(0.0, now_s - began_s)
            whole[labels] = replace(row, in_flight=one.in_flight, longest_running_s=longest_s)
    return tuple(whole.values())[:_MAX_PERFORMANCE]


def _order(item: tuple[Labels, list[TypeSlice]]) -> tuple[int, Labels]:
    labels, slices = item
    return -sum(one.completed + one.failed + one.retried for one in slices), labels


def _row(labels: Labels, slices: Sequence[TypeSlice], covered_s: float) -> TypePerformance:
    whole = reduce(TypeSlice.plus, slices) if slices else _NOTHING
    count, waits = sum(whole.durations.values()), sum(whole.waits.values())
    p50_s, p95_s, p99_s = quantiles(whole.durations, (0.5, 0.95, 0.99))
    return TypePerformance(
        *labels,
        count=count,
        failed=whole.failed,
        retried=whole.retried,
        rate_per_s=count / max(covered_s, 1.0),  # the first second is too short to tell
        avg_duration_s=whole.duration_s / count if count else None,
        p50_duration_s=p50_s,
        p95_duration_s=p95_s,
        p99_duration_s=p99_s,
        avg_wait_s=whole.wait_s / waits if waits else None,
        p95_wait_s=quantiles(whole.waits, (0.95,))[0],
        in_flight=0,
        longest_running_s=None,
    )


def _since(amounts: Mapping[int, float], now_s: float, minutes: int) -> float:
    oldest = int(now_s // _MINUTE_S) - minutes
    return sum([amount for minute, amount in amounts.items() if minute > oldest])
