"""A window into the client's pipeline, piece by piece, so that a flush can stop in between and go on later."""

from collections.abc import Iterator

from queue_telemetry._runtime import DeliveryLedger, DropReason, say
from queue_telemetry.metrics import Series
from queue_telemetry.statsd._aggregate import Folded, Window
from queue_telemetry.statsd._naming import SeriesNames
from queue_telemetry.statsd._numbers import decimal_text
from queue_telemetry.statsd._pipeline import Pipeline
from queue_telemetry.statsd._reservoir import Reservoir
from queue_telemetry.statsd._self_metrics import SelfMetrics

__all__ = ["Rendering"]

_VALUES_A_PIECE = 1024  # a few dozen datagrams: what is written before the socket has its turn


class Rendering:
    """Writes windows into a pipeline. Not thread-safe: its one user is the flush.

    Args:
        pipeline: Where the lines go.
        names: How each series is called.
        timer_type: The line type of timings.
        ledger: Hears of what cannot be written.
        self_metrics: What is sent behind each window.

    Attributes:
        weight: Calls that are not written yet.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        names: SeriesNames,
        *,
        timer_type: str,
        ledger: DeliveryLedger,
        self_metrics: SelfMetrics,
    ) -> None:
        self._pipeline = pipeline
        self._names = names
        self._timer_type = timer_type
        self._ledger = ledger
        self._self_metrics = self_metrics
        self._pieces: Iterator[None] = iter(())
        self.weight = 0

    def begin(self, window: Window) -> None:
        """Take a window, once the one before is written."""
        self.weight = window.weight
        self._pieces = self._write(window)

    def begin_self_metrics(self) -> None:
        """Take what the ledgers moved since the last window."""
        self._pieces = self._write_self_metrics()

    def advance(self) -> bool:
        """Write the next piece; False when nothing is left, and then the last datagram is sealed."""
        for _ in self._pieces:
            return True
        self._pipeline.seal()
        return False

    def abandon(self) -> int:
        """Forget what is not written; return its weight."""
        weight, self.weight = self.weight, 0
        self._pieces = iter(())
        return weight

    def _write(self, window: Window) -> Iterator[None]:
        for series, gauge in window.gauges.items():
            self._write_gauge(series, gauge)
            yield
        for series, counter in window.counters.items():
            self._write_counter(series, counter)
            yield
        for series, timing in window.timings.items():
            yield from self._write_timing(series, timing)
        yield from self._write_self_metrics()

    def _write_gauge(self, series: Series, gauge: Folded) -> None:
        rendered, number = self._names[series], decimal_text(gauge.value)
        if rendered is None or number is None:
            self._lose(gauge.weight, gauge.weight, DropReason.INVALID)
        else:
            fits = self._pipeline.put_gauge(rendered, number, gauge.weight)
            self._lose(gauge.weight, 0 if fits else gauge.weight, DropReason.OVERSIZE)

    def _write_counter(self, series: Series, counter: Folded) -> None:
        rendered, number = self._names[series], decimal_text(counter.value)
        if rendered is None or number is None:
            self._lose(counter.weight, counter.weight, DropReason.INVALID)
        else:
            fits = self._pipeline.put(rendered, f"{number}|c", counter.weight)
            self._lose(counter.weight, 0 if fits else counter.weight, DropReason.OVERSIZE)

    def _write_timing(self, series: Series, timing: Reservoir) -> Iterator[None]:
        rendered = self._names[series]
        if rendered is None:
            self._lose(timing.seen, timing.seen, DropReason.INVALID)
            return
        for calls, durations_s in timing.weighted():
            for start in range(0, len(durations_s), _VALUES_A_PIECE):
                piece = durations_s[start : start + _VALUES_A_PIECE]
                lost = self._pipeline.put_timings(rendered, piece, self._timer_type, calls)
                self._lose(calls * len(piece), lost, DropReason.OVERSIZE)
                yield

    def _write_self_metrics(self) -> Iterator[None]:
        for series, grown in self._self_metrics.changes():
            rendered = self._names[series]
            if rendered is not None:
                self._pipeline.put(rendered, f"{grown}|c", 0)
            yield

    def _lose(self, written: int, lost: int, reason: DropReason) -> None:
        """Account for a piece: *written* calls have left the window, *lost* of them for good."""
        self.weight -= written
        if lost:
            self._ledger.drop(lost, reason)
            say(f"statsd_{reason}", "Measurements are not sent: %s", reason)
