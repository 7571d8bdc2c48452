"""Keeps a summary that goes on for ever small: what no reader asks for any more goes, and of the rest there is a most. Pure."""

import operator
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final, TypeVar

from queue_telemetry.metrics.registry import OTHER
from queue_telemetry.metrics.summary import Summary
from queue_telemetry.metrics.tallies import SLICE_S, TYPE_SLICE_S, ErrorTally, Histogram, SeriesKey, TypeSlice

__all__ = ["bounded"]

_MINUTE_S: Final = 60.0
_HOUR_S: Final = 3600.0
_ERRORS_KEPT_S: Final = 86_400.0  # one that comes back within a day is no news
_MAX_ERRORS: Final = 200
_MAX_SERIES: Final = 1_000  # of a metric, and of task types; more are added up as `__other__`
_MAX_METRICS: Final = 1_000

V = TypeVar("V")


def bounded(summary: Summary, now_s: float, epoch_s: float) -> Summary:
    """Return the summary without minutes and slices of more than an hour ago, and without all that is above the bounds.

    Sums stay: what there is no room for by its own name counts under `__other__`.

    Args:
        summary: Any.
        now_s: The present, monotonic seconds.
        epoch_s: The present, seconds since the epoch.
    """
    minute, part, type_part = (int((now_s - _HOUR_S) // s) for s in (_MINUTE_S, SLICE_S, TYPE_SLICE_S))
    return replace(
        summary,
        counters=_fewer(summary.counters, operator.add),
        histograms=_fewer(summary.histograms, Histogram.plus),
        completed=_after(summary.completed, minute),
        failed=_after(summary.failed, minute),
        retried=_after(summary.retried, minute),
        timed=_after(summary.timed, minute),
        duration_s=_after(summary.duration_s, minute),
        durations=_after(summary.durations, part),
        waits=_after(summary.waits, part),
        types=_fewer_types(
            {labels: kept for labels, parts in summary.types.items() if (kept := _after(parts, type_part))}
        ),
        errors=_fewer_errors(summary.errors, minute, epoch_s),
    )


def _after(parts: Mapping[int, V], oldest: int) -> dict[int, V]:
    return {at: part for at, part in parts.items() if at > oldest}


def _fewer(series: Mapping[SeriesKey, V], plus: Callable[[V, V], V]) -> Mapping[SeriesKey, V]:
    """Return the series, those of a metric beyond the limit as one; those there are, first come, stay themselves."""
    if len(series) <= _MAX_SERIES:
        return series
    kept: dict[SeriesKey, V] = {}
    count: Counter[str] = Counter()
    for key, value in series.items():
        name, tags, values = key
        if count[name] >= _MAX_SERIES:
            key = SeriesKey(name, tags, (OTHER,) * len(values))  # noqa: PLW2901 - it counts under another name
        elif not count[name] and len(count) >= _MAX_METRICS:
            key = SeriesKey(OTHER, (), ())  # noqa: PLW2901 - the same
        known = kept.get(key)
        if known is None:
            count[key.name] += 1
            kept[key] = value
        else:
            kept[key] = plus(known, value)
    return kept


def _fewer_types(
    types: Mapping[tuple[str, str], Mapping[int, TypeSlice]],
) -> Mapping[tuple[str, str], Mapping[int, TypeSlice]]:
    if len(types) <= _MAX_SERIES:
        return types
    kept: dict[tuple[str, str], Mapping[int, TypeSlice]] = {}
    rest: dict[int, TypeSlice] = {}
    for labels, parts in types.items():
        if len(kept) < _MAX_SERIES and labels != (OTHER, OTHER):
            kept[labels] = parts
            continue
        for at, part in parts.items():
            rest[at] = rest[at].plus(part) if at in rest else part
    kept[OTHER, OTHER] = rest
    return kept


def _fewer_errors(errors: Mapping[str, ErrorTally], minute: int, epoch_s: float) -> dict[str, ErrorTally]:
    recent = [item for item in errors.items() if epoch_s - item[1].last_seen_s <= _ERRORS_KEPT_S]
    if len(recent) > _MAX_ERRORS:
        recent.sort(key=lambda item: (-item[1].count, -item[1].last_seen_s, item[0]))
        del recent[_MAX_ERRORS:]
    return {
        fingerprint: replace(tally, minutes=_after(tally.minutes, minute)) for fingerprint, tally in recent
    }
