"""Quantiles of durations in bounded memory, within two percent: values are counted by bucket, and buckets add up.

A bucket is the leading bits of a number in IEEE 754 single precision: its power of two and which 32nd of it. So a batch
of values finds its buckets in a few C calls, with no logarithm. Values from 2**-20 to 2**30 are told within 2 %; smaller
and negative ones read as 0.0, larger ones as 2**30, and what is not a number is left out.
"""

import sys
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from math import ceil
from struct import pack, unpack
from typing import Final

__all__ = ["Sketch", "SlicedSketch", "buckets_of", "quantiles"]

_DROPPED_BITS: Final = (
    18  # of 32: leaves sign, exponent and 5 bits, so that a bucket's middle is within 1.6 %
)
_LANE: Final = (0xFFFFFFFF >> _DROPPED_BITS).to_bytes(4, sys.byteorder)
_SMALLEST: Final = (127 - 20) << 5  # 2**-20 s, about a microsecond
_LARGEST: Final = (127 + 30) << 5  # 2**30 s, 34 years
_INFINITE: Final = 255 << 5
_NEGATIVE: Final = 256 << 5
_MOST_BUCKETS: Final = (
    _LARGEST - _SMALLEST + 2
)  # one more for what reads as 0, one for what is above the largest


def buckets_of(values: Sequence[float]) -> "array[int]":
    """Return the bucket of each of *values*; those out of range have buckets of their own. Must not raise."""
    lanes = int.from_bytes(array("f", values).tobytes(), sys.byteorder)  # all in one number, 32 bits each
    lanes = (lanes >> _DROPPED_BITS) & int.from_bytes(_LANE * len(values), sys.byteorder)
    return array("I", lanes.to_bytes(4 * len(values), sys.byteorder))


def quantiles(counts: Mapping[int, int], shares: Sequence[float]) -> tuple[float | None, ...]:
    """Return, for each of *shares* in [0, 1], the value that such a share of all does not exceed; None without values.

    Args:
        counts: How many values fell into each bucket, those out of range moved inside.
        shares: What to ask for.
    """
    buckets = sorted(counts)
    up_to = list(accumulate(map(counts.__getitem__, buckets)))
    if not up_to or not up_to[-1]:
        return (None,) * len(shares)
    count = up_to[-1]
    return tuple(
        [_value_of(buckets[bisect_left(up_to, min(max(ceil(q * count), 1), count))]) for q in shares]
    )


class Sketch:
    """Counts values by bucket, in at most 1,602 buckets. Not thread-safe."""

    __slots__ = ("_buckets",)

    def __init__(self) -> None:
        self._buckets: Counter[int] = Counter()

    def add(self, buckets: Iterable[int]) -> None:
        """Count values by what `buckets_of` returned. Must not raise."""
        self._buckets.update(buckets)
        if len(self._buckets) > _MOST_BUCKETS:
            self._move_inside()

    def read(self) -> dict[int, int]:
        """Return how many values fell into each bucket, those out of range in the first and the last one."""
        if self._buckets and not _SMALLEST <= min(self._buckets) <= max(self._buckets) <= _LARGEST:
            self._move_inside()
        return dict(self._buckets)

    def _move_inside(self) -> None:
        for bucket in [at for at in self._buckets if not _SMALLEST <= at <= _LARGEST]:
            count = self._buckets.pop(bucket)
            if (bucket & ~_NEGATIVE) <= _INFINITE:  # else it is no number
                self._buckets[_LARGEST if _LARGEST < bucket <= _INFINITE else 0] += count


class SlicedSketch:
    """Sketches of the last slices of time, the running one included. Not thread-safe.

    Slices are `floor(monotonic / slice_s)`, the same in every process of a host. Time that goes backwards counts as no
    time passed.

    Args:
        slice_s: The length of one, seconds.
        slices: How many are kept.
    """

    __slots__ = ("_closed", "_newest", "_running", "_slice_s", "_slices")

    def __init__(self, slice_s: float, slices: int) -> None:
        self._slice_s = slice_s
        self._slices = slices
        self._newest: int | None = None
        self._closed: dict[int, dict[int, int]] = {}
        self._running = Sketch()

    def add(self, buckets: Iterable[int], now_s: float) -> None:
        """Count values in the slice of *now_s* (seconds, monotonic). Must not raise."""
        self._advance(now_s)
        self._running.add(buckets)

    def read(self, now_s: float) -> dict[int, dict[int, int]]:
        """Return the buckets of each slice up to *now_s* that has any."""
        newest = self._advance(now_s)
        running = self._running.read()
        return {**self._closed, newest: running} if running else self._closed.copy()

    def _advance(self, now_s: float) -> int:
        at = int(now_s // self._slice_s)
        newest = self._newest
        if newest is None:
            self._newest = newest = at
        elif at > newest:
            running = self._running.read()
            closed = {**self._closed, newest: running} if running else self._closed
            self._closed = {old: buckets for old, buckets in closed.items() if old > at - self._slices}
            self._running = Sketch()
            self._newest = newest = at
        return newest


def _value_of(bucket: int) -> float:
    if bucket < _SMALLEST:
        return 0.0
    if bucket >= _LARGEST:
        return 2.0**30
    low, high = unpack("<2f", pack("<2I", *(at << _DROPPED_BITS for at in (bucket, bucket + 1))))
    return float(2 * low * high / (low + high))  # as far from both edges, relatively
