"""Histograms of durations since the start in fixed buckets, as Prometheus reads them."""

from bisect import bisect_left
from collections.abc import Sequence
from functools import partial
from typing import Final

from queue_telemetry.metrics.tallies import EDGES_S, Histogram

__all__ = ["HistogramTally"]

_bucket_of: Final = partial(bisect_left, EDGES_S)


class HistogramTally:
    """One histogram that grows. Not thread-safe."""

    __slots__ = ("_counts", "_read", "_sum_s")

    def __init__(self) -> None:
        self._counts = [0] * (len(EDGES_S) + 1)
        self._sum_s = 0.0
        self._read: Histogram | None = None

    def add(self, values: Sequence[float]) -> None:
        """Count each of *values*, seconds."""
        counts = self._counts
        for bucket in map(_bucket_of, values):
            counts[bucket] += 1
        self._sum_s += sum(values)
        self._read = None

    def read(self) -> Histogram:
        """Return what was counted; the same value until more is."""
        read = self._read
        if read is None:
            read = self._read = Histogram(tuple(self._counts), self._sum_s)
        return read
