"""Which of many cells have something new, told in a few C calls for all of them together."""

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import compress, repeat
from operator import length_hint

from queue_telemetry.metrics.instruments import Cell, Counter
from queue_telemetry.metrics.timer import Timer

__all__ = ["FreshCells"]


class FreshCells:
    """The cells of one registry, as they were when they were last watched. One look at a time.

    A cell that nobody used since costs some 60 ns, where its own `drain` would cost 250. What a look leaves out has
    nothing to drain; what it tells may have nothing either. Gauges are always told: they are sent again each time.
    """

    def __init__(self) -> None:
        self.number = 0
        self._counters: list[Counter] = []
        self._left: list[repeat[None]] = []
        self._amounts: list[deque[int | float]] = []
        self._timers: list[Timer] = []
        self._samples: list[deque[float]] = []
        self._others: list[Cell] = []
        self._drained: list[int] | None = None

    def watch(self, cells: Iterable[Cell]) -> None:
        """Watch these cells from now on, and have the next look tell them all."""
        every = list(cells)
        self._drained = None
        self._counters = [cell for cell in every if isinstance(cell, Counter)]
        self._left = [cell.marks.left for cell in self._counters]
        self._amounts = [cell._amounts for cell in self._counters]
        self._timers = [cell for cell in every if isinstance(cell, Timer)]
        self._samples = [cell._samples for cell in self._timers]
        self._others = [cell for cell in every if not isinstance(cell, Counter | Timer)]
        self.number = len(every)

    def look(self) -> Iterator[Cell]:
        """Yield each cell that may have something new; to the end, or the next look tells all of these again."""
        marks, drained = list(map(length_hint, self._left)), self._drained
        if drained is None:
            yield from self._counters
        elif marks != drained:
            yield from (
                cell for cell, now, then in zip(self._counters, marks, drained, strict=True) if now != then
            )
        yield from compress(self._counters, self._amounts)
        yield from compress(self._timers, self._samples)
        yield from self._others
        self._drained = marks
