"""Folds batches until the flush: counters summed, last gauges kept, durations one by one up to a limit."""

from dataclasses import dataclass, field, replace

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
        gauges: The value of every gauge that has one, also when nobody set it in this window.
        set_gauges: The calls that set a gauge in this window; 0 for one whose value changed without any.
        timings: Durations.
        weight: Calls in all of it.
    """

    counters: dict[Series, Folded] = field(default_factory=dict)
    gauges: dict[Series, int | float] = field(default_factory=dict)
    set_gauges: dict[Series, int] = field(default_factory=dict)
    timings: dict[Series, Reservoir] = field(default_factory=dict)
    weight: int = 0

    @property
    def has_news(self) -> bool:
        """Whether anything happened in it."""
        return bool(self.counters or self.timings or self.set_gauges)

    def next(self) -> "Window":
        """Return the window that begins when this one ends; gauges keep their values."""
        return Window(gauges=self.gauges)

    def with_process_gauges_at_zero(self) -> "Window":
        """Return this window with the gauges that say what this process does at 0, for its last flush."""
        gauges = {
            series: 0 if series.metric.owner is Owner.PROCESS else value
            for series, value in self.gauges.items()
        }
        return replace(self, gauges=gauges)


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
        folded = Window(
            window.counters.copy(),
            window.gauges.copy() if batch.gauges else window.gauges,
            window.set_gauges.copy(),
            window.timings.copy(),
            window.weight,
        )
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
    if weight or window.gauges.get(series) != value:
        window.gauges[series] = value
        window.set_gauges[series] = window.set_gauges.get(series, 0) + weight
        window.weight += weight


def _remove(window: Window, series: Series) -> int:
    window.gauges.pop(series, None)
    weight = window.set_gauges.pop(series, 0)
    window.weight -= weight
    return weight


def _is_sendable(value: float) -> bool:
    """Tell whether a value is finite and small enough to be summed; a comparison takes any int and no NaN."""
    return -_LARGEST < value < _LARGEST


_NOTHING: Folded = (0, 0)
