"""The laws of summaries: they add up, their JSON form is theirs, and no bytes do harm."""

import math

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from queue_telemetry._runtime import Clock
from queue_telemetry.metrics.batch import Batch, Series
from queue_telemetry.metrics.catalog import CATALOG
from queue_telemetry.metrics.stats import Stats
from queue_telemetry.metrics.summary import Summary, merge
from queue_telemetry.metrics.tallies import (
    EDGES_S,
    ErrorTally,
    Histogram,
    Reading,
    Running,
    SeriesKey,
    TypeSlice,
)

_SEND = ("mail", "send")
_COUNTS = st.integers(0, 1_000)
_EXACT = st.integers(-(2**20), 2**20).map(lambda number: number / 64)  # sums of these are exact in any order
_NAMES = st.sampled_from(["mail", "bulk", "", "ü", "a.b"])
_LABELS = st.tuples(_NAMES, _NAMES)
_KEYS = st.builds(SeriesKey, st.sampled_from(["x", "queue.tasks.failed"]), st.just(("k", "l")), _LABELS)
_AMOUNTS = st.dictionaries(st.integers(90, 170), _COUNTS | _EXACT, max_size=4)
_BUCKETS = st.dictionaries(st.integers(3424, 5024), st.integers(1, 1_000), max_size=4)
_SLICES = st.dictionaries(st.integers(8, 17), _BUCKETS, max_size=3)
_HISTOGRAMS = st.builds(
    Histogram, st.lists(_COUNTS, min_size=len(EDGES_S) + 1, max_size=len(EDGES_S) + 1).map(tuple), _EXACT
)
_TYPE_SLICES = st.builds(TypeSlice, _COUNTS, _COUNTS, _COUNTS, _EXACT, _EXACT, _BUCKETS, _BUCKETS)
_READINGS = st.dictionaries(_NAMES, st.builds(Reading, _EXACT, st.none() | _EXACT), max_size=3)
_ERRORS = st.builds(
    ErrorTally,
    _EXACT,
    _NAMES,
    _NAMES,
    _NAMES,
    _EXACT,
    _COUNTS,
    st.dictionaries(st.integers(90, 170), _COUNTS, max_size=4),
)

_SUMMARIES = st.builds(
    Summary,
    started_s=st.none() | _EXACT,
    counters=st.dictionaries(_KEYS, _COUNTS | _EXACT, max_size=4),
    histograms=st.dictionaries(_KEYS, _HISTOGRAMS, max_size=3),
    gauges=st.dictionaries(_KEYS, _EXACT, max_size=3),
    completed=_AMOUNTS,
    failed=_AMOUNTS,
    retried=_AMOUNTS,
    timed=_AMOUNTS,
    duration_s=_AMOUNTS,
    durations=_SLICES,
    waits=_SLICES,
    types=st.dictionaries(_LABELS, st.dictionaries(st.integers(2, 5), _TYPE_SLICES, max_size=3), max_size=3),
    running=st.dictionaries(_LABELS, st.builds(Running, _COUNTS, st.none() | _EXACT), max_size=3),
    sizes=_READINGS,
    oldest_ages_s=_READINGS,
    errors=st.dictionaries(_NAMES, _ERRORS, max_size=3),
)
_VALUES = st.lists(st.floats(2**-20, 2**30), max_size=50)
_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


@given(_SUMMARIES, _SUMMARIES, _SUMMARIES)
def test_merging_is_associative(a: Summary, b: Summary, c: Summary) -> None:
    assert merge([merge([a, b]), c]) == merge([a, merge([b, c])]) == merge([a, b, c])


@given(_SUMMARIES, _SUMMARIES)
def test_merging_is_commutative(a: Summary, b: Summary) -> None:
    assert merge([a, b]) == merge([b, a])


@given(_SUMMARIES)
def test_an_empty_summary_changes_nothing(summary: Summary) -> None:
    assert summary == merge([summary, Summary()]) == merge([Summary(), summary]) == merge([summary])
    assert Summary() == merge([])


@given(_SUMMARIES)
def test_what_was_written_is_read(summary: Summary) -> None:
    assert summary == Summary.from_json(summary.to_json())


@given(st.binary(max_size=200))
def test_bytes_that_are_no_summary_are_refused_in_one_way(data: bytes) -> None:
    with pytest.raises(ValueError):
        Summary.from_json(data)


@given(_SUMMARIES, st.data())
def test_a_summary_that_was_tampered_with_is_read_or_refused(summary: Summary, data: st.DataObject) -> None:
    plain = orjson.loads(summary.to_json())
    _tamper(plain, data)

    try:
        read = Summary.from_json(orjson.dumps(plain, option=orjson.OPT_NON_STR_KEYS))
    except ValueError:
        return
    merge([read, summary]).snapshot(10_000.0, 10_000.0)
    assert read == Summary.from_json(read.to_json())


def _tamper(plain: object, data: st.DataObject) -> None:
    """Replace one part, somewhere, with anything."""
    while True:
        places: list[object] = (
            list(plain)
            if isinstance(plain, dict)
            else list(range(len(plain)))
            if isinstance(plain, list)
            else []
        )
        place = data.draw(st.sampled_from(places))
        inner = plain[place]  # type: ignore[index] # a list or a dictionary
        if isinstance(inner, list | dict) and inner and data.draw(st.booleans()):
            plain = inner
            continue
        plain[place] = data.draw(_ANYTHING.filter(_fits))  # type: ignore[index] # as above
        return


def _fits(value: object) -> bool:
    try:
        orjson.dumps(value)
    except TypeError:
        return False
    return True


@given(st.lists(_VALUES, min_size=1, max_size=4), st.floats(0, 1))
def test_merged_quantiles_are_within_two_percent(several: list[list[float]], q: float) -> None:
    values = sorted(value for part in several for value in part)
    parts = []
    for part in several:
        stats = Stats(Clock(monotonic=lambda: 9_000.0))
        duration = Series(CATALOG["queue.task.duration"], (*_SEND, "completed"))
        stats.fold(Batch(timings=[(duration, part)] if part else []), ())
        parts.append(stats.summary())

    read = merge(parts).snapshot(9_000.0, 0.0)

    for share, found in (
        (0.5, read.p50_duration_s),
        (0.95, read.p95_duration_s),
        (0.99, read.p99_duration_s),
    ):
        true = values[max(math.ceil(share * len(values)), 1) - 1] if values else None
        assert found == (None if true is None else pytest.approx(true, rel=0.02))
    assert [len(values)] * bool(values) == [row.count for row in read.performance]


@given(_SUMMARIES)
def test_a_process_dies_once(summary: Summary) -> None:
    dead = summary.after_death(6_000.0)

    assert dead == dead.after_death(7_000.0)
