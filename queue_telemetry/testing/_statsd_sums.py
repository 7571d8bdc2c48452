"""Adds up StatsD lines as a server does, kept apart by name and tags. Pure: no clock, no socket."""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import TypeVar

from queue_telemetry.testing._statsd_grammar import StatsdLine

__all__ = ["StatsdSums"]

_Key = tuple[str, frozenset[tuple[str, str]]]
_V = TypeVar("_V")


class StatsdSums:
    """What a StatsD server would know after the lines it took. Keeps every timing: for tests, not for days."""

    def __init__(self) -> None:
        self._counters: dict[_Key, int | Fraction] = {}
        self._gauges: dict[_Key, int | Fraction] = {}
        self._timings: dict[_Key, list[float]] = {}
        self._timing_counts: dict[_Key, int] = {}

    def add(self, line: StatsdLine) -> None:
        """Take one line in. A timing counts `int(1 / rate)` times, as at the Datadog Agent and statsd_exporter."""
        key = (line.name, frozenset(line.tags.items()))
        if line.type == "c":
            amount = line.values[0] if line.rate == 1 else line.values[0] / line.rate
            self._counters[key] = self._counters.get(key, 0) + amount
        elif line.type == "g":
            self._gauges[key] = line.values[0]
        else:
            self._timings.setdefault(key, []).extend(float(value) for value in line.values)
            weight = int(1 / float(line.rate)) * len(line.values)
            self._timing_counts[key] = self._timing_counts.get(key, 0) + weight

    def names(self) -> list[str]:
        """Return every name that a line came for, sorted."""
        return sorted({name for name, _ in (*self._counters, *self._gauges, *self._timings)})

    def counter(self, name: str, tags: Mapping[str, str]) -> int | float:
        """Return the exact sum over the series that have *tags*; 0 when there is none."""
        return _plain(sum(_matching(self._counters, name, tags), Fraction(0)))

    def gauge(self, name: str, tags: Mapping[str, str]) -> int | float | None:
        """Return the sum of the last values of the series that have *tags*; None when there is none."""
        values = list(_matching(self._gauges, name, tags))
        return _plain(sum(values, Fraction(0))) if values else None

    def timings(self, name: str, tags: Mapping[str, str]) -> list[float]:
        """Return the values as they came, series after series."""
        return [value for values in _matching(self._timings, name, tags) for value in values]

    def timing_count(self, name: str, tags: Mapping[str, str]) -> int:
        """Return how many timings the values that came stand for."""
        return sum(_matching(self._timing_counts, name, tags))


def _matching(series: Mapping[_Key, _V], name: str, tags: Mapping[str, str]) -> Iterator[_V]:
    wanted = tags.items()
    return (
        value for (its_name, its_tags), value in series.items() if its_name == name and wanted <= its_tags
    )


def _plain(number: int | Fraction) -> int | float:
    return number.numerator if number.denominator == 1 else float(number)
