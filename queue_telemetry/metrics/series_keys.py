"""What each series is told as: a key without static tags, bounded in number whatever the cells do."""

from typing import Final

from queue_telemetry.metrics.batch import Series
from queue_telemetry.metrics.catalog import Metric
from queue_telemetry.metrics.tallies import SeriesKey

__all__ = ["SeriesKeys"]

_MAX_NAMES: Final = 1_000
_MAX_OF_METRIC: Final = 1_000
_MAX_IN_ALL: Final = 10_000  # a process tells them all each second: 10 ms, half a megabyte
_OTHER: Final = "__other__"


class SeriesKeys:
    """Gives each series its key. Not thread-safe.

    Series of one metric beyond 1,000, and all beyond 10,000, share the key with `__other__` for each tag; metrics beyond
    1,000 share one name.
    """

    def __init__(self) -> None:
        self._keys: dict[Series, SeriesKey] = {}
        self._known: dict[str, set[SeriesKey]] = {}
        self._number = 0

    def of(self, series: Series) -> SeriesKey:
        """Return the key of *series*."""
        key = self._keys.get(series)
        if key is None:
            key = self._bounded(series.metric, series.values)
            if len(self._keys) < _MAX_IN_ALL:
                self._keys[series] = key
        return key

    def _bounded(self, metric: Metric, values: tuple[str, ...]) -> SeriesKey:
        known = self._known.get(metric.name)
        if known is None:
            if len(self._known) >= _MAX_NAMES:
                return SeriesKey(_OTHER, (), ())
            known = self._known[metric.name] = set()
        key = SeriesKey(metric.name, metric.tags, values)
        if key not in known:
            if len(known) >= _MAX_OF_METRIC or self._number >= _MAX_IN_ALL:
                return SeriesKey(metric.name, metric.tags, (_OTHER,) * len(metric.tags))
            known.add(key)
            self._number += 1
        return key
