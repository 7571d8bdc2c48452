"""Quantiles of durations in bounded memory, within two percent, and the same over the last hour.

A bucket is the leading bits of a number in IEEE 754 single precision: its power of two and which 32nd of it. So a batch
of values finds its buckets in a few C calls, with no logarithm.
"""

import sys
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import accumulate
from math import ceil
from struct import pack, unpack
from typing import Final

__all__ = ["HourSketch", "QuantileSketch", "quantiles"]

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

_SLICE_S: Final = 600.0
_SLICES: Final = 6


class QuantileSketch:
    """Counts values by bucket, in at most 1,602 buckets.

    Quantiles are within 2 % of the true ones for values from 2**-20 to 2**30. Smaller and negative values read as 0.0,
    larger ones as 2**30, and what is not a number is left out. Not thread-safe.
    """

    __slots__ = ("_buckets",)

    def __init__(self) -> None:
        self._buckets: Counter[int] = Counter()

    @property
    def count(self) -> int:
        """How many values were added."""
        self._settle()
        return self._buckets.total()

    def add_all(self, values: Sequence[float]) -> None:
        """Add each of *values*. Must not raise."""
        lanes = int.from_bytes(array("f", values).tobytes(), sys.byteorder)  # all in one number, 32 bits each
        lanes = (lanes >> _DROPPED_BITS) & int.from_bytes(_LANE * len(values), sys.byteorder)
        self._buckets.update(array("I", lanes.to_bytes(4 * len(values), sys.byteorder)))
        if len(self._buckets) > _MOST_BUCKETS:
            self._settle()

    def merge(self, other: "QuantileSketch") -> None:
        """Add what *other* counted: the same as if its values had been added here."""
        self._buckets.update(other._buckets)

    def minus(self, part: "QuantileSketch") -> "QuantileSketch":
        """Return what was added beyond *part*, which was merged into this one before."""
        rest = QuantileSketch()
        self._settle()
        part._settle()
        rest._buckets = self._buckets - part._buckets
        return rest

    def quantile(self, q: float) -> float | None:
        """Return the value that a share *q* in [0, 1] of all values does not exceed; None without values."""
        return self.quantiles((q,))[0]

    def quantiles(self, shares: Sequence[float]) -> tuple[float | None, ...]:
        """Return `quantile` for each of *shares*, all for the price of one."""
        if self._buckets and max(self._buckets) > _INFINITE:
            self._settle()
        return quantiles(self._buckets, shares)

    def _settle(self) -> None:
        """Move what is out of range to the first and the last bucket, and forget what is no number."""
        for bucket in [at for at in self._buckets if not _SMALLEST <= at <= _LARGEST]:
            count = self._buckets.pop(bucket)
            if (bucket & ~_NEGATIVE) <= _INFINITE:
                self._buckets[_LARGEST if _LARGEST < bucket <= _INFINITE else 0] += count


def quantiles(counts: Mapping[int, int], shares: Sequence[float]) -> tuple[float | None, ...]:
    """Return, for each of *shares* in [0, 1], the value that such a share of all does not exceed; None without values.

    Args:
        counts: How many values fell into each bucket.
        shares: What to ask for.
    """
    buckets = sorted(counts)
    up_to = list(accumulate(map(counts.__getitem__, buckets)))
    if not up_to or not up_to[-1]:
        return (None,) * len(shares)
    count = up_to[-1]
    return tuple(_value_of(buckets[bisect_left(up_to, min(max(ceil(q * count), 1), count))]) for q in shares)


def _value_of(bucket: int) -> float:
    if bucket < _SMALLEST:
        return 0.0
    low, high = unpack("<2f", pack("<2I", *(at << _DROPPED_BITS for at in (bucket, bucket + 1))))
    if bucket >= _LARGEST:
        return 2.0**30
    return float(2 * low * high / (low + high))  # as far from both edges, relatively


class HourSketch:
    """A sketch of the last hour: six slices of ten minutes, the running one included.

    A value counts for at most an hour and at least fifty minutes. Slices are `floor(monotonic / 600)`; the work of
    giving one up is done once a slice, adding and reading touch one sketch. Not thread-safe.
    """

    def __init__(self) -> None:
        self._newest: int | None = None
        self._closed: dict[int, QuantileSketch] = {}
        self._all_closed = QuantileSketch()
        self._hour = QuantileSketch()

    def add_all(self, values: Sequence[float], now_s: float) -> None:
        """Add each of *values* to the slice of *now_s* (seconds, monotonic). Must not raise."""
        self._advance(now_s)
        self._hour.add_all(values)

    def quantiles(self, shares: Sequence[float], now_s: float) -> tuple[float | None, ...]:
        """Return the value for each of *shares* in [0, 1] over the hour before *now_s*; None without values."""
        self._advance(now_s)
        return self._hour.quantiles(shares)

    def _advance(self, now_s: float) -> None:
        newest = self._newest
        now = int(now_s // _SLICE_S)
        if newest is not None and now > newest:
            self._closed[newest] = self._hour.minus(self._all_closed)
            self._closed = {at: sketch for at, sketch in self._closed.items() if at > now - _SLICES}
            self._all_closed = QuantileSketch()
            self._hour = QuantileSketch()
            for sketch in self._closed.values():
                self._all_closed.merge(sketch)
            self._hour.merge(self._all_closed)
        if newest is None or now > newest:
            self._newest = now
