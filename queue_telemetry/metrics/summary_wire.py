"""The JSON form of a summary's parts: in columns, which are written and checked a whole column at a time.

Pure: no clock, no socket, no state. What reads raises ValueError on anything malformed, and on nothing else.
"""

from array import array
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, compress, repeat
from math import isfinite
from typing import Any, Final, TypeVar

from queue_telemetry.metrics.tallies import (
    EDGES_S,
    Amounts,
    Buckets,
    ErrorTally,
    Histogram,
    Labels,
    Reading,
    Running,
    SeriesKey,
    TypeSlice,
)

__all__ = [
    "amounts",
    "buckets",
    "errors",
    "histograms",
    "numbers",
    "readings",
    "running",
    "to_amounts",
    "to_buckets",
    "to_errors",
    "to_histograms",
    "to_number",
    "to_numbers",
    "to_readings",
    "to_running",
    "to_types",
    "types",
]

V = TypeVar("V")
Plain = Any
"""What JSON can hold. orjson writes tuples as arrays."""

_BUCKET_END: Final = 1 << 14  # the leading bits that a sketch keeps
_INT: Final = frozenset({int})
_NUMBER: Final = frozenset({int, float})
_NUMBER_OR_NULL: Final = frozenset({int, float, type(None)})
_TEXT: Final = frozenset({str})


def numbers(values: Mapping[SeriesKey, float]) -> Plain:
    """Write one number for each series."""
    return [[*head, keys, found] for head, keys, found in _by_metric(values)]


def to_numbers(plain: Plain) -> dict[SeriesKey, float]:
    """Read one number for each series."""
    read: dict[SeriesKey, float] = {}
    for name, tags, keys, values in _matrix(plain, 4):
        read.update(zip(_series(name, tags, keys), _column(values, _NUMBER), strict=True))
    return read


def histograms(values: Mapping[SeriesKey, Histogram]) -> Plain:
    """Write the histograms of each series."""
    return [
        [*head, keys, [histogram.counts for histogram in found], [histogram.sum_s for histogram in found]]
        for head, keys, found in _by_metric(values)
    ]


def to_histograms(plain: Plain) -> dict[SeriesKey, Histogram]:
    """Read the histograms of each series."""
    read: dict[SeriesKey, Histogram] = {}
    for name, tags, keys, counts, sums in _matrix(plain, 5):
        all_counts = _matrix(counts, len(EDGES_S) + 1)
        found = map(Histogram, map(tuple, map(_counts, all_counts)), _column(sums, _NUMBER))
        read.update(zip(_series(name, tags, keys), found, strict=True))
    return read


def types(values: Mapping[Labels, Mapping[int, TypeSlice]]) -> Plain:
    """Write the slices of each task type."""
    return [
        [
            *labels,
            [
                [
                    at,
                    (one.completed, one.failed, one.retried),
                    (one.duration_s, one.wait_s),
                    _sketch(one.durations),
                    _sketch(one.waits),
                ]
                for at, one in slices.items()
            ],
        ]
        for labels, slices in values.items()
    ]


def to_types(plain: Plain) -> dict[Labels, dict[int, TypeSlice]]:
    """Read the slices of each task type."""
    read: dict[Labels, dict[int, TypeSlice]] = {}
    for queue, type_, slices in _matrix(plain, 3):
        one = read[_labels(queue, type_)] = {}
        for at, counts, sums, durations, waits in _matrix(slices, 5):
            completed, failed, retried = _counts(_sized(counts, 3))
            duration_s, wait_s = _sized(_column(sums, _NUMBER), 2)
            one[_slice_number(at)] = TypeSlice(
                completed, failed, retried, duration_s, wait_s, _to_sketch(durations), _to_sketch(waits)
            )
    return read


def running(values: Mapping[Labels, Running]) -> Plain:
    """Write the runs in flight of each task type."""
    return [[*labels, one.in_flight, one.oldest_began_s] for labels, one in values.items()]


def to_running(plain: Plain) -> dict[Labels, Running]:
    """Read the runs in flight of each task type."""
    read: dict[Labels, Running] = {}
    for queue, type_, in_flight, began_s in _matrix(plain, 4):
        _column([began_s], _NUMBER_OR_NULL)
        read[_labels(queue, type_)] = Running(_count(in_flight), began_s)
    return read


def readings(values: Mapping[str, Reading]) -> Plain:
    """Write a shared gauge."""
    return [[queue, one.at_s, one.value] for queue, one in values.items()]


def to_readings(plain: Plain) -> dict[str, Reading]:
    """Read a shared gauge."""
    rows = _matrix(plain, 3)
    _column([queue for queue, *_ in rows], _TEXT)
    _column([at_s for _, at_s, _ in rows], _NUMBER)
    return {queue: Reading(*_column(told, _NUMBER_OR_NULL)) for queue, *told in rows}


def buckets(slices: Mapping[int, Buckets]) -> Plain:
    """Write the slices of a sketch."""
    return [[at, _sketch(one)] for at, one in slices.items()]


def to_buckets(plain: Plain) -> dict[int, Buckets]:
    """Read the slices of a sketch."""
    return {_slice_number(at): _to_sketch(one) for at, one in _matrix(plain, 2)}


def amounts(values: Amounts) -> Plain:
    """Write amounts by minute."""
    return _pair(values)


def to_amounts(plain: Plain) -> dict[int, float]:
    """Read amounts by minute."""
    minutes, found = _sized(plain, 2)
    return dict(zip(_column(minutes, _INT), _column(found, _NUMBER), strict=True))


def errors(groups: Mapping[str, ErrorTally]) -> Plain:
    """Write the groups of errors."""
    return [
        [
            (fingerprint, one.type, one.task_type, one.sample),
            (one.last_seen_s, one.first_seen_s),
            one.count,
            *_pair(one.minutes),
        ]
        for fingerprint, one in groups.items()
    ]


def to_errors(plain: Plain) -> dict[str, ErrorTally]:
    """Read the groups of errors."""
    read: dict[str, ErrorTally] = {}
    for texts, seen, count, minutes, found in _matrix(plain, 5):
        fingerprint, kind, task_type, sample = _sized(_column(texts, _TEXT), 4)
        last_s, first_s = _sized(_column(seen, _NUMBER), 2)
        by_minute = dict(zip(_column(minutes, _INT), _counts(found), strict=True))
        read[fingerprint] = ErrorTally(last_s, kind, task_type, sample, first_s, _count(count), by_minute)
    return read


def to_number(plain: Plain) -> float | None:
    """Read a number or None."""
    return _column([plain], _NUMBER_OR_NULL)[0]  # type: ignore[no-any-return] # checked just now


def _by_metric(
    values: Mapping[SeriesKey, V],
) -> Iterable[tuple[tuple[str, tuple[str, ...]], list[tuple[str, ...]], list[V]]]:
    grouped: dict[tuple[str, tuple[str, ...]], tuple[list[tuple[str, ...]], list[V]]] = {}
    for (name, tags, tag_values), value in values.items():
        keys, found = grouped.setdefault((name, tags), ([], []))
        keys.append(tag_values)
        found.append(value)
    return ((head, keys, found) for head, (keys, found) in grouped.items())


def _series(name: Plain, tags: Plain, keys: Plain) -> list[SeriesKey]:
    tag_keys = tuple(_column(tags, _TEXT))
    rows = _matrix(keys, len(tag_keys))
    _column([name, *chain.from_iterable(rows)], _TEXT)
    return [SeriesKey(name, tag_keys, tuple(row)) for row in rows]


def _labels(queue: Plain, type_: Plain) -> Labels:
    _column([queue, type_], _TEXT)
    return queue, type_


def _slice_number(at: Plain) -> int:
    return _column([at], _INT)[0]  # type: ignore[no-any-return] # checked just now


def _pair(values: Mapping[int, float]) -> tuple[list[int], list[float]]:
    return list(values), list(values.values())


def _sketch(counts: Buckets) -> Plain:
    """Write a sketch: the first bucket and all counts from there, or where that is much longer, buckets and counts."""
    if not counts:
        return [0, []]
    first, last = min(counts), max(counts)
    if last - first < 2 * len(counts):  # a zero takes two bytes, a bucket's number five
        return [first, list(map(counts.get, range(first, last + 1), repeat(0)))]
    return _pair(counts)


def _to_sketch(plain: Plain) -> dict[int, int]:
    """Read a sketch."""
    at, found = _sized(plain, 2)
    counts = _counts(found)
    keys = _counts(at) if type(at) is list else range(_count(at), _count(at) + len(counts))
    if keys and max(keys) >= _BUCKET_END:
        raise ValueError("a bucket of no sketch")
    return dict(compress(zip(keys, counts, strict=True), counts))


def _matrix(plain: Plain, width: int) -> list[list[Plain]]:
    if type(plain) is not list or not {list}.issuperset(map(type, plain)):
        raise ValueError("not a list of lists")
    if not {width}.issuperset(map(len, plain)):
        raise ValueError(f"not {width} in each")
    return plain


def _sized(plain: Plain, size: int) -> list[Plain]:
    if type(plain) is not list or len(plain) != size:
        raise ValueError(f"not a list of {size}")
    return plain


def _column(plain: Plain, kinds: frozenset[Any]) -> list[Plain]:
    if type(plain) is not list or not kinds.issuperset(map(type, plain)):
        raise ValueError("a value of another type")
    if float in kinds and not all(map(isfinite, filter(None, plain))):
        raise ValueError("a number without an end")
    return plain


def _counts(plain: Plain) -> Sequence[int]:
    if type(plain) is not list:
        raise ValueError("not a list of counts")
    try:
        return array("Q", plain)  # the fastest check that there is for whole numbers from 0 on
    except (TypeError, OverflowError) as error:
        raise ValueError("a count that is none") from error


def _count(plain: Plain) -> int:
    return _counts([plain])[0]
