"""Folds batches until the flush: counters summed, last gauges kept, durations one by one up to a limit."""

from dataclasses import dataclass, field

from queue_telemetry._runtime import DropReason
from queue_telemetry.metrics import Batch, Owner, Series
from queue_telemetry.statsd._reservoir import Reservoir

__all__ = ["Aggregation", "Folded", "Window"]

_LARGEST = 1e300  # far under what a double holds, so that sums stay finite


Folded = tuple[int | float, int]
"""One value and the calls that it stands for. A plain tuple: a window's thousands are made anew at each fold."""


@dataclass(slots=True)
class Window:
    """What was folded between two flushes. Never changed once it is handed on.

    Attributes:
        counters: Sums; ints as long as only ints were added.
        gauges: Every gauge that has a value, also when nobody set it in this window (weight 0).
        timings: Durations.
        weight: Calls in all of it.
    """

    counters: dict[Series, Folded] = field(default_factory=dict)
    gauges: dict[Series, Folded] = field(default_factory=dict)
    timings: dict[Series, Reservoir] = field(default_factory=dict)
    weight: int = 0

    def next(self) -> "Window":
        """Return the window that begins when this one ends; gauges keep their values."""
        return Window(gauges={series: (value, 0) for series, (value, _) in self.gauges.items()})

    def with_process_gauges_at_zero(self) -> "Window":
        """Return this window with the gauges that say what this process does at 0, for its last flush."""
        gauges = {
            series: (0, weight) if series.metric.owner is Owner.PROCESS else (value, weight)
            for series, (value, weight) in self.gauges.items()
        }
        return Window(self.counters, gauges, self.timings, self.weight)


class Aggregation:
    """How batches are folded into windows. Has no state: a fold makes a new window and leaves the old one as it was.

    Args:
        max_samples: Durations kept for a series and window; past it a uniform sample.
        sends_owned_gauges: False when the process has no slot: its gauges would overwrite its siblings'.
    """

    def __init__(self, *, max_samples: int, sends_owned_gauges: bool) -> None:
        self._max_samples = max_samples
        self._unsendable = () if sends_owned_gauges else (Owner.PROCESS, Owner.USER)

    def fold(self, window: Window, batch: Batch) -> tuple[Window, dict[DropReason, int]]:
        """Return the window with a batch in it, and the weight that cannot be sent, by reason (without `batch.dropped`)."""
        folded = Window(dict(window.counters), dict(window.gauges), dict(window.timings), window.weight)
        lost = dict.fromkeys((DropReason.INVALID, DropReason.WITHHELD), 0)
        for series, amount, weight in batch.counters:
            if _is_sendable(amount):
                _count(folded, series, amount, weight)
            else:
                lost[DropReason.INVALID] += weight
        for series, durations_s in batch.timings:
            lost[DropReason.INVALID] += self._time(folded, series, durations_s)
        for series, value, weight in batch.gauges:
            if value is None or series.metric.owner in self._unsendable:
                lost[DropReason.WITHHELD] += weight + _remove(folded, series)
            elif _is_sendable(value):
                _set(folded, series, value, weight)
            else:
                lost[DropReason.INVALID] += weight
        return folded, lost

    def _time(self, window: Window, series: Series, durations_s: list[float]) -> int:
        before = window.timings.get(series)
        timing = window.timings[series] = Reservoir(self._max_samples) if before is None else before.copy()
        refused = timing.extend(durations_s)
        window.weight += len(durations_s) - refused
        return refused


def _count(window: Window, series: Series, amount: float, weight: int) -> None:
    sum_, weight_before = window.counters.get(series, _NOTHING)
    window.counters[series] = sum_ + amount, weight_before + weight
    window.weight += weight


def _set(window: Window, series: Series, value: float, weight: int) -> None:
    _, weight_before = window.gauges.get(series, _NOTHING)
    window.gauges[series] = value, weight_before + weight
    window.weight += weight


def _remove(window: Window, series: Series) -> int:
    _, weight = window.gauges.pop(series, _NOTHING)
    window.weight -= weight
    return weight


def _is_sendable(value: float) -> bool:
    """Tell whether a value is finite and small enough to be summed; a comparison takes any int and no NaN."""
    return -_LARGEST < value < _LARGEST


_NOTHING: Folded = (0, 0)
