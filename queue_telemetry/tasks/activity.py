"""Which task types did something since the last drain or have runs in flight, told in one C call for all the others."""

from collections.abc import Iterable, Mapping
from operator import length_hint
from typing import Any, NamedTuple

from queue_telemetry.tasks.series import TaskSeries

__all__ = ["Activity"]


class Activity:
    """The series of one tracker. One drain at a time; anybody may look meanwhile.

    What began nothing since it was drained, and had nothing in flight then, has nothing to tell.

    Args:
        series: The tracker's own; it may grow at any time, and never shrinks.
    """

    def __init__(self, series: Mapping[Any, TaskSeries]) -> None:
        self._series = series
        self._seen = _Seen(
            (), (), None, frozenset()
        )  # one value, so that who looks meanwhile sees no half of it

    def look(self) -> tuple[Iterable[TaskSeries], list[int]]:
        """Return the series that may have something to tell, and what `drained` wants to know."""
        seen = self._seen
        if len(seen.watched) != len(self._series):
            watched = tuple(self._series.values())
            left = tuple([series.started.marks.left for series in watched])
            self._seen = seen = _Seen(watched, left, None, frozenset())
        begun = list(map(length_hint, seen.left))
        if seen.drained is None:
            return seen.watched, begun
        if begun == seen.drained:
            return seen.busy, begun
        return [
            series
            for series, now, then in zip(seen.watched, begun, seen.drained, strict=True)
            if now != then or series in seen.busy
        ], begun

    def drained(self, begun: list[int], busy: Iterable[TaskSeries]) -> None:
        """Remember that what a look told is drained now.

        Args:
            begun: What that look returned.
            busy: Those of its series whose runs are not all over.
        """
        seen = self._seen
        if len(begun) == len(seen.watched):  # else there are new ones, and the next look tells all
            self._seen = seen._replace(drained=begun, busy=frozenset(busy))

    def forget(self) -> None:
        """Have the next look tell all."""
        self._seen = _Seen((), (), None, frozenset())


class _Seen(NamedTuple):
    watched: tuple[TaskSeries, ...]
    left: tuple[object, ...]
    drained: list[int] | None
    busy: frozenset[TaskSeries]
