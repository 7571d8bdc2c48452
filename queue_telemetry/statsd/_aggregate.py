"""Folds batches until the flush: counters summed, last gauges kept, durations one by one up to a limit."""

from dataclasses import dataclass, field

from queue_telemetry._runtime import DropReason
from queue_telemetry.metrics import Batch, Owner, Series
from queue_telemetry.statsd._reservoir import Reservoir

__all__ = ["Aggregate", "Folded", "Window"]

_LARGEST = 1e300  # far under what a double holds, so that sums stay finite


@dataclass(slots=True)
class Folded:
    """One value and the calls that it stands for."""

    value: int | float
    weight: int


@dataclass(slots=True)
class Window:
    """What was folded between two flushes.

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


class Aggregate:
    """The window that is being filled. Not thread-safe: its owner holds a lock around each call.

    Args:
        max_samples: Durations kept for a series and window; past it a uniform sample.
        sends_owned_gauges: False when the process has no slot: its gauges would overwrite its siblings'.
    """

    def __init__(self, *, max_samples: int, sends_owned_gauges: bool) -> None:
        self._max_samples = max_samples
        self._unsendable = () if sends_owned_gauges else (Owner.PROCESS, Owner.USER)
        self._window = Window()

    @property
    def weight(self) -> int:
        """Calls in the window."""
        return self._window.weight

    def fold(self, batch: Batch) -> dict[DropReason, int]:
        """Take a batch in; return the weight in it that cannot be sent, by reason (without `batch.dropped`)."""
        lost = dict.fromkeys((DropReason.INVALID, DropReason.WITHHELD), 0)
        for series, amount, weight in batch.counters:
            if _is_sendable(amount):
                self._count(series, amount, weight)
            else:
                lost[DropReason.INVALID] += weight
        for series, durations_s in batch.timings:
            lost[DropReason.INVALID] += self._time(series, durations_s)
        for series, value, weight in batch.gauges:
            if value is None or series.metric.owner in self._unsendable:
                lost[DropReason.WITHHELD] += weight + self._remove(series)
            elif _is_sendable(value):
                self._set(series, value, weight)
            else:
                lost[DropReason.INVALID] += weight
        return lost

    def take(self) -> Window:
        """Hand the window over and begin another; gauges keep their values."""
        window = self._window
        gauges = {series: Folded(gauge.value, 0) for series, gauge in window.gauges.items()}
        self._window = Window(gauges=gauges)
        return window

    def zero_process_gauges(self) -> None:
        """Set the gauges that say what this process does to 0, for its last flush."""
        for series, gauge in self._window.gauges.items():
            if series.metric.owner is Owner.PROCESS:
                gauge.value = 0

    def _count(self, series: Series, amount: float, weight: int) -> None:
        counter = self._window.counters.get(series)
        if counter is None:
            self._window.counters[series] = Folded(amount, weight)
        else:
            counter.value += amount
            counter.weight += weight
        self._window.weight += weight

    def _time(self, series: Series, durations_s: list[float]) -> int:
        timing = self._window.timings.get(series)
        if timing is None:
            timing = self._window.timings[series] = Reservoir(self._max_samples)
        refused = timing.extend(durations_s)
        self._window.weight += len(durations_s) - refused
        return refused

    def _set(self, series: Series, value: float, weight: int) -> None:
        gauge = self._window.gauges.get(series)
        if gauge is None:
            self._window.gauges[series] = Folded(value, weight)
        else:
            gauge.value = value
            gauge.weight += weight
        self._window.weight += weight

    def _remove(self, series: Series) -> int:
        gauge = self._window.gauges.pop(series, None)
        if gauge is None:
            return 0
        self._window.weight -= gauge.weight
        return gauge.weight


def _is_sendable(value: float) -> bool:
    """Tell whether a value is finite and small enough to be summed; a comparison takes any int and no NaN."""
    return -_LARGEST < value < _LARGEST
